//! Requests of this server to others.

use std::{fmt, io, pin::pin, sync::Arc};

use hyper::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

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

    /// Encrypted where it is an address of HTTPS, for which there have to be settings.
    pub(crate) async fn connect(&self, tls: Option<&Arc<ClientConfig>>) -> io::Result<Connection> {
        let tls = match (self.is_encrypted, tls) {
            (false, _) => None,
            (true, Some(tls)) => Some((tls, self.host.as_str())),
            (true, None) => return Err(io::Error::other("there is nobody whose certificates are believed")),
        };
        connect(&self.to_string(), tls).await
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What bytes go over, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type Connection = TokioIo<Box<dyn Stream>>;

/// A connection to `HOST:PORT`, encrypted with whoever shows a certificate for a name.
pub(crate) async fn connect(to: &str, tls: Option<(&Arc<ClientConfig>, &str)>) -> io::Result<Connection> {
    let stream = TcpStream::connect(to).await?;
    let _ = stream.set_nodelay(true);
    let Some((tls, name)) = tls else { return Ok(TokioIo::new(Box::new(stream))) };
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    Ok(TokioIo::new(Box::new(TlsConnector::from(tls.clone()).connect(name, stream).await?)))
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
