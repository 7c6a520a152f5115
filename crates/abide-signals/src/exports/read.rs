//! Whose export a header belongs to, and which of its columns are flags.

use abide_model::Scope;

use super::{
    Recognised, Says, Unimportable, Vendor, VendorFlag,
    table::{DAY_FIRST, FLAGS, IDS, ListOf, REFUSALS},
};
use crate::{
    columns::{IdColumn, is_named_flag, key},
    dates::{DateOrder, DateReader},
    flags::{Flag, FlagReader, OutWhen, ScopeOf, kind_of, list_scope},
};

pub(super) fn recognise(file_name: &str, header: &[&str]) -> Result<Option<Recognised>, Unimportable> {
    let header = Header(header);
    let found = best_vendor(file_name, header);
    let refusal = REFUSALS.iter().find(|refusal| {
        is_file(refusal.files, file_name)
            && refusal.columns.iter().all(|column| header.find(column).is_some())
    });
    // A file's name says more than its columns do; the columns of a flag more than other columns.
    if let Some(refusal) = refusal
        .filter(|refusal| found.is_none() || !refusal.files.is_empty() || refusal.vendor == Vendor::Promio)
    {
        return Err(Unimportable { vendor: refusal.vendor, what: refusal.what, why: refusal.why });
    }
    Ok(found.map(|(vendor, by)| bind(vendor, by, file_name, header)))
}

/// The vendor most of whose telling columns are there, spelled exactly or else nearly, and what
/// tells. `None` if there is none, or no single one.
fn best_vendor(file_name: &str, header: Header<'_>) -> Option<(Vendor, String)> {
    let mut vendors: Vec<Vendor> = FLAGS.iter().map(|flag| flag.vendor).collect();
    vendors.dedup();
    let scores = vendors.into_iter().map(|vendor| {
        let telling = FLAGS
            .iter()
            .filter(|flag| flag.vendor == vendor && flag.is_telling && is_file(flag.files, file_name));
        let matches: Vec<Match> = telling.flat_map(|flag| header.telling(flag)).collect();
        let exact = matches.iter().filter(|it| it.is_exact).count();
        ((exact, matches.len()), vendor, matches.into_iter().next())
    });
    let mut scores: Vec<_> = scores.filter(|(score, ..)| score.1 > 0).collect();
    scores.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    match &scores[..] {
        [(first, ..), (second, ..), ..] if first == second => None,
        [(_, vendor, Some(by)), ..] => Some((*vendor, format!("by its column `{}`", header.name(by.column)))),
        _ => None,
    }
}

fn bind(vendor: Vendor, by: String, file_name: &str, header: Header<'_>) -> Recognised {
    let of_vendor = FLAGS.iter().filter(|flag| flag.vendor == vendor && is_file(flag.files, file_name));
    let rows: Vec<&VendorFlag> = of_vendor.filter(|flag| !header.all(flag).is_empty()).collect();
    // Where the file's name says the state of all that are in it, the columns only repeat it.
    let by_file = rows.iter().any(|flag| flag.out_when == OutWhen::EveryRow);
    let mut flags = Vec::new();
    let mut unread = Vec::new();
    let mut known = Vec::new();
    for row in rows {
        let matches = header.all(row);
        known.extend(matches.iter().map(|it| it.column));
        match row.says {
            Says::Unread(why) => unread.extend(
                matches.iter().map(|it| format!("column `{}` is not read: {why}", header.name(it.column))),
            ),
            Says::Out(..) if by_file && row.out_when != OutWhen::EveryRow => {}
            Says::Out(..) if by_file => flags.push(flag(row, &matches[0], header)),
            Says::Out(..) => flags.extend(matches.iter().map(|it| flag(row, it, header))),
        }
    }
    let ids = ids(vendor, header);
    known.extend(ids.iter().flat_map(|id| id.columns.iter().copied()));
    known.extend(flags.iter().filter_map(|flag| flag.at));
    let strange =
        (0..header.0.len()).filter(|column| !known.contains(column) && is_named_flag(header.0[*column]));
    unread.extend(strange.map(|column| {
        let name = header.name(column);
        format!("column `{name}` looks like a flag and is not read; say --flag '{name}=MECHANISM' to read it")
    }));
    let order = DAY_FIRST.contains(&vendor).then_some(DateOrder::DayFirst);
    let reader = FlagReader { dates: DateReader::new(order), ..FlagReader::new(flags, vendor.claimant()) };
    let by = if by_file { "by its file name".to_owned() } else { by };
    Recognised { vendor, by, ids, flags: reader, unread }
}

