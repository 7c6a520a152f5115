//! The threads of one run: one reads, some judge, the caller's writes.
//!
//! Order and the bound on memory come from one queue of promises: for each chunk the reader puts a promise of its pieces
//! into the queue of the writer, which waits for them in order. So no more chunks are under way than the queue is long,
//! however slow one of them is. Whoever fails answers his promise with the error, or breaks it by dying; then the writer
//! stops, the queues close, and everybody else stops too.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
};

use abide_enforce::Snapshot;
use abide_formats::{Chunk, Reader};
use abide_model::{Keyring, Normaliser};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    counts::Counts,
    digest::{self, Digested},
    error::ScrubError,
    input::{Evidence, Input, Opened},
    job::Job,
    judging::Judging,
    output::{Open, Outputs, Part, Way, Whole},
    pieces,
    progress::Progress,
    ready::Ready,
    report::{FileReport, Role},
    watch::Watch,
};

/// What a run needs besides its files.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub snapshot: &'a Snapshot,
    /// The same list under other rules, to count on whom the two do not agree. It changes nothing of what is done.
    pub beside: Option<&'a Snapshot>,
    /// The guard of the ruleset, if it was activated with one. Where it trips, the run stops and leaves nothing.
    pub watch: Option<&'a Watch>,
    pub keyring: &'a Keyring,
    pub normaliser: &'a Normaliser,
    pub progress: &'a dyn Progress,
}

/// Does one file. The outputs are there when this returns well, and otherwise they are not.
pub fn run(input: Input, outputs: Outputs, job: &Job, means: Means<'_>) -> Result<FileReport, ScrubError> {
    outputs.check(input.path())?;
    let durability = outputs.durability;
    let name = input.name().to_owned();
    let Opened { reader, evidence } = input.open(job.digests)?;
    let layout = reader.layout().clone();
    let ready = Ready::new(job, &layout, means.snapshot, outputs.has_sheet())?;
    let added = job.task.added_columns();
    let mut open = outputs
        .roles()
        .map(|(role, target)| {
            let added = if role == Role::Kept { added.as_slice() } else { &[] };
            Open::new(role, target, &ready, added, job.digests)
        })
        .collect::<Result<Vec<Open>, ScrubError>>()?;
    let flow = Flow { name: &name, ready: &ready, means: Threaded::of(means), threads: job.threads.get() };
    let (counts, aside) = flow.run(reader, &evidence, &mut open, means.progress)?;
    let digested = evidence.digested(&name, aside)?;
    // The rows that stay come last, so that where they are all else is too.
    let whole = open
        .into_iter()
        .map(|open| open.finish(durability))
        .collect::<Result<Vec<Option<Whole>>, ScrubError>>()?;
    let outputs = whole.into_iter().flatten().map(Whole::appear).collect::<Result<Vec<_>, ScrubError>>()?;
    Ok(FileReport::new(&name, &layout, digested, outputs, job, &ready, &counts))
}

impl std::fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("snapshot", self.snapshot).finish_non_exhaustive()
    }
}

/// Of [`Means`], what the threads share.
#[derive(Clone, Copy)]
struct Threaded<'a> {
    snapshot: &'a Snapshot,
    beside: Option<&'a Snapshot>,
    watch: Option<&'a Watch>,
    keyring: &'a Keyring,
    normaliser: &'a Normaliser,
}

impl<'a> Threaded<'a> {
    fn of(means: Means<'a>) -> Self {
        Self {
            snapshot: means.snapshot,
            beside: means.beside,
            watch: means.watch,
            keyring: means.keyring,
            normaliser: means.normaliser,
        }
    }
}

struct Flow<'a> {
    name: &'a str,
    ready: &'a Ready,
    means: Threaded<'a>,
    threads: usize,
}

/// A chunk to judge, and where its pieces are waited for.
type Work = (Chunk, Sender<Result<Done, ScrubError>>);
type Promise = Receiver<Result<Done, ScrubError>>;

/// A chunk that was judged.
struct Done {
    rows: u64,
    /// One for each output.
    parts: Vec<Part>,
}

