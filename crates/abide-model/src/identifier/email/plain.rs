//! The fast path, for nearly every address: one of letters, digits and `.-_+`, with nothing around it and
//! nothing in it that its provider ignores. Its canonical text is its lower case, and so is what every
//! profile makes of it.
//!
//! Sixteen bytes are looked at together, and what they are is asked of bit masks. It agrees with the long
//! way, which is tested as a property.

use wide::u8x16;

use super::provider::{self, Dots};

/// An address that has to be read the long way.
#[derive(Debug)]
pub(super) struct NotPlain;

/// A bit for each byte of a mask; longer addresses go the long way.
const LEN_MAX: usize = 64;

/// Appends the canonical text of `text`; on an error nothing.
pub(super) fn push_canonical(text: &str, out: &mut String) -> Result<(), NotPlain> {
    let marks = Marks::of(text.as_bytes()).ok_or(NotPlain)?;
    let domain_at = marks.plain_domain(text.len()).ok_or(NotPlain)?;
    let start = out.len();
    push_lower(text, out);
    let domain = &out[start + domain_at..];
    let ignores = provider::of(domain).is_some_and(|provider| {
        marks.plus != 0
            || (provider.dots == Dots::Drop && marks.dot & below(domain_at - 1) != 0)
            || provider.one_domain.is_some_and(|one| one != domain)
    });
    if ignores {
        out.truncate(start);
        return Err(NotPlain);
    }
    Ok(())
}

/// Appends an ASCII text in lower case. It is lowered together with blanks behind it, since whole vectors are
/// several times as fast as the odd bytes at their end.
fn push_lower(text: &str, out: &mut String) {
    const BLANKS: &str = "                                ";
    let start = out.len();
    out.push_str(text);
    out.push_str(&BLANKS[text.len() % BLANKS.len()..]);
    out[start..].make_ascii_lowercase();
    out.truncate(start + text.len());
}

/// Where bytes of each sort stand, the first byte in the lowest bit.
struct Marks {
    letter: u64,
    at: u64,
    dot: u64,
    hyphen: u64,
    plus: u64,
}

impl Marks {
    /// `None` where there is any other byte, or too many.
    fn of(text: &[u8]) -> Option<Self> {
        let mut marks = Self { letter: 0, at: 0, dot: 0, hyphen: 0, plus: 0 };
        let mut known = 0;
        if let Some(last_start) = text.len().checked_sub(16) {
            if text.len() > LEN_MAX {
                return None;
            }
            // The last sixteen overlap those before them, which changes nothing of a mask.
            for start in (0..last_start).step_by(16).chain([last_start]) {
                let sixteen = text[start..].first_chunk().expect("sixteen are left");
                known |= marks.add(*sixteen, start);
            }
        } else {
            let mut sixteen = [0; 16];
            sixteen[..text.len()].copy_from_slice(text);
            known |= marks.add(sixteen, 0);
        }
        (known == below(text.len())).then_some(marks)
    }

    /// Marks the bytes that stand at `start`, and gives the bits of those that are of any sort here.
    #[inline]
    fn add(&mut self, bytes: [u8; 16], start: usize) -> u64 {
        let bytes = u8x16::new(bytes);
        let bits = |found: u8x16| u64::from(found.to_bitmask()) << start;
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        // At most `span` above `first`; the subtraction wraps for what is below it.
        let within = |bytes: u8x16, first: u8, span: u8| {
            let above = bytes - u8x16::splat(first);
            above.min(u8x16::splat(span)).simd_eq(above)
        };
        let letter = within(bytes | u8x16::splat(b' '), b'a', b'z' - b'a');
        let (at, dot, hyphen, plus) = (is(b'@'), is(b'.'), is(b'-'), is(b'+'));
        self.letter |= bits(letter);
        self.at |= bits(at);
        self.dot |= bits(dot);
        self.hyphen |= bits(hyphen);
        self.plus |= bits(plus);
        bits(letter | within(bytes, b'0', 9) | is(b'_') | at | dot | hyphen | plus)
    }

    /// Where the domain begins, if there is one `@` with something before it and, after it, labels of
    /// letters, digits, hyphens and underscores, none of them empty, in Punycode or all digits.
    fn plain_domain(&self, len: usize) -> Option<usize> {
        let at = self.at.trailing_zeros() as usize;
        if !self.at.is_power_of_two() || at == 0 {
            return None;
        }
        let domain = below(len) & !below(at + 1);
        let (dot, hyphen) = (self.dot & domain, self.hyphen & domain);
        // Two dots, or the `@` and one, are an empty label, and two hyphens may be Punycode.
        let doubled = (dot << 1 | self.at << 1) & dot | hyphen << 1 & hyphen;
        let ends_in_letter = self.letter & domain & !below(len - 1) != 0;
        (dot != 0 && doubled == 0 && self.plus & domain == 0 && ends_in_letter).then_some(at + 1)
    }
}

/// The bits of the first `count` bytes.
fn below(count: usize) -> u64 {
    if count >= LEN_MAX { u64::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::{
        InvalidIdentifier,
        email::{canonical_ascii, push_others_ascii, unwrap},
        texts::Texts,
    };

    fn the_long_way(text: &str) -> Result<Vec<String>, InvalidIdentifier> {
        let mut texts = Texts::default();
        let spelling = unwrap(text.trim())?;
        texts.push_with(|out| canonical_ascii(spelling, out))?;
        push_others_ascii(spelling, &mut texts)?;
        Ok(texts.iter().map(str::to_owned).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// What the fast path takes, it takes as the long way does.
        #[test]
        fn agrees_with_the_long_way(
            text in "[A-Za-z0-9.+_'!-]{1,9}([A-Za-z0-9.]{0,40})@(([A-Za-z0-9_-]{1,5}[.]){0,3}[A-Za-z0-9+-]{1,4}|(gmail|GoogleMail|outlook|pm)[.](com|me))[.@]?",
        ) {
            let mut fast = String::new();
            if push_canonical(&text, &mut fast).is_ok() {
                prop_assert_eq!(the_long_way(&text), Ok(vec![fast]));
            } else {
                prop_assert!(fast.is_empty());
            }
        }
    }

    /// It is not fast for nothing: the usual addresses take it.
    #[test]
    fn usual_addresses_take_the_fast_path() {
        for text in ["Jane.Doe@Example.com", "j_d+news@mail.example.co.uk", "janedoe@gmail.com", "a.b@pm.me"]
        {
            assert!(push_canonical(text, &mut String::new()).is_ok(), "{text}");
        }
    }
}
