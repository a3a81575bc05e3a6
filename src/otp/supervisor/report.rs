//! What a supervisor tells of its children: to the log of this node, and to that of its group leader.
//!
//! | label | level | when |
//! | ----- | ----- | ---- |
//! | `{supervisor, progress}` | info | a child was started |
//! | `{supervisor, start_error}` | error | one did not start |
//! | `{supervisor, child_terminated}` | error | one ended in disorder, or though it is permanent |
//! | `{supervisor, shutdown}` | error | they ended too often: the supervisor gives up |
//!
//! Progress is told to other nodes only when the [level](crate::node::Node::set_log_level) is at least `info`.

use super::child::{Child, Kind, State};
use super::request;
use crate::atom;
use crate::node::{LeaderEvent, Level, Process, atom_map, external_fun, in_sasl, labels, origin};
use crate::term::{Atom, Pid, Term};

fn pair(name: Atom, value: Term) -> Term {
    Term::tuple([Term::Atom(name), value])
}

/// A child was started.
pub(super) fn progress(process: &Process, child: &Child) {
    tracing::debug!(supervisor = super::name_of(process), child = %child.spec.id, "child started");
    process.node().log_to_leader(process.cell(), Level::Info, || {
        let report = [
            pair(atom!("supervisor"), supervisor(process)),
            pair(atom!("started"), offender(child, child.state.pid())),
        ];
        event(Level::Info, atom!("progress"), &report, "PROGRESS REPORT", labels_of_progress())
    });
}

/// Something went wrong: `context` is what a BEAM calls it.
pub(super) fn error(process: &Process, child: &Child, pid: Option<&Pid>, context: Atom, reason: &Term) {
    process.node().log_to_leader(process.cell(), Level::Error, || {
        let report = [
            pair(atom!("supervisor"), supervisor(process)),
            pair(atom!("errorContext"), Term::Atom(context.clone())),
            pair(atom!("reason"), reason.clone()),
            pair(atom!("offender"), offender(child, pid)),
        ];
        event(Level::Error, context, &report, "SUPERVISOR REPORT", labels_of_error())
    });
}

fn labels_of_progress() -> [(Atom, Term); 2] {
    [(atom!("tag"), Term::Atom(atom!("info_report"))), (atom!("type"), Term::Atom(atom!("progress")))]
}

fn labels_of_error() -> [(Atom, Term); 2] {
    [
        (atom!("tag"), Term::Atom(atom!("error_report"))),
        (atom!("type"), Term::Atom(atom!("supervisor_report"))),
    ]
}

fn event(
    level: Level,
    label: Atom,
    report: &[Term],
    title: &str,
    error_logger: [(Atom, Term); 2],
) -> LeaderEvent {
    let report = atom_map([
        (atom!("label"), labels(atom!("supervisor"), label)),
        (atom!("report"), Term::list(report.iter().cloned())),
    ]);
    let format_log = |arity| external_fun(atom!("supervisor"), atom!("format_log"), arity);
    let error_logger = error_logger.into_iter().chain([(atom!("report_cb"), format_log(1))]);
    let mut meta = origin((atom!("supervisor"), atom!("do_restart"), 3), (file!(), line!()));
    meta.extend(in_sasl(title));
    meta.extend([(atom!("error_logger"), atom_map(error_logger)), (atom!("report_cb"), format_log(2))]);
    LeaderEvent { level, what: vec![report], meta }
}

/// `{local, Name}` or `{Pid, Module}`.
fn supervisor(process: &Process) -> Term {
    match process.node().names().name_of(process.pid()) {
        Some(name) => pair(atom!("local"), Term::Atom(name)),
        None => Term::tuple([Term::Pid(process.pid().clone()), Term::Atom(atom!("Supervisor"))]),
    }
}

fn offender(child: &Child, pid: Option<&Pid>) -> Term {
    let pid = match (pid, &child.state) {
        (Some(pid), _) => Term::Pid(pid.clone()),
        (None, State::Restarting) => Term::Atom(atom!("restarting")),
        (None, _) => Term::Atom(atom!("undefined")),
    };
    let kind = match child.spec.kind {
        Kind::Worker => atom!("worker"),
        Kind::Supervisor => atom!("supervisor"),
    };
    Term::list([
        pair(atom!("pid"), pid),
        pair(atom!("id"), Term::Atom(child.spec.id.clone())),
        pair(atom!("mfargs"), request::start(child)),
        pair(atom!("restart_type"), request::restart(child)),
        pair(atom!("significant"), Term::from(false)),
        pair(atom!("shutdown"), request::shutdown_time(child)),
        pair(atom!("child_type"), Term::Atom(kind)),
    ])
}
