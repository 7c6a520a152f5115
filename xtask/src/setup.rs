//! Installs what the tests need and cargo cannot bring: the S3 server
//! (docs/decisions/0005-s3-test-server.md).

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo;

const MODULE: &str = "github.com/versity/versitygw/cmd/versitygw";
const VERSION: &str = "v1.8.0";
const PROGRAM: &str = "versitygw";

/// Builds the pinned version from source with `go install`, unless it is there; returns its path.
pub(crate) fn s3_server() -> Result<PathBuf> {
    let tools = cargo::workspace().join("target").join("tools");
    let program = tools.join(PROGRAM);
    // Written last: an interrupted install has a program but no stamp, and is done again.
    let stamp = tools.join(format!("{PROGRAM}.version"));
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|found| found == VERSION) {
        return Ok(program);
    }

    require_go()?;
    println!("xtask: building the S3 test server, {PROGRAM} {VERSION}; some minutes the first time");
    fs::create_dir_all(&tools).with_context(|| format!("could not create {}", tools.display()))?;
    // Without debug tables it links faster and is half the size.
    let source = format!("{MODULE}@{VERSION}");
    cargo::run(Command::new("go").args(["install", "-ldflags=-s -w", &source]).env("GOBIN", &tools))?;
    ensure!(program.is_file(), "`go install` left no {}", program.display());
    fs::write(&stamp, VERSION).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(program)
}

const FUZZER_VERSION: &str = "0.13.2";

/// Installs the pinned cargo-fuzz beside the S3 server, unless it is there; returns its path.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    let tools = cargo::workspace().join("target").join("tools");
    let program = tools.join("bin").join("cargo-fuzz");
    if !program.is_file() {
        let mut install = cargo::cargo();
        install.args(["install", "--locked", "--quiet", "--version", FUZZER_VERSION, "--root"]);
        cargo::run(install.arg(&tools).arg("cargo-fuzz"))?;
    }
    Ok(program)
}

fn require_go() -> Result<()> {
    match Command::new("go").arg("version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!("`go version` failed: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the S3 test server is built with Go and `go` is not on the path; install Go 1.25 or newer, \
             or put {PROGRAM} {VERSION} at target/tools/{PROGRAM} and `{VERSION}` into target/tools/{PROGRAM}.version"
        ),
        Err(error) => Err(error).context("could not start `go version`"),
    }
}
