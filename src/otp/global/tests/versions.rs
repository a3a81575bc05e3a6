//! Servers that speak an older version of the protocol, as OTP still understands them, and one that joins nobody.

use super::dialogue::Server;

fn init_connect(node: &str, version: u32, tag: i32) -> String {
    format!("{{init_connect,{{{version},{tag}}},{node}@,{{locker,no_longer_a_pid,[],<{node}.60>}}}}")
}

/// Joins `a`, which speaks this version, with `c` a member of this side already.
fn joins(version: u32) -> Vec<String> {
    let mut b = Server::new();
    b.join("c", 1, -1, "");
    b.info("{nodeup,a@}");
    assert_eq!(b.cast(&init_connect("a", version, -5)), ["candidate a"], "nothing is acknowledged");
    assert_eq!(b.cast("{lock_set,<a.60>,true,[],2}"), ["lock_set <a.60> true"]);
    assert_eq!(b.untagged_lock_set("a"), ["lock_set <a.60> true"]);
    let mut said = b.lock_is_set("a", 2);
    said.extend(b.cast("{exchange,a@,[],[],2}"));
    said.extend(b.cast("{resolved,a@,[],[d@],unused,[],2}"));
    said
}

#[test]
fn version_seven_has_no_acknowledgement_and_knows_versions() {
    assert_eq!(
        joins(7),
        [
            "a cast {exchange,b,[],[],-5}",
            "a cast {resolved,b,[],[{c,8}],unused,[],-5}",
            "connect d",
            "joined, tell [\"c\"] {new_nodes,b,[],[],[{a,7},{d,6}],[{vsn,7},{lock,{global,[<a.60>,<b.60>]}}]}",
        ]
    );
}

#[test]
fn before_version_seven_nodes_are_told_without_versions() {
    for version in [5, 6] {
        assert_eq!(joins(version)[1], "a cast {resolved,b,[],[c],unused,[],-5}");
    }
}

#[test]
fn an_old_node_that_begins_again_is_disconnected() {
    let mut b = Server::new();
    b.info("{nodeup,a@}");
    b.cast(&init_connect("a", 7, -5));
    assert_eq!(b.cast(&init_connect("a", 7, -6)), ["disconnect a"]);
}

#[test]
fn an_old_member_is_not_asked_to_leave_but_disconnected() {
    let mut b = Server::new();
    b.join("c", 1, -1, "");
    b.info("{nodeup,a@}");
    b.cast(&init_connect("a", 6, -5));
    // Nor is it told of what is lost.
    assert_eq!(b.info("{lost_connection,c@,1,1,a@}"), ["disconnect a", "cancel a"]);
    assert_eq!(b.info("{nodedown,a@}"), [""; 0]);
}

#[test]
fn who_joins_nobody_waits_for_nobody_and_reports_nothing() {
    let mut b = Server::alone();
    assert_eq!(b.info("{nodeup,a@}"), [""; 0]);
    assert_eq!(b.cast(&init_connect("a", 8, -5)), [""; 0]);
    assert_eq!(b.cast("{in_sync,a@,true}"), [""; 0]);
    assert_eq!(b.known(), "[]");
    assert_eq!(b.sync("a"), ["synced 1"]);
    assert_eq!(b.info("{lost_connection,c@,1,1,a@}"), [""; 0]);
    assert_eq!(b.info("{nodedown,a@}"), [""; 0]);
    // Its locks are there for all.
    assert_eq!(b.call("<a.1>", "{set_lock,{res,x}}"), "true");
    assert_eq!(b.call("<c.1>", "{set_lock,{res,y}}"), "false");
}

#[test]
fn who_leaves_reports_no_loss() {
    let mut b = Server::new();
    b.join("a", 1, -1, "");
    b.join("c", 2, -2, "");
    assert_eq!(b.leave(&["a", "c"]), ["disconnect a", "disconnect c"]);
    assert_eq!(b.known(), "[]");
    assert_eq!(b.info("{nodedown,a@}"), [""; 0]);
    assert_eq!(b.info("{nodedown,c@}"), [""; 0]);
}
