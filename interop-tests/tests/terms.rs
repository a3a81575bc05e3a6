//! Order, equality, printing and reading of random terms, as real nodes see them.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs;

use bytes::Bytes;
use erlnode::term::{Term, etf, parse::parse};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, Scratch};

/// How many terms, some of which come in two likenesses: all pairs are compared.
const COUNT: usize = 400;

/// Other terms with each seed; a failing one can be set here again.
fn seed() -> u32 {
    std::env::var("TERMS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// A term that a node made.
struct Made {
    term: Term,
    // How the node prints it.
    printed: String,
    // Whether it has no pids and the like, which the node prints in another way.
    is_plain: bool,
    has_map: bool,
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn agrees(release: Release) {
    let scratch = Scratch::new(release);
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let epmd = Epmd::start(release).await;
    let node = BeamNode::start(release, NodeOptions::with(&epmd).arguments(["+pc", "unicode"])).await;

    let program = include_str!("terms.erl").replace("FILE", &path("made"));
    let program = program.replace("SEED", &seed().to_string()).replace("COUNT", &COUNT.to_string());
    // The node interprets the program, which compares all terms with all.
    node.expect_within(PATIENCE * 10, &program, "ok").await;
    let text = fs::read_to_string(path("made")).unwrap();
    let (mut terms, mut orders) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            [kind, encoded, printed] => {
                let printed = String::from_utf8(from_hex(printed)).unwrap();
                terms.push(Made {
                    term: etf::decode(&Bytes::from(from_hex(encoded))).unwrap(),
                    is_plain: kind == "plain",
                    has_map: printed.contains("#{"),
                    printed,
                });
            }
            _ => orders.push(line.as_bytes()),
        }
    }
    assert!(terms.len() > COUNT && terms.len() == orders.len());

    for (left, orders) in terms.iter().zip(&orders) {
        for (right, letter) in terms.iter().zip(*orders) {
            // Since OTP 26 small maps compare, if exactly, by the places of atoms in the table of atoms.
            let has_exact_order = release == Release::Otp25 || !(left.has_map && right.has_map);
            let (left, right) = (&left.term, &right.term);
            let order = |number| [Ordering::Less, Ordering::Equal, Ordering::Greater][usize::from(number)];
            let (erlang, exact) = (order((letter - b'a') / 3), order((letter - b'a') % 3));
            assert_eq!(left.erlang_cmp(right), erlang, "{release}: {left} < {right}");
            if has_exact_order {
                assert_eq!(left.cmp(right), exact, "{release}: as keys, {left} < {right}");
            }
            assert_eq!(left.erlang_eq(right), erlang.is_eq(), "{release}: {left} == {right}");
            assert_eq!(left == right, exact.is_eq(), "{release}: {left} =:= {right}");
        }
    }

    let mut ours = String::new();
    for made in terms.iter().filter(|made| made.is_plain) {
        assert_eq!(made.term.to_string(), made.printed, "{release}");
        assert_eq!(parse(&made.printed).as_ref(), Ok(&made.term), "{release}");
        let encoded = etf::encode(&made.term).unwrap();
        for printed in [made.term.to_string(), format!("{:#}", made.term)] {
            let _ = writeln!(ours, "{} {}", hex(&encoded), hex(printed.as_bytes()));
        }
    }
    fs::write(path("ours"), ours).unwrap();
    let differing = r#"
        {ok, File} = file:read_file("FILE"),
        [Printed || Line <- binary:split(File, <<"\n">>, [global, trim]), begin
            [Encoded, Hex] = binary:split(Line, <<" ">>),
            Printed = unicode:characters_to_list(binary:decode_hex(Hex)),
            {ok, Tokens, _} = erl_scan:string(Printed ++ "."),
            {ok, Term} = erl_parse:parse_term(Tokens),
            Term =/= binary_to_term(binary:decode_hex(Encoded))
        end].
    "#;
    node.expect_within(PATIENCE * 10, &differing.replace("FILE", &path("ours")), "[]").await;
}

#[tokio::test]
async fn terms_of_otp_25_compare_and_print_as_there() {
    agrees(Release::Otp25).await;
}

#[tokio::test]
async fn terms_of_otp_27_compare_and_print_as_there() {
    agrees(Release::Otp27).await;
}

#[tokio::test]
async fn terms_of_otp_29_compare_and_print_as_there() {
    agrees(Release::Otp29).await;
}
