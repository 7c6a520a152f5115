//! What a killed writer leaves in a directory is found, and nothing else is.

use std::fs;

use abide_journal::{local_directory, staged};
use abide_model::Time;

use crate::world::{NOW, init, records, signals, writer};

#[tokio::test]
async fn only_what_no_object_has_become_of() {
    let directory = tempfile::tempdir().unwrap();
    let store = init(local_directory(directory.path(), false).unwrap()).await.unwrap();
    let mut writer = writer(&store, "eu-1").await;
    writer.append(&signals(0..2), NOW).await.unwrap();
    assert_eq!(staged(directory.path()).unwrap(), []);

    // As a kill in the middle of a write leaves them, with whatever else may lie about.
    let half = "journal/eu-1/00000000000000000003.parquet#1";
    for name in [half, "snapshots/parts/1795000000000000-0000000000000001.index#12"] {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    fs::create_dir_all(directory.path().join("journal/eu-1/folder#1")).unwrap();
    for foreign in ["notes#1", "journal/eu-1/notes#one", "journal/eu-1/#1"] {
        fs::write(directory.path().join(foreign), "mine").unwrap();
    }
    std::os::unix::fs::symlink("/dev/null", directory.path().join("journal/eu-1/link#1")).unwrap();
    let found = staged(directory.path()).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|file| file.bytes == 4 && file.written_at > Time::from_seconds(1)));

    // The next writer goes round it, and nobody reads it.
    writer.append(&signals(2..4), NOW).await.unwrap();
    assert_eq!(records(&store).await.len(), 4);
    for file in &found {
        file.remove().unwrap();
        file.remove().expect("it is gone, as it should be");
    }
    assert_eq!(staged(directory.path()).unwrap(), []);
    assert!(!directory.path().join(half).exists());
}
