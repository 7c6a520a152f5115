//! The files that go out: whole, under their own name, or not there at all.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use abide_formats::{Compression, Format, Layout, Output, Piece, WholeFile, Writer, directory_of};

use crate::{
    digest::DigestingWrite,
    error::ScrubError,
    ready::Ready,
    report::{OutputReport, Role},
    sheet::{self, Sheet},
};

/// Where rows go. All are written in the format of the input.
#[derive(Debug, Default)]
pub struct Outputs {
    /// The rows that stay; of `segment` all rows, with their verdicts.
    pub kept: Option<Target>,
    /// The rows that are blocked by a verdict.
    pub blocked: Option<Target>,
    /// The rows that cannot be judged, whatever else becomes of them.
    pub unjudged: Option<Target>,
    pub durability: Durability,
}

/// What holds of an output once it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is whole for whoever looks. A failure of the machine's power may take rows from it that were not yet on the
    /// disk; never does one appear that was blocked, and the report's digest tells.
    #[default]
    Visible,
    /// It is on the disk.
    Synced,
}

pub enum Target {
    /// Appears under its name when it is whole, instead of a file that has it. `.gz` and `.zst` at the end of the name
    /// of a text file say how it is compressed. A pipe or a device is written as it is.
    File(PathBuf),
    /// Written piece by piece; what was written before an error is the reader's problem, who sees the exit code.
    Stream { name: String, stream: Box<dyn Write + Send> },
    /// For blocked and unjudged rows: a CSV file that takes the rows of many files.
    Sheet(Sheet),
}

impl Target {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sheet(sheet) => sheet.path().display().to_string(),
            Self::File(path) => path.display().to_string(),
            Self::Stream { name, .. } => name.clone(),
        }
    }

    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Stream { .. } => None,
            Self::Sheet(sheet) => Some(sheet.path()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.name())
    }
}

impl Outputs {
    pub(crate) fn roles(self) -> impl Iterator<Item = (Role, Target)> {
        let all = [(Role::Blocked, self.blocked), (Role::Unjudged, self.unjudged), (Role::Kept, self.kept)];
        all.into_iter().filter_map(|(role, target)| Some((role, target?)))
    }

    pub(crate) fn has_sheet(&self) -> bool {
        let all = [&self.kept, &self.blocked, &self.unjudged];
        all.into_iter().flatten().any(|target| matches!(target, Target::Sheet(_)))
    }

    /// Refuses an output that is the input, or two that are one file.
    pub(crate) fn check(&self, input: Option<&Path>) -> Result<(), ScrubError> {
        let input = input.and_then(|path| fs::canonicalize(path).ok());
        let mut taken: Vec<PathBuf> = Vec::new();
        for target in [&self.kept, &self.blocked, &self.unjudged].into_iter().flatten() {
            let Some(path) = target.path() else { continue };
            if is_special(&path) {
                continue;
            }
            let place = place_of(&path);
            if input.as_ref() == Some(&place) {
                return Err(ScrubError::OutputIsInput { name: target.name() });
            }
            if taken.contains(&place) {
                return Err(ScrubError::OutputTwice { name: target.name() });
            }
            taken.push(place);
        }
        Ok(())
    }
}

