//! Choices from a seed.

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.number() >> 8) % end as u64).unwrap()
    }

    pub(crate) fn text(&mut self) -> String {
        ["", "a", "jane@example.com", "ü", "a\"b\\", "7"][self.below(6)].to_owned()
    }
}
