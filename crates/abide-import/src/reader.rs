//! A list in one or several files: what it means, and its statements in order.

use std::{fmt, io::Write, sync::Arc};

use abide_formats::{Compression, Limits, Options, Output, Piece, Writer};
use abide_model::{Keyring, Mechanism, Normaliser, PhoneRegion, Time};
use abide_signals::DateReader;

use crate::{
    decide::{Decided, decide},
    error::ImportError,
    file::ListFile,
    hints::Hints,
    lanes::{Lane, Lanes, Progress, Step, Work},
    meaning::Meaning,
    row::{RowConfig, RowReader},
    sample::Sample,
    statements::{Statements, Terms},
    survey::Seen,
    table::Table,
    tally::Tally,
};

/// How lists are read.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// Of the store: whose national spellings of numbers are understood.
    pub region: PhoneRegion,
    pub keyring: Arc<Keyring>,
    /// At least 1.
    pub threads: usize,
    /// What bounds memory: about three pieces a thread are held at a time.
    pub limits: Limits,
    /// When the list is received.
    pub now: Time,
}

/// A list that was looked at and is understood. Nothing was taken yet.
pub struct ListReader {
    files: Vec<FileOfList>,
    sentences: Vec<String>,
    rows: RowConfig,
    threads: usize,
    surveyed: bool,
    unreadable: Option<Unreadable>,
}

/// Where rows go that cannot be read.
struct Unreadable {
    output: Output,
    writer: Writer<Box<dyn Write + Send>>,
}

struct FileOfList {
    file: Arc<ListFile>,
    options: Options,
    table: Table,
    meaning: Arc<Meaning>,
}

impl ListReader {
    /// Looks at the files and settles what they mean. In doubt it is an error that lists the
    /// candidates.
    pub fn open(files: Vec<ListFile>, hints: &Hints, config: ReaderConfig) -> Result<Self, ImportError> {
        let several = files.len() > 1;
        let mut read = Vec::with_capacity(files.len());
        let mut sentences = Vec::new();
        for file in files {
            let options = file.options(hints, config.limits)?;
            let sample = Sample::of(&file, &options, hints)?;
            let Decided { meaning, sentences: said } = decide(file.name(), &sample, hints, config.region)?;
            let name = if several { format!("`{}`: ", file.name()) } else { String::new() };
            sentences.extend(said.into_iter().map(|sentence| format!("{name}{sentence}")));
            let Sample { table, .. } = sample;
            read.push(FileOfList { file: Arc::new(file), options, table, meaning: Arc::new(meaning) });
        }
        let first = read.first().ok_or(ImportError::NoFiles)?;
        let claimant = &first.meaning.flags.claimant;
        if let Some(other) = read.iter().find(|file| file.meaning.flags.claimant != *claimant) {
            let (first, second) = (claimant.to_string(), other.meaning.flags.claimant.to_string());
            return Err(ImportError::TwoSources { first, second });
        }
        let ReaderConfig { region, keyring, threads, now, .. } = config;
        let rows = RowConfig { keyring, normaliser: Normaliser::new(region), now };
        Ok(Self { files: read, sentences, rows, threads, surveyed: false, unreadable: None })
    }

