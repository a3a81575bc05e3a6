//! What OTP's module `supervisor` asks of a supervisor.
//!
//! | call                     | reply                                                                |
//! | ------------------------ | -------------------------------------------------------------------- |
//! | `which_children`         | `[{Id, Pid \| undefined \| restarting, worker \| supervisor, [Module]}]`, the last one first |
//! | `count_children`         | `[{specs, N}, {active, N}, {supervisors, N}, {workers, N}]`          |
//! | `{get_childspec, Id}`    | `{ok, Map}` or `{error, not_found}`                                  |
//! | `{terminate_child, Id}`  | `ok` or `{error, not_found}`                                         |
//! | `{restart_child, Id}`    | `{ok, Pid}` or `{error, running \| restarting \| not_found \| Reason}` |
//! | `{delete_child, Id}`     | `ok` or `{error, running \| restarting \| not_found}`                |
//! | `{start_child, Spec}`    | `{error, {invalid_child_spec, Spec}}`: its start function is not one of this node |
//! | anything else            | `{error, {unknown_call, Request}}`, which OTP's supervisors end with |

use super::child::{Child, Kind, Restart, Shutdown, State};
use super::{Supervisor, shutdown};
use crate::atom;
use crate::node::Process;
use crate::term::{Atom, Pid, Term};

fn atom(atom: Atom) -> Term {
    Term::Atom(atom)
}

fn ok(value: Term) -> Term {
    Term::tuple([atom(atom!("ok")), value])
}

fn error(reason: Term) -> Term {
    Term::tuple([atom(atom!("error")), reason])
}

impl Supervisor {
    pub(super) async fn answer(&mut self, request: Term, process: &mut Process) -> Term {
        if request.is_atom("which_children") {
            return Term::list(self.children.iter().rev().map(which));
        }
        if request.is_atom("count_children") {
            return self.count();
        }
        let unknown = || error(Term::tuple([atom(atom!("unknown_call")), request.clone()]));
        let Some([Term::Atom(what), argument]) = request.as_tuple() else { return unknown() };
        if what == "start_child" {
            return error(Term::tuple([atom(atom!("invalid_child_spec")), argument.clone()]));
        }
        let not_found = || error(atom(atom!("not_found")));
        let Some(index) = self.index_of(argument) else {
            return match what.as_str() {
                "get_childspec" | "terminate_child" | "restart_child" | "delete_child" => not_found(),
                _ => unknown(),
            };
        };
        let child = &mut self.children[index];
        match (what.as_str(), &child.state) {
            ("get_childspec", _) => ok(spec(child)),
            ("terminate_child", _) => {
                shutdown::end(child, process).await;
                child.state = State::Stopped;
                if child.spec.restart == Restart::Temporary {
                    self.children.remove(index);
                }
                atom(atom!("ok"))
            }
            ("restart_child" | "delete_child", State::Running(_)) => error(atom(atom!("running"))),
            ("restart_child" | "delete_child", State::Restarting) => error(atom(atom!("restarting"))),
            ("restart_child", State::Stopped) => match self.start(index, process).await {
                Ok(pid) => ok(Term::Pid(pid)),
                Err(reason) => error(reason.reason()),
            },
            ("delete_child", State::Stopped) => {
                self.children.remove(index);
                atom(atom!("ok"))
            }
            _ => unknown(),
        }
    }

    fn count(&self) -> Term {
        let count = |matches: fn(&Child) -> bool| self.children.iter().filter(|child| matches(child)).count();
        counts([
            count(|_| true),
            count(|child| child.state.pid().is_some()),
            count(|child| child.spec.kind == Kind::Supervisor),
            count(|child| child.spec.kind == Kind::Worker),
        ])
    }
}

