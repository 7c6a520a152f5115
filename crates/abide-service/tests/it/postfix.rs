//! Mail that Postfix takes: refused at `RCPT TO` where the recipient objects, by a real Postfix and in its protocol.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use abide_service::{Config, PolicyService};
use serde_json::json;

use crate::world::{Running, World, config, wait_until};

fn policy(purpose: &str) -> PolicyService {
    PolicyService {
        listen: "127.0.0.1:0".parse().unwrap(),
        action: "contact.email".to_owned(),
        context: BTreeMap::from([("purpose".to_owned(), purpose.to_owned())]),
        on_cannot_tell: None,
        list_age_max_ms: None,
    }
}

fn start(world: &World, config: Config) -> Running {
    let running = Running::start(config, world.wiring("main", world.objects()));
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    running.ready().post("/v1/signals", &said).good();
    running
}

struct Conversation(BufReader<TcpStream>);

impl Conversation {
    fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// `None` when it was ended.
    fn answer(&mut self) -> Option<String> {
        let mut lines = [String::new(), String::new()];
        for line in &mut lines {
            self.0.read_line(line).ok().filter(|length| *length > 0)?;
        }
        assert_eq!(lines[1], "\n");
        Some(lines[0].strip_prefix("action=").unwrap().trim_end().to_owned())
    }

    fn ask(&mut self, recipient: &[u8]) -> Option<String> {
        self.write(&request(recipient));
        self.answer()
    }
}

fn request(recipient: &[u8]) -> Vec<u8> {
    let before = b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=news@example.org\nrecipient=";
    [before, recipient, b"\nclient_address=192.0.2.1\n\n"].concat()
}

#[test]
fn requests_one_after_the_other() {
    let world = World::new();
    let mut limits = config().limits;
    (limits.body_s, limits.single_bytes) = (1, 2_000);
    let lax = PolicyService { on_cannot_tell: Some("allow".to_owned()), ..policy("marketing") };
    let stale = PolicyService { list_age_max_ms: Some(0), ..policy("marketing") };
    let postfix = vec![policy("marketing"), policy("transactional"), lax, stale];
    let running = start(&world, Config { postfix, limits, ..config() });
    let [marketing, transactional, lax, stale] = running.server().postfix_addresses().try_into().unwrap();
    let mut asked = Conversation::begin(marketing);
    for (recipient, action) in [
        (&b"loud@example.com"[..], "DUNNO"),
        (b"quiet@example.com", "550 5.7.1 the recipient objects to this mail (email-opted-out)"),
        (b"QUIET@Example.COM", "550 5.7.1 the recipient objects to this mail (email-opted-out)"),
        (b"", "550 5.7.1 it cannot be told whether the recipient objects (destination_missing)"),
        (b"nobody", "550 5.7.1 it cannot be told whether the recipient objects (destination_unreadable)"),
        (
            b"\xff@example.com",
            "550 5.7.1 it cannot be told whether the recipient objects (destination_missing)",
        ),
    ] {
        assert_eq!(asked.ask(recipient).unwrap(), action, "{}", recipient.escape_ascii());
    }
    // In two pieces, and two at once.
    let (one, other) = (request(b"quiet@example.com"), request(b"loud@example.com"));
    asked.write(&one[..40]);
    asked.write(&[&one[40..], &other].concat());
    assert!(asked.answer().unwrap().starts_with("550"));
    assert_eq!(asked.answer().unwrap(), "DUNNO");

    assert_eq!(Conversation::begin(transactional).ask(b"quiet@example.com").unwrap(), "DUNNO");
    assert_eq!(Conversation::begin(lax).ask(b"nobody").unwrap(), "DUNNO");
    assert!(Conversation::begin(lax).ask(b"quiet@example.com").unwrap().starts_with("550"));
    assert!(Conversation::begin(stale).ask(b"loud@example.com").unwrap().starts_with("451 4.7.1"));
    assert!(Conversation::begin(stale).ask(b"quiet@example.com").unwrap().starts_with("550"));

    // What is none, too long, too slow or cut gets no answer, and harms no other.
    for bad in [
        &b"request=smtpd_access_policy\nrecipient\n\n"[..],
        b"request=something_else\nrecipient=loud@example.com\n\n",
        b"recipient=loud@example.com\n\n",
        b"request=smtpd_access_policy\nrecipient=loud@example.com\nrecipient=quiet@example.com\n\n",
        b"\n",
        &[&b"request=smtpd_access_policy\nrecipient="[..], &b"x".repeat(5_000), b"\n\n"].concat(),
        &b"a=b\n".repeat(1_000),
        b"request=smtpd_access_policy\nrecip",
    ] {
        let mut conversation = Conversation::begin(marketing);
        conversation.write(bad);
        assert_eq!(conversation.answer(), None, "{}", bad.escape_ascii());
    }
    let mut cut = Conversation::begin(marketing);
    cut.write(b"request=smtpd_access_policy\nrecipient=loud@exam");
    drop(cut);
    assert_eq!(asked.ask(b"loud@example.com").unwrap(), "DUNNO");
    let metrics = running.metrics();
    assert!(metrics.contains("rule=\"email-opted-out\",enforcement_point=\"postfix\""), "{metrics}");
}

