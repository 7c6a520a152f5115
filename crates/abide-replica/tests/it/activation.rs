//! Which ruleset answers: the one that the journal says, everywhere the same, or none.

use std::sync::Arc;

use abide_journal::{
    ActivationRecord, ErrorKind, Record, Rekey, RekeyConfig, Retry, Store, StoreError, StoreId,
};
use abide_model::{Secret, Time};
use abide_replica::{Pushed, Replica, ReplicaError, RulesetsError, StoredRuleset, rulesets};
use abide_rules::RulesetSources;
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};
use proptest::{prelude::*, test_runner::Config};

use crate::world::{NOW, RULES, init, open, secret, writer};

/// The default ruleset with a remark, which makes it another version.
fn version(number: u64, remark: &str) -> StoredRuleset {
    let mut sources = RulesetSources::built_in();
    let text = &mut sources.policies[0].1;
    *text = format!("{text}// {remark}\n");
    StoredRuleset {
        number,
        author: "ann".to_owned(),
        at: NOW,
        message: remark.to_owned(),
        parent: Some(RulesetSources::built_in().digest()),
        test: serde_json::json!({ "passed": true }),
        sources,
        cases: vec![("a.toml".to_owned(), "# A case.\n".to_owned())],
    }
}

async fn push(store: &Store, version: StoredRuleset) -> [u8; 32] {
    let digest = version.digest();
    version.push(store, Retry::default()).await.unwrap();
    digest
}

fn activation(number: u64, ruleset: [u8; 32], replaces: [u8; 32]) -> Record {
    Record::Activation(ActivationRecord {
        number,
        ruleset,
        replaces: Some(replaces),
        shadow: false,
        author: "ann".into(),
        message: "activated".into(),
        reason: None,
        at: NOW,
        only_after: None,
        rollback: false,
        ends_shadow: false,
        guard: None,
    })
}

async fn activate(store: &Store, origin: &str, record: Record) {
    writer(store, origin).await.append(&[record], NOW).await.unwrap();
}

fn config(folder: &tempfile::TempDir) -> abide_replica::ReplicaConfig {
    abide_replica::ReplicaConfig::new(folder.path())
}

fn digest_of(replica: &Replica) -> [u8; 32] {
    replica.snapshot().rules.version().digest()
}

#[tokio::test]
async fn a_version_reads_back_as_it_was_pushed_and_is_never_changed() {
    let store = init(Arc::new(InMemory::new())).await;
    let first = version(1, "first");
    assert_eq!(first.clone().push(&store, Retry::default()).await.unwrap(), Pushed::New(first.clone()));
    assert_eq!(rulesets::load(&store, &first.digest()).await.unwrap(), first);
    let again = StoredRuleset { number: 9, author: "bob".to_owned(), ..first.clone() };
    assert_eq!(again.push(&store, Retry::default()).await.unwrap(), Pushed::Known(first.clone()));
    let second = version(2, "second");
    push(&store, second.clone()).await;
    assert_eq!(rulesets::all(&store).await.unwrap().versions, [first, second]);
}

