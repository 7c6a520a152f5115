//! `abide rules log`, `show` and `active`: what there is, and what is in force.

use abide_journal::{ActivationRecord, Place, Record};
use abide_model::Token;
use serde_json::json;

use super::versions::Versions;
use crate::{clock, exit::Exit, journal, store_flags::StoreFlags};

/// List the stored versions, and when each came into force.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

/// Print a stored version: its files and what is known of it.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The version, e.g. v8; the active one if left out.
    version: Option<String>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

/// Say which ruleset is in force, and since when.
#[derive(Debug, clap::Args)]
pub(crate) struct ActiveArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn log(args: &LogArgs) -> anyhow::Result<Exit> {
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, clock::now()).await?;
    let mut activations: Vec<(Token, ActivationRecord)> = Vec::new();
    journal::walk(&opened.store, |token, record| {
        if let Record::Activation(activation) = record {
            activations.push((token, activation));
        }
        Ok(())
    })
    .await?;
    activations.sort_by_key(|(token, activation)| (activation.place(&token.origin), token.position));
    let places: Vec<Place> =
        activations.iter().map(|(token, activation)| activation.place(&token.origin)).collect();
    // Of one origin the first of a place stands.
    let is_void = |at: usize| places[at].is_void(places.iter()) || (at > 0 && places[at - 1] == places[at]);
    if args.json {
        let list = versions.all.iter().map(|version| {
            json!({
                "version": version.number, "digest": hex::encode(version.digest()), "author": version.author,
                "at": version.at.to_string(), "message": version.message, "parent": version.parent.map(hex::encode),
                "active": version.digest() == versions.active_digest(),
            })
        });
        let came = activations.iter().enumerate().map(|(at, (token, activation))| {
            json!({
                "number": activation.number, "token": token.to_string(), "ruleset": hex::encode(activation.ruleset),
                "shadow": activation.shadow, "replaces": activation.replaces.map(hex::encode), "author": &*activation.author,
                "message": &*activation.message, "reason": activation.reason.as_deref(), "at": activation.at.to_string(),
                "place": places[at].to_string(), "only_after": activation.only_after.as_ref().map(ToString::to_string),
                "void": is_void(at), "rollback": activation.rollback, "ends_shadow": activation.ends_shadow,
                "guard": activation.guard.as_deref(),
            })
        });
        println!(
            "{}",
            json!({ "versions": list.collect::<Vec<_>>(), "activations": came.collect::<Vec<_>>() })
        );
        return Ok(Exit::Clean);
    }
    for version in &versions.all {
        let mark = if version.digest() == versions.active_digest() { "*" } else { " " };
        let digest = hex::encode(&version.digest()[..4]);
        println!(
            "{mark} v{:<4} {digest}  {}  {}: {}",
            version.number, version.at, version.author, version.message
        );
    }
    if versions.activations.in_force().is_none() {
        println!("* built-in {}: nothing was ever activated", versions.active()?.version());
    }
    for (at, (token, activation)) in activations.iter().enumerate() {
        println!("  {} at {token}: {}", activation.at, sentence(&versions, activation, is_void(at)));
    }
    Ok(Exit::Clean)
}

/// What one activation did.
fn sentence(versions: &Versions, activation: &ActivationRecord, is_void: bool) -> String {
    let mut said = versions.name_of(&activation.ruleset);
    if let Some(digest) = activation.replaces.filter(|_| !activation.shadow) {
        said = format!("{said} for {}", versions.name_of(&digest));
    }
    said = format!("{said} {} by {}", activation.message, activation.author);
    if let Some(guard) = &activation.guard {
        said = format!("{said}, guarded by {guard}");
    }
    // A rollback says why it was made; others, why although they are weaker.
    match activation.reason.as_deref() {
        Some(reason) if activation.rollback => said = format!("{said} ({reason})"),
        Some(reason) => said = format!("{said} (weaker: {reason})"),
        None => {}
    }
    if is_void { format!("{said}; void, since another took the place of the same one") } else { said }
}

pub(crate) async fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, clock::now()).await?;
    let version = match &args.version {
        Some(name) => versions.named(name)?,
        None => match versions.of_digest(&versions.active()?.version().digest()) {
            Some(version) => version,
            None => anyhow::bail!("the built-in ruleset is in force; `abide rules init` writes it out"),
        },
    };
    if args.json {
        println!(
            "{}",
            json!({
                "version": version.number, "digest": hex::encode(version.digest()), "author": version.author,
                "at": version.at.to_string(), "message": version.message, "parent": version.parent.map(hex::encode),
                "test": version.test, "toml": version.sources.toml, "policies": version.sources.policies,
                "cases": version.cases,
            })
        );
        return Ok(Exit::Clean);
    }
    println!("# v{}, {}", version.number, hex::encode(version.digest()));
    println!("# {} by {}: {}", version.at, version.author, version.message);
    println!("\n# ---- ruleset.toml\n{}", version.sources.toml);
    for (file, text) in &version.sources.policies {
        println!("// ---- {file}\n{text}");
    }
    println!("// and {} cases", version.cases.len());
    Ok(Exit::Clean)
}

pub(crate) async fn active(args: &ActiveArgs) -> anyhow::Result<Exit> {
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, clock::now()).await?;
    let version = versions.active()?.version();
    let activation = versions.activations.in_force();
    let shadow = versions.activations.shadow().map(|(shadow, _)| shadow);
    if args.json {
        println!(
            "{}",
            json!({
                "ruleset": version.to_string(), "digest": version.digest_hex(),
                "version": versions.of_digest(&version.digest()).map(|version| version.number),
                "since": activation.map(|(activation, _)| activation.at.to_string()),
                "origin": activation.map(|(_, origin)| origin.to_string()),
                "guard": activation.and_then(|(activation, _)| activation.guard.as_deref()),
                "shadow": shadow.map(|shadow| hex::encode(shadow.ruleset)),
            })
        );
        return Ok(Exit::Clean);
    }
    match activation {
        Some((activation, origin)) => {
            let name = versions.name_of(&version.digest());
            println!("{name} ({version}), since {} from {origin}, by {}", activation.at, activation.author);
            if let Some(guard) = &activation.guard {
                println!("guarded by {guard}");
            }
        }
        None => println!("the built-in {version}: nothing was ever activated"),
    }
    if let Some(shadow) = shadow {
        println!("{} judges along since {}", versions.name_of(&shadow.ruleset), shadow.at);
    }
    Ok(Exit::Clean)
}
