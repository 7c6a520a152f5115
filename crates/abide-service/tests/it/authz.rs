//! What gateways ask about, in the way of each; and real gateways in front of a real API.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use abide_service::{AuthzRoute, Config, Layers};
use serde_json::json;

use crate::{
    client::Client,
    world::{Running, World, config, wait_until},
};

fn route(path: &str, identifiers: &[&str]) -> AuthzRoute {
    AuthzRoute {
        path: path.to_owned(),
        methods: Vec::new(),
        action: "contact.email".to_owned(),
        context: BTreeMap::from([("purpose".to_owned(), "marketing".to_owned())]),
        identifiers: identifiers.iter().map(|text| (*text).to_owned()).collect(),
        on_cannot_tell: None,
        list_age_max_ms: None,
    }
}

fn routes() -> Config {
    Config {
        authz: vec![
            route("/send", &["email=query:to", "email=header:x-recipient", "email=body:/to"]),
            route("/members/{email}/**", &[]),
            AuthzRoute { on_cannot_tell: Some("allow".to_owned()), ..route("/lax", &["email=query:to"]) },
        ],
        ..config()
    }
}

fn start(world: &World) -> Running {
    let running = Running::start(routes(), world.wiring("main", world.objects()));
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    running.ready().post("/v1/signals", &said).good();
    running
}

/// The same requests in the way of each gateway: 200 lets them pass, 403 does not.
#[test]
fn each_gateway_asks_in_its_way() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let mut by_headers = |path: &str, names: [&str; 2], uri: &str| {
        client.ask("GET", path, &[(names[0], "POST"), (names[1], uri)], b"").status
    };
    let requests = [
        ("/send?to=loud@example.com", 200),
        ("/send?to=quiet%40example.com", 403),
        ("/send?to=loud@example.com&to=quiet@example.com", 403),
        ("/send", 403),
        ("/send?to=nobody", 403),
        ("/members/QUIET@example.com/messages/1", 403),
        ("/members/loud@example.com/messages/1", 200),
        ("/members/loud@example.com/../../send", 403),
        ("/elsewhere?to=loud@example.com", 403),
        ("/lax?to=nobody", 200),
        ("/lax?to=quiet@example.com", 403),
        ("/lax?to=quiet@example.com&to=loud@example.com", 403),
    ];
    for (uri, status) in requests {
        assert_eq!(
            by_headers("/v1/authz/nginx", ["x-original-method", "x-original-uri"], uri),
            status,
            "{uri}"
        );
        assert_eq!(
            by_headers("/v1/authz/forward", ["x-forwarded-method", "x-forwarded-uri"], uri),
            status,
            "{uri}"
        );
    }
    // What one gateway sets, the client of another could make up.
    let mixed = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/send?to=loud@example.com")];
    assert_eq!(client.ask("GET", "/v1/authz/nginx", &mixed, b"").status, 403);
    let twice = [
        ("x-original-method", "POST"),
        ("x-original-uri", "/send?to=loud@example.com"),
        ("x-original-uri", "/send?to=quiet@example.com"),
    ];
    assert_eq!(client.ask("GET", "/v1/authz/nginx", &twice, b"").status, 403);
    for (uri, status) in requests {
        let path = format!("/v1/authz/envoy{uri}");
        assert_eq!(client.ask("POST", &path, &[], b"").status, status, "{path}");
    }
    for (body, status) in [
        ("{\"to\":\"loud@example.com\"}", 200),
        ("{\"to\":\"quiet@example.com\"}", 403),
        ("{\"to\":[\"loud@example.com\",\"quiet@example.com\"]}", 403),
        ("{\"to\":{}}", 403),
        ("{\"to\":", 403),
    ] {
        assert_eq!(client.ask("POST", "/v1/authz/envoy/send", &[], body.as_bytes()).status, status, "{body}");
    }
    let passed = client.ask("POST", "/v1/authz/envoy/send?to=loud@example.com", &[], b"");
    assert_eq!(passed.header("abide-verdict"), Some("allow"));
    let blocked = client.ask("POST", "/v1/authz/envoy/send?to=quiet@example.com", &[], b"");
    assert!(
        blocked.body.contains("blocked by email-opted-out") && !blocked.body.contains("quiet"),
        "{blocked:?}"
    );
    assert!(
        running.metrics().contains("verdict=\"block\",rule=\"email-opted-out\",enforcement_point=\"authz\"")
    );
}

