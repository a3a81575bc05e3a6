//! Applying exported functions to what other nodes send, with the errors that Erlang's `apply` raises.
//!
//! | applied                                               | raises                   | at                                        |
//! | ----------------------------------------------------- | ------------------------ | ----------------------------------------- |
//! | a function that is not exported                       | `undef`                  | `{Module, Function, Args, []}`            |
//! | what is no atom as module or function, no list as arguments | `badarg`           | `{erlang, apply, [Module, Function, Args], _}` |
//! | `fun Module:Function/N` to another number of arguments | `{badarity, {Fun, Args}}` | `{erlang, apply, 2, []}`                 |
//! | any other fun, for only a BEAM can run its code       | `{badfun, Fun}`          | `{erlang, apply, 2, []}`                  |
//! | what is no fun                                        | `{badfun, Term}`         | `{erlang, apply, 2, []}`                  |

use super::exports::{Caller, Raise};
use super::{Node, exports};
use crate::atom;
use crate::term::etf::Encoded;
use crate::term::{Atom, ExternalFun, Fun, Map, Term};

/// How many functions that call functions may be stacked, as `erlang:apply/3` of itself: those who want more of that
/// want the stack to overflow.
const MAX_NESTED_CALLS: u32 = 64;

impl Node {
    /// Calls the exported function, in the process of `caller`.
    pub(crate) async fn apply(
        &self,
        mut caller: Caller,
        module: &Atom,
        function: &Atom,
        arguments: Vec<Encoded>,
    ) -> Result<Encoded, Raise> {
        caller.nested_calls += 1;
        if caller.nested_calls > MAX_NESTED_CALLS {
            return Err(Raise::error(atom!("system_limit")));
        }
        match self.exports().get(module.as_str(), function.as_str(), arguments.len()) {
            Some(function) => function(caller, arguments).await,
            None => Err(Raise::undef(module, function, exports::arguments_term(&arguments))),
        }
    }

    /// Calls the exported function with the elements of a list.
    pub(crate) async fn apply_list(
        &self,
        caller: Caller,
        module: &Atom,
        function: &Atom,
        arguments: &Encoded,
    ) -> Result<Encoded, Raise> {
        match arguments.list_elements() {
            Ok(arguments) => self.apply(caller, module, function, arguments).await,
            Err(_) => {
                let [module, function] = [module, function].map(|name| Term::Atom(name.clone()));
                Err(bad_apply([module, function, arguments.to_term()?]))
            }
        }
    }

    /// Calls the function that three terms stand for, as `apply/3` does.
    pub(crate) async fn apply_encoded(
        &self,
        caller: Caller,
        module: &Encoded,
        function: &Encoded,
        arguments: &Encoded,
    ) -> Result<Encoded, Raise> {
        match (module.to_term()?, function.to_term()?) {
            (Term::Atom(module), Term::Atom(function)) => {
                self.apply_list(caller, &module, &function, arguments).await
            }
            (module, function) => Err(bad_apply([module, function, arguments.to_term()?])),
        }
    }

    /// Calls a fun, as `apply/2` does.
    pub(crate) async fn apply_fun(
        &self,
        caller: Caller,
        fun: &Encoded,
        arguments: &Encoded,
    ) -> Result<Encoded, Raise> {
        let raise = |name, value| {
            let reason = Term::tuple([Term::Atom(name), value]);
            Err(Raise::error(reason).within(&atom!("erlang"), &atom!("apply"), 2))
        };
        let elements = arguments.list_elements().map_err(|_| {
            let arguments = exports::arguments_term(&[fun.clone(), arguments.clone()]);
            Raise::error(atom!("badarg")).in_bif(&atom!("apply"), arguments)
        })?;
        match fun.to_term()? {
            Term::Fun(Fun::External(external)) => {
                let ExternalFun { module, function, arity } = &*external;
                if elements.len() != usize::from(*arity) {
                    let fun = Term::Fun(Fun::External(external.clone()));
                    let arguments = exports::arguments_term(&elements);
                    return raise(atom!("badarity"), Term::tuple([fun, arguments]));
                }
                self.apply(caller, module, function, elements).await
            }
            other => raise(atom!("badfun"), other),
        }
    }
}

fn bad_apply(arguments: [Term; 3]) -> Raise {
    Raise::error(atom!("badarg")).in_bif(&atom!("apply"), Term::list(arguments))
}

/// Where in a stack an exception came from.
impl Raise {
    /// `error(undef)` for a function that is not exported, with the stack that OTP gives it.
    pub(crate) fn undef(module: &Atom, function: &Atom, arguments: Term) -> Raise {
        Raise::function_error(atom!("undef"), module, function, arguments)
    }

