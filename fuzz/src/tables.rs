//! What the columns of a table hold, and whose export it is.

use abide_model::{Direction, Normaliser, Time};
use abide_signals::{Export, columns};

use crate::{choose, chosen};

const NOW: Time = Time::from_seconds(1_795_000_000);
const ROWS_MAX: usize = 50;

/// A table as the lines and commas say: how it is cut into cells is another target's affair.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().take(ROWS_MAX).map(|line| line.split(',').take(80).collect()).collect()
}

pub(crate) fn columns(data: &[u8]) {
    let Some(([has_header, region], text)) = choose(data) else { return };
    let text = String::from_utf8_lossy(text);
    let rows = rows(&text);
    let region = ["US", "DE"][region % 2].parse().unwrap();
    let (header, rows) = match rows.split_first() {
        Some((header, rows)) if has_header % 2 == 1 => (Some(&header[..]), rows),
        _ => (None, &rows[..]),
    };
    let Ok(found) = columns::guess(header, rows, region) else { return };
    for id in found.ids() {
        for row in rows {
            let cell = |column: usize| row.get(column).copied();
            let _ = id.role.identify(&Normaliser::new(region), &id.text(&cell));
        }
    }
    assert!(found.flags().chain(found.times()).count() <= found.all().len());
}

pub(crate) fn exports(data: &[u8]) {
    let Some(([name, has_header], text)) = choose(data) else { return };
    let text = String::from_utf8_lossy(text);
    let rows = rows(&text);
    let name =
        ["contacts.csv", "hubspot-export.csv", "drop.csv", "2026-11-22_415.txt", "suppression_bounces.csv"]
            [name % 5];
    let (header, rows) = match rows.split_first() {
        Some((header, rows)) if has_header % 2 == 1 => (Some(&header[..]), rows),
        _ => (None, &rows[..]),
    };
    let Ok(Some(export)) = Export::recognise(name, header, rows) else { return };
    let _ = export.sentences();
    for row in rows {
        if let Ok(said) = export.read_row(&|column| row.get(column).copied(), NOW) {
            assert!(said.iter().all(|it| it.statement.direction == Direction::Out), "no row makes an opt-in");
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../examples/brevo-export.csv"),
        include_str!("../../examples/hubspot-export.csv"),
        include_str!("../../examples/unsubscribed.csv"),
        include_str!("../../examples/customers.csv"),
        include_str!("../../examples/dnc.csv"),
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,LEID\njane@example.com,Jane,2,2024-01-02,2025-03-04 05:06:07,1\n",
        "email,created,reason,status\njane@example.com,1700000000,550 5.1.1,5.1.1\n",
        "Id,Email,HasOptedOutOfEmail,DoNotCall,Phone\n003,jane@example.com,true,0,+1 415 555 0100\n",
        "email_md5;x\n5f4dcc3b5aa765d61d8327deb882cf99;1\n",
    ];
    let beginnings = texts.iter().map(|text| text.split_inclusive('\n').take(12).collect::<String>());
    beginnings.zip((0..5).cycle()).map(|(text, name)| chosen(&[name, 1], text)).collect()
}
