//! `vectors/profile_fields.json`: the fields of profiles that carry an opt-out. Each is read as its
//! meaning says, or passed over aloud, or stands below with the reason why it is in no table.

use abide_model::Time;
use abide_signals::{Export, Recognised};
use serde_json::Value;

enum Means {
    /// This text says out, under this mechanism; and this text says nothing.
    Out(&'static str, &'static str, &'static str),
    Unread,
}

use Means::{Out, Unread};

/// Column by column, in the order of the vectors; each group is one export.
#[rustfmt::skip]
const READ: &[(&str, &[(&str, Means)])] = &[
    ("hubspot", &[
        ("hs_email_optout", Out("true", "email.unsubscribe", "")),
        ("hs_email_optout_527137114", Out("true", "email.list@list:527137114", "false")),
        ("hs_email_bounce", Unread),
        ("hs_email_quarantined", Unread),
        ("hs_email_hard_bounce_reason_enum", Out("UNKNOWN_USER", "email.bounce.hard", "")),
        ("hs_marketable_status", Unread),
        ("hs_legal_basis", Unread),
    ]),
    ("salesforce", &[
        ("HasOptedOutOfEmail", Out("1", "profile.email", "0")),
        ("HasOptedOutOfFax", Unread),
        ("DoNotCall", Out("TRUE", "profile.phone", "FALSE")),
        ("EmailBouncedDate", Out("2025-01-02T03:04:05.000+0000", "email.bounce.hard", "")),
        ("EmailBouncedReason", Unread),
    ]),
    ("braze", &[
        ("email_subscribe", Out("unsubscribed", "email.unsubscribe", "opted_in")),
        ("push_subscribe", Out("unsubscribed", "profile.push", "subscribed")),
    ]),
    ("brevo", &[
        ("EMAIL_BLACKLISTED", Out("Yes", "profile.email", "No")),
        ("SMS_BLACKLISTED", Out("Yes", "profile.sms", "No")),
    ]),
    ("mailchimp", &[
        ("status", Out("unsubscribed", "email.unsubscribe", "transactional")),
        ("UNSUB_TIME", Out("2025-03-16 14:40:47", "email.unsubscribe", "")),
    ]),
    ("marketo", &[
        ("unsubscribed", Out("true", "email.unsubscribe", "false")),
        ("marketingSuspended", Out("true", "profile.email", "false")),
        ("emailSuspended", Unread),
        ("blackListed", Out("true", "hold.internal", "false")),
        ("doNotCall", Out("true", "profile.phone", "false")),
    ]),
    ("klaviyo", &[
        ("can_receive_email_marketing", Out("false", "profile.email", "true")),
    ]),
    ("aws_ses", &[
        ("UnsubscribeAll", Out("true", "email.unsubscribe", "false")),
        ("topicPreferences.weekly", Out("OPT_OUT", "email.list@list:weekly", "OPT_IN")),
    ]),
    ("segment", &[
        ("context.consent.categoryPreferences.Advertising", Unread),
    ]),
    ("google consent mode", &[
        ("ad_storage", Unread),
        ("analytics_storage", Unread),
        ("ad_user_data", Unread),
        ("ad_personalization", Unread),
    ]),
    ("mparticle", &[
        ("consent_state.gdpr.analytics.consented", Unread),
        ("consent_state.ccpa.data_sale_opt_out.consented", Out("true", "privacy.no_sale", "false")),
    ]),
];

/// Fields of the vectors that are no columns of an export.
const ELSEWHERE: &[(&str, &str)] = &[("braze currents", "events, not columns")];

fn recognise(columns: &[(&str, Means)]) -> Recognised {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    Export::recognise("contacts.csv", Some(&header), &[]).unwrap().expect("an export of a vendor")
}

fn read(export: &Recognised, at: usize, text: &str) -> Vec<String> {
    let now = Time::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    let statements = export.read_row(&|column| (column == at).then_some(text), now).unwrap();
    let said = statements.iter().map(|it| format!("{}@{}", it.statement.mechanism, it.statement.scope));
    said.map(|said| said.trim_end_matches("@*").to_owned()).collect()
}

#[test]
fn each_field_says_what_it_means() {
    for (system, columns) in READ {
        let export = recognise(columns);
        for (at, (name, means)) in columns.iter().enumerate() {
            match means {
                Out(out, mechanism, nothing) => {
                    assert_eq!(read(&export, at, out), [*mechanism], "{system} {name}");
                    assert!(read(&export, at, nothing).is_empty(), "{system} {name}");
                }
                Unread => {
                    assert!(read(&export, at, "true").is_empty(), "{system} {name}");
                    let aloud = format!("column `{name}` is not read: ");
                    assert!(
                        export.sentences().iter().any(|said| said.starts_with(&aloud)),
                        "{system} {name}"
                    );
                }
            }
        }
    }
}

/// The inverted one: `consented` means consented to being left out of sales.
#[test]
fn mparticle_is_inverted() {
    let export = recognise(&[("consent_state.ccpa.data_sale_opt_out.consented", Unread)]);
    assert_eq!(read(&export, 0, "true"), ["privacy.no_sale"]);
    assert!(read(&export, 0, "false").is_empty());
}

#[test]
fn every_field_is_here() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/profile_fields.json")).unwrap();
    for field in vectors["fields"].as_array().unwrap() {
        let (system, names) = (field["system"].as_str().unwrap(), field["field"].as_str().unwrap());
        if ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == system) {
            continue;
        }
        let (_, columns) =
            READ.iter().find(|(read, _)| *read == system).unwrap_or_else(|| panic!("{system}"));
        let is_read = |name: &str| {
            let name = name.trim().split(['<', '{', '[', ' ']).next().unwrap().to_lowercase();
            columns.iter().any(|(column, _)| column.to_lowercase().starts_with(&name))
        };
        // Of Klaviyo's API objects only what its exports have as a column.
        let missing: Vec<&str> = names.split([',', '/']).filter(|name| !is_read(name)).collect();
        assert!(missing.is_empty() || system == "klaviyo", "{system}: {missing:?}");
    }
}
