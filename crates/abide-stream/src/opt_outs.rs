//! Records that are opt-outs themselves: which they are, and the signals that they make.

use std::path::Path;

use abide_model::{BatchId, Keyring, Normaliser, Signal, Time, contained::contained};
use abide_signals::mapping::Mapping;

use crate::{config::OptOutsConfig, fate::Cause, reading::Reading, record::Record};

/// A mapping, and what tells the records that it is asked about.
#[derive(Debug)]
pub(crate) struct OptOuts {
    mapping: Mapping,
    word: Option<(String, Vec<String>)>,
}

/// A statement of a record.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) signal: Signal,
    /// By which it is known, whatever its date: one that is still to come now is none when it is read again.
    pub(crate) event: BatchId,
}

/// What signals are made with.
#[derive(Clone, Debug)]
pub(crate) struct Makings<'k> {
    pub(crate) keyring: &'k Keyring,
    pub(crate) normaliser: &'k Normaliser,
    pub(crate) now: Time,
    /// Dates what has no time of its own.
    pub(crate) clock: Time,
}

impl OptOuts {
    pub(crate) fn read(config: &OptOutsConfig, folder: &Path) -> Result<Self, String> {
        let path = folder.join(&config.map);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("could not read the mapping `{}`: {error}", path.display()))?;
        let mapping = Mapping::parse(&text).map_err(|error| format!("`{}`, {error}", path.display()))?;
        let word = match (&config.place, config.is.is_empty()) {
            (None, true) => None,
            (Some(place), false) => {
                let pointer =
                    place.strip_prefix("value:").ok_or("`where` is a place in the value: value:/POINTER")?;
                Some((pointer.to_owned(), config.is.iter().cloned().collect()))
            }
            _ => return Err("`where` and `is` go together".to_owned()),
        };
        Ok(Self { mapping, word })
    }

    /// The pointer to the word that tells opt-outs.
    pub(crate) fn word(&self) -> Option<&str> {
        self.word.as_ref().map(|(pointer, _)| pointer.as_str())
    }

    pub(crate) fn is_word(&self, text: &str) -> bool {
        self.word.as_ref().is_some_and(|(_, words)| words.iter().any(|word| word == text))
    }

    /// What a record says. All of it or, where part of it cannot be read, none: then it has to be looked at by somebody.
    ///
    /// What becomes of it depends on the record alone, so that the same record, read again, changes nothing: dated by it, it
    /// is of the batch of its day; where the clock has to date it, since the record has no timestamp or one that is still to
    /// come, it is of the batch of its place.
    pub(crate) fn signals(
        &self,
        reading: &Reading,
        record: &Record<'_>,
        makings: &Makings<'_>,
    ) -> Result<Vec<Told>, Cause> {
        let Some(value) = record.value else { return Ok(Vec::new()) };
        let value = reading.as_json(record, value)?;
        let unreadable = |line| Cause::OptOutUnreadable { line };
        let read = contained(|| self.mapping.read(&value)).map_err(|_| unreadable(0))?;
        let read = read.map_err(|fault| unreadable(fault.line))?;
        let said_at = record.timestamp_ms.map(Time::from_millis);
        let mut signals = Vec::new();
        for mapped in read {
            let mapped = mapped.map_err(|fault| unreadable(fault.line))?;
            let unreadable = unreadable(mapped.line);
            let identifier =
                mapped.identifier.normalised(makings.normaliser).map_err(|_| unreadable.clone())?;
            let mut statement = mapped.statement;
            statement.stated_at = statement.stated_at.or(said_at);
            let holds = |at: &Time| at.clamped_to(makings.now) == *at;
            let event = BatchId::of_event(makings.keyring.stand_in(&place(record, signals.len())));
            let batch = match statement.stated_at.filter(holds) {
                Some(at) => BatchId::live(said_at.filter(holds).unwrap_or(at)),
                None => event.clone(),
            };
            let keys = makings.keyring.signal_keys(&identifier);
            let signal = Signal::new(keys, statement, batch, makings.now, makings.clock);
            signals.push(Told { signal: signal.map_err(|_| unreadable)?, event });
        }
        Ok(signals)
    }
}

/// Which statement of which record it is.
fn place(record: &Record<'_>, nth: usize) -> String {
    format!("{}/{}/{}/{nth}", record.topic, record.partition, record.offset)
}
