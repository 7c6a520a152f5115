//! What browsers, consent banners and ad-tech say: `Sec-GPC`, `DNT`, IAB GPP, TCF and US Privacy.
//!
//! Give what you have (all [headers](headers) of a request, its [query](query), the [fields](fields)
//! or the whole [event](event)); what is a consent signal is found by its name. Out come statements
//! and faults:
//!
//! ```
//! let found = abide_signals::consent::query("gpp=DBABLA~BVVVVVVVVWA.YA&page=1");
//! let said: Vec<&str> = found.statements.iter().map(|said| said.mechanism.as_str()).collect();
//! assert_eq!(said, ["web.gpp.sale", "web.gpp.sharing", "web.gpp.targeting", "web.gpc"]);
//! assert!(found.faults.is_empty());
//! ```
//!
//! - **Opt-outs or nothing.** "Did not opt out", `DNT: 0`, a consent: none of them makes a statement.
//! - **Nothing is lost in silence.** A string that cannot be decoded, a value or a section that is not
//!   defined is a [`ConsentFault`]: count it, and judge the record as one that cannot be told. What
//!   else the same string says is read all the same.
//! - **Undated.** They are said each time they are sent, so they count from receipt. The dates inside
//!   TCF strings are rounded to the day, and would put an opt-out before an opt-in of the same morning.
//! - The statements are about the device: join them to the identifiers that came with them.
//!
//! Which field means which mechanism: [`GPP_FIELDS`] and [`TCF_PURPOSES`].

mod bits;
mod carried;
mod fields;
mod gpp;
mod tcf;
mod usp;

use abide_model::{Claimant, Mechanism, signal::Statement};
use serde_json::Value as Json;

pub use fields::{Fields, Restriction, Value};
pub use gpp::{GPP_FIELDS, Gpp, GppSection};
pub use tcf::{TCF_PURPOSES, Tcf, TcfKind, TcfPurpose};
pub use usp::{UsPrivacy, UspAnswer};

use carried::Carried;

/// What was found in one request or event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// One for each mechanism, the person's, for everyone, undated.
    pub statements: Vec<Statement>,
    pub faults: Vec<ConsentFault>,
    /// Section and field of what was refused that no mechanism stands for; see [`GPP_FIELDS`].
    pub narrower: Vec<(&'static str, &'static str)>,
}

/// Something that stood there and could not be understood. It names no value: a consent string can
/// single a person out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentFault {
    #[error("{what} cannot be decoded: {why}")]
    Undecodable { what: &'static str, why: Undecodable },
    #[error("{section}: `{field}` holds a value that is not defined")]
    Undefined { section: &'static str, field: &'static str },
    /// Read as the newest version that is known.
    #[error("{section} has version {version}, which is not known")]
    UnknownVersion { section: &'static str, version: u64 },
    #[error("{section} has a segment that is not known")]
    UnknownSegment { section: &'static str },
    #[error("the GPP string has a section {id}, which is not known")]
    UnknownSection { id: u16 },
    #[error("the GPP string names a section {id} and does not have it")]
    MissingSection { id: u16 },
}

/// Why a string cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    #[error("a character of it is in no alphabet of such strings")]
    Alphabet,
    #[error("it ends too early")]
    TooShort,
    #[error("it is too long")]
    TooLong,
    #[error("its type or version is not known")]
    Version,
    #[error("a number in it is out of range")]
    Range,
    #[error("it is not text")]
    NotText,
}

/// From all headers of a request, in any order and case; cookies too.
pub fn headers<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Found {
    let mut carried = Carried::default();
    for (name, value) in headers {
        carried.header(name, value);
    }
    carried.read()
}

/// From the query of a URL, percent-encoded, without its `?`.
pub fn query(query: &str) -> Found {
    let mut carried = Carried::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        carried.field(&name, &value);
    }
    carried.read()
}

/// From named values, such as the columns of a row.
pub fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Found {
    let mut carried = Carried::default();
    for (name, value) in fields {
        carried.field(name, value);
    }
    carried.read()
}

/// From a JSON event, at any depth: OpenRTB's `regs.gpp`, a customer platform's `us_privacy`.
pub fn event(event: &Json) -> Found {
    let mut carried = Carried::default();
    carried.json(event);
    carried.read()
}

impl Found {
    /// Adds what was found at another place of the same request or event.
    pub fn merge(&mut self, other: Self) {
        other.statements.into_iter().for_each(|said| self.say(said));
        self.faults.extend(other.faults);
        self.narrower.extend(other.narrower);
    }

    fn out(&mut self, mechanism: &str) {
        let mechanism: Mechanism = mechanism.parse().expect("a mechanism of the catalogue");
        self.say(Statement::out(mechanism, Claimant::Person));
    }

    fn say(&mut self, statement: Statement) {
        if self.statements.iter().all(|said| said.mechanism != statement.mechanism) {
            self.statements.push(statement);
        }
    }

    fn undecodable(&mut self, what: &'static str, why: Undecodable) {
        self.faults.push(ConsentFault::Undecodable { what, why });
    }

    fn usp(&mut self, string: UsPrivacy) {
        if string.opted_out_of_sale() {
            self.out("web.usp");
        }
    }

    fn tcf(&mut self, string: &Tcf) {
        for purpose in string.refused() {
            self.out(&format!("web.tcf.{}", purpose.member));
        }
    }

    /// `applies` is what `gpp_sid` names; without one, every section.
    fn gpp(&mut self, string: &Gpp<'_>, applies: Option<&[u16]>) {
        for (at, id) in string.section_ids.iter().enumerate() {
            let Some(text) = string.sections.get(at) else {
                self.faults.push(ConsentFault::MissingSection { id: *id });
                continue;
            };
            let section = GppSection::decode(*id, text, &mut self.faults);
            if applies.is_none_or(|ids| ids.contains(id)) {
                self.section(section);
            }
        }
    }

    fn section(&mut self, section: Option<GppSection>) {
        match section {
            Some(GppSection::Tcf(tcf)) => self.tcf(&tcf),
            Some(GppSection::UsPrivacy(usp)) => self.usp(usp),
            Some(GppSection::State { name, fields }) => self.state(name, &fields),
            None => {}
        }
    }

    fn state(&mut self, section: &'static str, fields: &Fields) {
        let refused = |value: &Value| match value {
            Value::Flag(set) => *set,
            Value::Twos(items) => items.contains(&1),
            _ => false,
        };
        for (field, _) in fields.iter().filter(|(_, value)| refused(value)) {
            if let Some((_, mechanism)) = GPP_FIELDS.iter().find(|(name, _)| *name == field) {
                self.out(mechanism);
            } else if gpp::NARROWER_FIELDS.contains(&field) {
                self.narrower.push((section, field));
            }
        }
    }
}

#[cfg(test)]
mod tests;
