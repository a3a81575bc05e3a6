//! Control messages that are well-formed and make no sense: links to nobody, spawns of anything, references of others.
//!
//! Random bytes hardly ever become a control message. So some bytes of an input choose the operation and what its
//! elements are: those they should be, most of the time, with a value that may be absurd.

use erlnode::term::etf::{self, Writer};
use erlnode::term::{Atom, Creation, Pid, Reference, Term};

/// The operations with what their elements are: `F`, a pid of the peer; `T`, one of the node; `D`, where a message can
/// go; `E`, the empty atom; `N`, a name; `P`, a process or its name; `R`, a reference; `I`, a number; `M`, a function;
/// `O`, options of a spawn; `A`, any term. In lower case at the end, a payload.
const OPERATIONS: [(u8, &str); 31] = [
    (1, "FT"),
    (2, "ETa"),
    (3, "FTA"),
    (4, "FT"),
    (6, "FENa"),
    (7, "FT"),
    (8, "FTA"),
    (12, "ETAa"),
    (13, "FTAA"),
    (16, "FENAa"),
    (18, "FTAA"),
    (19, "FPR"),
    (20, "FPR"),
    (21, "PTRA"),
    (22, "FTa"),
    (23, "FTAa"),
    (24, "FTa"),
    (25, "FTAa"),
    (26, "FTa"),
    (27, "FTAa"),
    (28, "PTRa"),
    (29, "RFFMOl"),
    (30, "RFFMOAl"),
    (31, "RTIP"),
    (32, "RTIPA"),
    (33, "FRa"),
    (34, "FRAa"),
    (35, "IFT"),
    (36, "IFT"),
    (37, "IFDa"),
    (37, "IFDAa"),
];

/// What the pids of an attack are made of.
pub struct Cast {
    /// The node that attacks.
    pub peer: Atom,
    /// A live process of the node that is attacked.
    pub target: Pid,
}

/// Bytes that choose.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::from(self.next()) % all.len()].clone()
    }
}

fn atom(name: &str) -> Atom {
    Atom::new(name).expect("it is short")
}

impl Cast {
    /// A control message and, if the operation has one, a payload, as they stand after a header without atoms.
    pub fn message(&self, choices: &[u8]) -> Vec<u8> {
        let mut choices = Choices(choices);
        let (operation, elements) = choices.of(&OPERATIONS);
        let (mut control, mut payload) = (vec![Term::from(operation)], None);
        for element in elements.chars() {
            match element {
                'a' => payload = Some(self.any(&mut choices)),
                'l' => payload = Some(self.arguments(&mut choices)),
                element => control.push(self.element(element, &mut choices)),
            }
        }
        let mut writer = Writer::new();
        writer.term(&Term::tuple(control)).expect("it has an encoding");
        if let Some(payload) = payload {
            writer.term(&payload).expect("it has an encoding");
        }
        writer.into_bytes().to_vec()
    }

    fn element(&self, element: char, choices: &mut Choices<'_>) -> Term {
        let any = ['F', 'T', 'N', 'R', 'I', 'M', 'O', 'A'];
        let kind = if choices.next() < 245 { element } else { choices.of(&any) };
        match kind {
            'F' => self.own_pid(choices).into(),
            'T' => self.pid(choices).into(),
            'E' => atom("").into(),
            'N' => self.name(choices).into(),
            'P' if choices.next() < 128 => self.name(choices).into(),
            'P' => self.pid(choices).into(),
            'D' => match choices.next() % 3 {
                0 => self.pid(choices).into(),
                1 => self.name(choices).into(),
                _ => self.reference(choices).into(),
            },
            'R' => self.reference(choices).into(),
            'I' => self.number(choices),
            'M' => Term::tuple([
                atom(choices.of(&["fuzz", "erlang", "erpc", "proc_lib", "", "lists"])).into(),
                atom(choices.of(&["f", "apply", "execute_call", "init_p", "", "spawn"])).into(),
                self.number(choices),
            ]),
            'O' => self.options(choices),
            _ => self.any(choices),
        }
    }

    fn own_pid(&self, choices: &mut Choices<'_>) -> Pid {
        let id = choices.of(&[1, 2, 3, 0, u32::MAX]);
        let (serial, creation) =
            (choices.of(&[0, 0, 0, u32::MAX]), Creation(choices.of(&[7, 7, 7, 0, u32::MAX])));
        Pid { node: self.peer.clone(), id, serial, creation }
    }

