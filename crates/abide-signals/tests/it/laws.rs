//! Laws of reading rows, over all vendors' flags.

use std::{collections::BTreeSet, sync::LazyLock};

use abide_model::{Direction, Time};
use abide_signals::{
    Export, OutWhen, Recognised, Vendor,
    exports::{FLAGS, Says},
};
use proptest::prelude::*;

/// The flags of a vendor that stand in columns of their own, as a header.
fn header_of(vendor: Vendor) -> Vec<(String, OutWhen)> {
    let own = |out_when| matches!(out_when, OutWhen::Yes | OutWhen::No | OutWhen::Filled);
    let flags = FLAGS
        .iter()
        .filter(|flag| flag.vendor == vendor && own(flag.out_when) && matches!(flag.says, Says::Out(..)));
    flags.map(|flag| (flag.columns[0].replace('*', "77"), flag.out_when)).collect()
}

type Exports = Vec<(Recognised, Vec<(String, OutWhen)>)>;

static EXPORTS: LazyLock<Exports> = LazyLock::new(exports);

fn exports() -> Exports {
    let vendors: BTreeSet<Vendor> = FLAGS.iter().map(|flag| flag.vendor).collect();
    let headers = vendors.into_iter().map(header_of).filter(|header| !header.is_empty());
    headers
        .map(|header| {
            let names: Vec<&str> = header.iter().map(|(name, _)| name.as_str()).collect();
            (Export::recognise("contacts.csv", Some(&names), &[]).unwrap().unwrap(), header)
        })
        .collect()
}

const NOW: Time = Time::from_seconds(1_800_000_000);

/// A text that says out in such a column, or one that says nothing.
fn cell(out_when: OutWhen, is_out: bool, spelling: usize) -> &'static str {
    let spellings: &[&str] = match (out_when, is_out) {
        (OutWhen::Filled, true) => &["2025-01-02 03:04:05", "1700000000", "Nov 2, 2025"],
        (OutWhen::Yes, true) => &["true", "YES", "1", "y", "Unsubscribed", "opted-out"],
        (OutWhen::No, true) => &["false", "NO", "0", "n", "Unsubscribed", "opted-out"],
        (OutWhen::Yes, false) => &["false", "No", "0", "", "subscribed", "NULL", "never_subscribed"],
        (OutWhen::No, false) => &["true", "Yes", "1", "", "subscribed", "NULL", "never_subscribed"],
        (_, false) => &["", "NULL", "false", "0"],
        (_, true) => unreachable!("not in these tables"),
    };
    spellings[spelling % spellings.len()]
}

proptest! {
    /// A row with k flags set says exactly k things, all of them out, all by the vendor; a row with
    /// none says nothing.
    #[test]
    fn as_many_statements_as_flags(
        set in prop::collection::vec(any::<bool>(), 16),
        spellings in prop::collection::vec(any::<usize>(), 16),
        pick in any::<prop::sample::Index>(),
    ) {
        let (export, header) = pick.get(&EXPORTS);
        let row: Vec<&str> = header.iter().enumerate().map(|(at, (_, out_when))| cell(*out_when, set[at], spellings[at])).collect();
        let statements = export.read_row(&|column| row.get(column).copied(), NOW).unwrap();
        let flags = set[..header.len()].iter().filter(|is_set| **is_set).count();
        prop_assert_eq!(statements.len(), flags);
        for it in statements {
            prop_assert_eq!(it.statement.direction, Direction::Out);
            prop_assert_eq!(it.statement.claimant.as_str(), export.vendor.source());
        }
    }

    /// Whatever stands in a row, it is read or refused, and never makes an opt-in.
    #[test]
    fn any_row_is_read_or_refused(cells in prop::collection::vec("\\PC{0,20}", 16), pick in any::<prop::sample::Index>()) {
        let (export, _) = pick.get(&EXPORTS);
        if let Ok(statements) = export.read_row(&|column| cells.get(column).map(String::as_str), NOW) {
            prop_assert!(statements.iter().all(|it| it.statement.direction == Direction::Out));
        }
    }
}
