//! An object store that fails on purpose, as stores and networks do, from one seed.
//!
//! What goes in is a real store and a seed; what comes out is the same store with faults that any code over
//! an `ObjectStore` must survive. It never tears an object: no store that we support does that.

mod dice;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use dice::{Dice, WriteFault};
use upload::FaultyUpload;

/// How often each fault strikes: probabilities from 0 to 1 per request, unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// A write fails and nothing was written.
    pub write_refused: f64,
    /// A write fails for its caller although it landed: the answer was lost.
    pub answer_lost: f64,
    /// A read fails, half of the time at once and half of the time in the middle of the bytes.
    pub read_failed: f64,
    /// A list fails, half of the time at once and half of the time part of the way.
    pub list_failed: f64,
    /// A new object is missing from lists at first, from at most [`Self::stale_lists_max`] of them.
    pub list_stale: f64,
    pub stale_lists_max: u32,
    /// A request lets other tasks run up to so many times before it reaches the store, and again before its
    /// answer reaches the caller: this is what reorders requests.
    pub yields_max: u32,
    /// A request stalls, for up to [`Self::stall_max_s`] seconds by the runtime's clock, before it
    /// reaches the store or before its answer reaches the caller: a process that was suspended.
    pub stalled: f64,
    pub stall_max_s: u64,
    /// Whatever is refused or fails does so for want of rights: credentials that ran out, a policy that was changed.
    pub is_denied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Read,
    Write,
}

/// One stall, planned beforehand: a process that is suspended just there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The next request of this kind for an object whose name begins so.
    pub on: Request,
    pub under: String,
    pub before_s: u64,
    /// After the request was served and before its answer reaches the caller.
    pub after_s: u64,
}

impl Faults {
    /// A good day: the wrapped store as it is.
    pub const NONE: Self = Self {
        write_refused: 0.0,
        answer_lost: 0.0,
        read_failed: 0.0,
        list_failed: 0.0,
        list_stale: 0.0,
        stale_lists_max: 0,
        yields_max: 0,
        stalled: 0.0,
        stall_max_s: 0,
        is_denied: false,
    };

    /// A bad day: every kind of fault, each often enough to meet another within a few requests, and rare
    /// enough that a caller who tries again gets through.
    pub const MANY: Self = Self {
        write_refused: 0.1,
        answer_lost: 0.1,
        read_failed: 0.1,
        list_failed: 0.1,
        list_stale: 0.3,
        stale_lists_max: 3,
        yields_max: 4,
        stalled: 0.0,
        stall_max_s: 0,
        is_denied: false,
    };
}

/// Wraps a store; clones share one set of dice, so that every node of a simulated world can hold its own.
///
/// The same seed gives the same faults to the same requests in the same order, which a single-threaded
/// runtime over an in-memory store repeats exactly. Reads see every write at once, as S3 promises; only lists
/// lag.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    dice: Dice,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64, faults: Faults) -> Self {
        Self { inner, dice: Dice::new(seed, faults) }
    }

    /// Ends all faults: from now on this is the wrapped store, and lists show everything.
    pub fn heal(&self) {
        self.dice.set_faults(Faults::NONE);
    }

    /// Changes the weather. What is hidden from lists stays hidden as long as it would have, unless lists are no
    /// longer stale at all.
    pub fn set_faults(&self, faults: Faults) {
        self.dice.set_faults(faults);
    }

    /// Plans the next stall, instead of one that was planned before and has not come.
    pub fn stall_next(&self, stall: Stall) {
        self.dice.plan(stall);
    }

    /// What was written goes unlisted no longer: so much time has passed.
    pub fn show_all(&self) {
        self.dice.show_all();
    }

    /// How many requests failed, and objects went unlisted, by our hand so far. A simulation that ends with 0
    /// has tested nothing.
    pub fn faults_injected(&self) -> u64 {
        self.dice.injected()
    }

    /// Runs a write, with a fault if one strikes.
    async fn write<T>(&self, location: &Path, write: impl Future<Output = Result<T>>) -> Result<T> {
        self.dice.pause().await;
        match self.dice.write_fault() {
            None => {
                let answer = write.await;
                self.dice.pause().await;
                answer
            }
            Some(WriteFault::Refused) => Err(self.dice.error("write refused", location)),
            Some(WriteFault::AnswerLost) => {
                // Even a conflict or a missing object: the caller does not learn what the store said.
                let _ = write.await;
                self.dice.pause().await;
                Err(self.dice.error("answer to a write lost", location))
            }
        }
    }

    /// Everything that a list shows just now, with the error at its end if it breaks off.
    async fn listed(
        self,
        prefix: Option<Path>,
        all: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.dice.pause().await;
        let mut objects: Vec<Result<ObjectMeta>> = match all.try_collect::<Vec<_>>().await {
            Ok(objects) => self.dice.shown(objects).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        if let Some(share) = self.dice.list_fault() {
            let kept = objects.len() * usize::from(share) / usize::from(u8::MAX);
            objects.truncate(kept);
            objects.push(Err(self.dice.error("list broken off", &prefix.unwrap_or_default())));
        }
        self.dice.pause().await;
        stream::iter(objects).boxed()
    }
}

async fn sleep(seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let stall = self.dice.planned(Request::Write, location);
        sleep(stall.as_ref().map(|stall| stall.before_s)).await;
        let write = async {
            // An object that lists have shown before does not vanish when it is written again.
            let new = matches!(opts.mode, PutMode::Create) || self.inner.head(location).await.is_err();
            let result = self.inner.put_opts(location, payload, opts).await?;
            if new {
                self.dice.maybe_hide(location);
            }
            Ok(result)
        };
        let answer = self.write(location, write).await;
        sleep(stall.map(|stall| stall.after_s)).await;
        answer
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.write(location, self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(FaultyUpload::new(self.clone(), location.clone(), upload)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.dice.pause().await;
        let stall = self.dice.planned(Request::Read, location);
        sleep(stall.as_ref().map(|stall| stall.before_s)).await;
        let Some(fault) = self.dice.read_fault() else {
            let answer = self.inner.get_opts(location, options).await;
            sleep(stall.map(|stall| stall.after_s)).await;
            self.dice.pause().await;
            return answer;
        };
        let error = self.dice.error("read failed", location);
        if options.head || fault.at_once {
            return Err(error);
        }
        let mut result = self.inner.get_opts(location, options).await?;
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let (attributes, extensions) = (result.attributes.clone(), std::mem::take(&mut result.extensions));
        let bytes = result.bytes().await?;
        let before = bytes.slice(..bytes.len() * usize::from(fault.share) / usize::from(u8::MAX));
        let payload = GetResultPayload::Stream(stream::iter([Ok(before), Err(error)]).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.dice.pause().await;
        if self.dice.read_fault().is_some() {
            return Err(self.dice.error("read failed", location));
        }
        let answer = self.inner.get_ranges(location, ranges).await;
        self.dice.pause().await;
        answer
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let inner = Arc::clone(&store.inner);
                store.write(&location, inner.delete(&location)).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let all = self.inner.list(prefix);
        stream::once(self.clone().listed(prefix.cloned(), all)).flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let all = self.inner.list_with_offset(prefix, offset);
        stream::once(self.clone().listed(prefix.cloned(), all)).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.dice.pause().await;
        if self.dice.list_fault().is_some() {
            return Err(self.dice.error("list failed", &prefix.cloned().unwrap_or_default()));
        }
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects = self.dice.shown(result.objects);
        self.dice.pause().await;
        Ok(result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.write(to, self.inner.copy_opts(from, to, options)).await
    }
}

#[cfg(test)]
mod tests;
