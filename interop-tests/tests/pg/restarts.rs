//! Scopes that end and are started again.

use interop_tests::{Epmd, PATIENCE, wait_until};

use super::{IDLE, RELEASES, beam, connect, expect_members, idle, join, rust_node};

#[tokio::test]
async fn a_rust_scope_that_is_killed_comes_back_as_one_of_otp_does() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (beam, node) = tokio::join!(beam(release, &epmd, &["pg"]), rust_node(&epmd, &["pg"]));
        let (in_node, in_beam) = (node.name().as_str(), beam.name());
        connect(&node, &beam).await;
        let own = idle(&node);
        beam.expect(&format!("pg:join(g, {IDLE})"), "ok").await;
        for _ in 0..3 {
            join(&node, "pg", "g", &own).await;
            expect_members(&[&node], &[&beam], "pg", "g", &[in_node, in_beam]).await;
            let scope = node.whereis("pg").unwrap();
            // Its process is where a BEAM looks for it.
            let kill = format!("exit(rpc:call('{in_node}', erlang, whereis, [pg]), kill)");
            beam.expect(&kill, "true").await;
            wait_until(PATIENCE, async || node.whereis("pg").is_some_and(|new| new != scope)).await;
            // Local processes have to join again; those of others are known again.
            expect_members(&[&node], &[&beam], "pg", "g", &[in_beam]).await;
        }
        beam.expect(&format!("gen_server:stop({{pg, '{in_node}'}})"), "ok").await;
        wait_until(PATIENCE, async || node.whereis("pg").is_some()).await;
        expect_members(&[&node], &[&beam], "pg", "g", &[in_beam]).await;
    }
}

#[tokio::test]
async fn members_of_a_beam_go_with_its_scope() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (beam, node) = tokio::join!(beam(release, &epmd, &["pg"]), rust_node(&epmd, &["pg"]));
        let (in_node, in_beam) = (node.name().as_str(), beam.name());
        connect(&node, &beam).await;
        let own = idle(&node);
        join(&node, "pg", "g", &own).await;
        for _ in 0..3 {
            beam.expect(&format!("pg:join(g, {IDLE})"), "ok").await;
            expect_members(&[&node], &[&beam], "pg", "g", &[in_node, in_beam]).await;
            beam.expect("gen_server:stop(pg)", "ok").await;
            expect_members(&[&node], &[], "pg", "g", &[in_node]).await;
            super::start_scope(&beam, "pg").await;
            expect_members(&[&node], &[&beam], "pg", "g", &[in_node]).await;
        }
        // Without a scope on the one side, the other goes on; what comes for nobody is dropped.
        assert!(node.pg().stop().await);
        expect_members(&[], &[&beam], "pg", "g", &[]).await;
        beam.expect(&format!("{{pg, '{in_node}'}} ! {{discover, self()}}, pg:join(g, {IDLE})"), "ok").await;
        node.pg().start().unwrap();
        expect_members(&[&node], &[&beam], "pg", "g", &[in_beam]).await;
    }
}
