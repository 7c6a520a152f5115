//! What each event of each vendor means: the one table, shown in `docs/signals.md`.

use abide_model::{Claimant, Direction, Mechanism, Proof, Scope, signal::Statement};

use super::{Account, Source, StopFor, Told};
use crate::flags::list_scope;

/// One event of a vendor. A key with more parts is a row of its own or falls back to the one before
/// its last `/`.
#[derive(Clone, Copy, Debug)]
pub struct EventRow {
    pub source: Source,
    pub event: &'static str,
    pub means: Means,
    /// Why, where it is not plain.
    pub note: &'static str,
}

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// `email.unsubscribe` out, for the account's brand.
    Unsubscribed,
    /// `email.list` out, for the list that the event names; without one, for the brand.
    LeftList,
    /// `email.complaint` out, for the account's brand.
    Complained,
    /// `email.bounce.hard` out, for everyone.
    HardBounce,
    /// `email.unsubscribe` in: the vendor takes its own claim back.
    Resubscribed,
    /// `email.list` in, the same for a list.
    RejoinedList,
    /// `email.unsubscribe` and `email.bounce.hard` in: the vendor sends there again.
    Reactivated,
    /// `sms.stop` out, from the handset, to the number that it answered.
    Stopped,
    /// `sms.stop` in with the proof `handset`: the paired act.
    Started,
    /// `sms.stop` out for the account's brand, on the vendor's word.
    NoTexts,
    /// `sms.stop` in, the vendor's own claim taken back.
    TextsAgain,
    /// `law.erasure` out, for everyone.
    Erasure,
    /// The mechanism that the account's categories name, out.
    Refused,
    /// `ads.lat` out.
    LimitedAds,
    /// Nothing that anybody said: counted.
    Nothing,
}

impl Means {
    /// For people: mechanism and direction.
    pub fn described(self) -> &'static str {
        match self {
            Self::Unsubscribed => "`email.unsubscribe` out, brand",
            Self::LeftList => "`email.list` out, that list",
            Self::Complained => "`email.complaint` out, brand",
            Self::HardBounce => "`email.bounce.hard` out, everyone",
            Self::Resubscribed => "`email.unsubscribe` in, own claim",
            Self::RejoinedList => "`email.list` in, own claim",
            Self::Reactivated => "`email.unsubscribe` and `email.bounce.hard` in, own claim",
            Self::Stopped => "`sms.stop` out, the person's, that sender",
            Self::Started => "`sms.stop` in, the person's by `handset`, that sender",
            Self::NoTexts => "`sms.stop` out, brand",
            Self::TextsAgain => "`sms.stop` in, own claim",
            Self::Erasure => "`law.erasure` out, everyone",
            Self::Refused => "the category's mechanism out, brand",
            Self::LimitedAds => "`ads.lat` out, everyone",
            Self::Nothing => "nothing",
        }
    }

    pub(super) fn statements(self, account: &Account, told: &Told) -> Vec<Statement> {
        use Direction::{In, Out};

        let say = |path: &str, direction, scope: Scope| Statement {
            mechanism: path.parse().expect("a mechanism of the catalogue"),
            scope,
            claimant: account.claimant.clone(),
            direction,
            stated_at: told.at,
            proof: None,
            recorded_by: Some(account.claimant.as_str().into()),
        };
        let brand = || account.brand.clone();
        let list = || told.list.as_deref().map_or_else(brand, list_scope);
        let sender = || match account.stop {
            StopFor::Brand => brand(),
            StopFor::Sender => told
                .sender
                .as_ref()
                .and_then(|number| format!("sender:{number}").parse().ok())
                .unwrap_or_else(brand),
        };
        match self {
            Self::Unsubscribed => vec![say("email.unsubscribe", Out, brand())],
            Self::LeftList => vec![say("email.list", Out, list())],
            Self::Complained => vec![say("email.complaint", Out, brand())],
            Self::HardBounce => vec![say("email.bounce.hard", Out, Scope::Everyone)],
            Self::Resubscribed => vec![say("email.unsubscribe", In, brand())],
            Self::RejoinedList => vec![say("email.list", In, list())],
            Self::Reactivated => {
                vec![say("email.unsubscribe", In, brand()), say("email.bounce.hard", In, Scope::Everyone)]
            }
            Self::Stopped => {
                vec![Statement { claimant: Claimant::Person, ..say("sms.stop", Out, sender()) }]
            }
            Self::Started => vec![Statement {
                claimant: Claimant::Person,
                proof: Some(Proof::Handset),
                ..say("sms.stop", In, sender())
            }],
            Self::NoTexts => vec![say("sms.stop", Out, brand())],
            Self::TextsAgain => vec![say("sms.stop", In, brand())],
            Self::Erasure => vec![say("law.erasure", Out, Scope::Everyone)],
            Self::Refused => {
                let mechanism = |mechanism: &Mechanism| Statement {
                    mechanism: mechanism.clone(),
                    ..say("privacy.no_targeting", Out, brand())
                };
                told.mechanism.iter().map(mechanism).collect()
            }
            Self::LimitedAds => vec![say("ads.lat", Out, Scope::Everyone)],
            Self::Nothing => Vec::new(),
        }
    }
}

