//! `abide unsubscribe-link`: links for mails, by which whoever gets them unsubscribes.

use std::{
    fs,
    io::{BufRead as _, Write as _},
    path::{Path, PathBuf},
};

use abide_formats::WholeFile;
use abide_model::{IdentifierKind, Mechanism, Normaliser, Scope};
use abide_service::{Links, Unsubscribe};
use abide_signals::unsubscribe::{Addressee, Link, LinkKeys, headers};
use anyhow::{Context as _, bail, ensure};

use crate::{
    clock,
    exit::Exit,
    identifiers::{IdentifierFlags, Written},
    serve,
    store_flags::StoreFlags,
};

/// Make a link for a mail, by which whoever gets it unsubscribes (RFC 8058).
///
/// Prints the two headers of that mail; DKIM has to sign both. The link names nobody to whoever sees it, and works
/// as long as its key is kept. `abide serve` answers it, with the same keys.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  abide unsubscribe-link new-key --keys links.keys
  abide unsubscribe-link --email - --scope list:weekly < address.txt
  abide unsubscribe-link --each email --scope list:weekly < addresses.txt > urls.txt"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    identifiers: IdentifierFlags,

    /// One person a line on standard input, each known by this kind of identifier; prints one address of a page a line.
    #[arg(long, value_name = "KIND")]
    each: Option<IdentifierKind>,

    /// For whom using the link counts: `*`, brand:NAME or list:NAME.
    #[arg(long, default_value = "*")]
    scope: Scope,

    /// What using it says [default: email.list for a list, email.unsubscribe for all else].
    #[arg(long)]
    mechanism: Option<Mechanism>,

    /// Print the address of the page only.
    #[arg(long)]
    url: bool,

    /// The keys that links are sealed with [default: `[serve.unsubscribe]` of abide.toml].
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// The address of the service in mails, e.g. https://opt-out.example.com [default: as above].
    #[arg(long, value_name = "ADDRESS")]
    public: Option<String>,

    /// The settings [default: abide.toml, if there is one here].
    #[arg(long, env = "ABIDE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    store: StoreFlags,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    NewKey(NewKey),
}

/// Make a key for links, or one more: the newest seals, all of them open.
///
/// Give every node the file before links are made with it. A key that is taken out ends the links that were made
/// with it, and mails are answered years later: keep them.
#[derive(Debug, clap::Args)]
struct NewKey {
    /// The file; it is made for its owner alone.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    if let Some(What::NewKey(new_key)) = &args.what {
        return add_key(&new_key.keys);
    }
    let links = args.links()?;
    let normaliser = args.store.open().await?.normaliser;
    if let Some(kind) = args.each {
        ensure!(args.identifiers.written()?.is_empty(), "--each reads people from standard input; name none");
        return args.each_line(&links, &normaliser, kind);
    }
    let url = args.link(&links, &normaliser, args.identifiers.some_written()?)?;
    if args.url {
        println!("{url}");
    } else {
        for (name, value) in headers(&url) {
            println!("{name}: {value}");
        }
    }
    Ok(Exit::Clean)
}

impl Args {
    /// The settings of the service, flags above them.
    fn links(&self) -> anyhow::Result<Links> {
        let (_, mut layers) = serve::read_file(self.config.as_deref())?;
        layers.environment(std::env::vars())?;
        let set_up = layers.config()?.unsubscribe;
        let mut wanted = Unsubscribe { public: self.public.clone().unwrap_or(set_up.public), ..set_up };
        if let Some(keys) = &self.keys {
            wanted.keys_file.clone_from(keys);
            wanted.keys_variable.clear();
        }
        let links = wanted.open().map_err(anyhow::Error::msg)?;
        links.context("name the keys of links with --keys; `abide unsubscribe-link new-key` makes them")
    }

    fn link(&self, links: &Links, normaliser: &Normaliser, written: Vec<Written>) -> anyhow::Result<String> {
        let person = |one: Written| {
            let read =
                one.read(normaliser).with_context(|| format!("could not read the {} given", one.kind))?;
            anyhow::Ok(Addressee::of(&read, one.text))
        };
        let people = written.into_iter().map(person).collect::<Result<_, _>>()?;
        let mechanism = self.mechanism.clone().unwrap_or_else(|| Link::mechanism_for(&self.scope));
        let link = Link::new(clock::now(), mechanism, self.scope.clone(), people)?;
        Ok(links.url(&link, clock::random()?))
    }

    /// As many lines come out as go in, so that a line that cannot be read ends it.
    fn each_line(
        &self,
        links: &Links,
        normaliser: &Normaliser,
        kind: IdentifierKind,
    ) -> anyhow::Result<Exit> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for (at, line) in std::io::stdin().lock().lines().enumerate() {
            let text = line.context("could not read standard input")?;
            let written = vec![Written { kind, hashed: None, text }];
            let url = self.link(links, normaliser, written);
            writeln!(out, "{}", url.with_context(|| format!("line {} of standard input", at + 1))?)?;
        }
        out.flush()?;
        Ok(Exit::Clean)
    }
}

/// Above those that are there, in a file that takes the place of theirs when it is whole: a kill loses no key.
fn add_key(path: &Path) -> anyhow::Result<Exit> {
    let could_not = || format!("could not write `{}`", path.display());
    let held = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("could not read `{}`", path.display())),
    };
    if let Err(error) = LinkKeys::parse(&held)
        && !held.trim().is_empty()
    {
        bail!("`{}` holds something else: {error}", path.display());
    }
    let key = hex::encode(clock::random::<32>()?);
    let text = format!("{key} # {}\n{held}", clock::now());
    let count = LinkKeys::parse(&text)?.count();
    let written = || -> std::io::Result<()> {
        let mut file = WholeFile::create_private(path)?;
        file.write_all(text.as_bytes())?;
        file.appear()
    };
    written().with_context(could_not)?;
    println!("{} seals links from now on, with its newest key; there are {count}.", path.display());
    println!("Back it up, and give it to every node of the service before a mail goes out.");
    Ok(Exit::Clean)
}
