//! Amazon SES through SNS: signed by a certificate that is fetched from SNS alone, and confirmed there. Amazon is played by
//! the test, with an authority of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use abide_service::{Config, HookAccount};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, SigningKey as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use serde_json::{Value, json};

use crate::{
    client::Client,
    tls::Authority,
    world::{Running, World, config, now},
};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ses-events";
const HOST: &str = "sns.us-east-1.amazonaws.com";
const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem";

/// What SNS signs by, and what was asked of it.
struct Sns {
    address: SocketAddr,
    key: KeyPair,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Sns {
    fn start(authority: &Authority) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let pem = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem();
        let own = authority.make(HOST);
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let der = PrivateKeyDer::Pkcs8(own.key.serialize_der().into());
        let tls = Arc::new(builder.with_single_cert(vec![own.certificate.clone()], der).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sns = Self { address: listener.local_addr().unwrap(), key, asked: Arc::default() };
        let asked = sns.asked.clone();
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream =
                    BufReader::new(StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), stream));
                let mut line = String::new();
                // Who does not believe this certificate goes.
                if stream.read_line(&mut line).is_err() {
                    continue;
                }
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                let body =
                    if path.contains("/Simple") { pem.as_str() } else { "<ConfirmSubscriptionResponse/>" };
                let status = if path.contains("gone") { "404 Not Found" } else { "200 OK" };
                asked.lock().unwrap().push(path);
                let _ = write!(
                    stream.get_mut(),
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.get_mut().flush();
            }
        });
        sns
    }

    fn signed(&self, mut message: Value) -> Value {
        let fields = if message["Type"] == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"][..]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let text: String = fields
            .iter()
            .filter_map(|field| Some(format!("{field}\n{}\n", message[*field].as_str()?)))
            .collect();
        message["SignatureVersion"] = json!("2");
        message["Signature"] = json!(STANDARD.encode(self.key.sign(text.as_bytes()).unwrap()));
        message
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn complaint(id: &str, who: &[&str]) -> Value {
    let who: Vec<Value> = who.iter().map(|one| json!({ "emailAddress": one })).collect();
    let event = json!({
        "notificationType": "Complaint",
        "complaint": { "complainedRecipients": who, "timestamp": now().to_string() },
    });
    json!({
        "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": event.to_string(),
        "Timestamp": now().to_string(), "SigningCertURL": CERTIFICATE,
    })
}

fn start(world: &World, authority: &Authority, sns: &Sns) -> Running {
    let folder = world.directory.path();
    let (topic, authorities) = (folder.join("topic"), folder.join("authorities.pem"));
    fs::write(&topic, TOPIC).unwrap();
    fs::write(&authorities, authority.pem()).unwrap();
    let account = HookAccount {
        secret_file: Some(topic),
        authorities_file: Some(authorities),
        connect_to: Some(sns.address.to_string()),
        ..crate::hooks::account(folder, "ses")
    };
    Running::start(Config { hooks: vec![account], ..config() }, world.wiring("main", world.objects()))
}

/// Status, and the type of the problem or the answer.
fn post(client: &mut Client, message: &Value) -> (u16, String) {
    // SNS names no JSON.
    let answer = client.ask(
        "POST",
        "/v1/hooks/ses",
        &[("content-type", "text/plain")],
        message.to_string().as_bytes(),
    );
    (answer.status, if answer.status == 200 { answer.body } else { answer.problem() })
}

#[test]
fn what_sns_signs_counts() {
    let world = World::new();
    let authority = Authority::new();
    let sns = Sns::start(&authority);
    let running = start(&world, &authority, &sns);
    let mut client = running.ready();

    let confirmation = json!({
        "Type": "SubscriptionConfirmation", "MessageId": "m0", "TopicArn": TOPIC, "Token": "t", "Message": "You have chosen …",
        "SubscribeURL": format!("https://{HOST}/?Action=ConfirmSubscription&Token=t"), "Timestamp": now().to_string(),
        "SigningCertURL": CERTIFICATE,
    });
    let (status, said) = post(&mut client, &sns.signed(confirmation.clone()));
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\"confirmed\":1"), "{said}");
    let expected = ["/SimpleNotificationService-1.pem", "/?Action=ConfirmSubscription&Token=t"];
    assert_eq!(sns.asked(), expected);

    // One complaint about two people, and who is named twice says it once.
    let people = ["quiet@example.com", "silent@example.com", "Quiet@example.com"];
    let (status, said) = post(&mut client, &sns.signed(complaint("m1", &people)));
    assert!(status == 200 && said.contains("\"accepted\":2,\"repeated\":1"), "{said}");
    assert_eq!(sns.asked(), expected, "a certificate is fetched once");
    for who in people {
        let question = json!({ "action": "contact.email", "subject": { "email": who } });
        assert_eq!(client.post("/v1/check", &question).good()["verdict"], "block");
    }
    let (_, said) = post(&mut client, &sns.signed(complaint("m1", &people)));
    assert!(said.contains("\"accepted\":0,\"repeated\":1"), "{said}");

    // Changed, of another topic, by certificates from elsewhere: nothing of it counts, and nobody else is asked.
    let with = |field: &str, value: &str| {
        let mut message = sns.signed(complaint("m2", &["forged@example.com"]));
        message[field] = json!(value);
        message
    };
    let elsewhere = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";
    for (message, status, problem) in [
        (with("Message", "{}"), 401, "wrong-signature"),
        (with("TopicArn", "arn:aws:sns:us-east-1:123456789012:another"), 401, "wrong-signature"),
        (
            with("SigningCertURL", "https://sns.us-east-1.amazonaws.com.example.com/a.pem"),
            401,
            "wrong-signature",
        ),
        (with("SigningCertURL", "http://sns.us-east-1.amazonaws.com/a.pem"), 401, "wrong-signature"),
        (with("SigningCertURL", elsewhere), 401, "wrong-signature"),
        (with("SignatureVersion", "1"), 401, "wrong-signature"),
        (with("SigningCertURL", "https://sns.us-east-1.amazonaws.com/gone.pem"), 401, "wrong-signature"),
    ] {
        let (status_got, said) = post(&mut client, &message);
        assert_eq!((status_got, said.as_str()), (status, problem), "{message}");
    }
    // A confirmation that leads elsewhere is not followed, although SNS signed it.
    let mut lured = confirmation;
    lured["SubscribeURL"] = json!("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t");
    lured["MessageId"] = json!("m3");
    let (_, said) = post(&mut client, &sns.signed(lured));
    assert!(said.contains("\"unknown\":1"), "{said}");
    assert_eq!(sns.asked()[2..], ["/gone.pem"]);
}

/// Somebody else's authority vouches for what answers: it is not Amazon, and the message is to come again.
#[test]
fn an_amazon_that_nobody_vouches_for() {
    let world = World::new();
    let sns = Sns::start(&Authority::new());
    let running = start(&world, &Authority::new(), &sns);
    let mut client = running.ready();
    let (status, problem) = post(&mut client, &sns.signed(complaint("m1", &["quiet@example.com"])));
    assert_eq!((status, problem.as_str()), (503, "unavailable"));
    assert!(sns.asked().is_empty());
}
