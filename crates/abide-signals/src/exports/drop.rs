//! The deletion lists of California's DROP: `20260312_4821_Email.csv`, `ID,Hash`.
//!
//! Source: DROP for data brokers, technical specifications, "Working with data", version 1.2.0.

use abide_model::{IdentifierKind, Scope};

use super::{Recognised, Unimportable, Vendor, table::drop_role};
use crate::{
    columns::{IdColumn, key},
    flags::{Flag, FlagReader, OutWhen, ScopeOf},
};

/// Lists that name people by what Abide knows no identifier for.
const NO_IDENTIFIER: &str = "Abide knows people by e-mail, phone and advertising id; answer these requests where names, births and vehicles are kept";

pub(super) fn recognise(file_name: &str, header: &[&str]) -> Result<Option<Recognised>, Unimportable> {
    let names: Vec<String> = header.iter().map(|name| key(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match *names {
        ["id", "hash"] => {}
        ["id", "hash", "listtype"] => {
            return refuse(
                "DROP's list of withdrawn requests",
                "it ends opt-outs, and an import never does; `abide drop import` takes it",
            );
        }
        ["id", "status"] => {
            return refuse("an answer to DROP", "it is what is uploaded to DROP, and names nobody");
        }
        _ => return Ok(None),
    }
    let kind = match list_type(file_name) {
        Some("email") => IdentifierKind::Email,
        Some("phone") => IdentifierKind::Phone,
        Some("maid") => IdentifierKind::Maid,
        Some("ndz") => return refuse("DROP's list of names, births and ZIP codes", NO_IDENTIFIER),
        Some("namevin") => return refuse("DROP's list of names and vehicles", NO_IDENTIFIER),
        Some("ctvid") => return refuse("DROP's list of television ids", NO_IDENTIFIER),
        Some(_) => {
            return refuse(
                "DROP's list of withdrawn requests",
                "it ends opt-outs, and an import never does; `abide drop import` takes it",
            );
        }
        None => {
            return refuse(
                "a deletion list of DROP",
                "only the file's name says of what the digests are; give it back its name (`20260312_4821_Email.csv`), \
                 or say --id Hash=email:drop, phone:drop or maid:drop with --mechanism law.drop",
            );
        }
    };
    Ok(Some(list(kind)))
}

fn refuse(what: &'static str, why: &'static str) -> Result<Option<Recognised>, Unimportable> {
    Err(Unimportable { vendor: Vendor::Drop, what, why })
}

/// The third part of `YYYYMMDD_<broker>_<List>[_suffix].csv`, if it is a list's.
fn list_type(file_name: &str) -> Option<&'static str> {
    const LISTS: [&str; 7] = ["email", "phone", "maid", "ndz", "namevin", "ctvid", "removed"];
    let stem = file_name.split('.').next().unwrap_or("").to_lowercase();
    let part = stem.split('_').nth(2)?;
    LISTS.into_iter().find(|list| *list == part)
}

fn list(kind: IdentifierKind) -> Recognised {
    let request = Flag {
        column: None,
        name: "Hash".to_owned(),
        out_when: OutWhen::EveryRow,
        mechanism: "law.drop".parse().expect("a mechanism of the catalogue"),
        scope: ScopeOf::Same(Scope::Everyone),
        on: Some(kind),
        at: None,
    };
    Recognised {
        vendor: Vendor::Drop,
        by: "by its columns and file name".to_owned(),
        ids: vec![IdColumn { columns: vec![1], name: "Hash".to_owned(), role: drop_role(kind) }],
        flags: FlagReader::new(vec![request], Vendor::Drop.claimant()),
        unread: Vec::new(),
    }
}
