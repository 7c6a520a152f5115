//! The laws that keys and aliases stand on.

use std::collections::BTreeSet;

use abide_model::{
    Form, IdentifierKind, InvalidIdentifier, Normaliser, Profile,
    identifier::{looks_hashed, profile_text},
};
use base64::{Engine, prelude::*};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use crate::{canonical, hex, raw, texts};

const DOMAINS: [&str; 11] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.co.uk",
    "icloud.com",
    "proton.me",
    "fastmail.com",
    "zoho.com",
    "yahoo.com",
    "example.com",
    "xn--bcher-kva.example",
];

fn ascii_address() -> impl Strategy<Value = String> {
    let local = "[a-zA-Z0-9._'!#$%&*/=?^`{|}~+-]{1,12}(\\+[a-zA-Z0-9.+]{0,6})?";
    let domain = prop_oneof![
        prop::sample::select(DOMAINS.to_vec()).prop_map(str::to_owned),
        "[a-zA-Z0-9_-]{1,8}(\\.[a-zA-Z0-9-]{1,8}){0,2}\\.[a-zA-Z]{2,6}",
    ];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn unicode_address() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "B", "é", "e\u{301}", "ｊ", "Ａ", "ﬁ", "σ", "ς", "Σ", "ß", "İ", "ı", "ǆ", "한", "田", "।", ".",
        "+", "\u{200D}", "\u{AD}", "\u{301}", "K", "Ω", "ﾊﾟ", "۳", "\"",
    ]);
    let local = prop::collection::vec(piece.clone(), 1..8).prop_map(|pieces| pieces.concat());
    let domain = prop_oneof![
        prop::sample::select(vec![
            "gmail.com",
            "ＧＭＡＩＬ.com",
            "Bücher.example",
            "bu\u{308}cher.example",
            "ΟΔΟΣ.example",
            "οδος.example",
            "straße.example",
            "例え。テスト",
            "outlook.com",
        ])
        .prop_map(str::to_owned),
        prop::collection::vec(piece, 1..6).prop_map(|pieces| format!("{}.example", pieces.concat())),
    ];
    (local, domain, "@|＠").prop_map(|(local, domain, at)| format!("{local}{at}{domain}"))
}

/// What each kind might meet, and anything at all.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        ascii_address(),
        unicode_address(),
        "[ \\PC]{0,3}[0-9a-fA-F-]{30,40}[ }]{0,2}",
        "[*@]{0,2}[a-zA-Zéß.]{1,12}\\.[a-z]{2,3}\\.?",
        "[0-9.]{7,15}|[0-9a-f:]{2,20}|::ffff:[0-9.]{7,15}",
        "[+0-9 ().-]{5,20}( ext [0-9]{1,4})?",
    ]
}