/// What a damaged version stops is whoever asks for it.
#[tokio::test]
async fn a_damaged_version_leaves_the_others() {
    let objects = Arc::new(InMemory::new());
    let store = init(objects.clone()).await;
    let (first, second) = (version(1, "first"), version(2, "second"));
    push(&store, first.clone()).await;
    let name = Path::from(format!("rulesets/{}.json", hex::encode(second.digest())));
    let others = objects.get(&Path::from(format!("rulesets/{}.json", hex::encode(first.digest())))).await;
    for bytes in ["{}".into(), others.unwrap().bytes().await.unwrap()] {
        objects.put(&name, bytes.into()).await.unwrap();
        let kept = rulesets::all(&store).await.unwrap();
        assert_eq!(kept.versions, std::slice::from_ref(&first));
        let [(digest, error)] = kept.unreadable.as_slice() else { panic!("{kept:?}") };
        assert_eq!((*digest, error.kind()), (second.digest(), ErrorKind::Damaged));
        // Nor is it taken for what is pushed again.
        let error = second.clone().push(&store, Retry::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}

#[tokio::test]
async fn an_activation_is_followed_and_a_rollback_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = init(Arc::new(InMemory::new())).await;
    let (built_in, first) = (RulesetSources::built_in().digest(), push(&store, version(1, "first")).await);
    let mut replica = open(&store, &config(&folder)).await.unwrap();
    assert_eq!((digest_of(&replica), replica.activations().in_force()), (built_in, None));

    activate(&store, "eu", activation(1, first, built_in)).await;
    let before = replica.snapshot();
    replica.refresh(NOW).await.unwrap();
    assert_eq!(digest_of(&replica), first);
    // Who holds the snapshot of before goes on with its rules until the end.
    assert_eq!(before.rules.version().digest(), built_in);

    activate(&store, "us", activation(2, built_in, first)).await;
    replica.refresh(NOW).await.unwrap();
    assert_eq!(digest_of(&replica), built_in);
    assert_eq!(digest_of(&open(&store, &config(&folder)).await.unwrap()), built_in);
}

/// What is only watched changes no answer, is remembered by a snapshot, and is over with the next activation.
#[tokio::test]
async fn a_shadow_is_watched_until_the_next_activation() {
    let folder = tempfile::tempdir().unwrap();
    let store = init(Arc::new(InMemory::new())).await;
    let (built_in, first) = (RulesetSources::built_in().digest(), push(&store, version(1, "first")).await);
    let Record::Activation(record) = activation(1, first, built_in) else { unreachable!() };
    activate(&store, "eu", Record::Activation(ActivationRecord { shadow: true, ..record })).await;
    let mut replica = open(&store, &config(&folder)).await.unwrap();
    let watched = |replica: &Replica| replica.activations().shadow().map(|(shadow, _)| shadow.ruleset);
    assert_eq!(
        (digest_of(&replica), watched(&replica), replica.activations().next_number()),
        (built_in, Some(first), 2)
    );

    replica.compact(NOW, 7, &mut |_| ()).await.unwrap();
    let again = open(&store, &config(&folder)).await.unwrap();
    assert_eq!((digest_of(&again), watched(&again)), (built_in, Some(first)));

    activate(&store, "us", activation(2, first, built_in)).await;
    replica.refresh(NOW).await.unwrap();
    assert_eq!((digest_of(&replica), watched(&replica)), (first, None));
}

/// No answer by another ruleset: who has begun stays where it was, who begins does not begin.
#[tokio::test]
async fn a_ruleset_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    let store = init(objects.clone()).await;
    let first = version(1, "first");
    let mut replica = open(&store, &config(&folder)).await.unwrap();
    let positions = replica.snapshot().positions.clone();
    activate(&store, "eu", activation(1, first.digest(), digest_of(&replica))).await;

    let fails = async |replica: &mut Replica, kind: ErrorKind, words: &str| {
        let error = replica.refresh(NOW).await.unwrap_err();
        assert!(matches!(error, ReplicaError::Ruleset(_)), "{error:?}");
        assert_eq!(error.kind(), kind);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(words), "{source}");
        assert_eq!(replica.snapshot().positions, positions);
        let fresh = open(&store, &config(&folder)).await.unwrap_err();
        assert!(matches!(fresh, ReplicaError::Ruleset(_)), "{fresh:?}");
    };
    fails(&mut replica, ErrorKind::Damaged, "is not in the store").await;

    let name = Path::from(format!("rulesets/{}.json", hex::encode(first.digest())));
    let put = async |text: &str| objects.put(&name, text.to_owned().into()).await.unwrap();
    put("{}").await;
    fails(&mut replica, ErrorKind::Damaged, "is damaged").await;
    put("{\"format\": 2}").await;
    fails(&mut replica, ErrorKind::Invalid, "upgrade abide").await;
    // Another's content under this name.
    let other = push(&store, version(2, "other")).await;
    let other = Path::from(format!("rulesets/{}.json", hex::encode(other)));
    let bytes = objects.get(&other).await.unwrap().bytes().await.unwrap();
    objects.put(&name, bytes.into()).await.unwrap();
    fails(&mut replica, ErrorKind::Damaged, "is damaged").await;

    objects.delete(&name).await.unwrap();
    push(&store, first.clone()).await;
    replica.refresh(NOW).await.unwrap();
    assert_eq!(digest_of(&replica), first.digest());
}

