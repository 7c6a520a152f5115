//! A real S3 server on loopback: versitygw, which `cargo xtask setup` installs
//! (docs/decisions/0005-s3-test-server.md says why this one).

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

const BUCKET: &str = "abide-test";
const REGION: &str = "us-east-1";
// Invented, and good for nothing but a server on loopback that lives as long as a test.
const ACCESS_KEY: &str = "abide-test-access";
const SECRET_KEY: &str = "abide-test-secret";

const STARTS_MAX: u32 = 5;
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 1_500;

/// A running S3 server with one empty bucket, stopped when dropped.
///
/// Its objects are files under the given folder, so a test that keeps the folder can start another server on
/// it: that is a restart.
#[derive(Debug)]
pub struct S3Server {
    process: Child,
    address: SocketAddr,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "no S3 server at {}; run `cargo xtask setup`, or name a versitygw in ABIDE_TEST_S3",
        .program.display()
    )]
    NotInstalled { program: PathBuf },
    #[error("could not prepare the S3 server's folder {}", .root.display())]
    Folder { root: PathBuf, source: io::Error },
    #[error("could not start the S3 server {}", .program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("the S3 server did not become ready; its output: {log}")]
    NotReady { log: String },
}

impl S3Server {
    /// Starts the server named by the environment variable `ABIDE_TEST_S3`, else the one in `target/tools` of
    /// this workspace, on a free port of 127.0.0.1, and returns when it answers. The folder `root` must
    /// exist, on a file system with extended attributes (where the server keeps its ETags).
    ///
    /// # Panics
    ///
    /// When no server is installed or it does not come up: a test that needs S3 has then failed, not passed.
    #[track_caller]
    pub fn start(root: &Path) -> Self {
        match try_start(root) {
            Ok(server) => server,
            Err(error) => match std::error::Error::source(&error) {
                Some(cause) => panic!("{error}: {cause}"),
                None => panic!("{error}"),
            },
        }
    }

    /// The bucket, made from [`Self::env`] as a program would that is given these variables.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        let mut builder = AmazonS3Builder::new().with_bucket_name(BUCKET);
        for (name, value) in self.env() {
            let key: AmazonS3ConfigKey =
                name.to_ascii_lowercase().parse().expect("the names are those that object_store reads");
            builder = builder.with_config(key, value);
        }
        Arc::new(builder.build().expect("the settings are complete"))
    }

    /// The bucket's address for a program that is given [`Self::env`].
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}")
    }

    /// The environment variables that lead a program which reads the usual `AWS_…` ones to this server.
    pub fn env(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_CONDITIONAL_PUT", "etag".to_owned()),
        ]
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // By its handle, so never a process that is not ours. A kill and not a polite end: what the server
        // answered must survive that anyway.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn try_start(root: &Path) -> Result<S3Server, StartError> {
    let program = program();
    if !program.is_file() {
        return Err(StartError::NotInstalled { program });
    }
    let folder = |source| StartError::Folder { root: root.to_owned(), source };
    // To versitygw, a folder of its root is a bucket.
    let buckets = root.join("buckets");
    fs::create_dir_all(buckets.join(BUCKET)).map_err(folder)?;
    let log = root.join("server.log");

    for _ in 0..STARTS_MAX {
        let output = File::create(&log).map_err(folder)?;
        let errors = output.try_clone().map_err(folder)?;
        let address = free_address().map_err(folder)?;
        let process = Command::new(&program)
            .args(["--quiet", "--keep-alive", "--region", REGION, "--port", &address.to_string(), "posix"])
            .arg(&buckets)
            .env("ROOT_ACCESS_KEY_ID", ACCESS_KEY)
            .env("ROOT_SECRET_ACCESS_KEY", SECRET_KEY)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| StartError::Spawn { program: program.clone(), source })?;
        let mut server = S3Server { process, address };
        if server.becomes_ready() {
            return Ok(server);
        }
        // Most likely somebody else took the port between our look and the server's; another port, then.
    }
    Err(StartError::NotReady { log: fs::read_to_string(&log).map_err(folder)? })
}

impl S3Server {
    /// Whether this very process answers before it ends or patience does.
    fn becomes_ready(&mut self) -> bool {
        for _ in 0..POLLS_MAX {
            match self.process.try_wait() {
                Ok(None) if answers(self.address) => {
                    return matches!(self.process.try_wait(), Ok(None));
                }
                Ok(None) => thread::sleep(POLL_INTERVAL),
                Ok(Some(_)) | Err(_) => return false,
            }
        }
        false
    }
}

/// Any answer in HTTP will do: without a signature it is a refusal.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(start)
    };
    ask().is_ok_and(|start| &start == b"HTTP/")
}

fn program() -> PathBuf {
    match env::var_os("ABIDE_TEST_S3") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/versitygw"),
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
