//! What each flag of each vendor means: the one table, shown to people in `docs/imports.md`.
//!
//! A row is added with what it was seen in. A flag that says nothing Abide can enforce stands here
//! too, with the reason, so that it is passed over aloud.

use std::fmt;

use abide_model::{Claimant, IdentifierKind, Profile};

use crate::{columns::IdRole, flags::OutWhen};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    HubSpot,
    Salesforce,
    Mailchimp,
    Brevo,
    Braze,
    Klaviyo,
    Marketo,
    SendGrid,
    Ses,
    Promio,
    MParticle,
    Segment,
    GoogleConsent,
    /// The Federal Trade Commission's National Do Not Call Registry.
    Dnc,
    /// California's Delete Request and Opt-out Platform.
    Drop,
}

impl Vendor {
    /// The name under which its word stands in the store.
    pub fn source(self) -> &'static str {
        match self {
            Self::HubSpot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Mailchimp => "mailchimp",
            Self::Brevo => "brevo",
            Self::Braze => "braze",
            Self::Klaviyo => "klaviyo",
            Self::Marketo => "marketo",
            Self::SendGrid => "sendgrid",
            Self::Ses => "ses",
            Self::Promio => "promio",
            Self::MParticle => "mparticle",
            Self::Segment => "segment",
            Self::GoogleConsent => "google",
            Self::Dnc => "ftc",
            Self::Drop => "calprivacy",
        }
    }

    pub fn claimant(self) -> Claimant {
        Claimant::Source(self.source().into())
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HubSpot => "HubSpot",
            Self::Salesforce => "Salesforce",
            Self::Mailchimp => "Mailchimp",
            Self::Brevo => "Brevo",
            Self::Braze => "Braze",
            Self::Klaviyo => "Klaviyo",
            Self::Marketo => "Marketo",
            Self::SendGrid => "SendGrid",
            Self::Ses => "Amazon SES",
            Self::Promio => "promio.connect",
            Self::MParticle => "mParticle",
            Self::Segment => "Segment",
            Self::GoogleConsent => "Google consent mode",
            Self::Dnc => "National Do Not Call Registry",
            Self::Drop => "California DROP",
        })
    }
}

/// How sure it is that a column is called this and means this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Seen in the vendor's documents or in public code that reads its exports.
    Seen,
    /// General knowledge: look at the sentences that the import says.
    Unconfirmed,
}

/// What a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Out, under this mechanism, for this scope.
    Out(&'static str, ListOf),
    /// Nothing that is read; why.
    Unread(&'static str),
}

/// Which list a flag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOf {
    /// None: it counts for everyone.
    Everyone,
    /// The one that the `*` in the column's name stands for.
    Star,
    /// The one that the row names in the first of these columns that the file has.
    Columns(&'static [&'static str]),
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorFlag {
    pub vendor: Vendor,
    /// What the file's name begins with, for vendors who say the state there.
    pub files: &'static [&'static str],
    /// The names that the column has in real exports; `*` at the end stands for an id or a name. Of
    /// a flag that [every row](OutWhen::EveryRow) sets: the columns that the file must have.
    pub columns: &'static [&'static str],
    pub out_when: OutWhen,
    pub says: Says,
    /// The column that dates it.
    pub at: Option<&'static str>,
    /// Whether it alone shows whose export this is.
    pub is_telling: bool,
    pub confidence: Confidence,
}

const fn flag(
    vendor: Vendor,
    columns: &'static [&'static str],
    out_when: OutWhen,
    mechanism: &'static str,
) -> VendorFlag {
    let says = Says::Out(mechanism, ListOf::Everyone);
    VendorFlag {
        vendor,
        files: &[],
        columns,
        out_when,
        says,
        at: None,
        is_telling: false,
        confidence: Confidence::Seen,
    }
}

const fn list_flag(vendor: Vendor, columns: &'static [&'static str], out_when: OutWhen) -> VendorFlag {
    VendorFlag { says: Says::Out("email.list", ListOf::Star), ..flag(vendor, columns, out_when, "") }
}

