//! Which term is written for which Rust value: serde's `Serializer`.

use serde::ser::{self, Serialize};

use super::compound::Compound;
use super::names::{atom_of_name, atom_of_text};
use super::sink::{Shape, Sink};
use super::{Nothing, Options, SerializeError};
use crate::atom;
use crate::term::Integer;
use crate::term::handover::{self, Handed};
use crate::term::naming::{STRUCT_KEY, UNIT, record_tag, variant_atom};

/// Writes Rust values to a [`Sink`].
#[derive(Debug)]
pub(crate) struct Serializer<K> {
    pub(super) sink: K,
    nothing: Nothing,
    limit: u32,
    /// How many levels may still be entered.
    depth: u32,
    /// What text is written as.
    pub(super) text: Text,
    /// Whether the text last written, as a key, is Elixir's key of a struct.
    pub(super) wrote_struct_key: bool,
    /// Whether the last term written is `()`.
    pub(super) wrote_unit: bool,
    /// Whether the next term is a list of arguments.
    arguments: bool,
    /// Whether a part could not be written.
    pub(super) failed: bool,
}

/// What text is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Binary,
    Atom,
    /// A binary, but Elixir's key of a struct an atom.
    Key,
}

impl<K: Sink> Serializer<K> {
    pub(crate) fn new(sink: K, options: Options) -> Serializer<K> {
        Serializer {
            sink,
            nothing: options.nothing,
            limit: options.depth_limit,
            depth: options.depth_limit,
            text: Text::Binary,
            wrote_struct_key: false,
            wrote_unit: false,
            arguments: false,
            failed: false,
        }
    }

    /// Has the value written as the arguments of a function.
    pub(crate) fn for_arguments(self) -> Serializer<K> {
        Serializer { arguments: true, ..self }
    }

    /// The sink, with `value` in it.
    pub(crate) fn write<T: Serialize + ?Sized>(mut self, value: &T) -> Result<K, SerializeError> {
        value.serialize(&mut self)?;
        if self.failed { Err(SerializeError::PartFailed) } else { Ok(self.sink) }
    }

    /// Before a term that is not made of others.
    fn leaf(&mut self, what: &'static str) -> Result<&mut K, SerializeError> {
        self.wrote_unit = false;
        if self.arguments {
            return Err(SerializeError::Arguments { found: what });
        }
        Ok(&mut self.sink)
    }

    fn name(&mut self, name: &'static str) -> Result<(), SerializeError> {
        let atom = atom_of_name(name)?;
        self.leaf("an atom")?.atom(&atom);
        Ok(())
    }

    pub(super) fn nothing(&mut self) -> Result<(), SerializeError> {
        let atom = match self.nothing {
            Nothing::Undefined => atom!("undefined"),
            Nothing::Nil => atom!("nil"),
        };
        self.leaf("an atom")?.atom(&atom);
        Ok(())
    }

    fn wide_integer(&mut self, value: impl Into<Integer>) -> Result<(), SerializeError> {
        self.leaf("an integer")?.big_integer(value.into())
    }

    pub(super) fn open(&mut self, shape: Shape) -> Result<K::Open, SerializeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => self.depth = depth,
            None => return Err(SerializeError::TooDeep { limit: self.limit }),
        }
        self.sink.open(shape)
    }

    pub(super) fn close(
        &mut self,
        shape: Shape,
        open: K::Open,
        count: usize,
        keys: &[std::ops::Range<usize>],
    ) -> Result<(), SerializeError> {
        self.depth += 1;
        self.wrote_unit = false;
        self.sink.close(shape, open, count, keys)
    }

    /// Opens a term that may be the arguments of a function.
    fn open_elements(&mut self, shape: Shape) -> Result<Compound<'_, K>, SerializeError> {
        let shape = if std::mem::take(&mut self.arguments) { Shape::List } else { shape };
        Compound::open(self, shape)
    }

    /// Opens a tuple and writes its tag.
    fn open_tagged(&mut self, tag: &'static str, shape: Shape) -> Result<Compound<'_, K>, SerializeError> {
        if self.arguments {
            return Err(SerializeError::Arguments { found: "a tagged tuple" });
        }
        let mut compound = Compound::open(self, shape)?;
        compound.tag(tag)?;
        Ok(compound)
    }
}

