//! The calls that other nodes make here: `erpc:execute_call/4` and `erpc:execute_cast/3`.

use crate::atom;
use crate::node::{Caller, Class, MAX_ARGUMENTS, Node, Raise};
use crate::term::Term;
use crate::term::etf::Encoded;

/// Exports what other nodes call: `erpc:execute_call/4` and `erpc:execute_cast/3`.
pub(crate) fn export(node: &Node) {
    node.export_passing_on("erpc", "execute_call", 4, async |caller, arguments| {
        Err(execute_call(caller, arguments).await)
    });
    node.export_passing_on("erpc", "execute_cast", 3, async |caller, arguments| {
        let [module, function, arguments] = &arguments[..] else { return Err(Raise::error(atom!("badarg"))) };
        execute_cast(caller, module, function, arguments).await
    });
}

/// Runs the call and gives how its process is to end.
async fn execute_call(caller: Caller, arguments: Vec<Encoded>) -> Raise {
    let [result, module, function, arguments] = &arguments[..] else {
        return Raise::error(atom!("badarg"));
    };
    // Whatever it is, it goes back as it came.
    let result = match result.to_term() {
        Ok(result) => result,
        Err(error) => return error.into(),
    };
    let node = caller.node().clone();
    let outcome = node.try_apply(caller, module, function, arguments).await;
    let outcome = outcome.and_then(|value| Ok(value.to_term()?));
    let class = |name| Term::Atom(name);
    Raise::exit(Term::tuple(match outcome {
        Err(raise) if is_argument_error(&raise, arguments) => {
            let reason = Term::tuple([Term::Atom(atom!("erpc")), raise.reason]);
            vec![result, class(atom!("error")), reason]
        }
        Ok(value) => vec![result, class(atom!("return")), value],
        Err(Raise { class: Class::Throw, reason, .. }) => vec![result, class(atom!("throw")), reason],
        Err(Raise { class: Class::Exit, reason, .. }) => vec![result, class(atom!("exit")), reason],
        Err(Raise { class: Class::Error, reason, stack }) => {
            vec![result, class(atom!("error")), reason, stack]
        }
    }))
}

/// Whether the function could not be called at all, as there are more arguments than one can have.
pub(crate) fn is_argument_error(raise: &Raise, arguments: &Encoded) -> bool {
    raise.class == Class::Error
        && raise.reason.is_atom("system_limit")
        && arguments.list_elements().is_ok_and(|arguments| arguments.len() > MAX_ARGUMENTS)
}

/// Runs what nobody waits for. An error is told to the log as what a call would have raised.
pub(crate) async fn execute_cast(
    caller: Caller,
    module: &Encoded,
    function: &Encoded,
    arguments: &Encoded,
) -> Result<Encoded, Raise> {
    let node = caller.node().clone();
    let result = node.try_apply(caller, module, function, arguments).await;
    result.map_err(|raise| match raise.class {
        Class::Error if is_argument_error(&raise, arguments) => {
            let reason = Term::tuple([Term::Atom(atom!("erpc")), raise.reason]);
            Raise::error(reason).within(&atom!("erpc"), &atom!("execute_cast"), 3)
        }
        Class::Error => {
            let caught = Term::tuple([raise.reason, raise.stack]);
            let reason = Term::tuple([Term::Atom(atom!("exception")), caught]);
            Raise::error(reason).within(&atom!("erpc"), &atom!("execute_cast"), 3)
        }
        Class::Exit | Class::Throw => raise,
    })
}