const fn unread(vendor: Vendor, columns: &'static [&'static str], why: &'static str) -> VendorFlag {
    VendorFlag { says: Says::Unread(why), ..flag(vendor, columns, OutWhen::Filled, "") }
}

const fn whole_file(
    vendor: Vendor,
    files: &'static [&'static str],
    columns: &'static [&'static str],
    mechanism: &'static str,
) -> VendorFlag {
    VendorFlag { files, is_telling: true, ..flag(vendor, columns, OutWhen::EveryRow, mechanism) }
}

impl VendorFlag {
    const fn telling(self) -> Self {
        Self { is_telling: true, ..self }
    }

    const fn at(self, column: &'static str) -> Self {
        Self { at: Some(column), ..self }
    }

    const fn unconfirmed(self) -> Self {
        Self { confidence: Confidence::Unconfirmed, ..self }
    }
}

use OutWhen::{AnyBut, Code, Filled, Yes};
use Vendor::{
    Braze, Brevo, GoogleConsent, HubSpot, Klaviyo, MParticle, Mailchimp, Marketo, Promio, Salesforce,
    Segment, SendGrid, Ses,
};

const NO_CONSENT: &str = "no consent is no opt-out: what needs consent is blocked without one anyhow";

/// All flags of all vendors whose exports are tables with a header.
#[rustfmt::skip]
pub static FLAGS: &[VendorFlag] = &[
    flag(HubSpot, &["hs_email_optout", "Unsubscribed from all email"], Yes, "email.unsubscribe").telling(),
    list_flag(HubSpot, &["hs_email_optout_*", "Opted out of email: *"], Yes).telling(),
    flag(HubSpot, &["hs_email_hard_bounce_reason_enum", "hs_email_hard_bounce_reason", "Email hard bounce reason"], Filled, "email.bounce.hard").telling(),
    flag(HubSpot, &["hs_email_bad_address", "Invalid email address"], Yes, "email.bounce.hard").unconfirmed(),
    flag(HubSpot, &["Portal Unsubscribe"], Yes, "email.unsubscribe").telling(),
    flag(HubSpot, &["Portal Spam Report"], Yes, "email.complaint").telling(),
    flag(HubSpot, &["Portal Bounce"], Filled, "email.bounce.hard").telling(),
    flag(HubSpot, &["Global Bounce"], Filled, "email.bounce.hard"),
    unread(HubSpot, &["hs_email_bounce", "Marketing emails bounced"], "a count of bounces, soft ones among them"),
    unread(HubSpot, &["hs_email_quarantined", "Email Address Quarantined"], "HubSpot's own hold on an address, not an opt-out"),
    unread(HubSpot, &["hs_marketable_status", "Marketing contact status"], "what HubSpot bills for, not an opt-out"),
    unread(HubSpot, &["hs_legal_basis", "Legal basis for processing contact's data"], "a legal basis, not an opt-out"),

    flag(Salesforce, &["HasOptedOutOfEmail", "Email Opt Out"], Yes, "profile.email").telling(),
    flag(Salesforce, &["DoNotCall", "Do Not Call"], Yes, "profile.phone").telling(),
    flag(Salesforce, &["EmailBouncedDate", "Email Bounced Date"], Filled, "email.bounce.hard").at("EmailBouncedDate").telling(),
    unread(Salesforce, &["EmailBouncedReason", "Email Bounced Reason"], "the reason for what `EmailBouncedDate` says"),
    unread(Salesforce, &["HasOptedOutOfFax", "Fax Opt Out"], "Abide has no faxes to stop").telling(),

    whole_file(Mailchimp, &["unsubscribed_members_export", "unsubscribed_email_audience"], &["LEID"], "email.unsubscribe").at("UNSUB_TIME"),
    // Cleaned is a hard bounce or a complaint, and the file does not say which.
    whole_file(Mailchimp, &["cleaned_members_export", "cleaned_email_audience"], &["LEID"], "email.bounce.hard").at("CLEAN_TIME"),
    flag(Mailchimp, &["UNSUB_TIME"], Filled, "email.unsubscribe").at("UNSUB_TIME").telling(),
    flag(Mailchimp, &["CLEAN_TIME"], Filled, "email.bounce.hard").at("CLEAN_TIME").telling().unconfirmed(),
    flag(Mailchimp, &["status"], Yes, "email.unsubscribe").unconfirmed(),
    unread(Mailchimp, &["UNSUB_REASON"], "an answer to a survey"),

    flag(Brevo, &["EMAIL_BLACKLISTED"], Yes, "profile.email").telling(),
    flag(Brevo, &["SMS_BLACKLISTED"], Yes, "profile.sms").telling(),

    flag(Braze, &["email_subscribe"], Yes, "email.unsubscribe").telling().unconfirmed(),
    flag(Braze, &["push_subscribe"], Yes, "profile.push").telling().unconfirmed(),

    flag(Klaviyo, &["Email Marketing Consent"], Yes, "email.unsubscribe").telling(),
    flag(Klaviyo, &["Email Suppressions", "Suppressed"], Filled, "profile.email").unconfirmed(),
    flag(Klaviyo, &["SMS Marketing Consent"], Yes, "profile.sms").telling().unconfirmed(),
    flag(Klaviyo, &["can_receive_email_marketing"], OutWhen::No, "profile.email").telling().unconfirmed(),

    flag(Marketo, &["unsubscribed"], Yes, "email.unsubscribe").unconfirmed(),
    flag(Marketo, &["marketingSuspended", "Marketing Suspended"], Yes, "profile.email").telling().unconfirmed(),
    flag(Marketo, &["blackListed", "Black Listed"], Yes, "hold.internal").telling().unconfirmed(),
    flag(Marketo, &["doNotCall"], Yes, "profile.phone").telling().unconfirmed(),
    flag(Marketo, &["emailInvalid", "Email Invalid"], Yes, "email.bounce.hard").telling(),
    unread(Marketo, &["emailSuspended", "Email Suspended"], "a hold of 24 hours after a spam block, and the flag stays set when it is over").telling(),

    whole_file(SendGrid, &["suppression_unsubscribes", "suppression_global_unsubscribes"], &["email", "created"], "email.unsubscribe").at("created"),
    whole_file(SendGrid, &["suppression_spam_reports"], &["email", "created"], "email.complaint").at("created"),
    whole_file(SendGrid, &["suppression_bounces"], &["email", "created"], "email.bounce.hard").at("created"),
    whole_file(SendGrid, &["suppression_invalid_emails"], &["email", "created"], "email.bounce.hard").at("created"),
    VendorFlag { says: Says::Out("email.list", ListOf::Columns(&["group_id", "group_name"])),
        ..whole_file(SendGrid, &["suppression_group_unsubscribes"], &["email"], "").at("created").unconfirmed() },

    flag(Ses, &["UnsubscribeAll"], Yes, "email.unsubscribe").telling(),
    list_flag(Ses, &["topicPreferences.*"], Yes).telling().unconfirmed(),

    flag(Promio, &["sourceType"], AnyBut(&["9", "11"]), "email.unsubscribe").at("ts").telling(),
    flag(Promio, &["sourceType"], Code("11"), "email.complaint").at("ts").telling(),
    flag(Promio, &["sourceType"], Code("9"), "email.bounce.hard").at("ts").telling(),

    // Inverted: `consented` to being left out of sales.
    flag(MParticle, &["consent_state.ccpa.data_sale_opt_out.consented"], Yes, "privacy.no_sale").telling(),
    unread(MParticle, &["consent_state.gdpr.*"], NO_CONSENT).telling(),
    unread(Segment, &["context.consent.categoryPreferences.*"], NO_CONSENT).telling(),
    unread(GoogleConsent, &["ad_storage", "analytics_storage", "ad_user_data", "ad_personalization"], NO_CONSENT).telling(),
];

