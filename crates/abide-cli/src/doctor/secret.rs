//! The store's secret: there, its owner's alone, and readable.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use abide_journal::StoreId;
use abide_model::Secret;

use super::finding::{Finding, chain};
use crate::store_flags::StoreFlags;

const RESTORE: &str = "restore it from its backup and name it with --secret-file; nobody can make another";

pub(super) fn examine(flags: &StoreFlags, id: StoreId, findings: &mut Vec<Finding>) -> Option<Secret> {
    if flags.secret_file.is_none()
        && let Ok(text) = std::env::var("ABIDE_SECRET")
    {
        return match text.parse() {
            Ok(secret) => {
                findings.push(Finding::ok("secret", "it is in ABIDE_SECRET"));
                Some(secret)
            }
            Err(error) => {
                findings.push(Finding::problem("secret", format!("ABIDE_SECRET: {error}"), RESTORE));
                None
            }
        };
    }
    let path = match flags.secret_path(id) {
        Ok(path) => path,
        Err(error) => {
            findings.push(Finding::problem("secret", chain(error), "name its file with --secret-file"));
            return None;
        }
    };
    let shown = path.display();
    let found = fs::metadata(&path).and_then(|found| Ok((found, fs::read_to_string(&path)?)));
    let (metadata, text) = match found {
        Ok(found) => found,
        Err(error) => {
            findings.push(Finding::problem("secret", format!("`{shown}` cannot be read: {error}"), RESTORE));
            return None;
        }
    };
    let is_shared = metadata.permissions().mode() & 0o077 != 0;
    if is_shared {
        let says = format!("`{shown}` can be read by others, who can then test guesses against the list");
        findings.push(Finding::problem("secret", says, format!("run `chmod 600 {shown}`")));
    }
    if is_inside(&path, Path::new(&flags.store)) {
        let says = format!("`{shown}` is inside the store, so that whoever gets the store has it too");
        findings.push(Finding::problem("secret", says, "move it elsewhere, and name it with --secret-file"));
    }
    match text.parse() {
        Ok(secret) => {
            if !is_shared {
                findings.push(Finding::ok("secret", format!("`{shown}` is readable for its owner alone")));
            }
            Some(secret)
        }
        Err(error) => {
            findings.push(Finding::problem("secret", format!("`{shown}`: {error}"), RESTORE));
            None
        }
    }
}

fn is_inside(file: &Path, folder: &Path) -> bool {
    match (file.canonicalize(), folder.canonicalize()) {
        (Ok(file), Ok(folder)) => file.starts_with(folder),
        _ => false,
    }
}
