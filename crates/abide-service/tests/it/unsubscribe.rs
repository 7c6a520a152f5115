//! Links in mails: whoever looks changes nothing, whoever posts is unsubscribed for good, and a page that a person can
//! use is between the two.

use std::{fs, path::Path};

use abide_service::{Choice, Config, Unsubscribe};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, WIDTH},
    client::{Answer, Client},
    world::{Running, World, config, now},
};

pub(crate) const OLD: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202";

fn choice(label: &str, mechanism: &str, scope: &str) -> Choice {
    Choice { label: label.to_owned(), mechanism: mechanism.to_owned(), scope: scope.to_owned() }
}

pub(crate) fn set_up(folder: &Path, keys: &[&str]) -> Config {
    let keys_file = folder.join("links.keys");
    fs::write(&keys_file, keys.join("\n")).unwrap();
    let unsubscribe = Unsubscribe {
        keys_file,
        public: "https://opt-out.example.com".to_owned(),
        sender: "Acme & Daughters".to_owned(),
        choices: vec![
            choice("The weekly letter", "email.list", "list:weekly"),
            choice("Offers & <sales>", "email.list", "list:offers"),
            choice("Calls", "phone.stop", "*"),
            choice("All e-mail from us", "email.unsubscribe", "*"),
        ],
        ..Unsubscribe::default()
    };
    Config { unsubscribe, ..config() }
}

fn start(world: &World) -> Running {
    let config = set_up(world.directory.path(), &[OLD]);
    Running::start(config, world.wiring("main", world.objects()))
}

/// The path of a link for a mail of the weekly letter.
pub(crate) fn mint(client: &mut Client, subject: &Value) -> String {
    let made =
        client.post("/v1/unsubscribe-links", &json!({ "subject": subject, "scope": "list:weekly" })).good();
    let link = &made["links"][0];
    let url = link["url"].as_str().unwrap();
    assert_eq!(link["list_unsubscribe"], format!("<{url}>"));
    assert_eq!(link["list_unsubscribe_post"], "List-Unsubscribe=One-Click");
    url.strip_prefix("https://opt-out.example.com").unwrap().to_owned()
}

pub(crate) fn email(who: &str) -> Value {
    json!({ "email": format!("{who}@example.com") })
}

#[track_caller]
fn verdict(client: &mut Client, subject: &Value, list: &str) -> String {
    let question = json!({
        "action": "contact.email", "subject": subject, "context": { "purpose": "marketing", "list": list },
    });
    client.post("/v1/check", &question).good()["verdict"].as_str().unwrap().to_owned()
}

