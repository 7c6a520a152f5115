//! Lays sorted keys out in lines and entries.

use std::io::{Seek, Write};

use bytemuck::Zeroable;

use super::output::{SectionWriter, Written, align};
use super::postings::Posting;
use super::scratch::{Scratch, Spool};
use super::{KEYS_MAX, Place};
use crate::error::BuildError;
use crate::line::{Entry, KEYS_PER_LINE, Line, OverflowEntry, TAGS};

pub(super) struct HotWriter {
    lines: SectionWriter,
    entries: SectionWriter,
    /// The identity of each slot. A spool, because where the section begins is known at the end only.
    ordinals: Spool<u32>,
    line_count: u64,
    /// The line being filled, and its number.
    line: Line,
    number: usize,
    /// The check that goes with each of the line's tags.
    checks: [u64; TAGS],
    slots: u64,
}

/// The hot part complete, and the ordinals.
pub(super) struct HotWritten {
    pub(super) lines: Written,
    pub(super) entries: Written,
    pub(super) ordinals: Written,
    pub(super) line_count: u64,
    pub(super) slot_count: u64,
}

impl HotWriter {
    pub(super) fn new(keys: u64, offset: u64, ordinals: Spool<u32>) -> HotWriter {
        let line_count = keys.div_ceil(KEYS_PER_LINE).max(1);
        let lines_end = offset + (line_count + 1) * size_of::<Line>() as u64;
        HotWriter {
            lines: SectionWriter::new(offset),
            entries: SectionWriter::new(align(lines_end)),
            ordinals,
            line_count,
            line: Line::zeroed(),
            number: 0,
            checks: [0; TAGS],
            slots: 0,
        }
    }

    /// Adds the next key in ascending order.
    pub(super) fn push<T: Write + Seek>(
        &mut self,
        posting: Posting,
        scratch: &Scratch,
        target: &mut T,
    ) -> Result<(), BuildError> {
        let place = Place { hi: posting.hi, lo: posting.lo };
        self.advance_to(place.line(self.line_count), target)?;
        // The first key that finds no tag free, or one that looks just like it, closes the line: it
        // and all that follow are overflow, where whole keys are compared.
        if !self.line.has_overflow() && (usize::from(self.line.count) == TAGS || self.has_twin_of(place)) {
            self.line.flags |= Line::OVERFLOW;
        }
        self.ordinals.push(posting.ordinal, scratch)?;
        if self.line.has_overflow() {
            self.ordinals.push(0, scratch)?;
            self.slots += 2;
            let entry = OverflowEntry::new(place, posting.set);
            return self.entries.write(target, bytemuck::bytes_of(&entry));
        }
        let tag = usize::from(self.line.count);
        self.line.tags[tag] = place.tag();
        self.checks[tag] = place.check();
        self.line.count += 1;
        self.slots += 1;
        self.entries.write(target, bytemuck::bytes_of(&Entry::new(place, posting.set)))
    }

    fn has_twin_of(&self, place: Place) -> bool {
        let mut candidates = self.line.matches(place.tag());
        while candidates != 0 {
            if self.checks[candidates.trailing_zeros() as usize] == place.check() {
                return true;
            }
            candidates &= candidates - 1;
        }
        false
    }

    fn advance_to<T: Write + Seek>(&mut self, number: usize, target: &mut T) -> Result<(), BuildError> {
        while self.number < number {
            self.lines.write(target, bytemuck::bytes_of(&self.line))?;
            let base = u32::try_from(self.slots).map_err(|_| BuildError::TooManyKeys { max: KEYS_MAX })?;
            self.line = Line { base, ..Line::zeroed() };
            self.number += 1;
        }
        Ok(())
    }

    pub(super) fn finish<T: Write + Seek>(mut self, target: &mut T) -> Result<HotWritten, BuildError> {
        // Line number `line_count` holds no keys; it ends the overflow of the last that does.
        let end_line = usize::try_from(self.line_count).expect("there are fewer lines than keys");
        self.advance_to(end_line, target)?;
        self.lines.write(target, bytemuck::bytes_of(&self.line))?;

        let lines = self.lines.finish(target)?;
        let entries = self.entries.finish(target)?;
        let mut ordinals = SectionWriter::new(align(entries.extent.end()));
        self.ordinals.drain_into(&mut ordinals, target)?;
        let ordinals = ordinals.finish(target)?;
        Ok(HotWritten { lines, entries, ordinals, line_count: self.line_count, slot_count: self.slots })
    }
}