impl Flow<'_> {
    fn run(
        &self,
        reader: Reader,
        evidence: &Evidence,
        open: &mut [Open],
        progress: &dyn Progress,
    ) -> Result<(Counts, Option<Digested>), ScrubError> {
        let outputs: Vec<(Role, Way)> = open.iter().map(|open| (open.role(), open.way())).collect();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let (to_judge, work) = bounded::<Work>(self.threads);
            let (to_write, promises) = bounded::<Promise>(2 * self.threads + 2);
            let digesting = match evidence {
                Evidence::Streamed(_) | Evidence::Aside { digests: false, .. } => None,
                Evidence::Aside { path, .. } => Some(scope.spawn(|| digest::of_file(path, &stop))),
            };
            let reading = scope.spawn(move || read(reader, &to_judge, &to_write));
            let judging: Vec<_> = (0..self.threads)
                .map(|_| {
                    let (work, outputs) = (work.clone(), &outputs);
                    scope.spawn(move || self.judge(&work, outputs))
                })
                .collect();
            drop(work);
            let written = self.write(promises, evidence, open, progress);
            stop.store(written.is_err(), Ordering::Relaxed);
            self.gather(written, reading, judging, digesting)
        })
    }

    fn judge(&self, work: &Receiver<Work>, outputs: &[(Role, Way)]) -> Counts {
        let Threaded { snapshot, beside, watch, keyring, normaliser } = self.means;
        let mut judging = Judging::new(self.ready, snapshot, beside, watch, keyring, normaliser);
        for (chunk, promise) in work {
            let done = self.judge_chunk(&mut judging, chunk, outputs);
            let failed = done.is_err();
            // Nobody waits any more when the writer has stopped; the reader will stop too.
            let _ = promise.send(done);
            if failed {
                break;
            }
        }
        judging.into_counts()
    }

    fn judge_chunk(
        &self,
        judging: &mut Judging<'_>,
        chunk: Chunk,
        outputs: &[(Role, Way)],
    ) -> Result<Done, ScrubError> {
        let batch = self.ready.plan.parse(chunk)?;
        let judged = judging.judge(&batch)?;
        let parts = pieces::cut(&batch, judged, self.ready, outputs)?;
        Ok(Done { rows: batch.len() as u64, parts })
    }

    fn write(
        &self,
        promises: Receiver<Promise>,
        evidence: &Evidence,
        open: &mut [Open],
        progress: &dyn Progress,
    ) -> Result<(), ScrubError> {
        let mut bytes_told = 0;
        for promise in promises {
            let Done { rows, parts } = promise.recv().map_err(|_| self.broke_down("judging"))??;
            for (open, part) in open.iter_mut().zip(parts) {
                open.write(part)?;
            }
            let bytes = evidence.bytes();
            progress.advance(rows, bytes - bytes_told);
            bytes_told = bytes;
        }
        Ok(())
    }

    /// Waits for everybody. Somebody's death counts more than what followed from it.
    fn gather(
        &self,
        written: Result<(), ScrubError>,
        reading: ScopedJoinHandle<'_, ()>,
        judging: Vec<ScopedJoinHandle<'_, Counts>>,
        digesting: Option<ScopedJoinHandle<'_, io::Result<Option<Digested>>>>,
    ) -> Result<(Counts, Option<Digested>), ScrubError> {
        let read = reading.join().map_err(|_| self.broke_down("reading"));
        let judged: Vec<_> =
            judging.into_iter().map(|judge| judge.join().map_err(|_| self.broke_down("judging"))).collect();
        let digested = digesting.map(|digest| digest.join().map_err(|_| self.broke_down("digesting")));
        read?;
        written?;
        let mut counts = Counts::new(self.ready.actions().len());
        for judged in judged {
            counts.add(&judged?);
        }
        let failed = |source| ScrubError::Digest { name: self.name.to_owned(), source };
        let digested = digested.transpose()?.transpose().map_err(failed)?.flatten();
        Ok((counts, digested))
    }

    fn broke_down(&self, doing: &'static str) -> ScrubError {
        ScrubError::BrokeDown { name: self.name.to_owned(), doing }
    }
}

/// Hands out chunks until the end, an error, or until nobody wants any more.
fn read(mut reader: Reader, to_judge: &Sender<Work>, to_write: &Sender<Promise>) {
    loop {
        let (fulfil, promise) = bounded(1);
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                if to_write.send(promise).is_err() || to_judge.send((chunk, fulfil)).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                // Both sends can only fail when the writer has stopped for another reason.
                let _ = fulfil.send(Err(error.into()));
                let _ = to_write.send(promise);
                return;
            }
        }
    }
}
