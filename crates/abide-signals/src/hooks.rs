//! What mail and SMS providers and customer platforms post: webhooks to statements.
//!
//! For each request, in this order (nothing here does I/O; the caller carries):
//!
//! ```no_run
//! # use abide_signals::hooks::{Account, Event, Request, Secret, Source};
//! # fn f(request: &Request<'_>, secret: Secret, now: abide_model::Time, fetch: fn(&str) -> Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::by_name("sendgrid").ok_or("404")?;
//! let account = Account::of(source);
//! // SNS alone names a certificate: fetch it over TLS from the address that was checked, and keep it.
//! let secret = match source.certificate_url(request)? {
//!     Some(url) => secret.with_certificate(fetch(&url)),
//!     None => secret,
//! };
//! let verified = source.verify(request, &secret, now)?; // 401; with several secrets, try each
//! // Seen `verified.replay_key` within `source.replay_window_micros()`? Answer 200 and do nothing.
//! for event in source.read(request, &account)? {        // 400, but see `Fault`
//!     match event {
//!         Event::Said(said) => {}          // identifier and statement: append, unless `event_id` was seen of it
//!         Event::Silent { name } => {}     // delivered, opened, …: count
//!         Event::Unknown { name } => {}    // keep the request aside, count, answer 200
//!         Event::Nameless { name } => {}   // says out, names nobody that we know: keep aside, count
//!         Event::Confirm { url } => {}     // SNS: GET this address once
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! What each event of each vendor means is [one table](EVENTS), which `docs/signals.md` shows to people.
//!
//! **Who says it.** A provider relays what people do, so its word is its own claim: what
//! `sendgrid` said, `sendgrid` takes back when somebody resubscribes there, and nothing else. Only a
//! text from the handset is the person's own word, STOP and START alike, since the signed request
//! shows from which number it came.

mod body;
mod brevo;
mod customer_io;
mod hubspot;
mod klaviyo;
mod mailchimp;
mod mailgun;
mod postmark;
mod segment;
mod sendgrid;
mod ses;
mod table;
mod twilio;
mod verify;

use std::fmt;

use abide_model::{
    Claimant, Identifier, IdentifierKind, InvalidIdentifier, Mechanism, Normaliser, Scope, Time,
    signal::Statement,
};

pub use table::{EVENTS, EventRow, Means};
pub use twilio::{Keyword, keyword};
pub use verify::{Refused, Secret, Verified, verify_shared, verify_standard};

use crate::mapping::Mapped;

/// A vendor whose webhooks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    SendGrid,
    Mailgun,
    Postmark,
    AmazonSes,
    Mailchimp,
    Brevo,
    Klaviyo,
    HubSpot,
    CustomerIo,
    Twilio,
    Segment,
}

impl Source {
    pub const ALL: [Self; 11] = [
        Self::SendGrid,
        Self::Mailgun,
        Self::Postmark,
        Self::AmazonSes,
        Self::Mailchimp,
        Self::Brevo,
        Self::Klaviyo,
        Self::HubSpot,
        Self::CustomerIo,
        Self::Twilio,
        Self::Segment,
    ];

