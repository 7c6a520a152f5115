//! Two who activate at the same time: what comes of it whichever journal the other one wrote.

use abide_journal::{Store, StoreConfig, StoreId};
use abide_model::{Forms, Secret};
use object_store::path::Path as ObjectPath;
use tempfile::TempDir;

use super::*;
use crate::store_flags::write_secret;

/// A store with two versions, of which the second lets through somebody whom the first and the built-in one block.
struct Place {
    directory: TempDir,
    versions: [StoredRuleset; 2],
}

const STRICT: usize = 0;
const WEAK: usize = 1;

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secret = Secret::from_bytes([7; 32]);
        write_secret(&directory.path().join("secret"), &secret).unwrap();
        let config = StoreConfig {
            id: StoreId([3; 16]),
            phone_region: "US".parse().unwrap(),
            forms: Forms::default(),
        };
        let objects = abide_journal::local_directory(&directory.path().join("store"), true).unwrap();
        let store =
            Store::init(objects, &ObjectPath::default(), config, &secret, clock::now()).await.unwrap();
        let exception = "unless { context.message == Message::\"confirm_opt_in\" };";
        let changes = [
            ("// Who is not to be contacted.", "// Nobody is contacted who does not want it.".to_owned()),
            (exception, exception.replace(" }", " || (context has brand && context.brand == \"zeta\") }")),
        ];
        let mut number = 0;
        let versions = changes.map(|(old, new)| {
            let mut sources = RulesetSources::built_in();
            for (_, text) in &mut sources.policies {
                *text = text.replacen(old, &new, 1);
            }
            number += 1;
            StoredRuleset {
                number,
                author: "ann".to_owned(),
                at: clock::now(),
                message: "changed".to_owned(),
                parent: None,
                test: serde_json::Value::Null,
                sources,
                cases: Vec::new(),
            }
        });
        for version in &versions {
            version.clone().push(&store, Retry::default()).await.unwrap();
        }
        Self { directory, versions }
    }

    fn flags(&self, origin: &str) -> StoreFlags {
        StoreFlags {
            store: self.directory.path().join("store").display().to_string(),
            secret_file: Some(self.directory.path().join("secret")),
            cache: Some(self.directory.path().join("cache")),
            origin: origin.parse().unwrap(),
        }
    }

    fn record(&self, before: &Versions, version: usize) -> ActivationRecord {
        let author = Author { name: "ann".to_owned() };
        let terms = Terms { allow_weaker: None, if_active: None, author, message: None };
        terms.record(before, &self.versions[version], "activated", clock::now())
    }

    /// Brings a version into force from `main`, and another from `rival` between what was read before and that.
    async fn both(&self, version: usize, rival: (&str, usize), is_any_meant: bool) -> (Exit, Versions) {
        let now = clock::now();
        let flags = self.flags("main");
        let opened = flags.open().await.unwrap();
        let before = Versions::read(&opened, now).await.unwrap();

        let theirs = self.flags(rival.0);
        let record = self.record(&before, rival.1);
        let mut writer = theirs.open().await.unwrap().writer().await.unwrap();
        append(&theirs, &opened, &mut writer, record, now).await.unwrap();

        let rules = self.versions[version].ruleset().unwrap();
        let entry = Entry { flags: &flags, opened: &opened, name: "v9".to_owned(), rules, is_any_meant, now };
        let mut writer = opened.writer().await.unwrap();
        let exit = entry.make(&mut writer, &before, self.record(&before, version)).await.unwrap();
        (exit, Versions::read(&opened, now).await.unwrap())
    }

    fn in_force(&self, versions: &Versions) -> usize {
        let digest = versions.active_digest();
        self.versions.iter().position(|version| version.digest() == digest).unwrap()
    }
}

/// Ours stands above theirs, was not compared with it, and lets somebody through whom theirs blocks.
#[tokio::test]
async fn what_was_replaced_unseen_by_something_weaker_is_put_back() {
    let place = Place::new().await;
    let (exit, after) = place.both(WEAK, ("eu", STRICT), false).await;
    assert_eq!((exit, place.in_force(&after)), (Exit::Found, STRICT));
    let (record, _) = after.activations.in_force().unwrap();
    assert!(record.rollback && record.only_after.is_some(), "{record:?}");
    assert_eq!((&*record.author, &*record.message), ("abide", "put back"));
    assert!(record.reason.as_deref().unwrap().contains("is weaker"), "{record:?}");
    assert_eq!(record.replaces, Some(place.versions[WEAK].digest()));
}

#[tokio::test]
async fn what_is_meant_to_be_weaker_stands() {
    let place = Place::new().await;
    let (exit, after) = place.both(WEAK, ("eu", STRICT), true).await;
    assert_eq!((exit, place.in_force(&after)), (Exit::Clean, WEAK));
}

#[tokio::test]
async fn what_is_no_weaker_than_what_it_replaced_unseen_stands() {
    let place = Place::new().await;
    let (exit, after) = place.both(STRICT, ("eu", WEAK), false).await;
    assert_eq!((exit, place.in_force(&after)), (Exit::Clean, STRICT));
}

/// Theirs stands above ours.
#[tokio::test]
async fn what_does_not_stand_is_said_and_left() {
    let place = Place::new().await;
    let (exit, after) = place.both(WEAK, ("west", STRICT), false).await;
    assert_eq!((exit, place.in_force(&after)), (Exit::Found, STRICT));
    let (record, origin) = after.activations.in_force().unwrap();
    assert_eq!((record.rollback, origin.to_string().as_str()), (false, "west"));
}
