//! Applying exported functions to what other nodes send, with the errors that Erlang's `apply` raises.
//!
//! | applied                                               | raises                   | at                                        |
//! | ----------------------------------------------------- | ------------------------ | ----------------------------------------- |
//! | a function that is not exported                       | `undef`                  | `{Module, Function, Args, []}`            |
//! | any function with more than 1023 arguments            | `system_limit`           | `{erlang, apply, [Module, Function, Args], _}` |
//! | what is no atom as module or function, no list as arguments | `badarg`           | `{erlang, apply, [Module, Function, Args], _}` |
//! | `fun Module:Function/N` to another number of arguments | `{badarity, {Fun, Args}}` | `{erlang, apply, 2, []}`                 |
//! | any other fun to another number of arguments          | the same                 | the same                                  |
//! | any other fun: it is of a module that is not here      | `undef`                  | `{Fun, Args, []}`                         |
//! | what is no fun                                        | `{badfun, Term}`         | `{erlang, apply, 2, []}`                  |
//!
//! Who catches the error sees below that the `apply` that was called: `{erlang, apply, 2, []}`, or 3.

use super::exports::{Caller, Class, Raise};
use super::{Node, exports};
use crate::atom;
use crate::term::etf::Encoded;
use crate::term::{Atom, ExternalFun, Fun, Map, Term};

/// How many functions that call functions may be stacked, as `erlang:apply/3` of itself: those who want more of that
/// want the stack to overflow.
const MAX_NESTED_CALLS: u32 = 64;

