//! The oracle: goes through what was written and what came out side by side, partition by partition, and knows of each
//! record whether it had to pass, had to be blocked, or was free to, since somebody said no elsewhere meanwhile. It holds a
//! bit a person, and no record.

use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message as _;
use serde_json::Value;

use super::mails::Mails;
use super::people::Elsewhere;
use crate::kafka::broker::PARTITIONS;
use crate::kafka::output::{next_or_end, reader};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) must_pass: u64,
    pub(crate) must_block: u64,
    pub(crate) either: u64,
    pub(crate) either_passed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Pass,
    Block,
    Either,
}

/// An error at the first record that is not where it has to be.
pub(crate) fn compare(servers: &str, mails: Mails, elsewhere: &Elsewhere) -> Result<Found> {
    let mut found = Found::default();
    let mut said_no = vec![false; usize::try_from(mails.people)?];
    for partition in 0..PARTITIONS {
        let (input, output) =
            (Side::open(servers, super::MAILS, partition)?, Side::open(servers, super::OUTPUT, partition)?);
        let mut next = output.next()?;
        while let Some((offset, value)) = input.next()? {
            let number = Mails::number(&value).context("a record was not written by the bench")?;
            let person = mails.person(number);
            let no = &mut said_no[usize::try_from(person)?];
            *no |= mails.says_no(number);
            let must = match elsewhere.of(person) {
                _ if *no => Must::Block,
                Some(no) if offset >= no.holds_from => Must::Block,
                Some(no) if offset >= no.passes_before => Must::Either,
                _ => Must::Pass,
            };
            let passed = next.as_ref().is_some_and(|(_, next)| *next == value);
            if passed {
                next = output.next()?;
            }
            match (must, passed) {
                (Must::Pass, true) => found.must_pass += 1,
                (Must::Block, false) => found.must_block += 1,
                (Must::Either, passed) => {
                    found.either += 1;
                    found.either_passed += u64::from(passed);
                }
                (must, _) => {
                    bail!(
                        "record {number} (partition {partition}, offset {offset}) had to {must:?}, and did not"
                    )
                }
            }
        }
        if let Some((offset, _)) = next {
            bail!("partition {partition}, offset {offset} of the output is there twice, or out of its order");
        }
    }
    tallies(servers, &found)?;
    ensure!(
        found.must_pass + found.must_block + found.either == mails.events,
        "not all records were written"
    );
    Ok(found)
}

/// What the transactions counted is what is there.
fn tallies(servers: &str, found: &Found) -> Result<()> {
    let tallies = Side::open(servers, super::TALLIES, 0)?;
    let (mut seen, mut allowed, mut blocked, mut other) = (0, 0, 0, 0);
    while let Some((_, value)) = tallies.next()? {
        let tally: Value = serde_json::from_slice(&value)?;
        let part = |name: &str| tally[name].as_u64().with_context(|| format!("a tally without `{name}`"));
        seen += part("seen")?;
        allowed += part("allowed")?;
        blocked += part("blocked")?;
        other += part("cannot_tell")? + part("failed")?;
    }
    let passed = found.must_pass + found.either_passed;
    let all = found.must_pass + found.must_block + found.either;
    ensure!(
        (seen, allowed, blocked, other) == (all, passed, all - passed, 0),
        "the tallies say {seen} seen, {allowed} allowed, {blocked} blocked, {other} other; it was {all} and {passed}"
    );
    Ok(())
}

/// One partition from its beginning to its end.
struct Side(BaseConsumer);

impl Side {
    fn open(servers: &str, topic: &str, partition: i32) -> Result<Self> {
        Ok(Self(reader(servers, topic, partition..=partition)?))
    }

    fn next(&self) -> Result<Option<(i64, Vec<u8>)>> {
        let next = next_or_end(&self.0)?;
        Ok(next.map(|message| (message.offset(), message.payload().unwrap_or_default().to_vec())))
    }
}
