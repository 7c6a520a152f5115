//! A schema of a registry, of either kind.

use std::collections::BTreeSet;

use crate::{
    Found, Paths, Unreadable, WhyNot,
    avro::{self, Avro},
    protobuf::{self, Protobuf},
};

/// What values are written in, beside JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Avro,
    Protobuf,
}

/// A schema, ready to read values that were written with it.
#[derive(Debug)]
pub struct Schema(Of);

#[derive(Debug)]
enum Of {
    Avro(Avro),
    Protobuf(Protobuf),
}

/// Why a text is no schema, or none that can be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSchema(String);

impl Schema {
    /// `references` are the schemas that it refers to, under the names by which it does, each after those that it refers to
    /// itself.
    pub fn parse(kind: Kind, text: &str, references: &[(String, String)]) -> Result<Self, InvalidSchema> {
        match kind {
            Kind::Avro => {
                let texts: Vec<&str> = references.iter().map(|(_, text)| text.as_str()).collect();
                avro::parse(text, &texts).map(Of::Avro)
            }
            Kind::Protobuf => protobuf::parse(text, references).map(Of::Protobuf),
        }
        .map(Self)
        .map_err(InvalidSchema)
    }

    pub fn kind(&self) -> Kind {
        match self.0 {
            Of::Avro(_) => Kind::Avro,
            Of::Protobuf(_) => Kind::Protobuf,
        }
    }

    /// All that the paths lead to, in the order of the value. A value of Protobuf begins with which of the schema's messages
    /// it is.
    pub fn read<'v>(
        &self,
        paths: &Paths,
        value: &'v [u8],
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        match &self.0 {
            Of::Avro(schema) => schema.read(paths, value, found),
            Of::Protobuf(schema) => schema.read(paths, value, found),
        }
    }

    /// The value without what the paths lead to: null stands there where the schema has it, else what is empty.
    pub fn without(&self, paths: &Paths, value: &[u8]) -> Result<Vec<u8>, WhyNot> {
        match &self.0 {
            Of::Avro(schema) => schema.without(paths, value),
            Of::Protobuf(schema) => schema.without(paths, value),
        }
    }

    /// The whole value as JSON, in which the paths lead to the same.
    pub fn to_json(&self, value: &[u8]) -> Result<Vec<u8>, Unreadable> {
        match &self.0 {
            Of::Avro(schema) => schema.to_json(value),
            Of::Protobuf(schema) => schema.to_json(value),
        }
    }

    /// The numbers of the paths that lead to nothing, whatever the value. Where the schema has several messages, those that
    /// lead to nothing in any of them.
    pub fn leads_nowhere(&self, paths: &Paths) -> BTreeSet<usize> {
        let leads: BTreeSet<usize> = self.ends(paths).into_iter().map(|(number, _)| number).collect();
        paths.numbers().into_iter().filter(|number| !leads.contains(number)).collect()
    }

    /// The numbers of the paths to what cannot be taken out.
    pub fn cannot_be_taken_out(&self, paths: &Paths) -> BTreeSet<usize> {
        self.ends(paths).into_iter().filter(|(_, stays)| *stays).map(|(number, _)| number).collect()
    }

    /// The paths that lead to something, and whether to what cannot be taken out.
    fn ends(&self, paths: &Paths) -> BTreeSet<(usize, bool)> {
        match &self.0 {
            Of::Avro(schema) => schema.ends(paths),
            Of::Protobuf(schema) => schema.ends(paths),
        }
    }
}
