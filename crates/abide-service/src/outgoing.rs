//! Requests of this server to others.

use std::{fmt, pin::pin};

use hyper::Uri;

/// Where somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_encrypted: bool,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn read(url: &str) -> Result<Self, String> {
        let wrong = || "it is an address such as https://eu-2.example.com:7450".to_owned();
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        if uri.query().is_some() {
            return Err(wrong());
        }
        let is_loopback =
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !is_encrypted && !is_loopback {
            return Err("only a loopback address is asked without TLS".to_owned());
        }
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Ok(Self { host, port, is_encrypted, path: uri.path().to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Drives a connection while something is asked on it. What came before the connection ended still counts, so its end ends
/// nothing: who asks sees it where there is no more to be read.
pub(crate) async fn drive<T>(connection: impl Future, asking: impl Future<Output = T>) -> T {
    let (mut connection, mut asking) = (pin!(connection), pin!(asking));
    tokio::select! {
        biased;
        asked = asking.as_mut() => asked,
        _ = connection.as_mut() => asking.await,
    }
}
