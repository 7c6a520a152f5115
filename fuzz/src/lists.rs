//! The index file and the list in it, as it stands on disk and with checksums that were made to fit.

use abide_index::{
    BuildConfig, Index, IndexError,
    list::{List, ListBuilder},
};
use abide_model::{
    Claimant, Form, IdentifierKind, IdentityState, Key, Retractions, Scope, Time, TypedKey,
    state::{Claim, Moments},
};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) fn index(data: &[u8]) {
    // Whatever is wrong is found at the opening or where it is touched.
    if let Ok(index) = Index::from_bytes(data) {
        let _ = ask(index);
    }
}

/// As if whoever wrote it had checked it with our own checksums.
pub(crate) fn index_sealed(data: &[u8]) {
    index(&resealed(data).unwrap_or_default());
}

fn ask(index: Index) -> Result<(), IndexError> {
    let sound = index.verify();
    let list = List::of(index)?;
    let keys: Vec<Key> =
        list.stored().take(200).filter_map(Result::ok).map(|stored| stored.primary()).collect();
    for key in keys.into_iter().chain([Key([0; 16]), Key([0xff; 16]), Key([7; 16])]) {
        let _ = (list.find(&key), list.state(&key), list.primary_of(&key), list.ordinal(&key));
    }
    list.states().take(200).for_each(drop);
    sound
}

/// Every checksum as `docs/formats/index.md` has it, wherever the head says that things are.
fn resealed(data: &[u8]) -> Option<Vec<u8>> {
    const BLOCK_BYTES: usize = 49_152;
    let mut bytes = data.to_vec();
    if bytes.len() < 256 {
        return None;
    }
    let number = |bytes: &[u8], at: usize| -> Option<usize> {
        usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
    };
    let mut sums = Vec::new();
    for section in 0..8 {
        let (offset, len) = (number(&bytes, 64 + 16 * section)?, number(&bytes, 72 + 16 * section)?);
        let section = bytes.get(offset..offset.checked_add(len)?)?;
        sums.extend(section.chunks(BLOCK_BYTES).flat_map(|block| xxh3_64(block).to_le_bytes()));
    }
    let checksums = number(&bytes, 192)?;
    bytes.get_mut(checksums..checksums.checked_add(sums.len())?)?.copy_from_slice(&sums);
    bytes[200..208].copy_from_slice(&(sums.len() as u64).to_le_bytes());
    bytes[208..216].copy_from_slice(&xxh3_64(&sums).to_le_bytes());
    let len = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&len.to_le_bytes());
    let head = xxh3_64(&bytes[..248]);
    bytes[248..256].copy_from_slice(&head.to_le_bytes());
    Some(bytes)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [0, 1, 40].map(built).into()
}

fn built(people: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.index");
    let config = BuildConfig {
        scratch_dir: folder.path().to_owned(),
        memory_max_bytes: 1 << 20,
        set_bytes_max: 1 << 20,
        metadata: Vec::new(),
        sync: false,
    };
    let mut builder = ListBuilder::create(&path, config, Retractions::default()).unwrap();
    let typed = |number: u64, form| TypedKey {
        key: Key((u128::from(number) << 100).to_be_bytes()),
        form,
        version: 1,
    };
    for person in 1..=people {
        let mut state = IdentityState::new(IdentifierKind::Email, typed(person * 4, Form::Sha256));
        state.aliases.extend((person % 2 == 0).then(|| typed(person * 4 + 1, Form::Md5)));
        for mechanism in ["email.unsubscribe", "profile.all"].iter().take(1 + usize::from(person % 3 == 0)) {
            let claim = Claim {
                mechanism: mechanism.parse().unwrap(),
                scope: Scope::Everyone,
                claimant: Claimant::Person,
                batch: "import-1".parse().unwrap(),
            };
            let out = Some(Time::from_seconds(1_795_000_000));
            state.claims.insert(claim, Moments { out, opt_in: None });
        }
        builder.push(&state).unwrap();
    }
    builder.finish(None).unwrap();
    std::fs::read(path).unwrap()
}
