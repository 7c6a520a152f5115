//! The repository's case files, told to a real store.
//!
//! A case is told to a real store ([`ToldCase`]), so that every way that data take starts from the same journal;
//! [`Decide`] is the way that the others have to agree with. The runner is the product's own.

mod decide;
mod told;

use std::{
    fs,
    path::{Path, PathBuf},
};

use abide_rules::Case;

pub use abide_trial::cases::{Answer, CaseFile, EnforcementPoint, Outcome, run};
pub use decide::{Decide, List};
pub use told::ToldCase;

/// All case files of the repository, those of the default ruleset among them, by name.
///
/// # Panics
///
/// When one cannot be read or is no case.
pub fn all() -> Vec<CaseFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["cases", "crates/abide-rules/default/cases"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("it was found there").display().to_string();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let case = Case::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        CaseFile { name, case }
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder of this repository can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
}
