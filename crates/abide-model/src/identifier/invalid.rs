//! Why a text is no identifier.

use thiserror::Error;

use super::{Form, IdentifierKind};

/// Why a text is no identifier of its kind. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidIdentifier {
    /// Nothing but white space: the field is absent, not wrong.
    #[error("no identifier: the text is empty")]
    Empty,
    /// A text that stands for "none": an all-zero advertising id, `NULL`, the digest of nothing.
    /// Taken for an identifier it would make one person of everybody who has none.
    #[error("no identifier: the {kind} is a stand-in for none, such as all zeros or `null`")]
    NotAnIdentifier { kind: IdentifierKind },
    #[error("not a valid {kind}: {why}")]
    Malformed { kind: IdentifierKind, why: &'static str },
    #[error("not a digest: expected hex or Base64 of an MD5, SHA-1 or SHA-256")]
    NotADigest,
    #[error("a digest of {bytes} bytes is not a {form}: check the form named for this field")]
    FormDisagrees { form: Form, bytes: usize },
    #[error("the form {form} does not exist for {kind}: it is for phones only")]
    FormOfOtherKind { form: Form, kind: IdentifierKind },
}

impl InvalidIdentifier {
    /// Whether the field holds no identifier, rather than one that cannot be read.
    pub fn is_absent(self) -> bool {
        matches!(self, Self::Empty | Self::NotAnIdentifier { .. })
    }
}
