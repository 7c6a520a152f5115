//! A list into a store: one batch, which counts whole or not at all.

use std::{sync::Arc, thread::JoinHandle};

use abide_journal::{BatchRecord, BatchWriter, JournalError, Writer};
use abide_model::{BatchId, Direction, Time, Token};
use abide_replica::{Compacted, Replica, ReplicaError};
use sha2::{Digest, Sha256};

use crate::{
    error::ImportError,
    file::ListFile,
    gathering::{Gathering, Piece},
    known::Known,
    lanes::{Progress, Step},
    reader::ListReader,
    statements::{Said, Statements, Terms, Times},
    tally::Tally,
    withdraw::{Whole, one_claim},
};

/// What one import may do and is called.
#[derive(Clone, Debug)]
pub struct ImportConfig {
    /// See [`batch_id`].
    pub batch: BatchId,
    /// The files are all that the source has to say, not an addition to it.
    pub whole_list: Option<WholeList>,
    pub recorded_by: Option<Arc<str>>,
    pub note: Option<Arc<str>>,
    /// From so many new signals on, the list's next snapshot is published, so that they do not land
    /// in the memory of every node.
    pub publish_from: u64,
    /// A random number, for the names of the snapshot's parts.
    pub unique: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WholeList {
    /// Of the source's claims that stand, at most this share may be missing in the files.
    pub vanish_percent_max: f64,
}

/// What came of an import.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub batch: BatchId,
    pub tally: Tally,
    /// Claims of the source that its whole list has no more.
    pub withdrawn: u64,
    /// Where to look whether it is in force; `None` for a dry run.
    pub token: Option<Token>,
    /// The number of the snapshot that was published, if one was.
    pub published: Option<u64>,
    /// What was decided about the files.
    pub sentences: Vec<String>,
}

/// `import-20261122t101500z-0a1b2c3d`: when, and a random number, so that no two are the same.
pub fn batch_id(now: Time, random: u32) -> BatchId {
    const DAY_US: i64 = 24 * 3_600 * 1_000_000;

    let seconds = now.as_micros().rem_euclid(DAY_US) / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let id = format!("import-{}t{hour:02}{minute:02}{second:02}z-{random:08x}", now.date_compact());
    id.parse().expect("lower-case letters, digits and dashes")
}

