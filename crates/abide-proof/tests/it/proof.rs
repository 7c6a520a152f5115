//! Two rulesets before the solver.

use abide_proof::{By, Proof, prove, prove_no_weaker};
use abide_rules::{Ruleset, RulesetSources};
use abide_trial::compare;

use cedar_policy::PolicySet;

use crate::ruleset::{all, compiled, default_with};

/// A proof by the solver, or the end of the test.
async fn solved(old: &Ruleset, new: &Ruleset, what: &str) -> Proof {
    let proof = prove(old, new).await;
    match proof.by {
        By::Solver { .. } => proof,
        By::Trying { instead } => panic!("{what}: {instead}"),
    }
}

/// Each mechanism of each segment forgotten, each rule left out, weakened or made stronger. Whoever the solver finds was
/// judged again by both rulesets; where it finds nobody, trying everybody finds nobody either.
#[tokio::test]
async fn every_fault_that_lets_somebody_through_is_found() {
    for (name, sources) in all() {
        let rules = compiled(&sources);
        let (mut weaker, mut others) = (0, Vec::new());
        let mutants = rules.mutants();
        for mutant in &mutants {
            let mutated = rules.mutated(mutant);
            let what = format!("{name}: {:?} {}", mutant.rule, mutant.what);
            let proof = solved(&rules, &mutated, &what).await.comparison;
            assert_eq!(proof.gap, None, "{what}");
            if proof.newly_allowed.is_empty() {
                assert!(compare(&rules, &mutated).is_no_weaker(), "{what}: the solver missed somebody");
                others.push(what);
            } else {
                weaker += 1;
            }
        }
        assert!(
            weaker * 2 > mutants.len(),
            "{name}: {weaker} of {} are weaker, not {others:#?}",
            mutants.len()
        );
    }
}

/// Layout, order, remarks and the names of files let nobody through and block nobody.
#[tokio::test]
async fn a_ruleset_written_otherwise_is_the_same() {
    for (name, sources) in all() {
        let written = RulesetSources {
            // Sorted, without a remark, every list on one line.
            toml: toml::to_string(&parsed(&sources)).unwrap(),
            policies: sources
                .policies
                .iter()
                .map(|(file, text)| {
                    (format!("z-{}", file.replace('/', "-")), policies(text).into_iter().rev().collect())
                })
                .collect(),
        };
        let (old, new) = (compiled(&sources), compiled(&written));
        assert_ne!(old.version(), new.version());
        let proof = solved(&old, &new, &name).await.comparison;
        assert!(proof.is_no_weaker() && proof.newly_blocked.is_empty(), "{name}: {proof:?}");
    }
}

/// Another `unless` under each rule and each table: one brand, by name and by how it begins.
#[tokio::test]
async fn every_exception_is_found() {
    for (name, sources) in all() {
        let old = compiled(&sources);
        for exception in [
            "context has brand && context.brand == \"zeta\"",
            "context has brand && context.brand like \"z*a\"",
        ] {
            let (mut tried, mut covered) = (0, Vec::new());
            for (what, weakened) in with_exception(&sources, exception) {
                let weakened = compiled(&weakened);
                let proof = solved(&old, &weakened, &what).await.comparison;
                let back = prove_no_weaker(&weakened, &old).await.comparison;
                assert!(back.is_no_weaker() && back.newly_blocked.is_empty(), "{what}: {back:?}");
                let there = prove_no_weaker(&old, &weakened).await.comparison;
                assert_eq!(there.is_no_weaker(), proof.is_no_weaker(), "{what}");
                tried += 1;
                match proof.newly_allowed.first() {
                    Some(example) => assert!(example.context.get("brand").is_some(), "{what}: {example:?}"),
                    None => covered.push(what),
                }
            }
            // Who has died stands under a hold too: another rule blocks whoever this one lets go.
            assert!(tried > 5 && covered.len() <= 2, "{name}: {tried} exceptions, not found: {covered:?}");
        }
    }
}

