//! LMDB through `heed`: a B+ tree in a memory-mapped file, filled in order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, PutFlags, RoTxn, WithoutTls};

use super::{Footprint, Key, Structure, set_of};

const FILE: &str = "lmdb";
const MAP_BYTES: usize = 16 << 30;

pub(crate) struct Lmdb {
    database: Database<Bytes, Bytes>,
    reader: RoTxn<'static, WithoutTls>,
    bytes: u64,
}

impl Structure for Lmdb {
    type Found = u32;

    fn build(keys: &[Key], directory: &Path) -> Result<Option<Self>> {
        let env = environment(directory)?;
        let mut writer = env.write_txn()?;
        let database: Database<Bytes, Bytes> = env.create_database(&mut writer, None)?;
        for key in keys {
            database.put_with_flags(&mut writer, PutFlags::APPEND, key, &set_of(key).to_le_bytes())?;
        }
        writer.commit()?;
        env.prepare_for_closing().wait();
        Ok(None)
    }

    fn open(directory: &Path) -> Result<Self> {
        let env = environment(directory)?;
        let reader = env.clone().static_read_txn()?;
        let database = env.open_database(&reader, None)?.context("the database was just built")?;
        let bytes = fs::metadata(directory.join(FILE))?.len();
        Ok(Self { database, reader, bytes })
    }

    fn footprint(&self) -> Result<Footprint> {
        Ok(Footprint { all: self.bytes, misses: self.bytes })
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let set = self.database.get(&self.reader, key).expect("the database was just built")?;
        Some(u32::from_le_bytes(set.try_into().expect("a set's number was put")))
    }
}

/// The file under its own name, and random access told to the kernel, as befits look-ups.
#[expect(unsafe_code, reason = "LMDB maps a file that nobody else may write meanwhile")]
fn environment(directory: &Path) -> Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES);
    // SAFETY: no flag weakens LMDB's locking or syncing, and the file is in a directory of this process alone.
    Ok(unsafe { options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_READ_AHEAD).open(directory.join(FILE))? })
}
