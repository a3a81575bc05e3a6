//! The command `erlnode`: what each subcommand prints and how it ends, with real nodes at the other end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::{Duration, Instant};

use interop_tests::{
    BeamNode, ElixirNode, Epmd, NodeOptions, PATIENCE, RabbitNode, Release, RustNode, Scratch,
    erlnode_command, free_port,
};

/// What a command that has ended printed, and its exit status.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn expect(&self, status: i32, stdout: &str, stderr: &str) {
        assert_eq!(
            (self.status, self.stdout.as_str(), self.stderr.as_str()),
            (Some(status), stdout, stderr),
            "{self:?}"
        );
    }

    /// It failed, and said why in one line.
    #[track_caller]
    fn expect_reason(&self, reason: &str) {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("erlnode: ") && self.stderr.contains(reason), "{self:?}");
    }
}

/// Runs `erlnode` to its end, with its epmd on `port`.
async fn erlnode(port: u16, arguments: &[&str]) -> Ended {
    let mut command = erlnode_command();
    command.env("ERL_EPMD_PORT", port.to_string()).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let Output { status, stdout, stderr } = output.expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// The cookie of the nodes of these tests.
const COOKIE: [&str; 2] = ["--cookie", "interop"];

// --- ping, call, send --------------------------------------------------------------------------------------------

async fn visits(release: Release) {
    let epmd = Epmd::start(release).await;
    let node = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let (port, name) = (epmd.port(), node.name());
    let alive = name.split('@').next().expect("a name");
    let run = async |arguments: &[&str]| erlnode(port, &[arguments, &COOKIE].concat()).await;
    // Whoever watches the cluster sees nothing of the visits.
    let shell = node.shell();
    shell.expect("net_kernel:monitor_nodes(true)", "ok").await;

    run(&["ping", name]).await.expect(0, "pong\n", "");
    run(&["ping", alive]).await.expect(0, "pong\n", "");
    let other_cookie = erlnode(port, &["ping", name, "--cookie", "hidden-treasure"]).await;
    other_cookie.expect_reason("set the same cookie on both");
    assert_eq!(other_cookie.stdout, "pang\n");
    assert!(!other_cookie.stderr.contains("treasure"));
    let missing = run(&["ping", "nobody"]).await;
    missing.expect_reason("is not running: the epmd of");
    assert_eq!(missing.stdout, "pang\n");
    run(&["ping", "a@b@c"]).await.expect_reason("more than one @");

    run(&["call", name, "lists", "reverse", "[[1, {a, \"b\"}, <<\"c\">>]]"]).await.expect(
        0,
        "[<<\"c\">>,{a,\"b\"},1]\n",
        "",
    );
    run(&["call", alive, "erlang", "node"]).await.expect(0, &format!("{}\n", node.atom()), "");
    run(&["call", name, "io", "format", "[\"~s ~p~n\", [hi, {a, 1}]]"]).await.expect(0, "ok\n", "hi {a,1}\n");
    // Its input is at its end from the start.
    run(&["call", name, "io", "get_line", "[\"? \"]"]).await.expect(0, "eof\n", "? ");
    let shown = node.eval("whereis(init)").await.expect("a pid");
    run(&["call", name, "erlang", "process_info", &format!("[{shown}, registered_name]")]).await.expect(
        0,
        "{registered_name,init}\n",
        "",
    );
    run(&["call", name, "lists", "nothing", "[1, 2]"])
        .await
        .expect_reason(&format!("{name} has no function lists:nothing/2"));
    run(&["call", name, "erlang", "+", "[1, a]"]).await.expect(
        1,
        "",
        "erlnode: exception error: badarith\n  in erlang:'+'(1, a)\n",
    );
    run(&["call", name, "erlang", "throw", "[ball]"]).await.expect_reason("exception throw: ball");
    run(&["call", name, "erlang", "exit", "[bye]"]).await.expect_reason("exception exit: bye");
    run(&["call", name, "timer", "sleep", "[60000]", "--timeout", "0.2"]).await.expect_reason("within 0.2 s");
    run(&["call", "nobody", "erlang", "node", "[]"]).await.expect_reason("is not running");
    for (arguments, fault) in [("{1}", "not a list"), ("[1", "line 1, column 3")] {
        let ended = run(&["call", name, "erlang", "node", arguments]).await;
        assert_eq!(ended.status, Some(2));
        assert!(ended.stderr.contains(fault), "{ended:?}");
    }

    let receiver = node.shell();
    receiver.expect("register(receiver, self())", "true").await;
    run(&["send", name, "receiver", "{hello, [1.5, -1]}"]).await.expect(0, "", "");
    receiver.expect("receive M -> M end", "{hello,[1.5,-1]}").await;
    run(&["send", name, "receiver", "-1"]).await.expect(0, "", "");
    receiver.expect("receive -1 -> ok end", "ok").await;
    run(&["send", name, "nobody", "x"])
        .await
        .expect_reason(&format!("no process is registered as nobody on {name}"));

    node.stop_signal();
    let silent = run(&["ping", name, "--timeout", "0.3"]).await;
    silent.expect_reason("within 0.3 s");
    assert_eq!(silent.stdout, "pang\n");
    node.cont_signal();

    node.wait_until("nodes(connected)", "[]").await;
    shell.expect("receive M -> M after 0 -> nothing end", "nothing").await;
}

#[tokio::test]
async fn ping_call_and_send_visit_otp_25() {
    visits(Release::Otp25).await;
}

#[tokio::test]
async fn ping_call_and_send_visit_otp_27() {
    visits(Release::Otp27).await;
}

#[tokio::test]
async fn ping_call_and_send_visit_otp_29() {
    visits(Release::Otp29).await;
}

async fn elixir_visits(release: Release) {
    let epmd = Epmd::start(release).await;
    let node = ElixirNode::start(release, NodeOptions::with(&epmd).long_names()).await;
    let run = async |arguments: &[&str]| {
        erlnode(epmd.port(), &[&["call", node.name()], arguments, &COOKIE].concat()).await
    };
    run(&["String", "upcase", "[<<\"grüße\"/utf8>>]"]).await.expect(0, "<<\"GRÜSSE\"/utf8>>\n", "");
    run(&["IO", "puts", "[<<\"grüße\"/utf8>>]"]).await.expect(0, "ok\n", "grüße\n");
    let raised = run(&["Keyword", "fetch!", "[[], key]"]).await;
    let reason = "erlnode: exception error: (KeyError) key :key not found in:";
    assert!(raised.stderr.starts_with(reason), "{raised:?}");
    assert!(raised.stderr.contains("\n  in 'Elixir.Keyword':'fetch!'/2 ("), "{raised:?}");
    run(&["Nothing", "here"]).await.expect_reason("has no function 'Elixir.Nothing':here/0");
}

#[tokio::test]
async fn call_visits_elixir_1_14() {
    elixir_visits(Release::Otp25).await;
}

#[tokio::test]
async fn call_visits_elixir_1_18() {
    elixir_visits(Release::Otp27).await;
}

#[tokio::test]
async fn call_visits_elixir_1_20() {
    elixir_visits(Release::Otp29).await;
}

#[tokio::test]
async fn call_visits_rabbitmq() {
    let epmd = Epmd::start(Release::Otp25).await;
    let broker = RabbitNode::start(NodeOptions::with(&epmd)).await;
    let call = async |arguments: &[&str]| {
        erlnode(epmd.port(), &[&["call", broker.name()], arguments, &COOKIE].concat()).await
    };
    let version = broker.eval("rabbit_misc:version()").await.expect("a version");
    call(&["rabbit_misc", "version", "[]"]).await.expect(0, &format!("{version}\n"), "");
    let status = call(&["rabbit", "status", "[]"]).await;
    assert_eq!((status.status, status.stderr.as_str()), (Some(0), ""));
    let status: erlnode::term::Term = status.stdout.parse().expect("Erlang's syntax");
    let pid = format!("{{pid,{}}}", broker.pid());
    assert!(status.as_list().expect("a list").iter().any(|item| item.to_string() == pid), "{status}");
}

#[tokio::test]
async fn a_visit_without_epmd_says_so() {
    let port = free_port();
    let reason = format!("no epmd is running at 127.0.0.1:{port}");
    for arguments in [
        &["ping", "n@127.0.0.1"][..],
        &["call", "n@127.0.0.1", "erlang", "node"],
        &["send", "n@127.0.0.1", "n", "x"],
    ] {
        erlnode(port, &[arguments, &COOKIE].concat()).await.expect_reason(&reason);
    }
}

// --- start -------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn start_prints_one_line_serves_epmd_and_ends_when_told() {
    for signal in ["TERM", "INT"] {
        let port = free_port();
        let options = NodeOptions::with_epmd_port(port).environment("ERLNODE_LOG", "trace");
        let node = RustNode::start(options.clone().cookie("hidden-treasure")).await;
        assert_eq!(node.stdout(), format!("{} is ready\n", node.name()));
        let arguments = fs::read_to_string(format!("/proc/{}/cmdline", node.pid())).expect("a process");
        assert!(arguments.contains("start") && !arguments.contains("treasure"), "{arguments}");
        assert!(node.stderr().contains(&format!("no epmd answered on port {port}")), "{}", node.stderr());
        let names = erlnode(port, &["names"]).await;
        assert_eq!(names.stdout.lines().count(), 2, "{names:?}");
        assert!(names.stdout.starts_with(&format!("epmd: up and running on port {port} with data:\nname ")));

        // With a connection, an idle process and a call under way.
        let beam = BeamNode::start(Release::Otp27, options.cookie("hidden-treasure")).await;
        beam.expect(&format!("rpc:call({}, rust, spawn_idle, [100])", node.atom()), "ok").await;
        let call = beam.eval_async(&format!("rpc:call({}, rust, sleep, [60000])", node.atom()));
        beam.wait_until("length(nodes())", "1").await;
        let told = Instant::now();
        match signal {
            "TERM" => node.terminate(),
            _ => node.interrupt(),
        }
        let status = node.wait_exit(PATIENCE).await.expect("it ends");
        assert!(status.success(), "{status}");
        assert!(told.elapsed() < Duration::from_secs(40), "{:?}", told.elapsed());
        beam.wait_until("nodes()", "[]").await;
        assert!(call.result().await.expect("a value").starts_with("{badrpc,"));
        assert!(!node.stdout().contains("treasure") && !node.stderr().contains("treasure"));
        assert_eq!(node.stdout().lines().count(), 1);
    }
}