#[test]
fn only_its_own_machine_is_listened_to() {
    let open = PolicyService { listen: "0.0.0.0:7452".parse().unwrap(), ..policy("marketing") };
    let mut layers = abide_service::Layers::default();
    let table = toml::Table::try_from(Config { postfix: vec![open], ..config() }).unwrap();
    layers.file(&table).unwrap();
    let refused = layers.config().unwrap_err().to_string();
    assert!(refused.contains("loopback"), "{refused}");
}

/// The sample of `examples/gateways/postfix`, as it stands there but for the port.
#[test]
fn postfix_refuses_at_rcpt_to() {
    let world = World::new();
    let running = start(&world, Config { postfix: vec![policy("marketing")], ..config() });
    let asked = running.server().postfix_addresses()[0];
    let postfix = Postfix::start(asked);
    let mut client = Smtp::begin(postfix.address);
    for (line, code) in [
        ("EHLO client.example.org", "250"),
        ("MAIL FROM:<news@example.org>", "250"),
        ("RCPT TO:<quiet@example.com>", "550"),
        ("RCPT TO:<loud@example.com>", "250"),
        ("RCPT TO:<Quiet@EXAMPLE.com>", "550"),
    ] {
        let said = client.say(line);
        assert!(said.starts_with(code), "{line}: {said}");
        assert_eq!(said.contains("5.7.1 <"), code == "550", "{said}");
    }
    client.say("QUIT");
    // Without Abide no mail passes, and none is lost: it is to be sent again.
    drop(running);
    let mut client = Smtp::begin(postfix.address);
    for (line, code) in [
        ("EHLO client.example.org", "250"),
        ("MAIL FROM:<news@example.org>", "250"),
        ("RCPT TO:<loud@example.com>", "451"),
    ] {
        let said = client.say(line);
        assert!(said.starts_with(code), "{line}: {said}");
    }
}

struct Smtp(BufReader<TcpStream>);

impl Smtp {
    fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut smtp = Self(BufReader::new(stream));
        assert!(smtp.read().starts_with("220"));
        smtp
    }

    fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.read()
    }

    /// The last line of an answer.
    fn read(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it hung up");
            if line.as_bytes()[3] == b' ' {
                return line;
            }
        }
    }
}

/// Debian's Postfix with a configuration, a queue and a port of its own; it delivers nothing. Ends with the test.
struct Postfix {
    address: SocketAddr,
    folder: tempfile::TempDir,
    master: Child,
}

impl Postfix {
    fn start(policy: SocketAddr) -> Self {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateways/postfix/main.cf");
        let sample = fs::read_to_string(sample).unwrap();
        assert!(sample.contains("127.0.0.1:7452"));
        // Its daemons run as a user of their own.
        let folder = tempfile::tempdir().unwrap();
        let [etc, queue, data] = ["etc", "queue", "data"].map(|name| folder.path().join(name));
        for folder in [&etc, &queue, &data] {
            fs::create_dir(folder).unwrap();
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let own = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmynetworks = 127.0.0.0/8\n\
             myhostname = mail.example.org\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             defer_transports = smtp\nsmtpd_policy_service_retry_delay = 1s\nmaillog_file = {}/log\nmaillog_file_prefixes = {2}\n",
            queue.display(),
            data.display(),
            folder.path().display(),
        );
        fs::write(etc.join("main.cf"), sample.replace("127.0.0.1:7452", &policy.to_string()) + &own).unwrap();
        fs::write(etc.join("master.cf"), master(address)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // It runs with no folders but those that it would have made itself.
        let owned = as_root("chown")
            .arg("root")
            .args([folder.path(), &etc, &queue])
            .arg(etc.join("main.cf"))
            .arg(etc.join("master.cf"))
            .status();
        assert!(owned.unwrap().success());
        assert!(as_root("chown").arg("postfix").arg(&data).status().unwrap().success());
        let mut command = as_root("/usr/sbin/postfix");
        command.arg("-c").arg(&etc).arg("start-fg");
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let master = started.expect("Postfix is installed: `cargo xtask setup`");
        let mut postfix = Self { address, folder, master };
        wait_until(|| postfix.is_up());
        postfix
    }

    fn is_up(&mut self) -> bool {
        if let Some(status) = self.master.try_wait().unwrap() {
            let mut said = String::new();
            self.master.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            panic!("Postfix ended with {status}: {said}{log}");
        }
        TcpStream::connect(self.address).is_ok()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stopped =
            as_root("/usr/sbin/postfix").arg("-c").arg(self.folder.path().join("etc")).arg("stop").output();
        let _ = (stopped, self.master.wait());
    }
}

/// Postfix starts as nobody else.
fn as_root(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() == b"0" {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// The services of Debian's own file that a mail passes until it is taken, none in a changed root.
fn master(address: SocketAddr) -> String {
    let inner = [
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "trace unix - - n - 0 bounce",
        "verify unix - - n - 1 verify",
        "proxymap unix - - n - - proxymap",
        "smtp unix - - n - - smtp",
        "relay unix - - n - - smtp",
        "error unix - - n - - error",
        "retry unix - - n - - error",
        "discard unix - - n - - discard",
        "local unix - n n - - local",
        "virtual unix - n n - - virtual",
        "anvil unix - - n - 1 anvil",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "postlog unix-dgram n - n - 1 postlogd",
    ];
    format!("{address} inet n - n - - smtpd\n{}\n", inner.join("\n"))
}