proptest! {
    /// Normalising twice is normalising once, for every kind and any text.
    #[test]
    fn twice_is_once(text in any_text()) {
        for kind in IdentifierKind::ALL {
            if let Ok(once) = raw(kind, &text) {
                let twice = raw(kind, canonical(&once));
                prop_assert_eq!(twice.as_ref().map(canonical), Ok(canonical(&once)), "{}", kind);
            }
        }
    }

    /// Whatever a vendor's function makes of an address leads back to the same canonical text, and
    /// the texts of the identifier are exactly what the profiles make.
    #[test]
    fn profiles_lead_back(text in ascii_address()) {
        let Ok(ours) = raw(IdentifierKind::Email, &text) else { return Ok(()) };
        let region = "US".parse().unwrap();
        let mut made = BTreeSet::new();
        for profile in Profile::ALL {
            let Ok(vendors) = profile_text(profile, IdentifierKind::Email, &text, region) else { continue };
            prop_assert_eq!(raw(IdentifierKind::Email, &vendors).map(|it| canonical(&it).to_owned()), Ok(canonical(&ours).to_owned()), "{}", profile);
            made.insert(vendors);
        }
        prop_assert_eq!(texts(&ours).len(), made.len());
        prop_assert_eq!(ours.expose_texts().map(str::to_owned).collect::<BTreeSet<_>>(), made);
    }

    /// The same for what is not ASCII, on the texts that keys are made of.
    #[test]
    fn texts_lead_back(text in unicode_address()) {
        let Ok(ours) = raw(IdentifierKind::Email, &text) else { return Ok(()) };
        for other in ours.expose_texts() {
            prop_assert_eq!(raw(IdentifierKind::Email, other).map(|it| canonical(&it).to_owned()), Ok(canonical(&ours).to_owned()));
        }
    }

    /// Case, white space, wrapping and invisible characters do not count.
    #[test]
    fn spellings_of_an_address_are_one(text in ascii_address()) {
        let Ok(ours) = raw(IdentifierKind::Email, &text) else { return Ok(()) };
        let full_width = text.chars().map(|c| match c {
            '!'..='~' => char::from_u32(c as u32 - 0x21 + 0xFF01).unwrap(),
            other => other,
        });
        let mut spellings = vec![
            text.to_uppercase(), text.to_lowercase(), format!("\u{FEFF}{text}\u{A0}"), format!("<{text}>"),
            format!("{text}."), text.replace('@', "\u{200B}@"), full_width.collect(),
        ];
        if !text.contains(['%', '?']) {
            spellings.push(format!("MailTo: {text}"));
        }
        for spelling in spellings {
            prop_assert_eq!(raw(IdentifierKind::Email, &spelling), Ok(ours.clone()), "{}", spelling);
        }
    }

    /// Nor do the Unicode forms.
    #[test]
    fn unicode_forms_are_one(text in unicode_address()) {
        let Ok(ours) = raw(IdentifierKind::Email, &text) else { return Ok(()) };
        let forms: [String; 4] =
            [text.nfc().collect(), text.nfd().collect(), text.nfkc().collect(), text.nfkd().collect()];
        for form in forms {
            prop_assert_eq!(raw(IdentifierKind::Email, &form), Ok(ours.clone()), "{:?}", form);
        }
    }

    /// An address and its domain agree on the domain.
    #[test]
    fn domains_of_addresses(text in ascii_address()) {
        let Ok(ours) = raw(IdentifierKind::Email, &text) else { return Ok(()) };
        let (_, domain) = text.rsplit_once('@').unwrap();
        for spelling in [domain.to_owned(), format!("@{domain}"), format!("*@{domain}.")] {
            let expected = raw(IdentifierKind::EmailDomain, &spelling);
            prop_assert_eq!(ours.email_domain().ok_or(InvalidIdentifier::Empty), expected.clone());
            prop_assert_eq!(ours.email_domain_digest(), expected.ok().map(|it| it.primary()));
        }
    }

    /// Every way to write a digest is the same identifier, of the form that its length tells.
    #[test]
    fn spellings_of_a_digest_are_one(bytes in prop::collection::vec(any::<u8>(), 32)) {
        for (form, len) in [(Form::Md5, 16), (Form::Sha1, 20), (Form::Sha256, 32)] {
            let bytes = &bytes[..len];
            let hex = hex(bytes);
            let ours = Normaliser::hashed(IdentifierKind::Email, None, &hex).unwrap();
            prop_assert_eq!(ours.primary().form, form);
            prop_assert_eq!(&ours.primary().bytes, &bytes[..16]);
            let spellings = [
                hex.to_uppercase(), format!(" {hex}\n"), BASE64_STANDARD.encode(bytes),
                BASE64_STANDARD_NO_PAD.encode(bytes), BASE64_URL_SAFE.encode(bytes), BASE64_URL_SAFE_NO_PAD.encode(bytes),
            ];
            for spelling in spellings {
                prop_assert_eq!(looks_hashed(&spelling), Some(form));
                prop_assert_eq!(Normaliser::hashed(IdentifierKind::Email, Some(form), &spelling), Ok(ours.clone()));
                let wrong = if form == Form::Md5 { Form::Sha256 } else { Form::Md5 };
                prop_assert!(Normaliser::hashed(IdentifierKind::Email, Some(wrong), &spelling).is_err());
            }
        }
    }

    /// No two identifiers of a kind share a text.
    #[test]
    fn a_text_belongs_to_one(a in ascii_address(), b in ascii_address()) {
        let (Ok(a), Ok(b)) = (raw(IdentifierKind::Email, &a), raw(IdentifierKind::Email, &b)) else { return Ok(()) };
        if a != b {
            prop_assert!(a.expose_texts().all(|text| b.expose_texts().all(|other| text != other)));
        }
    }
}
