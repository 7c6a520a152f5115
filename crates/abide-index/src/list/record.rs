//! States as bytes, written and read by the numbers of their words, so that of millions that are alike none costs more
//! than its own key and time.

use abide_model::{
    BatchId, Claimant, Direction, Form, IdentifierKind, IdentityState, Key, Mechanism, Moments, Scope,
    Signal, Time,
};

use super::{bytes::Input, codec, words::Words};
use crate::IndexError;

/// Writes states with their keys, for scratch files outside an index. [`Record::parse`] reads them back.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    words: Words,
    /// The words of the last signal; the next one mostly has the same.
    last: Option<SignalWords>,
    /// The last record of nothing but a primary key and a claim: all but the key, and what it says.
    last_tail: Option<(Said, Vec<u8>)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Said {
    kind: IdentifierKind,
    form: Form,
    version: u16,
    numbers: codec::ClaimWords,
    direction: Direction,
    at: Time,
}

#[derive(Clone, Debug)]
struct SignalWords {
    mechanism: Mechanism,
    scope: Scope,
    claimant: Claimant,
    batch: BatchId,
    numbers: codec::ClaimWords,
}

impl Encoder {
    /// With words that keep their numbers.
    pub fn new(words: Words) -> Self {
        Self { words, last: None, last_tail: None }
    }

    pub fn words(&self) -> &Words {
        &self.words
    }

    pub fn into_words(self) -> Words {
        self.words
    }

    pub fn state(&mut self, state: &IdentityState, into: &mut Vec<u8>) {
        codec::write_whole(state, &mut self.words, into);
    }

    /// The state that one signal makes.
    pub fn signal(&mut self, signal: &Signal, into: &mut Vec<u8>) {
        let keys = &signal.keys;
        match &keys.aliases[..] {
            // In the state they are sorted, each once, and without the primary.
            [] => {}
            [alias] if *alias != keys.primary => {}
            _ => return self.state(&IdentityState::of(signal), into),
        }
        let numbers = self.numbers(signal);
        if !keys.aliases.is_empty() || keys.domain.is_some() {
            codec::write_keys(keys.kind, keys.primary, &keys.aliases, keys.domain, into);
            codec::write_first_claim(numbers, signal.direction, signal.at, into);
            return;
        }
        let said = Said {
            kind: keys.kind,
            form: keys.primary.form,
            version: keys.primary.version,
            numbers,
            direction: signal.direction,
            at: signal.at,
        };
        into.extend(keys.primary.key.0);
        if self.last_tail.as_ref().is_none_or(|(last, _)| *last != said) {
            let mut whole = Vec::new();
            codec::write_keys(keys.kind, keys.primary, &[], None, &mut whole);
            codec::write_first_claim(numbers, signal.direction, signal.at, &mut whole);
            self.last_tail = Some((said, whole.split_off(keys.primary.key.0.len())));
        }
        into.extend_from_slice(self.last_tail.as_ref().map_or(&[], |(_, tail)| tail));
    }

    fn numbers(&mut self, signal: &Signal) -> codec::ClaimWords {
        let Signal { mechanism, scope, claimant, batch, .. } = signal;
        match &self.last {
            Some(last)
                if last.mechanism == *mechanism
                    && last.scope == *scope
                    && last.claimant == *claimant
                    && last.batch == *batch =>
            {
                last.numbers
            }
            _ => {
                let numbers = codec::ClaimWords {
                    mechanism: self.words.mechanisms.number(mechanism),
                    scope: self.words.scopes.number(scope),
                    claimant: self.words.claimants.number(claimant),
                    batch: self.words.batches.number(batch),
                };
                let (mechanism, scope) = (mechanism.clone(), scope.clone());
                let (claimant, batch) = (claimant.clone(), batch.clone());
                self.last = Some(SignalWords { mechanism, scope, claimant, batch, numbers });
                numbers
            }
        }
    }
}

/// A state as an [`Encoder`] or a list holds it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub primary: Key,
    pub(super) aliases: &'a [[u8; 16]],
    pub(super) state: &'a [u8],
}

/// What a record says of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    pub kind: IdentifierKind,
    /// Of the primary key.
    pub form: Form,
    pub aliases: usize,
}

/// A claim of a record, its words by the numbers that they have in its [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberedClaim {
    pub mechanism: usize,
    pub scope: usize,
    pub claimant: usize,
    pub batch: usize,
    pub moments: Moments,
}

impl<'a> Record<'a> {
    /// Reads what an [`Encoder`] wrote.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IndexError> {
        codec::read_record(bytes)
    }

    /// Appends it as an [`Encoder`] does.
    pub fn write(&self, into: &mut Vec<u8>) {
        codec::write_record(self, into);
    }

    /// `words` are those of the encoder that wrote it.
    pub fn decode(&self, words: &Words) -> Result<IdentityState, IndexError> {
        codec::read_state(self.primary, self.aliases, self.state, words)
    }

    /// The same without the primary key, with which what an [`Encoder`] writes begins.
    pub fn parse_after_primary(primary: Key, bytes: &'a [u8]) -> Result<Self, IndexError> {
        codec::read_rest(primary, bytes)
    }

    /// Calls `each` with every claim.
    pub fn each_claim(&self, mut each: impl FnMut(NumberedClaim)) -> Result<RecordHead, IndexError> {
        let mut input = Input(self.state);
        let head = codec::skip_keys(self.aliases.len(), &mut input)?;
        let mut before = 0;
        while !input.is_empty() {
            let (words, moments) = codec::read_claim(&mut input, &mut before)?;
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            each(NumberedClaim {
                mechanism: number(words.mechanism),
                scope: number(words.scope),
                claimant: number(words.claimant),
                batch: number(words.batch),
                moments,
            });
        }
        Ok(head)
    }

    /// Of a record of one opt-out the bytes before its time: two records with the same stand under the same facts,
    /// unless a retraction names a time.
    pub(super) fn alike(&self) -> Result<Option<&'a [u8]>, IndexError> {
        codec::before_only_out(self.aliases.len(), self.state)
    }
}
