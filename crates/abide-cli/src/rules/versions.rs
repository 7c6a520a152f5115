//! The versions that a store keeps, and naming one of them.

use std::{path::Path, sync::Arc};

use abide_journal::Place;
use abide_model::Time;
use abide_replica::{Activations, Replica, ReplicaError, RulesetsError, StoredRuleset, rulesets};
use abide_rules::Ruleset;
use anyhow::{Context as _, anyhow, bail};

use super::folder::Folder;
use crate::{
    exit::chain,
    store_flags::{Opened, StoreFlags},
};

/// What the store keeps, and what is in force.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) all: Vec<StoredRuleset>,
    pub(crate) activations: Activations,
    /// The ruleset that answers now, or why nothing does.
    active: Result<Arc<Ruleset>, RulesetsError>,
    built_in: [u8; 32],
}

impl Versions {
    /// Reads what is in force. A ruleset in force that cannot be read stops nobody here but who needs to know what it says.
    pub(crate) async fn read(opened: &Opened, now: Time) -> anyhow::Result<Self> {
        let error = match opened.replica(now).await {
            Ok(replica) => return Self::of(opened, &replica).await,
            Err(error) => error,
        };
        match error.downcast()? {
            ReplicaError::Ruleset(RulesetsError::Store(error)) => Err(error.into()),
            ReplicaError::Ruleset(why) => {
                let activations = opened.activations(now).await?;
                Self::with(opened, activations, Err(why)).await
            }
            error => Err(error.into()),
        }
    }

    /// As a replica has read it.
    pub(crate) async fn of(opened: &Opened, replica: &Replica) -> anyhow::Result<Self> {
        let active = replica.snapshot().rules.clone();
        Self::with(opened, replica.activations().clone(), Ok(active)).await
    }

    async fn with(
        opened: &Opened,
        activations: Activations,
        active: Result<Arc<Ruleset>, RulesetsError>,
    ) -> anyhow::Result<Self> {
        let built_in = opened.built_in.version().digest();
        Ok(Self { all: kept(opened).await?, activations, active, built_in })
    }

    /// The ruleset that answers now.
    pub(crate) fn active(&self) -> anyhow::Result<&Arc<Ruleset>> {
        self.active.as_ref().map_err(|why| {
            let name = self.name_of(&self.active_digest());
            anyhow!(
                "{name} is in force and cannot be read, so nobody is judged: {why}. Or go back to a version that can be \
                 read: abide rules rollback VERSION --allow-weaker 'REASON'"
            )
        })
    }

    /// Where the activation in force stands in the order of all.
    pub(crate) fn place(&self) -> Option<Place> {
        self.activations.in_force().map(|(activation, origin)| activation.place(origin))
    }

    /// What the activation in force has taken the place of, if that is another than was in force `before`.
    pub(crate) fn missed(&self, before: &Self) -> Option<[u8; 32]> {
        let (replaced, origin) = self.activations.replaced()?;
        let is_known = before.place().is_some_and(|known| known >= replaced.place(origin));
        (!is_known && replaced.ruleset != before.active_digest()).then_some(replaced.ruleset)
    }

    /// A version by what people call it: `v8`, `8`, or the first digits of its digest.
    pub(crate) fn named(&self, name: &str) -> anyhow::Result<&StoredRuleset> {
        let number: Option<u64> = name.strip_prefix('v').unwrap_or(name).parse().ok();
        let is_meant = |version: &&StoredRuleset| {
            let is_prefix = name.len() >= 8 && hex::encode(version.digest()).starts_with(name);
            Some(version.number) == number || is_prefix
        };
        let found: Vec<&StoredRuleset> = self.all.iter().filter(is_meant).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => match self.all.last() {
                Some(last) => bail!("there is no ruleset `{name}`; the newest is v{}", last.number),
                None => bail!("there is no ruleset `{name}`; the store has none yet (abide rules push)"),
            },
            several => {
                let digests: Vec<String> =
                    several.iter().map(|version| hex::encode(&version.digest()[..8])).collect();
                bail!("`{name}` was pushed twice at once: name one by its digest, {}", digests.join(" or "))
            }
        }
    }

    /// Whether a version is called so, which may be one that cannot be read.
    pub(crate) fn is_named(&self, name: &str, digest: &[u8; 32]) -> anyhow::Result<bool> {
        if name.len() >= 8 && hex::encode(digest).starts_with(name) {
            return Ok(true);
        }
        Ok(self.named(name)?.digest() == *digest)
    }

    pub(crate) fn of_digest(&self, digest: &[u8; 32]) -> Option<&StoredRuleset> {
        self.all.iter().find(|version| version.digest() == *digest)
    }

    /// Whether a version was pushed while the other, or one that descends from it, was in force.
    pub(crate) fn descends(&self, version: &StoredRuleset, from: &StoredRuleset) -> bool {
        let parent = |of: &StoredRuleset| of.parent.and_then(|digest| self.of_digest(&digest));
        // A parent was there before its children, so the line ends.
        let mut line = std::iter::successors(parent(version), |older| parent(older)).take(self.all.len());
        line.any(|older| older.digest() == from.digest())
    }

    /// `v8` where the store keeps that version, else the digest's beginning.
    pub(crate) fn name_of(&self, digest: &[u8; 32]) -> String {
        match self.of_digest(digest) {
            Some(version) => format!("v{}", version.number),
            None if *digest == self.built_in => format!("the built-in {}", hex::encode(&digest[..4])),
            None => format!("the ruleset {}", hex::encode(&digest[..4])),
        }
    }

    pub(crate) fn active_digest(&self) -> [u8; 32] {
        self.activations.in_force().map_or(self.built_in, |(activation, _)| activation.ruleset)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.all.iter().map(|version| version.number).max().unwrap_or(0) + 1
    }
}

/// The versions that can be read; the others are named, and stop only whoever asks for them.
async fn kept(opened: &Opened) -> anyhow::Result<Vec<StoredRuleset>> {
    let kept = rulesets::all(&opened.store).await?;
    for (_, error) in kept.unreadable {
        eprintln!("abide: {}", chain(&error.into()));
    }
    Ok(kept.versions)
}

/// A ruleset by what an activation names: the built-in one, or one of the store.
pub(crate) async fn in_use(opened: &Opened, digest: &[u8; 32]) -> anyhow::Result<Arc<Ruleset>> {
    if opened.built_in.version().digest() == *digest {
        return Ok(opened.built_in.clone());
    }
    Ok(rulesets::compiled(&opened.store, digest).await?)
}

/// A ruleset by its folder, by the name of a stored version, or `built-in`.
pub(crate) async fn resolve(name: &str, store: &StoreFlags) -> anyhow::Result<Arc<Ruleset>> {
    if name == "built-in" {
        return Ok(Arc::new(Ruleset::built_in()?));
    }
    if Path::new(name).is_dir() {
        return Ok(Folder::read(Path::new(name))?.rules);
    }
    let opened = store
        .open()
        .await
        .with_context(|| format!("`{name}` is no folder, so it is a version of a store"))?;
    let versions = Versions::with(&opened, Activations::default(), Ok(opened.built_in.clone())).await?;
    let rules = versions.named(name)?.ruleset();
    Ok(Arc::new(rules.with_context(|| format!("`{name}` cannot be used by this version of abide"))?))
}
