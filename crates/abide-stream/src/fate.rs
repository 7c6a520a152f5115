//! What becomes of a record, and the headers that say why.

use std::{borrow::Cow, sync::Arc};

use abide_enforce::{Judgement, Snapshot};
use abide_model::{OnCannotTell, Verdict};

use crate::{
    reading::Reading,
    record::Record,
    route::{Asks, Blocked, Redaction},
};

/// Why a record goes to the dead letters. It shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("the value is not JSON")]
    ValueNotJson,
    #[error("the value does not begin with the id of a schema")]
    NoSchemaId,
    #[error(
        "its schema is named in a header, which is not read; let the producer put the id before the value"
    )]
    SchemaInHeader,
    #[error("the registry does not know the schema {id}")]
    SchemaUnknown { id: u32 },
    #[error("the schema {id} cannot be used; the log says why")]
    SchemaUnusable { id: u32 },
    #[error("the value is not Avro of its schema")]
    ValueNotAvro,
    #[error("the value is not Protobuf of its schema")]
    ValueNotProtobuf,
    #[error(
        "it is blocked, and a field of `redact` cannot be taken out, since its schema allows nothing empty there"
    )]
    CannotBeTakenOut,
    #[error("the key is not JSON")]
    KeyNotJson,
    /// By the line of the mapping; 0 for the record as a whole.
    #[error("it is an opt-out by the mapping, line {line}, and cannot be read")]
    OptOutUnreadable { line: usize },
    #[error("a header's name is no text")]
    HeaderNotText,
    #[error("it is larger than the broker takes")]
    TooLarge,
    #[error(
        "the broker does not take it into that topic, as one without a key into a topic that is compacted"
    )]
    NotTaken,
    #[error("its timestamp is further from the broker's clock than that topic takes")]
    TimestampNotTaken,
}

impl Cause {
    /// Whether it is of the broker's making: any record could be, and what it says does not matter.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::TooLarge | Self::NotTaken | Self::TimestampNotTaken)
    }
}

/// What was found of a record.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Not asked about: its route only looks for opt-outs, or it takes a key away and says of nobody anything.
    Unasked,
    Judged(Arc<Judgement>),
    Poison(Cause),
}

impl Fate {
    /// Whether the same would be done.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unasked, Self::Unasked) => true,
            (Self::Judged(one), Self::Judged(other)) => one.verdict == other.verdict,
            (Self::Poison(one), Self::Poison(other)) => one == other,
            _ => false,
        }
    }
}

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Passed,
    Dropped,
    Redacted,
    Diverted,
    Tombstoned,
    DeadLettered,
    /// Read for the opt-outs in it alone.
    Read,
}

impl Deed {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Dropped => "dropped",
            Self::Redacted => "redacted",
            Self::Diverted => "diverted",
            Self::Tombstoned => "tombstoned",
            Self::DeadLettered => "dead_lettered",
            Self::Read => "read",
        }
    }
}

type Header<'r> = (Cow<'r, str>, Option<Cow<'r, [u8]>>);

/// A record to be produced.
#[derive(Clone)]
pub(crate) struct Output<'r> {
    pub topic: &'r str,
    pub key: Option<&'r [u8]>,
    pub value: Option<Cow<'r, [u8]>>,
    /// `None` for the time at which it is sent.
    pub timestamp_ms: Option<i64>,
    /// Those of the record, but those taken out, then ours.
    pub headers: Vec<Header<'r>>,
}