fn flag(row: &VendorFlag, found: &Match, header: Header<'_>) -> Flag {
    let Says::Out(mechanism, list) = row.says else { unreachable!("only flags that say out are bound") };
    let mechanism = mechanism.parse().expect("the table names mechanisms of the catalogue");
    let every_row = row.out_when == OutWhen::EveryRow;
    Flag {
        column: (!every_row).then_some(found.column),
        name: header.name(found.column),
        out_when: row.out_when,
        scope: match list {
            ListOf::Everyone => ScopeOf::Same(Scope::Everyone),
            ListOf::Star => ScopeOf::Same(list_scope(&found.star)),
            ListOf::Columns(names) => match names.iter().find_map(|name| header.find(name)) {
                Some(column) => ScopeOf::ListIn(column),
                None => ScopeOf::Same(Scope::Everyone),
            },
        },
        on: kind_of(&mechanism),
        mechanism,
        // A column that is both flag and date dates itself, under whichever name it was found.
        at: match row.at {
            Some(at) if row.columns.contains(&at) && !every_row => Some(found.column),
            Some(at) => header.find(at),
            None => None,
        },
    }
}

fn ids(vendor: Vendor, header: Header<'_>) -> Vec<IdColumn> {
    let of_vendor = IDS.iter().filter(|id| id.vendor == vendor);
    let mut ids: Vec<IdColumn> = of_vendor
        .flat_map(|id| {
            let is_it = |name: &str| id.columns.iter().any(|column| key(column) == key(name));
            let columns = (0..header.0.len()).filter(move |at| is_it(header.0[*at]));
            columns
                .map(|at| IdColumn { columns: vec![at], name: header.name(at), role: id.role })
                .collect::<Vec<_>>()
        })
        .collect();
    ids.sort_by_key(|id| id.columns[0]);
    ids
}

/// Whether the name of a file begins as one of `files` says; any does if they are none.
fn is_file(files: &[&str], file_name: &str) -> bool {
    let name = file_name.to_lowercase();
    files.is_empty() || files.iter().any(|file| name.starts_with(file))
}

/// A column that a row of the table names.
struct Match {
    column: usize,
    /// What the `*` stands for.
    star: String,
    is_exact: bool,
}

#[derive(Clone, Copy)]
struct Header<'a>(&'a [&'a str]);

impl Header<'_> {
    fn name(self, column: usize) -> String {
        self.0[column].trim().to_owned()
    }

    fn find(self, name: &str) -> Option<usize> {
        let exact = self.0.iter().position(|column| column.trim() == name);
        exact.or_else(|| self.0.iter().position(|column| key(column) == key(name)))
    }

    /// The columns that a row of the table is about. Of a row that is about whole files: those that
    /// the file must have, or none.
    fn all(self, row: &VendorFlag) -> Vec<Match> {
        if row.out_when == OutWhen::EveryRow {
            let found: Vec<Match> = row
                .columns
                .iter()
                .filter_map(|name| self.find(name))
                .map(|column| Match { column, star: String::new(), is_exact: true })
                .collect();
            return if found.len() == row.columns.len() { found } else { Vec::new() };
        }
        (0..self.0.len()).filter_map(|column| self.best(column, row.columns)).collect()
    }

    /// How a column is one of these names, exactly if it can be.
    fn best(self, column: usize, names: &[&str]) -> Option<Match> {
        let mut matches = names.iter().filter_map(|name| self.matches(column, name));
        let first = matches.next()?;
        if first.is_exact { Some(first) } else { Some(matches.find(|it| it.is_exact).unwrap_or(first)) }
    }

    /// The columns by which a vendor is told: several that must be there together are one sign.
    fn telling(self, row: &VendorFlag) -> Vec<Match> {
        let mut found = self.all(row);
        if row.out_when == OutWhen::EveryRow {
            found.truncate(1);
        }
        found
    }

    fn matches(self, column: usize, name: &str) -> Option<Match> {
        let text = self.0[column].trim();
        if let Some(prefix) = name.strip_suffix('*') {
            let (start, star) = text.split_at_checked(prefix.len())?;
            let star = star.trim();
            return (start.eq_ignore_ascii_case(prefix) && !star.is_empty()).then(|| Match {
                column,
                star: star.to_owned(),
                is_exact: start == prefix,
            });
        }
        (text == name || key(text) == key(name)).then(|| Match {
            column,
            star: String::new(),
            is_exact: text == name,
        })
    }
}
