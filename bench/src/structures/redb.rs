//! `redb`: a B tree in a file, in Rust, filled in order. Its cache holds all of it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use redb::{Builder, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{Footprint, Key, Structure, set_of};

const FILE: &str = "redb";
const TABLE: TableDefinition<Key, u32> = TableDefinition::new("sets");
const CACHE_BYTES: usize = 6 << 30;

pub(crate) struct Redb {
    table: ReadOnlyTable<Key, u32>,
    bytes: u64,
}

impl Structure for Redb {
    type Found = u32;

    fn build(keys: &[Key], directory: &Path) -> Result<Option<Self>> {
        let database = Builder::new().create(directory.join(FILE))?;
        let writer = database.begin_write()?;
        let mut table = writer.open_table(TABLE)?;
        for key in keys {
            table.insert(key, set_of(key))?;
        }
        drop(table);
        writer.commit()?;
        drop(database);
        Ok(None)
    }

    fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let database = Builder::new().set_cache_size(CACHE_BYTES).open_read_only(&path)?;
        let table = database.begin_read()?.open_table(TABLE)?;
        Ok(Self { table, bytes: fs::metadata(path)?.len() })
    }

    fn footprint(&self) -> Result<Footprint> {
        Ok(Footprint { all: self.bytes, misses: self.bytes })
    }

    fn find(&self, key: &Key) -> Option<u32> {
        Some(self.table.get(key).expect("the database was just built")?.value())
    }
}