#[tokio::test]
async fn start_takes_part_under_the_name_and_port_it_is_given() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let (by_option, by_variable) = (free_port().to_string(), free_port().to_string());
    let options = NodeOptions::with(&epmd);
    let (visible, hidden) = tokio::join!(
        RustNode::start(options.clone().arguments([
            "--connect",
            beam.name(),
            "--connect",
            "nobody",
            "--dist-port",
            &by_option
        ])),
        RustNode::start(
            options
                .hidden()
                .arguments(["--connect", beam.name(), "--net-ticktime", "20"])
                .environment("ERL_DIST_PORT", &by_variable)
        ),
    );
    beam.expect("nodes()", &format!("[{}]", visible.atom())).await;
    beam.expect("nodes(hidden)", &format!("[{}]", hidden.atom())).await;
    assert!(visible.stderr().contains("not connected to nobody@"), "{}", visible.stderr());
    assert!(!visible.stderr().contains("no epmd"), "{}", visible.stderr());
    let ports: Vec<String> = epmd.names().into_iter().map(|(name, port)| format!("{name} {port}")).collect();
    for (node, port) in [(&visible, &by_option), (&hidden, &by_variable)] {
        let alive = node.name().split('@').next().expect("a name");
        assert!(ports.contains(&format!("{alive} {port}")), "{ports:?}");
    }
}

