//! Other nodes of the store, which tell this one how far the journals lead.
//!
//! One task for each holds a connection to it and keeps the last line that came. What is told is where to look; it counts
//! when the bucket has it. A node that is silent, gone or wrong is tried again later and holds nobody up.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use abide_journal::{Head, Heartbeat, Store};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, HOST},
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    access::ABIDE_TOKEN,
    metrics::Metrics,
    outgoing::{Place, drive},
    push::Line,
    secrets,
    tls::{self, is_set},
};

/// `[serve.peers]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peers {
    /// Nodes that tell this one what is new, e.g. `https://eu-2.example.com:7450`.
    pub hear: Vec<String>,
    /// One that looks at the bucket for this one too, which looks itself only while that one does not tell; empty for
    /// none.
    pub relay: String,
    /// How old what the relay knows may be, in milliseconds, before this node looks at the bucket itself.
    pub relay_patience_ms: u64,
    /// The access token that is shown to all of them, with the right `follow`; in a variable or a file.
    pub token_variable: String,
    pub token_file: PathBuf,
    /// Whose certificates are believed of them, in PEM.
    pub authorities_file: PathBuf,
    /// What this node shows where they ask for a certificate, in PEM.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            hear: Vec::new(),
            relay: String::new(),
            relay_patience_ms: 2_000,
            token_variable: String::new(),
            token_file: PathBuf::new(),
            authorities_file: PathBuf::new(),
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
        }
    }
}

/// What another node told last.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) heads: Vec<Head>,
    /// There was nothing more at this moment.
    pub(crate) as_of: Option<Instant>,
    /// It is what this node relies on.
    pub(crate) is_relay: bool,
}

/// The last of each, in the order of the settings.
pub(crate) type AllTold = Vec<Option<Told>>;

/// To be connected, and to have agreed on encryption.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection on which nothing comes for so long is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Between two attempts; it doubles with each that fails, and a random part of it is left out.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A head is some 150 bytes: more origins than there are.
const LINE_MAX: usize = 4 << 20;

impl Peers {
    /// What makes no sense, without looking at the files.
    pub(crate) fn check(&self) -> Result<(), String> {
        let all: Vec<&String> = self.all().map(|(url, _)| url).collect();
        for url in &all {
            let place = Place::read(url).map_err(|why| format!("peers, `{url}`: {why}"))?;
            if place.path != "/" || url.ends_with('/') {
                return Err(format!("peers, `{url}`: it is an address without a path"));
            }
            if place.is_encrypted && !is_set(&self.authorities_file) {
                return Err(
                    "peers: `authorities_file` names those whose certificates are believed".to_owned()
                );
            }
        }
        if !self.token_variable.is_empty() && is_set(&self.token_file) {
            return Err("peers: name a `token_variable` or a `token_file`".to_owned());
        }
        if is_set(&self.certificate_file) != is_set(&self.key_file) {
            return Err("peers: `certificate_file` and `key_file` go together".to_owned());
        }
        Ok(())
    }

    /// Each with whether it is the relay.
    fn all(&self) -> impl Iterator<Item = (&String, bool)> {
        let relay = Some(&self.relay).filter(|relay| !relay.is_empty());
        relay.into_iter().map(|relay| (relay, true)).chain(self.hear.iter().map(|url| (url, false)))
    }

    pub(crate) fn has_relay(&self) -> bool {
        !self.relay.is_empty()
    }

    fn token(&self) -> Result<Option<String>, String> {
        let text = if !self.token_variable.is_empty() {
            secrets::of_variable(&self.token_variable)?
        } else if is_set(&self.token_file) {
            secrets::of_file(&self.token_file)?
        } else {
            return Ok(None);
        };
        Ok(Some(text.trim().to_owned()))
    }

    /// Begins to listen to all of them. The tasks end when told to stop.
    pub(crate) fn listen(
        &self,
        store: &Store,
        metrics: &Arc<Metrics>,
        random: fn() -> io::Result<[u8; 12]>,
        stop: &watch::Receiver<bool>,
    ) -> Result<watch::Receiver<AllTold>, String> {
        self.token().map_err(|why| format!("peers: {why}"))?;
        let count = self.all().count();
        let told = Arc::new(watch::Sender::new(vec![None; count]));
        let heard = told.subscribe();
        let is_encrypted = self.all().any(|(url, _)| url.starts_with("https://"));
        let tls = is_encrypted
            .then(|| tls::client(&self.authorities_file, &self.certificate_file, &self.key_file))
            .transpose()?
            .map(Arc::new);
        for (number, (url, is_relay)) in self.all().enumerate() {
            let peer = Peer {
                place: Place::read(url)?,
                number,
                is_relay,
                settings: self.clone(),
                tls: tls.clone(),
                store: store.clone(),
                metrics: metrics.clone(),
                random,
                told: told.clone(),
            };
            tokio::spawn(peer.run_until(stop.clone()));
        }
        Ok(heard)
    }
}

