//! That a request comes from the vendor: its signature, or the secret that only the vendor was given.
//!
//! Sources: the vendors' own libraries and documentation, and the vectors in
//! `tests/vectors/webhook_signatures.json`. SHA-1 stands where a vendor signs with it (Twilio, Segment,
//! version 1 of SNS); an HMAC of it is not known to be weak, and AWS offers version 2.

use std::fmt;

use abide_model::Time;
use aws_lc_rs::{
    constant_time, digest, hmac,
    signature::{
        ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{Request, Source, body, ses};

const MINUTE_MICROS: i64 = 60 * 1_000_000;
const DAY_MICROS: i64 = 24 * 60 * MINUTE_MICROS;
/// How far a vendor's clock may be ahead of ours.
const AHEAD_MICROS: i64 = 5 * MINUTE_MICROS;

/// What the vendor signs with, or was given: kept out of logs, and wiped.
///
/// | Source | The text is |
/// | --- | --- |
/// | `sendgrid` | the public key of the signed event webhook, Base64 |
/// | `mailgun` | the HTTP webhook signing key |
/// | `ses` | the ARN of the SNS topic, or several, separated by spaces |
/// | `twilio` | the auth token |
/// | `hubspot` | the client secret of the app |
/// | `customerio`, `klaviyo`, `segment` | the signing secret of the webhook; `user:password` where one is unsigned |
/// | `postmark`, `mailchimp`, `brevo` | `user:password`, or what stands in the URL as `?secret=` |
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    certificate: Option<Vec<u8>>,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), certificate: None }
    }

    /// With the certificate that [`Source::certificate_url`] named, in PEM, as it was fetched.
    #[must_use]
    pub fn with_certificate(self, pem: Vec<u8>) -> Self {
        Self { certificate: Some(pem), ..self }
    }

    /// Whether it is a key of the Standard Webhooks scheme.
    pub fn is_standard(&self) -> bool {
        self.standard_key().is_ok()
    }

    fn standard_key(&self) -> Result<hmac::Key, Refused> {
        let text = self.text.trim();
        let key =
            STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| Refused::BadSecret)?;
        if key.is_empty() { Err(Refused::BadSecret) } else { Ok(hmac::Key::new(hmac::HMAC_SHA256, &key)) }
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A request that comes from the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What makes this request itself unique: the same again, within the window, is a repetition or a
    /// replay, and changes nothing. `None` where the vendor gives nothing; then event ids tell.
    pub replay_key: Option<String>,
    /// When it was signed, where the signature covers a time.
    pub signed_at: Option<Time>,
}

/// Why a request is not taken for the vendor's. Answer 401, and nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it has no signature of this vendor")]
    Unsigned,
    #[error("its signature cannot be read")]
    Malformed,
    #[error("its signature is not that of its content and the secret")]
    WrongSignature,
    #[error("it does not bring the secret")]
    WrongSecret,
    #[error("it was signed too long ago")]
    TooOld,
    #[error("it was signed in the future; the clocks differ")]
    FromTheFuture,
    #[error("it comes from an SNS topic that is not ours")]
    ForeignTopic,
    #[error("its certificate is not at an address of Amazon SNS")]
    ForeignCertificate,
    #[error("the certificate that it names is needed; fetch it")]
    NoCertificate,
    #[error("the secret that is configured is not a key of this vendor's form")]
    BadSecret,
}

impl Source {
    /// For how long a signed request is good, and its replay key to be remembered.
    ///
    /// HubSpot asks for five minutes. The others sign once and try again for up to a day, so that a
    /// shorter window would lose opt-outs after an outage.
    pub fn replay_window_micros(self) -> i64 {
        match self {
            Self::HubSpot => 5 * MINUTE_MICROS,
            _ => DAY_MICROS,
        }
    }

