//! Installs what the tests need and cargo cannot bring: the S3 server (docs/decisions/0005-s3-test-server.md) and the
//! solver (docs/decisions/0011-proof-by-solver.md); Kafka (docs/decisions/0015-the-stream.md); and Debian's packages of the
//! programs that stand before and behind the service in its tests.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo;

const MODULE: &str = "github.com/versity/versitygw/cmd/versitygw";
const VERSION: &str = "v1.8.0";
const PROGRAM: &str = "versitygw";

/// All that the tests need; returns the S3 server, and what `CVC5` has to be.
pub(crate) fn all() -> Result<(PathBuf, PathBuf)> {
    let (server, solver) = (s3_server()?, solver()?);
    schemathesis()?;
    programs()?;
    kafka()?;
    Ok((server, solver))
}

/// Builds the pinned version from source with `go install`, unless it is there; returns its path.
pub(crate) fn s3_server() -> Result<PathBuf> {
    let tools = cargo::workspace().join("target").join("tools");
    let program = tools.join(PROGRAM);
    once(&program, &tools.join(format!("{PROGRAM}.version")), VERSION, || {
        require_go()?;
        println!("xtask: building the S3 test server, {PROGRAM} {VERSION}; some minutes the first time");
        fs::create_dir_all(&tools).with_context(|| format!("could not create {}", tools.display()))?;
        // Without debug tables it links faster and is half the size.
        let source = format!("{MODULE}@{VERSION}");
        cargo::run(Command::new("go").args(["install", "-ldflags=-s -w", &source]).env("GOBIN", &tools))
    })?;
    Ok(program)
}

