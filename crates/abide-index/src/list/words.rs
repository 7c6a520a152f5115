//! The words of a list (mechanisms, scopes, claimants, batches), each kept once and referred to by
//! number.

use std::{collections::HashMap, fmt, hash::Hash, str::FromStr};

use abide_model::{BatchId, Claimant, Mechanism, Scope};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::undecodable;
use crate::{IndexError, Section};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Words {
    pub(crate) mechanisms: Table<Mechanism>,
    pub(crate) scopes: Table<Scope>,
    pub(crate) claimants: Table<Claimant>,
    pub(crate) batches: Table<BatchId>,
}

impl Words {
    /// All mechanisms, by number.
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.mechanisms.words
    }

    /// All scopes, by number.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes.words
    }

    /// All claimants, by number.
    pub fn claimants(&self) -> &[Claimant] {
        &self.claimants.words
    }

    /// All batches, by number.
    pub fn batches(&self) -> &[BatchId] {
        &self.batches.words
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    words: Vec<T>,
    numbers: HashMap<T, u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { words: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    pub(crate) fn number(&mut self, word: &T) -> u64 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.words.len() as u64;
        self.words.push(word.clone());
        self.numbers.insert(word.clone(), number);
        number
    }

    pub(crate) fn word(&self, number: u64) -> Result<&T, IndexError> {
        usize::try_from(number)
            .ok()
            .and_then(|at| self.words.get(at))
            .ok_or_else(|| undecodable(Section::Metadata))
    }
}

impl<T: fmt::Display> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words.iter().map(ToString::to_string))
    }
}

impl<'de, T> Deserialize<'de> for Table<T>
where
    T: FromStr<Err: fmt::Display> + Clone + Eq + Hash,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let words =
            texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect::<Result<Vec<T>, _>>()?;
        let numbers = words.iter().cloned().zip(0..).collect();
        Ok(Self { words, numbers })
    }
}
