//! Links in mails by which a person says no (RFC 8058): sealed, so that a link names nobody to whoever sees it, and
//! made by nobody without the key.
//!
//! A token is `version ‖ id of the key ‖ nonce ‖ sealed`, in Base64 for URLs. Sealing is AES-256-GCM-SIV, which two
//! equal nonces among billions of mails do not break; its key comes from the link key by HKDF under a name that is
//! used for nothing else. What is sealed is padded, so that its length tells little of the address in it.
//!
//! A link says one thing, "out", and says it again each time that it is used: there is no opt-in to be had from it,
//! nor anything to be read. So it need not end; [`Link::minted_at`] is there for those who want it to.

mod keys;

use std::fmt;

use abide_model::{
    Channels, Form, Identifier, IdentifierKind, InvalidIdentifier, Mechanism, Normaliser, Reach, SaidBy,
    Scope, Time,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

pub use keys::{InvalidLinkKeys, LinkKey, LinkKeys};

/// Where links stand below the address that the mails name.
pub const PATH: &str = "/u/";

/// As many identifiers as one person's link may have.
pub const IDENTIFIERS_MAX: usize = 8;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const HEAD: usize = 1 + keys::ID + NONCE;
/// What is sealed is a multiple of this.
const PADDED_TO: usize = 16;
/// No link is longer; whatever is, was not made here.
const TOKEN_MAX: usize = 8 << 10;

/// What a link says when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// To the second.
    pub minted_at: Time,
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub people: Vec<Addressee>,
}

/// An identifier of the person whom the mail goes to, as it was written, since every spelling has keys of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Addressee {
    kind: IdentifierKind,
    form: Option<Form>,
    text: Zeroizing<String>,
}

/// Why no link is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    #[error("a link is for one person, with 1 to {IDENTIFIERS_MAX} identifiers")]
    Count,
    #[error("a link is about a person, never about everybody at an e-mail domain")]
    Domain,
    #[error("a link says what a person says; this mechanism is the word of a source")]
    NotThePersons,
    #[error(
        "what the link would say is about none of these identifiers: the mechanism is for another channel"
    )]
    NobodyMeant,
    #[error("an identifier is longer than a link can carry")]
    TooLong,
}

/// Why a token is no link of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLink {
    #[error("the link is incomplete, or was changed")]
    Damaged,
    #[error("the link was made with a key that is not known here")]
    UnknownKey,
    #[error("the link was made by a newer version; upgrade abide")]
    Newer,
}

impl Addressee {
    pub fn new(kind: IdentifierKind, form: Option<Form>, text: impl Into<String>) -> Self {
        Self { kind, form, text: Zeroizing::new(text.into()) }
    }

    /// With the text that the identifier was read from.
    pub fn of(identifier: &Identifier, text: impl Into<String>) -> Self {
        let form = identifier.is_hashed().then(|| identifier.primary().form);
        Self::new(identifier.kind(), form, text)
    }

    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    pub fn read(&self, normaliser: &Normaliser) -> Result<Identifier, InvalidIdentifier> {
        match self.form {
            None => normaliser.raw(self.kind, &self.text),
            Some(form) => Normaliser::hashed(self.kind, Some(form), &self.text),
        }
    }
}

/// Whether saying it of an identifier of this kind changes anything: what counts for an address only has to be said of
/// an address of that channel.
pub fn concerns(mechanism: &Mechanism, kind: IdentifierKind) -> bool {
    let spec = mechanism.spec();
    let channels = match kind {
        IdentifierKind::Email => Channels::EMAIL,
        IdentifierKind::Phone => Channels::SMS.and(Channels::PHONE),
        IdentifierKind::PushToken => Channels::PUSH,
        _ => return true,
    };
    spec.reach != Reach::Address || spec.channels.meets(channels)
}

