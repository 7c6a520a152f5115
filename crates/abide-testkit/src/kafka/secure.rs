//! A second listener of a broker: TLS with a certificate of an invented authority, and a log-in by SASL.

use std::{fs, io, net::SocketAddr, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Who may log in, as nobody else does.
#[derive(Clone, Copy, Debug)]
pub struct Login<'l> {
    pub user: &'l str,
    pub password: &'l str,
}

#[derive(Debug)]
pub(super) struct Secure {
    pub(super) address: SocketAddr,
    /// Whom to believe, in PEM.
    pub(super) authority: String,
    /// Lines of the broker's settings, beside those that name its listeners.
    pub(super) settings: String,
    /// What its storage is formatted with.
    pub(super) scram: String,
}

impl Secure {
    /// With the key and the certificates in the broker's folder.
    pub(super) fn prepare(folder: &Path, address: SocketAddr, login: Login<'_>) -> io::Result<Self> {
        let authority = authority("the authority of a test");
        let key = KeyPair::generate().expect("a key can be made");
        let names = ["localhost".to_owned(), address.ip().to_string()];
        let params = CertificateParams::new(names).expect("they are names");
        let certificate = params.signed_by(&key, &authority).expect("the authority has its key");
        let keystore = folder.join("keystore.pem");
        fs::write(&keystore, [key.serialize_pem(), certificate.pem(), authority.pem()].concat())?;
        let Login { user, password } = login;
        let settings = format!(
            "listener.name.secure.ssl.keystore.type=PEM\n\
             listener.name.secure.ssl.keystore.location={}\n\
             listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN\n\
             listener.name.secure.scram-sha-256.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             listener.name.secure.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";\n",
            keystore.display(),
        );
        let scram = format!("SCRAM-SHA-256=[name=\"{user}\",password=\"{password}\"]");
        Ok(Self { address, authority: authority.pem(), settings, scram })
    }
}

/// Another authority, which signed nothing here, in PEM.
pub fn stranger() -> String {
    authority("nobody's authority").pem()
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    CertifiedIssuer::self_signed(params, key).expect("it has its key")
}
