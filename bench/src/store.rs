//! A store of ours for the bench, and the commands that are run against it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::bench_dir::{BenchDir, abide, output};

#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// A new and empty one; the one before is gone.
    pub(crate) fn init(bench: &BenchDir) -> Result<Store> {
        let store = Store { directory: bench.empty("store")? };
        output(store.command("main")?.arg("init"))?;
        Ok(store)
    }

    /// One that holds the list.
    pub(crate) fn prepared(bench: &BenchDir, list: &Path) -> Result<Store> {
        let store = Store::init(bench)?;
        output(&mut store.import(list)?)?;
        Ok(store)
    }

    pub(crate) fn import(&self, list: &Path) -> Result<Command> {
        let mut command = self.command("main")?;
        command.arg("import").arg(list).args(["--mechanism", "email.unsubscribe"]);
        Ok(command)
    }

    /// Asks about one address on a machine of that name, which has a copy of the list of its own.
    pub(crate) fn check(&self, machine: &str, email: &str) -> Result<Command> {
        let mut command = self.command(machine)?;
        command.args(["check", "--action", "contact.email", "--email", email]);
        Ok(command)
    }

    /// Says no in the name of somebody, by a process of its own that answers when it is durable.
    pub(crate) fn opt_out(&self, machine: &str, email: &str) -> Result<Command> {
        let mut command = self.command(machine)?;
        command.args(["opt-out", "--origin", machine, "--mechanism", "email.unsubscribe", "--email", email]);
        Ok(command)
    }

    pub(crate) fn verify(&self, machine: &str) -> Result<Command> {
        let mut command = self.command(machine)?;
        command.arg("verify");
        Ok(command)
    }

    pub(crate) fn rules(&self) -> Result<Command> {
        let mut command = self.command("main")?;
        command.arg("rules");
        Ok(command)
    }

    pub(crate) fn status(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&output(self.command("main")?.args(["status", "--json"]))?)?)
    }

    pub(crate) fn scrub(&self, customers: &Path, to: &Path) -> Result<Command> {
        let mut command = self.command("main")?;
        command.arg("scrub").arg(customers).args(["--action", "contact.email", "--output"]).arg(to);
        Ok(command)
    }

    /// Makes of a command of the program one that serves this store.
    pub(crate) fn serve(&self, command: &mut Command, machine: &str) {
        self.lead(command, machine);
        command.env("XDG_STATE_HOME", self.directory.join("state")).arg("serve");
    }

    /// Makes of a command of the program one that runs a stream by this list.
    pub(crate) fn stream(&self, command: &mut Command, machine: &str, config: &Path) {
        self.lead(command, machine);
        command.env("XDG_STATE_HOME", self.directory.join("state"));
        command.args(["stream", "--origin", machine, "--config"]).arg(config);
    }

    fn command(&self, machine: &str) -> Result<Command> {
        let mut command = Command::new(abide()?);
        self.lead(&mut command, machine);
        Ok(command)
    }

    fn lead(&self, command: &mut Command, machine: &str) {
        command
            .env("ABIDE_STORE", self.directory.join("store"))
            .env("ABIDE_SECRET_FILE", self.directory.join("secret"))
            .env("ABIDE_CACHE", self.directory.join("cache").join(machine));
    }
}