/// Installs a program, unless this version of it is there.
fn once(program: &Path, stamp: &Path, version: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    if program.is_file() && fs::read_to_string(stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    install()?;
    ensure!(program.is_file(), "installing {version} left no {}", program.display());
    // Last: an interrupted install has a program but no stamp, and is done again.
    fs::write(stamp, version).with_context(|| format!("could not write {}", stamp.display()))
}

/// Debian's package of the solver, and what it needs that a bare machine has not.
const SOLVER_PACKAGES: [&str; 6] =
    ["cvc5", "libcvc5-1", "libcvc5parser1", "libcln6", "libcryptominisat5-5.11", "libantlr3c-3.4-0"];

/// Finds the solver that `CVC5` names or that is on the path; else installs Debian's, or unpacks it into target/tools
/// where nothing may be installed. Returns what `CVC5` has to be.
fn solver() -> Result<PathBuf> {
    let tools = cargo::workspace().join("target").join("tools").join("cvc5");
    let unpacked = tools.join("run");
    let named = env::var_os("CVC5").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(named) = named {
        ensure!(answers(&named), "`CVC5` names {}, which is no solver", named.display());
        return Ok(named);
    }
    let on_path = PathBuf::from("cvc5");
    if let Some(found) = [&on_path, &unpacked].into_iter().find(|program| answers(program)) {
        return Ok(found.clone());
    }
    println!("xtask: installing the solver, Debian's package cvc5");
    ensure!(
        Command::new("apt-get").arg("--version").output().is_ok_and(|output| output.status.success()),
        "proofs need the solver cvc5, and there is no apt-get to install it with; put it on the path or name it in CVC5"
    );
    if is_root() || is_sudo_at_hand() {
        install(&["cvc5"])?;
        ensure!(answers(&on_path), "apt-get installed cvc5, and it does not answer");
        return Ok(on_path);
    }
    unpack_solver(&tools, &unpacked)?;
    ensure!(answers(&unpacked), "the solver unpacked at {} does not answer", tools.display());
    Ok(unpacked)
}

fn answers(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn is_sudo_at_hand() -> bool {
    Command::new("sudo").args(["-n", "true"]).output().is_ok_and(|output| output.status.success())
}

/// The programs that tests start, each with the package of Debian that brings it: gateways in front of an API, a browser
/// that opens its pages, a mail server, and what Kafka is fetched by and runs on.
const PROGRAMS: [(&str, &str); 6] = [
    ("nginx", "nginx-light"),
    ("caddy", "caddy"),
    ("chromium", "chromium"),
    ("postfix", "postfix"),
    ("java", "default-jre-headless"),
    ("mvn", "maven"),
];

/// Installs those of [`PROGRAMS`] that are not on the path.
fn programs() -> Result<()> {
    // Debian has servers in a folder that is on the path of its administrator only.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    let is_there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    let missing = PROGRAMS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package);
    let missing: Vec<&str> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("xtask: installing {}", missing.join(", "));
    ensure!(
        is_root() || is_sudo_at_hand(),
        "the tests need {}, and they may not be installed here: ask for `apt-get install {0}`",
        missing.join(" ")
    );
    install(&missing)
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root() { "apt-get" } else { "sudo" });
        if !is_root() {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        cargo::run(&mut command)
    };
    let install = [&["install", "-qq", "-y", "--no-install-recommends"], packages].concat();
    // A bare machine has no lists of packages yet.
    apt(&install).or_else(|_| apt(&["update", "-qq"]).and_then(|()| apt(&install)))
}

/// Without leave to install: the packages' files in a folder of ours, and a script that says where the libraries are.
fn unpack_solver(tools: &Path, run: &Path) -> Result<()> {
    fs::create_dir_all(tools).with_context(|| format!("could not create {}", tools.display()))?;
    let script = r#"set -eu
cd "$1"; shift
apt-get download -qq "$@"
for package in *.deb; do dpkg-deb -x "$package" .; rm "$package"; done
cat >run <<'END'
#!/bin/sh
here=$(dirname "$0")
libraries=$(dirname "$(find "$here/usr/lib" -name 'libcvc5.so.1' | head -n 1)")
LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/usr/bin/cvc5" "$@"
END
chmod +x run"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(tools).args(SOLVER_PACKAGES);
    cargo::run(&mut command).with_context(|| {
        let run = run.display();
        format!("could not unpack the solver; install the package cvc5 as root, or put a program at {run}")
    })
}

const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Installs the pinned version from PyPI into an environment of its own, unless it is there.
fn schemathesis() -> Result<()> {
    let folder = cargo::workspace().join("target").join("tools").join("schemathesis");
    let programs = folder.join("bin");
    once(&programs.join("st"), &folder.join("version"), SCHEMATHESIS, || {
        println!("xtask: installing {SCHEMATHESIS}, which asks the service what its description allows");
        let made = cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        made.context("install Python 3 with its module venv (Debian's package python3-venv)")?;
        cargo::run(Command::new(programs.join("pip")).args(["install", "--quiet", SCHEMATHESIS]))
    })
}

/// Copies the broker's jars, and what they need, from Maven Central, unless those of this `pom.xml` are there.
pub(crate) fn kafka() -> Result<()> {
    let pom = cargo::workspace().join("crates").join("abide-testkit").join("kafka").join("pom.xml");
    let wanted = fs::read_to_string(&pom).with_context(|| format!("could not read {}", pom.display()))?;
    let jars = cargo::workspace().join("target").join("tools").join("kafka");
    let stamp = jars.join("pom.xml");
    once(&stamp, &stamp, &wanted, || {
        println!("xtask: fetching Kafka for the tests");
        if jars.exists() {
            fs::remove_dir_all(&jars).with_context(|| format!("could not empty {}", jars.display()))?;
        }
        let mut command = Command::new("mvn");
        command.args(["--quiet", "--batch-mode", "--file"]).arg(&pom);
        command.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
        command.arg(format!("-DoutputDirectory={}", jars.display()));
        cargo::run(&mut command)?;
        fs::copy(&pom, &stamp).with_context(|| format!("could not write {}", stamp.display()))?;
        Ok(())
    })
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
