//! Every parser of foreign bytes, fed with anything: each body is one call that must neither panic nor hang, and keeps
//! the laws that hold for whatever comes in.
//!
//! The same bodies run in two ways. `cargo xtask fuzz TARGET` lets libFuzzer look for new paths, for as long as one
//! likes (`fuzz_targets/`, with the feature `coverage`). The tests feed them the seeds and some thousands of seeded
//! mutations of these, on any machine and with the stable compiler.

#![expect(
    clippy::unwrap_used,
    reason = "what a body cannot do is a finding, and what a seed cannot is a mistake here"
)]

use std::{panic, sync::Once};

mod cells;
mod files;
mod lists;
mod mutation;
mod people;
mod rules;
mod said;
mod stores;
mod tables;
mod values;

pub use mutation::Mutator;

/// A parser, what to feed it at first, and how many mutations the tests can afford.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    pub body: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
    pub mutations: u32,
}

const fn target(name: &'static str, body: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, mutations: u32) -> Target {
    Target { name, body, seeds, mutations }
}

pub const TARGETS: &[Target] = &[
    target("identifiers", people::identifiers, people::seeds, 4_000),
    target("cells", cells::cells, cells::seeds, 4_000),
    target("columns", tables::columns, tables::seeds, 1_000),
    target("exports", tables::exports, tables::seeds, 1_000),
    target("consent", said::consent, said::consent_seeds, 4_000),
    target("hooks", said::hooks, said::hooks_seeds, 2_000),
    target("text", files::text, files::text_seeds, 1_500),
    target("parquet", files::parquet, files::parquet_seeds, 600),
    target("arrow", files::arrow, files::arrow_seeds, 600),
    target("json_paths", values::json_paths, values::json_seeds, 4_000),
    target("avro", values::avro, values::avro_seeds, 4_000),
    target("protobuf", values::protobuf, values::protobuf_seeds, 2_000),
    target("ruleset", rules::ruleset, rules::ruleset_seeds, 40),
    target("case", rules::case, rules::case_seeds, 1_500),
    target("index", lists::index, lists::seeds, 600),
    target("index_sealed", lists::index_sealed, lists::seeds, 300),
    target("journal", stores::journal, stores::journal_seeds, 1_500),
    target("journal_sealed", stores::journal_sealed, stores::journal_seeds, 600),
    target("manifest", stores::manifest, stores::manifest_seeds, 1_500),
    target("manifest_sealed", stores::manifest_sealed, stores::manifest_seeds, 1_500),
    target("description", stores::description, stores::description_seeds, 1_500),
];

/// The body of a target, for `fuzz_targets`.
pub fn run(name: &str, data: &[u8]) {
    HOOK.call_once(hook);
    let target = TARGETS.iter().find(|target| target.name == name).expect("it is named as its file is");
    (target.body)(data);
}

static HOOK: Once = Once::new();

/// libFuzzer's hook ends the process at any panic; one that becomes an error is none.
fn hook() {
    let libfuzzers = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !abide_model::contained::panics_are_contained() {
            libfuzzers(info);
        }
    }));
}

/// The first bytes choose, the rest is read.
fn choose<const N: usize>(data: &[u8]) -> Option<([usize; N], &[u8])> {
    let (choices, rest) = data.split_first_chunk::<N>()?;
    Some((choices.map(usize::from), rest))
}

/// A seed: what the choices are, and what is read.
fn chosen(choices: &[u8], rest: impl AsRef<[u8]>) -> Vec<u8> {
    [choices, rest.as_ref()].concat()
}
