//! Small things that a person notices who tries `erlnode` for the first time: what is like a BEAM node and its tools,
//! and what is said when something is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode, Scratch, erlnode_command};

/// Runs `erlnode` to its end: exit status, standard output, standard error.
async fn erlnode(
    port: u16,
    arguments: &[&str],
    set: impl FnOnce(&mut Command),
) -> (Option<i32>, String, String) {
    let mut command = erlnode_command();
    command.env("ERL_EPMD_PORT", port.to_string()).args(arguments);
    set(&mut command);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let Output { status, stdout, stderr } = output.expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_counter_knows_its_requests_from_what_looks_like_them() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let counter = format!("{{counter, {}}}", rust.atom());
    for request in ["{get}", "{stop}", "\"get\"", "{add, 1.0}", "{<<\"add\">>, 1}", "'Get'", "[add, 1]"] {
        let call = format!("catch gen_server:call({counter}, {request})");
        let refused = format!("element(1, element(2, {call})) =:= {{bad_call, {request}}}");
        beam.expect(&refused, "true").await;
        beam.wait_until(&format!("catch gen_server:call({counter}, get)"), "0").await;
    }
    beam.expect(&format!("gen_server:call({counter}, {{add, 7}})"), "7").await;
    beam.expect(&format!("gen_server:cast({counter}, {{reset}})"), "ok").await;
    beam.expect(&format!("gen_server:call({counter}, get)"), "7").await;
}

#[tokio::test]
async fn a_process_tells_of_itself_all_that_one_of_the_beam_does() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let node = rust.atom();
    beam.expect(
        &format!(
            "Echo = rpc:call({node}, erlang, whereis, [echo]),
             [Item || Item <- [registered_name, current_function, initial_call, status, message_queue_len, messages,
                  links, monitors, monitored_by, dictionary, {{dictionary, key}}, trap_exit, error_handler, priority,
                  group_leader, total_heap_size, heap_size, stack_size, reductions, garbage_collection,
                  garbage_collection_info, suspending, memory, parent, label, async_dist, backtrace, fullsweep_after,
                  min_heap_size, min_bin_vheap_size, current_location, current_stacktrace, binary, catchlevel, trace,
                  last_calls, sequential_trace_token, message_queue_data],
                  case rpc:call({node}, erlang, process_info, [Echo, Item]) of {{Item, _}} -> false; _ -> true end]"
        ),
        "[]",
    )
    .await;
    beam.expect(&format!("rpc:call({node}, erlang, process_info, [Echo = rpc:call({node}, erlang, whereis, [echo]), [{{dictionary, a}}, label]])"),
        "[{{dictionary,a},undefined},{label,undefined}]").await;
    beam.expect(
        &format!("element(1, rpc:call({node}, erlang, process_info, [rpc:call({node}, erlang, whereis, [echo]), {{nope, a}}]))"),
        "badrpc",
    )
    .await;
}

#[tokio::test]
async fn what_went_wrong_is_said_once() {
    let epmd = Epmd::start(Release::Otp27).await;
    let port = epmd.port();
    let cookie = |command: &mut Command| {
        command.env("ERLNODE_COOKIE", "interop");
    };
    let (status, _, told) = erlnode(port, &["start", "--sname", "two words"], cookie).await;
    assert_eq!((status, told.matches("two words").count()), (Some(1), 1), "{told}");
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let dist_port = taken.local_addr().unwrap().port().to_string();
    let (status, _, told) =
        erlnode(port, &["start", "--sname", "x", "--dist-port", &dist_port], cookie).await;
    assert_eq!((status, told.matches("in use").count()), (Some(1), 1), "{told}");
    let missing = ["ping", "x", "--cookie-file", "/nonexistent/cookie"];
    let (status, _, told) = erlnode(port, &missing, |_| {}).await;
    assert_eq!((status, told.matches("No such file").count()), (Some(1), 1), "{told}");
}

#[tokio::test]
async fn an_empty_cookie_file_is_no_cookie() {
    let home = Scratch::on_host();
    let file = home.path().join(".erlang.cookie");
    fs::write(&file, "\n").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).unwrap();
    let (status, _, told) = erlnode(1, &["start", "--sname", "x"], |command| {
        command.env("HOME", home.path());
    })
    .await;
    assert_eq!(status, Some(1));
    assert!(told.contains("is empty: write the cookie"), "{told}");
}

#[tokio::test]
async fn a_call_that_stays_without_answer_says_why() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let (port, name) = (epmd.port(), beam.name());
    let run = async |arguments: &[&str]| {
        let (status, _, told) = erlnode(port, &[&["call", name], arguments].concat(), |command| {
            command.env("ERLNODE_COOKIE", "interop");
        })
        .await;
        assert_eq!(status, Some(1));
        told
    };
    let late = run(&["timer", "sleep", "[60000]", "--timeout", "0.5"]).await;
    assert_eq!(late, format!("erlnode: no answer from {name} within 0.5 s; --timeout gives it more\n"));
    let gone = run(&["erlang", "halt"]).await;
    assert_eq!(gone, format!("erlnode: {name} closed the connection before it answered the call\n"));
}

#[tokio::test]
async fn a_node_called_by_another_name_gives_its_own() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let alive = beam.name().split('@').next().unwrap();
    let other = format!("{alive}@localhost");
    let (status, printed, told) = erlnode(epmd.port(), &["ping", &other], |command| {
        command.env("ERLNODE_COOKIE", "interop");
    })
    .await;
    assert_eq!((status, printed.as_str()), (Some(1), "pang\n"));
    assert!(told.contains(&format!("{alive}@")) && told.contains("use that name"), "{told}");
}
