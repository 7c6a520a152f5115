//! The bars and the tables.

use super::{Delay, Measured, Size, Who};
use crate::contest::Spread;
use crate::report::{Bar, bars, mib, ratio, table};

const OF_COPY: f64 = 0.9;
const OF_STREAMS: f64 = 2.0;
const OF_STREAMS_MEMORY: f64 = 1.0 / 5.0;
const ADDED_MS: f64 = 2.0;
const OF_COPY_CPU: f64 = 1.25;

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Abide => "`abide stream`",
            Self::Copy => "copy loop",
            Self::Streams => "Kafka Streams, join",
        }
    }
}

pub(super) fn part(size: &Size, measured: &[Measured], delays: &[Delay; 2], half: f64) -> String {
    let rate = |who: Who| measured.iter().find(|one| one.who == who).expect("all were measured");
    let [ours, copy, streams] = [Who::Abide, Who::Copy, Who::Streams].map(rate);
    let share = ours.a_second.median / copy.a_second.median;
    let times = ours.a_second.median / streams.a_second.median;
    let memory = ours.peak as f64 / streams.peak as f64;
    let added = delays[0].p99_ms.median - delays[1].p99_ms.median;
    let cpu = ours.cpu_us_each.median / copy.cpu_us_each.median;
    let found = [
        Bar {
            what: format!("events of 1 KiB, list of {}", size.rows),
            asked: format!("≥ {OF_COPY:.2} of a copy loop"),
            figure: format!("{:.0} a second, copied {:.0}", ours.a_second.median, copy.a_second.median),
            ratio: format!("{share:.2} of it"),
            met: share >= OF_COPY,
        },
        Bar {
            what: "the same beside Kafka Streams".to_owned(),
            asked: format!("≥ {} of its rate", ratio(OF_STREAMS)),
            figure: format!("{:.0} a second, theirs {:.0}", ours.a_second.median, streams.a_second.median),
            ratio: ratio(times),
            met: times >= OF_STREAMS,
        },
        Bar {
            what: "the same, peak memory".to_owned(),
            asked: "≤ 1/5 of its".to_owned(),
            figure: format!("{}, theirs {}", mib(ours.peak), mib(streams.peak)),
            ratio: format!("1/{:.1} of theirs", 1.0 / memory),
            met: memory <= OF_STREAMS_MEMORY,
        },
        Bar {
            what: format!("p99 at half of the rate that it keeps pace with, {half:.0} a second"),
            asked: format!("≤ {ADDED_MS} ms more than the copy loop"),
            figure: format!("{:.1} ms, copied {:.1} ms", delays[0].p99_ms.median, delays[1].p99_ms.median),
            ratio: format!("{added:+.1} ms"),
            met: added <= ADDED_MS,
        },
        Bar {
            what: "CPU time of the process for a record".to_owned(),
            asked: format!("≤ {} of the copy loop's", ratio(OF_COPY_CPU)),
            figure: format!("{:.2} µs, copied {:.2} µs", ours.cpu_us_each.median, copy.cpu_us_each.median),
            ratio: ratio(cpu),
            met: cpu <= OF_COPY_CPU,
        },
    ];
    [bars(&found), rates(measured), latencies(delays)].join("\n")
}

fn rates(measured: &[Measured]) -> String {
    let head = [
        "Between topics",
        "records a second",
        "least – most",
        "CPU time a record",
        "peak memory",
        "without mapped files",
    ];
    let row = |one: &Measured| {
        let Spread { median, least, most } = one.a_second;
        vec![
            one.who.name().to_owned(),
            format!("{median:.0}"),
            format!("{least:.0} – {most:.0}"),
            format!("{:.2} µs", one.cpu_us_each.median),
            mib(one.peak),
            mib(one.own),
        ]
    };
    table(&head, &measured.iter().map(row).collect::<Vec<_>>())
}

fn latencies(delays: &[Delay; 2]) -> String {
    let head = ["At half load, due until seen", "median", "p99", "least – most p99"];
    let row = |(who, delay): (Who, &Delay)| {
        vec![
            who.name().to_owned(),
            format!("{:.1} ms", delay.median_ms.median),
            format!("{:.1} ms", delay.p99_ms.median),
            format!("{:.1} – {:.1} ms", delay.p99_ms.least, delay.p99_ms.most),
        ]
    };
    table(&head, &[Who::Abide, Who::Copy].into_iter().zip(delays).map(row).collect::<Vec<_>>())
}
