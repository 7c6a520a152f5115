//! The cases of the default ruleset, which are part of the program: `abide rules init` writes them out.

macro_rules! case {
    ($name:literal) => {
        (concat!($name, ".toml"), include_str!(concat!("../../default/cases/", $name, ".toml")))
    };
}

/// Each case's file name and text, by name. A test keeps the folder and this table equal.
#[rustfmt::skip]
pub const BUILT_IN_CASES: &[(&str, &str)] = &[
    case!("bounce-blocks-every-mail"),
    case!("collect-heeds-every-channel"),
    case!("collect-keeps-opted-out-people-out"),
    case!("collect-takes-customers-in"),
    case!("complaint-leaves-security-and-legal"),
    case!("confirm-opt-in-never-passes-stronger-words"),
    case!("confirm-opt-in-passes-opt-outs"),
    case!("consent-overrides-a-registry"),
    case!("consent-strings-mean-what-gpc-means"),
    case!("dead-address-may-be-collected"),
    case!("deceased-gets-nothing"),
    case!("dnt-is-about-third-party-tracking"),
    case!("drop-blocks-third-party-data"),
    case!("drop-leaves-first-party-data"),
    case!("each-channel-has-its-own-stop"),
    case!("erasure-blocks-everything"),
    case!("fresh-registry-tells"),
    case!("gpc-blocks-targeting-sale-and-sharing"),
    case!("gpc-never-blocks-contact"),
    case!("hold-blocks-marketing"),
    case!("leaving-one-list-is-no-marketing-there"),
    case!("list-against-blocks-everything"),
    case!("marketing-mail-blocked-by-unsubscribe"),
    case!("nobody-said-anything"),
    case!("objection-blocks-all-direct-marketing"),
    case!("old-registry-cannot-tell"),
    case!("opt-in-regime-blocks-silence"),
    case!("opt-in-regime-is-about-marketing"),
    case!("opt-in-regime-passes-consent"),
    case!("opt-in-regime-passes-its-own-confirmations"),
    case!("profile-flags-block-their-channel"),
    case!("reasons-add-up"),
    case!("reassigned-number-blocks-nothing"),
    case!("registry-blocks-marketing-calls-and-texts"),
    case!("stop-blocks-transactional-texts"),
    case!("stop-is-about-texts"),
    case!("stop-lets-its-confirmation-pass"),
    case!("transactional-mail-passes-unsubscribe"),
    case!("unknown-action"),
    case!("unsubscribe-blocks-mail-only"),
];