    /// What was decided, one sentence each, to be said aloud.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// All mechanisms that the list speaks of, in their order, each once.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let flags = self.files.iter().flat_map(|file| &file.meaning.flags.flags);
        let mut mechanisms: Vec<Mechanism> = flags.map(|flag| flag.mechanism.clone()).collect();
        mechanisms.sort();
        mechanisms.dedup();
        mechanisms
    }

    /// Has an import write the rows that it cannot read to `sink`, byte for byte, below the header of
    /// their file. For lists of one file.
    pub fn keep_unreadable(
        &mut self,
        sink: Box<dyn Write + Send>,
        compression: Compression,
    ) -> Result<(), ImportError> {
        let [file] = &self.files[..] else { return Err(ImportError::UnreadableOfSeveral) };
        let output = Output::new(&file.table.layout, compression, &[])?;
        let writer = Writer::new(sink, &output)?;
        self.unreadable = Some(Unreadable { output, writer });
        Ok(())
    }

    pub(crate) fn write_unreadable(&mut self, rows: Option<Piece>) -> Result<(), ImportError> {
        if let (Some(rows), Some(unreadable)) = (rows, &mut self.unreadable) {
            unreadable.writer.write(rows)?;
        }
        Ok(())
    }

    /// Completes what is written of rows that cannot be read.
    pub(crate) fn end_unreadable(&mut self) -> Result<(), ImportError> {
        if let Some(unreadable) = self.unreadable.take() {
            let mut sink = unreadable.writer.finish()?;
            sink.flush().map_err(|source| abide_formats::FormatError::Write { source })?;
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> Time {
        self.rows.now
    }

    pub(crate) fn claimant(&self) -> &abide_model::Claimant {
        &self.files[0].meaning.flags.claimant
    }

    pub(crate) fn meanings(&self) -> impl Iterator<Item = &Meaning> {
        self.files.iter().map(|file| &*file.meaning)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Arc<ListFile>> {
        self.files.iter().map(|file| &file.file)
    }

    /// Looks through the whole of what could hold unknown words or dates in an order that has to be
    /// told first; any doubt is an error. Called by whatever takes the list, at most once.
    pub async fn survey(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), ImportError> {
        if std::mem::replace(&mut self.surveyed, true) || !self.meanings().any(Meaning::needs_survey) {
            return Ok(());
        }
        let mut seen = vec![Seen::default(); self.files.len()];
        let now = self.rows.now;
        let read = self.read_each(
            |file| file.meaning.flag_and_date_columns().collect(),
            move |meaning, plan, batch| Ok(Seen::of(meaning, plan, batch, now)),
        );
        let mut lanes = read?;
        let mut rows = 0;
        while let Some((file, some)) = lanes.next().await? {
            seen[file].merge(&some);
            rows += some.rows;
            progress(self.progress(Step::Checking, rows, lanes.bytes()));
        }
        let mut unknown = abide_signals::UnknownWords::default();
        for seen in &seen {
            unknown.merge(&seen.unknown);
        }
        if !unknown.is_empty() {
            return Err(ImportError::UnknownWords(unknown));
        }
        for (file, seen) in self.files.iter_mut().zip(seen) {
            self.sentences.extend(file.settle_dates(&seen)?);
        }
        Ok(())
    }

    /// Reads every row, and lets `finish` look at the statements of each piece in the worker threads.
    pub(crate) fn statements<T: Send + 'static>(
        &self,
        finish: impl Fn(Statements) -> Result<T, ImportError> + Send + Sync + 'static,
    ) -> Result<Lanes<(usize, T)>, ImportError> {
        assert!(self.surveyed, "a list is looked through before it is taken");
        let config = self.rows.clone();
        let output = self.unreadable.as_ref().map(|unreadable| unreadable.output.clone());
        self.read_each(
            |file| file.meaning.columns(),
            move |meaning, plan, batch| {
                let mut statements = RowReader::new(meaning, plan, &config).read(batch)?;
                if let Some(output) = &output {
                    let mut mask = vec![false; batch.len()];
                    statements.unreadable.iter().for_each(|row| mask[*row as usize] = true);
                    statements.unreadable_rows = Some(batch.pick(&mask, output)?);
                }
                finish(statements)
            },
        )
    }

    fn read_each<T: Send + 'static>(
        &self,
        columns: impl Fn(&FileOfList) -> Vec<usize>,
        work: impl Fn(&Meaning, &crate::table::TablePlan, &abide_formats::Batch) -> Result<T, ImportError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Lanes<(usize, T)>, ImportError> {
        let mut lanes = Vec::with_capacity(self.files.len());
        let mut meant = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let plan = file.table.read(columns(file))?;
            meant.push((Arc::clone(&file.meaning), plan.clone()));
            lanes.push(Lane { file: Arc::clone(&file.file), options: file.options.clone(), plan });
        }
        let work = move |lane: usize, batch: &abide_formats::Batch| {
            let (meaning, plan): &(Arc<Meaning>, _) = &meant[lane];
            Ok((lane, work(meaning, plan, batch)?))
        };
        Ok(Lanes::start(lanes, self.threads, &(Arc::new(work) as Arc<Work<(usize, T)>>)))
    }

    pub(crate) fn progress(&self, step: Step, rows: u64, bytes: u64) -> Progress {
        Progress { step, rows, bytes, bytes_total: self.files().map(|file| file.bytes()).sum() }
    }

    /// All statements of the list, whether or not anybody has said them before, in order: for lists
    /// that are kept in no store.
    pub async fn each_statement(
        &self,
        progress: &mut dyn FnMut(Progress),
        mut take: impl FnMut(&Terms, crate::Said) -> Result<(), ImportError>,
    ) -> Result<Tally, ImportError> {
        let mut lanes = self.statements(|mut statements| {
            let all = vec![true; statements.said.len()];
            statements.keep(&all);
            Ok(statements)
        })?;
        let mut tally = Tally::default();
        while let Some((_, Statements { terms, said, tally: some, .. })) = lanes.next().await? {
            for said in said {
                take(&terms[said.terms as usize], said)?;
            }
            tally.add(&some);
            progress(self.progress(Step::Taking, tally.rows, lanes.bytes()));
        }
        self.check_read(&tally)?;
        Ok(tally)
    }

    /// That the files are what they were, and that the right columns were read.
    pub(crate) fn check_read(&self, tally: &Tally) -> Result<(), ImportError> {
        tally.assert_adds_up();
        self.files().try_for_each(|file| file.check_unchanged())?;
        if tally.rows > 0 && tally.unreadable_rows() == tally.rows {
            return Err(ImportError::NothingReadable { rows: tally.rows, causes: tally.causes() });
        }
        Ok(())
    }
}

impl FileOfList {
    /// Day or month first, as the dates themselves tell; the sentence that says so.
    fn settle_dates(&mut self, seen: &Seen) -> Result<Option<String>, ImportError> {
        if !self.meaning.asks_order() {
            return Ok(None);
        }
        let order = seen.dates.settle().map_err(|source| {
            let names = self.table.header();
            let columns = self.meaning.flags.date_columns();
            let column = columns.first().map_or(String::new(), |at| match &names {
                Some(names) => names[*at].to_owned(),
                None => format!("#{}", at + 1),
            });
            ImportError::Dates { file: self.file.name().to_owned(), column, source }
        })?;
        Arc::make_mut(&mut self.meaning).flags.dates = DateReader::new(order);
        let said = seen.dates.to_string();
        Ok((!said.is_empty()).then(|| format!("`{}`: {said}", self.file.name())))
    }
}

impl fmt::Debug for ListReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.files().map(|file| file.name()).collect();
        f.debug_struct("ListReader").field("files", &names).finish_non_exhaustive()
    }
}
