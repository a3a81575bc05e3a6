//! How nodes had others spawn before OTP 23: by a call of `net_kernel`.

use crate::node::{CallFrom, Node, SpawnOptions, WireOptions, run_function};
use crate::otp::r#gen::From;
use crate::process::Message;
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Term};

/// What is to be spawned.
pub(super) struct Spawn {
    module: Atom,
    function: Atom,
    arguments: Encoded,
    leader: Pid,
    link: bool,
}

impl Spawn {
    /// `None` if what is to be spawned, or an option, makes no sense.
    pub(super) fn read(request: Message, what: &Atom) -> Option<Spawn> {
        if what == "spawn_opt" {
            let (_, module, function, arguments, options, link, leader) =
                request.decode::<(Atom, Atom, Atom, Encoded, Term, Atom, Pid)>().ok()?;
            WireOptions::read(&options)?;
            return Some(Spawn { module, function, arguments, leader, link: link == "link" });
        }
        let (_, module, function, arguments, leader) =
            request.decode::<(Atom, Atom, Atom, Encoded, Pid)>().ok()?;
        Some(Spawn { module, function, arguments, leader, link: what == "spawn_link" })
    }

    pub(super) fn run(self, node: &Node, peer: Option<Atom>, from: From) {
        let options = SpawnOptions { group_leader: Some(self.leader), ..SpawnOptions::default() };
        let cell = node.new_function_cell(options, &self.module, &self.function, &self.arguments);
        node.start(cell, move |process| async move {
            let caller = from.pid().clone();
            // Before the answer, so that the caller has the link when it has the pid.
            if self.link {
                process.link(&caller).await;
            }
            let pid = Term::Pid(process.pid().clone());
            // The caller may be gone by now.
            let _ = from.reply(&process, pid).await;
            let caller = CallFrom { pid: caller, peer };
            run_function(process, caller, self.module, self.function, self.arguments).await
        });
    }
}
