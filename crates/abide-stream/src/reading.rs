//! How a route's values are read: as JSON, or by the schema whose id they begin with.
//!
//! The second is Confluent's wire format: a zero, the id in four bytes, its highest first, then what the schema describes.

use std::{borrow::Cow, sync::Arc};

use abide_values::{Found, Kind, Paths, Schema, WhyNot};

use crate::{
    config::Format,
    fate::Cause,
    record::Record,
    schemas::{Known, Schemas},
};

#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Json,
    Framed(Kind, Arc<Schemas>),
}

/// Before what the schema describes.
const HEAD: usize = 5;

/// Newer clients may name the schema here, and then the value begins with itself.
const IN_HEADER: &str = "__value_schema_id";

impl Reading {
    pub(crate) fn new(format: Format, schemas: &Arc<Schemas>) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Avro => Self::Framed(Kind::Avro, schemas.clone()),
            Format::Protobuf => Self::Framed(Kind::Protobuf, schemas.clone()),
        }
    }

    /// The schema that has to be known before the record is read.
    pub(crate) fn needs(&self, record: &Record<'_>) -> Option<(Kind, u32)> {
        match self {
            Self::Json => None,
            Self::Framed(kind, _) => {
                let (id, _) = split(record, record.value?).ok()?;
                Some((*kind, id))
            }
        }
    }

    pub(crate) fn find<'r>(
        &self,
        paths: &Paths,
        record: &Record<'_>,
        value: &'r [u8],
        found: &mut Vec<Found<'r>>,
    ) -> Result<(), Cause> {
        match self {
            Self::Json => paths.read_json(value, found).map_err(|_| Cause::ValueNotJson),
            Self::Framed(kind, schemas) => {
                let Framed { schema, body, .. } = by_schema(*kind, schemas, record, value)?;
                schema.read(paths, body, found).map_err(|_| misfit(*kind))
            }
        }
    }

    /// The value without what the paths lead to.
    pub(crate) fn without(&self, paths: &Paths, record: &Record<'_>, value: &[u8]) -> Result<Vec<u8>, Cause> {
        match self {
            Self::Json => paths.without_json(value).map_err(|_| Cause::ValueNotJson),
            Self::Framed(kind, schemas) => {
                let Framed { schema, head, body } = by_schema(*kind, schemas, record, value)?;
                let rest = schema.without(paths, body).map_err(|why| match why {
                    WhyNot::Unreadable(_) => misfit(*kind),
                    WhyNot::NotAllowed => Cause::CannotBeTakenOut,
                })?;
                Ok([head, &rest].concat())
            }
        }
    }

    /// The whole value, for what reads JSON alone.
    pub(crate) fn as_json<'r>(&self, record: &Record<'_>, value: &'r [u8]) -> Result<Cow<'r, [u8]>, Cause> {
        match self {
            Self::Json => Ok(value.into()),
            Self::Framed(kind, schemas) => {
                let Framed { schema, body, .. } = by_schema(*kind, schemas, record, value)?;
                schema.to_json(body).map(Cow::Owned).map_err(|_| misfit(*kind))
            }
        }
    }
}

/// A value, and what it is read by.
struct Framed<'v> {
    schema: Arc<Schema>,
    head: &'v [u8],
    body: &'v [u8],
}

fn by_schema<'v>(
    kind: Kind,
    schemas: &Schemas,
    record: &Record<'_>,
    value: &'v [u8],
) -> Result<Framed<'v>, Cause> {
    let (id, body) = split(record, value)?;
    match schemas.get(kind, id) {
        Some(Known::Schema(schema)) => Ok(Framed { schema, head: &value[..HEAD], body }),
        Some(Known::Unusable) => Err(Cause::SchemaUnusable { id }),
        // Whoever gathers records asks for their schemas first.
        Some(Known::Unknown(_)) | None => Err(Cause::SchemaUnknown { id }),
    }
}

fn split<'v>(record: &Record<'_>, value: &'v [u8]) -> Result<(u32, &'v [u8]), Cause> {
    if record.headers.iter().any(|(name, _)| *name == IN_HEADER) {
        return Err(Cause::SchemaInHeader);
    }
    match value.split_first_chunk::<HEAD>() {
        Some(([0, id @ ..], body)) => Ok((u32::from_be_bytes(*id), body)),
        _ => Err(Cause::NoSchemaId),
    }
}

fn misfit(kind: Kind) -> Cause {
    match kind {
        Kind::Avro => Cause::ValueNotAvro,
        Kind::Protobuf => Cause::ValueNotProtobuf,
    }
}