impl Link {
    /// Refuses what must not be had from a link, or would change nothing.
    pub fn new(
        minted_at: Time,
        mechanism: Mechanism,
        scope: Scope,
        people: Vec<Addressee>,
    ) -> Result<Self, Unsayable> {
        if people.is_empty() || people.len() > IDENTIFIERS_MAX {
            return Err(Unsayable::Count);
        }
        if people.iter().any(|one| one.kind == IdentifierKind::EmailDomain) {
            return Err(Unsayable::Domain);
        }
        if mechanism.spec().said_by != SaidBy::Person {
            return Err(Unsayable::NotThePersons);
        }
        if !people.iter().any(|one| concerns(&mechanism, one.kind)) {
            return Err(Unsayable::NobodyMeant);
        }
        if people.iter().any(|one| one.text.len() > TOKEN_MAX / 2 / IDENTIFIERS_MAX) {
            return Err(Unsayable::TooLong);
        }
        Ok(Self { minted_at, mechanism, scope, people })
    }

    /// What using a link says for a scope, where nothing else was asked for.
    pub fn mechanism_for(scope: &Scope) -> Mechanism {
        let path = if matches!(scope, Scope::List(_)) { "email.list" } else { "email.unsubscribe" };
        path.parse().expect("it stands in the catalogue")
    }

    /// The token under the newest key. `nonce` is drawn anew for each.
    pub fn seal(&self, keys: &LinkKeys, nonce: [u8; NONCE]) -> String {
        let key = keys.newest();
        let mut token = vec![VERSION];
        token.extend_from_slice(&key.id());
        token.extend_from_slice(&nonce);
        let mut sealed = self.write();
        key.seal(nonce, &token, &mut sealed);
        token.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    pub fn open(token: &str, keys: &LinkKeys) -> Result<Self, InvalidLink> {
        if token.len() > TOKEN_MAX {
            return Err(InvalidLink::Damaged);
        }
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidLink::Damaged)?;
        match token.first() {
            Some(&VERSION) => {}
            Some(2..8) => return Err(InvalidLink::Newer),
            _ => return Err(InvalidLink::Damaged),
        }
        let (head, sealed) = token.split_at_checked(HEAD).ok_or(InvalidLink::Damaged)?;
        let (id, nonce) = head[1..].split_at(keys::ID);
        let key = keys.by_id(id).ok_or(InvalidLink::UnknownKey)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = key.open(nonce, head, &mut sealed).ok_or(InvalidLink::Damaged)?;
        Self::read(opened).ok_or(InvalidLink::Damaged)
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        let seconds = u32::try_from(self.minted_at.as_micros() / 1_000_000).unwrap_or(0);
        bytes.extend_from_slice(&seconds.to_be_bytes());
        put(&mut bytes, self.mechanism.as_str());
        put(&mut bytes, &self.scope.to_string());
        bytes.push(u8::try_from(self.people.len()).expect("there are at most eight"));
        for one in &self.people {
            bytes.extend_from_slice(&[one.kind.code(), one.form.map_or(0, Form::code)]);
            put(&mut bytes, &one.text);
        }
        bytes.resize(bytes.len().next_multiple_of(PADDED_TO), 0);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (seconds, mut rest) = bytes.split_first_chunk::<4>()?;
        let minted_at = Time::from_micros(i64::from(u32::from_be_bytes(*seconds)) * 1_000_000);
        let mechanism = take(&mut rest)?.parse().ok()?;
        let scope = take(&mut rest)?.parse().ok()?;
        let (count, mut rest) = rest.split_first()?;
        let mut people = Vec::new();
        for _ in 0..*count {
            let ([kind, form], after) = rest.split_first_chunk::<2>()?;
            rest = after;
            let form = if *form == 0 { None } else { Some(Form::from_code(*form)?) };
            people.push(Addressee::new(IdentifierKind::from_code(*kind)?, form, take(&mut rest)?));
        }
        let is_padding = rest.len() < PADDED_TO && rest.iter().all(|byte| *byte == 0);
        is_padding.then(|| Self::new(minted_at, mechanism, scope, people).ok()).flatten()
    }
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("texts are bounded when a link is made");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn take<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

impl fmt::Debug for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addressee({}, …)", self.kind)
    }
}

/// The two headers of a mail with this link; a DKIM signature has to cover both.
pub fn headers(url: &str) -> [(&'static str, String); 2] {
    [
        ("List-Unsubscribe", format!("<{url}>")),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
    ]
}