fn post(client: &mut Client, path: &str, media_type: &str, body: &str) -> Answer {
    client.ask("POST", path, &[("content-type", media_type)], body.as_bytes())
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Every way in which a mailbox may send the one pair of RFC 8058, and those that do it wrong.
#[test]
fn one_click() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    for (who, media_type, body) in [
        ("reader.a", FORM, "List-Unsubscribe=One-Click"),
        ("reader.b", "multipart/form-data; boundary=b", multipart),
        ("reader.c", "text/plain", ""),
        ("reader.d", FORM, "something=else"),
    ] {
        let path = mint(&mut client, &email(who));
        assert!(!path.contains(who), "{path}");
        for _ in 0..3 {
            let looked = client.get(&path);
            assert_eq!((looked.status, looked.header("cache-control")), (200, Some("no-store")));
            assert!(!looked.body.contains(who) && !looked.body.contains("<script"), "{}", looked.body);
        }
        let mut scanner = running.client();
        scanner.write(format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
        assert_eq!(scanner.first_line().as_deref(), Some("HTTP/1.1 200 OK"));
        assert_eq!(verdict(&mut client, &email(who), "weekly"), "allow", "somebody only looked");
        for _ in 0..2 {
            let acted = post(&mut client, &path, media_type, body);
            assert_eq!(acted.status, 200, "{who}: {acted:?}");
            assert!(acted.body.contains("You are unsubscribed"), "{}", acted.body);
        }
        assert_eq!(verdict(&mut client, &email(who), "weekly"), "block", "{who}");
        assert_eq!(verdict(&mut client, &email(who), "offers"), "allow", "{who}");
    }
    let metrics = running.metrics();
    assert!(
        metrics.contains("mechanism=\"email.list\",claimant=\"person\",direction=\"out\"} 8"),
        "{metrics}"
    );
    // Acknowledged, so on the next node and after the end of this one.
    drop(running);
    assert_eq!(verdict(&mut world.start("other").ready(), &email("reader.a"), "weekly"), "block");
}

/// An old mail's link counts after a later opt-in too: it is a new word of the person.
#[test]
fn an_old_link_counts_again() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let path = mint(&mut client, &email("back"));
    post(&mut client, &path, FORM, "List-Unsubscribe=One-Click");
    let back = json!({
        "subject": email("back"), "mechanism": "email.list", "scope": "list:weekly", "direction": "in",
        "proof": "login", "recorded_by": "account page",
    });
    client.post("/v1/signals", &back).good();
    assert_eq!(verdict(&mut client, &email("back"), "weekly"), "allow");
    post(&mut client, &path, FORM, "List-Unsubscribe=One-Click");
    assert_eq!(verdict(&mut client, &email("back"), "weekly"), "block");
    // Each is a record; a link that is used without end has to wait.
    let statuses: Vec<u16> = (0..20).map(|_| post(&mut client, &path, FORM, "").status).collect();
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
}

#[test]
fn preferences() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let path = mint(&mut client, &email("choosy"));
    let page = client.get(&path).body;
    assert!(page.contains("Offers &amp; &lt;sales&gt;") && page.contains("Acme &amp; Daughters"), "{page}");
    assert!(!page.contains("Calls"), "there is no number to be called: {page}");
    let none = post(&mut client, &path, FORM, "page=preferences");
    assert!(none.status == 200 && none.body.contains("Nothing was ticked"), "{none:?}");
    let unknown = post(&mut client, &path, FORM, "page=preferences&stop=email.list+list:gone");
    assert_eq!((unknown.status, unknown.problem().as_str()), (400, "invalid"));
    let other = post(&mut client, &path, FORM, "page=preferences&stop=phone.stop+*");
    assert_eq!(other.status, 400, "a choice of nobody in this link: {other:?}");
    let chosen = post(&mut client, &path, FORM, "page=preferences&stop=email.list+list%3Aoffers");
    assert!(
        chosen.body.contains("Offers &amp; &lt;sales&gt;") && !chosen.body.contains("weekly"),
        "{chosen:?}"
    );
    let words = ["weekly", "offers"].map(|list| verdict(&mut client, &email("choosy"), list));
    assert_eq!(words, ["allow", "block"]);

    // With a number beside the address, each choice is said of what it concerns.
    let both = json!({ "email": "both@example.com", "phone": "+14155550100" });
    let path = mint(&mut client, &both);
    assert!(client.get(&path).body.contains("Calls"));
    assert_eq!(post(&mut client, &path, FORM, "page=preferences&stop=phone.stop+*").status, 200);
    let call = json!({ "action": "contact.phone", "subject": { "phone": "+14155550100" } });
    assert_eq!(client.post("/v1/check", &call).good()["verdict"], "block");
    assert_eq!(verdict(&mut client, &email("both"), "weekly"), "allow");
}

