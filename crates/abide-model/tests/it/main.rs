//! The identifiers from outside: published vectors, laws, and pinned outputs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod laws;
mod phones;
mod pinned;
mod privacy;
mod vectors;

use std::{fmt::Write, fs, path::PathBuf};

use abide_model::{Identifier, IdentifierKind, InvalidIdentifier, Normaliser};

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(name: &str) -> serde_json::Value {
    serde_json::from_str(&read(name)).unwrap()
}

fn raw_in(region: &str, kind: IdentifierKind, text: &str) -> Result<Identifier, InvalidIdentifier> {
    Normaliser::new(region.parse().unwrap()).raw(kind, text)
}

fn raw(kind: IdentifierKind, text: &str) -> Result<Identifier, InvalidIdentifier> {
    raw_in("US", kind, text)
}

fn texts(identifier: &Identifier) -> Vec<&str> {
    identifier.expose_texts().collect()
}

fn canonical(identifier: &Identifier) -> &str {
    identifier.expose_texts().next().expect("a raw identifier has a text")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