    /// As in `/v1/hooks/{source}`; also the claimant, unless the account has another.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendGrid => "sendgrid",
            Self::Mailgun => "mailgun",
            Self::Postmark => "postmark",
            Self::AmazonSes => "ses",
            Self::Mailchimp => "mailchimp",
            Self::Brevo => "brevo",
            Self::Klaviyo => "klaviyo",
            Self::HubSpot => "hubspot",
            Self::CustomerIo => "customerio",
            Self::Twilio => "twilio",
            Self::Segment => "segment",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// What the request says. Verify it first.
    ///
    /// One bad item of a batch is an event, not an error: a [`Fault`] is of the whole request.
    pub fn read(self, request: &Request<'_>, account: &Account) -> Result<Vec<Event>, Fault> {
        match (self, request.method) {
            // Twilio may be set to tell what was texted by `GET`, in the address.
            (Self::Twilio, "GET") => {}
            (_, "HEAD") | (Self::Mailchimp, "GET") => return Ok(Vec::new()),
            // No other vendor is known to, so nobody can say that it is only a look.
            (_, "GET") => return Ok(vec![Event::Unknown { name: "GET".to_owned() }]),
            _ => {}
        }
        let told = match self {
            Self::SendGrid => sendgrid::read(request),
            Self::Mailgun => mailgun::read(request),
            Self::Postmark => postmark::read(request),
            Self::AmazonSes => return ses::read(request, account),
            Self::Mailchimp => mailchimp::read(request),
            Self::Brevo => brevo::read(request),
            Self::Klaviyo => klaviyo::read(request),
            Self::HubSpot => hubspot::read(request),
            Self::CustomerIo => customer_io::read(request),
            Self::Twilio => twilio::read(request),
            Self::Segment => segment::read(request, account),
        }?;
        Ok(told.into_iter().flat_map(|told| told.events(self, account)).collect())
    }
}

/// An HTTP request as it arrived.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The whole address that the vendor was given, with scheme, host, path and query: Twilio and
    /// HubSpot sign it. Behind a proxy it is the public one.
    pub url: &'a str,
    /// In any case and order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Byte for byte.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The value of a header, if it is text; the first of several.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok()).map(str::trim)
    }

    pub(crate) fn query(&self) -> &'a str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Personal data: nothing but the sizes is shown.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, {} headers, {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}

/// Whose account at the vendor it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// For whom an unsubscribe counts: the brand that sends through this account; else everyone.
    pub brand: Scope,
    /// Whose word it is: one name for each account, so that what one of them takes back leaves the
    /// other's standing.
    pub claimant: Claimant,
    /// For whom a STOP counts: the number that was answered, or the whole brand.
    pub stop: StopFor,
    /// Segment's consent categories, in any case, with the mechanism that each stands for: `false` in one is an opt-out, or
    /// nothing where it stands for none. `false` in any other is not known.
    pub categories: Vec<(String, Option<Mechanism>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopFor {
    /// The number that the text was sent to: how operators and `sms.stop` see it.
    Sender,
    /// Every number of the brand: the stricter reading of the "revoke all" rule of 47 CFR 64.1200.
    Brand,
}

impl Account {
    /// The only account at this vendor, for everyone in the store.
    pub fn of(source: Source) -> Self {
        let no_targeting: Mechanism = "privacy.no_targeting".parse().expect("a mechanism of the catalogue");
        let no_sale: Mechanism = "privacy.no_sale".parse().expect("a mechanism of the catalogue");
        let categories = [
            ("advertising", &no_targeting),
            ("targeting", &no_targeting),
            ("marketing", &no_targeting),
            // OneTrust's standard ids: targeting cookies, and sale of personal data.
            ("c0004", &no_targeting),
            ("sspd_bg", &no_sale),
            ("datasharing", &no_sale),
        ];
        Self {
            brand: Scope::Everyone,
            claimant: Claimant::Source(source.name().into()),
            stop: StopFor::Sender,
            categories: categories.map(|(name, means)| (name.to_owned(), Some(means.clone()))).to_vec(),
        }
    }
}

/// One thing that a request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Said(Said),
    /// Known, and no statement of anybody: delivered, opened, a soft bounce.
    Silent {
        name: String,
    },
    /// Not in the table; a vendor may have added it. Letters, digits and a few signs of its name only.
    Unknown {
        name: String,
    },
    /// It makes a statement, but names nobody by anything that we know.
    Nameless {
        name: String,
    },
    /// Amazon SNS asks whether it may post here: `GET` this address, once. It is one of Amazon's.
    Confirm {
        url: String,
    },
}