/// The run is to be stopped at this record, by the route's own wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// What is done with a record, and what is to be produced for it, if anything.
pub(crate) fn follow<'r>(
    record: &Record<'r>,
    fate: &Fate,
    asks: Option<&'r Asks>,
    reading: &Reading,
    dead_letter: &'r str,
    stamp: &Stamp,
) -> Result<(Deed, Option<Output<'r>>), Stopped> {
    let judgement = match (fate, asks) {
        (Fate::Poison(cause), _) => return Ok(dead(record, cause, dead_letter)),
        (_, None) => return Ok((Deed::Read, None)),
        (Fate::Unasked, Some(asks)) => return Ok((Deed::Passed, Some(Output::of(record, &asks.output)))),
        (Fate::Judged(judgement), Some(_)) => judgement,
    };
    let asks = asks.expect("matched above");
    match &judgement.verdict {
        Verdict::Allow => return Ok((Deed::Passed, Some(Output::of(record, &asks.output)))),
        Verdict::CannotTell { .. } if asks.on_cannot_tell == OnCannotTell::Fail => return Err(Stopped),
        Verdict::CannotTell { .. } if asks.on_cannot_tell == OnCannotTell::Allow => {
            let mut output = Output::of(record, &asks.output);
            output.say_why(&judgement.verdict, stamp);
            return Ok((Deed::Passed, Some(output)));
        }
        Verdict::Block { .. } | Verdict::CannotTell { .. } => {}
    }
    let (deed, mut output) = match &asks.blocked {
        Blocked::Drop => return Ok((Deed::Dropped, None)),
        // Without a key there is nothing that a tombstone could take away.
        Blocked::Tombstone if record.key.is_none() => return Ok((Deed::Dropped, None)),
        Blocked::Tombstone => {
            let output = Output { value: None, ..Output::of(record, &asks.output) };
            (Deed::Tombstoned, output)
        }
        Blocked::Divert(topic) => (Deed::Diverted, Output::of(record, topic)),
        Blocked::Redact(redaction) => match redacted(record, &asks.output, redaction, reading) {
            Ok(output) => (Deed::Redacted, output),
            // What cannot be taken out is for somebody to look at.
            Err(cause) => return Ok(dead(record, &cause, dead_letter)),
        },
    };
    output.say_why(&judgement.verdict, stamp);
    Ok((deed, Some(output)))
}

fn dead<'r>(record: &Record<'r>, cause: &Cause, dead_letter: &'r str) -> (Deed, Option<Output<'r>>) {
    let mut output = if cause.is_refusal() {
        // Where it stands is told, and there it can be found.
        Output { topic: dead_letter, key: None, value: None, timestamp_ms: None, headers: Vec::new() }
    } else {
        Output::of(record, dead_letter)
    };
    output.say("abide-cause", cause.to_string());
    output.say("abide-from", format!("{}/{}/{}", record.topic, record.partition, record.offset));
    (Deed::DeadLettered, Some(output))
}

/// What stands in the headers of every verdict of one list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamp {
    pub(crate) ruleset: String,
    pub(crate) position: String,
}

impl Stamp {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self { ruleset: snapshot.rules.version().to_string(), position: snapshot.positions.to_string() }
    }
}

impl<'r> Output<'r> {
    fn of(record: &Record<'r>, topic: &'r str) -> Self {
        let headers = record.headers.iter();
        Self {
            topic,
            key: record.key,
            value: record.value.map(Cow::Borrowed),
            timestamp_ms: record.timestamp_ms,
            headers: headers.map(|(name, value)| (Cow::Borrowed(*name), value.map(Cow::Borrowed))).collect(),
        }
    }

    fn say(&mut self, name: &'static str, text: String) {
        self.headers.push((name.into(), Some(text.into_bytes().into())));
    }

    fn say_why(&mut self, verdict: &Verdict, stamp: &Stamp) {
        self.say("abide-verdict", verdict.as_str().to_owned());
        match verdict {
            Verdict::Allow => {}
            Verdict::Block { reasons } => {
                let rules: Vec<&str> = reasons.iter().map(|reason| &*reason.rule).collect();
                self.say("abide-rule", rules.join(","));
                let mut mechanisms: Vec<String> =
                    reasons.iter().flat_map(|reason| &reason.mechanisms).map(ToString::to_string).collect();
                mechanisms.sort();
                mechanisms.dedup();
                if !mechanisms.is_empty() {
                    self.say("abide-mechanism", mechanisms.join(","));
                }
            }
            Verdict::CannotTell { why } => self.say("abide-why", why.cause().to_owned()),
        }
        self.say("abide-ruleset", stamp.ruleset.clone());
        self.say("abide-position", stamp.position.clone());
    }
}

/// The record without what is to be taken out. Every other byte is as it was.
fn redacted<'r>(
    record: &Record<'r>,
    topic: &'r str,
    redaction: &'r Redaction,
    reading: &Reading,
) -> Result<Output<'r>, Cause> {
    let mut output = Output::of(record, topic);
    if redaction.key {
        output.key = None;
    }
    output.headers.retain(|(name, _)| !redaction.headers.iter().any(|taken| *taken == **name));
    if let Some(value) = record.value
        && !redaction.values.is_empty()
    {
        output.value = Some(reading.without(&redaction.values, record, value)?.into());
    }
    Ok(output)
}

/// Personal data: `Debug` shows where it goes.
impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Output({})", self.topic)
    }
}