    /// Where the certificate is that signed an SNS message; an address of Amazon's, or refused.
    pub fn certificate_url(self, request: &Request<'_>) -> Result<Option<String>, Refused> {
        match self {
            Self::AmazonSes if !matches!(request.method, "GET" | "HEAD") => {
                ses::certificate_url(request).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// That the request is the vendor's, and of now.
    pub fn verify(self, request: &Request<'_>, secret: &Secret, now: Time) -> Result<Verified, Refused> {
        // An empty key would make signatures that anybody can make.
        if secret.text.trim().is_empty() {
            return Err(Refused::BadSecret);
        }
        let verified = match self {
            Self::SendGrid => sendgrid(request, secret),
            Self::Mailgun => mailgun(request, secret),
            Self::AmazonSes => sns(request, secret),
            Self::Twilio => twilio(request, secret),
            Self::HubSpot => hubspot(request, secret),
            Self::CustomerIo => customer_io(request, secret),
            Self::Klaviyo if request.header("Klaviyo-Signature").is_some() => klaviyo(request, secret),
            Self::Segment if segment_signature(request).is_some() => segment(request, secret),
            Self::Postmark | Self::Mailchimp | Self::Brevo | Self::Klaviyo | Self::Segment => {
                shared_secret(request, secret)
            }
        }?;
        verified.within(self.replay_window_micros(), now)
    }
}

/// The secret itself, for sources that a mapping reads and that sign nothing: basic authentication (`user:password`), a
/// bearer's token, or `?secret=` in the address.
pub fn verify_shared(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    if secret.text.trim().is_empty() {
        return Err(Refused::BadSecret);
    }
    shared_secret(request, secret)
}

/// The Standard Webhooks scheme (Svix, Resend and others), for sources that a mapping reads: an id, a
/// time, and one or several signatures of both and the body. The secret is `whsec_` and Base64.
pub fn verify_standard(request: &Request<'_>, secret: &Secret, now: Time) -> Result<Verified, Refused> {
    const WINDOW_MICROS: i64 = 5 * MINUTE_MICROS;
    let header = |name: &str| {
        request.header(&format!("webhook-{name}")).or_else(|| request.header(&format!("svix-{name}")))
    };
    let (id, timestamp) =
        (header("id").ok_or(Refused::Unsigned)?, header("timestamp").ok_or(Refused::Unsigned)?);
    let key = secret.standard_key()?;
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body].concat();
    let matches = |signature: &str| {
        let mac = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        mac.is_some_and(|mac| hmac::verify(&key, &message, &mac).is_ok())
    };
    if !header("signature").ok_or(Refused::Unsigned)?.split(' ').any(matches) {
        return Err(Refused::WrongSignature);
    }
    let verified = Verified { replay_key: Some(id.to_owned()), signed_at: Some(seconds(timestamp)?) };
    verified.within(WINDOW_MICROS, now)
}

impl Verified {
    fn within(self, window_micros: i64, now: Time) -> Result<Self, Refused> {
        let age = self.signed_at.map_or(0, |signed_at| now.micros_since(signed_at));
        if age > window_micros {
            return Err(Refused::TooOld);
        }
        if age < -AHEAD_MICROS {
            return Err(Refused::FromTheFuture);
        }
        Ok(self)
    }
}

fn required<'a>(request: &Request<'a>, header: &str) -> Result<&'a str, Refused> {
    request.header(header).ok_or(Refused::Unsigned)
}

fn seconds(text: &str) -> Result<Time, Refused> {
    text.parse().map(Time::from_seconds).map_err(|_| Refused::Malformed)
}

fn hmac_of(
    algorithm: hmac::Algorithm,
    secret: &Secret,
    parts: &[&[u8]],
    signature: &[u8],
) -> Result<(), Refused> {
    let key = hmac::Key::new(algorithm, secret.bytes());
    hmac::verify(&key, &parts.concat(), signature).map_err(|_| Refused::WrongSignature)
}

fn from_hex(text: &str) -> Result<Vec<u8>, Refused> {
    hex::decode(text).map_err(|_| Refused::Malformed)
}

fn from_base64(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode(text).map_err(|_| Refused::Malformed)
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn signed(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refused> {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(|_| Refused::WrongSignature)
}

fn sendgrid(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let signature = required(request, "X-Twilio-Email-Event-Webhook-Signature")?;
    let timestamp = required(request, "X-Twilio-Email-Event-Webhook-Timestamp")?;
    let key = STANDARD.decode(pem_body(&secret.text)).map_err(|_| Refused::BadSecret)?;
    let message = [timestamp.as_bytes(), request.body].concat();
    signed(&ECDSA_P256_SHA256_ASN1, &key, &message, &from_base64(signature)?)?;
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: Some(seconds(timestamp)?) })
}

