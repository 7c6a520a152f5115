//! An in-memory store with one flaw, each of a kind that real S3 servers have had.

use std::fmt;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::task;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    /// The condition is ignored.
    CreateOverwrites,
    /// The condition is looked at, and other writers come in before the write.
    CreateChecksFirst,
    ListsOnePage,
    /// A prefix is a prefix of text, not of segments.
    ListsNamesakes,
    /// The newest object is not shown.
    ListsLate,
    /// The end of a range is taken as inclusive.
    RangeOffByOne,
}

#[derive(Debug)]
pub(crate) struct Careless {
    inner: InMemory,
    flaw: Flaw,
}

impl Careless {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { inner: InMemory::new(), flaw }
    }
}

impl fmt::Display for Careless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Careless({:?})", self.flaw)
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        if opts.mode == PutMode::Create {
            let exists = self.flaw == Flaw::CreateChecksFirst && self.inner.head(location).await.is_ok();
            task::yield_now().await;
            let ignored = matches!(self.flaw, Flaw::CreateOverwrites | Flaw::CreateChecksFirst);
            if ignored && !exists {
                opts.mode = PutMode::Overwrite;
            }
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        if let (Flaw::RangeOffByOne, Some(GetRange::Bounded(range))) = (self.flaw, &mut options.range) {
            range.end += 1;
        }
        self.inner.get_opts(location, options).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.flaw {
            Flaw::ListsOnePage => self.inner.list(prefix).take(1_000).boxed(),
            Flaw::ListsNamesakes => {
                let prefix = prefix.map(ToString::to_string).unwrap_or_default();
                let namesake = move |object: &ObjectMeta| object.location.as_ref().starts_with(&prefix);
                self.inner.list(None).try_filter(move |object| std::future::ready(namesake(object))).boxed()
            }
            Flaw::ListsLate => {
                let all = self.inner.list(prefix);
                let without_last = async move {
                    let mut objects: Vec<ObjectMeta> = all.try_collect().await?;
                    objects.sort_by_key(|object| object.last_modified);
                    objects.pop();
                    Ok::<_, Error>(stream::iter(objects).map(Ok))
                };
                stream::once(without_last).try_flatten().boxed()
            }
            _ => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
