//! Reads files in many threads and hands the results over in file order, so that a run gives the
//! same whatever the number of threads.
//!
//! One thread cuts chunks, the others work on them. What is on its way is bounded: a chunk needs a
//! permit, which comes back when its result was taken.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use abide_formats::{Batch, Chunk, Options};
use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc;

use crate::{error::ImportError, file::ListFile, table::TablePlan};

/// What a long run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking through the files before anything is written.
    Checking,
    Taking,
    /// Writing the list's next snapshot.
    Publishing,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    /// Rows so far; identities while publishing.
    pub rows: u64,
    /// Of text files; 0 where only the end tells.
    pub bytes: u64,
    pub bytes_total: u64,
}

/// A file ready to be read.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) file: Arc<ListFile>,
    pub(crate) options: Options,
    pub(crate) plan: TablePlan,
}

/// What a worker makes of one chunk: called with the number of the lane and the parsed rows.
pub(crate) type Work<T> = dyn Fn(usize, &Batch) -> Result<T, ImportError> + Send + Sync;

/// Results in file order.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    results: mpsc::UnboundedReceiver<(u64, Result<T, ImportError>)>,
    early: BTreeMap<u64, Result<T, ImportError>>,
    next: u64,
    permits: Sender<()>,
    threads: Vec<JoinHandle<()>>,
    bytes: Arc<AtomicU64>,
}

type Job = (u64, usize, Chunk);

impl<T: Send + 'static> Lanes<T> {
    pub(crate) fn start(lanes: Vec<Lane>, threads: usize, work: &Arc<Work<T>>) -> Self {
        let threads = threads.max(1);
        // Enough to go on with while an object of the journal is encoded and stored.
        let in_flight = 8 * threads;
        let (permits, permitted) = bounded(in_flight);
        (0..in_flight).for_each(|_| permits.send(()).expect("the channel holds all permits"));
        // Unbounded by itself: permits bound what is on its way.
        let (send, results) = mpsc::unbounded_channel();
        let (jobs, taken) = bounded::<Job>(in_flight);
        let bytes = Arc::new(AtomicU64::new(0));
        let lanes = Arc::new(lanes);
        let mut handles = Vec::with_capacity(threads + 1);
        for _ in 0..threads {
            let (lanes, work, taken, send) =
                (Arc::clone(&lanes), Arc::clone(work), taken.clone(), send.clone());
            handles.push(thread::spawn(move || do_work(&lanes, &*work, &taken, &send)));
        }
        let seen = Arc::clone(&bytes);
        handles.push(thread::spawn(move || cut(&lanes, &permitted, &jobs, &send, &seen)));
        Self { results, early: BTreeMap::new(), next: 0, permits, threads: handles, bytes }
    }

    /// The next result, `None` after the last. After an error nothing more comes that counts.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, ImportError> {
        loop {
            if let Some(result) = self.early.remove(&self.next) {
                self.next += 1;
                // Whoever reads is gone only when it is done.
                let _ = self.permits.try_send(());
                return result.map(Some);
            }
            match self.results.recv().await {
                Some((number, result)) => {
                    self.early.insert(number, result);
                }
                None => {
                    self.join();
                    // Everything that was begun ended, unless a worker did not come back.
                    return if self.early.is_empty() { Ok(None) } else { Err(ImportError::Worker) };
                }
            }
        }
    }

    /// A worker's panic is ours.
    fn join(&mut self) {
        for handle in self.threads.drain(..) {
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

type Results<T> = mpsc::UnboundedSender<(u64, Result<T, ImportError>)>;

/// Cuts all files into chunks, one after the other.
fn cut<T>(
    lanes: &[Lane],
    permitted: &Receiver<()>,
    jobs: &Sender<Job>,
    send: &Results<T>,
    seen: &Arc<AtomicU64>,
) {
    let mut number = 0;
    for (lane, Lane { file, options, .. }) in lanes.iter().enumerate() {
        let mut cut_one = || {
            let mut reader = file.open(options, seen)?;
            while let Some(chunk) = reader.next_chunk()? {
                // Whoever wanted results is gone when one of these fails.
                if permitted.recv().is_err() || jobs.send((number, lane, chunk)).is_err() {
                    return Ok(false);
                }
                number += 1;
            }
            Ok(true)
        };
        match cut_one() {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                let _ = send.send((number, Err(error)));
                return;
            }
        }
    }
}

fn do_work<T>(lanes: &[Lane], work: &Work<T>, taken: &Receiver<Job>, send: &Results<T>) {
    for (number, lane, chunk) in taken {
        let result =
            lanes[lane].plan.parse(chunk).map_err(ImportError::from).and_then(|batch| work(lane, &batch));
        if send.send((number, result)).is_err() {
            return;
        }
    }
}