/// What a supervisor whose children are always there, and can't be changed, answers of them.
pub(in super::super) fn tell_of(children: &[(&Atom, &Pid)], request: &Term) -> Term {
    let module = |id: &Atom| Term::list([atom(id.clone())]);
    if request.is_atom("which_children") {
        let which = |(id, pid): &(&Atom, &Pid)| {
            Term::tuple([atom((*id).clone()), Term::Pid((*pid).clone()), atom(atom!("worker")), module(id)])
        };
        return Term::list(children.iter().rev().map(which));
    }
    if request.is_atom("count_children") {
        let count = children.len();
        return counts([count, count, 0, count]);
    }
    let unknown = || error(Term::tuple([atom(atom!("unknown_call")), request.clone()]));
    let Some([Term::Atom(what), argument]) = request.as_tuple() else { return unknown() };
    if what == "start_child" {
        return error(Term::tuple([atom(atom!("invalid_child_spec")), argument.clone()]));
    }
    let is_meant = |(id, pid): &&(&Atom, &Pid)| {
        Some(*id) == argument.as_atom() || what == "get_childspec" && Some(*pid) == argument.as_pid()
    };
    match (children.iter().find(is_meant), what.as_str()) {
        (None, _) => error(atom(atom!("not_found"))),
        (Some((id, _)), "get_childspec") => ok(spec_map([
            atom((*id).clone()),
            Term::tuple([atom((*id).clone()), atom(atom!("start_link")), Term::NIL]),
            atom(atom!("permanent")),
            Term::from(false),
            Term::from(2000),
            atom(atom!("worker")),
            module(id),
        ])),
        (Some(_), "restart_child" | "delete_child") => error(atom(atom!("running"))),
        // They are as lasting as the node.
        (Some(_), "terminate_child") => error(atom(atom!("not_allowed"))),
        _ => unknown(),
    }
}

fn which(child: &Child) -> Term {
    let state = match &child.state {
        State::Running(pid) => Term::Pid(pid.clone()),
        State::Stopped => atom(atom!("undefined")),
        State::Restarting => atom(atom!("restarting")),
    };
    Term::tuple([atom(child.spec.id.clone()), state, kind(child), modules(child)])
}

fn kind(child: &Child) -> Term {
    atom(match child.spec.kind {
        Kind::Worker => atom!("worker"),
        Kind::Supervisor => atom!("supervisor"),
    })
}

fn modules(child: &Child) -> Term {
    Term::list([atom(child.spec.module.clone())])
}

/// The child's specification as `supervisor:get_childspec/2` gives it.
fn spec(child: &Child) -> Term {
    let spec = &child.spec;
    spec_map([
        atom(spec.id.clone()),
        start(child),
        restart(child),
        Term::from(false),
        shutdown_time(child),
        kind(child),
        modules(child),
    ])
}

fn spec_map(values: [Term; 7]) -> Term {
    let keys = [
        atom!("id"),
        atom!("start"),
        atom!("restart"),
        atom!("significant"),
        atom!("shutdown"),
        atom!("type"),
        atom!("modules"),
    ];
    Term::Map(keys.map(atom).into_iter().zip(values).collect())
}

fn counts(counts: [usize; 4]) -> Term {
    let names = [atom!("specs"), atom!("active"), atom!("supervisors"), atom!("workers")];
    let counts = names.into_iter().zip(counts);
    Term::list(counts.map(|(name, count)| Term::tuple([atom(name), Term::from(count)])))
}

/// What stands for the function that starts it.
pub(super) fn start(child: &Child) -> Term {
    Term::tuple([atom(child.spec.module.clone()), atom(atom!("start_link")), Term::NIL])
}

pub(super) fn restart(child: &Child) -> Term {
    atom(match child.spec.restart {
        Restart::Permanent => atom!("permanent"),
        Restart::Transient => atom!("transient"),
        Restart::Temporary => atom!("temporary"),
    })
}

pub(super) fn shutdown_time(child: &Child) -> Term {
    match child.spec.shutdown {
        Shutdown::BrutalKill => atom(atom!("brutal_kill")),
        Shutdown::Timeout(time) => Term::from(time.as_millis()),
        Shutdown::Infinity => atom(atom!("infinity")),
    }
}