#[tokio::test]
async fn start_with_a_long_name_meets_its_like() {
    let epmd = Epmd::start(Release::Otp25).await;
    let options = NodeOptions::with(&epmd).long_names();
    let (rust, beam) =
        tokio::join!(RustNode::start(options.clone()), BeamNode::start(Release::Otp25, options.clone()));
    beam.expect(&format!("rpc:call({}, rust, ping, [node()])", rust.atom()), "pong").await;
    let short = erlnode(epmd.port(), &["start", "--name", "rust@host"]).await;
    assert_eq!(short.status, Some(2));
    assert!(short.stderr.contains("use --sname"), "{short:?}");
    let long = erlnode(epmd.port(), &["start", "--sname", "rust@host.domain"]).await;
    assert_eq!(long.status, Some(2));
    assert!(long.stderr.contains("use --name"), "{long:?}");
}

#[tokio::test]
async fn start_says_what_is_in_its_way() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd).name("taken")).await;
    let start = async |arguments: &[&str]| erlnode(epmd.port(), &[&["start"], arguments].concat()).await;
    start(&["--sname", "taken", "--cookie", "c"]).await.expect_reason("the name `taken` is taken");
    drop(beam);

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    start(&["--sname", "n", "--cookie", "c", "--dist-port", &port]).await.expect_reason("give another port");

    let folder = Scratch::on_host();
    let file = folder.path().join("cookie");
    let path = file.to_str().expect("UTF-8");
    fs::write(&file, "secret\n").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    start(&["--sname", "n", "--cookie-file", path])
        .await
        .expect_reason("can be read by others: run chmod 400");
    start(&["--sname", "n", "--cookie-file", "/nothing/here"]).await.expect_reason("/nothing/here");
    start(&["--sname", "n n", "--cookie", "c"]).await.expect_reason("only letters, digits, _ and -");
}

