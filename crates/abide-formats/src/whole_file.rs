//! A file that appears under its name whole, or not at all.
//!
//! Until then it has no name, where the system can do that (Linux, on most file systems): nothing is left of it
//! whatever ends the process, a signal, a kill or a power cut. Elsewhere it stands under a hidden name beside the one
//! that it will have and goes with the value, so that only a process that was killed leaves it behind.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempPath};

/// A file being written. Nobody sees it before it [appears](WholeFile::appear).
#[derive(Debug)]
pub struct WholeFile {
    file: File,
    path: PathBuf,
    /// `None` while it has no name at all.
    hidden: Option<TempPath>,
}

impl WholeFile {
    /// With the rights that an ordinary new file has.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::with_mode(path, 0o666)
    }

    /// For its owner alone.
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::with_mode(path, 0o600)
    }

    fn with_mode(path: &Path, mode: u32) -> io::Result<Self> {
        let directory = directory_of(path);
        if let Some(file) = nameless::create(directory, mode) {
            return Ok(Self { file, path: path.to_owned(), hidden: None });
        }
        let mut builder = hidden();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        let (file, hidden) = builder.tempfile_in(directory)?.into_parts();
        Ok(Self { file, path: path.to_owned(), hidden: Some(hidden) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes what was written durable and gives it its name, instead of a file that has it now.
    pub fn appear(self) -> io::Result<()> {
        self.file.sync_all()?;
        let path = self.path.clone();
        self.appear_unsynced()?;
        sync_directory(directory_of(&path))
    }

    /// Gives it its name, whole for whoever looks, but not proof against a failure of the power.
    pub fn appear_unsynced(self) -> io::Result<()> {
        match self.hidden {
            Some(hidden) => Ok(hidden.persist(&self.path).map_err(|error| error.error)?),
            None => nameless::put(&self.file, &self.path),
        }
    }

    /// The same, unless a file has the name already.
    pub fn appear_new(self) -> io::Result<()> {
        self.file.sync_all()?;
        match self.hidden {
            Some(hidden) => hidden.persist_noclobber(&self.path).map_err(|error| error.error)?,
            None => nameless::put_new(&self.file, &self.path)?,
        }
        sync_directory(directory_of(&self.path))
    }
}

impl Read for WholeFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Where the file of that path stands.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A rename is durable once its directory is.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn hidden() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".abide-").suffix(".part");
    builder
}

/// Files without a name, which Linux has on most of its file systems.
#[cfg(target_os = "linux")]
mod nameless {
    use std::{
        fs::File,
        io,
        os::fd::AsRawFd as _,
        path::{Path, PathBuf},
    };

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};

    /// `None` where it cannot be done or could not get its name afterwards; the ordinary way then says what is wrong.
    pub(super) fn create(directory: &Path, mode: u32) -> Option<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(open(directory, flags, Mode::from_raw_mode(mode)).ok()?);
        descriptor(&file).exists().then_some(file)
    }

    /// The one path that leads to it.
    fn descriptor(file: &File) -> PathBuf {
        format!("/proc/self/fd/{}", file.as_raw_fd()).into()
    }

    pub(super) fn put_new(file: &File, path: &Path) -> io::Result<()> {
        Ok(linkat(CWD, descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }

    pub(super) fn put(file: &File, path: &Path) -> io::Result<()> {
        match put_new(file, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => put_instead(file, path),
            done => done,
        }
    }

    /// A link does not take the place of another; a renamed one does, in one step.
    fn put_instead(file: &File, path: &Path) -> io::Result<()> {
        let linked = super::hidden().make_in(super::directory_of(path), |hidden| put_new(file, hidden))?;
        linked.into_temp_path().persist(path).map_err(|error| error.error)
    }
}

#[cfg(not(target_os = "linux"))]
mod nameless {
    use std::{fs::File, io, path::Path};

    pub(super) fn create(_directory: &Path, _mode: u32) -> Option<File> {
        None
    }

    pub(super) fn put(_file: &File, _path: &Path) -> io::Result<()> {
        unreachable!("no file is without a name here")
    }

    pub(super) fn put_new(file: &File, path: &Path) -> io::Result<()> {
        put(file, path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entries(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The same, with a hidden name.
    fn with_a_hidden_name(path: &Path) -> WholeFile {
        let (file, hidden) = hidden().tempfile_in(directory_of(path)).unwrap().into_parts();
        WholeFile { file, path: path.to_owned(), hidden: Some(hidden) }
    }

    #[test]
    fn it_appears_whole_or_not_at_all() {
        for create in [|path: &Path| WholeFile::create(path).unwrap(), with_a_hidden_name] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("out.csv");
            let written = |text: &str| {
                let mut file = create(&path);
                file.write_all(text.as_bytes()).unwrap();
                file
            };

            drop(written("given up"));
            assert_eq!(entries(directory.path()), [""; 0]);

            written("first").appear_new().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "first");
            let error = written("another").appear_new().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&path).unwrap(), "first");

            written("second").appear().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "second");
            assert_eq!(entries(directory.path()), ["out.csv"]);
        }
    }

    #[test]
    fn rights_are_those_of_a_new_file_or_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("ordinary"), "").unwrap();
        WholeFile::create(&path("open")).unwrap().appear().unwrap();
        WholeFile::create_private(&path("private")).unwrap().appear().unwrap();
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("open"), mode("ordinary"));
        assert_eq!(mode("private"), 0o600);
    }

    /// Nothing of a file that is being written has a name, so nobody has to clean up after a kill.
    #[cfg(target_os = "linux")]
    #[test]
    #[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
    fn it_has_no_name_before() {
        let directory = tempfile::tempdir().unwrap();
        let file = WholeFile::create(&directory.path().join("out.csv")).unwrap();
        if file.hidden.is_some() {
            eprintln!(
                "not tested: the file system of {} has no files without a name",
                directory.path().display()
            );
            return;
        }
        assert_eq!(entries(directory.path()), [""; 0]);
    }
}