/// With how many arguments a BEAM calls a function at the most, though none has more than 255.
pub(crate) const MAX_ARGUMENTS: usize = 1023;

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
        let export = self.function(module.as_str(), function.as_str(), arguments.len());
        if caller.peer().is_some()
            && self.policies().is_set()
            && !export.as_ref().is_some_and(|export| export.passes_on)
        {
            // In a box of its own, so that nobody without a policy has room for it.
            Box::pin(self.permit(&caller, module, function, &arguments)).await?;
        }
        match export {
            Some(export) => (export.function)(caller, arguments).await,
            None if arguments.len() > MAX_ARGUMENTS => {
                let call = [Term::Atom(module.clone()), Term::Atom(function.clone())];
                let call = call.into_iter().chain([exports::arguments_term(&arguments)]);
                Err(Raise::error(atom!("system_limit")).in_bif(&atom!("apply"), Term::list(call)))
            }
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

    /// The same for those who catch what the function raises, as `erpc` and `rpc` do.
    pub(crate) async fn try_apply(
        &self,
        caller: Caller,
        module: &Encoded,
        function: &Encoded,
        arguments: &Encoded,
    ) -> Result<Encoded, Raise> {
        let result = self.apply_encoded(caller, module, function, arguments).await;
        result.map_err(|raise| {
            let is = |name: &Encoded, atom: &str| name.to_term().is_ok_and(|name| name.is_atom(atom));
            let elements = arguments.list_elements().map_or(0, |elements| elements.len());
            match u8::try_from(elements) {
                Ok(arity @ (2 | 3)) if is(module, "erlang") && is(function, "apply") => {
                    raise.below_apply(arity)
                }
                _ => raise,
            }
        })
    }

    /// Calls a fun with the elements of a list, as `apply/2` does.
    pub(crate) async fn apply_fun_list(
        &self,
        caller: Caller,
        fun: &Encoded,
        arguments: &Encoded,
    ) -> Result<Encoded, Raise> {
        match arguments.list_elements() {
            Ok(elements) => self.apply_fun(caller, fun.to_term()?, elements).await,
            Err(_) => {
                let arguments = exports::arguments_term(&[fun.clone(), arguments.clone()]);
                let below = frame(&atom!("erlang"), &atom!("apply"), Term::from(2), Term::NIL);
                Err(Raise::error(atom!("badarg")).in_bif(&atom!("apply"), arguments).with_below(below))
            }
        }
    }

    /// Calls a fun.
    pub(crate) async fn apply_fun(
        &self,
        caller: Caller,
        fun: Term,
        arguments: Vec<Encoded>,
    ) -> Result<Encoded, Raise> {
        let raise = |name, value| {
            let reason = Term::tuple([Term::Atom(name), value]);
            Err(Raise::error(reason).within(&atom!("erlang"), &atom!("apply"), 2))
        };
        let arity = match &fun {
            Term::Fun(Fun::External(external)) => external.arity,
            Term::Fun(Fun::Local(local)) => local.arity,
            _ => return raise(atom!("badfun"), fun),
        };
        if arguments.len() != usize::from(arity) {
            return raise(atom!("badarity"), Term::tuple([fun, exports::arguments_term(&arguments)]));
        }
        match &fun {
            Term::Fun(Fun::External(external)) => {
                let ExternalFun { module, function, .. } = &**external;
                self.apply(caller, module, function, arguments).await
            }
            // A BEAM that does not have the module names the fun where it otherwise names a function.
            _ => {
                let frame = Term::tuple([fun, exports::arguments_term(&arguments), Term::NIL]);
                Err(Raise { stack: Term::list([frame]), ..Raise::error(atom!("undef")) })
            }
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

    /// The error of a call that is raised in the place of its function.
    pub(crate) fn raised_by_call(reason: Term, module: &Atom, function: &Atom, arguments: Term) -> Raise {
        let frame = frame(module, function, arguments, Term::NIL);
        Raise { stack: Term::list([frame]), ..Raise::error(reason) }
    }

    /// The error of a call that came to no function: its arguments are in the stack.
    pub(crate) fn function_error(reason: Atom, module: &Atom, function: &Atom, arguments: Term) -> Raise {
        Raise::raised_by_call(Term::Atom(reason), module, function, arguments)
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

    /// Raised by what `erlang:apply` of this arity called, unless `erlang:apply` itself did.
    fn below_apply(self, arity: u8) -> Raise {
        let last = self.stack.as_list().and_then(|frames| frames.last()?.as_tuple());
        let by_itself =
            matches!(last, Some([module, name, ..]) if module.is_atom("erlang") && name.is_atom("apply"));
        if by_itself || self.class != Class::Error {
            return self;
        }
        self.with_below(frame(&atom!("erlang"), &atom!("apply"), Term::from(arity), Term::NIL))
    }

    /// With one more frame below all others.
    fn with_below(mut self, frame: Term) -> Raise {
        let frames = self.stack.as_list().unwrap_or_default();
        self.stack = Term::list(frames.iter().cloned().chain([frame]));
        self
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
            let caller = Caller::new(process, node.pid().clone().into());
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
            (
                "[fun m:f/1,a]",
                "Error badarg [{erlang,apply,[fun m:f/1,a],[{error_info,#{module => erl_erts_errors}}]},{erlang,apply,2,[]}]",
            ),
            ("[{erlang,node},[]]", "Error {badfun,{erlang,node}} [{erlang,apply,2,[]}]"),
            ("[x,[]]", "Error {badfun,x} [{erlang,apply,2,[]}]"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(raised("apply", arguments).await, expected, "{arguments}");
        }
    }

    #[test]
    fn who_catches_sees_apply_below_what_it_called() {
        let below = |stack: &str, arity| {
            let raise = Raise { stack: stack.parse().unwrap(), ..Raise::error(atom!("undef")) };
            raise.below_apply(arity).stack.to_string()
        };
        assert_eq!(below("[{m,f,[a],[]}]", 2), "[{m,f,[a],[]},{erlang,apply,2,[]}]");
        assert_eq!(below("[{m,f,[a],[]}]", 3), "[{m,f,[a],[]},{erlang,apply,3,[]}]");
        assert_eq!(below("[]", 3), "[{erlang,apply,3,[]}]");
        assert_eq!(below("[{m,f,1,[]},{erlang,apply,2,[]}]", 3), "[{m,f,1,[]},{erlang,apply,2,[]}]");
        assert_eq!(Raise::throw(atom!("ball")).below_apply(2).stack, Term::NIL);
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