/// What the two rulesets mean by their words differs too.
#[tokio::test]
async fn words_are_compared_by_what_they_mean() {
    let default = default_with("", "");
    for (what, old, new, expected) in [
        (
            "another default",
            "default = \"marketing\"",
            "default = \"legal\"",
            "newly gets through: `contact.",
        ),
        (
            "an action taken out of a group",
            "[actions.\"contact.push\"]\nin = [\"contact\"]",
            "[actions.\"contact.push\"]",
            "newly gets through: `contact.push`",
        ),
        ("a source that may be older", "max_age_days = 31", "max_age_days = 90", "90 days, 31 days before"),
        (
            "a word more",
            "values = [\"marketing\", ",
            "values = [\"marketing\", \"survey\", ",
            "with purpose=survey",
        ),
    ] {
        let weaker = default_with(old, new);
        let proof = solved(&default, &weaker, what).await.comparison;
        let said: Vec<_> = proof.newly_allowed.iter().map(|example| &example.sentence).collect();
        assert!(said.iter().any(|said| said.contains(expected)), "{what}: {said:?}");
    }
}

/// What cannot be put to the solver is tried, and said to be.
#[tokio::test]
async fn what_the_solver_cannot_see_is_tried() {
    let default = default_with("", "");
    let with = |rule: &str| {
        let rule = format!(
            "@id(\"odd\") @reason(\"odd\")\nforbid (principal, action == Action::\"query\", resource) {rule};\n// Taking data in"
        );
        default_with("// Taking data in", &rule)
    };
    for (rule, why) in [
        ("when { principal == Person::\"subject\" }", "names a single person"),
        ("when { (if principal.consented then 9223372036854775807 else 1) + 1 == 2 }", "may fail"),
    ] {
        let odd = with(rule);
        let proof = prove(&odd, &default).await;
        let By::Trying { instead } = &proof.by else { panic!("{rule}: {proof:?}") };
        assert!(instead.to_string().contains(why), "{rule}: {instead}");
        let said: Vec<_> = proof.comparison.newly_allowed.iter().map(|example| &example.sentence).collect();
        assert!(said.iter().any(|said| said.contains("`query`")), "{rule}: {:?}", proof.comparison);
    }
}

fn parsed(sources: &RulesetSources) -> toml::Table {
    sources.toml.parse().unwrap()
}

/// The policies of a text, each in its canonical layout.
fn policies(text: &str) -> Vec<String> {
    let set: PolicySet = text.parse().unwrap();
    set.policies().map(|policy| policy.to_cedar().unwrap()).collect()
}

fn with_exception(sources: &RulesetSources, exception: &str) -> Vec<(String, RulesetSources)> {
    let mut all = Vec::new();
    for (at, (file, text)) in sources.policies.iter().enumerate() {
        let policies = policies(text);
        for nth in 0..policies.len() {
            let mut changed = policies.clone();
            let whole = changed[nth].trim_end().strip_suffix(';').unwrap();
            changed[nth] = format!("{whole} unless {{ {exception} }};");
            let mut sources = sources.clone();
            sources.policies[at].1 = changed.concat();
            all.push((format!("{file} policy {nth}"), sources));
        }
    }
    let toml = parsed(sources);
    for (segment, table) in toml["segments"].as_table().unwrap() {
        if table.get("blocks").is_some() {
            let before = table.get("unless").map_or("false", |before| before.as_str().unwrap());
            let unless = format!("({before}) || ({exception})");
            let mut toml = toml.clone();
            toml["segments"][segment.as_str()]
                .as_table_mut()
                .unwrap()
                .insert("unless".to_owned(), unless.into());
            all.push((
                format!("table {segment}"),
                RulesetSources { toml: toml.to_string(), ..sources.clone() },
            ));
        }
    }
    all
}
