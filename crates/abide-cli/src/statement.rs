//! What `opt-out` and `opt-in` share: one statement about one or several identifiers, made durable.

use abide_journal::Record;
use abide_model::{
    BatchId, Claimant, IdentifierKind, Mechanism, SaidBy, Scope, Signal, Time, signal::Statement,
};
use anyhow::{Context as _, bail};

use crate::{
    clock,
    exit::Exit,
    identifiers::IdentifierFlags,
    store_flags::{StoreFlags, remember},
};

#[derive(Debug, clap::Args)]
pub(crate) struct StatementFlags {
    #[command(flatten)]
    identifiers: IdentifierFlags,

    /// How it was said, e.g. email.unsubscribe (`abide mechanisms` lists them).
    #[arg(long)]
    mechanism: Mechanism,

    /// For whom: `*`, brand:NAME, list:NAME or sender:NUMBER.
    #[arg(long, default_value = "*")]
    scope: Scope,

    /// Whose word it is, if it is a source's and not the person's own.
    #[arg(long, value_name = "NAME")]
    source: Option<Claimant>,

    /// When it was said, in RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Time>,

    /// Who recorded it: a web form, a call centre, an integration.
    #[arg(long, value_name = "NAME")]
    recorded_by: Option<String>,

    #[command(flatten)]
    store: StoreFlags,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn parse_time(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| "a time looks like 2026-11-22T10:00:00Z".to_owned())
}

impl StatementFlags {
    pub(crate) fn statement(&self) -> anyhow::Result<Statement> {
        let claimant = match (&self.source, self.mechanism.spec().said_by) {
            (Some(source), _) => source.clone(),
            (None, SaidBy::Person) => Claimant::Person,
            (None, SaidBy::Source) => {
                bail!("{} is the word of a source; name it with --source", self.mechanism)
            }
        };
        Ok(Statement {
            scope: self.scope.clone(),
            stated_at: self.at,
            recorded_by: self.recorded_by.as_deref().map(Into::into),
            ..Statement::out(self.mechanism.clone(), claimant)
        })
    }

    /// Appends it for each identifier and answers once it is durable.
    pub(crate) async fn record(&self, statement: Statement) -> anyhow::Result<Exit> {
        statement.validate()?;
        let now = clock::now();
        if let Some(at) = self.at
            && at > now
        {
            bail!("--at is in the future");
        }
        let opened = self.store.open().await?;
        let identifiers = self.identifiers.read_all(&opened.normaliser)?;
        let mut writer = opened.writer().await?;
        let mut records = Vec::new();
        for identifier in &identifiers {
            check_domain_mechanism(identifier.kind(), &self.mechanism)?;
            let keys = opened.keyring.signal_keys(identifier);
            // Above every time in the journal, so also above every opt-in held for these keys.
            let clock = writer.clock().next(now);
            records.push(Record::Signal(Signal::new(
                keys,
                statement.clone(),
                BatchId::live(now),
                now,
                clock,
            )?));
        }
        let appended = writer.append(&records, now).await.context("nothing was recorded")?;
        remember(&self.store, &opened.store, std::slice::from_ref(writer.head()), now).await;
        let direction = statement.direction.as_str();
        if self.json {
            println!(
                "{}",
                serde_json::json!({
                    "recorded": records.len(), "direction": direction, "mechanism": self.mechanism.as_str(),
                    "scope": self.scope.to_string(), "token": appended.token.to_string(), "durable": "store",
                })
            );
        } else {
            let kinds: Vec<&str> = identifiers.iter().map(|identifier| identifier.kind().as_str()).collect();
            println!(
                "Recorded: {direction} by {} for {} ({}).",
                self.mechanism,
                self.scope,
                kinds.join(", ")
            );
            println!("Durable in the store as {}.", appended.token);
        }
        Ok(Exit::Clean)
    }
}

fn check_domain_mechanism(kind: IdentifierKind, mechanism: &Mechanism) -> anyhow::Result<()> {
    if !mechanism.can_be_said_of(kind) {
        bail!("{mechanism} says nothing about e-mail, so it cannot be said of an e-mail domain");
    }
    Ok(())
}
