//! The way that all others have to agree with: `enforce::decide` on a replica's snapshot.

use std::sync::Arc;

use abide_enforce::{Asked, Options, Panel, Part, Snapshot, Uncovered, decide};
use abide_model::Time;
use abide_rules::{Case, Ruleset, case::CaseCheck};

use super::{Answer, EnforcementPoint, ToldCase};

/// Where the list is when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// In memory, as what has just come in is.
    Overlay,
    /// In an index file, as what was merged is.
    Index,
}

/// `enforce::decide` in this process.
#[derive(Debug)]
pub struct Decide {
    pub rules: Arc<Ruleset>,
    pub list: List,
    pub now: Time,
}

impl EnforcementPoint for Decide {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a thread can wait for files").block_on(async {
            let told = ToldCase::tell(case, self.now).await;
            let mut replica = told.replica(self.rules.clone()).await;
            if self.list == List::Index {
                replica.whole_list(self.now).expect("there is room for a list");
            }
            let snapshot = replica.snapshot();
            case.checks.iter().map(|check| self.answer(&told, &snapshot, check)).collect()
        })
    }
}

impl Decide {
    fn answer(&self, told: &ToldCase, snapshot: &Snapshot, check: &CaseCheck) -> Answer {
        let parts = check.subject.iter().map(|identifier| Part { kind: identifier.kind, to: false });
        let mut asked = Asked::new(Panel(parts.collect()), snapshot.held(), told.keyring.clone(), true);
        asked.begin();
        for (part, identifier) in check.subject.iter().enumerate() {
            asked.note(part, identifier.read(&told.normaliser).as_ref());
        }
        let options = Options { uncovered: Uncovered::CannotTell, now: self.now, ..Options::default() };
        match decide(snapshot, &asked, &check.action, &check.context, options) {
            Ok(judgement) => Answer::from(&judgement.verdict),
            Err(error) => Answer::Broken(error.to_string()),
        }
    }
}
