use object_store::memory::InMemory;
use object_store::{Error, ObjectStoreExt, PutResult};

use super::*;

fn store(seed: u64, faults: Faults) -> FaultyStore {
    FaultyStore::new(Arc::new(InMemory::new()), seed, faults)
}

/// Two writers and a lister at work under faults; the log of everything that each was told.
fn run(seed: u64) -> (Vec<String>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = store(seed, Faults::MANY);
        let log = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tell = |who: &str, what: String| log.lock().unwrap().push(format!("{who}: {what}"));
        let writer = async |who: &str| {
            for number in 0..40 {
                let path = Path::from(format!("shared/{number}"));
                let put = store.put_opts(&path, who.to_owned().into(), PutMode::Create.into()).await;
                tell(who, format!("{path} {}", outcome(&put)));
                let read = async { store.get(&path).await?.bytes().await };
                tell(who, format!("{path} {:?}", read.await.ok()));
            }
        };
        let lister = async {
            for _ in 0..40 {
                let names: Vec<_> = store.list(None).map_ok(|object| object.location).collect().await;
                tell("lister", format!("{:?}", names.into_iter().flatten().collect::<Vec<_>>()));
            }
        };
        tokio::join!(writer("a"), writer("b"), lister);
        let log = log.lock().unwrap().clone();
        (log, store.faults_injected())
    })
}

fn outcome(put: &Result<PutResult>) -> &'static str {
    match put {
        Ok(_) => "written",
        Err(Error::AlreadyExists { .. }) => "already exists",
        Err(_) => "failed",
    }
}

/// A seed is a complete description of a run; without that no failure could be replayed.
#[test]
fn a_seed_is_a_run() {
    let (first, faults) = run(7);
    assert!(faults > 20, "only {faults} faults");
    assert_eq!(run(7), (first.clone(), faults));
    assert_ne!(run(8).0, first);
}

/// Each fault leaves the store as it says: refused wrote nothing, lost wrote all, and both tell the caller
/// the same.
#[tokio::test]
async fn writes_fail_before_or_after_they_land() {
    for (faults, landed) in [
        (Faults { write_refused: 1.0, ..Faults::NONE }, false),
        (Faults { answer_lost: 1.0, ..Faults::NONE }, true),
    ] {
        let store = store(1, faults);
        let path = Path::from("object");
        let put = store.put_opts(&path, "x".into(), PutMode::Create.into()).await;
        assert!(matches!(put, Err(Error::Generic { store: "FaultyStore", .. })), "{put:?}");
        assert_eq!(store.faults_injected(), 1);

        store.heal();
        assert_eq!(store.head(&path).await.is_ok(), landed);
        // What an answer lost means to the next try: its own object stands in the way.
        let again = store.put_opts(&path, "x".into(), PutMode::Create.into()).await;
        assert_eq!(outcome(&again), if landed { "already exists" } else { "written" });
    }
}

/// A new object is missing from some lists, then shown for good; reads see it all the while.
#[tokio::test]
async fn stale_lists_catch_up() {
    let store = store(1, Faults { list_stale: 1.0, stale_lists_max: 3, ..Faults::NONE });
    let path = Path::from("object");
    let shown = async || store.list(None).try_collect::<Vec<_>>().await.unwrap().len();

    store.put(&path, "x".into()).await.unwrap();
    assert_eq!(shown().await, 0);
    assert!(store.get(&path).await.is_ok());
    let mut lists = 1;
    while shown().await == 0 {
        lists += 1;
    }
    assert!(lists <= 3, "hidden from {lists} lists");

    store.put(&path, "overwritten".into()).await.unwrap();
    assert_eq!(shown().await, 1, "an object once shown does not vanish");
    store.put(&Path::from("other"), "x".into()).await.unwrap();
    store.heal();
    assert_eq!(shown().await, 2);
}

/// A read never ends early without saying so: its bytes are a beginning of the object, and then comes the
/// error.
#[tokio::test]
async fn reads_break_off_with_an_error() {
    let bytes = (0..=255).collect::<Bytes>();
    let store = store(1, Faults::NONE);
    let path = Path::from("object");
    store.put(&path, bytes.clone().into()).await.unwrap();
    store.set_faults(Faults { read_failed: 1.0, ..Faults::NONE });

    let mut midway = 0;
    for _ in 0..50 {
        assert!(store.get_range(&path, 0..10).await.is_err());
        let Ok(result) = store.get(&path).await else {
            continue;
        };
        let chunks: Vec<Result<Bytes>> = result.into_stream().collect().await;
        let (last, before) = chunks.split_last().unwrap();
        assert!(last.is_err() && before.iter().all(Result::is_ok));
        let before: Vec<u8> = before.iter().flatten().flatten().copied().collect();
        assert!(bytes.starts_with(&before));
        midway += 1;
    }
    assert!(midway > 5, "only {midway} reads broke off in the middle");
}
