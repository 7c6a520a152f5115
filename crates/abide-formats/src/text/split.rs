//! Where records end: the one place that knows the rules, so that cutting a file into chunks changes nothing.
//!
//! - A record ends at `\n`, `\r\n` or a lone `\r` outside quotes (NDJSON: at `\n` only, `\r` is white space there).
//! - A quote opens where a field starts, and nowhere else; a quote elsewhere is a letter. Inside, `""` is a quote.
//! - A line with nothing on it is no record; it belongs to the gap between records and passes through.
//! - What follows the last line end is a record too, even if a quote stays open to the end of the file.

use super::block::{BLOCK, bits, block_at, matches};

pub(crate) const QUOTE: u8 = b'"';

/// Where a record or a field lies in its chunk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let narrow = |at| u32::try_from(at).expect("a chunk is shorter than 4 GiB");
        Self { start: narrow(start), end: narrow(end) }
    }

    #[inline]
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The record without its line end.
    #[inline]
    pub(crate) fn content(self, bytes: &[u8]) -> Self {
        let mut end = self.end as usize;
        if end > self.start as usize && bytes[end - 1] == b'\n' {
            end -= 1;
        }
        if end > self.start as usize && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        Self::new(self.start as usize, end)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Without one there are no quotes either.
    pub(crate) delimiter: Option<u8>,
    pub(crate) lone_cr_ends: bool,
    pub(crate) white_space_is_blank: bool,
}

impl Dialect {
    pub(crate) const NDJSON: Self = Self { delimiter: None, lone_cr_ends: false, white_space_is_blank: true };
    pub(crate) const LINES: Self = Self { delimiter: None, lone_cr_ends: true, white_space_is_blank: false };

    pub(crate) fn delimited(delimiter: u8) -> Self {
        Self { delimiter: Some(delimiter), ..Self::LINES }
    }
}

/// Finds record ends in a buffer that grows at its end. Invariant: all positions are in that buffer.
#[derive(Debug)]
pub(crate) struct Splitter {
    dialect: Dialect,
    /// Everything before this was looked at.
    at: usize,
    /// The record that is not complete yet starts here.
    record: usize,
    quoted: bool,
    /// Where the last quote closed: a quote right after it was an escape and opens again.
    closed: usize,
    /// The byte after a lone `\r` that ended a line: a `\n` there belongs to the same line end.
    after_cr: usize,
    cr_ended_row: bool,
    rows: Vec<Span>,
    quotes: bool,
    last_quote: usize,
    longest: usize,
    /// Line ends before `at`, inside quotes too, as an editor numbers lines.
    line_ends: u64,
}

const NOWHERE: usize = usize::MAX - 1;

/// Complete records, taken off the front of the buffer.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) len: usize,
    pub(crate) rows: Vec<Span>,
    /// Line ends in them, as an editor numbers lines.
    pub(crate) line_ends: u64,
    /// Whether any quote occurs; without, fields are found faster.
    pub(crate) quotes: bool,
    /// The last record runs to the end of the file inside a quote.
    pub(crate) unclosed: bool,
}

