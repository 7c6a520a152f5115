//! The National Do Not Call Registry's flat text: one number in a line and no header.
//!
//! No sample rows are published; described are the area code, a comma and seven digits, and in
//! older texts one number in a line. All three spellings are read.

use abide_model::{IdentifierKind, Scope};

use super::{Recognised, Vendor};
use crate::{
    columns::{IdColumn, IdRole},
    flags::{Flag, FlagReader, OutWhen, ScopeOf},
};

/// `AAA,NNNNNNN` shows by itself. Ten digits in a line may be anything, so that the file's name must
/// say it.
pub(super) fn recognise(file_name: &str, rows: &[Vec<&str>]) -> Option<Recognised> {
    let of_name = ["dnc", "donotcall", "do_not_call", "do-not-call"]
        .iter()
        .any(|it| file_name.to_lowercase().contains(it));
    let all = |is_it: fn(&[&str]) -> bool| !rows.is_empty() && rows.iter().all(|row| is_it(row));
    if all(is_split) {
        Some(list(vec![0, 1]))
    } else if of_name && all(is_whole) {
        Some(list(vec![0]))
    } else {
        None
    }
}

fn is_split(row: &[&str]) -> bool {
    matches!(row, [area, rest] if is_digits(area, 3) && is_digits(rest, 7))
}

fn is_whole(row: &[&str]) -> bool {
    let [number] = row else { return false };
    let parts: Vec<&str> = number.trim().split('-').collect();
    match *parts {
        [number] => is_digits(number, 10),
        [area, exchange, line] => is_digits(area, 3) && is_digits(exchange, 3) && is_digits(line, 4),
        _ => false,
    }
}

fn is_digits(text: &str, count: usize) -> bool {
    let text = text.trim();
    text.len() == count && text.bytes().all(|b| b.is_ascii_digit())
}

fn list(columns: Vec<usize>) -> Recognised {
    let listed = Flag {
        column: None,
        name: "#1".to_owned(),
        out_when: OutWhen::EveryRow,
        mechanism: "phone.dnc.us".parse().expect("a mechanism of the catalogue"),
        scope: ScopeOf::Same(Scope::Everyone),
        on: Some(IdentifierKind::Phone),
        at: None,
    };
    // The registry is the United States', whatever the region of the store.
    let role = IdRole { prefix: "+1", ..IdRole::raw(IdentifierKind::Phone) };
    Recognised {
        vendor: Vendor::Dnc,
        by: "by the shape of its lines".to_owned(),
        ids: vec![IdColumn { columns, name: "#1".to_owned(), role }],
        flags: FlagReader::new(vec![listed], Vendor::Dnc.claimant()),
        unread: Vec::new(),
    }
}
