//! The store: there, known to this version, readable, writable, and its clock.

use std::sync::Arc;

use abide_journal::{CLOCK_OFF_MAX_US, ErrorKind, Store, StoreError, StoreId};
use abide_model::{Secret, Time, identifier::NORMALISER_VERSION};
use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, path::Path, prefix::PrefixStore,
};

use super::finding::{Finding, chain};
use crate::store_flags::{Opened, StoreFlags};

/// A clock that is off by more than this is not being set.
const CLOCK_SOUND_US: i64 = 5_000_000;

pub(super) struct Found {
    pub(super) id: StoreId,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

pub(super) async fn find(flags: &StoreFlags, findings: &mut Vec<Finding>) -> Option<Found> {
    let (objects, prefix) = match flags.location() {
        Ok(location) => location,
        Err(error) => {
            findings.push(Finding::problem("store", chain(error), "check --store or ABIDE_STORE"));
            return None;
        }
    };
    match Store::id_of(objects.clone(), &prefix).await {
        Ok(id) => {
            findings.push(Finding::ok("store", format!("`{}` is the store {id}", flags.store)));
            Some(Found { id, objects, prefix })
        }
        Err(error) => {
            findings.push(broken("store", error));
            None
        }
    }
}

/// Writes an object twice, which must fail the second time, reads the store's clock off it, and
/// removes it. Nothing reads names like its.
pub(super) async fn probe(found: &Found, unique: u64, now: Time) -> Vec<Finding> {
    let objects = PrefixStore::new(found.objects.clone(), found.prefix.clone());
    let name = Path::from(format!("nodes/doctor-{unique:016x}.probe"));
    let create = |text: &'static str| {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        objects.put_opts(&name, PutPayload::from_static(text.as_bytes()), options)
    };
    if let Err(error) = create("abide doctor\n").await {
        return vec![broken("writing", StoreError::of("write", name.as_ref(), error))];
    }
    let mut findings = match create("abide doctor, again\n").await {
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            vec![Finding::ok("writing", "objects can be written, and none is written twice")]
        }
        Ok(_) => vec![Finding::problem(
            "writing",
            "the storage overwrites objects that are to be created only: writers would lose each other's opt-outs",
            "use storage with conditional writes (`If-None-Match: *`), or another version of it",
        )],
        Err(error) => vec![broken("writing", StoreError::of("write", name.as_ref(), error))],
    };
    match objects.head(&name).await {
        Ok(written) => findings.push(clock(&written, now)),
        Err(error) => findings.push(broken("clock", StoreError::of("read", name.as_ref(), error))),
    }
    if let Err(error) = objects.delete(&name).await {
        let says = format!("the probe `{name}` could not be removed: {error}");
        findings.push(Finding::warning("writing", says, "remove it when you may; nothing reads it"));
    }
    findings
}

fn clock(written: &object_store::ObjectMeta, now: Time) -> Finding {
    let off_us = now.micros_since(Time::from_micros(written.last_modified.timestamp_micros()));
    let off = off_us.unsigned_abs() / 1_000_000;
    let says = match off_us {
        _ if off == 0 => "this machine's clock agrees with the store's".to_owned(),
        0.. => format!("this machine's clock is {off} s ahead of the store's"),
        _ => format!("this machine's clock is {off} s behind the store's"),
    };
    let todo = "let the machine set its clock (NTP)";
    if off_us.abs() > CLOCK_OFF_MAX_US {
        return Finding::problem("clock", format!("{says}; no opt-in is taken until it is right"), todo);
    }
    if off_us.abs() > CLOCK_SOUND_US {
        return Finding::warning("clock", says, todo);
    }
    Finding::ok("clock", says)
}

pub(super) async fn open(
    flags: &StoreFlags,
    found: &Found,
    secret: Option<Secret>,
    findings: &mut Vec<Finding>,
) -> Option<Opened> {
    let secret = secret?;
    let store = match Store::open(found.objects.clone(), &found.prefix, &secret).await {
        Ok(store) => store,
        Err(error) => {
            findings.push(broken("secret", error));
            return None;
        }
    };
    findings.push(Finding::ok("secret", "it is this store's"));
    let normalisers = store.normalisers();
    let newest = normalisers.last().copied().unwrap_or(0);
    findings.push(if newest == NORMALISER_VERSION {
        Finding::ok("versions", format!("the store's format and normaliser ({newest}) are this version's"))
    } else {
        Finding::warning(
            "versions",
            format!(
                "the store's keys are of normaliser {newest}, and this version's is {NORMALISER_VERSION}"
            ),
            "use the same version of abide on all machines",
        )
    });
    match flags.opened(store, &secret) {
        Ok(opened) => Some(opened),
        Err(error) => {
            findings.push(Finding::problem("rules", chain(error), "report this: it is a bug"));
            None
        }
    }
}

/// What is broken, and what to do by what kind of trouble it is.
pub(super) fn broken(about: &'static str, error: StoreError) -> Finding {
    let todo = todo(error.kind());
    Finding::problem(about, chain(error), todo)
}

pub(super) fn todo(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => {
            "check --store, --secret-file, rights and credentials, and this version of abide"
        }
        ErrorKind::Unavailable => "check the disk, the network and the bucket, and try again",
        ErrorKind::Conflict => "try again",
        ErrorKind::Damaged => "run `abide verify`, and restore what it names from a backup",
        ErrorKind::Bug => "report this: it is a bug",
    }
}