/// The row of a key, or of the longest beginning of it that has one.
pub(super) fn row(source: Source, key: &str) -> Option<&'static EventRow> {
    let of = |key: &str| EVENTS.iter().find(|row| row.source == source && row.event == key);
    let mut key = key;
    loop {
        match (of(key), key.rsplit_once('/')) {
            (Some(row), _) => return Some(row),
            (None, Some((shorter, _))) => key = shorter,
            (None, None) => return None,
        }
    }
}

const fn row_of(source: Source, event: &'static str, means: Means) -> EventRow {
    EventRow { source, event, means, note: "" }
}

const fn noted(source: Source, event: &'static str, means: Means, note: &'static str) -> EventRow {
    EventRow { source, event, means, note }
}

use Means::{
    Complained, Erasure, HardBounce, LeftList, LimitedAds, NoTexts, Nothing, Reactivated, Refused,
    RejoinedList, Resubscribed, Started, Stopped, TextsAgain, Unsubscribed,
};
use Source::{
    AmazonSes, Brevo, CustomerIo, HubSpot, Klaviyo, Mailchimp, Mailgun, Postmark, Segment, SendGrid, Twilio,
};

/// All events that are known, by vendor.
#[rustfmt::skip]
pub static EVENTS: &[EventRow] = &[
    row_of(SendGrid, "unsubscribe", Unsubscribed),
    noted (SendGrid, "group_unsubscribe", LeftList, "the list is `asm_group_id`"),
    row_of(SendGrid, "group_resubscribe", RejoinedList),
    row_of(SendGrid, "spamreport", Complained),
    row_of(SendGrid, "bounce", HardBounce),
    noted (SendGrid, "bounce/blocked", Nothing, "the mailbox exists; this one message was refused"),
    noted (SendGrid, "dropped", Nothing, "not sent, for a reason of the message or the account"),
    row_of(SendGrid, "dropped/Bounced Address", HardBounce),
    row_of(SendGrid, "dropped/Invalid", HardBounce),
    noted (SendGrid, "dropped/Unsubscribed Address", Unsubscribed, "SendGrid holds an earlier opt-out"),
    noted (SendGrid, "dropped/Spam Reporting Address", Complained, "SendGrid holds an earlier complaint"),
    row_of(SendGrid, "processed", Nothing),
    row_of(SendGrid, "deferred", Nothing),
    row_of(SendGrid, "delivered", Nothing),
    row_of(SendGrid, "open", Nothing),
    row_of(SendGrid, "click", Nothing),
    row_of(SendGrid, "account_status_change", Nothing),

    row_of(Mailgun, "unsubscribed", Unsubscribed),
    noted (Mailgun, "unsubscribed/list", LeftList, "with a `mailing-list`: that one"),
    row_of(Mailgun, "complained", Complained),
    row_of(Mailgun, "failed/temporary", Nothing),
    noted (Mailgun, "failed/permanent", Nothing, "too old, or refused for what was in it: the mailbox may exist"),
    row_of(Mailgun, "failed/permanent/bounce", HardBounce),
    row_of(Mailgun, "failed/permanent/suppress-bounce", HardBounce),
    noted (Mailgun, "failed/permanent/suppress-unsubscribe", Unsubscribed, "Mailgun holds an earlier opt-out"),
    noted (Mailgun, "failed/permanent/suppress-complaint", Complained, "Mailgun holds an earlier complaint"),
    noted (Mailgun, "rejected", Nothing, "Mailgun refused the message"),
    noted (Mailgun, "bounced", HardBounce, "legacy webhooks, posted as forms"),
    noted (Mailgun, "dropped", Nothing, "legacy"),
    noted (Mailgun, "dropped/605", HardBounce, "legacy: bounced before"),
    noted (Mailgun, "dropped/606", Unsubscribed, "legacy: unsubscribed before"),
    noted (Mailgun, "dropped/607", Complained, "legacy: complained before"),
    row_of(Mailgun, "accepted", Nothing),
    row_of(Mailgun, "delivered", Nothing),
    row_of(Mailgun, "opened", Nothing),
    row_of(Mailgun, "clicked", Nothing),
    row_of(Mailgun, "stored", Nothing),
    row_of(Mailgun, "list_member_uploaded", Nothing),
    row_of(Mailgun, "list_member_upload_error", Nothing),
    row_of(Mailgun, "list_uploaded", Nothing),

    row_of(Postmark, "SubscriptionChange/true", Unsubscribed),
    row_of(Postmark, "SubscriptionChange/true/ManualSuppression", Unsubscribed),
    row_of(Postmark, "SubscriptionChange/true/HardBounce", HardBounce),
    row_of(Postmark, "SubscriptionChange/true/SpamComplaint", Complained),
    noted (Postmark, "SubscriptionChange/false", Reactivated, "by the person or by the customer: it carries no proof"),
    row_of(Postmark, "SpamComplaint", Complained),
    noted (Postmark, "Bounce", Nothing, "every other type is a delay or about the message"),
    row_of(Postmark, "Bounce/HardBounce", HardBounce),
    row_of(Postmark, "Bounce/BadEmailAddress", HardBounce),
    row_of(Postmark, "Bounce/SpamComplaint", Complained),
    noted (Postmark, "Bounce/Unsubscribe", Unsubscribed, "may come without an address: then kept aside"),
    row_of(Postmark, "Delivery", Nothing),
    row_of(Postmark, "Open", Nothing),
    row_of(Postmark, "Click", Nothing),
    row_of(Postmark, "Inbound", Nothing),
    row_of(Postmark, "SMTPApiError", Nothing),

    row_of(AmazonSes, "Bounce/Permanent", HardBounce),
    row_of(AmazonSes, "Bounce/Transient", Nothing),
    row_of(AmazonSes, "Bounce/Undetermined", Nothing),
    row_of(AmazonSes, "Complaint", Complained),
    noted (AmazonSes, "Complaint/not-spam", Nothing, "taken back: it was no spam"),
    noted (AmazonSes, "Subscription/all", Unsubscribed, "`unsubscribeAll` is set"),
    noted (AmazonSes, "Subscription/out", LeftList, "each topic that is `OptOut` now"),
    noted (AmazonSes, "Subscription/in", RejoinedList, "each topic that was `OptOut` and is `OptIn`"),
    noted (AmazonSes, "Subscription/again", Resubscribed, "`unsubscribeAll` was set and is not"),
    noted (AmazonSes, "Subscription", Nothing, "nothing of it changed"),
    row_of(AmazonSes, "Delivery", Nothing),
    row_of(AmazonSes, "DeliveryDelay", Nothing),
    row_of(AmazonSes, "Send", Nothing),
    row_of(AmazonSes, "Reject", Nothing),
    row_of(AmazonSes, "Open", Nothing),
    row_of(AmazonSes, "Click", Nothing),
    row_of(AmazonSes, "Rendering Failure", Nothing),
    noted (AmazonSes, "SubscriptionConfirmation", Nothing, "of SNS: the address to confirm is handed back"),
    row_of(AmazonSes, "UnsubscribeConfirmation", Nothing),
    noted (AmazonSes, "AmazonSnsSubscriptionSucceeded", Nothing, "a message that SES sends when it is set up"),

    row_of(Mailchimp, "unsubscribe", Unsubscribed),
    row_of(Mailchimp, "unsubscribe/abuse", Complained),
    noted (Mailchimp, "subscribe", Resubscribed, "it does not say whether it was confirmed"),
    row_of(Mailchimp, "cleaned", HardBounce),
    row_of(Mailchimp, "cleaned/abuse", Complained),
    row_of(Mailchimp, "profile", Nothing),
    noted (Mailchimp, "upemail", Nothing, "the old address keeps its opt-outs"),
    row_of(Mailchimp, "campaign", Nothing),

    noted (Brevo, "unsubscribe", Unsubscribed, "Brevo blocks the contact, whatever the list"),
    row_of(Brevo, "unsubscribed", Unsubscribed),
    row_of(Brevo, "spam", Complained),
    row_of(Brevo, "complaint", Complained),
    row_of(Brevo, "hard_bounce", HardBounce),
    row_of(Brevo, "invalid_email", HardBounce),
    noted (Brevo, "blocked", HardBounce, "Brevo sends there no more"),
    row_of(Brevo, "soft_bounce", Nothing),
    row_of(Brevo, "deferred", Nothing),
    row_of(Brevo, "error", Nothing),
    row_of(Brevo, "request", Nothing),
    row_of(Brevo, "sent", Nothing),
    row_of(Brevo, "delivered", Nothing),
    row_of(Brevo, "opened", Nothing),
    row_of(Brevo, "unique_opened", Nothing),
    row_of(Brevo, "proxy_open", Nothing),
    row_of(Brevo, "unique_proxy_open", Nothing),
    row_of(Brevo, "click", Nothing),
    row_of(Brevo, "list_addition", Nothing),
    row_of(Brevo, "contact_updated", Nothing),
    row_of(Brevo, "contact_deleted", Nothing),

    row_of(Klaviyo, "unsubscribed_from_email_marketing", Unsubscribed),
    noted (Klaviyo, "manually_suppressed_from_email_marketing", Unsubscribed, "by the customer"),
    row_of(Klaviyo, "unsubscribed_from_list", LeftList),
    row_of(Klaviyo, "marked_email_as_spam", Complained),
    noted (Klaviyo, "bounced_email", Nothing, "soft or hard: without its type nothing is said"),
    row_of(Klaviyo, "bounced_email/hard", HardBounce),
    row_of(Klaviyo, "subscribed_to_email_marketing", Resubscribed),
    row_of(Klaviyo, "manually_unsuppressed_from_email_marketing", Reactivated),
    row_of(Klaviyo, "subscribed_to_list", RejoinedList),
    row_of(Klaviyo, "unsubscribed_from_sms_marketing", NoTexts),
    row_of(Klaviyo, "subscribed_to_sms_marketing", TextsAgain),
    row_of(Klaviyo, "dropped_email", Nothing),
    row_of(Klaviyo, "received_email", Nothing),
    row_of(Klaviyo, "email_delivered", Nothing),
    row_of(Klaviyo, "opened_email", Nothing),
    row_of(Klaviyo, "clicked_email", Nothing),
    row_of(Klaviyo, "updated_email_preferences", Nothing),
    row_of(Klaviyo, "sent_sms", Nothing),
    row_of(Klaviyo, "received_sms", Nothing),
    row_of(Klaviyo, "clicked_sms", Nothing),
    row_of(Klaviyo, "failed_to_deliver_sms", Nothing),
    row_of(Klaviyo, "received_push", Nothing),
    row_of(Klaviyo, "opened_push", Nothing),
    row_of(Klaviyo, "bounced_push", Nothing),

    noted (HubSpot, "hs_email_optout/true", Unsubscribed, "an app's webhook names a contact by its number only: kept aside; a workflow's webhook sends the address"),
    noted (HubSpot, "hs_email_optout/false", Resubscribed, "set back by anybody"),
    noted (HubSpot, "hs_email_optout_list/true", LeftList, "`hs_email_optout_<list>`"),
    row_of(HubSpot, "hs_email_optout_list/false", RejoinedList),
    row_of(HubSpot, "hs_email_hard_bounce_reason_enum", HardBounce),
    noted (HubSpot, "hs_email_hard_bounce_reason_enum/empty", Nothing, "no bounce"),
    row_of(HubSpot, "contact.privacyDeletion", Erasure),
    row_of(HubSpot, "contact.propertyChange", Nothing),
    row_of(HubSpot, "contact.creation", Nothing),
    row_of(HubSpot, "contact.deletion", Nothing),
    row_of(HubSpot, "contact.merge", Nothing),
    row_of(HubSpot, "contact.restore", Nothing),
    row_of(HubSpot, "contact.associationChange", Nothing),
    noted (HubSpot, "contact", Nothing, "a workflow's contact that opted out of nothing"),

    row_of(CustomerIo, "customer/unsubscribed", Unsubscribed),
    row_of(CustomerIo, "customer/subscribed", Resubscribed),
    noted (CustomerIo, "customer/topic/out", LeftList, "each topic that is false now"),
    noted (CustomerIo, "customer/topic/in", RejoinedList, "each topic that is true now"),
    noted (CustomerIo, "customer/channel/email/out", Unsubscribed, "the channel is switched off"),
    noted (CustomerIo, "customer/channel/sms/out", NoTexts, "the channel is switched off"),
    noted (CustomerIo, "customer/cio_subscription_preferences_changed", Nothing, "no topic, no channel"),
    row_of(CustomerIo, "email/unsubscribed", Unsubscribed),
    row_of(CustomerIo, "email/spammed", Complained),
    row_of(CustomerIo, "email/bounced", HardBounce),
    noted (CustomerIo, "email/dropped", HardBounce, "Customer.io sends there no more"),
    row_of(CustomerIo, "email", Nothing),
    row_of(CustomerIo, "sms/unsubscribed", NoTexts),
    row_of(CustomerIo, "sms", Nothing),
    row_of(CustomerIo, "push", Nothing),
    row_of(CustomerIo, "in_app", Nothing),
    row_of(CustomerIo, "slack", Nothing),
    row_of(CustomerIo, "webhook", Nothing),

    noted (Twilio, "STOP", Stopped, "by `OptOutType`, else by the words of the text"),
    row_of(Twilio, "START", Started),
    row_of(Twilio, "HELP", Nothing),
    noted (Twilio, "text", Nothing, "any other words"),
    noted (Twilio, "status/21610", Stopped, "Twilio refused to send: the number has stopped this sender"),
    noted (Twilio, "status", Nothing, "delivery reports"),

    noted (Segment, "consent", Refused, "`context.consent.categoryPreferences`: a category of the account that is false, or all if it is empty"),
    row_of(Segment, "track/Unsubscribed", Unsubscribed),
    row_of(Segment, "track/Email Marked as Spam", Complained),
    noted (Segment, "adTrackingEnabled/false", LimitedAds, "`context.device`, for its advertising id"),
    row_of(Segment, "track", Nothing),
    row_of(Segment, "identify", Nothing),
    row_of(Segment, "page", Nothing),
    row_of(Segment, "screen", Nothing),
    row_of(Segment, "group", Nothing),
    row_of(Segment, "alias", Nothing),
    noted (Segment, "delete", Nothing, "Segment deletes; it does not say who asked"),
];
