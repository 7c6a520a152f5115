//! Phone numbers: E.164, with the region of the store for national spellings.
//!
//! - **Possible, not valid.** A number must have a length that its country's numbers have, and not
//!   only within a local area. Whether a block has been assigned is not asked: assignments change
//!   from month to month, and a normalised text must not.
//! - **Extensions are dropped.** What is called, and what a do-not-call list holds, is the line; an
//!   opt-out that could not be read would be worse than one that counts for the switchboard.
//! - Letters (`1-800-FLOWERS`), full-width and other digits and `tel:` URIs are read as
//!   libphonenumber reads them.

use std::{fmt, str::FromStr};

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};
use thiserror::Error;

use super::{IdentifierKind, InvalidIdentifier, texts::Texts, visible::visible};

/// What libphonenumber looks at; anything longer is no number.
const TEXT_BYTES_MAX: usize = 250;

/// A country or territory (ISO 3166 alpha-2) whose numbering plan is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhoneRegion(Region);

impl PhoneRegion {
    fn shares_plan_of_us(self) -> bool {
        matches!(self.0, Region::US | Region::CA)
    }
}

impl fmt::Display for PhoneRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_region_str().as_str())
    }
}

impl fmt::Debug for PhoneRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneRegion({self})")
    }
}

/// A code that is no region with a numbering plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no phone region: use the two letters of a country, such as US or DE")]
pub struct UnknownRegion(pub String);

impl FromStr for PhoneRegion {
    type Err = UnknownRegion;

    fn from_str(code: &str) -> Result<Self, UnknownRegion> {
        let unknown = || UnknownRegion(code.to_owned());
        let region = Region::from_str(&code.to_ascii_uppercase()).map_err(|_| unknown())?;
        if code.len() == 2 && PHONE_NUMBER_UTIL.get_supported_regions().any(|supported| supported == region) {
            Ok(Self(region))
        } else {
            Err(unknown())
        }
    }
}

/// Fills `texts` with the E.164 number (also the text of `uid2` and `google`) and its digits (that
/// of `meta`). Both come from E.164 and never from a national spelling, whose digits may be
/// those of another country's number.
pub(super) fn normalise(text: &str, region: PhoneRegion, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    let mut digits = [0; DIGITS_MAX];
    if let Some(count) = plain_e164(text, region, &mut digits) {
        let digits = str::from_utf8(&digits[..count]).expect("digits are ASCII");
        texts.push_with(|out| {
            out.push('+');
            out.push_str(digits);
            Ok(())
        })?;
        texts.push(digits);
    } else {
        let e164 = parsed_e164(text, region)?;
        texts.push(&e164);
        texts.push(e164.trim_start_matches('+'));
    }
    Ok(())
}

/// What DROP hashes: the last ten digits, or all of a shorter number.
pub(super) fn last_10_digits(e164: &str) -> &str {
    let digits = e164.trim_start_matches('+');
    &digits[digits.len().saturating_sub(10)..]
}

/// E.164, section 6.
const DIGITS_MAX: usize = 15;

/// Numbering plans in which every number of the given length that begins with a digit in the range
/// is read as it stands: no trunk prefix or carrier code can be meant. (Calling code, national
/// digits, first of these.)
const PLAIN: [(&[u8], usize, std::ops::RangeInclusive<u8>); 6] = [
    (b"1", 10, b'2'..=b'9'),
    (b"33", 9, b'1'..=b'9'),
    (b"34", 9, b'1'..=b'9'),
    (b"44", 10, b'1'..=b'9'),
    (b"61", 9, b'2'..=b'9'),
    (b"91", 10, b'2'..=b'9'),
];

/// The fast path: a number whose digits are those of E.164, with `+` or (North America) without.
/// Agrees with [`parsed_e164`], which `tests/it/phones.rs` checks. Returns how many digits there are.
fn plain_e164(text: &str, region: PhoneRegion, digits: &mut [u8; DIGITS_MAX]) -> Option<usize> {
    let (international, rest) = match text.as_bytes() {
        [b'+', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut count = 0;
    if !international {
        if !region.shares_plan_of_us() {
            return None;
        }
        digits[0] = b'1';
        count = 1;
    }
    for byte in rest {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(count)? = *byte;
                count += 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
    }
    if !international && count == 12 && digits[1] == b'1' {
        digits.copy_within(1..12, 0);
        count = 11;
    }
    let found = &digits[..count];
    let is_plain = |(code, national, first): &(&[u8], usize, std::ops::RangeInclusive<u8>)| {
        found.strip_prefix(*code).is_some_and(|rest| rest.len() == *national && first.contains(&rest[0]))
    };
    PLAIN.iter().any(is_plain).then_some(count)
}

/// What libphonenumber makes of the text.
fn parsed_e164(text: &str, region: PhoneRegion) -> Result<String, InvalidIdentifier> {
    const ROUNDS_MAX: usize = 3;

    let text = visible(text);
    if text.len() > TEXT_BYTES_MAX {
        return Err(malformed("longer than a number can be"));
    }
    let mut e164 = e164_of(&text, Some(region.0))?;
    // Taking off a trunk prefix can leave what reads as another one.
    for _ in 0..ROUNDS_MAX {
        let again = e164_of(&e164, None)?;
        if again == e164 {
            return Ok(e164);
        }
        e164 = again;
    }
    Err(malformed("it can be read in more than one way"))
}

fn e164_of(text: &str, region: Option<Region>) -> Result<String, InvalidIdentifier> {
    let number: PhoneNumber =
        PHONE_NUMBER_UTIL.parse(text, region).map_err(|_| malformed("it is no phone number"))?;
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => Ok(number.format_as(PhoneNumberFormat::E164).into_owned()),
        Ok(NumberLengthType::IsPossibleLocalOnly) => Err(malformed("it lacks its area code")),
        Err(_) => Err(malformed("no number of its country is of this length")),
    }
}

fn malformed(why: &'static str) -> InvalidIdentifier {
    InvalidIdentifier::Malformed { kind: IdentifierKind::Phone, why }
}
