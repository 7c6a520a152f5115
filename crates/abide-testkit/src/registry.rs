//! A schema registry on loopback, as far as those who read schemas ask it: the answers and refusals of Confluent's REST contract.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct SchemaRegistry {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
    /// Of HTTPS, whom to believe.
    authority: Option<String>,
}

#[derive(Debug, Default)]
struct Held {
    /// By subject, the ids of its versions from 1 on.
    subjects: BTreeMap<String, Vec<u32>>,
    /// From 1 on.
    schemas: Vec<Value>,
    /// What has to stand in the header of the same name.
    authorization: Option<String>,
    /// Instead of any other answer.
    answer: Option<(u16, String)>,
    asked: Vec<String>,
}

impl SchemaRegistry {
    /// Over HTTP. Its threads end with the process.
    pub fn start() -> Self {
        Self::listen(None, None)
    }

    /// Over HTTPS, with a certificate that nobody believes who was not told.
    pub fn start_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .expect("a certificate can be made");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the key is the certificate's");
        Self::listen(Some(Arc::new(config)), Some(made.cert.pem()))
    }

    fn listen(tls: Option<Arc<ServerConfig>>, authority: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let registry = Self { address, held: Arc::default(), authority };
        let accepting = registry.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (registry, tls) = (accepting.clone(), tls.clone());
                thread::spawn(move || {
                    // Who asks may leave before the answer.
                    let _ = match tls {
                        None => registry.answer(stream),
                        Some(config) => ServerConnection::new(config)
                            .map_err(std::io::Error::other)
                            .and_then(|connection| registry.answer(StreamOwned::new(connection, stream))),
                    };
                });
            }
        });
        registry
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate to believe, in PEM.
    pub fn authority(&self) -> &str {
        self.authority.as_deref().expect("it speaks TLS")
    }

    /// Adds a version of a subject; returns the schema's id. References are names with subjects and versions.
    pub fn put(&self, subject: &str, of: &str, schema: &str, references: &[(&str, &str, u32)]) -> u32 {
        let references: Vec<Value> = references
            .iter()
            .map(|(name, subject, version)| json!({"name": name, "subject": subject, "version": version}))
            .collect();
        let mut told = json!({"schema": schema, "references": references});
        // As the registry does, which had nothing else at first.
        if of != "AVRO" {
            told["schemaType"] = of.into();
        }
        let mut held = self.held();
        held.schemas.push(told);
        let id = u32::try_from(held.schemas.len()).expect("a test has few");
        held.subjects.entry(subject.to_owned()).or_default().push(id);
        id
    }

    /// From now on only who comes with this is answered.
    pub fn demand(&self, authorization: &str) {
        self.held().authorization = Some(authorization.to_owned());
    }

    /// Answers everything with this, until it is told `None`.
    pub fn answer_only(&self, answer: Option<(u16, &str)>) {
        self.held().answer = answer.map(|(status, body)| (status, body.to_owned()));
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.held().asked.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("nothing panics under this lock")
    }

    fn answer(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        let mut lines = BufReader::new(&mut stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut authorization = None;
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("authorization") {
                authorization = Some(value.trim().to_owned());
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        let (status, body) = self.held().told(path, authorization.as_deref());
        write!(
            stream,
            "HTTP/1.1 {status} .\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        stream.flush()
    }
}

impl Held {
    fn told(&mut self, path: &str, authorization: Option<&str>) -> (u16, String) {
        self.asked.push(path.to_owned());
        if let Some(answer) = &self.answer {
            return answer.clone();
        }
        if self.authorization.is_some() && self.authorization.as_deref() != authorization {
            return (401, json!({"error_code": 401, "message": "Unauthorized"}).to_string());
        }
        let refusal =
            |code: u32, message: &str| (404, json!({"error_code": code, "message": message}).to_string());
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["schemas", "ids", id] => {
                let known = id.parse().ok().and_then(|id: usize| self.schemas.get(id.checked_sub(1)?));
                known.map_or_else(|| refusal(40_403, "Schema not found"), |told| (200, told.to_string()))
            }
            ["subjects", subject, "versions", version] => {
                let Some(ids) = self.subjects.get(&decoded(subject)) else {
                    return refusal(40_401, "Subject not found");
                };
                let version = if version == "latest" { ids.len() } else { version.parse().unwrap_or(0) };
                let Some(id) = version.checked_sub(1).and_then(|at| ids.get(at)) else {
                    return refusal(40_402, "Version not found");
                };
                let mut told = self.schemas[*id as usize - 1].clone();
                told["subject"] = decoded(subject).into();
                told["version"] = version.into();
                told["id"] = (*id).into();
                (200, told.to_string())
            }
            _ => refusal(404, "HTTP 404 Not Found"),
        }
    }
}

/// `%2F` is a slash that separates nothing.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, others @ ..] = rest {
        let coded = others.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match coded.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
