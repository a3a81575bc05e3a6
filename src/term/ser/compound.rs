//! Writing the parts of tuples, lists, maps and structs.

use std::ops::Range;

use serde::ser::{self, Serialize};
use smallvec::SmallVec;

use super::SerializeError;
use super::names::atom_of_name;
use super::serializer::{Serializer, Text};
use super::sink::{Shape, Sink};
use crate::term::naming::STRUCT_KEY;

/// A term whose parts are being written.
pub(crate) struct Compound<'a, K: Sink> {
    ser: &'a mut Serializer<K>,
    shape: Shape,
    open: K::Open,
    /// How many elements or pairs there are by now.
    count: usize,
    /// The places of keys that may be equal: those of a map, but not the names of a struct's fields.
    keys: SmallVec<[Range<usize>; 4]>,
    /// The tagged tuple around it.
    outer: Option<(Shape, K::Open)>,
}

impl<'a, K: Sink> Compound<'a, K> {
    pub(super) fn open(ser: &'a mut Serializer<K>, shape: Shape) -> Result<Self, SerializeError> {
        let open = ser.open(shape)?;
        Ok(Compound { ser, shape, open, count: 0, keys: SmallVec::new(), outer: None })
    }

    /// Opens the last element of this tuple, to be closed with it.
    pub(super) fn inner(self, shape: Shape) -> Result<Self, SerializeError> {
        let inner = Compound::open(self.ser, shape)?;
        Ok(Compound { outer: Some((self.shape, self.open)), ..inner })
    }

    pub(super) fn tag(&mut self, tag: &'static str) -> Result<(), SerializeError> {
        self.ser.sink.atom(&atom_of_name(tag)?);
        self.count += 1;
        Ok(())
    }

    /// Writes an element.
    pub(super) fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.count += 1;
        self.value(value, Text::Binary)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T, text: Text) -> Result<(), SerializeError> {
        let outside = std::mem::replace(&mut self.ser.text, text);
        let written = value.serialize(&mut *self.ser);
        self.ser.text = outside;
        self.ser.failed |= written.is_err();
        written
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T, text: Text) -> Result<(), SerializeError> {
        let start = self.ser.sink.position();
        self.ser.wrote_struct_key = false;
        self.value(key, text)?;
        self.keys.push(start..self.ser.sink.position());
        Ok(())
    }

    fn value_of_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.count += 1;
        let is_module = std::mem::take(&mut self.ser.wrote_struct_key);
        self.value(value, if is_module { Text::Atom } else { Text::Binary })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), SerializeError> {
        if self.shape != Shape::Map {
            return self.part(value);
        }
        self.ser.sink.atom(&atom_of_name(name)?);
        self.count += 1;
        self.value(value, if name == STRUCT_KEY { Text::Atom } else { Text::Binary })
    }

    /// The place of a record's field that is skipped is not.
    fn skipped(&mut self) -> Result<(), SerializeError> {
        if self.shape == Shape::Map {
            return Ok(());
        }
        self.count += 1;
        self.ser.nothing()
    }

    pub(super) fn wrote_unit(&self) -> bool {
        self.ser.wrote_unit
    }

    pub(super) fn finish(self) -> Result<(), SerializeError> {
        self.ser.close(self.shape, self.open, self.count, &self.keys)?;
        match self.outer {
            Some((shape, open)) => self.ser.close(shape, open, 2, &[]),
            None => Ok(()),
        }
    }
}

impl<K: Sink> ser::SerializeSeq for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeTuple for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeTupleStruct for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeTupleVariant for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeMap for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.key(key, Text::Key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.value_of_key(value)
    }

    fn serialize_entry<Q: Serialize + ?Sized, T: Serialize + ?Sized>(
        &mut self,
        key: &Q,
        value: &T,
    ) -> Result<(), SerializeError> {
        // serde writes structs with a flattened field, and tags, as entries of a map whose key is a `str` itself,
        // the only text with no known size. The keys of a collection have one: `String`, `&str`, `Box<str>`.
        let is_field = const { size_of::<&Q>() > size_of::<usize>() };
        self.key(key, if is_field { Text::Atom } else { Text::Key })?;
        self.value_of_key(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeStruct for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.field(name, value)
    }

    fn skip_field(&mut self, _: &'static str) -> Result<(), SerializeError> {
        self.skipped()
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<K: Sink> ser::SerializeStructVariant for Compound<'_, K> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.field(name, value)
    }

    fn skip_field(&mut self, _: &'static str) -> Result<(), SerializeError> {
        self.skipped()
    }

    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}
