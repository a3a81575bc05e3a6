//! The renderer by itself; `interop-tests` compares it with OTP's.

use proptest::prelude::*;

use super::*;
use crate::term::arbitrary;

fn format(format: &str, arguments: &str) -> Result<String, FormatError> {
    let arguments: Term = arguments.parse().unwrap();
    Renderer::new().format(&Term::charlist(format), &arguments)
}

#[test]
fn some_of_each_control_sequence() {
    for (control, arguments, text) in [
        ("~p ~w ~s", "[\"ab\", \"ab\", \"ab\"]", "\"ab\" [97,98] ab"),
        ("[~5s|~-5s|~5.2s|~.3s]", "[ab, \"ab\", \"abcd\", \"abcd\"]", "[   ab|ab   |   ab|abc]"),
        ("[~5w|~-5w|~3w|~..*w|~5..0b]", "[ab, ab, abcd, 120, a, 7]", "[   ab|ab   |***|a|00007]"),
        ("~c~3c~tc", "[97, 98, 8364]", "abbb€"),
        (
            "~.16b ~.16B ~.16x ~.16X ~.16+ ~.16#",
            "[255, 255, -255, \"0x\", 255, \"0x\", 255, 255]",
            "ff FF -0xff 0xFF 16#ff 16#FF",
        ),
        ("~e ~.3f ~g ~g", "[1.5, 2.0005, 0.05, 1.5]", "1.50000e+0 2.001 5.00000e-2 1.50000"),
        ("~~~i~n", "[x]", "~\n"),
        ("~P ~W", "[[a, b, c], 2, {a, {b}}, 2]", "[a|...] {a,...}"),
        (
            "~lp ~kp ~Kp",
            "[\"ab\", #{b => 1, a => 2}, reversed, #{b => 1, a => 2}]",
            "[97,98] #{a => 2,b => 1} #{b => 1,a => 2}",
        ),
    ] {
        assert_eq!(format(control, arguments).as_deref(), Ok(text), "{control}");
    }
}

#[test]
fn what_does_not_fit_is_no_format() {
    for (control, arguments) in [
        ("~p", "[]"),
        ("~p", "[a, b]"),
        ("~q", "[a]"),
        ("~", "[]"),
        ("~5", "[]"),
        ("~b", "[a]"),
        ("~.1b", "[1]"),
        ("~.37b", "[1]"),
        ("~s", "[1]"),
        ("~s", "[[8364]]"),
        ("~s", "[[a]]"),
        ("~2.3s", "[\"a\"]"),
        ("~-5p", "[a]"),
        ("~-n", "[]"),
        ("~f", "[1]"),
        ("~.0f", "[1.0]"),
        ("~tc", "[55296]"),
        ("~P", "[a, b]"),
    ] {
        assert_eq!(format(control, arguments), Err(FormatError::BadArg), "{control} {arguments}");
    }
}

#[test]
fn no_format_makes_more_text_than_the_limit() {
    for (control, arguments) in [
        ("~1000000000c", "[97]"),
        ("~1000000000s", "[a]"),
        ("~*w", "[99999999999999999999999, a]"),
        ("~.1000000000f", "[1.5]"),
        ("~.1000000000e", "[1.5]"),
        ("~99999999999999999999n", "[]"),
        ("~10.9999999999p", "[[aaaaaaaaaa, bbbbbbbbbbbbbb]]"),
    ] {
        assert_eq!(format(control, arguments), Err(FormatError::TooLong), "{control}");
    }
    let long = Term::list((0..1000).map(Term::from));
    let short = Renderer::new().max_text(100);
    for control in ["~p", "~w", "~s", "~20p"] {
        let text = short.format(&Term::from(control), &Term::list([long.clone()]));
        assert!(matches!(text, Err(FormatError::TooLong | FormatError::BadArg)), "{control}");
    }
}

#[test]
fn terms_nested_deeply_are_shown_without_recursion() {
    let mut term = Term::NIL;
    for _ in 0..1_000_000 {
        term = Term::list([term, Term::from(1)]);
    }
    let arguments = Term::list([term]);
    for control in ["~p", "~w", "~1000000p", "~tp"] {
        let text = Renderer::new().format(&Term::from(control), &arguments).unwrap();
        assert!(text.len() >= 4_000_000, "{control}");
    }
}

/// Pieces of formats, whole ones among them.
fn format_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "~[-]?[0-9*]{0,3}(\\.[0-9*]{0,2})?(\\.[a-z*])?[tlkK]{0,2}[wpWPsecfgbBxX+#n~i]",
        1 => ".{0,4}",
        1 => Just("~".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(arbitrary::cases(2000))]

    #[test]
    fn whatever_is_rendered_keeps_to_the_limit(
        format in format_text(),
        arguments in prop::collection::vec(arbitrary::term(), 0..6),
    ) {
        let arguments = Term::list(arguments);
        if let Ok(text) = Renderer::new().max_text(2000).format(&Term::charlist(&format), &arguments) {
            prop_assert!(text.len() <= 2000);
        }
    }

    #[test]
    fn on_one_line_or_several_the_text_is_the_same(term in arbitrary::term(), length in 1i64..120) {
        let renderer = Renderer::new();
        let blanks = |text: String| text.replace(['\n', ' '], "");
        let line = renderer.print(&term, 1, 0, -1).unwrap();
        let lines = renderer.print(&term, 1, length, -1).unwrap();
        prop_assert_eq!(blanks(line), blanks(lines));
    }
}
