//! What the names of columns in real exports tell.

use abide_model::{Form, IdentifierKind, Profile};

/// What a column's name says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Id { kind: IdentifierKind, hashed: Hashed },
    Flag,
    Time,
}

/// Whether a name speaks of digests, and of which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashed {
    No,
    Yes { profile: Option<Profile>, form: Option<Form> },
}

/// Names as they are compared: lower case, letters and digits only. A name that ends with one of
/// the `long` ones counts too (`billing_email`), the `whole` ones only by themselves.
struct Names {
    kind: IdentifierKind,
    whole: &'static [&'static str],
    long: &'static [&'static str],
}

#[rustfmt::skip]
const NAMES: &[Names] = &[
    Names {
        kind: IdentifierKind::Email,
        whole: &["mail", "correo", "epost", "eposta", "mejl", "メール", "邮箱"],
        long: &[
            "email", "emailaddress", "emailaddr", "emailid", "mailaddress", "courriel", "adressemail", "adresseemail", "adressecourriel",
            "emailadresse", "mailadresse", "correoelectronico", "correoelectrónico", "indirizzoemail", "enderecodeemail", "endereçodeemail",
            "emailadres", "adresemail", "epostadress", "epostadresse", "sähköposti", "メールアドレス", "电子邮件",
        ],
    },
    Names {
        kind: IdentifierKind::Phone,
        whole: &[
            "tel", "mobile", "cell", "sms", "smsnumber", "handy", "mobil", "portable", "whatsapp", "fon", "gsm", "e164",
            "電話", "携帯", "手机",
        ],
        long: &[
            "phone", "phonenumber", "phoneno", "mobilenumber", "mobileno", "cellnumber", "cellphone", "telephone", "telephonenumber",
            "msisdn", "téléphone", "numérodetéléphone", "telefon", "telefonnummer", "rufnummer", "handynummer", "mobilnummer",
            "telefono", "teléfono", "telefone", "celular", "móvil", "movil", "cellulare", "telefoon", "telefoonnummer", "電話番号", "手机号",
        ],
    },
    Names {
        kind: IdentifierKind::UserId,
        whole: &["userid", "externalid", "externaluserid", "customerid", "customeruserid", "subscriberkey", "uid"],
        long: &[],
    },
    Names {
        kind: IdentifierKind::Maid,
        whole: &[
            "maid", "madid", "idfa", "gaid", "aaid", "adid", "ifa", "rdid", "deviceadid", "advertisingid", "advertiserid", "mobileadid",
            "mobileadvertisingid", "androidadid", "androidadvertisingid", "androididfa", "appleidfa", "iosidfa", "googleadid",
        ],
        long: &[],
    },
    Names {
        kind: IdentifierKind::PushToken,
        whole: &["pushtoken", "devicetoken", "fcmtoken", "apnstoken", "registrationtoken"],
        long: &[],
    },
    Names {
        kind: IdentifierKind::Cookie,
        whole: &["cookie", "cookieid", "anonymousid", "gaclientid"],
        long: &[],
    },
];

/// Names of flags and states, compared like those above: whole, or as the end.
#[rustfmt::skip]
const FLAGS: &[&str] = &[
    "unsubscribed", "unsubscribe", "unsubscribeall", "optout", "optedout", "optoutflag", "emailoptout", "smsoptout",
    "hasoptedout", "blacklisted", "blocklisted", "suppressed", "suppression", "donotcall", "donotcontact", "donotemail",
    "donotmail", "donottext", "donotsell", "donottrack", "dnc", "dnd", "bounced", "hardbounce", "complained", "spamreport",
    "subscribed", "subscribe", "optin", "optedin", "consent", "marketingconsent", "acceptsmarketing", "subscriptionstatus",
    "emailstatus", "smsstatus", "contactstatus", "status", "désinscrit", "désabonné", "abgemeldet", "baja",
];

#[rustfmt::skip]
const TIMES: &[&str] = &[
    "date", "time", "timestamp", "ts", "datetime", "createdat", "updatedat", "created", "occurredat", "receivedat", "statedat",
    "optoutat", "unsubscribedat", "requestedat", "datum", "fecha", "data", "日付",
];

/// What marks the name of a column of digests, longest first where one begins another.
const HASH_MARKS: &[(&str, Option<Form>)] = &[
    ("sha256", Some(Form::Sha256)),
    ("sha1", Some(Form::Sha1)),
    ("md5", Some(Form::Md5)),
    ("hashed", None),
    ("hash", None),
];