#[tokio::test]
async fn the_cookie_is_that_of_erl_unless_another_is_given() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd).cookie("from-a-file")).await;
    let home = Scratch::on_host();
    let ping = async |arguments: &[&str]| {
        let mut command = erlnode_command();
        command.env("ERL_EPMD_PORT", epmd.port().to_string()).env("HOME", home.path());
        command.args(["ping", beam.name()]).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        String::from_utf8(output.expect("it starts").stdout).expect("UTF-8")
    };
    let file = home.path().join(".erlang.cookie");
    assert_eq!(ping(&[]).await, "pang\n");
    // As erl does: made if missing, for nobody else's eyes.
    let made = fs::read_to_string(&file).expect("a cookie file");
    assert!(made.len() == 20 && made.bytes().all(|byte| byte.is_ascii_uppercase()), "{made}");
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o400);

    let other = home.path().join("other");
    fs::write(&other, "from-a-file\n").expect("written");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(ping(&["--cookie-file", other.to_str().expect("UTF-8")]).await, "pong\n");
    assert_eq!(ping(&["--cookie", "from-a-file"]).await, "pong\n");
    fs::remove_file(&file).expect("removed");
    fs::rename(&other, &file).expect("renamed");
    assert_eq!(ping(&[]).await, "pong\n");
}

// --- help --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn help_is_there_for_every_subcommand() {
    let help = erlnode(1, &["--help"]).await;
    assert_eq!(help.status, Some(0));
    for name in ["start", "ping", "call", "send", "names", "epmd"] {
        assert!(help.stdout.contains(&format!("\n  {name} ")), "{name} in {}", help.stdout);
        let help = erlnode(1, &[name, "--help"]).await;
        assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
        assert!(help.stdout.contains("Usage: erlnode "), "{}", help.stdout);
    }
}
