//! Which faults some check would notice, without running all checks on a ruleset with each.
//!
//! What a check rests on besides the policies (the list, how fresh its sources are) is the same under every fault, so it
//! is looked up once. A fault of a rule changes what that rule comes to and nothing else, so only the rule is asked
//! again, and only where it speaks of the action; a fault of a segment changes who is in it, and the policies are the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use abide_model::facts::Effective;
use abide_rules::{
    Mutant, Question, Ruleset, Settled,
    case::{CaseCheck, Expected},
};

use crate::{
    cases::{Answer, CaseFile},
    parallel,
    stage::Stage,
};

/// The checks of all cases, ready to be judged under any fault.
pub(super) struct Checks<'f> {
    rules: &'f Ruleset,
    asked: Vec<Asked<'f>>,
    /// Each different question, with the numbers of the checks that come to it.
    settled: Vec<(Settled, Vec<usize>)>,
    /// A check that is about no rule goes wrong, so that no fault passes all of them.
    is_wrong_anyway: bool,
}

/// A check that the policies are asked about.
struct Asked<'f> {
    check: &'f CaseCheck,
    /// The number of its case.
    case: usize,
    effective: Effective,
    question: Question,
    /// What it comes to where no rule objects.
    unobjected: Answer,
}

impl<'f> Checks<'f> {
    pub(super) fn of(rules: &'f Arc<Ruleset>, files: &'f [CaseFile]) -> Self {
        let mut checks = Self { rules, asked: Vec::new(), settled: Vec::new(), is_wrong_anyway: false };
        let mut places: BTreeMap<Question, usize> = BTreeMap::new();
        for (case, file) in files.iter().enumerate() {
            let stage = Stage::set(&file.case, rules.clone());
            for check in &file.case.checks {
                let asked = stage.question(check);
                let (found, answer, unobjected) = stage.with_known(&asked, |judge, known| {
                    (
                        judge.effective(&asked, known, 0, &check.action, &check.context),
                        Answer::from(&judge.verdict(&asked, known, 0, &check.action, &check.context).verdict),
                        Answer::from(&judge.unobjected(&asked, 0, &check.action, &check.context)),
                    )
                });
                let put = found.and_then(|effective| {
                    let question = rules.question(&effective, &check.action, &check.context)?;
                    let place = checks.place_of(&question, &mut places)?;
                    Some((place, question, effective))
                });
                let Some((place, question, effective)) = put else {
                    checks.is_wrong_anyway |= !answer.meets(&check.expected);
                    continue;
                };
                checks.settled[place].1.push(checks.asked.len());
                checks.asked.push(Asked { check, case, effective, question, unobjected });
            }
        }
        checks
    }

    /// Where a question stands among those that are settled; none where it cannot be.
    fn place_of(&mut self, question: &Question, places: &mut BTreeMap<Question, usize>) -> Option<usize> {
        if let Some(place) = places.get(question) {
            return Some(*place);
        }
        let place = self.settled.len();
        self.settled.push((self.rules.settle(question)?, Vec::new()));
        places.insert(question.clone(), place);
        Some(place)
    }

    /// Every question that some check comes to, once.
    pub(super) fn questions(&self) -> impl Iterator<Item = &Question> {
        self.settled.iter().map(|(settled, _)| settled.question())
    }

    /// The faults that no check would notice.
    pub(super) fn unnoticed<'m>(&self, mutants: &'m [Mutant], threads: usize) -> Vec<&'m Mutant> {
        let mut of_rules: BTreeMap<Option<&str>, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            of_rules.entry(mutant.rule.as_deref()).or_default().push(mutant);
        }
        // Those of segments one by one, since each takes as long as all those of a rule.
        let of_segments = of_rules.remove(&None).unwrap_or_default();
        let of_segments = of_segments.into_iter().map(|mutant| (None, vec![mutant]));
        let work: Vec<(Option<&str>, Vec<&Mutant>)> = of_rules.into_iter().chain(of_segments).collect();
        let unnoticed = parallel::each(&work, threads, |(rule, faults)| match rule {
            Some(rule) => self.unnoticed_of_rule(rule, faults),
            None => self.unnoticed_of_segments(faults),
        });
        unnoticed.concat()
    }

    fn unnoticed_of_rule<'m>(&self, rule: &str, faults: &[&'m Mutant]) -> Vec<&'m Mutant> {
        let ready = self.rules.faults(rule, faults);
        let (touched, others): (Vec<_>, Vec<_>) =
            self.settled.iter().partition(|(settled, _)| ready.can_touch(settled.question()));
        let is_wrong = |(settled, checks): &&(Settled, Vec<usize>)| {
            self.is_noticed(settled.outcome().blocking().as_deref(), checks)
        };
        if self.is_wrong_anyway || others.iter().any(is_wrong) {
            return Vec::new();
        }
        // Those of cases that name the rule first, since one that notices is enough.
        let naming: BTreeSet<usize> =
            self.asked.iter().filter(|asked| asked.names(rule)).map(|asked| asked.case).collect();
        let is_of_one = |(_, checks): &&(Settled, Vec<usize>)| {
            checks.iter().any(|at| naming.contains(&self.asked[*at].case))
        };
        let (first, then): (Vec<_>, Vec<_>) = touched.into_iter().partition(is_of_one);
        let mut left: Vec<bool> = vec![true; faults.len()];
        for (settled, checks) in first.into_iter().chain(then) {
            if !left.contains(&true) {
                break;
            }
            for (is_left, outcome) in left.iter_mut().zip(self.rules.outcomes_of(&ready, settled)) {
                *is_left &= !self.is_noticed(outcome.blocking().as_deref(), checks);
            }
        }
        faults.iter().zip(left).filter(|(_, is_left)| *is_left).map(|(mutant, _)| *mutant).collect()
    }

    fn unnoticed_of_segments<'m>(&self, faults: &[&'m Mutant]) -> Vec<&'m Mutant> {
        let is_unnoticed = |mutant: &&Mutant| {
            let mutated = self.rules.mutated(mutant);
            let is_noticed = |at: usize| {
                let Asked { check, effective, question, .. } = &self.asked[at];
                let under = mutated.question(effective, &check.action, &check.context);
                let blocking = mutated.blocking(under.as_ref().unwrap_or(question));
                self.is_noticed(blocking.as_deref(), &[at])
            };
            !self.is_wrong_anyway && !(0..self.asked.len()).any(is_noticed)
        };
        faults.iter().copied().filter(is_unnoticed).collect()
    }

    /// Whether one of some checks goes wrong where these rules object.
    fn is_noticed(&self, blocking: Option<&[Arc<str>]>, checks: &[usize]) -> bool {
        checks.iter().any(|at| {
            let Asked { check, unobjected, .. } = &self.asked[*at];
            match blocking {
                None => !unobjected.meets(&check.expected),
                Some(rules) => {
                    let rules = rules.iter().map(ToString::to_string).collect();
                    !Answer::Block { rules }.meets(&check.expected)
                }
            }
        })
    }
}

impl Asked<'_> {
    /// Whether the check says that a rule blocks.
    fn names(&self, rule: &str) -> bool {
        match &self.check.expected {
            Expected::Block { rules: Some(rules) } => rules.iter().any(|other| other == rule),
            _ => false,
        }
    }
}