#[test]
fn what_is_no_link() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let path = mint(&mut client, &email("whole"));
    let cut = &path[..path.len() - 4];
    for wrong in [cut, "/u/AAAA", "/u/%00", "/u/~"] {
        let refused = post(&mut client, wrong, FORM, "List-Unsubscribe=One-Click");
        assert_eq!((refused.status, refused.problem().as_str()), (404, "not-found"), "{wrong}");
        let shown = client.ask("GET", wrong, &[("accept", "text/html,*/*;q=0.8")], b"");
        assert_eq!((shown.status, shown.header("content-type")), (404, Some("text/html; charset=utf-8")));
        assert!(shown.body.contains("open the link in the message again"), "{}", shown.body);
    }
    for (body, why) in [
        (json!({ "subject": { "email_domain": "example.com" } }), "everybody at an e-mail domain"),
        (json!({ "subject": {} }), "1 to 8 identifiers"),
        (json!([{ "subject": email("a") }, { "subject": { "email": "nobody" } }]), "link 1"),
        (json!({ "subject": email("a"), "mechanism": "hold.minor" }), "the word of a source"),
        (json!({ "subject": { "phone": "+14155550100" }, "scope": "list:weekly" }), "another channel"),
    ] {
        let refused = client.post("/v1/unsubscribe-links", &body);
        assert!(refused.status == 400 && refused.body.contains(why), "{why}: {refused:?}");
    }
    // Without keys there are no links, and no way to make one.
    drop(running);
    let bare = world.start("main");
    assert_eq!(bare.ready().get(&path).status, 404);
}

#[test]
fn keys_and_age() {
    let world = World::new();
    let old = start(&world);
    let path = mint(&mut old.ready(), &email("old"));
    drop(old);
    let mut wiring = world.wiring("main", world.objects());
    let rotated = Running::start(set_up(world.directory.path(), &[NEW, OLD]), wiring);
    assert_eq!(rotated.ready().get(&path).status, 200, "a new key ends no old link");
    drop(rotated);
    // 61 days later, where links are to end after 60.
    wiring = world.wiring("main", world.objects());
    wiring.now = || now().plus_micros(61 * 86_400_000_000);
    let mut config = set_up(world.directory.path(), &[OLD]);
    config.unsubscribe.link_days = 60;
    let late = Running::start(config, wiring);
    let refused = post(&mut late.client(), &path, FORM, "List-Unsubscribe=One-Click");
    assert_eq!((refused.status, refused.problem().as_str()), (410, "expired"));
}

/// On a small phone, without script: the page is read, its form is sent by a touch, and it is in force.
#[test]
fn a_person_on_a_phone() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let mut browser = Browser::start();
    let mut open = |browser: &mut Browser, who: &str| {
        let path = mint(&mut client, &email(who));
        browser.open(&format!("http://{}{path}", running.address()));
    };

    open(&mut browser, "touch");
    let spoken = browser.spoken();
    for said in [
        "RootWebArea Unsubscribe – Acme & Daughters",
        "heading Unsubscribe",
        "button Unsubscribe",
        "form Or choose what to stop",
        "group Stop",
        "checkbox Offers & <sales>",
        "button Stop what is ticked",
    ] {
        assert!(spoken.iter().any(|one| one == said), "{said} in {spoken:#?}");
    }
    // Nothing has to be scrolled to sideways or is too small to be hit, and the style was not refused.
    assert!(browser.width() <= WIDTH, "{}", browser.width());
    for selector in ["button", "label"] {
        for place in browser.places(selector) {
            assert!(
                place.left >= 0.0 && place.right <= WIDTH && place.height >= 44.0,
                "{selector}: {place:?}"
            );
        }
    }
    assert_eq!(browser.style("body", "font-size"), "18px");
    browser.follow("form:first-of-type button");
    assert!(browser.spoken().contains(&"heading You are unsubscribed".to_owned()), "{:?}", browser.spoken());
    assert!(browser.width() <= WIDTH);

    open(&mut browser, "ticks");
    browser.touch("label:nth-of-type(2)");
    browser.follow("fieldset + button");
    let spoken = browser.spoken();
    assert!(spoken.contains(&"StaticText Offers & <sales>".to_owned()), "{spoken:?}");

    browser.open(&format!("http://{}/u/broken", running.address()));
    assert!(browser.spoken().contains(&"heading That did not work".to_owned()));

    let words = [("touch", "weekly"), ("touch", "offers"), ("ticks", "weekly"), ("ticks", "offers")];
    let words = words.map(|(who, list)| verdict(&mut client, &email(who), list));
    assert_eq!(words, ["block", "allow", "allow", "block"]);
}