/// What a name tells; of a path into a record, its whole and then its last part.
pub(super) fn read(name: &str) -> Option<Named> {
    let last = name.rsplit(['.', '/']).next().filter(|last| last.len() < name.len());
    of_key(&key(name)).or_else(|| last.and_then(|last| of_key(&key(last))))
}

/// A name as names are compared: lower case, letters and digits only.
pub(crate) fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn of_key(key: &str) -> Option<Named> {
    if let Some(named) = of_digests(key) {
        return Some(named);
    }
    // Flags first: `email_status` and `phone_opt_out` hold no addresses, and `status` ends no name
    // of an identifier.
    if ends_with_any(key, FLAGS) {
        return Some(Named::Flag);
    }
    if let Some(kind) = kind_of(key) {
        return Some(Named::Id { kind, hashed: Hashed::No });
    }
    ends_with_any(key, TIMES).then_some(Named::Time)
}

fn kind_of(key: &str) -> Option<IdentifierKind> {
    let names = NAMES.iter().find(|names| names.whole.contains(&key) || ends_with_any(key, names.long))?;
    Some(names.kind)
}

/// `hashed_email`, `email_sha256`, `sha256_email_address`, `uid2_email_hash`, `hem`.
fn of_digests(key: &str) -> Option<Named> {
    if key == "hem" {
        return Some(hashed(IdentifierKind::Email, None, None));
    }
    let (mark, form) = HASH_MARKS.iter().find(|(mark, _)| key.starts_with(mark) || key.ends_with(mark))?;
    let rest = key.replace(mark, "");
    let profile = [Profile::Uid2, Profile::Meta, Profile::Google, Profile::Drop]
        .into_iter()
        .find(|it| rest.starts_with(it.as_str()));
    let rest = profile.map_or(&*rest, |profile| &rest[profile.as_str().len()..]);
    // `email_hash_sha256`
    let rest = rest.trim_end_matches("hash").trim_start_matches("hashed");
    kind_of(rest).map(|kind| hashed(kind, profile, *form))
}

fn hashed(kind: IdentifierKind, profile: Option<Profile>, form: Option<Form>) -> Named {
    Named::Id { kind, hashed: Hashed::Yes { profile, form } }
}

fn ends_with_any(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: Option<Named>) {
        for name in names {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    fn raw(kind: IdentifierKind) -> Named {
        Named::Id { kind, hashed: Hashed::No }
    }

    #[test]
    fn names_in_real_exports() {
        check(
            &[
                "Email",
                "Email Address",
                "e-mail",
                "EMAIL",
                "Courriel",
                "mail",
                "PersonEmail",
                "E-Mail-Adresse",
                "user.email",
                "Adresse e-mail",
            ],
            Some(raw(IdentifierKind::Email)),
        );
        check(
            &[
                "Phone",
                "MobilePhone",
                "Phone Number",
                "Téléphone",
                "SMS",
                "tel",
                "Mobile Phone Number",
                "customer.phone",
            ],
            Some(raw(IdentifierKind::Phone)),
        );
        check(&["MAID", "IDFA", "GAID", "aaid", "device.advertising_id"], Some(raw(IdentifierKind::Maid)));
        check(&["external_id", "user_id", "UserID", "Customer ID"], Some(raw(IdentifierKind::UserId)));
        check(
            &["Status", "EMAIL_BLACKLISTED", "email_status", "phone_opt_out", "Do Not Call"],
            Some(Named::Flag),
        );
        check(
            &["created_at", "UNSUB_TIME", "Date", "Date registered".split(' ').next().unwrap()],
            Some(Named::Time),
        );
        check(&["Name", "City", "ID", "notes", "Hash", "automobile"], None);
    }

    #[test]
    fn names_of_digests() {
        let hashed = |kind, profile, form| Some(super::hashed(kind, profile, form));
        check(&["hashed_email", "EmailHash", "hem"], hashed(IdentifierKind::Email, None, None));
        check(
            &["email_sha256", "SHA256 Email", "email_hash_sha256"],
            hashed(IdentifierKind::Email, None, Some(Form::Sha256)),
        );
        check(&["md5_email"], hashed(IdentifierKind::Email, None, Some(Form::Md5)));
        check(&["uid2_email_hash"], hashed(IdentifierKind::Email, Some(Profile::Uid2), None));
        check(&["phone_sha256"], hashed(IdentifierKind::Phone, None, Some(Form::Sha256)));
    }
}