impl<'a, K: Sink> ser::Serializer for &'a mut Serializer<K> {
    type Ok = ();
    type Error = SerializeError;
    type SerializeSeq = Compound<'a, K>;
    type SerializeTuple = Compound<'a, K>;
    type SerializeTupleStruct = Compound<'a, K>;
    type SerializeTupleVariant = Compound<'a, K>;
    type SerializeMap = Compound<'a, K>;
    type SerializeStruct = Compound<'a, K>;
    type SerializeStructVariant = Compound<'a, K>;

    fn serialize_bool(self, value: bool) -> Result<(), SerializeError> {
        let atom = if value { atom!("true") } else { atom!("false") };
        self.leaf("an atom")?.atom(&atom);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), SerializeError> {
        self.leaf("an integer")?.integer(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerializeError> {
        self.wide_integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), SerializeError> {
        self.wide_integer(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerializeError> {
        self.wide_integer(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerializeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), SerializeError> {
        self.leaf("a float")?.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), SerializeError> {
        self.serialize_i64(u32::from(value).into())
    }

    fn serialize_str(self, value: &str) -> Result<(), SerializeError> {
        let is_struct_key = self.text != Text::Binary && value == STRUCT_KEY;
        self.wrote_struct_key |= is_struct_key;
        if self.text == Text::Atom || is_struct_key {
            let atom = atom_of_text(value)?;
            self.leaf("an atom")?.atom(&atom);
            Ok(())
        } else {
            self.leaf("a binary")?.binary(value.as_bytes())
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerializeError> {
        self.leaf("a binary")?.binary(value)
    }

    fn serialize_none(self) -> Result<(), SerializeError> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerializeError> {
        if std::mem::take(&mut self.arguments) {
            return Compound::open(self, Shape::List)?.finish();
        }
        self.name(UNIT)?;
        self.wrote_unit = true;
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerializeError> {
        match record_tag(name) {
            Some(tag) => self.open_tagged(tag, Shape::Tuple(1))?.finish(),
            None => self.name(name),
        }
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), SerializeError> {
        self.name(variant_atom(name, variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        if handover::is_reserved(name) {
            self.wrote_unit = false;
            // Terms can be arguments: a list, which is for the sender to know.
            self.arguments = false;
            return match handover::take_offered() {
                Some(Handed::Term(term)) => self.sink.term(term),
                Some(Handed::Encoded(encoded)) => self.sink.encoded(&encoded),
                None => Err(SerializeError::Buffered),
            };
        }
        match record_tag(name) {
            Some(tag) => {
                let mut record = self.open_tagged(tag, Shape::Tuple(2))?;
                record.part(value)?;
                record.finish()
            }
            None => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        let mark = self.sink.mark();
        let atom = variant_atom(name, variant);
        let mut tuple = self.open_tagged(atom, Shape::Tuple(2))?;
        tuple.part(value)?;
        let wrote_unit = tuple.wrote_unit();
        tuple.finish()?;
        // `Ok(())` is Erlang's `ok` and `Err(())` its `error`.
        if wrote_unit && atom != variant {
            self.sink.rollback(mark);
            self.name(atom)?;
        }
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'a, K>, SerializeError> {
        self.open_elements(Shape::List)
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'a, K>, SerializeError> {
        self.open_elements(Shape::Tuple(length))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Compound<'a, K>, SerializeError> {
        match record_tag(name) {
            Some(tag) => self.open_tagged(tag, Shape::Tuple(length + 1)),
            None => self.open_elements(Shape::Tuple(length)),
        }
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Compound<'a, K>, SerializeError> {
        self.open_tagged(variant_atom(name, variant), Shape::Tuple(length + 1))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'a, K>, SerializeError> {
        if self.arguments {
            return Err(SerializeError::Arguments { found: "a map" });
        }
        Compound::open(self, Shape::Map)
    }

    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Compound<'a, K>, SerializeError> {
        match record_tag(name) {
            // Fields that are skipped count as elements, and are known only when they come.
            Some(tag) => self.open_tagged(tag, Shape::Record),
            None => self.serialize_map(None),
        }
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, K>, SerializeError> {
        match record_tag(variant) {
            Some(tag) => self.open_tagged(tag, Shape::Record),
            None => self.open_tagged(variant_atom(name, variant), Shape::Tuple(2))?.inner(Shape::Map),
        }
    }
}
