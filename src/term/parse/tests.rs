use proptest::prelude::*;

use super::*;
use crate::term::arbitrary::readable_term;

#[track_caller]
fn assert_reads(source: &str, printed: &str) {
    assert_eq!(parse(source).map(|term| term.to_string()).as_deref(), Ok(printed), "{source}");
}

#[track_caller]
fn assert_fails(source: &str, message: &str) {
    assert_eq!(parse(source).unwrap_err().to_string(), message, "{source}");
}

#[test]
fn numbers() {
    for (source, printed) in [
        ("1_000", "1000"),
        ("16#fF", "255"),
        ("36#Zz", "1295"),
        ("2#1_0", "2"),
        ("- 1", "-1"),
        ("+1", "1"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-16#ff", "-255"),
        ("18446744073709551616", "18446744073709551616"),
        ("007", "7"),
        ("1.5", "1.5"),
        ("1_0.2_5", "10.25"),
        ("-1.5E+3", "-1.5e3"),
        ("1.0e-400", "0.0"),
        ("-0.0", "-0.0"),
        ("1.", "1"),
        ("1. % one\n", "1"),
    ] {
        assert_reads(source, printed);
    }
}

#[test]
fn characters_are_numbers() {
    for (source, printed) in [
        ("$a", "97"),
        ("$ ", "32"),
        ("$\\s", "32"),
        ("$\\n", "10"),
        ("$\\x41", "65"),
        ("$\\x{1F600}", "128512"),
        ("$\\^A", "1"),
        ("$\\101", "65"),
        ("$\\0", "0"),
        ("$\\\\", "92"),
        ("$'", "39"),
        ("$ж", "1078"),
        ("{$a,$b}", "{97,98}"),
    ] {
        assert_reads(source, printed);
    }
}

#[test]
fn atoms_and_strings() {
    for (source, printed) in [
        ("ok", "ok"),
        ("'ok'", "ok"),
        ("'\\x{416}\\'\\\\'", "'Ж\\'\\\\'"),
        ("maybe", "'maybe'"),
        ("åäö@1", "åäö@1"),
        ("\"\"", "[]"),
        ("\"a\\tb\"", "\"a\\tb\""),
        ("\"a\" % and\n \"b\"", "\"ab\""),
        ("\"a\nb\"", "\"a\\nb\""),
        ("\"\"\"\n  one\n    \"two\"\n\n  \\three\n  \"\"\"", "\"one\\n  \\\"two\\\"\\n\\n\\\\three\""),
        ("\"\"\"\"\n\"\"\"\n\"\"\"\"", "\"\\\"\\\"\\\"\""),
        ("~\"a\\n\"", "<<\"a\\n\">>"),
        ("~b\"é\"", "<<\"é\"/utf8>>"),
        ("~B\"a\\n\"", "<<\"a\\\\n\">>"),
        ("~\"\"\"\n a\n \"\"\"", "<<\"a\">>"),
    ] {
        assert_reads(source, printed);
    }
}

#[test]
fn binaries_and_bit_strings() {
    for (source, printed) in [
        ("<<>>", "<<>>"),
        ("<< >>", "<<>>"),
        ("<<1,2,300>>", "<<1,2,44>>"),
        ("<<-1,0>>", "<<255,0>>"),
        ("<<\"ab\",0>>", "<<97,98,0>>"),
        ("<<\"a\" \"b\">>", "<<\"ab\">>"),
        ("<<\"é\">>", "<<\"é\">>"),
        ("<<\"é\"/utf8>>", "<<\"é\"/utf8>>"),
        ("<<\"é\"/utf16>>", "<<0,233>>"),
        ("<<\"é\"/utf16-little>>", "<<233,0>>"),
        ("<<\"😀\"/utf16>>", "<<216,61,222,0>>"),
        ("<<16#e9/utf32-little>>", "<<233,0,0,0>>"),
        ("<<\"ab\":16>>", "<<0,97,0,98>>"),
        ("<<5:3>>", "<<5:3>>"),
        ("<<1:1,0:7>>", "<<128>>"),
        ("<<1:4,2:8,3:4>>", "<<16,35>>"),
        ("<<16#123:12>>", "<<18,3:4>>"),
        ("<<16#123:12/little>>", "<<35,1:4>>"),
        ("<<1:2/integer-unit:8>>", "<<0,1>>"),
        ("<<1:16/little-signed-integer>>", "<<1,0>>"),
        ("<<1:0>>", "<<>>"),
        ("<<-1:70>>", "<<255,255,255,255,255,255,255,255,63:6>>"),
        ("<<(1),2>>", ""),
        ("<<1.0/float>>", "<<63,240,0,0,0,0,0,0>>"),
        ("<<1:32/float>>", "<<63,128,0,0>>"),
        ("<<1:32/float-little>>", "<<0,0,128,63>>"),
        ("<<36893488147419103232:72>>", "<<2,0,0,0,0,0,0,0,0>>"),
    ] {
        if printed.is_empty() {
            assert!(parse(source).is_err());
        } else {
            assert_reads(source, printed);
        }
    }
}

#[test]
fn compound_terms() {
    for (source, printed) in [
        (" { a , b } . ", "{a,b}"),
        ("[1,2|[3]]", "[1,2,3]"),
        ("[1|2]", "[1|2]"),
        ("[a|[b|c]]", "[a,b|c]"),
        ("#{}", "#{}"),
        ("#{b=>1,a=>#{}}", "#{a => #{},b => 1}"),
        ("#{a => 1, a => 2}", "#{a => 2}"),
        ("#m:r{}", "#m:r{}"),
        ("#m : 'R' {f=1,'G' = [2]}", "#m:'R'{f = 1,'G' = [2]}"),
        ("fun lists : map / 2", "fun lists:map/2"),
        ("%% first\n[a, % second\n b]", "[a,b]"),
    ] {
        assert_reads(source, printed);
    }
}

#[test]
fn identifiers() {
    for text in [
        "<rust@host.12.0/7>",
        "<rust@10.0.0.1.12.0/7>",
        "<'ж@host'.12.0/7>",
        "#Port<rust@host.18446744073709551615/7>",
        "#Ref<rust@host.3.2.1/7>",
        "#Ref<rust@host.example.5.4.3.2.1/7>",
        "#Ref<'rust@10.0.0.1'.3.2.1/7>",
        "[<rust@host.12.0/7>,#{<rust@host.12.0/7> => <rust@host.13.0/7>}]",
    ] {
        assert_reads(text, text);
    }
    assert_fails(
        "<0.12.0>",
        "line 1, column 1: the node of this identifier is a number, which means something only there; write its name",
    );
    assert_fails(
        "<a@b.12.0>",
        "line 1, column 1: the creation of this node is not known; write it behind a slash, as in <rust@host.12.0/1732154>",
    );
    for source in [
        "<a@b.12/7>",
        "<a@b.12.0/7",
        "<a@b.+1.0/7>",
        "<a@b.1.4294967296/7>",
        "#Ref<a@b.6.5.4.3.2.1/7>",
        "#Ref<a@b/7>",
        "<>",
        "<.1.2/3>",
        "<'a@b'1.2/3>",
        "<a.1.2/3>",
        "#Ref<0>",
        "#Ref<>",
    ] {
        assert!(parse(source).is_err(), "{source}");
    }
    assert_fails("#Fun<lists.4.1234>", "line 1, column 1: a closure cannot be read back");
}

#[test]
fn a_parser_that_knows_nodes_reads_what_their_shells_print() {
    let atom = |name| Atom::new(name).unwrap();
    let parser =
        Parser::new().known_node(atom("b@host"), Creation(8)).local_node(atom("a@host"), Creation(7));
    for (source, printed) in [
        ("<0.12.0>", "<a@host.12.0/7>"),
        ("<a@host.12.0>", "<a@host.12.0/7>"),
        ("<b@host.12.0>", "<b@host.12.0/8>"),
        ("<b@host.12.0/9>", "<b@host.12.0/9>"),
        ("#Ref<0.1.2.3>", "#Ref<a@host.1.2.3/7>"),
        ("#Reference<0.0.0.0.0.3>", "#Ref<a@host.0.0.0.0.3/7>"),
        ("#Port<0.3>", "#Port<a@host.3/7>"),
    ] {
        assert_eq!(parser.parse(source).map(|term| term.to_string()).as_deref(), Ok(printed));
    }
    assert!(parser.parse("<9023.12.0>").is_err());
}

#[test]
fn errors_tell_where_and_what() {
    for (source, message) in [
        ("", "line 1, column 1: expected a term, found the end"),
        ("[1,\n  2", "line 2, column 4: expected `,`, `|` or `]`, found the end"),
        ("{a b}", "line 1, column 4: expected `,` or `}`, found `b`"),
        ("[é, }", "line 1, column 5: expected a term, found `}`"),
        ("[a|b,c]", "line 1, column 5: expected `]`, found `,`"),
        ("a b", "line 1, column 3: expected the end, found `b`"),
        ("1. 2", "line 1, column 4: expected the end, found `2`"),
        ("#{a}", "line 1, column 4: expected `=>`, found `}`"),
        ("#{a := 1}", "line 1, column 5: `:=` only updates maps; `=>` makes one"),
        ("{Name}", "line 1, column 2: a variable has no value here; an atom like this needs single quotes"),
        ("end", "line 1, column 1: a reserved word; the atom needs single quotes"),
        ("'abc", "line 1, column 1: this quoted atom has no end"),
        ("\"abc", "line 1, column 1: this string has no end"),
        ("\"\\x{110000}\"", "line 1, column 3: no valid escape sequence"),
        ("\"\\x{D800}\"", "line 1, column 3: no valid escape sequence"),
        ("\"\\x4\"", "line 1, column 3: no valid escape sequence"),
        ("37#1", "line 1, column 1: the base of an integer is 2 to 36"),
        ("1__0", "line 1, column 1: no valid number"),
        ("1_", "line 1, column 1: no valid number"),
        ("16#", "line 1, column 1: no valid number"),
        ("1.0e", "line 1, column 1: no valid number"),
        ("1.0e400", "line 1, column 1: a float this large does not exist"),
        ("1e5", "line 1, column 2: expected the end, found `e5`"),
        ("- a", "line 1, column 3: expected a number, found `a`"),
        ("fun a:b/256", "line 1, column 9: a function has at most 255 arguments"),
        ("fun (X) -> X end", "line 1, column 5: expected the module of a function, found `(`"),
        ("#r{a = 1}", "line 1, column 3: expected `:` and the name of the record, found `{`"),
        ("#m:r{a = 1, a = 2}", "line 1, column 13: this field has a value already"),
        ("<<1:4000000000>>", "line 1, column 15: a segment has at most 65536 bits"),
        ("<<1/foo>>", "line 1, column 8: this type does not fit the value"),
        ("<<1.0>>", "line 1, column 6: this type does not fit the value"),
        ("<<1:8/utf8>>", "line 1, column 11: this size does not fit the type"),
        ("<<a>>", "line 1, column 3: expected a number or a string, found `a`"),
        ("<<1", "line 1, column 4: expected `,` or `>>`, found the end"),
        (
            "\"\"\"x\n\"\"\"",
            "line 1, column 1: a text between triple quotes has its own lines, indented at least like the closing quotes",
        ),
    ] {
        assert_fails(source, message);
    }
}

#[test]
fn a_few_characters_cannot_claim_much_memory() {
    assert!(parse("<<0:65536>>").is_ok());
    assert!(parse("<<0:65537>>").is_err());
    assert!(parse("<<0:65535/unit:65535>>").is_err());
    assert!(parse("<<\"ab\":40000>>").is_err());
}

#[test]
fn a_million_nested_terms_are_read() {
    let deep = format!("{}{}", "[{".repeat(500_000), "}]".repeat(500_000));
    assert_eq!(parse(&deep).unwrap().to_string(), deep);
    assert!(parse(&"[{".repeat(500_000)).is_err());
    assert!(parse(&"#{1=>".repeat(500_000)).is_err());
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(term in readable_term()) {
        prop_assert_eq!(parse(&term.to_string()), Ok(term.clone()));
        prop_assert_eq!(parse(&format!("{term:#}")), Ok(term));
    }

    #[test]
    fn any_text_is_a_term_or_an_error(text in "[\\[\\]{}<>#$'\"a-c0-2.,|=:/%~\\\\é \n_-]{0,24}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_part_of_a_text_is_a_term_or_an_error(term in readable_term(), at in any::<prop::sample::Index>()) {
        let text = term.to_string();
        let end = text.char_indices().map(|(end, _)| end).nth(at.index(text.chars().count())).unwrap();
        let _ = parse(&text[..end]);
    }
}
