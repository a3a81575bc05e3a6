use std::time::{Duration, Instant};

use super::calls::Told;
use super::*;
use crate::term::Creation;

fn request(peer: &str, function: &str, arity: usize) -> CallRequest {
    let (module, function) = function.split_once(':').unwrap();
    let peer = Atom::new(peer).unwrap();
    CallRequest {
        caller: Pid { node: peer.clone(), id: 1, serial: 0, creation: Creation(1) },
        peer,
        module: Atom::new(module).unwrap(),
        function: Atom::new(function).unwrap(),
        arguments: vec![Encoded::from_term(&Term::NIL).unwrap(); arity],
    }
}

#[test]
fn functions_and_peers_are_told_by_their_patterns() {
    let fits = |rule: &str, peer: &str, function: &str, arity| {
        rule.parse::<Rule>().unwrap().fits(&request(peer, function, arity))
    };
    for (rule, function, arity, expected) in [
        ("allow rust:add/2", "rust:add", 2, true),
        ("allow rust:add/2", "rust:add", 1, false),
        ("allow rust:add/2", "rust:added", 2, false),
        ("allow rust:add", "rust:add", 7, true),
        ("allow rust", "rust:sleep", 1, true),
        ("allow rust:*", "rust:sleep", 1, true),
        ("allow rust", "rusty:sleep", 1, false),
        ("allow rust:bench_*", "rust:bench_call", 3, true),
        ("allow rust:bench_*", "rust:add", 2, false),
        ("allow rust:*/1", "rust:sleep", 1, true),
        ("allow rust:*/1", "rust:add", 2, false),
        ("allow Elixir.My.*", "Elixir.My.Mod:f", 0, true),
        ("allow Elixir.My.*", "Elixir.Your.Mod:f", 0, false),
        ("deny *", "any:thing", 0, true),
        ("deny m:f,rust:add", "rust:add", 2, true),
        ("deny erlang:// 2", "erlang:/", 2, false),
        ("deny erlang://2", "erlang:/", 2, true),
        ("deny erlang:/", "erlang:/", 2, true),
    ] {
        match rule.parse::<Rule>() {
            Ok(_) => assert_eq!(fits(rule, "a@b", function, arity), expected, "{rule}: {function}/{arity}"),
            Err(_) => assert!(!expected, "{rule}"),
        }
    }
    for (peers, peer, expected) in [
        ("a@b", "a@b", true),
        ("a@b", "c@b", false),
        ("b", "c@b", true),
        ("a@", "a@any", true),
        ("a@,d@b", "d@b", true),
        ("*", "d@b", true),
    ] {
        assert_eq!(fits(&format!("allow m:f from {peers}"), peer, "m:f", 0), expected, "{peers}: {peer}");
    }
}

#[test]
fn what_is_no_rule_is_told_with_what_one_looks_like() {
    for text in ["", "allow", "permit rust:add", "allow rust:add for a@b", "allow rust:add from", "deny a b"]
    {
        assert!(matches!(text.parse::<Rule>(), Err(PolicyError::Rule(_))), "{text}");
    }
    for text in ["allow :f", "allow m:", "allow m:f/x", "allow m:f/-1", "allow m:f,"] {
        assert!(matches!(text.parse::<Rule>(), Err(PolicyError::Function(_))), "{text}");
    }
    assert!(matches!("allow m from ,a@b".parse::<Rule>(), Err(PolicyError::Peer(_))));
    assert_eq!("allow m:f/1 from a@b".parse(), Ok(Rule::allow("m:f/1").from("a@b")));
}

#[test]
fn the_first_rule_that_fits_decides() {
    let policy = Policy::new().rule(Rule::deny("m:f/1").from("a@b")).rule(Rule::allow("m")).deny_others();
    assert!(!policy.allows(&request("a@b", "m:f", 1)));
    assert!(policy.allows(&request("c@b", "m:f", 1)));
    assert!(policy.allows(&request("a@b", "m:f", 2)));
    assert!(!policy.allows(&request("a@b", "n:f", 1)));
    assert!(Policy::new().rule(Rule::deny("m")).allows(&request("a@b", "n:f", 1)));
}

#[test]
fn the_log_is_told_of_ten_a_second_and_how_many_more_there_were() {
    let (mut told, now) = (Told::default(), Instant::now());
    let first: Vec<Option<u64>> = (0..25).map(|_| told.one_more(now)).collect();
    assert_eq!(first.iter().filter(|told| **told == Some(0)).count(), 10);
    assert_eq!(told.one_more(now + Duration::from_secs(1)), Some(15));
    assert_eq!(told.one_more(now + Duration::from_secs(1)), Some(0));
}
