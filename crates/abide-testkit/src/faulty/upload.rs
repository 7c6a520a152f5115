//! A multipart upload under faults: its parts may fail, and its completion may land without an answer.

use async_trait::async_trait;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::FaultyStore;

#[derive(Debug)]
pub(super) struct FaultyUpload {
    store: FaultyStore,
    location: Path,
    inner: Box<dyn MultipartUpload>,
}

impl FaultyUpload {
    pub(super) fn new(store: FaultyStore, location: Path, inner: Box<dyn MultipartUpload>) -> Self {
        Self { store, location, inner }
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        // The inner call, not its future, fixes the part's number, so it is made at once and in order.
        let (store, location, part) = (self.store.clone(), self.location.clone(), self.inner.put_part(data));
        async move { store.write(&location, part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.store.write(&self.location, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.write(&self.location, self.inner.abort()).await
    }
}
