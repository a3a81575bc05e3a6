//! The playground of `erlnode start`, as Elixir sees it: the same rows in its own words.

use interop_tests::{ElixirNode, NodeOptions, Release, RustNode, free_port};

struct Cluster {
    rust: RustNode,
    elixir: ElixirNode,
}

impl Cluster {
    async fn start(release: Release) -> Cluster {
        let options = NodeOptions::with_epmd_port(free_port());
        let rust = RustNode::start(options.clone()).await;
        Cluster { rust, elixir: ElixirNode::start(release, options).await }
    }

    /// Has the Elixir node evaluate `source`, in which `@rust` is the name of the Rust node.
    async fn expect(&self, source: &str, expected: &str) {
        self.elixir.expect(&source.replace("@rust", &self.rust.elixir_atom()), expected).await;
    }
}

const NEXT: &str = "receive do m -> m after 50000 -> :nothing end";

async fn main_rows(release: Release) {
    let cluster = Cluster::start(release).await;
    cluster.expect("Node.ping(@rust)", ":pong").await;
    cluster.expect("Node.list() == [@rust]", "true").await;

    cluster
        .expect(
            &format!("send({{:echo, @rust}}, {{self(), %{{hello: \"wörld\"}}}}); {NEXT}"),
            "%{hello: \"wörld\"}",
        )
        .await;
    let values = "[~D[2024-02-29], ~T[23:00:07.001], DateTime.utc_now(), MapSet.new([1, :a]), 1..3, nil, true, ~c\"abc\",
                   \"ü\", <<1::3>>, 2 ** 100, 1.5, {:ok, [a: 1]}, %{\"k\" => :v}, self(), make_ref(), &String.upcase/1]";
    cluster
        .expect(&format!("all = {values}; send({{:echo, @rust}}, {{self(), all}}); all == ({NEXT})"), "true")
        .await;
    cluster
        .expect("Enum.each(1..100, &send({:sink, @rust}, &1)); send({:sink, @rust}, {:report, self()}); receive do m -> m end", "{:sink, 100}")
        .await;

    cluster
        .expect(
            "c = {:counter, @rust}; a = GenServer.call(c, {:add, 41}); GenServer.cast(c, {:add, 1}); {a, GenServer.call(c, :get)}",
            "{41, 42}",
        )
        .await;
    cluster
        .expect(
            "try do GenServer.call({:counter, @rust}, :crash) catch :exit, {reason, _} -> reason end",
            ":crash",
        )
        .await;
    cluster.expect(":erpc.call(@rust, :rust, :add, [1, 2])", "3").await;
    cluster.expect(":rpc.call(@rust, :rust, :add, [2 ** 64, 0.5])", "1.8446744073709552e19").await;
    cluster
        .expect(
            "try do :erpc.call(@rust, :rust, :throw, [:ball]) catch kind, what -> {kind, what} end",
            "{:throw, :ball}",
        )
        .await;
    // An error of that name becomes Elixir's own exception.
    cluster
        .expect(
            "try do :erpc.call(@rust, :rust, :fail, [:badarith]) rescue e -> e end",
            "%ErlangError{original: {:exception, :badarith, [{:rust, :fail, 1, []}]}, reason: nil}",
        )
        .await;
    cluster
        .expect("try do :erpc.call(@rust, :rust, :nothing, []) catch :error, {:exception, :undef, _} -> :undef end", ":undef")
        .await;
    cluster.expect(&format!("Node.spawn(@rust, :rust, :send, [self(), :spawned]); {NEXT}"), ":spawned").await;
    cluster
        .expect(
            &format!("{{pid, ref}} = Node.spawn_monitor(@rust, :rust, :exit, [:bye]); {{:DOWN, ^ref, :process, ^pid, r}} = {NEXT}; r"),
            ":bye",
        )
        .await;
    cluster
        .expect(
            &format!("Process.flag(:trap_exit, true); pid = Node.spawn_link(@rust, :rust, :exit, [:bye]); {{:EXIT, ^pid, r}} = {NEXT}; r"),
            ":bye",
        )
        .await;
    cluster
        .expect(
            &format!("pid = :erpc.call(@rust, :rust, :spawn_echo, []); ref = Process.monitor(pid); Process.exit(pid, :kill);
                      {{:DOWN, ^ref, :process, ^pid, r}} = {NEXT}; r"),
            ":killed",
        )
        .await;
    cluster
        .expect(
            &format!(
                "ref = Process.monitor({{:nobody, @rust}}); {{:DOWN, ^ref, :process, _, r}} = {NEXT}; r"
            ),
            ":noproc",
        )
        .await;

    // The other way.
    cluster
        .expect(
            "{:ok, agent} = Agent.start_link(fn -> 41 end, name: :agent);
             [:erpc.call(@rust, :rust, :call, [agent, {:get, {Kernel, :+, [1]}}, 50000]),
              :erpc.call(@rust, :rust, :call, [{:agent, node()}, {:get, {Kernel, :abs, []}}, 50000])]",
            "[ok: 42, ok: 41]",
        )
        .await;
    cluster
        .expect(
            ":erpc.call(@rust, :rust, :rpc, [node(), String, :upcase, [\"grüße\"], 50000])",
            "{:ok, \"GRÜSSE\"}",
        )
        .await;
    cluster
        .expect(
            "{:error, {:error, {:exception, %RuntimeError{message: m}, _}}} =
               :erpc.call(@rust, :rust, :rpc, [node(), Code, :eval_string, [\"raise ~s(oh)\"], 50000]); m",
            "\"oh\"",
        )
        .await;
    cluster
        .expect(
            &format!("task = spawn(fn -> Process.sleep(:infinity) end); :erpc.call(@rust, :rust, :link, [task, self()]);
                      Process.exit(task, :shutdown); {{:rust_exit, ^task, r}} = {NEXT}; r"),
            ":shutdown",
        )
        .await;
    cluster.expect("{:ok, us, p50, p99} = :erpc.call(@rust, :rust, :bench_echo, [{:echo, @rust}, 100, 2, \"x\"]); us > 0 and p50 <= p99", "true").await;
    cluster
        .expect(
            &format!("Node.monitor(@rust, true); Node.disconnect(@rust); {NEXT} == {{:nodedown, @rust}}"),
            "true",
        )
        .await;
}

#[tokio::test]
async fn the_main_rows_from_elixir_1_14() {
    main_rows(Release::Otp25).await;
}

#[tokio::test]
async fn the_main_rows_from_elixir_1_18() {
    main_rows(Release::Otp27).await;
}

#[tokio::test]
async fn the_main_rows_from_elixir_1_20() {
    main_rows(Release::Otp29).await;
}
