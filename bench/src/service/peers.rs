//! nginx with a constant, and Open Policy Agent with the same people.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::running::{Running, free_port};
use crate::bench_dir::{BenchDir, checkout};
use crate::cores::on_core;

/// Debian has it where only its administrator's path leads.
const NGINX: &str = "/usr/sbin/nginx";

pub(crate) fn nginx_version() -> Result<String> {
    let said = Command::new(NGINX).arg("-v").output().context("nginx: `apt-get install nginx-light`")?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    Ok(said.trim().rsplit(' ').next().unwrap_or("nginx").replace('/', " "))
}

/// Answers every request with these bytes, as quickly as it can: one process, no log.
pub(crate) fn nginx(bench: &BenchDir, answer: &str) -> Result<Running> {
    let (folder, port) = (bench.empty("nginx")?, free_port()?);
    let at = folder.display();
    let conf = format!(
        "daemon off; master_process off; error_log {at}/error; pid {at}/pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; tcp_nodelay on; default_type application/json;\n\
         client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; \
         scgi_temp_path {at}/e;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{answer}'; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, conf)?;
    let mut command = on_core(NGINX);
    command.arg("-p").arg(&folder).arg("-c").arg(file);
    Running::start(command, port, "/").context("nginx: `apt-get install nginx-light`")
}

pub(crate) const OPA: &str = "github.com/open-policy-agent/opa@v1.22.3";

/// `None`, and says so, where it cannot be had.
pub(crate) fn opa(bench: &BenchDir, list: &Path) -> Result<Option<Running>> {
    let program = match bench.go_program("opa", OPA) {
        Ok(program) => program,
        Err(error) => {
            println!("bench: without Open Policy Agent, which could not be built: {error:#}");
            return Ok(None);
        }
    };
    let data = data(bench, list)?;
    let port = free_port()?;
    let mut command = on_core(&program);
    // One core is what it has, so that Go need not find out.
    command.env("GOMAXPROCS", "1").args(["run", "--server", "--disable-telemetry", "--log-level", "error"]);
    command.arg("--addr").arg(format!("127.0.0.1:{port}"));
    command.arg(data).arg(checkout().join("bench/peers/contact.rego"));
    Running::start(command, port, "/health").map(Some)
}

/// The list as OPA takes it: an object, which is what it looks things up in.
fn data(bench: &BenchDir, list: &Path) -> Result<PathBuf> {
    let path = bench.empty("opa")?.join("data.json");
    let mut file = BufWriter::new(File::create(&path)?);
    file.write_all(b"{\"opted_out\":{")?;
    let lines = BufReader::new(File::open(list)?).lines();
    for (at, line) in lines.skip(1).enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(file, "{comma}\"{}\":true", line?.trim().to_ascii_lowercase())?;
    }
    file.write_all(b"}}")?;
    file.flush()?;
    Ok(path)
}
