//! A schema registry, asked for what values begin with the id of. It is asked once for an id, and waited for like the broker.

mod subjects;

pub(crate) use subjects::OfSchema;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, thread, time::Duration};

use abide_model::{Time, causes::chain};
use abide_values::{Kind, Schema};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use serde::Deserialize;

use crate::{
    config::{Config, InvalidConfig, RegistryConfig, Setting},
    schemas::{Known, Schemas},
};

pub(crate) struct Registry {
    url: Url,
    login: Login,
    client: Client,
}

enum Login {
    Nobody,
    User { name: String, password: String },
    Token(String),
}

/// No answer, or none that a registry gives: whatever it is, later it may be another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Away(pub(crate) String);

/// A schema as the registry tells it.
#[derive(Clone, Debug, Deserialize)]
struct Told {
    schema: String,
    /// Avro where nothing is said.
    #[serde(rename = "schemaType")]
    of: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    version: Option<u32>,
}

/// Under which name a schema refers to another one, and where that one is.
#[derive(Clone, Debug, Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: u32,
}

/// A registry's own words.
#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
}

/// A schema with more is no schema that anybody wrote.
const REFERENCES_MAX: usize = 500;
const ANSWER_MAX: usize = 8 << 20;

/// In the place of a version.
const LATEST: &str = "latest";

impl Registry {
    /// `None` where the configuration has none.
    pub(crate) fn of(config: &Config, folder: &Path) -> Result<Option<Self>, InvalidConfig> {
        let timeout = Duration::from_millis(config.stream.timeout_ms);
        let built = config.registry.as_ref().map(|registry| Self::build(registry, folder, timeout));
        built.transpose().map_err(|why| InvalidConfig(format!("[registry]: {why}")))
    }

