//! Single cells and single words: dates, yes and no, and what somebody types for a column, a scope, a mechanism.

use abide_model::{Claimant, Mechanism, Scope, Time};
use abide_signals::{ColumnRef, DateOrder, DateReader, FlagArg, IdArg, OrderEvidence, words};

use crate::{choose, chosen};

const NOW: Time = Time::from_seconds(1_795_000_000);

pub(crate) fn cells(data: &[u8]) {
    let Some(([order], text)) = choose(data) else { return };
    let text = String::from_utf8_lossy(text);
    let order = [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)][order % 3];
    if let Ok(Some(at)) = DateReader::new(order).read(&text, NOW) {
        assert!(at <= NOW, "nothing was stated in the future");
    }
    let mut evidence = OrderEvidence::default();
    text.lines().for_each(|line| evidence.see(line));
    let _ = evidence.settle();
    let _ = words::read(&text);
    if let Some(at) = Time::parse_rfc3339(&text) {
        assert_eq!(Time::parse_rfc3339(&at.to_string()), Some(at), "a time reads as it is written");
    }
    reads_as_it_is_written::<Scope>(&text);
    reads_as_it_is_written::<Mechanism>(&text);
    reads_as_it_is_written::<ColumnRef>(&text);
    let _ = text.parse::<Claimant>();
    if let Ok(flag) = text.parse::<FlagArg>() {
        let _ = flag.bind(Some(&["email", "optout"]), 2);
    }
    if let Ok(id) = text.parse::<IdArg>() {
        let _ = id.bind(Some(&["email", "optout"]), 2);
    }
}

fn reads_as_it_is_written<T>(text: &str)
where
    T: std::str::FromStr + ToString + PartialEq + std::fmt::Debug,
{
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().ok().as_ref(), Some(&read));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "2026-11-22T10:00:00Z",
        "2026-11-22 10:00:00+02:00",
        "1795000000",
        "1795000000123",
        "11/22/2026 3:04 PM",
        "22.11.2026",
        "Sun, 22 Nov 2026 10:00:00 +0000",
        "Nov 22, 2026 3:04 PM",
        "20261122",
        "03/04/2026\n04/13/2026",
        "yes",
        "Unsubscribed",
        "opted-out",
        "brand:acme",
        "sender:+14155550100",
        "list:weekly",
        "*",
        "phone.dnc.us",
        "email.unsubscribe",
        "#4=email.list@list:weekly",
        "may_call=no:phone.stop",
        "mail=email:md5",
        "user.phone=phone:drop",
        "hubspot",
    ];
    texts.iter().zip((0..3).cycle()).map(|(text, order)| chosen(&[order], text)).collect()
}
