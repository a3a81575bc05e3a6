//! `term::io_lib` beside OTP's `io_lib`: the same text for some thousands of formats and arguments.

use erlnode::atom;
use erlnode::node::Node;
use erlnode::term::io_lib::{FormatError, Renderer};
use erlnode::term::{Atom, BitString, ExternalFun, Fun, Integer, Pid, Reference, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, unique_name};

const MODULE: &str = "
    -module(render).
    -export([format/1, write/1, print/1, identifiers/0]).
    format(Cases) -> [text(fun() -> io_lib:format(F, A) end) || {F, A} <- Cases].
    write(Cases) -> [text(fun() -> io_lib:write(T, D) end) || {T, D} <- Cases].
    print(Cases) -> [text(fun() -> io_lib:print(T, C, L, D) end) || {T, C, L, D} <- Cases].
    identifiers() -> {self(), make_ref()}.
    text(F) -> try unicode:characters_to_binary(F()) of B when is_binary(B) -> B; _ -> bad catch _:_ -> bad end.
";

/// Numbers that are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

struct Terms {
    random: Random,
    pid: Pid,
    reference: Reference,
}

const ATOMS: [&str; 14] = [
    "a",
    "ok",
    "error",
    "an_atom_of_some_length",
    "Upper",
    "with space",
    "it's",
    "ärger",
    "",
    "日本",
    "end",
    "a@b",
    "x\ny",
    "\u{7f}",
];

const TEXTS: [&str; 12] = [
    "",
    "a",
    "abc",
    "some text of a sentence that is long enough to take up most of a line",
    "tab\tand\nline",
    "quote\"d",
    "grüße",
    "日本語",
    "e\u{301}a\u{300}",
    "\r\n",
    "back\\slash",
    "\u{1b}[1m",
];

impl Terms {
    fn term(&mut self, levels: usize) -> Term {
        if levels == 0 || self.random.below(3) == 0 {
            return self.leaf();
        }
        let size = match self.random.below(12) {
            0 => 0,
            11 => 3 + self.random.below(25),
            _ => 1 + self.random.below(5),
        };
        match self.random.below(8) {
            0..3 => Term::list((0..size).map(|_| self.term(levels - 1)).collect::<Vec<_>>()),
            3 => {
                let elements = (0..size).map(|_| self.term(levels - 1)).collect();
                Term::list_with_tail(elements, self.leaf())
            }
            4..7 => {
                let mut elements: Vec<Term> = (0..size).map(|_| self.term(levels - 1)).collect();
                if let Some(first) = elements.first_mut()
                    && self.random.below(3) > 0
                {
                    *first = self.atom();
                }
                Term::tuple(elements)
            }
            _ => {
                let pairs = (0..size).map(|_| (self.key(), self.term(levels - 1))).collect::<Vec<_>>();
                Term::Map(pairs.into_iter().collect())
            }
        }
    }

    /// A key that all releases put in the same place: none has an atom in it.
    fn key(&mut self) -> Term {
        match self.random.below(4) {
            0 => self.integer(),
            1 => Term::charlist(self.random.one_of(&TEXTS)),
            2 => Term::tuple([self.integer(), self.text()]),
            _ => self.text(),
        }
    }

    fn atom(&mut self) -> Term {
        Term::Atom(Atom::new(self.random.one_of(&ATOMS)).unwrap())
    }

    fn text(&mut self) -> Term {
        Term::from(self.random.one_of(&TEXTS))
    }

    fn integer(&mut self) -> Term {
        match self.random.below(8) {
            0 => Term::from(0),
            1 => Term::from(-(self.random.below(1000) as i64)),
            2 => Term::from(self.random.next()),
            3 => Term::from(Integer::from(-(i128::from(self.random.next()) << 60))),
            _ => Term::from(self.random.below(300) as i64),
        }
    }

    fn float(&mut self) -> Term {
        let numbers = [
            0.0,
            -0.0,
            1.0,
            -1.5,
            0.1,
            1e22,
            1e23,
            123_456.789,
            5e-324,
            f64::MAX,
            9.9999999,
            0.05,
            99999.5,
            1e-7,
        ];
        match self.random.below(2) {
            0 => Term::Float(numbers[self.random.below(numbers.len())]),
            _ => {
                let float = f64::from_bits(self.random.next());
                Term::Float(if float.is_finite() { float } else { 2.5 })
            }
        }
    }

