//! Secrets, which stand in no settings: in a variable of the environment, or in a file.

use std::{env, fs, path::Path};

pub(crate) fn of_variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("the variable `{name}` is not set"))
}

pub(crate) fn of_file(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("could not read `{}`: {error}", path.display()))
}
