//! The invented people of the bench: everything about person number `p` follows from `p` and [`SEED`].
//!
//! So customers and opt-outs agree about an address without a table of them, and files of any size are
//! written in one pass.

use std::io::{self, Write};

pub(crate) const SEED: u64 = 0xAB1D_E000_0000_0003;
/// Goes up with every change below that changes a file.
pub(crate) const VERSION: u32 = 1;

const FIRST: [&str; 32] = [
    "jane", "john", "maria", "peter", "anna", "lucas", "sofia", "emma", "noah", "olga", "ivan", "chen",
    "yuki", "omar", "fatima", "li", "amelie", "bjorn", "carlos", "deepa", "elena", "farid", "grace", "hugo",
    "ines", "jorge", "kofi", "leila", "mateo", "nina", "oscar", "priya",
];
const LAST: [&str; 32] = [
    "miller", "smith", "garcia", "brown", "novak", "rossi", "kim", "silva", "meyer", "dubois", "ivanov",
    "khan", "sato", "lopez", "walker", "young", "andersen", "okafor", "petrov", "schmidt", "tanaka",
    "umarov", "vargas", "weber", "yilmaz", "zhang", "bakker", "costa", "diaz", "eriksen", "fischer", "gupta",
];
/// One in sixteen needs quotes, as an export would write it.
pub(crate) const CITIES: [&str; 16] = [
    "Lyon",
    "Porto",
    "Graz",
    "Osaka",
    "Leeds",
    "Austin",
    "Ghent",
    "Springfield",
    "Nairobi",
    "Montevideo",
    "Wellington",
    "Krakow",
    "Valencia",
    "Lagos",
    "Uppsala",
    "\"Portland, OR\"",
];
/// Half of all addresses are at one of these, as most people are with a few mail providers.
const MAIL_PROVIDERS: [&str; 8] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.org",
    "inbox.example.net",
    "web.example.com",
    "freemail.test",
];
/// The other half is at companies: two of these and a number make 65,536 names.
const COMPANIES: [&str; 32] = [
    "north", "south", "east", "west", "blue", "green", "red", "silver", "stone", "river", "lake", "hill",
    "wood", "iron", "glass", "paper", "bright", "swift", "prime", "urban", "alpha", "delta", "omega", "nova",
    "peak", "bay", "field", "ford", "gate", "land", "port", "ville",
];

/// How an address is spelled: same mailbox, other bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Lower,
    /// `Jane.Miller7@example.com`
    Names,
    Upper,
}

impl Case {
    /// Six in ten write small, three their names with capitals, one shouts.
    pub(crate) fn of_customer(random: u64) -> Case {
        match random % 10 {
            0..6 => Case::Lower,
            6..9 => Case::Names,
            _ => Case::Upper,
        }
    }

    /// Never the same as the customer file has it.
    pub(crate) fn another(self) -> Case {
        match self {
            Case::Lower => Case::Names,
            Case::Names => Case::Upper,
            Case::Upper => Case::Lower,
        }
    }
}

/// One invented person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    number: u64,
    random: u64,
}

impl Person {
    pub(crate) fn new(number: u64) -> Person {
        Person { number, random: mix(SEED ^ mix(number)) }
    }

    pub(crate) fn case(self) -> Case {
        Case::of_customer(self.random >> 40)
    }

    fn first(self) -> &'static str {
        FIRST[self.pick(0, 5)]
    }

    fn last(self) -> &'static str {
        LAST[self.pick(5, 5)]
    }

    /// So many bits of this person's randomness from there on.
    fn pick(self, from: u32, bits: u32) -> usize {
        (self.random >> from & ((1 << bits) - 1)) as usize
    }

    /// Appends the address. It ends its local part in the person's number, so no two are alike.
    pub(crate) fn write_email(self, case: Case, line: &mut Vec<u8>) {
        let begin = line.len();
        let separator: &[u8] = [&b"."[..], b"_", b"", b"-"][self.pick(10, 2)];
        write_name(self.first(), case, line);
        line.extend_from_slice(separator);
        write_name(self.last(), case, line);
        write_number(self.number, line);
        line.push(b'@');
        if self.pick(12, 1) == 0 {
            line.extend_from_slice(MAIL_PROVIDERS[self.pick(13, 3)].as_bytes());
        } else {
            line.extend_from_slice(COMPANIES[self.pick(13, 5)].as_bytes());
            line.extend_from_slice(COMPANIES[self.pick(18, 5)].as_bytes());
            write_number(self.pick(23, 6) as u64, line);
            line.extend_from_slice(b".test");
        }
        if let Case::Upper = case {
            line[begin..].make_ascii_uppercase();
        }
    }

    /// Appends a row of `customer_id,email,first_name,last_name,city,signed_up`.
    pub(crate) fn write_customer(self, line: &mut Vec<u8>) {
        write_number(10_000_000 + self.number, line);
        line.push(b',');
        self.write_email(self.case(), line);
        // Some exports keep the blank that somebody typed.
        if self.pick(48, 10) == 0 {
            line.push(b' ');
        }
        line.push(b',');
        write_name(self.first(), Case::Names, line);
        line.push(b',');
        write_name(self.last(), Case::Names, line);
        line.push(b',');
        line.extend_from_slice(CITIES[self.pick(29, 4)].as_bytes());
        line.extend_from_slice(b",20");
        write_two_digits(10 + self.pick(33, 4), line);
        line.push(b'-');
        write_two_digits(1 + self.pick(37, 3), line);
        line.push(b'-');
        write_two_digits(1 + self.pick(58, 4), line);
        line.push(b'\n');
    }
}

/// Writes customers number 0 to `rows`.
pub(crate) fn write_customers(rows: u64, into: &mut impl Write) -> io::Result<()> {
    into.write_all(b"customer_id,email,first_name,last_name,city,signed_up\n")?;
    let mut line = Vec::with_capacity(256);
    for number in 0..rows {
        line.clear();
        Person::new(number).write_customer(&mut line);
        into.write_all(&line)?;
    }
    Ok(())
}

/// Writes as many opt-outs as there are customers, one tenth of them customers, in no order.
pub(crate) fn write_list(rows: u64, into: &mut impl Write) -> io::Result<()> {
    into.write_all(b"email\n")?;
    let mut line = Vec::with_capacity(256);
    for place in 0..rows {
        let shuffled = shuffle(place, rows);
        let person = if shuffled < rows / 10 {
            Person::new(10 * shuffled + mix(shuffled) % 10)
        } else {
            Person::new(rows + shuffled)
        };
        line.clear();
        person.write_email(person.case().another(), &mut line);
        line.push(b'\n');
        into.write_all(&line)?;
    }
    Ok(())
}

/// A place for each place, all different: the factor is a prime larger than any file, so it divides none.
fn shuffle(place: u64, rows: u64) -> u64 {
    const PRIME: u64 = 4_294_967_291;
    (u128::from(place) * u128::from(PRIME) % u128::from(rows)) as u64
}

/// SplitMix64's last step: random bits out of a number.
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn write_name(name: &str, case: Case, line: &mut Vec<u8>) {
    let begin = line.len();
    line.extend_from_slice(name.as_bytes());
    if let Case::Names = case {
        line[begin].make_ascii_uppercase();
    }
}

fn write_two_digits(number: usize, line: &mut Vec<u8>) {
    line.extend([b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
}

fn write_number(number: u64, line: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}