/// Who says what, before it has keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub identifier: RawIdentifier,
    pub statement: Statement,
    /// The vendor's own id of this event together with what it says: the same again of the same identifier is a
    /// repetition. An event about several identifiers has it once for each. `None` if the vendor gives none.
    pub event_id: Option<String>,
    /// The row of [`EVENTS`]; [`Said::MAPPED`] for what a mapping reads.
    pub event: &'static str,
}

impl Said {
    pub const MAPPED: &'static str = "mapped";

    /// `id` is the event's own, which may say several things.
    fn of(identifier: RawIdentifier, statement: Statement, id: Option<&str>, event: &'static str) -> Self {
        let Statement { mechanism, scope, claimant, direction, .. } = &statement;
        let event_id = id.map(|id| format!("{id}/{claimant}/{mechanism}/{scope}/{}", direction.as_str()));
        Self { identifier, statement, event_id, event }
    }
}

impl From<Mapped> for Said {
    fn from(mapped: Mapped) -> Self {
        Self::of(mapped.identifier, mapped.statement, mapped.event_id.as_deref(), Self::MAPPED)
    }
}

/// An identifier as the vendor wrote it. Personal data: `Debug` shows its kind.
#[derive(Clone, PartialEq, Eq)]
pub struct RawIdentifier {
    pub kind: IdentifierKind,
    text: String,
}

impl RawIdentifier {
    pub fn new(kind: IdentifierKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub fn normalised(&self, normaliser: &Normaliser) -> Result<Identifier, InvalidIdentifier> {
        normaliser.raw(self.kind, &self.text)
    }

    /// Never for a log, an error or a store.
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for RawIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawIdentifier({})", self.kind)
    }
}

/// Why a request, verified as it is, cannot be read at all. Keep it aside and count it; whether to
/// answer 400 or 200 depends on whether the vendor gives up or tries for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the body is not JSON")]
    NotJson,
    #[error("the body is not of the form that this vendor posts")]
    NotTheirs,
    #[error("the body is not a form")]
    NotAForm,
}

/// One event as its vendor's file reads it.
#[derive(Debug, Default)]
struct Told {
    /// Names a row of the table, from general to particular: `bounce/blocked`.
    key: String,
    about: Vec<RawIdentifier>,
    at: Option<Time>,
    id: Option<String>,
    list: Option<String>,
    sender: Option<String>,
    /// Where the event itself says which mechanism it is about.
    mechanism: Option<Mechanism>,
}

impl Told {
    fn of(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    fn about(mut self, kind: IdentifierKind, text: Option<&str>) -> Self {
        self.about.extend(
            text.map(str::trim).filter(|text| !text.is_empty()).map(|text| RawIdentifier::new(kind, text)),
        );
        self
    }

    fn events(self, source: Source, account: &Account) -> Vec<Event> {
        let Some(row) = table::row(source, &self.key) else {
            return vec![Event::Unknown { name: harmless(&self.key) }];
        };
        let name = || row.event.to_owned();
        let statements = row.means.statements(account, &self);
        if statements.is_empty() {
            return vec![Event::Silent { name: name() }];
        }
        let mut events = Vec::new();
        for statement in statements {
            let on = crate::flags::kind_of(&statement.mechanism);
            let about = self.about.iter().filter(|it| on.is_none_or(|kind| kind == it.kind));
            events.extend(about.map(|identifier| {
                Event::Said(Said::of(identifier.clone(), statement.clone(), self.id.as_deref(), row.event))
            }));
        }
        if events.is_empty() { vec![Event::Nameless { name: name() }] } else { events }
    }
}

/// A name that a vendor sent, without what could name a person.
fn harmless(name: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | ' ');
    if name.contains('@') || name.bytes().filter(u8::is_ascii_digit).count() > 6 {
        return "?".to_owned();
    }
    name.chars().filter(|c| plain(*c)).take(CHARACTERS_MAX).collect()
}