/// The samples of `examples/gateways` as they stand there, but for the ports: what passes reaches the API, and nothing else.
#[test]
fn nginx_lets_through_what_may_pass() {
    let gateway = |folder: &Path, ports: Ports| {
        let sample = ports.put_into("nginx/nginx.conf");
        let conf = folder.join("nginx.conf");
        // Everything that it writes goes into the folder, also as root.
        let global = format!(
            "daemon off; master_process off; error_log stderr; pid {0}/pid;\nevents {{}}\nhttp {{ access_log off; \
             client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;",
            folder.display()
        );
        fs::write(&conf, sample.replacen("events {}\n\nhttp {", &global, 1)).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(conf);
        command
    };
    lets_through_what_may_pass(gateway);
}

#[test]
fn caddy_lets_through_what_may_pass() {
    let gateway = |folder: &Path, ports: Ports| {
        let file = folder.join("Caddyfile");
        fs::write(&file, ports.put_into("caddy/Caddyfile")).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command
    };
    lets_through_what_may_pass(gateway);
}

#[derive(Clone, Copy)]
struct Ports {
    gateway: u16,
    abide: u16,
    api: u16,
}

impl Ports {
    fn put_into(self, sample: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateways").join(sample);
        let text = fs::read_to_string(path).unwrap();
        let put = [("8080", self.gateway), ("7450", self.abide), ("9000", self.api)];
        put.iter().fold(text, |text, (sample, port)| {
            assert!(text.contains(sample));
            text.replace(sample, &port.to_string())
        })
    }
}

fn lets_through_what_may_pass(gateway: impl FnOnce(&Path, Ports) -> Command) {
    let world = World::new();
    let sample =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateways/abide.toml"));
    let table: toml::Table = sample.unwrap().parse().unwrap();
    let mut layers = Layers::default();
    layers.file(table["serve"].as_table().unwrap()).unwrap();
    let config = Config { authz: layers.config().unwrap().authz, ..config() };
    let running = Running::start(config, world.wiring("main", world.objects()));
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    running.ready().post("/v1/signals", &said).good();

    let api = Api::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ports = Ports { gateway: free.port(), abide: running.address().port(), api: api.port };
    let folder = tempfile::tempdir().unwrap();
    let mut command = gateway(folder.path(), ports);
    let _gateway = Started::start(&mut command);
    wait_until(|| TcpStream::connect(free).is_ok());

    let mut client = Client::new(free);
    for (method, uri, headers, status) in [
        ("POST", "/send?to=loud@example.com", vec![], 200),
        ("POST", "/send?to=quiet@example.com", vec![], 403),
        ("POST", "/send", vec![("x-recipient", "loud@example.com")], 200),
        ("POST", "/send", vec![("x-recipient", "quiet@example.com")], 403),
        ("POST", "/send", vec![], 403),
        ("GET", "/send?to=loud@example.com", vec![], 403),
        ("PUT", "/lists/7/members/loud%40example.com", vec![], 200),
        ("PUT", "/lists/7/members/quiet%40example.com", vec![], 403),
        // What a client says of itself counts for nothing.
        ("POST", "/send?to=quiet@example.com", vec![("x-original-uri", "/send?to=loud@example.com")], 403),
        ("POST", "/send?to=quiet@example.com", vec![("x-forwarded-uri", "/send?to=loud@example.com")], 403),
        ("PUT", "/lists/7/members/../members/loud%40example.com", vec![], 403),
    ] {
        let answer = client.ask(method, uri, &headers, b"");
        assert_eq!(answer.status, status, "{method} {uri} {headers:?}: {answer:?}");
    }
    assert_eq!(api.asked.load(Ordering::SeqCst), 3, "what did not pass reached the API");
    // Without Abide nothing passes.
    drop(running);
    let answer = Client::new(free).ask("POST", "/send?to=loud@example.com", &[], b"");
    assert!(answer.status >= 500, "{answer:?}");
}

/// A process that ends with the test.
struct Started(Child);

impl Started {
    fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(started.expect("nginx and Caddy are installed: `apt-get install nginx-light caddy`"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody else's API: it says yes to all, and counts.
struct Api {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Api {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                count.fetch_add(1, Ordering::SeqCst);
                let _ = (&stream)
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            }
        });
        Self { port, asked }
    }
}
