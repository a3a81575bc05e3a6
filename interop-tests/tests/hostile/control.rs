//! Control messages that are none, or not for the peer to send.

use interop_tests::Release::{Otp27, Otp29};
use interop_tests::raw_peer::encoded;

use crate::stream::Outcome::{self, Closed, Stays};
use crate::stream::{Case, case, control, dead, old_echo, reference, request};

/// A process of neither of the two nodes.
const FOREIGN: &str = "<other@raw.5.0/4>";

/// What the log says when the peer speaks for it.
const SPEAKS_FOR: &str = "in the name of a process of other@raw";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(no_operations());
    cases.extend(bad_elements());
    cases.extend(in_the_name_of_others());
    cases.extend(for_others());
    cases.extend(for_an_earlier_node());
    cases.extend(not_asked_for());
    cases
}

fn no_operations() -> [Case; 10] {
    [
        case("operation 99", Closed("number 99"), |peer, _| control(peer, "{99, a, b}")),
        case("operation 5", Closed("number 5"), |peer, _| control(peer, "{5, a, b}")),
        case("operation 2^32 + 6", Closed("number 4294967302"), |peer, _| {
            control(peer, "{4294967302, a, b}");
        }),
        case("operation 10^21", Closed("operation"), |peer, _| {
            control(peer, "{1000000000000000000000, a, b}");
        }),
        case("operation that is no number", Closed("operation"), |peer, _| control(peer, "{a, a, b}")),
        case("a list", Closed("operation"), |peer, _| control(peer, "[6, a, b, c]")),
        case("a number", Closed("operation"), |peer, _| control(peer, "6")),
        case("an empty tuple", Closed("operation"), |peer, _| control(peer, "{}")),
        case("a tuple that is not there", Closed("operation"), |peer, _| {
            peer.send_frame(&[131, 68, 0, 105, 255, 255, 255, 255, 97, 6]);
        }),
        case("an element that is no term", Closed("REG_SEND"), |peer, _| {
            peer.send_frame(&[131, 68, 0, 104, 4, 97, 6, 200, 200, 200]);
        }),
    ]
}