impl Splitter {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            at: 0,
            record: 0,
            quoted: false,
            closed: NOWHERE,
            after_cr: NOWHERE,
            cr_ended_row: false,
            rows: Vec::new(),
            quotes: false,
            last_quote: NOWHERE,
            longest: 0,
            line_ends: 0,
        }
    }

    /// Looks at what was added to the buffer since.
    pub(crate) fn scan(&mut self, buffer: &[u8]) {
        while self.at < buffer.len() {
            let base = self.at;
            let block = block_at(buffer, base);
            let lf = matches(&block, b'\n');
            let cr = matches(&block, b'\r');
            let quotes = if self.dialect.delimiter.is_some() { matches(&block, QUOTE) } else { 0 };
            if quotes != 0 {
                self.quotes = true;
                self.last_quote = base + BLOCK - 1 - quotes.leading_zeros() as usize;
            }
            // A `\r` with its `\n` needs no step of its own.
            let lone_cr = cr & !(lf >> 1);
            self.line_ends += u64::from(lf.count_ones() + lone_cr.count_ones());
            if lf & 1 != 0 && base > 0 && buffer[base - 1] == b'\r' {
                self.line_ends -= 1; // The `\r` was counted when its `\n` was not in sight.
            }
            let lone_cr = if self.dialect.lone_cr_ends { lone_cr } else { 0 };
            if quotes == 0 && lone_cr == 0 {
                if !self.quoted {
                    for bit in bits(lf) {
                        self.line_end(buffer, base + bit);
                    }
                }
            } else {
                for bit in bits(quotes | lf | lone_cr) {
                    self.step(buffer, base + bit);
                }
            }
            self.at = buffer.len().min(base + BLOCK);
        }
    }

    fn step(&mut self, buffer: &[u8], at: usize) {
        match buffer[at] {
            QUOTE if self.quoted => {
                self.quoted = false;
                self.closed = at;
            }
            QUOTE => {
                let starts_field = at == self.record || Some(buffer[at - 1]) == self.dialect.delimiter;
                self.quoted = starts_field || at == self.closed + 1;
            }
            _ if self.quoted => {}
            _ => self.line_end(buffer, at),
        }
    }

    /// A `\n` or a lone `\r` outside quotes.
    #[inline]
    fn line_end(&mut self, buffer: &[u8], at: usize) {
        let end = at + 1;
        if at == self.after_cr && buffer[at] == b'\n' {
            if self.cr_ended_row
                && let Some(row) = self.rows.last_mut()
            {
                *row = Span::new(row.start as usize, end);
            }
            self.record = end;
            return;
        }
        let is_row = !self.is_blank(&buffer[self.record..at]);
        if is_row {
            self.push(end);
        }
        if buffer[at] == b'\r' {
            self.after_cr = end;
            self.cr_ended_row = is_row;
        }
        self.record = end;
    }

    #[inline]
    fn push(&mut self, end: usize) {
        self.rows.push(Span::new(self.record, end));
        self.longest = self.longest.max(end - self.record);
    }

    #[inline]
    fn is_blank(&self, line: &[u8]) -> bool {
        match line {
            [] | [b'\r'] => true,
            [first, ..] => {
                self.dialect.white_space_is_blank
                    && first.is_ascii_whitespace()
                    && line.trim_ascii().is_empty()
            }
        }
    }

    /// The end of the file: what is left is the last record.
    pub(crate) fn finish(&mut self, buffer: &[u8]) {
        self.scan(buffer);
        if self.record < buffer.len() && (self.quoted || !self.is_blank(&buffer[self.record..])) {
            self.push(buffer.len());
        }
        self.record = buffer.len();
        self.after_cr = NOWHERE;
    }

    /// Bytes of the longest record so far, complete or not.
    pub(crate) fn longest(&self) -> usize {
        self.longest.max(self.at - self.record)
    }

    pub(crate) fn rows(&self) -> &[Span] {
        &self.rows
    }

    /// Whether the next byte could still belong to the line end before it.
    pub(crate) fn waits_for_lf(&self) -> bool {
        self.after_cr == self.at
    }

    /// Takes the complete records. The caller removes the first [`Cut::len`] bytes of the buffer.
    pub(crate) fn cut(&mut self, buffer: &[u8]) -> Cut {
        let at_end = self.record == self.at;
        let capacity = self.rows.len() + self.rows.len() / 8;
        let line_ends_left = lines_in(&buffer[self.record..self.at]);
        let cut = Cut {
            len: self.record,
            rows: std::mem::replace(&mut self.rows, Vec::with_capacity(capacity)),
            line_ends: std::mem::replace(&mut self.line_ends, line_ends_left) - line_ends_left,
            quotes: self.quotes,
            unclosed: self.quoted && at_end,
        };
        self.rebase(cut.len);
        // A quote in what remains was looked at already.
        self.quotes = self.last_quote != NOWHERE;
        self.longest = 0;
        cut
    }

    /// Takes the first record, and the gap before it.
    pub(crate) fn cut_first(&mut self, buffer: &[u8]) -> Option<Cut> {
        let first = (!self.rows.is_empty()).then(|| self.rows.remove(0))?;
        let end = first.end as usize;
        let unclosed = self.quoted && self.rows.is_empty() && self.record == self.at && end == self.at;
        for row in &mut self.rows {
            *row = Span::new(row.start as usize - end, row.end as usize - end);
        }
        let line_ends = lines_in(&buffer[..end]);
        self.line_ends -= line_ends;
        self.rebase(end);
        self.longest = self.rows.iter().map(|row| row.range().len()).max().unwrap_or(0);
        Some(Cut { len: end, rows: vec![first], line_ends, quotes: self.quotes, unclosed })
    }

    fn rebase(&mut self, by: usize) {
        self.at -= by;
        self.record -= by;
        for position in [&mut self.closed, &mut self.after_cr, &mut self.last_quote] {
            if *position != NOWHERE {
                *position = position.checked_sub(by).unwrap_or(NOWHERE);
            }
        }
        self.cr_ended_row &= !self.rows.is_empty();
    }
}

/// Line ends in `bytes`, as an editor numbers lines.
pub(crate) fn lines_in(bytes: &[u8]) -> u64 {
    let lf = memchr::memchr_iter(b'\n', bytes).count();
    let lone_cr = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (lf + lone_cr) as u64
}
