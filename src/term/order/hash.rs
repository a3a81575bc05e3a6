//! The hash of terms, consistent with `==`: what is equal by Erlang's `=:=` has one hash.
//!
//! The parts of a term are hashed in order, each compound term with its number of parts in front, so that different
//! terms never feed the same sequence to the hasher. Like the comparison it keeps its own stack.

use std::hash::{Hash, Hasher};
use std::slice;

use smallvec::SmallVec;

use crate::term::{Fun, ImproperList, List, LocalFun, Map, Record, Term, Tuple};

/// The terms still to be hashed, the next ones on top.
struct Pending<'a>(SmallVec<[slice::Iter<'a, Term>; 4]>);

impl<'a> Pending<'a> {
    fn none() -> Pending<'a> {
        Pending(SmallVec::new())
    }

    fn elements<H: Hasher>(&mut self, elements: &'a [Term], state: &mut H) {
        state.write_usize(elements.len());
        if !elements.is_empty() {
            self.0.push(elements.iter());
        }
    }

    fn finish<H: Hasher>(mut self, state: &mut H) {
        while let Some(top) = self.0.last_mut() {
            let next = top.next();
            if top.as_slice().is_empty() {
                self.0.pop();
            }
            if let Some(term) = next {
                self.term(term, state);
            }
        }
    }

    fn term<H: Hasher>(&mut self, term: &'a Term, state: &mut H) {
        match term {
            Term::Integer(integer) => {
                state.write_u8(0);
                integer.hash(state);
            }
            Term::Float(float) => {
                state.write_u8(1);
                state.write_u64(float.to_bits());
            }
            Term::Atom(atom) => {
                state.write_u8(2);
                atom.hash(state);
            }
            Term::Reference(reference) => {
                state.write_u8(3);
                reference.hash(state);
            }
            Term::Fun(fun) => {
                state.write_u8(4);
                self.fun(fun, state);
            }
            Term::Port(port) => {
                state.write_u8(5);
                port.hash(state);
            }
            Term::Pid(pid) => {
                state.write_u8(6);
                pid.hash(state);
            }
            Term::Tuple(tuple) => {
                state.write_u8(7);
                self.elements(tuple, state);
            }
            Term::Record(record) => {
                state.write_u8(8);
                self.record(record, state);
            }
            Term::Map(map) => {
                state.write_u8(9);
                self.elements(map.0.as_slice(), state);
            }
            Term::List(list) => {
                state.write_u8(10);
                self.elements(list, state);
            }
            Term::ImproperList(list) => {
                state.write_u8(11);
                self.elements(list.0.as_slice(), state);
            }
            Term::Binary(bytes) => {
                state.write_u8(12);
                bytes.hash(state);
            }
            Term::BitString(bits) => {
                state.write_u8(13);
                bits.hash(state);
            }
        }
    }

    fn record<H: Hasher>(&mut self, record: &'a Record, state: &mut H) {
        (&record.module, &record.name, record.exported, &record.fields).hash(state);
        self.elements(record.values.as_slice(), state);
    }

    fn fun<H: Hasher>(&mut self, fun: &'a Fun, state: &mut H) {
        match fun {
            Fun::External(fun) => {
                state.write_u8(0);
                fun.hash(state);
            }
            Fun::Local(fun) => {
                state.write_u8(1);
                self.local_fun(fun, state);
            }
        }
    }

    fn local_fun<H: Hasher>(&mut self, fun: &'a LocalFun, state: &mut H) {
        (&fun.module, fun.index, fun.old_uniq, fun.arity, fun.uniq).hash(state);
        self.elements(fun.free.as_slice(), state);
    }
}

macro_rules! hash {
    ($($kind:ty: |$pending:ident, $value:ident, $state:ident| $start:expr;)*) => { $(
        impl Hash for $kind {
            fn hash<H: Hasher>(&self, $state: &mut H) {
                let ($value, mut $pending) = (self, Pending::none());
                $start;
                $pending.finish($state);
            }
        }
    )* };
}
hash!(
    Term: |pending, term, state| pending.term(term, state);
    Tuple: |pending, tuple, state| pending.elements(tuple, state);
    List: |pending, list, state| pending.elements(list, state);
    ImproperList: |pending, list, state| pending.elements(list.0.as_slice(), state);
    Map: |pending, map, state| pending.elements(map.0.as_slice(), state);
    Record: |pending, record, state| pending.record(record, state);
    Fun: |pending, fun, state| pending.fun(fun, state);
    LocalFun: |pending, fun, state| pending.local_fun(fun, state);
);
