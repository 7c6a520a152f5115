//! What the stream is told: the table `[stream]` and the routes of `stream.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The whole file but `[store]`, which the command reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub stream: StreamConfig,
    /// Where the schemas of Avro and Protobuf are.
    pub registry: Option<RegistryConfig>,
    #[serde(rename = "route")]
    pub routes: Vec<RouteConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// The consumer group: all instances of one stream have the same.
    pub group: String,
    /// Where records go that cannot be read.
    pub dead_letter: String,
    /// Where the tallies go, in the transaction of what they count; nowhere without.
    pub tallies: Option<String>,
    /// How many of this process's threads read and decide, each as a member of the group.
    #[serde(default = "one")]
    pub workers: usize,
    /// How often the journal is looked at, in milliseconds.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// How old the list may be, in seconds; while it is older, nothing is read. 0 for any age.
    #[serde(default = "list_age_max_s")]
    pub list_age_max_s: u64,
    /// How often this node tells the others how far it has read, in seconds; 0 for never.
    #[serde(default = "heartbeat_s")]
    pub heartbeat_s: u64,
    /// Where `/metrics` is answered; nowhere without.
    pub metrics: Option<SocketAddr>,
    /// How often figures are logged, in seconds; 0 for never.
    #[serde(default = "report_s")]
    pub report_s: u64,
    /// So many records, or so many bytes of them, go into one transaction at the most.
    #[serde(default = "batch_records")]
    pub batch_records: usize,
    #[serde(default = "batch_bytes")]
    pub batch_bytes: usize,
    /// How long one call of the broker may take before it is tried again, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// For both clients, under librdkafka's names.
    pub kafka: BTreeMap<String, Setting>,
    #[serde(default)]
    pub consumer: BTreeMap<String, Setting>,
    #[serde(default)]
    pub producer: BTreeMap<String, Setting>,
}

/// A schema registry that answers as Confluent's does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// `https://registry.example.com:8081`, with the path before `/schemas` if there is one.
    pub url: String,
    /// Who asks, with a password.
    pub user: Option<Setting>,
    pub password: Option<Setting>,
    /// Or with a token.
    pub token: Option<Setting>,
    /// Whose certificates are believed of it, in PEM; those that the system believes without.
    pub authorities_file: Option<PathBuf>,
}

/// A setting of librdkafka's, or where it stands if it is a secret.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    Text(String),
    Number(i64),
    Switch(bool),
    Variable { variable: String },
    File { file: PathBuf },
}

/// One `[[route]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    pub name: String,
    pub topics: Vec<String>,
    /// What the values are written in.
    #[serde(default)]
    pub format: Format,
    /// Under which name the registry has the schema of the values, for `--check` and at the start: `TOPIC-value` if nothing
    /// is said.
    pub subject: Option<String>,
    /// Where what may pass goes. Without one, the topics are read for the opt-outs in them alone.
    pub output: Option<String>,
    pub action: Option<String>,
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// `KIND=value:/JSON/POINTER`, `KIND=key`, `KIND=key:/JSON/POINTER` or `KIND=header:NAME`; KIND may name a form.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// Of `identifiers`, those that the action goes to, where several are of its kind.
    #[serde(default)]
    pub to: Vec<String>,
    #[serde(default)]
    pub blocked: OnBlocked,
    /// What `blocked = "redact"` takes out: `value:/JSON/POINTER`, `header:NAME` or `key`.
    #[serde(default)]
    pub redact: Vec<String>,
    /// Where `blocked = "divert"` sends to.
    pub divert_to: Option<String>,
    /// `block`, `allow` or `fail`.
    #[serde(default = "block")]
    pub on_cannot_tell: String,
    #[serde(default)]
    pub strict: bool,
    #[serde(default = "cannot_tell")]
    pub uncovered: String,
    pub opt_outs: Option<OptOutsConfig>,
}

/// Which records are opt-outs themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOutsConfig {
    /// A mapping file, beside this one.
    pub map: PathBuf,
    /// Only records whose value has one of these words here are given to the mapping, which has to read all of them.
    #[serde(rename = "where")]
    pub place: Option<String>,
    #[serde(default)]
    pub is: BTreeSet<String>,
}

