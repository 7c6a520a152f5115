//! The files of `examples/` are read to the last row, and their lists hold customers who are
//! spelled otherwise there.

use std::collections::HashMap;

use abide_model::{Identifier, IdentifierKind, Normaliser, Time};
use abide_signals::{Export, IdColumn, OrderEvidence, columns};

struct Table {
    header: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(text: &str, delimiter: u8, has_header: bool) -> Self {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut rows: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let header = has_header.then(|| rows.remove(0));
        Self { header, rows }
    }

    fn header(&self) -> Option<Vec<&str>> {
        self.header.as_ref().map(|header| header.iter().map(String::as_str).collect())
    }

    fn sample(&self) -> Vec<Vec<&str>> {
        self.rows.iter().take(100).map(|row| row.iter().map(String::as_str).collect()).collect()
    }

    /// The identifiers of a column, with the text that each has in this file.
    fn identifiers<'a>(&'a self, id: &'a IdColumn) -> impl Iterator<Item = (Identifier, String)> + 'a {
        self.rows.iter().filter_map(|row| {
            let text = id.text(&|column| row.get(column).map(String::as_str));
            id.role.identify(&normaliser(), &text).ok().map(|identifier| (identifier, text.into_owned()))
        })
    }
}

fn normaliser() -> Normaliser {
    Normaliser::new("US".parse().unwrap())
}

fn customers() -> Table {
    Table::read(include_str!("../../../../examples/customers.csv"), b',', true)
}

/// How many customers a list holds under another spelling than theirs.
fn respelled(list: &Table, ids: &[IdColumn], kind: IdentifierKind) -> usize {
    let customers = customers();
    let columns =
        columns::guess(customers.header().as_deref(), &customers.sample(), normaliser().region()).unwrap();
    let own: Vec<IdColumn> = columns.ids().filter(|id| id.role.kind == kind).collect();
    let customers: HashMap<Identifier, String> = customers.identifiers(&own[0]).collect();
    let listed = ids.iter().filter(|id| id.role.kind == kind).flat_map(|id| list.identifiers(id));
    listed.filter(|(identifier, text)| customers.get(identifier).is_some_and(|own| own != text)).count()
}

/// Reads an export to the end: the number of statements by mechanism.
fn tally(list: &Table, file_name: &str) -> (Vec<IdColumn>, HashMap<String, usize>) {
    let now = Time::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    let export = Export::recognise(file_name, list.header().as_deref(), &list.sample()).unwrap().unwrap();
    let mut tally = HashMap::new();
    for row in &list.rows {
        for it in export.read_row(&|column| row.get(column).map(String::as_str), now).unwrap() {
            *tally.entry(format!("{}@{}", it.statement.mechanism, it.statement.scope)).or_default() += 1;
        }
    }
    (export.ids, tally)
}

#[test]
fn customers_are_told_by_name() {
    let customers = customers();
    let columns =
        columns::guess(customers.header().as_deref(), &customers.sample(), normaliser().region()).unwrap();
    let ids: Vec<String> = columns.ids().map(|id| format!("{}={}", id.name, id.role)).collect();
    assert_eq!(ids, ["customer_id=user_id", "Email=email", "Phone=phone"]);
    let widths: Vec<usize> = customers.rows.iter().map(Vec::len).filter(|width| *width != 7).collect();
    assert_eq!((customers.rows.len(), widths), (300, vec![5, 8]));
}

#[test]
fn unsubscribed() {
    let list = Table::read(include_str!("../../../../examples/unsubscribed.csv"), b',', true);
    let columns = columns::guess(list.header().as_deref(), &list.sample(), normaliser().region()).unwrap();
    let ids: Vec<IdColumn> = columns.ids().collect();
    assert!(respelled(&list, &ids, IdentifierKind::Email) >= 20);
    let mut dates = OrderEvidence::default();
    list.rows.iter().for_each(|row| dates.see(&row[1]));
    assert_eq!((dates.settle(), dates.without_zone), (Ok(None), 0));
}

#[test]
fn hubspot() {
    let list = Table::read(include_str!("../../../../examples/hubspot-export.csv"), b',', true);
    let (ids, tally) = tally(&list, "hubspot-export.csv");
    assert_eq!(tally["email.unsubscribe@*"], 8);
    assert_eq!(tally["email.list@list:marketing-information"], 12);
    assert_eq!(tally["email.list@list:weekly-news"], 16);
    assert_eq!(tally["email.bounce.hard@*"], 4);
    assert!(respelled(&list, &ids, IdentifierKind::Email) >= 20);
}

#[test]
fn brevo() {
    let list = Table::read(include_str!("../../../../examples/brevo-export.csv"), b';', true);
    let (ids, tally) = tally(&list, "brevo-export.csv");
    assert_eq!((tally["profile.email@*"], tally["profile.sms@*"]), (8, 7));
    assert!(respelled(&list, &ids, IdentifierKind::Phone) >= 20);
}

#[test]
fn do_not_call() {
    let list = Table::read(include_str!("../../../../examples/dnc.csv"), b',', false);
    let (ids, tally) = tally(&list, "dnc.csv");
    assert_eq!(tally["phone.dnc.us@*"], list.rows.len());
    assert!(respelled(&list, &ids, IdentifierKind::Phone) >= 20);
}