/// The body itself is not signed, so that the token has to be remembered.
fn mailgun(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let (timestamp, token, signature) = super::mailgun::signature(request).ok_or(Refused::Unsigned)?;
    let parts = [timestamp.as_bytes(), token.as_bytes()];
    hmac_of(hmac::HMAC_SHA256, secret, &parts, &from_hex(&signature)?)?;
    Ok(Verified { replay_key: Some(token), signed_at: Some(seconds(&timestamp)?) })
}

fn sns(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let message = ses::Envelope::of(request).map_err(|_| Refused::Malformed)?;
    message.certificate_url()?;
    let topic = message.text("TopicArn").ok_or(Refused::Malformed)?;
    if !secret.text.split([' ', ',']).any(|ours| equal(ours.trim().as_bytes(), topic.as_bytes())) {
        return Err(Refused::ForeignTopic);
    }
    let algorithm: &'static dyn VerificationAlgorithm = match message.text("SignatureVersion") {
        Some("1") => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Some("2") => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Refused::Malformed),
    };
    let signature = message.text("Signature").ok_or(Refused::Unsigned)?;
    let key = certified_key(secret.certificate.as_ref().ok_or(Refused::NoCertificate)?)?;
    let to_sign = message.string_to_sign().ok_or(Refused::Malformed)?;
    signed(algorithm, &key, to_sign.as_bytes(), &from_base64(signature)?)?;
    let signed_at = message.text("Timestamp").and_then(Time::parse_rfc3339).ok_or(Refused::Malformed)?;
    Ok(Verified { replay_key: message.text("MessageId").map(str::to_owned), signed_at: Some(signed_at) })
}

/// The public key of a certificate. Who it belongs to is told by where it was fetched from.
fn certified_key(pem: &[u8]) -> Result<Vec<u8>, Refused> {
    let text = std::str::from_utf8(pem).map_err(|_| Refused::Malformed)?;
    let der = CertificateDer::from(from_base64(&pem_body(text))?);
    let certificate = webpki::EndEntityCert::try_from(&der).map_err(|_| Refused::Malformed)?;
    Ok(certificate.subject_public_key_info().to_vec())
}

/// What stands between the lines of dashes, if there are any, without its line breaks.
fn pem_body(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect()
}

/// The address with each parameter of the form behind it, sorted by name alone, the values of one
/// name sorted and without repetitions. Twilio signs it with the port that it was given or without.
fn twilio(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let signature = required(request, "X-Twilio-Signature")?;
    let mac = from_base64(signature)?;
    let digest_given =
        form_urlencoded::parse(request.query().as_bytes()).find(|(name, _)| name == "bodySHA256");
    let parameters = match digest_given {
        Some((_, given)) => {
            let computed = hex::encode(digest::digest(&digest::SHA256, request.body));
            if !equal(given.to_ascii_lowercase().as_bytes(), computed.as_bytes()) {
                return Err(Refused::WrongSignature);
            }
            String::new()
        }
        None if request.method == "POST" => {
            let mut form = body::form(request).map_err(|_| Refused::Malformed)?;
            form.sort();
            form.dedup();
            form.into_iter().flat_map(|(name, value)| [name, value]).collect()
        }
        None => String::new(),
    };
    let matches = |url: &String| {
        hmac_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, &[url.as_bytes(), parameters.as_bytes()], &mac)
            .is_ok()
    };
    if !spellings(request.url).iter().any(matches) {
        return Err(Refused::WrongSignature);
    }
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: None })
}

/// The address as given, with the port of its scheme or without, and with apostrophes encoded.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    if let Some((scheme, rest)) = url.split_once("://") {
        let standard = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host_at = authority.rfind('@').map_or(0, |at| at + 1);
        match authority[host_at..].rfind(':').filter(|_| !authority.ends_with(']')) {
            Some(colon) => spellings.push(format!("{scheme}://{}{path}", &authority[..host_at + colon])),
            None => spellings.push(format!("{scheme}://{authority}:{standard}{path}")),
        }
    }
    let encoded: Vec<String> =
        spellings.iter().filter(|url| url.contains('\'')).map(|url| url.replace('\'', "%27")).collect();
    spellings.extend(encoded);
    spellings
}