    fn build(config: &RegistryConfig, folder: &Path, timeout: Duration) -> Result<Self, String> {
        let url = Url::parse(&config.url).map_err(|_| "`url` is no URL")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("`url` begins with http:// or https://, and a host".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`user` and `password` are settings of their own, not parts of `url`".to_owned());
        }
        let read = |setting: &Option<Setting>| setting.as_ref().map(|it| it.read(folder)).transpose();
        let login = match (read(&config.user)?, read(&config.password)?, read(&config.token)?) {
            (None, None, None) => Login::Nobody,
            (Some(name), Some(password), None) => Login::User { name, password },
            (None, None, Some(token)) => Login::Token(token),
            _ => return Err("who asks is `user` with `password`, or `token`".to_owned()),
        };
        // Where it sends us on to, who we are is nobody's business; and a connection lives no longer than what uses it.
        let mut client = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0);
        if let Some(file) = &config.authorities_file {
            let path = folder.join(file);
            let wrong = |why: String| format!("could not read certificates from `{}`: {why}", path.display());
            let pem = fs::read(&path).map_err(|error| wrong(error.to_string()))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(chain(&error)))?;
            if certificates.is_empty() {
                return Err(wrong("there are none".to_owned()));
            }
            client = client.tls_certs_only(certificates);
        }
        let client = client.build().map_err(|error| chain(&error))?;
        Ok(Self { url, login, client })
    }

    /// Asks for a schema. That the registry does not know it is known then too.
    pub(crate) fn learn(&self, schemas: &Schemas, kind: Kind, id: u32, now: Time) -> Result<(), Away> {
        let known = match wait(self.by_id(kind, id))? {
            None => {
                tracing::warn!(id, "the registry does not know the schema that records begin with");
                Known::Unknown(now)
            }
            Some(Ok(schema)) => Known::Schema(Arc::new(schema)),
            Some(Err(why)) => {
                tracing::error!(id, why, "a schema cannot be used; its records are dead letters");
                Known::Unusable
            }
        };
        schemas.learn(kind, id, &known);
        Ok(())
    }

    async fn by_id(&self, kind: Kind, id: u32) -> Result<Option<Result<Schema, String>>, Away> {
        // A registry counts in 31 bits, and what it answers to more is not that it has none.
        if i32::try_from(id).is_err() {
            return Ok(None);
        }
        match self.ask(&["schemas", "ids", &id.to_string()]).await? {
            Some(told) => self.parse(kind, told).await.map(Some),
            None => Ok(None),
        }
    }

    /// With all that it refers to.
    async fn parse(&self, kind: Kind, told: Told) -> Result<Result<Schema, String>, Away> {
        if let Some(why) = other_kind(kind, &told) {
            return Ok(Err(why));
        }
        let mut referred = Vec::new();
        let mut begun = BTreeSet::new();
        // What is still to be asked for, and after what it refers to, taken over.
        let mut ahead: Vec<Ahead> = told.references.into_iter().map(Ahead::Ask).collect();
        while let Some(next) = ahead.pop() {
            match next {
                Ahead::Take(name, text) => referred.push((name, text)),
                Ahead::Ask(Reference { name, subject, version }) => {
                    // A file is imported by its name, a type of Avro is the same wherever it was found.
                    let is_new = begun.insert(match kind {
                        Kind::Protobuf => name.clone(),
                        Kind::Avro => format!("{version} {subject}"),
                    });
                    if !is_new {
                        continue;
                    }
                    if begun.len() > REFERENCES_MAX {
                        return Ok(Err(format!("it refers to more than {REFERENCES_MAX} others")));
                    }
                    let version = version.to_string();
                    let Some(told) = self.ask(&["subjects", &subject, "versions", &version]).await? else {
                        return Ok(Err(format!("it refers to `{subject}` {version}, which is not there")));
                    };
                    ahead.push(Ahead::Take(name, told.schema));
                    ahead.extend(told.references.into_iter().map(Ahead::Ask));
                }
            }
        }
        Ok(Schema::parse(kind, &told.schema, &referred).map_err(|invalid| invalid.to_string()))
    }

    /// `None` for what the registry says it has not got.
    async fn ask(&self, path: &[&str]) -> Result<Option<Told>, Away> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        // What a schema refers to may have been deleted since, and is needed all the same.
        let is_reference = path.first() == Some(&"subjects") && path.last() != Some(&LATEST);
        url.set_query(Some("deleted=true").filter(|_| is_reference));
        let request = match &self.login {
            Login::Nobody => self.client.get(url),
            Login::User { name, password } => self.client.get(url).basic_auth(name, Some(password)),
            Login::Token(token) => self.client.get(url).bearer_auth(token),
        };
        let away = |error: reqwest::Error| Away(chain(&error.without_url()));
        let mut answer = request.send().await.map_err(away)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_MAX {
                return Err(Away(format!("it answers more than {ANSWER_MAX} bytes")));
            }
        }
        match answer.status() {
            StatusCode::OK => serde_json::from_slice(&body)
                .map(Some)
                .map_err(|_| Away("it does not answer as a registry does; see `url`".to_owned())),
            // Any server has pages that are not there; only a registry says that it is a schema.
            StatusCode::NOT_FOUND => match serde_json::from_slice(&body) {
                Ok(Refusal { error_code: 40_401..=40_403 }) => Ok(None),
                _ => Err(Away("it answers 404, and not as a registry does; see `url`".to_owned())),
            },
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Away(format!("it answers {}; see `user`, `password` and `token`", status.as_u16())))
            }
            status => Err(Away(format!("it answers {}", status.as_u16()))),
        }
    }
}

enum Ahead {
    Ask(Reference),
    Take(String, String),
}

fn other_kind(kind: Kind, told: &Told) -> Option<String> {
    let (name, wanted) = match kind {
        Kind::Avro => ("Avro", "AVRO"),
        Kind::Protobuf => ("Protobuf", "PROTOBUF"),
    };
    let of = told.of.as_deref().unwrap_or("AVRO");
    (of != wanted).then(|| format!("it is of the type `{of}`, and its route's `format` is {name}"))
}

/// Threads that read and write wait for the registry as they wait for the broker. Some are not allowed to wait in a runtime that
/// they are in already, so it is done beside them; it is done once for an id.
fn wait<T: Send>(asked: impl Future<Output = Result<T, Away>> + Send) -> Result<T, Away> {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| Away(error.to_string()))?.block_on(asked)
        });
        waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Who asks is a secret.
impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({})", self.url)
    }
}

#[cfg(test)]
mod tests;
