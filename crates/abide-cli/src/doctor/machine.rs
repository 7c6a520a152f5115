//! What the machine gives: open files, room, folders.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::{Resource, getrlimit},
};

use super::finding::{Finding, chain};
use crate::store_flags::StoreFlags;

/// A merge of a long list holds up to some two hundred files open.
const FILES_MIN: u64 = 256;
const FILES_ENOUGH: u64 = 1024;

/// Below this nothing of size can be written any more.
const ROOM_MIN: u64 = 64 << 20;
const ROOM_ENOUGH: u64 = 1 << 30;

pub(super) fn open_files() -> Finding {
    let todo = "raise it with `ulimit -n 4096`, or in the service's unit file";
    match getrlimit(Resource::Nofile).current {
        None => Finding::ok("files", "there is no limit of open files"),
        Some(limit) => {
            let says = format!("{limit} files may be open at once");
            match limit {
                ..FILES_MIN => {
                    Finding::problem("files", format!("{says}, too few to merge a long list"), todo)
                }
                FILES_MIN..FILES_ENOUGH => Finding::warning("files", says, todo),
                FILES_ENOUGH.. => Finding::ok("files", says),
            }
        }
    }
}

/// The store's folder, if it is one, the cache, and the folder for temporary files.
pub(super) fn folders(flags: &StoreFlags) -> Vec<Finding> {
    let mut findings = Vec::new();
    let store = PathBuf::from(&flags.store);
    if !flags.store.contains("://") && store.is_dir() {
        findings.extend(permissions("store", &store));
        findings.push(room("store", &store));
    }
    match flags.cache_dir() {
        Ok(cache) => {
            findings.extend(permissions("cache", &cache));
            findings.push(room("cache", &cache));
        }
        Err(error) => {
            findings.push(Finding::problem(
                "cache",
                chain(error),
                "name a folder with --cache or ABIDE_CACHE",
            ));
        }
    }
    findings.push(room("temporary", &std::env::temp_dir()));
    findings
}

/// Whether others may change what is in a folder, and this user may.
fn permissions(about: &'static str, folder: &Path) -> Option<Finding> {
    let shown = folder.display();
    let mode = match fs::metadata(folder) {
        // It is made when it is needed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            let todo = format!("make `{shown}` accessible to this user");
            return Some(Finding::problem(about, format!("`{shown}` cannot be looked at: {error}"), todo));
        }
        Ok(found) if !found.is_dir() => {
            let todo = "name another place, or move it away";
            return Some(Finding::problem(about, format!("`{shown}` is no folder"), todo));
        }
        Ok(found) => found.permissions().mode(),
    };
    if mode & 0o002 != 0 {
        let todo = format!("run `chmod o-w {shown}`");
        let says = format!("anybody on this machine may change what is in `{shown}`");
        return Some(Finding::problem(about, says, todo));
    }
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let says = format!("this user may not write in `{shown}`");
        return Some(Finding::problem(about, says, format!("make `{shown}` writable for this user")));
    }
    Some(Finding::ok(about, format!("`{shown}` is writable, and not by everybody")))
}

/// Free space where the folder is, or would be.
fn room(about: &'static str, folder: &Path) -> Finding {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let existing = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let shown = folder.display();
    let todo = format!("free some there, or move `{shown}` to a larger disk");
    match rustix::fs::statvfs(existing) {
        Err(error) => Finding::warning(about, format!("the room in `{shown}` cannot be told: {error}"), todo),
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let says = format!("{} MB are free in `{shown}`", free / 1_000_000);
            match free {
                ..ROOM_MIN => Finding::problem(about, says, todo),
                ROOM_MIN..ROOM_ENOUGH => Finding::warning(about, says, todo),
                ROOM_ENOUGH.. => Finding::ok(about, says),
            }
        }
    }
}