struct Peer {
    place: Place,
    number: usize,
    is_relay: bool,
    settings: Peers,
    tls: Option<Arc<ClientConfig>>,
    store: Store,
    metrics: Arc<Metrics>,
    random: fn() -> io::Result<[u8; 12]>,
    told: Arc<watch::Sender<AllTold>>,
}

impl Peer {
    async fn run_until(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.run() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn run(&self) {
        let mut pause = PAUSE_MIN;
        loop {
            let mut has_told = false;
            let why = self.hear(&mut has_told).await;
            self.metrics.peer(&self.place.to_string(), false);
            self.told.send_modify(|told| told[self.number] = None);
            // Once for each time that it was there, and not again while it is away.
            if has_told || pause == PAUSE_MIN {
                tracing::warn!(
                    peer = self.place.to_string(),
                    why,
                    "another node does not tell how far it has read"
                );
            }
            pause = if has_told { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
            let part = (self.random)().map_or(u8::MAX, |random| random[0]);
            sleep(pause / 2 + pause / 512 * u32::from(part)).await;
        }
    }

    /// Listens until there is nothing more to hear, and says why.
    async fn hear(&self, has_told: &mut bool) -> String {
        let stream = match timeout(CONNECT, self.place.connect(self.tls.as_ref())).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "it does not answer".to_owned(),
        };
        let (mut sender, connection) = match http1::handshake(stream).await {
            Ok(both) => both,
            Err(error) => return error.to_string(),
        };
        let reading = async {
            let token = self.settings.token()?;
            let mut request = Request::get("/v1/push")
                .header(HOST, self.place.to_string())
                .header(ACCEPT, "application/x-ndjson");
            if let Some(token) = token {
                request = request.header(ABIDE_TOKEN, token);
            }
            let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
            // What is told is dated from here on: the other one got this later, and answers later still.
            let began = Instant::now();
            let answer = timeout(SILENCE_MAX, sender.send_request(request)).await;
            let answer = answer.map_err(|_| "it does not answer")?.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::OK {
                return Err(format!("it answers with status {}", answer.status().as_u16()));
            }
            self.metrics.peer(&self.place.to_string(), true);
            self.read(answer.into_body(), began, has_told).await
        };
        drive(connection, reading).await.err().unwrap_or_default()
    }

    /// Never ends well.
    async fn read(&self, mut body: Incoming, began: Instant, has_told: &mut bool) -> Result<(), String> {
        let mut rest = BytesMut::new();
        loop {
            let frame = timeout(SILENCE_MAX, body.frame()).await.map_err(|_| "it has gone silent")?;
            let frame = frame.ok_or("it has ended")?.map_err(|error| error.to_string())?;
            let Ok(data) = frame.into_data() else { continue };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest.split_to(end + 1);
                if !line.trim_ascii().is_empty() {
                    let told = self.understand(&line, began)?;
                    self.told.send_modify(|all| all[self.number] = Some(told));
                    *has_told = true;
                }
            }
            if rest.len() > LINE_MAX {
                return Err("it tells more than there can be".to_owned());
            }
        }
    }

    fn understand(&self, line: &[u8], began: Instant) -> Result<Told, String> {
        let wrong = "it tells what no node of this store does";
        let Line { as_of_ms, heads } = serde_json::from_slice(line).map_err(|_| wrong)?;
        let heartbeat = Heartbeat::from_json(heads.as_bytes(), &self.store).ok_or(wrong)?;
        let at = |ms: i64| {
            let apart = Duration::from_millis(ms.unsigned_abs());
            let at = if ms < 0 { began.checked_sub(apart) } else { began.checked_add(apart) };
            at.map(|at| at.min(Instant::now()))
        };
        let heads = heartbeat.heads().to_vec();
        Ok(Told { heads, as_of: as_of_ms.and_then(at), is_relay: self.is_relay })
    }
}
