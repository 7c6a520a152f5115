//! Several sources of settings, the later ones above the earlier.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Config;

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Default,
    File,
    Environment,
    Flag,
}

impl Layer {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "abide.toml",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// The settings of `[serve]` from all layers.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    values: Table,
    /// The path of every setting that is not the default, with its layer.
    from: Vec<(String, Layer)>,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error("{origin}: {why}")]
    File { origin: &'static str, why: String },
    #[error("{name} is no setting; {known}")]
    Unknown { name: String, known: String },
    #[error("the settings of [serve] make no sense: {0}")]
    Senseless(String),
}

const VARIABLES: &str = "ABIDE_SERVE_";

impl Layers {
    /// The table `[serve]` of a file.
    pub fn file(&mut self, table: &Table) -> Result<(), InvalidConfig> {
        // Alone first, so that what is wrong with it is said of the file.
        read::<Config>(table, "abide.toml, [serve]")?;
        self.put(table, Layer::File);
        Ok(())
    }

    /// Every variable `ABIDE_SERVE_…`: `ABIDE_SERVE_LIMITS_IDENTIFIERS` is `limits.identifiers`.
    pub fn environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), InvalidConfig> {
        let settings = settings();
        for (name, text) in variables.filter(|(name, _)| name.starts_with(VARIABLES)) {
            let found = settings.iter().find(|(path, _)| variable(path) == name);
            let Some((path, default)) = found else {
                let known: Vec<String> = settings.iter().map(|(path, _)| variable(path)).collect();
                return Err(InvalidConfig::Unknown {
                    name,
                    known: format!("there are {}", known.join(", ")),
                });
            };
            let value = like(default, &text).ok_or_else(|| InvalidConfig::File {
                origin: "environment",
                why: format!("{name} is not of the kind that it should be"),
            })?;
            self.set(path, value, Layer::Environment);
        }
        Ok(())
    }

    pub fn flag(&mut self, path: &str, value: impl Into<Value>) {
        self.set(path, value.into(), Layer::Flag);
    }

    /// What is effective.
    pub fn config(&self) -> Result<Config, InvalidConfig> {
        let config: Config = read(&self.values, "the settings of [serve]")?;
        config.validate().map_err(InvalidConfig::Senseless)?;
        Ok(config)
    }

    /// The effective settings as TOML, each with where it came from.
    pub fn explain(&self) -> Result<String, InvalidConfig> {
        let effective = flatten(&to_table(&self.config()?));
        let mut text = String::from("[serve]\n");
        for (path, value) in effective {
            let from = self.from.iter().rfind(|(set, _)| *set == path);
            let layer = from.map_or(Layer::Default, |(_, layer)| *layer);
            let _ = writeln!(text, "{path} = {value}  # {}", layer.as_str());
        }
        Ok(text)
    }

    fn put(&mut self, table: &Table, layer: Layer) {
        for (path, value) in flatten(table) {
            self.set(&path, value, layer);
        }
    }

    fn set(&mut self, path: &str, value: Value, layer: Layer) {
        let mut table = &mut self.values;
        let mut names: Vec<&str> = path.split('.').collect();
        let last = names.pop().expect("a path has a name");
        for name in names {
            let below = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            table = below.as_table_mut().expect("a table's name is no setting's");
        }
        table.insert(last.to_owned(), value);
        self.from.push((path.to_owned(), layer));
    }
}

fn read<T: DeserializeOwned>(table: &Table, origin: &'static str) -> Result<T, InvalidConfig> {
    let read = T::deserialize(Value::Table(table.clone()));
    read.map_err(|error| InvalidConfig::File { origin, why: error.message().to_owned() })
}

/// Every setting with its default.
fn settings() -> Vec<(String, Value)> {
    flatten(&to_table(&Config::default()))
}

fn to_table(config: &Config) -> Table {
    match Value::try_from(config) {
        Ok(Value::Table(table)) => table,
        _ => unreachable!("a struct of plain values becomes a table"),
    }
}

fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(below) => {
                flat.extend(
                    flatten(below).into_iter().map(|(path, value)| (format!("{name}.{path}"), value)),
                );
            }
            value => flat.push((name.clone(), value.clone())),
        }
    }
    flat
}

fn variable(path: &str) -> String {
    format!("{VARIABLES}{}", path.replace('.', "_").to_ascii_uppercase())
}

/// A text as a value of another's type.
fn like(default: &Value, text: &str) -> Option<Value> {
    Some(match default {
        Value::Integer(_) => Value::Integer(text.parse().ok()?),
        Value::Boolean(_) => Value::Boolean(text.parse().ok()?),
        Value::String(_) => Value::String(text.to_owned()),
        // By commas.
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(Value::from).collect())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags stand above the environment, and that above the file; what nobody set is the default.
    #[test]
    fn later_layers_win() {
        let mut layers = Layers::default();
        let file = "poll_ms = 1\nworkers = 1\nheartbeat_s = 1\n[limits]\nidentifiers = 10\nsignals = 10";
        layers.file(&file.parse().unwrap()).unwrap();
        let variables =
            [("ABIDE_SERVE_WORKERS", "2"), ("ABIDE_SERVE_LIMITS_IDENTIFIERS", "20"), ("PATH", "/")];
        layers
            .environment(variables.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter())
            .unwrap();
        layers.flag("workers", 3);
        let config = layers.config().unwrap();
        assert_eq!((config.poll_ms, config.workers, config.limits.identifiers), (1, 3, 20));
        assert_eq!((config.limits.signals, config.drain_s), (10, Config::default().drain_s));
        let said = layers.explain().unwrap();
        for line in [
            "poll_ms = 1  # abide.toml",
            "workers = 3  # flag",
            "limits.identifiers = 20  # environment",
            "drain_s = 10  # default",
        ] {
            assert!(said.contains(line), "{line} in {said}");
        }
        // What is said can be read again.
        assert!(said.parse::<Table>().is_ok(), "{said}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |file: &str| {
            let mut layers = Layers::default();
            layers.file(&file.parse().unwrap()).and_then(|()| layers.config()).unwrap_err().to_string()
        };
        for (file, why) in [
            ("pol_ms = 1", "pol_ms"),
            ("poll_ms = \"often\"", "invalid type"),
            ("poll_ms = 0", "poll_ms"),
            ("listen = \"everywhere\"", "invalid socket address"),
            ("verdicts.on_cannot_tell = \"pass\"", "block, allow, fail"),
            ("limits.signals = 0", "limit of 0"),
            ("limits.head_bytes = 100", "8192"),
        ] {
            let said = refused(file);
            assert!(said.contains(why), "{file}: {said}");
        }
        let variable = [("ABIDE_SERVE_WORKER".to_owned(), "1".to_owned())];
        let unknown = Layers::default().environment(variable.into_iter()).unwrap_err().to_string();
        assert!(unknown.contains("ABIDE_SERVE_WORKERS"), "{unknown}");
    }
}