    fn leaf(&mut self) -> Term {
        match self.random.below(16) {
            0..3 => self.atom(),
            3..6 => self.integer(),
            6 => self.float(),
            7..9 => self.text(),
            9..11 => Term::charlist(self.random.one_of(&TEXTS)),
            11 => {
                let size = self.random.below(60);
                Term::Binary((0..size).map(|_| self.random.next() as u8).collect())
            }
            12 => {
                let size = 1 + self.random.below(30);
                let bytes = (0..size).map(|_| self.random.next() as u8).collect();
                Term::BitString(BitString::new(bytes, 1 + self.random.below(7) as u8).unwrap())
            }
            13 => Term::Pid(self.pid.clone()),
            14 => Term::Reference(self.reference.clone()),
            _ => {
                let fun = ExternalFun { module: atom!("lists"), function: atom!("map"), arity: 2 };
                Term::Fun(Fun::External(std::sync::Arc::new(fun)))
            }
        }
    }

    /// Text in lists, as `~s` takes it.
    fn chardata(&mut self) -> Term {
        match self.random.below(6) {
            0 => self.text(),
            1 => Term::charlist(self.random.one_of(&TEXTS)),
            2 => Term::list([self.text(), Term::charlist("x"), Term::list([self.text()])]),
            3 => Term::list_with_tail(vec![Term::from(98), Term::charlist("y")], self.text()),
            4 => Term::Binary(vec![228, 246].into()),
            _ => self.leaf(),
        }
    }

    /// A format and arguments, most of which fit.
    fn format(&mut self) -> (Term, Term) {
        let mut format = String::new();
        let mut arguments = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            format.push_str(self.random.one_of(&["", "", "x", "text ", "a\tb", "line\n", "ü"]));
            format.push('~');
            if self.random.below(2) == 0 {
                self.value(
                    &mut format,
                    &mut arguments,
                    &["", "-", "", ""],
                    &["1", "3", "8", "10", "20", "40", "100"],
                );
            }
            let kind = self.random.one_of(&[
                "w", "p", "p", "p", "W", "P", "P", "s", "s", "c", "e", "f", "g", "b", "B", "x", "X", "+",
                "#", "n", "~", "i", "q",
            ]);
            if self.random.below(2) == 0 {
                format.push('.');
                let values: &[&str] = match kind {
                    "b" | "B" | "x" | "X" | "+" | "#" => &["2", "10", "16", "36", "37", "1"],
                    _ => &["0", "1", "2", "3", "5", "8", "25"],
                };
                self.value(&mut format, &mut arguments, &[""], values);
            }
            if format.contains('.') && self.random.below(3) == 0 && !format.ends_with('~') {
                format.push_str(self.random.one_of(&["._", ".0", ".ä", ".*"]));
                if format.ends_with('*') {
                    arguments.push(Term::from(b'_'));
                }
            }
            format.push_str(self.random.one_of(&["", "", "t", "l", "tl"]));
            format.push_str(kind);
            match kind {
                "w" | "p" | "i" => arguments.push(self.term(3)),
                "W" | "P" => {
                    arguments.push(self.term(4));
                    arguments.push(Term::from(self.random.below(12) as i64 - 1));
                }
                "s" => arguments.push(self.chardata()),
                "c" => {
                    arguments.push(if self.random.below(4) == 0 { Term::from(8364) } else { self.integer() });
                }
                "e" | "f" | "g" => arguments.push(self.float()),
                "b" | "B" | "+" | "#" => arguments.push(self.integer()),
                "x" | "X" => {
                    arguments.push(self.integer());
                    arguments.push(match self.random.below(3) {
                        0 => Term::charlist("0x"),
                        1 => self.atom(),
                        _ => self.chardata(),
                    });
                }
                _ => {}
            }
        }
        if self.random.below(50) == 0 {
            arguments.pop();
        }
        (Term::charlist(&format), Term::list(arguments))
    }

    fn value(&mut self, format: &mut String, arguments: &mut Vec<Term>, signs: &[&str], values: &[&str]) {
        let value = self.random.one_of(values);
        format.push_str(self.random.one_of(signs));
        if self.random.below(6) == 0 {
            format.push('*');
            arguments.push(Term::from(value.parse::<i64>().unwrap()));
        } else {
            format.push_str(value);
        }
    }
}