/// Files that are known and give no opt-outs, by the beginnings of their names and the columns that
/// they have. Looked at after the flags.
pub(super) struct Refusal {
    pub(super) vendor: Vendor,
    pub(super) files: &'static [&'static str],
    pub(super) columns: &'static [&'static str],
    pub(super) what: &'static str,
    pub(super) why: &'static str,
}

#[rustfmt::skip]
pub(super) const REFUSALS: &[Refusal] = &[
    Refusal { vendor: Mailchimp, files: &["subscribed_members_export", "subscribed_email_audience"], columns: &["LEID"],
        what: "Mailchimp's list of those who are subscribed",
        why: "it holds no opt-outs; import `unsubscribed_…` and `cleaned_…` of the same export" },
    Refusal { vendor: Mailchimp, files: &[], columns: &["LEID", "EUID"],
        what: "an audience export of Mailchimp",
        why: "only the file's name says whether these people are subscribed, unsubscribed or cleaned; \
              give it back its name, or say --mechanism" },
    Refusal { vendor: SendGrid, files: &["suppression_blocks"], columns: &["email"],
        what: "SendGrid's list of blocks",
        why: "a block is a passing refusal by the recipient's server, neither an opt-out nor a hard bounce" },
    Refusal { vendor: Promio, files: &[], columns: &["newsletterId", "userId", "status", "sourceType"],
        what: "a newsletter audit of promio.connect",
        why: "it names people by promio's own user ids; export the removals of the target group, which have the addresses" },
];

