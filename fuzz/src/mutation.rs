//! What is done to a seed where no coverage leads the way.

use rand::{Rng as _, RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

/// Bytes that parsers take for more than themselves.
const TOKENS: [&[u8]; 22] = [
    b"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"{",
    b"}",
    b"[",
    b"\\u",
    b"=",
    b"@",
    b".",
    b"-1",
    b"18446744073709551616",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"PAR1",
    b"ARROW1",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f",
    b"\x00\x00\x00\x80",
];
/// Inputs do not grow without end.
const BYTES_MAX: usize = 64 * 1024;

/// Makes new inputs of seeds, the same ones for the same number.
#[derive(Debug)]
pub struct Mutator(ChaCha8Rng);

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// One of the seeds, changed in one to eight places.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds.choose(&mut self.0).cloned().unwrap_or_default();
        for _ in 0..self.0.random_range(1..=8) {
            let other = seeds.choose(&mut self.0).map(Vec::as_slice).unwrap_or_default();
            self.change(&mut bytes, other);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let rng = &mut self.0;
        if bytes.is_empty() {
            bytes.push(rng.random());
        }
        let at = rng.random_range(0..bytes.len());
        let len = rng.random_range(0..=(bytes.len() - at).min(16));
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => rng.fill_bytes(&mut bytes[at..at + len]),
            3 => drop(bytes.drain(at..at + len)),
            4 => drop(bytes.splice(at..at + len, TOKENS.choose(rng).copied().unwrap_or_default().to_vec())),
            5 => bytes.truncate(at),
            6 => {
                let copied = bytes[at..at + len].to_vec();
                let to = rng.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, copied));
            }
            _ => {
                let from = rng.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}
