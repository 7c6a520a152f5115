//! Links by which a person says no: they say what they were made to say, to whoever has the key, and nothing else.

use abide_model::{IdentifierKind, Normaliser, Time};
use abide_signals::unsubscribe::{
    Addressee, InvalidLink, InvalidLinkKeys, Link, LinkKeys, Unsayable, concerns,
};
use proptest::prelude::*;

const OLD: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202 # 2027";

fn keys(lines: &[&str]) -> LinkKeys {
    LinkKeys::parse(&lines.join("\n")).unwrap()
}

fn email(text: &str) -> Addressee {
    Addressee::new(IdentifierKind::Email, None, text)
}

fn link(mechanism: &str, scope: &str, people: Vec<Addressee>) -> Result<Link, Unsayable> {
    Link::new(Time::from_seconds(1_800_000_000), mechanism.parse().unwrap(), scope.parse().unwrap(), people)
}

fn weekly() -> Link {
    link("email.list", "list:weekly", vec![email("Jane.Roe@example.com")]).unwrap()
}

/// Mails that were sent stay in mailboxes for years: this one has to be read by every later version.
const PINNED: &str = "ARUnsAIHBwcHBwcHBwcHBwccOliYtCLEI-qvUq0MGppHHJei_vDPTqO78zQMOfmnEinxZpWwrB8ySeD---9cKq_SkRfAPHLW3i1Yoj0wWMb_jo7783AJxRiPZ1kis7ymuQ";

#[test]
fn a_pinned_link_is_read_for_ever() {
    let keys = keys(&[OLD]);
    assert_eq!(weekly().seal(&keys, [7; 12]), PINNED);
    assert_eq!(Link::open(PINNED, &keys), Ok(weekly()));
}

#[test]
fn a_new_key_ends_no_old_link() {
    let before = weekly().seal(&keys(&[OLD]), [1; 12]);
    let after = weekly().seal(&keys(&[NEW, "", OLD]), [1; 12]);
    assert_eq!(Link::open(&before, &keys(&[NEW, OLD])), Ok(weekly()));
    assert_eq!(Link::open(&after, &keys(&[NEW])), Ok(weekly()), "the first line seals");
    assert_eq!(Link::open(&before, &keys(&[NEW])), Err(InvalidLink::UnknownKey));
    for (text, why) in [
        ("# none", InvalidLinkKeys::None),
        ("01", InvalidLinkKeys::Line(1)),
        (&format!("{OLD}\n{OLD}"), InvalidLinkKeys::Alike(2)),
    ] {
        assert_eq!(LinkKeys::parse(text).unwrap_err(), why, "{text}");
    }
}

/// Nobody makes a link by changing one, not even in what only says how it is to be read.
#[test]
fn a_changed_link_is_none() {
    let keys = keys(&[OLD]);
    let token = weekly().seal(&keys, [7; 12]);
    for at in 0..token.len() {
        for other in [b'A', b'b', b'-', b'!'] {
            let mut changed = token.clone().into_bytes();
            if std::mem::replace(&mut changed[at], other) == other {
                continue;
            }
            let changed = String::from_utf8(changed).unwrap();
            assert!(Link::open(&changed, &keys).is_err(), "byte {at} as {}", char::from(other));
        }
        assert!(Link::open(&token[..at], &keys).is_err(), "cut at {at}");
    }
    assert!(Link::open(&"A".repeat(10_000), &keys).is_err());
}

#[test]
fn what_no_link_says() {
    let phone = || Addressee::new(IdentifierKind::Phone, None, "+14155550100");
    let domain = Addressee::new(IdentifierKind::EmailDomain, None, "example.com");
    let many = (0..9).map(|nth| email(&format!("p{nth}@example.com"))).collect();
    for (mechanism, people, why) in [
        ("email.list", vec![], Unsayable::Count),
        ("email.list", many, Unsayable::Count),
        ("email.unsubscribe", vec![domain], Unsayable::Domain),
        ("email.bounce.hard", vec![email("a@example.com")], Unsayable::NotThePersons),
        ("phone.stop", vec![email("a@example.com")], Unsayable::NobodyMeant),
        ("email.list", vec![phone()], Unsayable::NobodyMeant),
        ("email.list", vec![email(&"a".repeat(600))], Unsayable::TooLong),
    ] {
        assert_eq!(link(mechanism, "*", people).unwrap_err(), why, "{mechanism}");
    }
    // What counts for the whole person is said of every identifier, and a number of a person may stand beside.
    assert!(link("profile.all", "*", vec![phone()]).is_ok());
    let both = link("email.list", "*", vec![phone(), email("a@example.com")]).unwrap();
    let meant = both.people.iter().filter(|one| concerns(&both.mechanism, one.kind()));
    assert_eq!(meant.map(Addressee::kind).collect::<Vec<_>>(), [IdentifierKind::Email]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_sealed_is_opened(local in "[a-z0-9.+]{1,40}", list in "[a-z0-9-]{1,60}", nonce: [u8; 12]) {
        let keys = keys(&[NEW, OLD]);
        let address = format!("{local}@example.com");
        let people = vec![email(&address), Addressee::new(IdentifierKind::UserId, None, local.clone())];
        let made = link("email.list", &format!("list:{list}"), people).unwrap();
        let token = made.seal(&keys, nonce);
        prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let opened = Link::open(&token, &keys).unwrap();
        let normaliser = Normaliser::new("US".parse().unwrap());
        prop_assert_eq!(opened.people[0].read(&normaliser), normaliser.raw(IdentifierKind::Email, &address));
        prop_assert_eq!(opened, made.clone());
        // Nothing of the address is to be seen, and it is never shown by accident.
        prop_assert!(local.len() < 4 || !token.contains(&local));
        let shown = format!("{made:?}");
        prop_assert!(local.len() < 4 || !shown.contains(&local));
    }
}