/// What the columns of identifiers are called in a vendor's exports. All of a kind that a file has
/// are read: who must not be called must not be called on any number.
pub(super) struct VendorId {
    pub(super) vendor: Vendor,
    pub(super) columns: &'static [&'static str],
    pub(super) role: IdRole,
}

const fn id(vendor: Vendor, kind: IdentifierKind, columns: &'static [&'static str]) -> VendorId {
    VendorId { vendor, columns, role: IdRole::raw(kind) }
}

use IdentifierKind::{Email, Phone, UserId};

#[rustfmt::skip]
pub(super) const IDS: &[VendorId] = &[
    id(HubSpot, Email, &["email", "Email Address", "hs_additional_emails"]),
    id(HubSpot, Phone, &["phone", "Phone Number", "mobilephone", "Mobile Phone Number", "hs_whatsapp_phone_number"]),
    id(Salesforce, Email, &["Email", "PersonEmail"]),
    id(Salesforce, Phone, &[
        "Phone", "MobilePhone", "Mobile", "HomePhone", "OtherPhone", "AssistantPhone", "PersonMobilePhone", "PersonHomePhone", "PersonOtherPhone",
    ]),
    id(Mailchimp, Email, &["Email Address", "email_address"]),
    id(Brevo, Email, &["EMAIL"]),
    // Brevo writes numbers with their country code and without the `+`.
    VendorId { vendor: Brevo, columns: &["SMS", "WHATSAPP"], role: IdRole { prefix: "+", ..IdRole::raw(Phone) } },
    id(Braze, Email, &["email"]),
    id(Braze, Phone, &["phone"]),
    id(Braze, UserId, &["external_id"]),
    id(Klaviyo, Email, &["Email"]),
    id(Klaviyo, Phone, &["Phone Number", "phone_number"]),
    id(Marketo, Email, &["email", "Email Address"]),
    id(Marketo, Phone, &["phone", "Phone Number", "mobilePhone", "Mobile Phone Number"]),
    id(SendGrid, Email, &["email"]),
    id(Ses, Email, &["EmailAddress"]),
    id(Promio, Email, &["mail"]),
];

/// Vendors whose dates have an order that is known: Brevo's have the day first.
pub(super) const DAY_FIRST: &[Vendor] = &[Brevo];

/// The digests of California's lists.
pub(crate) const fn drop_role(kind: IdentifierKind) -> IdRole {
    let form = match kind {
        Phone => abide_model::Form::Last10Sha256,
        _ => abide_model::Form::Sha256,
    };
    IdRole::hashed(kind, Some(Profile::Drop), form)
}
