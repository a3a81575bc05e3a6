use bytes::Bytes;

use super::*;
use crate::term::arbitrary::term;
use crate::term::parse::parse;
use crate::term::{Creation, Record};
use proptest::prelude::*;

#[track_caller]
fn assert_prints(source: &str, printed: &str) {
    assert_eq!(parse(source).unwrap().to_string(), printed);
}

/// Each of these is printed by OTP 29 just as it stands here, and reads back as the same term.
#[test]
fn terms_print_as_in_the_shell() {
    let printed = [
        "[]",
        "{}",
        "#{}",
        "<<>>",
        "[[]]",
        "0",
        "-1",
        "36893488147419103232",
        "ok",
        "''",
        "' '",
        "'a b'",
        r"'a\nb'",
        r"'a\d\200b'",
        "'Ѐ'",
        "'Elixir.String'",
        "'a-b'",
        "'a.b'",
        r"'it\'s'",
        "ábc",
        "'ªb'",
        "'A'",
        "'_a'",
        "a@b",
        "aB_1@",
        "'maybe'",
        "'else'",
        "'receive'",
        "'fun'",
        "[1024,1025]",
        r#"<<"ий"/utf8>>"#,
        r#"<<"é"/utf8>>"#,
        "<<127>>",
        "<<0>>",
        "[127]",
        r#""\e\b\v\f""#,
        r#"<<"a\"b">>"#,
        "[0]",
        "[97|b]",
        r#""abc""#,
        "<<1:1>>",
        "<<97,98,99,5:3>>",
        "{a,b}",
        "{a}",
        "[1,2,3]",
        "[1,2|3]",
        "#{a => 1,b => #{}}",
        "#{1 => a,1.0 => b}",
        r#"[{"a",<<"b">>},c]"#,
        "fun lists:map/2",
        "fun 'A':'b c'/0",
        r#"#mod:name{b = 1,a = <<"x">>}"#,
        "#mod:name{}",
        r#"#'Elixir.M':'a b'{'A' = 1,'if' = "x"}"#,
    ];
    for text in printed {
        assert_prints(text, text);
    }
}

#[test]
fn binaries_that_are_no_utf8_print_as_latin1() {
    assert_prints("<<16#e9>>", "<<\"é\">>");
    assert_prints("<<16#e9,0>>", "<<233,0>>");
    // Valid UTF-8 with a control character, though each byte is printable in Latin-1.
    assert_prints("<<16#c2,16#a0>>", "<<\"\u{a0}\"/utf8>>");
    assert_prints("<<16#ef,16#bf,16#bf>>", "<<239,191,191>>");
}

#[test]
fn floats_print_as_in_the_shell() {
    // As OTP 25 and later print them.
    let printed = [
        "0.0",
        "-0.0",
        "1.0",
        "0.1",
        "0.01",
        "0.001",
        "0.0001",
        "1.0e-5",
        "1.2e-4",
        "100.0",
        "1.0e3",
        "1.0e4",
        "1.0e5",
        "1.2e5",
        "1.2e6",
        "100000.5",
        "123456789012.0",
        "1.23456789e12",
        "1.2e10",
        "1.0e22",
        "1.5e300",
        "1.2345678901234568e17",
        "1.2345678901234568e16",
        "9007199254740991.0",
        "9.007199254740992e15",
        "4503599627370496.0",
        "5.0e-324",
        "1.7976931348623157e308",
        "-1.25",
        // Halfway between two shortest ones.
        "152156632627728.62",
        "12208101089237.062",
    ];
    for text in printed {
        assert_prints(text, text);
    }
    assert_eq!(Term::Float(f64::NAN).to_string(), "#Float<NaN>");
}

