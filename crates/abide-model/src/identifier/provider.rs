//! What the large mail providers deliver to one mailbox.
//!
//! Only what a provider documents is here. A wrong merge of two people is worse than a missed one:
//! a missed one is found again by the exact address. So, on purpose:
//!
//! - Yahoo's and AOL's disposable names (`base-keyword@yahoo.com`) are left alone: the base is not
//!   the name of the account, and what is before the hyphen may be somebody else's.
//! - Dots are dropped for Gmail only. Proton too takes `jane.doe` for `janedoe`, but documents it
//!   as a rule on new names, not on delivery.
//! - Names at `me.com`, `mac.com` and `icloud.com`, or `pm.me` and `proton.me`, are mostly but not
//!   provably one person's.
//! - Google Workspace domains behave like Gmail in part and cannot be told from others by name.

use std::sync::LazyLock;

/// How a provider reads the part before the `@`.
#[derive(Debug)]
pub(super) struct Provider {
    /// The domain that all of `domains` stand for; `None` keeps each its own.
    pub(super) one_domain: Option<&'static str>,
    pub(super) dots: Dots,
    domains: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dots {
    Keep,
    Drop,
}

/// Every provider here delivers `name+tag` to `name`.
const PROVIDERS: &[Provider] = &[
    // support.google.com/mail/answer/7436150 (dots), /answer/22370 (tags), /answer/10313 (domains)
    Provider { one_domain: Some("gmail.com"), dots: Dots::Drop, domains: &["gmail.com", "googlemail.com"] },
    // Outlook.com, "Add or remove an email alias" and "plus addressing"; Microsoft's consumer domains
    Provider {
        one_domain: None,
        dots: Dots::Keep,
        domains: &[
            "outlook.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "windowslive.com",
            "passport.com",
            "outlook.at",
            "outlook.be",
            "outlook.cl",
            "outlook.cz",
            "outlook.de",
            "outlook.dk",
            "outlook.es",
            "outlook.fr",
            "outlook.hu",
            "outlook.ie",
            "outlook.in",
            "outlook.it",
            "outlook.jp",
            "outlook.kr",
            "outlook.lv",
            "outlook.my",
            "outlook.ph",
            "outlook.pt",
            "outlook.sa",
            "outlook.sg",
            "outlook.sk",
            "outlook.co.id",
            "outlook.co.il",
            "outlook.co.th",
            "outlook.com.ar",
            "outlook.com.au",
            "outlook.com.br",
            "outlook.com.gr",
            "outlook.com.tr",
            "outlook.com.vn",
            "hotmail.be",
            "hotmail.ca",
            "hotmail.ch",
            "hotmail.cl",
            "hotmail.de",
            "hotmail.dk",
            "hotmail.es",
            "hotmail.fi",
            "hotmail.fr",
            "hotmail.gr",
            "hotmail.it",
            "hotmail.nl",
            "hotmail.no",
            "hotmail.se",
            "hotmail.co.il",
            "hotmail.co.jp",
            "hotmail.co.nz",
            "hotmail.co.th",
            "hotmail.co.uk",
            "hotmail.co.za",
            "hotmail.com.ar",
            "hotmail.com.au",
            "hotmail.com.br",
            "hotmail.com.mx",
            "hotmail.com.tr",
            "live.at",
            "live.be",
            "live.ca",
            "live.cl",
            "live.cn",
            "live.de",
            "live.dk",
            "live.fr",
            "live.ie",
            "live.in",
            "live.it",
            "live.jp",
            "live.nl",
            "live.no",
            "live.se",
            "live.co.uk",
            "live.co.za",
            "live.com.ar",
            "live.com.au",
            "live.com.mx",
            "live.com.pt",
        ],
    },
    // support.apple.com, "Use + addressing with iCloud Mail"
    Provider { one_domain: None, dots: Dots::Keep, domains: &["icloud.com", "me.com", "mac.com"] },
    // proton.me/support/creating-aliases
    Provider {
        one_domain: None,
        dots: Dots::Keep,
        domains: &["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
    },
    // fastmail.help, "Plus addressing and subdomain addressing"
    Provider { one_domain: None, dots: Dots::Keep, domains: &["fastmail.com", "fastmail.fm"] },
    // zoho.com/mail/help, "Plus addressing"
    Provider {
        one_domain: None,
        dots: Dots::Keep,
        domains: &["zoho.com", "zoho.eu", "zoho.in", "zohomail.com", "zohomail.eu", "zohomail.in"],
    },
];

/// The provider of a canonical domain.
pub(super) fn of(domain: &str) -> Option<&'static Provider> {
    // For each address of each record: by length, and then by the first letters in one comparison.
    static BY_LENGTH: LazyLock<Vec<Vec<Candidate>>> = LazyLock::new(|| {
        let mut by_length = Vec::new();
        for (domain, provider) in
            PROVIDERS.iter().flat_map(|it| it.domains.iter().map(move |name| (name, it)))
        {
            by_length.resize_with(by_length.len().max(domain.len() + 1), Vec::new);
            by_length[domain.len()].push(Candidate { start: start_of(domain), domain, provider });
        }
        by_length
    });
    let candidates = BY_LENGTH.get(domain.len())?;
    let start = start_of(domain);
    candidates.iter().find(|it| it.start == start && it.domain == domain).map(|it| it.provider)
}

struct Candidate {
    start: [u8; START_BYTES],
    domain: &'static str,
    provider: &'static Provider,
}

/// As many letters as every domain here has.
const START_BYTES: usize = 4;

fn start_of(domain: &str) -> [u8; START_BYTES] {
    domain.as_bytes().first_chunk().copied().unwrap_or_default()
}
