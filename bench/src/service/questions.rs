//! What is asked: people of whom half are on the list, in another spelling, in the words of each contestant.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;

use crate::bench_dir::BenchDir;
use crate::people::{Case, Person, mix};

/// So many, asked again and again; their keys are no longer in a near cache when their turn comes.
const COUNT: u64 = 100_000;

pub(crate) struct Questions {
    folder: PathBuf,
}

/// A file of bodies, one a line, and how they are sent.
pub(crate) struct Bodies {
    pub(crate) file: PathBuf,
    pub(crate) path: &'static str,
    pub(crate) media_type: &'static str,
    /// So many lines are one body.
    pub(crate) lines: usize,
}

impl Questions {
    pub(crate) fn write(bench: &BenchDir, rows: u64) -> Result<Self> {
        let folder = bench.empty(&format!("questions-{rows}"))?;
        let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
        let mut checks = create("checks")?;
        let mut inputs = create("inputs")?;
        let mut lines = create("lines")?;
        let mut batches = create("batches")?;
        let mut batch = Vec::new();
        for number in 0..COUNT {
            let email = |case: Case| {
                let mut email = Vec::new();
                person(number, rows).write_email(case, &mut email);
                String::from_utf8(email).expect("addresses are ASCII")
            };
            let (typed, lower) = (email(Case::Names), email(Case::Lower));
            writeln!(
                checks,
                r#"{{"action":"contact.email","subject":{{"email":"{typed}"}},"context":{{"purpose":"marketing"}}}}"#
            )?;
            // Spared the lower-casing.
            writeln!(inputs, r#"{{"input":{{"email":"{lower}"}}}}"#)?;
            writeln!(lines, r#"{{"email":"{typed}"}}"#)?;
            batch.push(format!(r#"{{"email":"{typed}"}}"#));
            if batch.len() == super::BATCH {
                let subjects = batch.join(",");
                writeln!(
                    batches,
                    r#"{{"action":"contact.email","context":{{"purpose":"marketing"}},"subjects":[{subjects}]}}"#
                )?;
                batch.clear();
            }
        }
        for mut file in [checks, inputs, lines, batches] {
            file.flush()?;
        }
        Ok(Self { folder })
    }

    pub(crate) fn checks(&self) -> Bodies {
        self.bodies_of("checks", "/v1/check", "application/json", 1)
    }

    pub(crate) fn inputs(&self) -> Bodies {
        self.bodies_of("inputs", "/v1/data/contact/verdict", "application/json", 1)
    }

    /// The same batches, in both formats.
    pub(crate) fn batches(&self, of: usize) -> [(String, Bodies); 2] {
        let query = "/v1/filter?action=contact.email&context.purpose=marketing";
        [
            ("`/v1/filter`, JSON".to_owned(), self.bodies_of("batches", "/v1/filter", "application/json", 1)),
            ("`/v1/filter`, NDJSON".to_owned(), self.bodies_of("lines", query, "application/x-ndjson", of)),
        ]
    }

    pub(crate) fn first(&self) -> String {
        self.bodies().map(|all| all[0].clone()).unwrap_or_default()
    }

    pub(crate) fn bodies(&self) -> Result<Vec<String>> {
        Ok(fs::read_to_string(self.folder.join("checks"))?.lines().map(str::to_owned).collect())
    }

    fn bodies_of(&self, name: &str, path: &'static str, media_type: &'static str, lines: usize) -> Bodies {
        Bodies { file: self.folder.join(name), path, media_type, lines }
    }
}

/// Every other one is somebody that `people::write_list` put on the list.
fn person(number: u64, rows: u64) -> Person {
    let place = mix(number) % rows;
    if number % 2 == 0 {
        // A customer in ten is on it; the rest of it are strangers.
        let of_list = place / 10;
        Person::new(10 * of_list + mix(of_list) % 10)
    } else {
        Person::new(3 * rows + place)
    }
}