#[test]
fn identifiers_show_their_node_and_creation() {
    let node = |name| Atom::new(name).unwrap();
    let pid = |name| Pid { node: node(name), id: 12, serial: 0, creation: Creation(7) }.to_string();
    assert_eq!(pid("rust@host"), "<rust@host.12.0/7>");
    assert_eq!(pid("rust@my-host.example.com"), "<rust@my-host.example.com.12.0/7>");
    assert_eq!(pid("rust@10.0.0.1"), "<rust@10.0.0.1.12.0/7>");
    assert_eq!(pid("ж@host"), "<'ж@host'.12.0/7>");
    assert_eq!(pid("0"), "<'0'.12.0/7>");
    let reference = |name| Reference::new(node(name), Creation(7), &[1, 2, 3]).unwrap().to_string();
    assert_eq!(reference("rust@host"), "#Ref<rust@host.3.2.1/7>");
    assert_eq!(reference("rust@10.0.0.1"), "#Ref<'rust@10.0.0.1'.3.2.1/7>");
    let port = Port { node: node("rust@host"), id: 1 << 40, creation: Creation(7) };
    assert_eq!(port.to_string(), "#Port<rust@host.1099511627776/7>");
}

#[test]
fn parts_print_and_debug_as_terms() {
    let Term::Map(map) = parse("#{a => {1}}").unwrap() else { panic!() };
    assert_eq!(map.to_string(), "#{a => {1}}");
    assert_eq!(format!("{map:?}"), "#{a => {1}}");
    let record = Record::new(Atom::new("m").unwrap(), Atom::new("r").unwrap(), false, Vec::new());
    assert_eq!(format!("{record:?}"), "#m:r{}");
}

#[test]
fn small_terms_stay_on_one_line() {
    let term = parse("{ok,#{name => <<\"rust@host\">>,ports => [4369,{listen,9100}]}}").unwrap();
    assert_eq!(format!("{term:#}"), term.to_string());
}

#[track_caller]
fn assert_pretty(text: &str) {
    assert_eq!(format!("{:#}", parse(text).unwrap()), text);
}

#[test]
fn large_terms_take_a_line_for_each_part() {
    assert_pretty(
        "\
{ok,#{name => <<\"rust@host\">>,
      ports => [4369,
                {listen,9100,\"the first of the ports that it listens on\"},
                {listen,9101,\"the second of them\"}],
      up => true}}",
    );
    assert_pretty(
        "\
[{<rust@host.12.0/1732154>,echo,waiting,[{message_queue_len,0}]},
 {<rust@host.13.0/1732154>,counter,waiting,[{message_queue_len,12}]}]",
    );
    assert_pretty(
        "\
#application:environment{name = kernel,
                         settings = #{net_ticktime => 60},
                         loaded = [kernel,stdlib,sasl,crypto]}",
    );
}

#[test]
fn numbers_fill_the_lines() {
    let numbers = Term::list((-1040..-1000).rev().map(Term::from));
    assert_eq!(
        format!("{numbers:#}"),
        "\
[-1001,-1002,-1003,-1004,-1005,-1006,-1007,-1008,-1009,-1010,-1011,-1012,-1013,
 -1014,-1015,-1016,-1017,-1018,-1019,-1020,-1021,-1022,-1023,-1024,-1025,-1026,
 -1027,-1028,-1029,-1030,-1031,-1032,-1033,-1034,-1035,-1036,-1037,-1038,-1039,
 -1040]",
    );
}

#[test]
fn a_value_that_does_not_fit_behind_its_key_goes_below() {
    assert_pretty(
        "\
#{short => 1,
  <<\"a key that takes up more than half of the line, as some do\">> =>
      [this,value,has,no,room,behind,its,key]}",
    );
}

#[test]
fn a_million_nested_lists_print() {
    let mut term = Term::from(1);
    for _ in 0..500_000 {
        term = Term::list([Term::from(1), Term::list([term])]);
    }
    assert_eq!(term.to_string().len(), 3_000_001);
    let pretty = format!("{term:#}");
    assert!(pretty.len() < 100_000_000);
    assert!(pretty.lines().count() > 400_000);
}

#[test]
fn a_large_part_costs_nothing_where_there_is_no_room_for_it() {
    let mut term = Term::Binary(Bytes::from(vec![b'a'; 1_000_000]));
    for _ in 0..200 {
        term = Term::tuple([Term::from(1), term]);
    }
    assert!(format!("{term:#}").len() > 1_000_000);
}

proptest! {
    #[test]
    fn lines_differ_from_the_flat_form_in_blanks_only(term in term()) {
        let without_blanks = |text: String| text.replace([' ', '\n'], "");
        let (flat, pretty) = (term.to_string(), format!("{term:#}"));
        prop_assert!(!flat.contains('\n'));
        prop_assert_eq!(without_blanks(flat), without_blanks(pretty));
    }
}
