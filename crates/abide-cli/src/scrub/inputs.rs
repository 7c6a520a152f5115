//! The files that a command line names.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use abide_formats::{Detected, HEAD_BYTES, Limits, Options, detect, peek};
use abide_scrub::{Input, Source};
use anyhow::{Context as _, ensure};

use super::flags::FileFlags;

/// All files of one command, in order.
#[derive(Debug)]
pub(crate) struct Inputs(pub(crate) Vec<Named>);

/// One file, not opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    File(PathBuf),
    Stdin,
}

impl Inputs {
    /// Globs are taken in the order of their names.
    pub(crate) fn find(named: &[String]) -> anyhow::Result<Self> {
        ensure!(!named.is_empty(), "no file is named; give some, or - for standard input");
        let mut found = Vec::new();
        for name in named {
            if name == "-" {
                found.push(Named::Stdin);
            } else if Path::new(name).exists() || !name.contains(['*', '?', '[']) {
                found.push(Named::File(PathBuf::from(name)));
            } else {
                let before = found.len();
                for path in glob::glob(name).with_context(|| format!("`{name}` is no glob"))? {
                    found.push(Named::File(path.context("could not read a folder of the glob")?));
                }
                ensure!(found.len() > before, "no file matches `{name}`");
            }
        }
        let stdin = found.iter().filter(|named| **named == Named::Stdin).count();
        ensure!(stdin <= 1, "standard input can be read only once");
        Ok(Self(found))
    }
}

impl Named {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// Bytes on disk, for progress.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
            }
            Self::Stdin => None,
        }
    }

    /// Looks at the first bytes and tells how to read the rest. The head is for sampling what can be read only once.
    pub(crate) fn open(&self, flags: &FileFlags) -> anyhow::Result<(Input, Option<Vec<u8>>)> {
        match self {
            Self::File(path) => {
                let failed = || format!("could not open `{}`", path.display());
                ensure!(
                    !path.is_dir(),
                    "`{}` is a directory; name its files, e.g. '{0}/*.csv'",
                    path.display()
                );
                let regular = std::fs::metadata(path).with_context(failed)?.is_file();
                let file = File::open(path).with_context(failed)?;
                if !regular {
                    return self.stream(Box::new(file), flags);
                }
                let mut head = Vec::new();
                file.take(HEAD_BYTES as u64).read_to_end(&mut head).with_context(failed)?;
                let options = self.options(&head, flags)?;
                Ok((Input { source: Source::File(path.clone()), options }, None))
            }
            Self::Stdin => self.stream(Box::new(std::io::stdin()), flags),
        }
    }

    fn stream(
        &self,
        read: Box<dyn std::io::Read + Send>,
        flags: &FileFlags,
    ) -> anyhow::Result<(Input, Option<Vec<u8>>)> {
        let (head, stream) = peek(read).with_context(|| format!("could not read {}", self.name()))?;
        let options = self.options(&head, flags)?;
        Ok((Input { source: Source::Stream(stream), options }, Some(head)))
    }

    fn options(&self, head: &[u8], flags: &FileFlags) -> anyhow::Result<Options> {
        let name = self.name();
        let mut detected: Detected = detect(Some(&name), head)?;
        if let Some(format) = flags.format() {
            detected.format = format;
        }
        if let Some(has_header) = flags.has_header() {
            detected.has_header = has_header;
        }
        Ok(Options { limits: Limits::default(), ..Options::new(name, detected) })
    }
}
