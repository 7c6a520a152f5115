//! What the bench keeps under `target/bench`: generated files, the peers' Python, and what contestants write.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::people;

/// From PyPI. Another version here makes the environment anew.
pub(crate) const PEERS: [&str; 2] = ["duckdb==2.0.1", "polars==2.1.0"];

#[derive(Clone, Debug)]
pub(crate) struct BenchDir {
    root: PathBuf,
}

impl BenchDir {
    pub(crate) fn open() -> Result<BenchDir> {
        let root = checkout().join("target").join("bench");
        fs::create_dir_all(&root).with_context(|| format!("could not create {}", root.display()))?;
        Ok(BenchDir { root })
    }

    /// An empty directory of that name.
    pub(crate) fn empty(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("could not empty {}", path.display()))?;
        }
        fs::create_dir_all(&path).with_context(|| format!("could not create {}", path.display()))?;
        Ok(path)
    }

    /// A directory of that name, with what is in it.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).with_context(|| format!("could not create {}", path.display()))?;
        Ok(path)
    }

    /// Where the last process that was measured put its standard error.
    pub(crate) fn said(&self) -> PathBuf {
        self.root.join("said.txt")
    }

    /// A script of `bench/peers`, ready to be given arguments.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.root.join("venv/bin/python"));
        command.arg(checkout().join("bench/peers").join(name));
        command
    }

    /// Installs the peers, unless these versions are there.
    pub(crate) fn install_peers(&self) -> Result<()> {
        let venv = self.root.join("venv");
        made_once(&venv.join("peers.stamp"), &PEERS.join(" "), || {
            println!("bench: installing {} into {}", PEERS.join(" and "), venv.display());
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
            succeed(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(PEERS))
        })
    }

    /// So many opt-outs, generated unless they are there.
    pub(crate) fn list(&self, rows: u64) -> Result<PathBuf> {
        self.generated(rows, "list.csv", |file| people::write_list(rows, file))
    }

    /// The directory of `customers.csv` and `list.csv` of so many rows each, and of the same in the other formats
    /// that contests need.
    pub(crate) fn people(&self, rows: u64) -> Result<PathBuf> {
        let customers = self.generated(rows, "customers.csv", |file| people::write_customers(rows, file))?;
        let list = self.list(rows)?;
        let directory = list.with_file_name("");
        made_once(&customers.with_file_name("prepared.stamp"), PEERS[0], || {
            succeed(self.script("prepare_duckdb.py").arg(&directory))
        })?;
        Ok(directory)
    }

    /// A program built from a module of Go, unless this version is there.
    pub(crate) fn go_program(&self, name: &str, module: &str) -> Result<PathBuf> {
        let folder = self.root.join("go");
        made_once(&folder.join(format!("{name}.stamp")), module, || {
            println!("bench: building {module}; some minutes the first time");
            fs::create_dir_all(&folder)?;
            succeed(Command::new("go").args(["install", "-ldflags=-s -w", module]).env("GOBIN", &folder))
        })?;
        Ok(folder.join(name))
    }

    fn generated(
        &self,
        rows: u64,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<PathBuf> {
        let directory = self.root.join(format!("people-{rows}"));
        let path = directory.join(name);
        let version = format!("{:x} {}", people::SEED, people::VERSION);
        made_once(&directory.join(format!("{name}.stamp")), &version, || {
            println!("bench: generating {}", path.display());
            fs::create_dir_all(&directory)?;
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            write(&mut file)?;
            Ok(file.flush()?)
        })?;
        Ok(path)
    }
}

/// The `abide` that was built beside this program.
pub(crate) fn abide() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("abide");
    ensure!(path.is_file(), "{} is not built; start the bench with `cargo xtask bench`", path.display());
    Ok(path)
}

pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate stands in a folder of the checkout")
}

/// Runs a command that is not measured; what it prints is shown.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Makes something unless its stamp says that it is there. The stamp is written last, so what was interrupted is
/// done again.
pub(crate) fn made_once(stamp: &Path, text: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read_to_string(stamp).is_ok_and(|found| found == text) {
        return Ok(());
    }
    make()?;
    fs::write(stamp, text).with_context(|| format!("could not write {}", stamp.display()))
}