fn bad_elements() -> [Case; 22] {
    [
        case("too few elements", Closed("REG_SEND"), |peer, _| {
            peer.send(&format!("{{6, {}, ''}}", peer.pid(1)), &encoded("a"));
        }),
        case("too many elements", Closed("REG_SEND"), |peer, _| {
            peer.send(&format!("{{6, {}, '', echo, b}}", peer.pid(1)), &encoded("a"));
        }),
        case("sender that is no pid", Closed("sender"), |peer, _| {
            peer.send("{6, a, '', echo}", &encoded("a"));
        }),
        case("name that is no atom", Closed("receiver"), |peer, _| {
            peer.send(&format!("{{6, {}, '', 5}}", peer.pid(1)), &encoded("a"));
        }),
        case("receiver that is no pid", Closed("receiver"), |peer, _| {
            peer.send(&format!("{{22, {}, a}}", peer.pid(1)), &encoded("a"));
        }),
        case("monitored list", Closed("receiver"), |peer, target| {
            control(peer, &format!("{{19, {}, [], {}}}", peer.pid(1), reference(target)));
        }),
        case("monitor that is no reference", Closed("monitor"), |peer, target| {
            control(peer, &format!("{{19, {}, {}, a}}", peer.pid(1), target.echo));
        }),
        case("unlink 0", Closed("id"), |peer, target| {
            control(peer, &format!("{{35, 0, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("unlink -1", Closed("id"), |peer, target| {
            control(peer, &format!("{{35, -1, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("unlink 2^64", Closed("id"), |peer, target| {
            control(peer, &format!("{{35, 18446744073709551616, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("unlink 2^64 - 1", Stays, |peer, target| {
            control(peer, &format!("{{35, 18446744073709551615, {}, {}}}", peer.pid(1), target.echo));
        }),
        // An id that nobody gives: those of acknowledgements are only compared.
        case("unlink acknowledgement 0", Stays, |peer, target| {
            control(peer, &format!("{{36, 0, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("unlink acknowledgement -1", Closed("id"), |peer, target| {
            control(peer, &format!("{{36, -1, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("flags of a spawn reply that are no number", Closed("flags"), |peer, target| {
            let request = reference(target);
            control(peer, &format!("{{31, {request}, {}, a, {}}}", target.echo, peer.pid(1)));
        }),
        case("result of a spawn reply that is none", Closed("result"), |peer, target| {
            control(peer, &format!("{{31, {}, {}, 0, 5}}", reference(target), target.echo));
        }),
        case("function that is none", Closed("function"), |peer, _| {
            let (request, own) = (request(peer), peer.pid(1));
            peer.send(&format!("{{29, {request}, {own}, {own}, {{rust, add}}, []}}"), &encoded("[1, 2]"));
        }),
        // The process is started, whatever number of arguments was announced.
        case("function of -1 arguments", Stays, |peer, _| {
            let (request, own) = (request(peer), peer.pid(1));
            peer.send(&format!("{{29, {request}, {own}, {own}, {{rust, add, -1}}, []}}"), &encoded("[]"));
        }),
        case("function of 2^59 arguments", Closed("arity"), |peer, _| {
            let (request, own) = (request(peer), peer.pid(1));
            let function = "{rust, add, 576460752303423488}";
            peer.send(&format!("{{29, {request}, {own}, {own}, {function}, []}}"), &encoded("[]"));
        }),
        case("function of 256 arguments", Stays, |peer, _| {
            let (request, own) = (request(peer), peer.pid(1));
            peer.send(&format!("{{29, {request}, {own}, {own}, {{rust, add, 256}}, []}}"), &encoded("[]"));
        }),
        case("alternative action on alias and name", Closed("flags"), |peer, _| {
            peer.send(&format!("{{37, 12, {}, echo}}", peer.pid(1)), &encoded("a"));
        }),
        case("alternative action -1", Closed("flags"), |peer, _| {
            peer.send(&format!("{{37, -1, {}, echo}}", peer.pid(1)), &encoded("a"));
        }),
        case("alternative action that is no number", Closed("flags"), |peer, _| {
            peer.send(&format!("{{37, a, {}, echo}}", peer.pid(1)), &encoded("a"));
        }),
    ]
}

fn in_the_name_of_others() -> [Case; 17] {
    [
        case("link", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{1, {FOREIGN}, {}}}", target.echo));
        }),
        case("unlink", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{35, 7, {FOREIGN}, {}}}", target.echo));
        }),
        case("unlink without id", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{4, {FOREIGN}, {}}}", target.echo));
        }),
        case("unlink acknowledgement", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{36, 7, {FOREIGN}, {}}}", target.echo));
        }),
        case("monitor", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{19, {FOREIGN}, {}, {}}}", target.echo, reference(target)));
        }),
        case("monitor of a dead process", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{19, {FOREIGN}, {}, {}}}", dead(target), reference(target)));
        }),
        case("demonitor", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{20, {FOREIGN}, {}, {}}}", target.echo, reference(target)));
        }),
        case("end of a link", Closed(SPEAKS_FOR), |peer, target| {
            peer.send(&format!("{{24, {FOREIGN}, {}}}", target.echo), &encoded("a"));
        }),
        case("end of a link, in the old form", Closed(SPEAKS_FOR), |peer, target| {
            control(peer, &format!("{{3, {FOREIGN}, {}, normal}}", target.echo));
        }),
        case("exit signal", Closed(SPEAKS_FOR), |peer, target| {
            peer.send(&format!("{{26, {FOREIGN}, {}}}", target.echo), &encoded("normal"));
        }),
        // Unlike in the older forms, OTP 29 does not look whose process it is.
        case("exit signal with alternative action", Stays, |peer, target| {
            peer.send(&format!("{{37, 16, {FOREIGN}, {}}}", target.echo), &encoded("normal"));
        })
        .since(Otp29),
        case("exit signal with priority", Stays, |peer, target| {
            peer.send(&format!("{{37, 17, {FOREIGN}, {}}}", target.echo), &encoded("normal"));
        })
        .since(Otp29),
        // Messages are forwarded, so anybody can be their sender.
        case("message", Stays, |peer, target| {
            peer.send(&format!("{{22, {FOREIGN}, {}}}", target.echo), &encoded("a"));
        }),
        case("end of a monitor", Stays, |peer, target| {
            peer.send(&format!("{{28, {FOREIGN}, {}, {}}}", target.echo, reference(target)), &encoded("a"));
        }),
        case("group leader", Stays, |peer, target| {
            control(peer, &format!("{{7, {FOREIGN}, {}}}", target.echo));
        }),
        case("spawn request", Stays, |peer, _| {
            let request = request(peer);
            peer.send(
                &format!("{{29, {request}, {FOREIGN}, {FOREIGN}, {{rust, add, 2}}, []}}"),
                &encoded("[1, 2]"),
            );
        }),
        case("spawn reply", Stays, |peer, target| {
            control(peer, &format!("{{31, {}, {}, 3, {FOREIGN}}}", reference(target), target.echo));
        }),
    ]
}

