//! Which Rust type is read from which term: serde's `Deserializer`.

use std::borrow::Cow;

use serde::de::{self, Visitor};

use super::access::Variant;
use super::deserializer::Deserializer;
use super::source::{Kind, ListPart, Source};
use super::{DeserializeError, Reason, exotic};
use crate::term::Term;
use crate::term::handover;
use crate::term::naming::{is_nothing, record_tag};

impl<'de, S: Source<'de>> de::Deserializer<'de> for &mut Deserializer<'de, S> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        match self.kind()? {
            Kind::Integer => {
                let integer = self.integer()?;
                if let Ok(value) = u64::try_from(&integer) {
                    visitor.visit_u64(value)
                } else if let Some(value) = integer.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    // serde's buffers stop at 64 bits.
                    exotic::visit(&Term::Integer(integer), visitor)
                }
            }
            Kind::Float => visitor.visit_f64(self.source.float()?),
            Kind::Atom => {
                let atom = self.source.atom_name()?;
                if self.atom_as_text {
                    return self.visit_atom(atom, visitor);
                }
                match &*atom {
                    "true" => visitor.visit_bool(true),
                    "false" => visitor.visit_bool(false),
                    "undefined" => visitor.visit_none(),
                    "nil" => visitor.visit_unit(),
                    _ => self.visit_atom(atom, visitor),
                }
            }
            Kind::Binary => {
                let bytes = self.source.binary()?;
                match str::from_utf8(bytes) {
                    Ok(text) => self.visit_text(Cow::Borrowed(text), visitor),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            Kind::Tuple => {
                let arity = self.source.open_tuple()?;
                self.visit_elements(arity, visitor)
            }
            Kind::List => self.visit_list(visitor),
            Kind::Map => self.visit_map(false, visitor),
            Kind::Pid | Kind::Port | Kind::Reference | Kind::Fun | Kind::BitString | Kind::Record => {
                exotic::visit(&self.term()?, visitor)
            }
        }
        .map_err(|error| error.at(offset))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.kind()? != Kind::Atom {
            return Err(self.mismatch(&visitor));
        }
        let offset = self.source.offset();
        match &*self.source.atom_name()? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(DeserializeError::mismatch(&visitor, format_args!("the atom `{other}`")).at(offset)),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.visit_integer(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        match self.kind()? {
            Kind::Float => visitor.visit_f64(self.source.float()?),
            Kind::Integer => {
                let integer = self.integer()?;
                match integer.to_f64() {
                    Some(float) => visitor.visit_f64(float),
                    None => {
                        let found = "an integer that no float can hold";
                        Err(DeserializeError::mismatch(&visitor, found).at(offset))
                    }
                }
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        match self.kind()? {
            Kind::Integer => {
                let integer = self.integer()?;
                match u32::try_from(&integer).ok().and_then(char::from_u32) {
                    Some(character) => visitor.visit_char(character),
                    None => {
                        Err(DeserializeError::mismatch(&visitor, "an integer that is no code point")
                            .at(offset))
                    }
                }
            }
            Kind::Binary => {
                let text = self.text(&visitor)?;
                self.visit_text(text, visitor)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        let text = self.text(&visitor)?;
        self.visit_text(text, visitor).map_err(|error| error.at(offset))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.kind()? {
            Kind::Binary => visitor.visit_borrowed_bytes(self.source.binary()?),
            Kind::List => {
                let bytes = self.byte_list(&visitor)?;
                visitor.visit_byte_buf(bytes)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.kind()? == Kind::Atom && is_nothing(&self.source.peek_atom_name()?) {
            self.source.skip()?;
            return visitor.visit_none();
        }
        self.deeper(|this| visitor.visit_some(this))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        match self.kind()? {
            Kind::Atom => match &*self.source.atom_name()? {
                "ok" | "nil" | "undefined" => visitor.visit_unit(),
                other => {
                    Err(DeserializeError::mismatch(&visitor, format_args!("the atom `{other}`")).at(offset))
                }
            },
            Kind::Tuple => match self.source.open_tuple()? {
                0 => {
                    self.source.leave();
                    visitor.visit_unit()
                }
                _ => Err(DeserializeError::mismatch(&visitor, Kind::Tuple).at(offset)),
            },
            Kind::List => match self.source.open_list()? {
                ListPart::End => {
                    self.source.leave();
                    visitor.visit_unit()
                }
                _ => Err(DeserializeError::mismatch(&visitor, Kind::List).at(offset)),
            },
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if let Some(tag) = record_tag(name) {
            let offset = self.source.offset();
            return match self.open_record(tag, &visitor)? {
                0 => {
                    self.source.leave();
                    visitor.visit_unit()
                }
                fields => {
                    Err(DeserializeError::new(Reason::Arity { expected: 1, found: fields + 1 }).at(offset))
                }
            };
        }
        if self.kind()? != Kind::Atom {
            return Err(self.mismatch(&visitor));
        }
        let offset = self.source.offset();
        let atom = self.source.atom_name()?;
        if atom == name {
            return visitor.visit_unit();
        }
        let expected = format!("the atom `{name}`");
        let found = format_args!("the atom `{atom}`").to_string();
        Err(DeserializeError::mismatch(&expected.as_str(), found).at(offset))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if handover::is_reserved(name) {
            return self.hand_over(name, visitor);
        }
        if let Some(tag) = record_tag(name) {
            let fields = self.open_record(tag, &visitor)?;
            return self.visit_elements(fields, visitor);
        }
        self.deeper(|this| visitor.visit_newtype_struct(this))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.kind()? == Kind::List { self.visit_list(visitor) } else { Err(self.mismatch(&visitor)) }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.visit_tuple(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let Some(tag) = record_tag(name) else { return self.visit_tuple(length, visitor) };
        let fields = self.open_record(tag, &visitor)?;
        self.visit_elements(fields, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.kind()? == Kind::Map { self.visit_map(false, visitor) } else { Err(self.mismatch(&visitor)) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        if let Some(tag) = record_tag(name) {
            let fields = self.open_record(tag, &visitor)?;
            return self.visit_elements(fields, visitor);
        }
        self.visit_fields(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.source.offset();
        let payload = match self.kind()? {
            Kind::Atom => None,
            Kind::Tuple => match self.source.open_tuple()?.checked_sub(1) {
                Some(payload) => Some(payload),
                None => return Err(DeserializeError::mismatch(&visitor, "an empty tuple").at(offset)),
            },
            _ => return Err(self.mismatch(&visitor)),
        };
        // To Erlang `<<"get">>` and `get` are as different as any two terms: only atoms name variants.
        if self.kind()? != Kind::Atom {
            return Err(DeserializeError::mismatch(&visitor, "a tuple that starts with no atom").at(offset));
        }
        let tag = self.source.atom_name()?;
        self.deeper(|this| visitor.visit_enum(Variant::new(this, name, variants, tag, payload)))
            .map_err(|error| error.at(offset))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.kind()? {
            Kind::Atom => {
                let atom = self.source.atom_name()?;
                self.visit_atom(atom, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.skip()?;
        visitor.visit_unit()
    }
}