proptest! {
    #![proptest_config(Config { cases: 12, ..Config::default() })]

    /// Regions that activate without seeing one another come to one ruleset, in whatever order it is read.
    #[test]
    fn activations_at_once_converge(
        made in prop::collection::vec((0usize..3, 1u64..4, 0usize..3), 1..8),
        order in prop::collection::vec(0usize..8, 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (early, late, first) = runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = init(Arc::new(InMemory::new())).await;
            let versions = [
                push(&store, version(1, "one")).await,
                push(&store, version(2, "two")).await,
                push(&store, version(3, "three")).await,
            ];
            // One follows from the start and reads after every step that `order` says; the other begins at the end.
            let mut follower = open(&store, &config(&folder)).await.unwrap();
            for (step, (origin, number, ruleset)) in made.iter().enumerate() {
                let origin = ["ap", "eu", "us"][*origin];
                activate(&store, origin, activation(*number, versions[*ruleset], versions[0])).await;
                if order[step] % 2 == 0 {
                    follower.refresh(NOW).await.unwrap();
                }
            }
            follower.refresh(NOW).await.unwrap();
            let late = open(&store, &config(&folder)).await.unwrap();
            let rank = |(origin, number, _): &(usize, u64, usize)| (*number, *origin);
            // Of one origin the earlier of equal numbers stands: nobody else can have made it.
            let mut greatest = made[0];
            for other in &made {
                if rank(other) > rank(&greatest) {
                    greatest = *other;
                }
            }
            (digest_of(&follower), digest_of(&late), versions[greatest.2])
        });
        prop_assert_eq!(early, late);
        prop_assert_eq!(early, first);
    }
}

/// What makes it one pointer swap: nothing of the list is touched.
#[tokio::test]
async fn an_activation_leaves_the_list_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = init(Arc::new(InMemory::new())).await;
    let first = push(&store, version(1, "first")).await;
    let mut replica = open(&store, &config(&folder)).await.unwrap();
    let before = replica.snapshot();
    activate(&store, "eu", activation(1, first, digest_of(&replica))).await;
    replica.refresh(Time::from_micros(NOW.as_micros() + 1)).await.unwrap();
    let after = replica.snapshot();
    assert_eq!(before.base.is_none(), after.base.is_none());
    assert!(Arc::ptr_eq(&before.retractions, &after.retractions));
    assert!(!Arc::ptr_eq(&before.rules, &after.rules));
}

/// Nobody is answered while the ruleset in force cannot be read, and what was activated is told all the same, so that
/// another one can take its place.
#[tokio::test]
async fn what_was_activated_is_told_without_the_ruleset_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    let store = init(objects.clone()).await;
    let (built_in, first) = (RulesetSources::built_in().digest(), push(&store, version(1, "first")).await);
    activate(&store, "eu", activation(1, first, built_in)).await;
    let mut running = open(&store, &config(&folder)).await.unwrap();
    let second = push(&store, version(2, "second")).await;
    activate(&store, "eu", activation(2, second, first)).await;
    let object = Path::from(format!("rulesets/{}.json", hex::encode(second)));
    for damage in [None, Some("{\"format\":1}"), Some("not JSON")] {
        match damage {
            None => objects.delete(&object).await.unwrap(),
            Some(text) => drop(objects.put(&object, text.into()).await.unwrap()),
        }
        assert_eq!(open(&store, &config(&folder)).await.unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(running.refresh(NOW).await.unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(digest_of(&running), first, "the last snapshot stands");
        let told = Replica::read_activations(&store, RULES.clone(), config(&folder), NOW).await.unwrap();
        let (in_force, _) = told.in_force().unwrap();
        assert_eq!((in_force.ruleset, in_force.replaces, told.next_number()), (second, Some(first), 3));
    }
    let told = Replica::read_activations(&store, RULES.clone(), config(&folder), NOW).await.unwrap();
    let back = told.roll_back("ann", "rolled back", "v2 is damaged", NOW).unwrap();
    activate(&store, "us", Record::Activation(back)).await;
    running.refresh(NOW).await.unwrap();
    assert_eq!(digest_of(&running), first);
    assert_eq!(digest_of(&open(&store, &config(&folder)).await.unwrap()), first);
}

/// A push that was under way when the store moved is refused, as an append is: the copy may be without it.
#[tokio::test]
async fn a_push_to_a_store_that_moved_meanwhile_is_refused() {
    let store = init(Arc::new(InMemory::new())).await;
    push(&store, version(1, "before")).await;
    let (old_secret, new_secret) = (secret(), Secret::from_bytes([8; 32]));
    let config = RekeyConfig {
        id: StoreId([9; 16]),
        old_secret: &old_secret,
        new_secret: &new_secret,
        retry: Retry::default(),
        instance: 100,
    };
    let objects = Arc::new(InMemory::new());
    let rekey = Rekey::begin(&store, objects, &Path::default(), config, NOW).await.unwrap();
    rekey.fence("elsewhere", NOW).await.unwrap();
    for version in [version(2, "new"), version(1, "before")] {
        let error = version.push(&store, Retry::default()).await.unwrap_err();
        assert!(matches!(error, RulesetsError::Store(StoreError::Moved { .. })), "{error:?}");
    }
}