/// What is for a process of neither node: OTP drops what may be lost, and takes all else for a mistake.
fn for_others() -> [Case; 16] {
    const OTHERS: Outcome = Closed("for a process of other@raw");
    [
        case("link with a foreign process", OTHERS, |peer, _| {
            control(peer, &format!("{{1, {}, {FOREIGN}}}", peer.pid(1)));
        }),
        case("unlink from a foreign process", OTHERS, |peer, _| {
            control(peer, &format!("{{35, 7, {}, {FOREIGN}}}", peer.pid(1)));
        }),
        case("unlink acknowledgement for a foreign process", OTHERS, |peer, _| {
            control(peer, &format!("{{36, 7, {}, {FOREIGN}}}", peer.pid(1)));
        }),
        case("monitor of a foreign process", OTHERS, |peer, _| {
            control(peer, &format!("{{19, {}, {FOREIGN}, {}}}", peer.pid(1), request(peer)));
        }),
        case("demonitor of a foreign process", OTHERS, |peer, _| {
            control(peer, &format!("{{20, {}, {FOREIGN}, {}}}", peer.pid(1), request(peer)));
        }),
        case("end of a monitor for a foreign process", OTHERS, |peer, target| {
            peer.send(&format!("{{28, {}, {FOREIGN}, {}}}", peer.pid(1), reference(target)), &encoded("a"));
        }),
        case("end of a monitor for a foreign process, in the old form", OTHERS, |peer, target| {
            control(peer, &format!("{{21, {}, {FOREIGN}, {}, a}}", peer.pid(1), reference(target)));
        }),
        case("end of a link for a foreign process", OTHERS, |peer, _| {
            peer.send(&format!("{{24, {}, {FOREIGN}}}", peer.pid(1)), &encoded("a"));
        }),
        case("end of a link for a foreign process, in the old form", OTHERS, |peer, _| {
            control(peer, &format!("{{3, {}, {FOREIGN}, a}}", peer.pid(1)));
        }),
        case("exit signal for a foreign process", OTHERS, |peer, _| {
            peer.send(&format!("{{26, {}, {FOREIGN}}}", peer.pid(1)), &encoded("a"));
        }),
        case("spawn reply for a foreign process", OTHERS, |peer, target| {
            control(peer, &format!("{{31, {}, {FOREIGN}, 0, {}}}", reference(target), peer.pid(9)));
        }),
        case("message to a foreign process", Stays, |peer, _| {
            peer.send(&format!("{{22, {}, {FOREIGN}}}", peer.pid(1)), &encoded("a"));
        }),
        case("message to a foreign alias", Stays, |peer, _| {
            let alias = request(peer).replace(peer.name(), "other@raw");
            peer.send(&format!("{{33, {}, {alias}}}", peer.pid(1)), &encoded("a"));
        }),
        case("group leader of a foreign process", Stays, |peer, _| {
            control(peer, &format!("{{7, {}, {FOREIGN}}}", peer.pid(1)));
        }),
        case("alternative action for a foreign process", Stays, |peer, _| {
            peer.send(&format!("{{37, 0, {}, {FOREIGN}}}", peer.pid(1)), &encoded("a"));
        })
        .since(Otp29),
        case("exit signal as alternative action for a foreign process", Stays, |peer, _| {
            peer.send(&format!("{{37, 16, {}, {FOREIGN}}}", peer.pid(1)), &encoded("a"));
        })
        .since(Otp29),
    ]
}