    /// A pid of the node, as a rule.
    fn pid(&self, choices: &mut Choices<'_>) -> Pid {
        match choices.next() % 16 {
            0 => self.own_pid(choices),
            1 => Pid { node: atom("other@localhost"), ..self.target.clone() },
            2 => Pid { creation: Creation(choices.next().into()), ..self.target.clone() },
            3 => Pid { id: u32::MAX, serial: u32::MAX, ..self.target.clone() },
            4 => Pid { id: 0, serial: 0, ..self.target.clone() },
            // What else lives there.
            5 => Pid { id: choices.next().into(), ..self.target.clone() },
            _ => self.target.clone(),
        }
    }

    fn name(&self, choices: &mut Choices<'_>) -> Atom {
        let names =
            ["echo", "net_kernel", "rex", "global_name_server", "nobody", "", "undefined", "logger_proxy"];
        atom(choices.of(&names))
    }

    fn reference(&self, choices: &mut Choices<'_>) -> Reference {
        let node = if choices.next() < 200 { self.peer.clone() } else { self.target.node.clone() };
        let words = [choices.of(&[1, 2, 3, 0, u32::MAX]), 0, choices.next().into(), 0, 0];
        let count = choices.of(&[3, 3, 5, 1, 2]);
        let creation = if node == self.peer { Creation(7) } else { self.target.creation };
        Reference::new(node, creation, &words[..count]).expect("it has up to five words")
    }

    fn number(&self, choices: &mut Choices<'_>) -> Term {
        match choices.next() {
            small @ 0..200 => Term::from(small % 40),
            200..210 => Term::from(-1),
            210..220 => Term::from(u64::MAX),
            220..230 => Term::from(1_i64 << 32),
            _ => self.any(choices),
        }
    }

    fn options(&self, choices: &mut Choices<'_>) -> Term {
        let option = |choices: &mut Choices<'_>| match choices.next() {
            0..80 => atom("link").into(),
            80..160 => atom("monitor").into(),
            160..200 => Term::tuple([atom("priority").into(), atom("high").into()]),
            200..220 => Term::tuple([atom("min_heap_size").into(), self.number(choices)]),
            _ => self.any(choices),
        };
        let count = choices.next() % 4;
        let options: Vec<Term> = (0..count).map(|_| option(choices)).collect();
        if choices.next() < 250 {
            Term::list(options)
        } else {
            Term::list_with_tail(options, self.any(choices))
        }
    }

    fn arguments(&self, choices: &mut Choices<'_>) -> Term {
        let count = choices.of(&[0, 1, 2, 3, 4, 5, 255]);
        let arguments: Vec<Term> = (0..count).map(|_| self.any(choices)).collect();
        if choices.next() < 250 { Term::list(arguments) } else { self.any(choices) }
    }

    /// Something that services might take for their own, or any term that the bytes left are.
    fn any(&self, choices: &mut Choices<'_>) -> Term {
        match choices.next() {
            0..30 => {
                atom(choices.of(&["normal", "kill", "killed", "noconnection", "shutdown", "infinity"])).into()
            }
            30..60 => Term::from(self.own_pid(choices)),
            60..80 => Term::from(self.pid(choices)),
            80..100 => Term::from(self.reference(choices)),
            100..120 => {
                // {'$gen_call', {From, Tag}, Request}
                let from = Term::tuple([self.own_pid(choices).into(), self.reference(choices).into()]);
                Term::tuple([atom("$gen_call").into(), from, self.any(choices)])
            }
            120..130 => Term::tuple([atom("$gen_cast").into(), self.any(choices)]),
            130..140 => Term::tuple([atom("system").into(), self.any(choices), atom("get_state").into()]),
            140..160 => Term::tuple([self.own_pid(choices).into(), self.any(choices)]),
            160..180 => Term::list((0..choices.next() % 4).map(|_| self.any(choices)).collect::<Vec<_>>()),
            180..200 => Term::tuple((0..choices.next() % 6).map(|_| self.any(choices)).collect::<Vec<_>>()),
            _ => {
                let bytes = [&[131], choices.0].concat().into();
                match etf::decode_with(&bytes, &etf::DecodeLimits::default()) {
                    Ok((term, used)) => {
                        choices.0 = choices.0.get(used - 1..).unwrap_or_default();
                        term
                    }
                    Err(_) => Term::NIL,
                }
            }
        }
    }
}
