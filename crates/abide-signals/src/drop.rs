//! California's DROP beyond its deletion lists: the requests that were withdrawn, and the answer.
//!
//! The lists themselves are an [export](crate::exports) like any other. Source: DROP for data brokers,
//! technical specifications, "Working with data", version 1.2.0.

mod withdrawals;

use std::str::FromStr;

use abide_model::{
    Claimant, Direction, Identifier, IdentifierKind, InvalidIdentifier, Normaliser, Time, signal::Statement,
};
use chrono::{NaiveDate, NaiveTime};

pub use withdrawals::{Outcome, Settled, Withdrawals};

use crate::{
    columns::IdRole,
    exports::{Vendor, drop_role},
};

/// The header of a file of withdrawn requests, `…_Removed.csv`.
pub const REMOVED_HEADER: [&str; 3] = ["ID", "Hash", "ListType"];
/// The header of a deletion list.
pub const LIST_HEADER: [&str; 2] = ["ID", "Hash"];
/// The header of the answer, for `POST /data/upload`.
pub const REPORT_HEADER: [&str; 2] = ["Id", "Status"];

/// What the name of one of DROP's files says: `20260312_4821_Email.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropFile {
    /// The first moment (UTC) of the day in its name. Its rows have no dates of their own, and so count from the
    /// same moment whenever they are taken in.
    pub day: Time,
    pub holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    List(DropList),
    /// Requests that were withdrawn.
    Removed,
}

impl DropFile {
    /// Reads a name `YYYYMMDD_<broker>_<List>[_suffix].csv`, without directories.
    pub fn of_name(name: &str) -> Result<Self, UnknownFile> {
        let stem = name.split('.').next().unwrap_or("");
        let mut parts = stem.split('_');
        let day = parts.next().and_then(day).ok_or(UnknownFile)?;
        let holds = match parts.nth(1).ok_or(UnknownFile)? {
            removed if removed.eq_ignore_ascii_case("removed") => Holds::Removed,
            list => Holds::List(list.parse().map_err(|UnknownList| UnknownFile)?),
        };
        Ok(Self { day, holds })
    }
}

fn day(text: &str) -> Option<Time> {
    let is_plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let day = is_plain.then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok()).flatten()?;
    Some(Time::from_micros(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its name does not say of which day it is and what it holds, as 20260312_4821_Email.csv does")]
pub struct UnknownFile;

/// A list of DROP, by the word in its file name and in the column `ListType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropList {
    Email,
    Phone,
    Maid,
    /// Of names, births, vehicles, televisions: Abide has no identifier for these.
    Other,
}

impl FromStr for DropList {
    type Err = UnknownList;

    fn from_str(text: &str) -> Result<Self, UnknownList> {
        match text.to_lowercase().as_str() {
            "email" => Ok(Self::Email),
            "phone" => Ok(Self::Phone),
            "maid" => Ok(Self::Maid),
            "ndz" | "namevin" | "ctvid" => Ok(Self::Other),
            _ => Err(UnknownList),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DROP's lists are Email, Phone, MAID, NDZ, NameVIN and CTVID")]
pub struct UnknownList;

impl DropList {
    pub fn kind(self) -> Option<IdentifierKind> {
        match self {
            Self::Email => Some(IdentifierKind::Email),
            Self::Phone => Some(IdentifierKind::Phone),
            Self::Maid => Some(IdentifierKind::Maid),
            Self::Other => None,
        }
    }

    /// The identifier of a row; `None` for the lists that Abide has none for.
    pub fn identify(
        self,
        normaliser: &Normaliser,
        hash: &str,
    ) -> Option<Result<Identifier, InvalidIdentifier>> {
        let role: IdRole = drop_role(self.kind()?);
        Some(role.identify(normaliser, hash.trim()))
    }
}

/// What withdrawn requests say: DROP takes its own claim back.
pub fn withdrawal(day: Time) -> Statement {
    let mechanism = "law.drop".parse().expect("a mechanism of the catalogue");
    let claimant: Claimant = Vendor::Drop.claimant();
    Statement { direction: Direction::In, stated_at: Some(day), ..Statement::out(mechanism, claimant) }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Exempted,
    Deleted,
    /// Several people share the identifier, so that they are opted out instead.
    OptedOut,
    NotFound,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Exempted, Self::Deleted, Self::OptedOut, Self::NotFound];

    pub fn code(self) -> u8 {
        match self {
            Self::Exempted => 2,
            Self::Deleted => 3,
            Self::OptedOut => 4,
            Self::NotFound => 5,
        }
    }

    pub fn what(self) -> &'static str {
        match self {
            Self::Exempted => "exempted",
            Self::Deleted => "deleted",
            Self::OptedOut => "opted out, since several people share the identifier",
            Self::NotFound => "not found",
        }
    }

    /// By how many records of the company's data had the identifier.
    pub fn of_matches(records: u64) -> Self {
        match records {
            0 => Self::NotFound,
            1 => Self::Deleted,
            _ => Self::OptedOut,
        }
    }
}
