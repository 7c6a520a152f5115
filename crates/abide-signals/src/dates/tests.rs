use super::*;

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

/// `expected` is RFC 3339, or empty for a cell that holds no date.
#[track_caller]
fn check(order: Option<DateOrder>, rows: &[(&str, &str)]) {
    let now = at("2026-11-22T12:00:00Z");
    for (text, expected) in rows {
        let expected = Ok((!expected.is_empty()).then(|| at(expected)));
        assert_eq!(DateReader::new(order).read(text, now), expected, "{text}");
    }
}

#[track_caller]
fn check_fault(order: Option<DateOrder>, rows: &[(&str, DateFault)]) {
    let now = at("2026-11-22T12:00:00Z");
    for (text, fault) in rows {
        assert_eq!(DateReader::new(order).read(text, now), Err(*fault), "{text}");
    }
}

#[test]
fn dates_that_read_one_way() {
    check(
        None,
        &[
            ("", ""),
            ("NULL", ""),
            ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("2022-01-02T03:04:05+02:00", "2022-01-02T01:04:05Z"),
            ("2022-01-02 03:04:05 -0530", "2022-01-02T08:34:05Z"),
            ("2021-03-04 10:20:30", "2021-03-04T10:20:30Z"),
            ("2021-03-04 10:20:30.25 UTC", "2021-03-04T10:20:30.250Z"),
            ("2021/03/04 10:20", "2021-03-04T10:20:00Z"),
            ("1699999999", "2023-11-14T22:13:19Z"),
            ("1699999999.5", "2023-11-14T22:13:19.500Z"),
            ("1699999999123", "2023-11-14T22:13:19.123Z"),
            ("1699999999123456", "2023-11-14T22:13:19.123456Z"),
            ("22 Nov 2025 09:00", "2025-11-22T09:00:00Z"),
            ("Nov 22, 2025 3:04 PM", "2025-11-22T15:04:00Z"),
            ("November 22nd, 2025 12:04 am", "2025-11-22T00:04:00Z"),
            ("22-Nov-2025 09:00:00", "2025-11-22T09:00:00Z"),
            ("Sat, 22 Nov 2025 09:00:00 +0100 (CET)", "2025-11-22T08:00:00Z"),
            ("11/22/2025 09:00", "2025-11-22T09:00:00Z"),
            ("22.11.2025 09:00", "2025-11-22T09:00:00Z"),
            ("05/05/2025 09:00", "2025-05-05T09:00:00Z"),
        ],
    );
}

/// A day is its last moment, so that it holds against an opt-in of the same day, but never later
/// than now.
#[test]
fn days_without_a_time() {
    check(
        None,
        &[
            ("2025-11-22", "2025-11-22T23:59:59.999999Z"),
            ("20251122", "2025-11-22T23:59:59.999999Z"),
            ("2026-11-22", "2026-11-22T12:00:00Z"),
        ],
    );
}

#[test]
fn the_order_decides_what_reads_both_ways() {
    let text = "03/04/2025 09:00";
    check_fault(None, &[(text, DateFault::OrderUnknown)]);
    check(
        Some(DateOrder::DayFirst),
        &[(text, "2025-04-03T09:00:00Z"), ("12-04-2022 09:30", "2022-04-12T09:30:00Z")],
    );
    check(Some(DateOrder::MonthFirst), &[(text, "2025-03-04T09:00:00Z")]);
    // The user's word holds: what contradicts it is a fault, not read the other way.
    check_fault(Some(DateOrder::DayFirst), &[("11/22/2025", DateFault::Impossible)]);
}

#[test]
fn what_gives_no_time_says_why() {
    use DateFault::{Future, Impossible, ShortYear, Unreadable};
    check_fault(
        None,
        &[
            ("hier", Unreadable),
            ("2999-01-01", Future),
            ("4155550100", Future),
            ("415-555-0100", Unreadable),
            ("2025-02-30", Impossible),
            ("13/13/2025", Impossible),
            ("0000-00-00 00:00:00", Impossible),
            ("2025-01-01 25:00", Impossible),
            ("11/22/25", ShortYear),
            ("2025-01-01 10:00 CST", Unreadable),
            ("2025", Unreadable),
            ("22 novembre 2025", Unreadable),
        ],
    );
}

/// Ahead of us by a zone or a clock is no future; it is now.
#[test]
fn slightly_ahead_is_now() {
    check(
        None,
        &[("2026-11-22 22:00:00", "2026-11-22T12:00:00Z"), ("2026-11-22T12:04:00Z", "2026-11-22T12:00:00Z")],
    );
    check_fault(
        None,
        &[("2026-11-22T12:06:00Z", DateFault::Future), ("2026-11-23 02:01", DateFault::Future)],
    );
}

#[test]
fn columns_tell_their_order() {
    let settle = |texts: &[&str]| {
        let mut evidence = OrderEvidence::default();
        for text in texts {
            evidence.see(text);
        }
        evidence.settle()
    };
    assert_eq!(settle(&["2025-01-02", "", "1699999999"]), Ok(None));
    assert_eq!(settle(&["03/04/2025", "22/04/2025"]), Ok(Some(DateOrder::DayFirst)));
    assert_eq!(settle(&["03/04/2025", "04/22/2025 10:00"]), Ok(Some(DateOrder::MonthFirst)));
    assert_eq!(
        settle(&["03/04/2025", "05/05/2025", "01/02/2025"]),
        Err(UnsettledOrder::Undecided { ambiguous: 2 })
    );
    assert_eq!(
        settle(&["22/04/2025", "04/22/2025"]),
        Err(UnsettledOrder::Contradictory { day_first: 1, month_first: 1 })
    );
}

#[test]
fn what_was_decided_is_said() {
    let mut evidence = OrderEvidence::default();
    for text in ["22/04/2025", "03/04/2025 10:00", "2025-01-01T00:00:00Z"] {
        evidence.see(text);
    }
    assert_eq!(
        evidence.to_string(),
        "2 dates are day-first (1 are possible only so); 1 times have no zone and are taken for UTC; \
         1 dates have no time of day and count as the end of their day, UTC"
    );
}

proptest::proptest! {
    /// No bytes make the scanner panic, and nothing is later than now.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~]{0,40}|\\PC{0,20}|[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ][0-9]{1,4}[T ,]?[0-9:. apmZ+-]{0,20}") {
        let now = at("2026-11-22T12:00:00Z");
        for order in [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)] {
            if let Ok(Some(time)) = DateReader::new(order).read(&text, now) {
                proptest::prop_assert!(time <= now);
            }
        }
    }
}
