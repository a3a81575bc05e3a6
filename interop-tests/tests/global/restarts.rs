//! The processes of a Rust node's `global` are ended from outside, and started again.

use super::*;

/// Ends a process of the node in a way that it can't prevent, and waits until another has its place.
async fn kill(beam: &BeamNode, node: &Node, name: &str) {
    let before = node.whereis(name).expect("it is registered");
    beam.expect(&format!("exit(erpc:call('{}', erlang, whereis, [{name}]), kill)", node.name()), "true")
        .await;
    wait_until(PATIENCE, async || node.whereis(name).is_some_and(|pid| pid != before)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_goes_on_when_the_services_of_a_member_are_ended() {
    let epmd = Epmd::start(Release::Otp29).await;
    let beams = cluster(&epmd).await;
    let [a, b, c] = &beams;
    let rust = rust_node(&epmd, "rust").await;
    rust.connect(a.name()).await.unwrap();
    expect_members(&[&rust], &beams.each_ref()).await;
    let own = sleeper(&rust);
    within(rust.global().register_name(atom!("own"), &own)).await.unwrap();
    register(b, "other").await;

    for name in ["global_name_server", "rex", "net_kernel", "global_name_server"] {
        kill(a, &rust, name).await;
        expect_members(&[&rust], &beams.each_ref()).await;
    }
    assert_eq!(rust.global().whereis_name(atom!("own")), Some(own.clone()));
    assert!(rust.global().whereis_name(atom!("other")).is_some());
    c.expect(&format!("node(global:whereis_name(own)) =:= '{}'", rust.name()), "true").await;
    expect_names_work(&[&rust], &beams.each_ref()).await;
    c.expect(&format!("net_adm:ping('{}')", rust.name()), "pong").await;
    c.expect(&format!("rpc:block_call('{0}', erlang, node, []) =:= '{0}'", rust.name()), "true").await;

    // What the first server watched, the last one does.
    b.expect("exit(global:whereis_name(other), kill)", "true").await;
    wait_until(PATIENCE, async || rust.global().whereis_name(atom!("other")).is_none()).await;
    c.expect("exit(global:whereis_name(own), kill)", "true").await;
    c.wait_until("global:whereis_name(own)", "undefined").await;
    // And nodes that come later join.
    let late = rust_node(&epmd, "late").await;
    late.connect(rust.name().as_str()).await.unwrap();
    expect_members(&[&rust, &late], &beams.each_ref()).await;
}

/// Nobody knows their names, but whoever asks for all processes finds them.
#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_goes_on_when_all_processes_of_a_member_are_ended() {
    let epmd = Epmd::start(Release::Otp27).await;
    let beams = cluster(&epmd).await;
    let rust = rust_node(&epmd, "rust").await;
    rust.connect(beams[0].name()).await.unwrap();
    expect_members(&[&rust], &beams.each_ref()).await;
    let before = rust.processes();
    let kill = format!("[exit(P, kill) || P <- erpc:call('{}', erlang, processes, [])], ok", rust.name());
    beams[1].expect(&kill, "ok").await;
    wait_until(PATIENCE, async || {
        let names = ["global_name_server", "rex", "net_kernel"];
        before.iter().all(|pid| !rust.is_process_alive(pid))
            && names.iter().all(|name| rust.whereis(name).is_some())
            && rust.processes().len() >= before.len()
    })
    .await;
    expect_members(&[&rust], &beams.each_ref()).await;
    expect_names_work(&[&rust], &beams.each_ref()).await;
    let late = beam(Release::Otp25, &epmd).await;
    connect(&late, rust.name().as_str()).await;
    let [a, b, c] = &beams;
    expect_members(&[&rust], &[a, b, c, &late]).await;
}
