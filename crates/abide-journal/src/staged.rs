//! What writers that were killed leave in a directory: the files in which their objects were being
//! written, `…#1` beside the name that they never got. Object storage does not show them, and neither
//! lists nor deletes them, so this looks at the directory itself.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use abide_model::Time;

/// A file that no object has become of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    pub path: PathBuf,
    pub bytes: u64,
    pub written_at: Time,
}

impl Staged {
    /// One that was removed or has become an object meanwhile counts as removed.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folders that we write to; whatever else lies in the directory is somebody else's.
const FOLDERS: [&str; 4] = ["journal", "nodes", "rulesets", "snapshots"];

/// All that lie in the directory of a store, whether their writers live or not. Whoever is at it writes
/// on, so its file stays young.
pub fn staged(directory: &Path) -> io::Result<Vec<Staged>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&directory.join(folder), &mut found)?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<Staged>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // Not that of what a link leads to.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), found)?;
        } else if kind.is_file() && entry.file_name().to_str().is_some_and(is_staged) {
            found.extend(describe(entry.path())?);
        }
    }
    Ok(())
}

fn describe(path: PathBuf) -> io::Result<Option<Staged>> {
    let metadata = match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let written_at = Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Ok(Some(Staged { path, bytes: metadata.len(), written_at }))
}

/// As the crate `object_store` names them, and no object.
fn is_staged(name: &str) -> bool {
    name.split_once('#').is_some_and(|(object, number)| {
        !object.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}