    /// The error of a call that came to no function: its arguments are in the stack.
    pub(crate) fn function_error(reason: Atom, module: &Atom, function: &Atom, arguments: Term) -> Raise {
        let frame = frame(module, function, arguments, Term::NIL);
        Raise { stack: Term::list([frame]), ..Raise::error(reason) }
    }

    /// Raised by this function, unless it is known already where.
    pub(crate) fn within(self, module: &Atom, function: &Atom, arity: u8) -> Raise {
        self.or_at(|| frame(module, function, Term::from(arity), Term::NIL))
    }

    /// Raised by this function of module `erlang`, for its arguments. What is wrong with them the node that shows the
    /// error finds out itself: the frame says so.
    pub(crate) fn in_bif(self, function: &Atom, arguments: Term) -> Raise {
        self.or_at(|| {
            let module = (Term::Atom(atom!("module")), Term::Atom(atom!("erl_erts_errors")));
            let error_info = [Term::Atom(atom!("error_info")), Term::Map(Map::from_iter([module]))];
            let location = Term::list([Term::tuple(error_info)]);
            frame(&atom!("erlang"), function, arguments, location)
        })
    }

    fn or_at(mut self, frame: impl FnOnce() -> Term) -> Raise {
        if self.stack == Term::NIL {
            self.stack = Term::list([frame()]);
        }
        self
    }
}

/// `{Module, Function, ArityOrArguments, Location}`.
fn frame(module: &Atom, function: &Atom, arguments: Term, location: Term) -> Term {
    Term::tuple([Term::Atom(module.clone()), Term::Atom(function.clone()), arguments, location])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Exit;

    /// Calls `erlang:Function(Args...)`, and gives `{Class, Reason, Stack}` of what it raises.
    async fn raised(function: &str, arguments: &str) -> String {
        let node = Node::nonode();
        let arguments = Encoded::from_term(&arguments.parse().unwrap()).unwrap();
        let (sender, raised) = tokio::sync::oneshot::channel();
        let function = Atom::new(function).unwrap();
        node.spawn(async move |process| {
            let node = process.node().clone();
            let caller = Caller::new(process, node.pid().clone());
            let elements = arguments.list_elements().unwrap();
            let _ = sender.send(node.apply(caller, &atom!("erlang"), &function, elements).await);
            Ok::<_, Exit>(())
        });
        match raised.await.unwrap() {
            Ok(value) => value.to_term().unwrap().to_string(),
            Err(raise) => format!("{:?} {} {}", raise.class, raise.reason, raise.stack),
        }
    }

    #[tokio::test]
    async fn what_can_not_be_applied_raises_as_in_erlang() {
        let cases = [
            ("[erlang,node,[]]", "nonode@nohost"),
            ("[m,f,[1,[]]]", "Error undef [{m,f,[1,[]],[]}]"),
            (
                "[1,f,[]]",
                "Error badarg [{erlang,apply,[1,f,[]],[{error_info,#{module => erl_erts_errors}}]}]",
            ),
            ("[m,f,x]", "Error badarg [{erlang,apply,[m,f,x],[{error_info,#{module => erl_erts_errors}}]}]"),
            (
                "[m,f,[1|2]]",
                "Error badarg [{erlang,apply,[m,f,[1|2]],[{error_info,#{module => erl_erts_errors}}]}]",
            ),
            ("[fun erlang:node/0,[]]", "nonode@nohost"),
            ("[fun erlang:node/0,[1]]", "Error {badarity,{fun erlang:node/0,[1]}} [{erlang,apply,2,[]}]"),
            ("[fun m:f/1,[a]]", "Error undef [{m,f,[a],[]}]"),
            ("[{erlang,node},[]]", "Error {badfun,{erlang,node}} [{erlang,apply,2,[]}]"),
            ("[x,[]]", "Error {badfun,x} [{erlang,apply,2,[]}]"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(raised("apply", arguments).await, expected, "{arguments}");
        }
    }

    #[tokio::test]
    async fn calls_that_call_calls_come_to_an_end() {
        let nested = |depth| {
            let mut arguments = "[erlang,node,[]]".to_owned();
            for _ in 0..depth {
                arguments = format!("[erlang,apply,{arguments}]");
            }
            arguments
        };
        assert_eq!(raised("apply", &nested(50)).await, "nonode@nohost");
        assert!(raised("apply", &nested(10_000)).await.starts_with("Error system_limit"));
    }
}
