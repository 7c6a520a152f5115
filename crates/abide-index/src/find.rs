//! Look-ups in the hot part: a miss reads one cache line, a hit two.
//!
//! Of a key, the line, the tag (16 bits of `hi`) and the check (64 bits, of both halves) are compared,
//! or the whole key in overflow. So an absent key finds a stored one with probability at most
//! 29 × 2⁻⁸⁰ (2.4e-23) a look-up, 2.4e-13 over ten billion. A stored key never finds another: of two
//! that agree in line, tag and check the builder moves one to the overflow, which is looked at first.

use std::hint::black_box;

use crate::error::IndexError;
use crate::format::{ENTRIES_PER_BLOCK, LINES_PER_BLOCK, Section};
use crate::image::{Image, damaged};
use crate::index::SetId;
use crate::line::{Entry, Line, OverflowEntry, Place};

/// Keys in flight at once in a batch: enough that of the few that are found there are still as many as
/// a core can wait for, few enough that all lines are still in the first-level cache when they are read.
const BATCH: usize = 256;

/// The hot part of an open index.
#[derive(Clone, Copy)]
pub(crate) struct Hot<'a> {
    image: &'a Image,
    lines: &'a [Line],
    entries: &'a [Entry],
}

impl<'a> Hot<'a> {
    #[inline]
    pub(crate) fn new(image: &'a Image) -> Hot<'a> {
        Hot { image, lines: image.unverified(Section::Lines), entries: image.unverified(Section::Entries) }
    }

    #[inline]
    pub(crate) fn find(self, key: &[u8; 16]) -> Result<Option<SetId>, IndexError> {
        Ok(self.find_slot(key)?.map(|slot| self.set_at(slot)))
    }

    /// Answers in the order of `keys`, into `answers`, which they replace.
    pub(crate) fn find_many(
        self,
        keys: &[[u8; 16]],
        answers: &mut Vec<Option<SetId>>,
    ) -> Result<(), IndexError> {
        answers.clear();
        answers.resize(keys.len(), None);
        for (keys, answers) in keys.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            self.find_batch(keys, answers)?;
        }
        Ok(())
    }

    /// The slot of a key, verified.
    #[inline]
    pub(crate) fn find_slot(self, key: &[u8; 16]) -> Result<Option<usize>, IndexError> {
        let place = Place::of(key);
        let number = self.line_of(place);
        self.ensure_line(number)?;
        let line = &self.lines[number];
        // Before the tags: of two keys that look alike to a line, one is here.
        if line.has_overflow()
            && let Some(slot) = self.find_in_overflow(number, place)?
        {
            return Ok(Some(slot));
        }
        let mut candidates = line.matches(place.tag());
        while candidates != 0 {
            let slot = line.base as usize + candidates.trailing_zeros() as usize;
            if self.entry(slot)?.check() == place.check() {
                return Ok(Some(slot));
            }
            candidates &= candidates - 1;
        }
        Ok(None)
    }

    /// Three passes, so that the memory accesses of all keys are under way together: every line is
    /// asked for before the first is read, and likewise the entries.
    #[inline]
    fn find_batch(self, keys: &[[u8; 16]], answers: &mut [Option<SetId>]) -> Result<(), IndexError> {
        let mut places = [(Place::default(), 0); BATCH];
        for ((place, number), key) in places.iter_mut().zip(keys) {
            *place = Place::of(key);
            *number = self.line_of(*place);
        }
        let places = &places[..keys.len()];
        // Nothing but loads, so that as many as can be are under way.
        let touched = places.iter().fold(0, |touched, (_, number)| touched | self.lines[*number].base);
        black_box(touched);

        let mut waiting = [(0, 0); BATCH];
        let mut waits = 0;
        for (i, (place, number)) in places.iter().enumerate() {
            self.ensure_line(*number)?;
            let line = &self.lines[*number];
            let candidates = line.matches(place.tag());
            if candidates == 0 && !line.has_overflow() {
                continue;
            }
            let slot = if line.has_overflow() || !candidates.is_power_of_two() {
                SEARCH
            } else {
                line.base as usize + candidates.trailing_zeros() as usize
            };
            waiting[waits] = (i, slot);
            waits += 1;
        }
        let waiting = &waiting[..waits];
        let touched = waiting
            .iter()
            .filter_map(|(_, slot)| self.entries.get(*slot))
            .fold(0, |touched, entry| touched | entry.set);
        black_box(touched);

        for &(i, slot) in waiting {
            if slot == SEARCH {
                answers[i] = self.find(&keys[i])?;
            } else if self.entry(slot)?.check() == places[i].0.check() {
                answers[i] = Some(self.set_at(slot));
            }
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn find_in_overflow(self, number: usize, place: Place) -> Result<Option<usize>, IndexError> {
        // The section holds one line more than keys map to, so that there always is a next one.
        self.ensure_line(number + 1)?;
        let line = &self.lines[number];
        let start = u64::from(line.base) + u64::from(line.count);
        let end = u64::from(self.lines[number + 1].base);
        let slots: &[Entry] = self.image.items(Section::Entries, start, end)?;
        let keys: &[OverflowEntry] =
            bytemuck::try_cast_slice(slots).map_err(|_| damaged(Section::Lines, number / LINES_PER_BLOCK))?;
        let found = keys.binary_search_by_key(&place, OverflowEntry::place);
        Ok(found.ok().map(|i| line.base as usize + line.count as usize + 2 * i))
    }

    #[inline]
    fn line_of(self, place: Place) -> usize {
        place.line(self.lines.len() as u64 - 1)
    }

    #[inline]
    fn ensure_line(self, number: usize) -> Result<(), IndexError> {
        self.image.ensure(Section::Lines, number / LINES_PER_BLOCK)
    }

    #[inline]
    fn entry(self, slot: usize) -> Result<&'a Entry, IndexError> {
        let block = slot / ENTRIES_PER_BLOCK;
        let entry = self.entries.get(slot).ok_or_else(|| damaged(Section::Entries, block))?;
        self.image.ensure(Section::Entries, block)?;
        Ok(entry)
    }

    /// Only for a slot that was found, hence verified.
    #[inline]
    fn set_at(self, slot: usize) -> SetId {
        SetId::new(self.entries[slot].set)
    }
}

/// Not a slot: the key needs the whole search, because its line overflows or two tags match.
const SEARCH: usize = usize::MAX;
