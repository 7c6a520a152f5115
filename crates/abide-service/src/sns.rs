//! What Amazon SNS keeps at addresses of its own: the certificates that its messages are signed by, and the confirmation
//! of a subscription.
//!
//! Nothing else is ever asked for. `abide-signals` has checked that an address is Amazon's; here it also has to be of a
//! region that a configured topic is in, so that strangers who name other hosts move nothing. TLS says that it is Amazon who
//! answers, and who holds such a certificate signs for SNS.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use rustls::ClientConfig;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    outgoing::{connect, drive},
    tls,
};

/// Amazon's answers; all of them together take no longer than a vendor waits.
const PATIENCE: Duration = Duration::from_secs(8);
const BYTES_MAX: usize = 64 << 10;

/// Amazon uses few certificates at a time, one a region.
const CERTIFICATES_MAX: usize = 16;

/// Requests to Amazon at a time, of one account.
const AT_ONCE: usize = 2;

pub(crate) struct Amazon {
    tls: Arc<ClientConfig>,
    /// Where connections are led, in the place of Amazon's own address.
    connect_to: Option<String>,
    hosts: Vec<String>,
    /// By their addresses; a certificate is never replaced under its own.
    certificates: Mutex<Vec<(String, Vec<u8>)>>,
    places: Semaphore,
}

/// Why Amazon was not asked, or did not say it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsaid {
    #[error("it names an address that is not of the topics' regions")]
    Foreign,
    #[error("too much is being asked of Amazon SNS; send it again")]
    Busy,
    #[error("Amazon SNS could not be asked; send it again")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("Amazon SNS answers with status {0}")]
    Status(u16),
    #[error("what is there is no certificate")]
    NoCertificate,
}

impl Amazon {
    /// For topics by their ARNs, `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub(crate) fn new(topics: &str, authorities: &Path, connect_to: Option<&str>) -> Result<Self, String> {
        let hosts: Option<Vec<String>> =
            topics.split([' ', ',']).filter(|topic| !topic.is_empty()).map(host).collect();
        let hosts =
            hosts.filter(|hosts| !hosts.is_empty()).ok_or("the secret is the ARN of a topic, or several")?;
        let tls = Arc::new(tls::client(authorities, Path::new(""), Path::new(""))?);
        Ok(Self {
            tls,
            connect_to: connect_to.map(str::to_owned),
            hosts,
            certificates: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// In PEM; kept once it was fetched.
    pub(crate) async fn certificate(&self, url: &str) -> Result<Vec<u8>, Unsaid> {
        let held = || self.certificates.lock().expect("what is done under this lock does not panic");
        if let Some((_, pem)) = held().iter().find(|(at, _)| at == url) {
            return Ok(pem.clone());
        }
        let pem = self.get(url).await?.to_vec();
        if !pem.starts_with(b"-----BEGIN CERTIFICATE-----") {
            return Err(Unsaid::NoCertificate);
        }
        let mut held = held();
        if held.len() >= CERTIFICATES_MAX {
            held.remove(0);
        }
        held.push((url.to_owned(), pem.clone()));
        Ok(pem)
    }

    /// Tells SNS that it may post here.
    pub(crate) async fn confirm(&self, url: &str) -> Result<(), Unsaid> {
        self.get(url).await.map(|_| ())
    }

    async fn get(&self, url: &str) -> Result<Bytes, Unsaid> {
        let (host, path) =
            url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).ok_or(Unsaid::Foreign)?;
        if !self.hosts.iter().any(|known| known == host) {
            return Err(Unsaid::Foreign);
        }
        let _place = self.places.try_acquire().map_err(|_| Unsaid::Busy)?;
        match timeout(PATIENCE, self.fetch(host, &format!("/{path}"))).await {
            Ok(fetched) => fetched,
            Err(late) => Err(Unsaid::Away(late.into())),
        }
    }

    async fn fetch(&self, host: &str, path: &str) -> Result<Bytes, Unsaid> {
        let away = |error: Box<dyn std::error::Error + Send + Sync>| Unsaid::Away(error);
        let to = self.connect_to.clone().unwrap_or_else(|| format!("{host}:443"));
        let stream = connect(&to, Some((&self.tls, host))).await.map_err(|error| away(error.into()))?;
        let (mut sender, connection) = http1::handshake(stream).await.map_err(|error| away(error.into()))?;
        let asking = async {
            let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new());
            let request = request.map_err(|error| away(error.into()))?;
            let answer = sender.send_request(request).await.map_err(|error| away(error.into()))?;
            if answer.status() != StatusCode::OK {
                return Err(Unsaid::Status(answer.status().as_u16()));
            }
            let body = Limited::new(answer.into_body(), BYTES_MAX).collect().await.map_err(away)?;
            Ok(body.to_bytes())
        };
        drive(connection, asking).await
    }
}

/// The one host of a topic's region.
fn host(topic: &str) -> Option<String> {
    let mut parts = topic.split(':');
    let (Some("arn"), Some(partition), Some("sns"), Some(region)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let is_plain =
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let end = if partition == "aws-cn" { ".cn" } else { "" };
    is_plain.then(|| format!("sns.{region}.amazonaws.com{end}"))
}

impl fmt::Debug for Amazon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amazon").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}