/// So many cases go to the node at once.
const BATCH: usize = 500;

/// Has the node render `cases`, and compares each with what `here` makes of it.
async fn compare(
    node: &Node,
    beam: &BeamNode,
    function: &str,
    cases: &[Term],
    here: impl Fn(&Term) -> Result<String, FormatError>,
) {
    let (mut good, mut differences) = (0, Vec::new());
    for batch in cases.chunks(BATCH) {
        let call = node.erpc(beam.name()).call("render", function, (batch.to_vec(),));
        let texts: Vec<Term> = call.timeout(interop_tests::PATIENCE).await.expect("the node renders");
        assert_eq!(texts.len(), batch.len());
        for (case, text) in batch.iter().zip(texts) {
            let expected = match text {
                Term::Binary(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                _ => None,
            };
            good += usize::from(expected.is_some());
            let got = here(case).ok();
            if got != expected {
                differences.push(difference(case, &got, &expected));
            }
        }
    }
    assert!(good > cases.len() / 2, "only {good} of {} cases have a text", cases.len());
    assert!(
        differences.is_empty(),
        "{}: {function}: {} of {} cases differ:\n{}",
        beam.name(),
        differences.len(),
        cases.len(),
        differences[..differences.len().min(10)].join("\n")
    );
}

/// A case that differs, without what makes it long.
fn difference(case: &Term, here: &Option<String>, otp: &Option<String>) -> String {
    let case: String = case.to_string().chars().take(300).collect();
    let [here, otp] = [here, otp].map(|text| text.as_deref().unwrap_or("bad"));
    let same = here.chars().zip(otp.chars()).take_while(|(a, b)| a == b).count();
    let part = |text: &str| text.chars().skip(same.saturating_sub(60)).take(200).collect::<String>();
    format!("{case}\n  here: …{:?}\n  OTP:  …{:?}\n", part(here), part(otp))
}

async fn as_in(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    beam.load_module("render", MODULE).await;
    let builder =
        Node::builder(&unique_name("rust")).cookie(beam.cookie()).epmd_port(epmd.port()).serve_epmd(false);
    let node = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    let (pid, reference): (Pid, Reference) =
        node.erpc(beam.name()).call("render", "identifiers", ()).await.unwrap();
    let renderer = Renderer::new().local_node(pid.node.clone());
    let mut terms = Terms { random: Random(1), pid, reference };

    let cases: Vec<Term> = (0..4000).map(|_| terms.format()).map(|(f, a)| Term::tuple([f, a])).collect();
    let format = |case: &Term| {
        let [format, arguments] = case.as_tuple().unwrap() else { unreachable!() };
        renderer.format(format, arguments)
    };
    compare(&node, &beam, "format", &cases, format).await;

    let integer = |term: &Term| if let Term::Integer(integer) = term { integer.as_i64() } else { None };
    let depth = |terms: &mut Terms| Term::from(terms.random.below(10) as i64 - 1);
    let cases: Vec<Term> = (0..1000).map(|_| Term::tuple([terms.term(4), depth(&mut terms)])).collect();
    let write = |case: &Term| {
        let [term, depth] = case.as_tuple().unwrap() else { unreachable!() };
        renderer.write_depth(term, integer(depth).unwrap())
    };
    compare(&node, &beam, "write", &cases, write).await;

    let print_case = |_| {
        let column = Term::from(terms.random.below(30));
        let length = Term::from([0, 10, 40, 80, 80, 80][terms.random.below(6)]);
        let depth = if terms.random.below(2) == 0 { Term::from(-1) } else { depth(&mut terms) };
        Term::tuple([terms.term(5), column, length, depth])
    };
    let cases: Vec<Term> = (0..2000).map(print_case).collect();
    let print = |case: &Term| {
        let [term, column, length, depth] = case.as_tuple().unwrap() else { unreachable!() };
        let [column, length, depth] = [column, length, depth].map(|number| integer(number).unwrap());
        renderer.print(term, column, length, depth)
    };
    compare(&node, &beam, "print", &cases, print).await;
    node.shutdown().await;
}

#[tokio::test]
async fn as_in_otp_25() {
    as_in(Release::Otp25).await;
}

#[tokio::test]
async fn as_in_otp_27() {
    as_in(Release::Otp27).await;
}

#[tokio::test]
async fn as_in_otp_29() {
    as_in(Release::Otp29).await;
}