/// What a route's values are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Json,
    Avro,
    Protobuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBlocked {
    #[default]
    Drop,
    Redact,
    Divert,
    Tombstone,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfig(pub(crate) String);

impl Config {
    /// Reads the file but for `[store]`, which stands in it for the command.
    pub fn parse(text: &str) -> Result<Self, InvalidConfig> {
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| InvalidConfig(error.message().to_owned()))?;
        table.remove("store");
        let config: Self = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| InvalidConfig(error.to_string().trim().to_owned()))?;
        config.validate().map_err(InvalidConfig)?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        let stream = &self.stream;
        if stream.workers == 0 || stream.poll_ms == 0 || stream.batch_records == 0 || stream.timeout_ms == 0 {
            return Err("workers, poll_ms, batch_records and timeout_ms are 1 at the least".to_owned());
        }
        // What exactly once rests on is not for the file to change.
        let ours = [
            "group.id",
            "transactional.id",
            "isolation.level",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "enable.partition.eof",
            "enable.idempotence",
        ];
        let settings = [&stream.kafka, &stream.consumer, &stream.producer];
        if let Some(name) =
            settings.iter().flat_map(|table| table.keys()).find(|name| ours.contains(&&***name))
        {
            return Err(format!("`{name}` is set by abide and by nobody else"));
        }
        if self.routes.is_empty() {
            return Err("there is no [[route]]".to_owned());
        }
        let mut topics = BTreeSet::new();
        let mut names = BTreeSet::new();
        for route in &self.routes {
            if route.format != Format::Json && self.registry.is_none() {
                return Err(format!(
                    "the route `{}`: values in Avro and Protobuf need a [registry] with its `url`",
                    route.name
                ));
            }
            if route.format == Format::Json && route.subject.is_some() {
                return Err(format!("the route `{}`: JSON has no `subject`", route.name));
            }
            if !names.insert(&route.name) {
                return Err(format!("there are two routes `{}`", route.name));
            }
            for topic in &route.topics {
                if !topics.insert(topic) {
                    return Err(format!("`{topic}` is read by two routes"));
                }
            }
        }
        let written = self.written_topics();
        // A name that begins with `^` would be a pattern to the client.
        let is_plain =
            |topic: &str| topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if let Some(topic) = topics.iter().copied().chain(&written).find(|topic| !is_plain(topic)) {
            return Err(format!("`{topic}` is no topic's name"));
        }
        // A record that comes back is read again, and again.
        match written.iter().find(|topic| topics.contains(*topic)) {
            Some(topic) => Err(format!("`{topic}` is read and written")),
            None => Ok(()),
        }
    }

    /// Values are then what they look like as JSON, whatever their format is in the topics: no registry is asked.
    pub fn read_values_as_json(&mut self) {
        self.routes.iter_mut().for_each(|route| route.format = Format::Json);
    }

    /// Every topic that is read.
    pub fn read_topics(&self) -> Vec<&str> {
        self.routes.iter().flat_map(|route| &route.topics).map(String::as_str).collect()
    }

    /// Every topic that is written to.
    pub fn written_topics(&self) -> BTreeSet<String> {
        let of_routes = self.routes.iter().flat_map(|route| route.output.iter().chain(&route.divert_to));
        let own = [&self.stream.dead_letter].into_iter().chain(&self.stream.tallies);
        of_routes.chain(own).cloned().collect()
    }
}

impl Setting {
    /// The value, from where it stands; relative files are beside the configuration.
    pub(crate) fn read(&self, folder: &Path) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Number(number) => Ok(number.to_string()),
            Self::Switch(on) => Ok(on.to_string()),
            Self::Variable { variable } => {
                std::env::var(variable).map_err(|_| format!("the variable `{variable}` is not set"))
            }
            Self::File { file } => {
                let path = folder.join(file);
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("could not read `{}`: {error}", path.display()))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

/// What stands in the file itself may be a secret too.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Switch(_) => f.write_str("…"),
            Self::Variable { variable } => write!(f, "variable {variable}"),
            Self::File { file } => write!(f, "file {}", file.display()),
        }
    }
}

fn one() -> usize {
    1
}

fn poll_ms() -> u64 {
    200
}

fn list_age_max_s() -> u64 {
    60
}

fn heartbeat_s() -> u64 {
    10
}

fn report_s() -> u64 {
    10
}

fn batch_records() -> usize {
    10_000
}

fn batch_bytes() -> usize {
    32 << 20
}

fn timeout_ms() -> u64 {
    10_000
}

fn block() -> String {
    "block".to_owned()
}

fn cannot_tell() -> String {
    "cannot-tell".to_owned()
}