/// The file that a path leads to, whether or not it exists.
fn place_of(path: &Path) -> PathBuf {
    if let Ok(place) = fs::canonicalize(path) {
        return place;
    }
    match (fs::canonicalize(directory_of(path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

/// A pipe or a device, such as `/dev/null`: nothing that may be replaced by a file.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// An output being written.
pub(crate) enum Open {
    File(Box<OpenFile>),
    Sheet { role: Role, sheet: Sheet },
}

/// An output in the format of the input.
pub(crate) struct OpenFile {
    role: Role,
    name: String,
    output: Output,
    writer: Writer<BufWriter<DigestingWrite<Sink>>>,
}

/// How the threads that judge prepare rows for an output.
pub(crate) enum Way {
    Output(Output),
    Sheet,
}

/// Rows that are prepared.
pub(crate) enum Part {
    Piece(Piece),
    Rows(sheet::Rows),
}

impl Open {
    pub(crate) fn new(
        role: Role,
        target: Target,
        ready: &Ready,
        added: &[String],
        digests: bool,
    ) -> Result<Self, ScrubError> {
        let layout = ready.plan.layout();
        match target {
            Target::Sheet(sheet) => {
                sheet.begin(layout.name(), &ready.sheet_names)?;
                Ok(Self::Sheet { role, sheet })
            }
            target => Ok(Self::File(Box::new(OpenFile::new(role, target, layout, added, digests)?))),
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Self::File(open) => open.role,
            Self::Sheet { role, .. } => *role,
        }
    }

    pub(crate) fn way(&self) -> Way {
        match self {
            Self::File(open) => Way::Output(open.output.clone()),
            Self::Sheet { .. } => Way::Sheet,
        }
    }

    pub(crate) fn write(&mut self, part: Part) -> Result<(), ScrubError> {
        match (self, part) {
            (Self::File(open), Part::Piece(piece)) => open.write(piece),
            (Self::Sheet { sheet, .. }, Part::Rows(rows)) => sheet.write(&rows),
            _ => unreachable!("rows are prepared for the output that they are written to"),
        }
    }

    /// Writes what is left. A sheet has more to come.
    pub(crate) fn finish(self, durability: Durability) -> Result<Option<Whole>, ScrubError> {
        match self {
            Self::File(open) => open.finish(durability).map(Some),
            Self::Sheet { sheet, .. } => sheet.commit().map(|()| None),
        }
    }
}

/// An output whose last byte is written, but that is not there yet.
pub(crate) struct Whole {
    pub(crate) report: OutputReport,
    sink: Sink,
    durability: Durability,
}

enum Sink {
    Whole(WholeFile),
    Special(File),
    Stream(Box<dyn Write + Send>),
}

const BUFFER_BYTES: usize = 256 * 1024;

impl OpenFile {
    fn new(
        role: Role,
        target: Target,
        layout: &Arc<Layout>,
        added: &[String],
        digests: bool,
    ) -> Result<Self, ScrubError> {
        let name = target.name();
        check_ending(&name, &target, layout.format())?;
        let compression = match &target {
            Target::File(_) => Compression::of_name(&name),
            Target::Stream { .. } | Target::Sheet(_) => Compression::None,
        };
        let output = Output::new(layout, compression, added)?;
        let sink =
            Sink::open(target).map_err(|source| ScrubError::CreateOutput { name: name.clone(), source })?;
        // Digesting is faster by the buffer than by the write.
        let sink = BufWriter::with_capacity(BUFFER_BYTES, DigestingWrite::new(sink, digests));
        let writer = Writer::new(sink, &output)
            .map_err(|source| ScrubError::WriteOutput { name: name.clone(), source })?;
        Ok(Self { role, name, output, writer })
    }

    fn write(&mut self, piece: Piece) -> Result<(), ScrubError> {
        self.writer.write(piece).map_err(|source| ScrubError::WriteOutput { name: self.name.clone(), source })
    }

    fn finish(self, durability: Durability) -> Result<Whole, ScrubError> {
        let rows = self.writer.rows();
        let sink = self
            .writer
            .finish()
            .map_err(|source| ScrubError::WriteOutput { name: self.name.clone(), source })?;
        let failed = |source| ScrubError::SaveOutput { name: self.name.clone(), source };
        let digesting = sink.into_inner().map_err(|error| failed(error.into_error()))?;
        let (mut sink, digested) = digesting.into_parts();
        match durability {
            Durability::Visible => sink.flush(),
            Durability::Synced => sink.sync(),
        }
        .map_err(failed)?;
        let report = OutputReport {
            role: self.role,
            name: self.name.clone(),
            rows,
            bytes: digested.bytes,
            blake3: digested.blake3,
        };
        Ok(Whole { report, sink, durability })
    }
}

impl Whole {
    /// Makes the output appear under its name.
    pub(crate) fn appear(self) -> Result<OutputReport, ScrubError> {
        if let Sink::Whole(file) = self.sink {
            let failed = |source| ScrubError::SaveOutput { name: self.report.name.clone(), source };
            match self.durability {
                Durability::Visible => file.appear_unsynced(),
                Durability::Synced => file.appear(),
            }
            .map_err(failed)?;
        }
        Ok(self.report)
    }
}

impl Sink {
    fn open(target: Target) -> io::Result<Self> {
        let path = match target {
            Target::Stream { stream, .. } => return Ok(Self::Stream(stream)),
            Target::File(path) => path,
            Target::Sheet(_) => unreachable!("a sheet writes itself"),
        };
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if is_special(&path) {
            return Ok(Self::Special(OpenOptions::new().write(true).open(&path)?));
        }
        Ok(Self::Whole(WholeFile::create(&path)?))
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Self::Whole(file) => file.file().sync_all(),
            Self::Special(file) => file.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Whole(file) => file.write(bytes),
            Self::Special(file) => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Whole(file) => file.flush(),
            Self::Special(file) => file.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

/// Refuses names that promise another format than the one that is written.
fn check_ending(name: &str, target: &Target, input: Format) -> Result<(), ScrubError> {
    let Target::File(path) = target else { return Ok(()) };
    if is_special(path) {
        return Ok(());
    }
    let stem = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let promised = match stem.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("parquet" | "pq") => Format::Parquet,
        Some("arrow" | "feather") => Format::ArrowFile,
        Some("arrows") => Format::ArrowStream,
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("csv" | "tsv") if !matches!(input, Format::Delimited { .. } | Format::Lines) => Format::CSV,
        _ => return Ok(()),
    };
    if promised == input {
        return Ok(());
    }
    Err(ScrubError::OutputFormat { name: name.to_owned(), promised, input })
}
