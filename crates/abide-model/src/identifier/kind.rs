//! The kinds of identifiers.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// What a text identifies, and so how it is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    Email,
    Phone,
    /// An id of the store's own customers; case counts.
    UserId,
    /// Mobile advertising id: IDFA or GAID.
    Maid,
    PushToken,
    Cookie,
    Ip,
    /// Everybody at a domain.
    EmailDomain,
}

impl IdentifierKind {
    pub const ALL: [Self; 8] = [
        Self::Email,
        Self::Phone,
        Self::UserId,
        Self::Maid,
        Self::PushToken,
        Self::Cookie,
        Self::Ip,
        Self::EmailDomain,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::UserId => "user_id",
            Self::Maid => "maid",
            Self::PushToken => "push_token",
            Self::Cookie => "cookie",
            Self::Ip => "ip",
            Self::EmailDomain => "email_domain",
        }
    }

    /// The number of this kind in keys and on disk: append-only, never reused.
    pub const fn code(self) -> u8 {
        match self {
            Self::Email => 1,
            Self::Phone => 2,
            Self::UserId => 3,
            Self::Maid => 4,
            Self::PushToken => 5,
            Self::Cookie => 6,
            Self::Ip => 7,
            Self::EmailDomain => 8,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no kind of identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no kind of identifier; there are email, phone, user_id, maid, push_token, cookie, ip, email_domain"
)]
pub struct UnknownKind(pub String);

impl FromStr for IdentifierKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}
