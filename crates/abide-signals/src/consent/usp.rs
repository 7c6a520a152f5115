//! The IAB US Privacy string: `1YNN`.
//!
//! Source: InteractiveAdvertisingBureau/USPrivacy, "CCPA/US Privacy String.md". Deprecated in favour
//! of GPP, which carries it as its section 6.

use super::Undecodable;

/// A US Privacy string: version 1, then notice, opt-out of sale, and whether the LSPA covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsPrivacy {
    pub notice: UspAnswer,
    pub opt_out_sale: UspAnswer,
    pub lspa_covered: UspAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UspAnswer {
    Yes,
    No,
    /// `-`: the law does not apply.
    NotApplicable,
}

impl UsPrivacy {
    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        let [version, notice, opt_out_sale, lspa_covered] = text.trim().as_bytes() else {
            return Err(if text.trim().len() < 4 { Undecodable::TooShort } else { Undecodable::TooLong });
        };
        if *version != b'1' {
            return Err(Undecodable::Version);
        }
        Ok(Self {
            notice: answer(*notice)?,
            opt_out_sale: answer(*opt_out_sale)?,
            lspa_covered: answer(*lspa_covered)?,
        })
    }

    /// Whatever the other two say.
    pub fn opted_out_of_sale(self) -> bool {
        self.opt_out_sale == UspAnswer::Yes
    }
}

fn answer(character: u8) -> Result<UspAnswer, Undecodable> {
    match character {
        b'Y' | b'y' => Ok(UspAnswer::Yes),
        b'N' | b'n' => Ok(UspAnswer::No),
        b'-' => Ok(UspAnswer::NotApplicable),
        _ => Err(Undecodable::Alphabet),
    }
}
