//! Counting what was judged, so that it always adds up.

/// How many records were seen and what became of them. Each record counts once, by its verdict,
/// not by what was then done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub seen: u64,
    pub allowed: u64,
    pub blocked: u64,
    pub cannot_tell: u64,
    /// Broke down before there was a verdict.
    pub failed: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.allowed += other.allowed;
        self.blocked += other.blocked;
        self.cannot_tell += other.cannot_tell;
        self.failed += other.failed;
    }

    /// # Panics
    /// When the parts do not add up to what was seen: a bug of ours that must not stay hidden.
    pub fn assert_adds_up(&self) {
        let parts = self.allowed + self.blocked + self.cannot_tell + self.failed;
        assert_eq!(self.seen, parts, "the tally does not add up: {self:?}");
    }
}
