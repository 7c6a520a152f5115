//! TLS by `rustls`, with certificates that can be replaced while the server runs.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

/// `[serve.tls]` of `abide.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate and those that it rests on, in PEM; empty for plain HTTP.
    pub certificate_file: PathBuf,
    /// Its key, in PEM.
    pub key_file: PathBuf,
    /// Who may ask shows a certificate of one of these authorities (PEM), besides a token; empty for a token alone.
    pub client_authorities_file: PathBuf,
}

impl Tls {
    pub fn is_on(&self) -> bool {
        is_set(&self.certificate_file)
    }

    /// What makes no sense, without looking at the files.
    pub(crate) fn check(&self) -> Result<(), String> {
        let demands_without = is_set(&self.client_authorities_file) && !self.is_on();
        if self.is_on() != is_set(&self.key_file) || demands_without {
            return Err("tls: `certificate_file` and `key_file` go together".to_owned());
        }
        Ok(())
    }

    pub(crate) fn open(self) -> Result<Option<Encryption>, String> {
        if !self.is_on() {
            return Ok(None);
        }
        let config = self.read()?;
        Ok(Some(Encryption { config: ArcSwap::from_pointee(config), tls: self }))
    }

    fn read(&self) -> Result<ServerConfig, String> {
        let chain = certificates(&self.certificate_file)?;
        let key = PrivateKeyDer::from_pem_file(&self.key_file)
            .map_err(|error| fault(&self.key_file, &error.to_string()))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("tls: {error}"))?;
        let builder = if is_set(&self.client_authorities_file) {
            builder.with_client_cert_verifier(self.verifier()?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| fault(&self.certificate_file, &error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Vendors and people who follow a link have no certificate: it is demanded where a token is.
    fn verifier(&self) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(&self.client_authorities_file)? {
            roots.add(authority).map_err(|error| fault(&self.client_authorities_file, &error.to_string()))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| fault(&self.client_authorities_file, &error.to_string()))
    }
}

/// For asking others: whose certificates are believed, and what is shown to who asks for one.
pub(crate) fn client(authorities: &Path, certificate: &Path, key: &Path) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(authorities)? {
        roots.add(authority).map_err(|error| fault(authorities, &error.to_string()))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?
        .with_root_certificates(roots);
    let mut config = if is_set(certificate) {
        let own = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, &error.to_string()))?;
        let config = builder.with_client_auth_cert(certificates(certificate)?, own);
        config.map_err(|error| fault(certificate, &error.to_string()))?
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// An empty path stands for none.
pub(crate) fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn fault(path: &Path, why: &str) -> String {
    format!("tls: `{}`: {why}", path.display())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| fault(path, &error.to_string()))?;
    if read.is_empty() { Err(fault(path, "there is no certificate in it")) } else { Ok(read) }
}

/// What connections are encrypted by; those that are open keep what they began with.
pub(crate) struct Encryption {
    config: ArcSwap<ServerConfig>,
    tls: Tls,
}

impl Encryption {
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.config.load_full().into()
    }

    /// Whether whoever needs a token needs a certificate too.
    pub(crate) fn demands_certificates(&self) -> bool {
        is_set(&self.tls.client_authorities_file)
    }

    /// Reads the files again. Where they are not right, what was read before counts.
    pub(crate) fn reload(&self) -> Result<(), String> {
        self.config.store(Arc::new(self.tls.read()?));
        Ok(())
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption").field("tls", &self.tls).finish_non_exhaustive()
    }
}
