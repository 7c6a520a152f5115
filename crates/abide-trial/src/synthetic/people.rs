//! Laws about people: scopes, and which of their identifiers something was said of.

use abide_model::{
    Action, BatchId, Claimant, Context, IdentifierKind, Mechanism, SaidBy, Scope, Time, mechanism::Reach,
    signal::Statement,
};
use abide_rules::{
    Case, Ruleset,
    case::{CaseCheck, CaseIdentifier, CaseSignal, CaseStore, Expected},
};

use super::{
    Finding,
    facts::{blocks, mechanisms},
};
use crate::cases::{Answer, EnforcementPoint};

/// Invented, all of them.
pub(super) const EMAIL: &str = "quiet.otter@example.com";
pub(super) const PHONE: &str = "+1 202 555 0123";

/// Scopes from the widest to the narrowest, as the brand `acme` with its list and sender sees them.
const SCOPES: [(&str, &str); 5] = [
    ("*", "brand:acme"),
    ("*", "list:weekly"),
    ("*", "sender:+12025550199"),
    ("brand:acme", "list:weekly"),
    ("brand:acme", "sender:+12025550199"),
];

/// A wider opt-out blocks at least what a narrower one does, and what the context leaves open counts.
pub(super) fn scopes(rules: &Ruleset, point: &impl EnforcementPoint) -> Vec<Finding> {
    let here: Context =
        [("brand", "acme"), ("list", "weekly"), ("sender", "+12025550199")].into_iter().collect();
    let mut findings = Vec::new();
    for mechanism in mechanisms(&[rules]) {
        for spec in rules.actions().filter(|spec| blocks(rules, &mechanism, &spec.name, &here)) {
            let (stated, asked) = destination(rules, &spec.name);
            let ask = |scope: &str, context: &Context| {
                let questions = [(asked.clone(), &spec.name, context)];
                let answer = answer(point, &case(&mechanism, scope, stated.clone(), &questions));
                matches!(answer, Answer::Block { .. })
            };
            let wider = SCOPES.iter().find(|(wide, narrow)| ask(narrow, &here) && !ask(wide, &here));
            if let Some((wide, narrow)) = wider {
                let example = format!(
                    "`{mechanism}` said to `{narrow}` blocks `{}`, and said to `{wide}` it does not",
                    spec.name
                );
                findings.push(Finding { law: "wider-blocks-more", example });
            }
            let unnamed =
                SCOPES.iter().find(|(_, scope)| ask(scope, &here) && !ask(scope, &Context::default()));
            if let Some((_, scope)) = unnamed {
                let example = format!(
                    "`{mechanism}` said to `{scope}` does not block `{}` where nobody says who acts",
                    spec.name
                );
                findings.push(Finding { law: "unnamed-scope-is-strictest", example });
            }
        }
    }
    findings
}

/// What was said of one address never blocks another destination.
pub(super) fn addresses(rules: &Ruleset, point: &impl EnforcementPoint) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mechanism in
        mechanisms(&[rules]).into_iter().filter(|mechanism| mechanism.spec().reach == Reach::Address)
    {
        for spec in rules.actions() {
            let Some(to) = spec.destination.kind else { continue };
            let (stated, other) = match to {
                IdentifierKind::Phone => ((IdentifierKind::Email, EMAIL), (to, PHONE)),
                IdentifierKind::Email => ((IdentifierKind::Phone, PHONE), (to, EMAIL)),
                _ => continue,
            };
            let said = case(
                &mechanism,
                "*",
                raw(stated),
                &[(vec![raw(other), raw(stated)], &spec.name, &Context::default())],
            );
            let free = case(
                &mechanism,
                "*",
                raw((stated.0, elsewhere(stated.0))),
                &[(vec![raw(other), raw(stated)], &spec.name, &Context::default())],
            );
            if answer(point, &said) != answer(point, &free) {
                let example = format!(
                    "`{mechanism}` said of a {} decides `{}`, which goes to a {to}",
                    stated.0, spec.name
                );
                findings.push(Finding { law: "address-facts-stay-there", example });
            }
        }
    }
    findings
}

fn elsewhere(kind: IdentifierKind) -> &'static str {
    if kind == IdentifierKind::Email { "loud.heron@example.com" } else { "+1 202 555 0124" }
}

/// Somebody whom the action can go to, by the one identifier that everything was said of.
pub(super) fn destination(rules: &Ruleset, action: &Action) -> (CaseIdentifier, Vec<CaseIdentifier>) {
    let kind = rules.action(action).and_then(|spec| spec.destination.kind).unwrap_or(IdentifierKind::Email);
    let one = match kind {
        IdentifierKind::Phone => raw((kind, PHONE)),
        IdentifierKind::Email => raw((kind, EMAIL)),
        IdentifierKind::Maid => raw((kind, "4b61639e-47cc-4056-a16a-c8217e029462")),
        IdentifierKind::Ip => raw((kind, "192.0.2.7")),
        _ => raw((kind, "invented-7")),
    };
    (one.clone(), vec![one])
}

pub(super) fn raw((kind, text): (IdentifierKind, &str)) -> CaseIdentifier {
    CaseIdentifier { kind, form: None, text: text.to_owned() }
}

pub(super) fn answer(point: &impl EnforcementPoint, case: &Case) -> Answer {
    point.answers(case).pop().expect("a case has a check")
}

/// Somebody said one thing; questions about them.
pub(super) fn case(
    mechanism: &Mechanism,
    scope: &str,
    stated: CaseIdentifier,
    questions: &[(Vec<CaseIdentifier>, &Action, &Context)],
) -> Case {
    let claimant = match mechanism.spec().said_by {
        SaidBy::Person => Claimant::Person,
        SaidBy::Source => "synthetic".parse().expect("it is a name"),
    };
    let scope: Scope = scope.parse().expect("it is a scope");
    let at = Time::from_seconds(1_767_225_600);
    let statement = Statement { scope, stated_at: Some(at), ..Statement::out(mechanism.clone(), claimant) };
    let batch: BatchId = "synthetic".parse().expect("it is a batch");
    Case {
        store: CaseStore {
            phone_region: "US".parse().expect("it is a region"),
            forms: abide_model::Forms::default(),
        },
        signals: vec![CaseSignal { identifier: stated, at, batch, statement }],
        retractions: Vec::new(),
        sources: Vec::new(),
        checks: questions
            .iter()
            .map(|(subject, action, context)| CaseCheck {
                subject: subject.clone(),
                action: (*action).clone(),
                context: (*context).clone(),
                expected: Expected::Block { rules: None },
            })
            .collect(),
    }
}
