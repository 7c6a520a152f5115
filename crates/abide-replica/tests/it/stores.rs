//! The same story on a directory and on a real S3 server.

use std::sync::Arc;

use abide_journal::{Record, local_directory};
use abide_replica::{Compacted, ReplicaConfig};
use abide_testkit::S3Server;
use object_store::ObjectStore;

use crate::{
    model::Model,
    world::{NOW, SPELLINGS, assert_is, commit, init, open, opt_in, opt_out, writer},
};

const PEOPLE: u64 = 40;

/// A store is made, takes records in, is compacted; who starts with nothing but the snapshot knows the
/// same, and goes on from there.
async fn story(objects: Arc<dyn ObjectStore>) {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str| ReplicaConfig { overlay_max: 25, ..ReplicaConfig::new(&dir.path().join(name)) };
    let store = init(objects).await;
    let mut writer = writer(&store, "eu-1").await;
    let mut model = Model::default();
    let mut replica = open(&store, &config("first")).await.unwrap();

    for round in 0..3 {
        let records: Vec<Record> = (0..PEOPLE)
            .map(|person| {
                let at = NOW.plus_micros(i64::try_from(round * PEOPLE + person).unwrap());
                let spelling = SPELLINGS[usize::try_from(round + person).unwrap() % SPELLINGS.len()];
                let out = (person + round) % 3 > 0;
                let mut signal =
                    if out { opt_out(person, spelling, at) } else { opt_in(person, spelling, at) };
                if person % 5 == 0 {
                    signal.batch = format!("import-{round}").parse().unwrap();
                }
                Record::Signal(signal)
            })
            .collect();
        for records in [records, vec![commit(&format!("import-{round}"))]] {
            records.iter().for_each(|record| model.take(record));
            let token = writer.append(&records, NOW).await.unwrap().token;
            replica.refresh(NOW).await.unwrap();
            assert!(replica.snapshot().positions.of(&token.origin) >= token.position);
            assert_is(&replica.snapshot(), &model, PEOPLE, "refreshed");
        }
        let compacted = replica.compact(NOW, round, &mut |_| ()).await.unwrap();
        assert!(matches!(compacted, Compacted::Written(_)), "{compacted:?}");
        assert_is(&replica.snapshot(), &model, PEOPLE, "compacted");

        // Another machine, whose cache is empty, and a second process of it at the same moment.
        let other = config(&format!("other-{round}"));
        let (one, two) = tokio::join!(open(&store, &other), open(&store, &other));
        replica = one.unwrap();
        assert_is(&replica.snapshot(), &model, PEOPLE, "opened anew");
        assert_is(&two.unwrap().snapshot(), &model, PEOPLE, "opened at the same moment");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directory() {
    let dir = tempfile::tempdir().unwrap();
    story(local_directory(dir.path(), false).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path());
    story(server.store()).await;
}
