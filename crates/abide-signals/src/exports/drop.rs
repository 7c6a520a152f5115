//! The deletion lists of California's DROP: `20260312_4821_Email.csv`, `ID,Hash`.
//!
//! Source: DROP for data brokers, technical specifications, "Working with data", version 1.2.0.

use abide_model::{IdentifierKind, Scope, Time};

use super::{Recognised, Unimportable, Vendor, table::drop_role};
use crate::{
    columns::{IdColumn, key},
    drop::{DropFile, Holds},
    flags::{Flag, FlagReader, OutWhen, ScopeOf},
};

/// Lists that name people by what Abide knows no identifier for.
const NO_IDENTIFIER: &str = "Abide knows people by e-mail, phone and advertising id; answer these requests where names, births and vehicles are kept";

const REMOVED: &str = "DROP's list of withdrawn requests";
const ENDS_OPT_OUTS: &str = "it ends opt-outs, and an import never does; `abide drop import` takes it";

pub(super) fn recognise(file_name: &str, header: &[&str]) -> Result<Option<Recognised>, Unimportable> {
    let names: Vec<String> = header.iter().map(|name| key(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match *names {
        ["id", "hash"] => {}
        ["id", "hash", "listtype"] => return refuse(REMOVED, ENDS_OPT_OUTS),
        ["id", "status"] => {
            return refuse("an answer to DROP", "it is what is uploaded to DROP, and names nobody");
        }
        _ => return Ok(None),
    }
    let Ok(DropFile { day, holds }) = DropFile::of_name(file_name) else {
        return refuse(
            "a deletion list of DROP",
            "only the file's name says of which day it is, and of what the digests are; give it back its name \
             (`20260312_4821_Email.csv`), or say --id Hash=email:drop, phone:drop or maid:drop with --mechanism law.drop",
        );
    };
    let kind = match holds {
        Holds::Removed => return refuse(REMOVED, ENDS_OPT_OUTS),
        Holds::List(list) => list.kind(),
    };
    let Some(kind) = kind else {
        return refuse("DROP's list of names, births, vehicles or televisions", NO_IDENTIFIER);
    };
    Ok(Some(list(kind, day)))
}

fn refuse(what: &'static str, why: &'static str) -> Result<Option<Recognised>, Unimportable> {
    Err(Unimportable { vendor: Vendor::Drop, what, why })
}

fn list(kind: IdentifierKind, day: Time) -> Recognised {
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
        flags: FlagReader { stated_at: Some(day), ..FlagReader::new(vec![request], Vendor::Drop.claimant()) },
        unread: Vec::new(),
    }
}
