//! A store whose own clock is that of the simulated world: what is written is dated by it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use abide_model::Time;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::SimClock;

/// Wraps a store; clones are the same store.
#[derive(Clone, Debug)]
pub struct DatedStore {
    inner: Arc<dyn ObjectStore>,
    clock: SimClock,
    written: Arc<Mutex<BTreeMap<Path, Written>>>,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    at: Time,
    times: u64,
}

impl DatedStore {
    pub fn new(inner: Arc<dyn ObjectStore>, clock: SimClock) -> Self {
        Self { inner, clock, written: Arc::default() }
    }

    /// How often a name under a prefix was written that had been written before.
    pub fn written_again(&self, prefix: &str) -> u64 {
        let written = self.written.lock().expect("nothing panics while it holds the dates");
        let below = written.iter().filter(|(path, _)| path.as_ref().starts_with(prefix));
        below.map(|(_, written)| written.times - 1).sum()
    }

    /// When an object was written, by the clock of the world.
    pub fn written_at(&self, location: &Path) -> Option<Time> {
        let written = self.written.lock().expect("nothing panics while it holds the dates");
        written.get(location).map(|written| written.at)
    }

    fn note(&self, location: &Path) {
        let at = self.clock.now();
        let mut written = self.written.lock().expect("nothing panics while it holds the dates");
        let noted = written.entry(location.clone()).or_insert(Written { at, times: 0 });
        *noted = Written { at, times: noted.times + 1 };
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let at = self.written_at(&meta.location).unwrap_or(Time::MIN);
        meta.last_modified = DateTime::<Utc>::from_timestamp_micros(at.as_micros()).unwrap_or_default();
        meta
    }
}

impl fmt::Display for DatedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatedStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for DatedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let result = self.inner.put_opts(location, payload, opts).await?;
        self.note(location);
        Ok(result)
    }

    /// Dated by its beginning, as S3 does.
    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        self.note(location);
        Ok(upload)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.inner.get_opts(location, options).await?;
        result.meta = self.dated(result.meta);
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        self.inner.list(prefix).map_ok(move |meta| store.dated(meta)).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        self.inner.list_with_offset(prefix, offset).map_ok(move |meta| store.dated(meta)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects = result.objects.into_iter().map(|meta| self.dated(meta)).collect();
        Ok(result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.note(to);
        Ok(())
    }
}
