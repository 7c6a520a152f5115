//! The files that a command line names: paths, globs, standard input.

use std::path::Path;

use abide_import::ListFile;
use anyhow::{Context as _, ensure};

/// Opens what each argument names, globs in the order of their names. `-` is standard input, which
/// is kept in `scratch_dir` while it is read.
pub(crate) fn list_files(named: &[String], scratch_dir: &Path) -> anyhow::Result<Vec<ListFile>> {
    ensure!(named.iter().filter(|name| *name == "-").count() <= 1, "standard input can be read only once");
    let mut files = Vec::new();
    for name in named {
        if name == "-" {
            std::fs::create_dir_all(scratch_dir)
                .with_context(|| format!("could not make the scratch folder `{}`", scratch_dir.display()))?;
            files.push(ListFile::spool(std::io::stdin().lock(), "standard input", scratch_dir)?);
        } else if Path::new(name).exists() || !name.contains(['*', '?', '[']) {
            files.push(ListFile::at(Path::new(name))?);
        } else {
            let matches = glob::glob(name).with_context(|| format!("`{name}` is no glob"))?;
            let before = files.len();
            for path in matches {
                files.push(ListFile::at(&path.context("could not read a folder of the glob")?)?);
            }
            ensure!(files.len() > before, "no file matches `{name}`");
        }
    }
    Ok(files)
}
