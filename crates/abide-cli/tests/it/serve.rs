//! `abide serve` as a process: its settings, its end by SIGTERM, and its end by SIGKILL while it takes signals in.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use abide_testkit::wait_until;
use serde_json::{Value, json};

use crate::world::World;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A running server; killed when it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
}

impl Serving {
    fn start(world: &World) -> Self {
        Self::start_by(world.command())
    }

    /// By a command that leads to its store already; ready when this returns.
    pub(crate) fn start_by(mut command: Command) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--metrics", ""]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on http://").expect(&line).to_owned();
        let serving = Self { child, address };
        while serving.ask("GET", "/readyz", "").is_none_or(|(status, _)| status != 200) {
            thread::yield_now();
        }
        serving
    }

    fn signal(&self, named: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([named, &pid]).status().unwrap().success());
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        ask(&self.address, method, path, body)
    }
}

/// Status and body; `None` when it answers no more.
pub(crate) fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whoever was told that an opt-out is durable finds it, however the server ended.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    let world = World::new();
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..3 {
        let mut serving = Serving::start(&world);
        let answered = AtomicUsize::new(0);
        let pid = serving.child.id();
        thread::scope(|scope| {
            for client in 0..8 {
                let (serving, answered, acknowledged) = (&serving, &answered, &acknowledged);
                scope.spawn(move || {
                    for nth in 0.. {
                        let email = format!("p{round}.{client}.{nth}@example.com");
                        let said = json!({ "subject": { "email": email }, "mechanism": "email.unsubscribe" });
                        let Some((200, _)) = serving.ask("POST", "/v1/signals", &said.to_string()) else {
                            break;
                        };
                        acknowledged.lock().unwrap().push(email);
                        // In the middle of what the others send.
                        if answered.fetch_add(1, Ordering::Relaxed) == 40 {
                            Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
                        }
                    }
                });
            }
        });
        assert!(serving.child.wait().unwrap().code().is_none(), "it was killed");
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 120, "{}", acknowledged.len());
    let subjects: Vec<Value> = acknowledged.iter().map(|email| json!({ "email": email })).collect();
    let question = json!({ "action": "contact.email", "subjects": subjects });
    let (status, body) = Serving::start(&world).ask("POST", "/v1/filter", &question.to_string()).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["tally"]["blocked"]), (200, &json!(acknowledged.len())));
    world.must(0, &["verify"]);
}

/// SIGTERM lets a request that was begun end, and it counts.
#[test]
fn it_stops_when_it_is_told_to() {
    let world = World::new();
    let mut serving = Serving::start(&world);
    let body = r#"{"mechanism":"email.unsubscribe","subject":{"email":"late@example.com"}}"#;
    let (head, rest) = body.split_at(20);
    let length = body.len();
    let mut late = TcpStream::connect(&serving.address).unwrap();
    let begun = format!(
        "POST /v1/signals HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{head}"
    );
    late.write_all(begun.as_bytes()).unwrap();
    // So that it was begun by then.
    assert_eq!(serving.ask("GET", "/healthz", "").unwrap().0, 200);
    serving.signal("-TERM");
    wait_until(PAUSE, 300, || TcpStream::connect(&serving.address).is_err());
    late.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    world.must(1, &["check", "--action", "contact.email", "--email", "late@example.com"]);
}

/// SIGHUP reads the settings anew, and keeps those that there were where the file is gone or wrong.
#[test]
fn it_reads_its_settings_anew() {
    let world = World::new();
    let since =
        |date: &str| fs::write(world.path("abide.toml"), format!("[serve]\ngpc_since = {date}\n")).unwrap();
    since("\"2026-01-01\"");
    let serving = Serving::start(&world);
    let told = || serving.ask("GET", "/.well-known/gpc.json", "").unwrap().1;
    assert!(told().contains("2026-01-01"));
    since("\"2026-02-02\"");
    serving.signal("-HUP");
    wait_until(PAUSE, 300, || told().contains("2026-02-02"));
    since("7");
    assert_eq!(serving.ask("POST", "/v1/reload", "").unwrap().0, 409);
    fs::remove_file(world.path("abide.toml")).unwrap();
    assert_eq!(serving.ask("POST", "/v1/reload", "").unwrap().0, 409);
    assert!(told().contains("2026-02-02"));
}

/// The file, the environment, flags: what is effective is shown, and no secret with it.
#[test]
fn settings() {
    let world = World::new();
    fs::write(world.path("abide.toml"), "[store]\norigin = \"eu-1\"\n[serve]\npoll_ms = 50\nworkers = 4\n")
        .unwrap();
    let mut command = world.command();
    command.args(["serve", "--check", "--workers", "2"]).env("ABIDE_SERVE_LIMITS_SIGNALS", "7");
    let secret = fs::read_to_string(world.path("secret")).unwrap();
    command.env_remove("ABIDE_SECRET_FILE").env("ABIDE_SECRET", secret.trim());
    let said = crate::program::Ran::of(&mut command);
    for line in [
        "origin = \"eu-1\"",
        "poll_ms = 50  # abide.toml",
        "workers = 2  # flag",
        "limits.signals = 7  # environment",
        "ABIDE_SECRET holds the secret, which is not shown",
    ] {
        assert!(said.stdout.contains(line), "{line} in {said:?}");
    }
    assert!(!said.stdout.contains(secret.trim()));
    fs::write(world.path("abide.toml"), "[serve]\npoll = 50\n").unwrap();
    let refused = world.must(3, &["serve", "--check"]);
    assert!(refused.stderr.contains("unknown field `poll`"), "{refused:?}");
    // What the start would refuse, this does.
    let hook = "[[serve.hooks]]\nname = \"brevo\"\npublic = \"https://h.example.com\"\nsecret_file = \"none.secret\"\n";
    for (settings, said) in [
        (hook, "the account `brevo`"),
        ("[serve.tls]\ncertificate_file = \"none.pem\"\nkey_file = \"none.pem\"\n", "none.pem"),
    ] {
        fs::write(world.path("abide.toml"), settings).unwrap();
        let refused = world.must(3, &["serve", "--check"]);
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
}

/// A token is shown once; the list and the store have no word of it.
#[test]
fn tokens() {
    let world = World::new();
    let shown =
        world.must(0, &["token", "create", "--name", "newsletter", "--rights", "check,signals:out"]).stdout;
    let (id, secret) = shown.trim().strip_prefix("abide_").unwrap().split_once('_').unwrap();
    let serving = Serving::start(&world);
    assert_eq!(serving.ask("POST", "/v1/check", "{}").unwrap().0, 401);
    let listed = world.must(0, &["token", "list"]).stdout;
    assert!(listed.contains(id) && listed.contains("signals:out,check  newsletter  counts"), "{listed}");
    for file in world.objects("tokens") {
        assert!(!fs::read_to_string(&file).unwrap().contains(secret), "{}", file.display());
    }
    world.must(0, &["token", "revoke", id]);
    assert!(world.must(0, &["token", "list"]).stdout.contains("revoked"));
    world.must(3, &["token", "revoke", "0000000000000000"]);
}