fn hubspot(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let urls = [request.url.to_owned(), hubspot_decoded(request.url)];
    if let Some(signature) = request.header("X-HubSpot-Signature-v3") {
        let timestamp = required(request, "X-HubSpot-Request-Timestamp")?;
        let mac = from_base64(signature)?;
        let matches = |url: &String| {
            let parts = [request.method.as_bytes(), url.as_bytes(), request.body, timestamp.as_bytes()];
            hmac_of(hmac::HMAC_SHA256, secret, &parts, &mac).is_ok()
        };
        if !urls.iter().any(matches) {
            return Err(Refused::WrongSignature);
        }
        let signed_at = timestamp.parse().map(Time::from_millis).map_err(|_| Refused::Malformed)?;
        return Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: Some(signed_at) });
    }
    let signature = required(request, "X-HubSpot-Signature")?;
    let given = from_hex(signature)?;
    let digest_of = |parts: &[&[u8]]| digest::digest(&digest::SHA256, &parts.concat());
    let matches = match request.header("X-HubSpot-Signature-Version") {
        Some("v2") => urls.iter().any(|url| {
            let parts = [secret.bytes(), request.method.as_bytes(), url.as_bytes(), request.body];
            equal(digest_of(&parts).as_ref(), &given)
        }),
        Some("v1") | None => equal(digest_of(&[secret.bytes(), request.body]).as_ref(), &given),
        Some(_) => return Err(Refused::Malformed),
    };
    if !matches {
        return Err(Refused::WrongSignature);
    }
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: None })
}

/// HubSpot signs the address with these characters decoded.
fn hubspot_decoded(url: &str) -> String {
    const DECODED: [(&str, &str); 10] = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2C", ","),
    ];
    DECODED.iter().fold(url.to_owned(), |url, (encoded, plain)| {
        url.replace(encoded, plain).replace(&encoded.to_lowercase(), plain)
    })
}

fn customer_io(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let signature = required(request, "X-CIO-Signature")?;
    let timestamp = required(request, "X-CIO-Timestamp")?;
    let parts = [b"v0:", timestamp.as_bytes(), b":", request.body];
    hmac_of(hmac::HMAC_SHA256, secret, &parts, &from_hex(signature)?)?;
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: Some(seconds(timestamp)?) })
}

fn klaviyo(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let signature = required(request, "Klaviyo-Signature")?;
    let timestamp = required(request, "Klaviyo-Timestamp")?;
    let parts = [request.body, timestamp.as_bytes()];
    hmac_of(hmac::HMAC_SHA256, secret, &parts, &from_hex(signature)?)?;
    let signed_at = body::http_date(timestamp).or_else(|| seconds(timestamp).ok());
    let signed_at = signed_at.ok_or(Refused::Malformed)?;
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: Some(signed_at) })
}

/// The newer header covers a whole batch. The older one covers the first event of it, so it is good for
/// single events only: over more than one it does not match.
fn segment_signature<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.header("X-Segment-Signature").or_else(|| request.header("X-Signature"))
}

fn segment(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let signature = segment_signature(request).ok_or(Refused::Unsigned)?;
    let mac = from_hex(signature)?;
    hmac_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, &[request.body], &mac)?;
    Ok(Verified { replay_key: Some(signature.to_owned()), signed_at: None })
}

/// HTTP basic authentication, a bearer's token, or the secret in the query of the address.
fn shared_secret(request: &Request<'_>, secret: &Secret) -> Result<Verified, Refused> {
    let in_header = request.header("Authorization").and_then(|header| {
        let (scheme, credentials) = header.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => STANDARD.decode(credentials.trim()).ok(),
            "bearer" => Some(credentials.trim().as_bytes().to_vec()),
            _ => None,
        }
    });
    let in_url = form_urlencoded::parse(request.query().as_bytes())
        .find(|(name, _)| name == "secret")
        .map(|(_, value)| value.into_owned().into_bytes());
    match in_header.into_iter().chain(in_url).find(|given| equal(given, secret.bytes())) {
        Some(_) => Ok(Verified { replay_key: None, signed_at: None }),
        None => Err(Refused::WrongSecret),
    }
}
