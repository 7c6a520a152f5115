//! HTTPS: with the certificates of now, and for whoever has one where that is asked for.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use abide_service::{Config, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, Stream,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::world::{Running, World, config};

/// An authority that a test makes up.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in DER and PEM.
pub(crate) struct Made {
    pub(crate) certificate: CertificateDer<'static>,
    pem: String,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn make(&self, name: &str) -> Made {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let made = params.signed_by(&key, &self.0).unwrap();
        Made { certificate: made.der().clone(), pem: made.pem(), key }
    }
}

pub(crate) fn install(folder: &Path, made: &Made) {
    fs::write(folder.join("certificate.pem"), &made.pem).unwrap();
    fs::write(folder.join("key.pem"), made.key.serialize_pem()).unwrap();
}

/// Status and body; an error where the two do not come to speak.
fn ask(
    address: SocketAddr,
    trusts: &Authority,
    shows: Option<&Made>,
    request: &str,
) -> std::io::Result<(u16, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(trusts.0.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(made) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
            builder.with_client_auth_cert(vec![made.certificate.clone()], key).unwrap()
        }
    };
    let mut session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(address)?;
    let mut stream = Stream::new(&mut session, &mut socket);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // An end without a goodbye.
        Err(error) if answer.is_empty() => return Err(error),
        _ => {}
    }
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).ok_or(std::io::ErrorKind::UnexpectedEof)?.parse().unwrap();
    Ok((status, answer))
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn check() -> String {
    let body = r#"{"action":"contact.email","subject":{"email":"a@example.com"}}"#;
    let length = body.len();
    format!(
        "POST /v1/check HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn certificates() {
    let world = World::new();
    let folder = world.directory.path();
    let (first, second) = (Authority::new(), Authority::new());
    install(folder, &first.make("localhost"));
    fs::write(folder.join("clients.pem"), first.0.pem()).unwrap();
    let tls = Tls {
        certificate_file: folder.join("certificate.pem"),
        key_file: folder.join("key.pem"),
        client_authorities_file: folder.join("clients.pem"),
    };
    let running = Running::start(Config { tls, ..config() }, world.wiring("main", world.objects()));
    let address = running.address();
    let (known, stranger) = (first.make("sender"), second.make("sender"));
    // What is open to everybody is open to who has no certificate: a vendor, or somebody who unsubscribes.
    assert_eq!(ask(address, &first, None, HEALTH).unwrap().0, 200);
    while ask(address, &first, None, &HEALTH.replace("healthz", "readyz")).unwrap().0 != 200 {}
    let refused = ask(address, &first, None, &check()).unwrap();
    assert!(refused.0 == 403 && refused.1.contains("#no-certificate"), "{refused:?}");
    assert_eq!(ask(address, &first, Some(&known), &check()).unwrap().0, 200);
    assert!(ask(address, &first, Some(&stranger), &check()).is_err(), "of an authority that is not known");
    assert!(ask(address, &second, None, HEALTH).is_err(), "not the server that is trusted");
    assert!(running.client().send_plain(HEALTH).is_none(), "an answer without TLS");

    // A file that is not right changes nothing, and then the new certificate counts for whoever comes.
    fs::write(folder.join("certificate.pem"), "nothing").unwrap();
    assert!(running.server().reload().unwrap_err().to_string().contains("certificate.pem"));
    assert_eq!(ask(address, &first, None, HEALTH).unwrap().0, 200);
    install(folder, &second.make("localhost"));
    running.server().reload().unwrap();
    assert_eq!(ask(address, &second, None, HEALTH).unwrap().0, 200);
    assert!(ask(address, &first, None, HEALTH).is_err());
}
