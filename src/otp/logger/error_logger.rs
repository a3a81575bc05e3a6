//! `error_logger`: takes the events of nodes, and programs, that know only the module of that name.
//!
//! It is a `gen_event` there. The events, within `{notify, _}`, are
//!
//! | event | level |
//! | ----- | ----- |
//! | `{error, GroupLeader, {Pid, Format, Args}}` | error |
//! | `{warning_msg, GroupLeader, {Pid, Format, Args}}` | warning |
//! | `{info_msg, GroupLeader, {Pid, Format, Args}}` | notice |
//! | `{error_report, GroupLeader, {Pid, Type, Report}}` | error |
//! | `{warning_report, GroupLeader, {Pid, Type, Report}}` | warning |
//! | `{info_report, GroupLeader, {Pid, Type, Report}}` | notice |

use super::proxy::Receiver;
use super::{Level, emit};
use crate::atom;
use crate::node::Process;
use crate::otp::gen_server;
use crate::process::Exit;
use crate::term::{Map, Term};

/// Logs what comes.
pub(super) async fn error_logger(mut process: Process) -> Result<(), Exit> {
    let receiver = Receiver::new("error_logger", |message| log(message).is_some());
    gen_server::enter_loop(receiver, atom!("error_logger"), &mut process).await
}

fn log(message: &Term) -> Option<()> {
    let [notify, event] = message.as_tuple()? else { return None };
    let [kind, leader, content] = event.as_tuple()? else { return None };
    let [pid, first, second] = content.as_tuple()? else { return None };
    if !notify.is_atom("notify") {
        return None;
    }
    let (level, is_report) = match kind.as_atom()?.as_str() {
        "error" => (Level::Error, false),
        "warning_msg" => (Level::Warning, false),
        "info_msg" => (Level::Notice, false),
        "error_report" => (Level::Error, true),
        "warning_report" => (Level::Warning, true),
        "info_report" => (Level::Notice, true),
        _ => return None,
    };
    let mut meta = vec![(atom!("pid"), pid.clone()), (atom!("gl"), leader.clone())];
    let what = if is_report {
        meta.push((atom!("domain"), Term::list([first.clone()])));
        vec![second.clone()]
    } else {
        vec![first.clone(), second.clone()]
    };
    let meta: Map = meta.into_iter().map(|(key, value)| (Term::Atom(key), value)).collect();
    emit::of_other_node(level, &what, &meta);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_old_form_are_known_and_others_are_not() {
        let known = |message: &str| log(&message.parse().unwrap()).is_some();
        assert!(known("{notify,{error,<a@b.1.0/1>,{<a@b.2.0/1>,\"~p\",[x]}}}"));
        assert!(known("{notify,{info_report,<a@b.1.0/1>,{<a@b.2.0/1>,progress,[{a,1}]}}}"));
        assert!(known("{notify,{error_report,<a@b.1.0/1>,{<a@b.2.0/1>,crash_report,whatever}}}"));
        for other in [
            "{notify,{error,x}}",
            "{notify,x}",
            "{notified,{error,l,{p,f,a}}}",
            "{notify,{other,l,{p,f,a}}}",
            "x",
        ] {
            assert!(!known(other), "{other}");
        }
    }
}
