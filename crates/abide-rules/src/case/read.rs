//! From TOML to a case.

use std::{collections::BTreeMap, str::FromStr};

use abide_model::{
    Claimant, Context, Direction, Mechanism, PhoneRegion, Proof, SaidBy, Time, key::Forms, signal::Statement,
};
use serde::{Deserialize, de::DeserializeOwned};
use toml::Table;

use super::{
    Case, CaseCheck, CaseError, CaseIdentifier, CaseRetraction, CaseSignal, CaseSource, CaseStore, Expected,
    identifier,
};
use crate::error::Place;

/// The time of the first signal that does not say.
const START: Time = Time::from_seconds(1_767_225_600); // 2026-01-01T00:00:00Z
const STEP_MICROS: i64 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    #[serde(default)]
    store: RawStore,
    #[serde(default)]
    signal: Vec<Table>,
    #[serde(default)]
    retract: Vec<Table>,
    #[serde(default)]
    source: Vec<Table>,
    #[serde(default)]
    check: Vec<Table>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStore {
    phone_region: Option<String>,
    #[serde(default)]
    forms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignal {
    mechanism: String,
    scope: Option<String>,
    claimant: Option<String>,
    direction: Option<String>,
    at: Option<String>,
    batch: Option<String>,
    proof: Option<String>,
    recorded_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetraction {
    batch: Option<String>,
    source: Option<String>,
    mechanism: Option<String>,
    from: Option<String>,
    until: Option<String>,
    domain: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    claimant: String,
    mechanism: String,
    age_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    subject: Option<Table>,
    action: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
    verdict: String,
    reasons: Option<Vec<String>>,
}

pub(super) fn read(text: &str) -> Result<Case, CaseError> {
    let raw: RawCase = toml::from_str(text).map_err(|error| {
        let place = Place::at("", text, error.span().map_or(0, |span| span.start));
        CaseError::Toml {
            line: place.line,
            column: place.column,
            message: error.message().replace('\n', ", "),
        }
    })?;
    if raw.check.is_empty() {
        return Err(CaseError::NoCheck);
    }
    let mut at = START.plus_micros(-STEP_MICROS);
    let mut signals = Vec::new();
    for (nth, table) in raw.signal.into_iter().enumerate() {
        let signal = Entry { entry: "signal", number: nth + 1 }.signal(table, at)?;
        at = signal.at;
        signals.push(signal);
    }
    let numbered = |entry| move |(nth, table): (usize, Table)| (Entry { entry, number: nth + 1 }, table);
    let retractions = raw.retract.into_iter().enumerate().map(numbered("retract"));
    let sources = raw.source.into_iter().enumerate().map(numbered("source"));
    let checks = raw.check.into_iter().enumerate().map(numbered("check"));
    Ok(Case {
        store: store(&raw.store)?,
        signals,
        retractions: retractions.map(|(entry, table)| entry.retraction(table)).collect::<Result<_, _>>()?,
        sources: sources.map(|(entry, table)| entry.source(table)).collect::<Result<_, _>>()?,
        checks: checks.map(|(entry, table)| entry.check(table)).collect::<Result<_, _>>()?,
    })
}

fn store(raw: &RawStore) -> Result<CaseStore, CaseError> {
    let region = raw.phone_region.as_deref().unwrap_or("US");
    let phone_region: PhoneRegion = region.parse().map_err(|error| CaseError::Store(format!("{error}")))?;
    let mut forms = Forms::default();
    for form in &raw.forms {
        match form.as_str() {
            "md5" => forms.md5 = true,
            "sha1" => forms.sha1 = true,
            other => {
                return Err(CaseError::Store(format!(
                    "`{other}` is no form to derive; there are `md5` and `sha1`"
                )));
            }
        }
    }
    Ok(CaseStore { phone_region, forms })
}

/// Which entry of the case is read, for messages.
#[derive(Clone, Copy)]
struct Entry {
    entry: &'static str,
    number: usize,
}

impl Entry {
    fn signal(self, mut table: Table, before: Time) -> Result<CaseSignal, CaseError> {
        let identifiers = identifier::take(&mut table).map_err(|message| self.wrong(message))?;
        let [identifier] = <[CaseIdentifier; 1]>::try_from(identifiers)
            .map_err(|_| CaseError::OneIdentifier { entry: self.entry, number: self.number })?;
        let raw: RawSignal = self.rest(table)?;
        let mechanism: Mechanism = self.word(&raw.mechanism)?;
        let by_nature = match mechanism.spec().said_by {
            SaidBy::Person => "person",
            SaidBy::Source => "test",
        };
        let statement = Statement {
            scope: self.word(raw.scope.as_deref().unwrap_or("*"))?,
            claimant: self.word(raw.claimant.as_deref().unwrap_or(by_nature))?,
            direction: match raw.direction.as_deref() {
                None | Some("out") => Direction::Out,
                Some("in") => Direction::In,
                Some(other) => {
                    return Err(self.wrong(format!("`{other}` is no direction; there are `out` and `in`")));
                }
            },
            stated_at: None,
            proof: raw.proof.as_deref().map(|proof| self.word::<Proof>(proof)).transpose()?,
            recorded_by: raw.recorded_by.map(Into::into),
            mechanism,
        };
        statement.validate().map_err(|error| self.wrong(error.to_string()))?;
        let at = raw.at.map(|at| self.time(&at)).transpose()?.unwrap_or(before.plus_micros(STEP_MICROS));
        Ok(CaseSignal {
            identifier,
            at,
            batch: self.word(raw.batch.as_deref().unwrap_or("case"))?,
            statement: Statement { stated_at: Some(at), ..statement },
        })
    }

    fn retraction(self, table: Table) -> Result<CaseRetraction, CaseError> {
        let raw: RawRetraction = self.rest(table)?;
        match (raw.batch, raw.source, raw.mechanism, raw.from, raw.until) {
            (Some(batch), None, None, None, None) if raw.domain.is_none() => Ok(CaseRetraction::Batch(self.word(&batch)?)),
            (None, Some(source), Some(mechanism), Some(from), Some(until)) => Ok(CaseRetraction::Window {
                source: self.word::<Claimant>(&source)?,
                mechanism: self.word(&mechanism)?,
                from: self.time(&from)?,
                until: self.time(&until)?,
                domain: raw.domain,
            }),
            _ => Err(self.wrong(
                "give `batch`, or `source`, `mechanism`, `from` and `until` (and a `domain` if it is about one)".to_owned(),
            )),
        }
    }

    fn source(self, table: Table) -> Result<CaseSource, CaseError> {
        let raw: RawSource = self.rest(table)?;
        if raw.age_days > 36_500 {
            return Err(CaseError::Age { number: self.number });
        }
        Ok(CaseSource {
            claimant: self.word(&raw.claimant)?,
            mechanism: self.word(&raw.mechanism)?,
            age_days: raw.age_days,
        })
    }

    fn check(self, mut table: Table) -> Result<CaseCheck, CaseError> {
        let mut subject = identifier::take(&mut table).map_err(|message| self.wrong(message))?;
        let raw: RawCheck = self.rest(table)?;
        if let Some(mut inner) = raw.subject {
            subject.extend(identifier::take(&mut inner).map_err(|message| self.wrong(message))?);
            if let Some(name) = inner.keys().next() {
                return Err(self.wrong(format!("`{name}` is no kind of identifier")));
            }
        }
        if subject.is_empty() {
            return Err(CaseError::NoSubject { number: self.number });
        }
        Ok(CaseCheck {
            subject,
            action: self.word(&raw.action)?,
            context: raw
                .context
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect::<Context>(),
            expected: self.expected(&raw.verdict, raw.reasons)?,
        })
    }

    fn expected(self, verdict: &str, reasons: Option<Vec<String>>) -> Result<Expected, CaseError> {
        let misplaced = || CaseError::Reasons { number: self.number };
        match (verdict, reasons) {
            ("allow", None) => Ok(Expected::Allow),
            ("block", rules) => Ok(Expected::Block {
                rules: rules.map(|mut rules| {
                    rules.sort();
                    rules
                }),
            }),
            ("cannot_tell", None) => Ok(Expected::CannotTell { cause: None }),
            ("cannot_tell", Some(mut reasons)) if reasons.len() == 1 => {
                Ok(Expected::CannotTell { cause: reasons.pop() })
            }
            ("allow" | "cannot_tell", Some(_)) => Err(misplaced()),
            (other, _) => {
                Err(self
                    .wrong(format!("`{other}` is no verdict; there are `allow`, `block` and `cannot_tell`")))
            }
        }
    }

    fn rest<T: DeserializeOwned>(self, table: Table) -> Result<T, CaseError> {
        table.try_into().map_err(|error: toml::de::Error| self.wrong(error.message().replace('\n', ", ")))
    }

    fn word<T: FromStr<Err: std::fmt::Display>>(self, text: &str) -> Result<T, CaseError> {
        text.parse().map_err(|error| self.wrong(format!("`{text}`: {error}")))
    }

    fn time(self, text: &str) -> Result<Time, CaseError> {
        Time::parse_rfc3339(text).ok_or_else(|| CaseError::Time {
            entry: self.entry,
            number: self.number,
            text: text.to_owned(),
        })
    }

    fn wrong(self, message: String) -> CaseError {
        CaseError::Entry { entry: self.entry, number: self.number, message }
    }
}