/// What is for a process of a node of the same name that is no more: dead, as a rule.
fn for_an_earlier_node() -> [Case; 9] {
    const EARLIER: Outcome = Closed("which does not live here");
    [
        case("link with an earlier process", Stays, |peer, target| {
            control(peer, &format!("{{1, {}, {}}}", peer.pid(1), old_echo(target)));
        }),
        case("unlink from an earlier process", EARLIER, |peer, target| {
            control(peer, &format!("{{35, 7, {}, {}}}", peer.pid(1), old_echo(target)));
        }),
        case("unlink acknowledgement for an earlier process", EARLIER, |peer, target| {
            control(peer, &format!("{{36, 7, {}, {}}}", peer.pid(1), old_echo(target)));
        }),
        case("monitor of an earlier process", Stays, |peer, target| {
            control(peer, &format!("{{19, {}, {}, {}}}", peer.pid(1), old_echo(target), request(peer)));
        }),
        case("demonitor of an earlier process", Stays, |peer, target| {
            control(peer, &format!("{{20, {}, {}, {}}}", peer.pid(1), old_echo(target), request(peer)));
        }),
        case("end of a monitor for an earlier process", Stays, |peer, target| {
            let down = format!("{{28, {}, {}, {}}}", peer.pid(1), old_echo(target), reference(target));
            peer.send(&down, &encoded("a"));
        }),
        case("end of a link for an earlier process", EARLIER, |peer, target| {
            peer.send(&format!("{{24, {}, {}}}", peer.pid(1), old_echo(target)), &encoded("a"));
        }),
        case("spawn reply for an earlier process", Stays, |peer, target| {
            let reply = format!("{{31, {}, {}, 0, {}}}", reference(target), old_echo(target), peer.pid(9));
            control(peer, &reply);
        }),
        case("group leader of an earlier process", Stays, |peer, target| {
            control(peer, &format!("{{7, {}, {}}}", peer.pid(1), old_echo(target)));
        }),
    ]
}

fn not_asked_for() -> [Case; 7] {
    [
        case("unlink acknowledgement nobody asked for", Stays, |peer, target| {
            control(peer, &format!("{{36, 7, {}, {}}}", peer.pid(1), target.echo));
        }),
        case("spawn reply nobody asked for", Stays, |peer, target| {
            control(peer, &format!("{{31, {}, {}, 3, {}}}", reference(target), target.echo, peer.pid(9)));
        }),
        case("spawn reply to a dead process", Stays, |peer, target| {
            control(peer, &format!("{{31, {}, {}, 3, {}}}", reference(target), dead(target), peer.pid(9)));
        })
        .since(Otp27),
        case("end of a link that is not there", Stays, |peer, target| {
            peer.send(&format!("{{24, {}, {}}}", peer.pid(1), target.echo), &encoded("a"));
        }),
        case("demonitor of a monitor that is not there", Stays, |peer, target| {
            control(peer, &format!("{{20, {}, {}, {}}}", peer.pid(1), target.echo, reference(target)));
        }),
        case("message to an earlier node of this name", Stays, |peer, target| {
            peer.send(&format!("{{22, {}, {}}}", peer.pid(1), old_echo(target)), &encoded("a"));
        }),
        case("exit signal to an earlier node of this name", Stays, |peer, target| {
            peer.send(&format!("{{26, {}, {}}}", peer.pid(1), old_echo(target)), &encoded("kill"));
        }),
    ]
}
