//! The distinct texts of one identifier, in one buffer that is filled again and again.

use super::Profile;

/// Canonical plus one per other profile.
const TEXTS_MAX: usize = Profile::ALL.len();

/// Up to [`TEXTS_MAX`] distinct texts, one after the other.
#[derive(Clone, Default)]
pub(super) struct Texts {
    buffer: String,
    // Invariant: ascending, on character boundaries, the last one the length of `buffer`.
    ends: [usize; TEXTS_MAX],
    count: usize,
}

impl Texts {
    pub(super) fn of(text: &str) -> Self {
        let mut texts = Self::default();
        texts.push(text);
        texts
    }

    /// Forgets all texts and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.count = 0;
    }

    /// The first text; empty if there is none.
    pub(super) fn canonical(&self) -> &str {
        self.iter().next().unwrap_or("")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count).map(|at| &self.buffer[self.start(at)..self.ends[at]])
    }

    /// Adds a text unless it is there already.
    pub(super) fn push(&mut self, text: &str) {
        let start = self.buffer.len();
        self.buffer.push_str(text);
        self.close(start);
    }

    /// Adds an ASCII text in lower case unless it is there already.
    pub(super) fn push_lower(&mut self, text: &str) {
        let start = self.buffer.len();
        self.buffer.push_str(text);
        self.buffer[start..].make_ascii_lowercase();
        self.close(start);
    }

    /// Adds what `write` appends to the buffer, unless it is there already or `write` fails.
    /// `write` must leave what stands in the buffer before it alone.
    pub(super) fn push_with<E>(&mut self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E> {
        let start = self.buffer.len();
        let written = write(&mut self.buffer);
        match written {
            Ok(()) => self.close(start),
            Err(_) => self.buffer.truncate(start),
        }
        written
    }

    fn close(&mut self, start: usize) {
        let written = &self.buffer[start..];
        if self.iter().any(|text| text == written) {
            self.buffer.truncate(start);
        } else {
            self.ends[self.count] = self.buffer.len();
            self.count += 1;
        }
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] }
    }
}
