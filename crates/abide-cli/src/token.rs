//! `abide token`: who may ask the service, and for what.

use abide_journal::{AccessId, AccessText, AccessToken, Created, Right, access_tokens, revoke_access};
use anyhow::{bail, ensure};
use serde_json::json;

use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Make, list and revoke the tokens that `abide serve` asks for.
///
/// The store holds a hash of each. Running services notice within seconds. As soon as there is one, nobody may ask
/// without.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide token create --name newsletter --rights check,signals:out
  abide token list
  abide token revoke 0f1e2d3c4b5a6978")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token and show it, this once.
#[derive(Debug, clap::Args)]
struct Create {
    /// Who will hold it, for the list.
    #[arg(long)]
    name: String,

    /// What its holder may ask for: signals:out, signals:in, check, explain, rules, follow, admin.
    #[arg(long, value_delimiter = ',', required = true)]
    rights: Vec<Right>,

    /// After so many days it counts no more [default: never].
    #[arg(long, value_name = "DAYS")]
    expires: Option<u16>,

    /// How many people its holder may ask about in a second; 0 for any number [default: the service's limit].
    #[arg(long, value_name = "NUMBER")]
    checks_per_s: Option<u32>,

    /// How many explanations in a minute; 0 for any number [default: the service's limit].
    #[arg(long, value_name = "NUMBER")]
    explains_per_min: Option<u32>,

    #[command(flatten)]
    store: StoreFlags,
}

/// Show the tokens that there are, without what their holders show.
#[derive(Debug, clap::Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

/// End a token for good.
#[derive(Debug, clap::Args)]
struct Revoke {
    /// As `abide token list` shows it.
    id: AccessId,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Create(create) => create.run().await,
        What::List(list) => list.run().await,
        What::Revoke(revoke) => revoke.run().await,
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Create {
    async fn run(self) -> anyhow::Result<Exit> {
        let plain =
            !self.name.is_empty() && self.name.len() <= 128 && !self.name.chars().any(char::is_control);
        ensure!(plain, "a token's name has 1 to 128 characters");
        let opened = self.store.open().await?;
        let now = clock::now();
        let text = AccessText::new(AccessId(clock::random()?), clock::random()?);
        let mut token = AccessToken::new(&text, &self.name, &self.rights, now);
        token.expires_at = self.expires.map(|days| now.plus_micros(i64::from(days) * DAY_MICROS));
        token.checks_per_s = self.checks_per_s;
        token.explains_per_min = self.explains_per_min;
        match token.create(&opened.store).await? {
            Created::Done => {}
            Created::Another(_) => bail!("there is a token with this id already; try again"),
        }
        println!("{}", text.expose());
        eprintln!("Made the token {}. It is shown this once; the store keeps its hash.", token.id);
        Ok(Exit::Clean)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.store.open().await?;
        let now = clock::now();
        let found = access_tokens(&opened.store).await?;
        for token in &found.sound {
            let rights: Vec<&str> = token.rights.iter().map(|right| right.as_str()).collect();
            let state = match token.expires_at {
                _ if token.is_revoked => "revoked".to_owned(),
                Some(until) if until <= now => format!("expired {until}"),
                Some(until) => format!("until {until}"),
                None => "counts".to_owned(),
            };
            if self.json {
                println!(
                    "{}",
                    json!({
                        "id": token.id.to_string(), "name": token.name, "rights": rights,
                        "counts": token.counts_at(now), "revoked": token.is_revoked,
                        "created_at": token.created_at.to_string(),
                        "expires_at": token.expires_at.map(|until| until.to_string()),
                        "checks_per_s": token.checks_per_s, "explains_per_min": token.explains_per_min,
                    })
                );
            } else {
                println!("{}  {}  {}  {state}", token.id, rights.join(","), token.name);
            }
        }
        for damaged in &found.damaged {
            eprintln!("abide: `{damaged}` was not made by anybody with the store's secret; remove it");
        }
        Ok(if found.damaged.is_empty() { Exit::Clean } else { Exit::Found })
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.store.open().await?;
        ensure!(revoke_access(&opened.store, self.id).await?, "there is no token {}", self.id);
        println!("Revoked {}.", self.id);
        Ok(Exit::Clean)
    }
}
