//! Assumptions on sets of objects: what lists show, and what they no longer do.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::{Broken, create, equal, holds, listed, not_found, path, read, succeeds};

/// One more than a page of S3, whose lists come in pages of 1,000.
const OVER_A_PAGE: usize = 1_001;
const WRITES_AT_ONCE: usize = 16;

pub(super) async fn start_empty(store: &dyn ObjectStore) -> Result<(), Broken> {
    const EMPTY: &str = "a prefix under which nothing was written is listed as empty";

    equal(EMPTY, &succeeds(EMPTY, listed(store, Some(&path(""))).await)?, &Vec::new())?;
    equal(EMPTY, &succeeds(EMPTY, listed(store, Some(&path("no/such/folder"))).await)?, &Vec::new())
}

pub(super) async fn show_what_was_written(store: &dyn ObjectStore) -> Result<(), Broken> {
    const SHOWN: &str = "a list shows each object as soon as it is written, under its name and with its size";

    // Names as we make them, and then some that must not be mangled on the way.
    let names = ["origin-1.eu", "00000000000000000042.parquet", "a b", "k=v", "50%", "plus+and&", "tilde~_"];
    let folder = path("names");
    let mut expected = Vec::new();
    for (size, name) in names.into_iter().enumerate() {
        let path = folder.clone().join(name);
        succeeds(SHOWN, create(store, &path, &vec![b'x'; size].into()).await)?;
        expected.push((path, size as u64));
        expected.sort();

        let found = store.list(Some(&folder)).map_ok(|object| (object.location, object.size)).try_collect();
        let mut found: Vec<(Path, u64)> = succeeds(SHOWN, found.await)?;
        found.sort();
        equal(SHOWN, &found, &expected)?;
    }
    Ok(())
}

pub(super) async fn prefixes_are_whole_segments(store: &dyn ObjectStore) -> Result<(), Broken> {
    const PREFIX: &str = "a list under a prefix shows what is below it, at any depth, and not its namesakes";
    const OFFSET: &str = "a list with an offset shows what sorts after it";
    const LEVEL: &str = "a list with a delimiter shows the objects of one level, and the prefixes below it";

    let paths = ["tree/ab", "tree/a/1", "tree/a/2/x", "tree/a/3", "tree/ab/1", "tree-a/1"].map(path);
    // On a file system a name is an object or a folder, not both, so the first is for the others only to be
    // told from.
    for path in &paths[1..] {
        succeeds(PREFIX, create(store, path, &"x".into()).await)?;
    }
    let below = [path("tree/a/1"), path("tree/a/2/x"), path("tree/a/3")];
    equal(PREFIX, &succeeds(PREFIX, listed(store, Some(&path("tree/a"))).await)?, &below.to_vec())?;

    let after = store.list_with_offset(Some(&path("tree/a")), &below[0]).map_ok(|object| object.location);
    let mut after: Vec<Path> = succeeds(OFFSET, after.try_collect().await)?;
    after.sort();
    equal(OFFSET, &after, &below[1..].to_vec())?;

    let mut level = succeeds(LEVEL, store.list_with_delimiter(Some(&path("tree/a"))).await)?;
    level.objects.sort_by(|a, b| a.location.cmp(&b.location));
    let objects: Vec<Path> = level.objects.into_iter().map(|object| object.location).collect();
    equal(LEVEL, &objects, &vec![path("tree/a/1"), path("tree/a/3")])?;
    equal(LEVEL, &level.common_prefixes, &vec![path("tree/a/2")])
}

pub(super) async fn go_on_past_a_page(store: &dyn ObjectStore) -> Result<(), Broken> {
    const PAGES: &str = "a list goes on until it has shown everything, however long";

    let expected: Vec<Path> = (0..OVER_A_PAGE).map(|number| path(&format!("pages/{number:08}"))).collect();
    let body = "x".into();
    let writes = stream::iter(&expected).map(|path| create(store, path, &body));
    let written: Result<Vec<_>, Error> = writes.buffer_unordered(WRITES_AT_ONCE).try_collect().await;
    succeeds(PAGES, written)?;

    let found = succeeds(PAGES, listed(store, Some(&path("pages"))).await)?;
    holds(PAGES, found == expected, || format!("{} of {OVER_A_PAGE} objects", found.len()))
}

/// Also leaves the store as it was found.
pub(super) async fn deleted_is_gone(store: &dyn ObjectStore) -> Result<(), Broken> {
    const GONE: &str =
        "a deleted object is neither read nor listed, from at once, and its name is free again";

    let path = path("deleted");
    let body = "x".into();
    for _ in 0..2 {
        succeeds(GONE, create(store, &path, &body).await)?;
        succeeds(GONE, store.delete(&path).await)?;
        not_found(GONE, &read(store, &path).await)?;
    }

    let all = succeeds(GONE, listed(store, Some(&super::path(""))).await)?;
    holds(GONE, !all.is_empty() && !all.contains(&path), || format!("{path} among {} objects", all.len()))?;
    let deleted = store.delete_stream(stream::iter(all).map(Ok).boxed()).try_collect::<Vec<_>>().await;
    succeeds(GONE, deleted)?;
    equal(GONE, &succeeds(GONE, listed(store, Some(&super::path(""))).await)?, &Vec::new())
}
