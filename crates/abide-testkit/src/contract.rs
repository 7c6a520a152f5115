//! What we assume of an object store, as one check that every store passes which a test or a user relies on.
//!
//! The journal's safety is these assumptions and little else: that a create-only write has one winner, that
//! what was written is read and listed at once, and that nobody ever sees half an object.

mod lists;
mod writes;

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, PutResult};

/// Everything that the check writes is below this; what it wrote, it deletes.
const ROOT: &str = "contract";

/// An assumption that does not hold, and what was seen instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store breaks an assumption: {assumption}; found {found}")]
pub struct Broken {
    pub assumption: &'static str,
    pub found: String,
}

/// Checks every assumption, in order; the first that does not hold is the error.
///
/// Needs a tokio runtime (the rivals are tasks; on several threads they race for real), about 100 MiB of
/// memory, and nothing below `contract/` in the store.
pub async fn check(store: Arc<dyn ObjectStore>) -> Result<(), Broken> {
    lists::start_empty(&*store).await?;
    writes::missing_is_not_found(&*store).await?;
    writes::create_is_create_only(&*store).await?;
    writes::created_once_by_racing_writers(&store).await?;
    writes::overwrites_are_whole(&store).await?;
    writes::largest_object_in_one_put(&*store).await?;
    writes::ranges_are_exact(&*store).await?;
    lists::show_what_was_written(&*store).await?;
    lists::prefixes_are_whole_segments(&*store).await?;
    lists::go_on_past_a_page(&*store).await?;
    lists::deleted_is_gone(&*store).await
}

fn path(name: &str) -> Path {
    Path::from(format!("{ROOT}/{name}"))
}

async fn create(store: &dyn ObjectStore, path: &Path, bytes: &Bytes) -> object_store::Result<PutResult> {
    store.put_opts(path, PutPayload::from(bytes.clone()), PutMode::Create.into()).await
}

async fn read(store: &dyn ObjectStore, path: &Path) -> object_store::Result<Bytes> {
    store.get(path).await?.bytes().await
}

/// The names that a list shows, in order: lists come in any.
async fn listed(store: &dyn ObjectStore, prefix: Option<&Path>) -> object_store::Result<Vec<Path>> {
    let mut paths: Vec<Path> = store.list(prefix).map_ok(|object| object.location).try_collect().await?;
    paths.sort();
    Ok(paths)
}

/// The value of a request that an assumption needs to succeed.
fn succeeds<T>(assumption: &'static str, result: object_store::Result<T>) -> Result<T, Broken> {
    result.map_err(|error| Broken { assumption, found: format!("the error {error}") })
}

fn equal<T: PartialEq + Debug>(assumption: &'static str, found: &T, expected: &T) -> Result<(), Broken> {
    holds(assumption, found == expected, || format!("{found:?} instead of {expected:?}"))
}

fn holds(assumption: &'static str, condition: bool, found: impl FnOnce() -> String) -> Result<(), Broken> {
    if condition { Ok(()) } else { Err(Broken { assumption, found: found() }) }
}

fn not_found<T: Debug>(assumption: &'static str, result: &object_store::Result<T>) -> Result<(), Broken> {
    holds(assumption, matches!(result, Err(Error::NotFound { .. })), || format!("{result:?}"))
}
