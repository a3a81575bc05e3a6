//! Native records, new in OTP 29.

use super::{Atom, Elements, Term};

/// A native record (not the tuple of Erlang's `-record`): a module's named type with named fields.
///
/// Only OTP 29 and later know them; they are not sent to nodes that don't.
#[derive(Clone)]
pub struct Record {
    /// The module that defines the record.
    pub module: Atom,
    /// The record's name.
    pub name: Atom,
    /// Whether other modules may look inside.
    pub exported: bool,
    pub(crate) fields: Vec<Atom>,
    // As many as fields.
    pub(crate) values: Elements,
}

impl Record {
    /// A record of `fields`, in their order.
    #[must_use]
    pub fn new(module: Atom, name: Atom, exported: bool, fields: Vec<(Atom, Term)>) -> Record {
        let (fields, values): (Vec<Atom>, Vec<Term>) = fields.into_iter().unzip();
        Record { module, name, exported, fields, values: Elements::from(values) }
    }

    /// The fields with their values, in the order of the definition.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&Atom, &Term)> {
        self.fields.iter().zip(self.values.as_slice())
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Term> {
        self.fields().find(|(name, _)| *name == field).map(|(_, value)| value)
    }
}
