//! Faults are told from one another without running every check on a ruleset with each, and come out as if that had been
//! done.

use std::{collections::BTreeSet, sync::Arc};

use abide_rules::{Case, Ruleset, RulesetSources};
use abide_trial::{CaseFile, InMemory, covered, run};

use crate::ruleset::{cases, default_with, examples};

/// What nobody would notice: every case run on every mutant, as it is defined.
fn unnoticed_by_running(rules: &Arc<Ruleset>, files: &[CaseFile]) -> BTreeSet<String> {
    let mutants = rules.mutants();
    let passes = |mutant: &&abide_rules::Mutant| {
        let point = InMemory { rules: Arc::new(rules.mutated(mutant)) };
        files.iter().all(|file| run(&point, std::slice::from_ref(file), 1).disagreements.is_empty())
    };
    mutants.iter().filter(passes).map(ToString::to_string).collect()
}

#[track_caller]
fn agree(rules: &Arc<Ruleset>, files: &[CaseFile]) -> usize {
    let covered = covered(rules, files, 2);
    let quickly: BTreeSet<String> = covered.unnoticed.into_iter().chain(covered.redundant).collect();
    assert_eq!(quickly, unnoticed_by_running(rules, files));
    quickly.len()
}

/// With all cases, with half of them, with few that go wrong, and with none.
#[test]
fn faults_of_the_default_ruleset_are_noticed_as_by_running_all_cases() {
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let all = cases();
    // One changes nobody's verdict.
    assert_eq!(agree(&rules, &all), 1);
    let half: Vec<CaseFile> = all.iter().step_by(2).cloned().collect();
    assert!(agree(&rules, &half) > 10);
    let wrong = default_with("principal in Segment::\"deceased\"", "principal in Segment::\"held\"");
    let few: Vec<CaseFile> = all.into_iter().filter(|file| file.name.contains("deceased")).collect();
    agree(&wrong, &few);
    assert!(agree(&rules, &[]) > 190);
}

/// A permit of the ruleset's own, a rule that fails, an action and a context that nobody knows.
#[test]
fn faults_of_odd_rulesets_are_noticed_as_by_running_all_cases() {
    let odd = default_with(
        "// Who is not to be contacted.",
        "@id(\"may\") permit (principal in Segment::\"held\", action == Action::\"sell\", resource)\n\
         when { context.purpose == Purpose::\"legal\" && principal in Segment::\"do_not_track\" };\n\
         @id(\"fails\") @reason(\"fails\") forbid (principal, action == Action::\"query\", resource)\n\
         when { principal in Segment::\"do_not_track\" && 9223372036854775807 + 1 == 0 };\n\
         // Who is not to be contacted.",
    );
    let case = |text: &str| CaseFile { name: "odd".to_owned(), case: Case::parse(text).unwrap() };
    let told = "[[signal]]\nemail = \"jane@example.com\"\nmechanism = \"web.dnt\"\n[[check]]\nemail = \"jane@example.com\"\n";
    let fails = case(&format!("{told}action = \"query\"\nverdict = \"block\"\nreasons = [\"fails\"]"));
    let unknown = case(&format!("{told}action = \"dance\"\nverdict = \"cannot_tell\""));
    let strange = case(&format!(
        "{told}action = \"query\"\ncontext = {{ mood = \"good\" }}\nverdict = \"block\"\nreasons = [\"invalid-context\"]"
    ));
    let mut files = cases();
    files.extend([fails, unknown.clone(), strange]);
    agree(&odd, &files);
    assert!(agree(&odd, &files[files.len() - 3..]) > 190);
    let wrong = case(&format!("{told}action = \"dance\"\nverdict = \"allow\""));
    assert_eq!(agree(&odd, &[unknown, wrong]), 0);
}

#[test]
fn faults_of_the_examples_are_noticed_as_by_running_all_cases() {
    for (name, rules, files) in examples() {
        agree(&rules, &files);
        let half: Vec<CaseFile> = files.iter().step_by(2).cloned().collect();
        assert!(agree(&rules, &half) > 0, "{name}");
    }
}

/// Each with cases of its own and none with those of another.
#[test]
fn many_policies_are_tried_in_full() {
    const POLICIES: usize = 80;
    let mut sources = RulesetSources::built_in();
    let own = Ruleset::built_in().unwrap().rules().count();
    let policies: String = (own..POLICIES).map(policy).collect();
    sources.policies.push(("policies/brands.cedar".to_owned(), policies));
    let rules = Arc::new(Ruleset::from_sources(&sources).unwrap());
    assert_eq!(rules.rules().count(), POLICIES);
    let mut files = cases();
    let seldom = covered(&rules, &files, 2);
    assert!(seldom.unnoticed.len() > 4 * (POLICIES - own), "{}", seldom.unnoticed.len());
    files.extend((own..POLICIES).map(|number| CaseFile {
        name: format!("brand-{number}.toml"),
        case: Case::parse(&story(number)).unwrap(),
    }));
    let covered = covered(&rules, &files, 2);
    assert_eq!((covered.percent(), covered.unnoticed.as_slice()), (100, &[][..]));
}

/// Whoever wants no mail of a brand gets no notices of it either.
fn policy(number: usize) -> String {
    format!(
        "@id(\"brand-{number}\")\n@reason(\"the person wants nothing of brand {number}\")\n\
         forbid (principal in Segment::\"do_not_contact.email\", action == Action::\"contact.email\", resource)\n\
         when {{ context.purpose == Purpose::\"transactional\" && context has brand && context.brand == \"b{number}\" }}\n\
         unless {{ context.message == Message::\"confirm_opt_in\" }};\n\n"
    )
}

fn story(number: usize) -> String {
    let check = |said: &str, email: &str, verdict: &str| {
        format!(
            "[[check]]\nemail = \"{email}@example.com\"\naction = \"contact.email\"\ncontext = {{ {said} }}\n{verdict}\n"
        )
    };
    let blocked = format!("verdict = \"block\"\nreasons = [\"brand-{number}\"]");
    let (brand, allow) = (format!("brand = \"b{number}\""), "verdict = \"allow\"");
    [
        "[[signal]]\nemail = \"jane@example.com\"\nmechanism = \"email.unsubscribe\"\n".to_owned(),
        check(&format!("purpose = \"transactional\", {brand}"), "jane", &blocked),
        check(&format!("purpose = \"legal\", {brand}"), "jane", allow),
        check("purpose = \"transactional\", brand = \"other\"", "jane", allow),
        check("purpose = \"transactional\"", "jane", allow),
        check(&format!("purpose = \"transactional\", message = \"confirm_opt_in\", {brand}"), "jane", allow),
        check(&format!("purpose = \"transactional\", {brand}"), "john", allow),
    ]
    .concat()
}
