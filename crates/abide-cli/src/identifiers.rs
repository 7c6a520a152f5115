//! The identifiers of one person, as flags, each as often as there are such. None need stand on the
//! command line: `-` reads it from standard input.

use std::io::BufRead as _;

use abide_model::{Form, Identifier, IdentifierKind, InvalidIdentifier, Normaliser};
use anyhow::{Context as _, bail, ensure};

#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Identifiers (`-` reads one from standard input)")]
pub(crate) struct IdentifierFlags {
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    email: Vec<String>,
    /// In E.164, or as dialled in the store's phone region.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    phone: Vec<String>,
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user_id: Vec<String>,
    /// A mobile advertising id (IDFA, GAID).
    #[arg(long, value_name = "UUID", allow_hyphen_values = true)]
    maid: Vec<String>,
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    push_token: Vec<String>,
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    cookie: Vec<String>,
    #[arg(long, value_name = "IP", allow_hyphen_values = true)]
    ip: Vec<String>,
    /// Everybody with an e-mail address at this domain.
    #[arg(long, value_name = "DOMAIN", allow_hyphen_values = true)]
    email_domain: Vec<String>,
    /// An identifier that is already hashed, in hex or Base64, e.g. email=5f…, email:md5=9e…,
    /// phone:last10.sha256=….
    #[arg(long, value_name = "KIND[:FORM]=DIGEST")]
    hashed: Vec<String>,
}

/// One identifier as it was given.
pub(crate) struct Given {
    pub(crate) kind: IdentifierKind,
    pub(crate) read: Result<Identifier, InvalidIdentifier>,
}

/// A digest, of the form that was named, or of the one that its length tells.
pub(crate) struct HashedAs(Option<Form>);

/// One identifier as it was written: raw or hashed.
pub(crate) struct Written {
    pub(crate) kind: IdentifierKind,
    pub(crate) hashed: Option<HashedAs>,
    pub(crate) text: String,
}

impl Written {
    pub(crate) fn read(&self, normaliser: &Normaliser) -> Result<Identifier, InvalidIdentifier> {
        match self.hashed {
            None => normaliser.raw(self.kind, &self.text),
            Some(HashedAs(form)) => Normaliser::hashed(self.kind, form, &self.text),
        }
    }
}

impl IdentifierFlags {
    pub(crate) fn read(&self, normaliser: &Normaliser) -> anyhow::Result<Vec<Given>> {
        let given = |one: Written| Given { kind: one.kind, read: one.read(normaliser) };
        Ok(self.some_written()?.into_iter().map(given).collect())
    }

    pub(crate) fn some_written(&self) -> anyhow::Result<Vec<Written>> {
        let written = self.written()?;
        ensure!(!written.is_empty(), "no identifier was given; name one, e.g. --email jane@example.com");
        Ok(written)
    }

    /// None of them, too.
    pub(crate) fn written(&self) -> anyhow::Result<Vec<Written>> {
        let raw = [
            (IdentifierKind::Email, &self.email),
            (IdentifierKind::Phone, &self.phone),
            (IdentifierKind::UserId, &self.user_id),
            (IdentifierKind::Maid, &self.maid),
            (IdentifierKind::PushToken, &self.push_token),
            (IdentifierKind::Cookie, &self.cookie),
            (IdentifierKind::Ip, &self.ip),
            (IdentifierKind::EmailDomain, &self.email_domain),
        ];
        let from_stdin = raw.iter().flat_map(|(_, texts)| *texts).filter(|text| *text == "-").count();
        ensure!(from_stdin <= 1, "only one identifier can be read from standard input");
        let mut written = Vec::new();
        for (kind, texts) in raw {
            for text in texts {
                let text = if text == "-" { one_line()? } else { text.clone() };
                written.push(Written { kind, hashed: None, text });
            }
        }
        for hashed in &self.hashed {
            written.push(read_hashed(hashed)?);
        }
        Ok(written)
    }

    /// The same where each must be readable.
    pub(crate) fn read_all(&self, normaliser: &Normaliser) -> anyhow::Result<Vec<Identifier>> {
        let read =
            |given: Given| given.read.with_context(|| format!("could not read the {} given", given.kind));
        self.read(normaliser)?.into_iter().map(read).collect()
    }
}

fn read_hashed(text: &str) -> anyhow::Result<Written> {
    let (what, digest) = text.split_once('=').context("--hashed is given as KIND[:FORM]=DIGEST")?;
    let (kind, form) = match what.split_once(':') {
        Some((kind, form)) => (kind, Some(form.parse::<Form>()?)),
        None => (what, None),
    };
    let kind: IdentifierKind = kind.parse()?;
    Ok(Written { kind, hashed: Some(HashedAs(form)), text: digest.to_owned() })
}

fn one_line() -> anyhow::Result<String> {
    let mut lines = std::io::stdin().lock().lines();
    let first = lines.next().context("standard input is empty")?.context("could not read standard input")?;
    for line in lines {
        if !line.context("could not read standard input")?.trim().is_empty() {
            bail!("standard input has more than one line; use `abide import` for a list");
        }
    }
    Ok(first)
}

impl std::fmt::Debug for IdentifierFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentifierFlags(…)")
    }
}
