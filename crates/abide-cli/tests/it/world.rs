//! A store that the binary made, with one person in it, and a file in which that person is.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use abide_testkit::S3Server;
use tempfile::TempDir;

use crate::program::{Ran, clean};

/// Who is on the list. No message may show the part before the `@`.
pub(crate) const PERSON: &str = "quiet.otter@example.com";
pub(crate) const PRIVATE: &str = "quiet.otter";

pub(crate) const PEOPLE: &str = "id,email\nu-1,quiet.otter@example.com\nu-2,loud.heron@example.com\n";

pub(crate) struct World {
    directory: TempDir,
    /// The variables that lead to the store.
    store: Vec<(&'static str, String)>,
}

impl World {
    /// A made store with one opt-out in its journal, and `people.csv`.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store").display().to_string();
        Self::begin(directory, vec![("ABIDE_STORE", store)])
    }

    /// The same on a bucket.
    pub(crate) fn on_bucket(server: &S3Server) -> Self {
        let mut store = vec![("ABIDE_STORE", format!("{}/store", server.url()))];
        store.extend(server.env());
        Self::begin(tempfile::tempdir().unwrap(), store)
    }

    fn begin(directory: TempDir, store: Vec<(&'static str, String)>) -> Self {
        let world = Self { directory, store };
        fs::write(world.path("people.csv"), PEOPLE).unwrap();
        world.must(0, &["init"]);
        world.must(0, &["opt-out", "--email", PERSON, "--mechanism", "email.unsubscribe"]);
        world
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Leads any program to this store and nowhere else.
    pub(crate) fn lead(&self, command: &mut Command) {
        clean(command, self.directory());
        command
            .envs(self.store.iter().map(|(name, value)| (*name, value)))
            .env("ABIDE_SECRET_FILE", self.path("secret"))
            .env("ABIDE_CACHE", self.path("cache"));
    }

    /// The binary, led to this store.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(crate::program::ABIDE);
        self.lead(&mut command);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command().args(arguments))
    }

    #[track_caller]
    pub(crate) fn must(&self, exit: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, Some(exit), "{arguments:?}: {ran:?}");
        ran
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The files of the store whose path holds `part`, by name.
    pub(crate) fn objects(&self, part: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if self.path("store").exists() {
            files_below(&self.path("store"), &mut files);
        }
        files.retain(|file| file.to_string_lossy().contains(part));
        files.sort();
        files
    }

    /// Everything in the directory of the run itself.
    pub(crate) fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, into) } else { into.push(path) }
    }
}