/// Takes a list in; without a writer it is a dry run, which looks at everything and writes nothing.
/// `clock` is the wall clock.
///
/// The replica is refreshed first and again at the end, so that what was taken is in force on this
/// machine when this returns. On an error nothing of the list counts, whatever was written, unless the error is
/// [`ImportError::Taken`].
pub async fn import(
    mut reader: ListReader,
    replica: &mut Replica,
    writer: Option<&mut Writer>,
    config: ImportConfig,
    clock: &dyn Fn() -> Time,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ImportError> {
    if config.whole_list.is_some() {
        one_claim(&reader)?;
    }
    reader.survey(progress).await?;
    // Boxed: reading the journal keeps much on the way, and a caller's future should stay small.
    Box::pin(replica.refresh(clock())).await?;
    let digest = writer.is_some().then(|| digest_aside(&reader));
    let whole = match config.whole_list {
        None => None,
        Some(WholeList { vanish_percent_max }) => {
            let whole = Whole::of(&reader, replica.snapshot(), progress).await?;
            let count = whole.count()?;
            count.check(vanish_percent_max, &whole.terms)?;
            Some((whole, count.vanished))
        }
    };
    let received_at = reader.now();
    let times = match &writer {
        // Above everything that was read, whichever origin said it.
        None => Times { received_at, clock: received_at.max(replica.clock().successor()) },
        Some(_) => Times { received_at, clock: received_at },
    };
    let import = Import { reader, config, times, whole };
    match writer {
        None => Box::pin(import.count(replica, progress)).await,
        Some(writer) => Box::pin(import.write(replica, writer, digest, clock, progress)).await,
    }
}

struct Import {
    reader: ListReader,
    config: ImportConfig,
    times: Times,
    whole: Option<(Whole, u64)>,
}

impl Import {
    fn withdrawn(&self) -> u64 {
        self.whole.as_ref().map_or(0, |(_, vanished)| *vanished)
    }

    fn known(&self, replica: &Replica) -> Known {
        Known { snapshot: replica.snapshot(), batch: self.config.batch.clone(), times: self.times }
    }

    /// A dry run.
    async fn count(
        mut self,
        replica: &Replica,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, ImportError> {
        let known = self.known(replica);
        let mut lanes = self.reader.statements(move |mut statements| {
            known.keep_new(&mut statements)?;
            Ok((statements.tally, statements.unreadable_rows))
        })?;
        let mut tally = Tally::default();
        while let Some((_, (some, unreadable))) = lanes.next().await? {
            self.reader.write_unreadable(unreadable)?;
            tally.add(&some);
            progress(self.reader.progress(Step::Taking, tally.rows, lanes.bytes()));
        }
        self.reader.end_unreadable()?;
        self.reader.check_read(&tally)?;
        Ok(self.outcome(tally, None, None))
    }

    async fn write(
        mut self,
        replica: &mut Replica,
        writer: &mut Writer,
        digest: Option<JoinHandle<Result<[u8; 32], ImportError>>>,
        clock: &dyn Fn() -> Time,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, ImportError> {
        writer.clock().observe(replica.clock());
        self.times.clock = writer.clock().next(self.times.received_at);
        let id = &self.config.batch;
        let mut batch = writer.batch(id.clone());
        let mut gathering = Gathering::start(replica.gather(id.clone()), id.clone(), self.times);
        // First of all, so that nothing at all is written on a machine whose clock is off.
        self.withdraw(&mut batch, &mut gathering, clock).await?;
        let tally = self.take(&mut batch, &mut gathering, replica, clock, progress).await?;
        let gathered = gathering.finish()?;
        let record = self.record(&tally, digest, clock())?;
        let signals = batch.signals();
        let appended = batch.commit(record, clock()).await.map_err(|source| self.failed(source))?;
        let mut published = None;
        if signals >= self.config.publish_from {
            replica.take_over(gathered, &appended);
            let reader = &self.reader;
            let mut published_rows =
                |rows| progress(Progress { rows, bytes: 0, ..reader.progress(Step::Publishing, 0, 0) });
            let compacted = replica.compact(clock(), self.config.unique, &mut published_rows).await;
            if let Compacted::Written(manifest) = compacted.map_err(|source| self.taken(source))? {
                published = Some(manifest.number);
            }
        } else {
            replica.refresh(clock()).await.map_err(|source| self.taken(source))?;
        }
        Ok(self.outcome(tally, Some(appended.token), published))
    }

    fn failed(&self, source: JournalError) -> ImportError {
        match source {
            JournalError::ClockOff { .. } if self.withdrawn() > 0 => {
                ImportError::Withdrawal { withdrawn: self.withdrawn(), source }
            }
            source => ImportError::Journal(source),
        }
    }

    fn taken(&self, source: ReplicaError) -> ImportError {
        ImportError::Taken { batch: self.config.batch.clone(), source }
    }

    fn explained(&self, error: ImportError) -> ImportError {
        match error {
            ImportError::Journal(source) => self.failed(source),
            error => error,
        }
    }

    /// What the whole list has no more, its source has taken back.
    async fn withdraw(
        &self,
        batch: &mut BatchWriter<'_>,
        gathering: &mut Gathering,
        clock: &dyn Fn() -> Time,
    ) -> Result<(), ImportError> {
        let Some((whole, 1..)) = &self.whole else { return Ok(()) };
        let mut push = Push::new(batch, gathering, Direction::In, self.times);
        let mut vanished = whole.vanished().peekable();
        while vanished.peek().is_some() {
            let said = vanished.by_ref().take(SIGNALS_PER_LOOK).map(|state| Ok(Said::of(&state?)));
            let said = said.collect::<Result<_, ImportError>>()?;
            let pushed = push.piece(vec![whole.terms.clone()], said, clock).await;
            pushed.map_err(|error| self.explained(error))?;
        }
        Ok(())
    }

    async fn take(
        &mut self,
        batch: &mut BatchWriter<'_>,
        gathering: &mut Gathering,
        replica: &Replica,
        clock: &dyn Fn() -> Time,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Tally, ImportError> {
        let known = self.known(replica);
        let mut lanes = self.reader.statements(move |mut statements| {
            known.keep_new(&mut statements)?;
            Ok(statements)
        })?;
        let mut tally = Tally::default();
        let mut push = Push::new(batch, gathering, Direction::Out, self.times);
        while let Some((_, Statements { terms, said, tally: some, unreadable_rows, .. })) =
            lanes.next().await?
        {
            self.reader.write_unreadable(unreadable_rows)?;
            push.piece(terms, said, clock).await.map_err(|error| self.explained(error))?;
            tally.add(&some);
            progress(self.reader.progress(Step::Taking, tally.rows, lanes.bytes()));
        }
        self.reader.end_unreadable()?;
        self.reader.check_read(&tally)?;
        Ok(tally)
    }

    fn record(
        &self,
        tally: &Tally,
        digest: Option<JoinHandle<Result<[u8; 32], ImportError>>>,
        now: Time,
    ) -> Result<BatchRecord, ImportError> {
        let digest = digest.map(|digest| digest.join().map_err(|_| ImportError::Worker)?).transpose()?;
        Ok(BatchRecord {
            id: self.config.batch.clone(),
            claimant: self.reader.claimant().clone(),
            mechanisms: self.reader.mechanisms(),
            opened_at: self.times.received_at,
            committed_at: now,
            file: Some(file_names(&self.reader).into()),
            file_sha256: digest,
            rows_read: tally.rows,
            rows_taken: tally.taken,
            rows_repeated: tally.repeated,
            rows_unreadable: tally.unreadable.clone(),
            signals: 0,
            snapshot: self.config.whole_list.is_some(),
            withdrawn: self.withdrawn(),
            recorded_by: self.config.recorded_by.clone(),
            note: self.config.note.clone(),
        })
    }

    fn outcome(self, tally: Tally, token: Option<Token>, published: Option<u64>) -> Outcome {
        let withdrawn = self.withdrawn();
        let sentences = self.reader.sentences().to_vec();
        Outcome { batch: self.config.batch, tally, withdrawn, token, published, sentences }
    }
}

/// After so many signals, it is looked whether an object is full.
const SIGNALS_PER_LOOK: usize = 4_096;

/// Pushes signals into a batch, only their keys and times where the last one had the same terms, and has them
/// gathered.
struct Push<'b, 'w> {
    batch: &'b mut BatchWriter<'w>,
    gathering: &'b mut Gathering,
    direction: Direction,
    times: Times,
    last: Option<Terms>,
}

impl<'b, 'w> Push<'b, 'w> {
    fn new(
        batch: &'b mut BatchWriter<'w>,
        gathering: &'b mut Gathering,
        direction: Direction,
        times: Times,
    ) -> Self {
        Self { batch, gathering, direction, times, last: None }
    }

    async fn piece(
        &mut self,
        terms: Vec<Terms>,
        said: Vec<Said>,
        clock: &dyn Fn() -> Time,
    ) -> Result<(), ImportError> {
        let mut last = None;
        for some in said.chunks(SIGNALS_PER_LOOK) {
            for said in some {
                let is_same = last == Some(said.terms);
                last = Some(said.terms);
                self.one(&terms[said.terms as usize], is_same, said, clock).await?;
            }
            self.batch.flush_if_full(clock()).await?;
        }
        self.gathering.add(Piece { direction: self.direction, terms, said });
        Ok(())
    }

    /// `is_same` saves the look whether the terms are those of the last one.
    async fn one(
        &mut self,
        terms: &Terms,
        is_same: bool,
        said: &Said,
        clock: &dyn Fn() -> Time,
    ) -> Result<(), ImportError> {
        let is_same = self.last.as_ref().is_some_and(|last| is_same || last == terms);
        let at = said.stated_at.unwrap_or(self.times.clock);
        if is_same && self.batch.push_like_last(&said.keys, said.stated_at, at) {
            return Ok(());
        }
        let (keys, batch) = (said.keys.clone(), self.batch.id());
        let signal = terms.signal(self.direction, keys, said.stated_at, batch, self.times)?;
        self.batch.push(&signal, clock()).await?;
        if !is_same {
            self.last = Some(terms.clone());
        }
        Ok(())
    }
}

/// The names of all files, as far as they fit into a line.
fn file_names(reader: &ListReader) -> String {
    const NAMED_MAX: usize = 3;

    let names: Vec<&str> = reader.files().map(|file| file.name()).collect();
    let named = names[..names.len().min(NAMED_MAX)].join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The SHA-256 of the files' bytes, one after the other, made while they are read.
fn digest_aside(reader: &ListReader) -> JoinHandle<Result<[u8; 32], ImportError>> {
    let files: Vec<Arc<ListFile>> = reader.files().cloned().collect();
    std::thread::spawn(move || {
        let mut digest = Sha256::new();
        files.iter().try_for_each(|file| file.digest_into(&mut digest))?;
        Ok(digest.finalize().into())
    })
}
