//! Laws of judging.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use abide_enforce::{
    Asked, Effect, Judge, Notes, Options, Overlay, Panel, Part, Snapshot, Sources, Uncovered, decide,
};
use abide_index::{
    BuildConfig,
    list::{List, ListBuilder},
};
use abide_model::{
    Action, BatchId, Claimant, Context, Direction, Form, Forms, Held, IdentifierKind, Keyring, Normaliser,
    Positions, Proof, Retraction, Retractions, Secret, Signal, Time, Verdict, signal::Statement,
};
use abide_rules::Ruleset;
use proptest::{collection::vec, option, prelude::*, sample::select};
use sha2::{Digest as _, Sha256};

static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

const NOW: Time = Time::from_seconds(1_795_000_000);
const EMAILS: [&str; 4] = ["ann@example.com", "ben@example.com", "cleo@example.net", "not an address"];
const PHONES: [&str; 2] = ["+12015550101", "+12015550102"];

fn keyring() -> Keyring {
    Keyring::new(&Secret::from_bytes([7; 32]), Forms { md5: true, sha1: false })
}

fn normaliser() -> Normaliser {
    Normaliser::new("US".parse().unwrap())
}

/// A text of a person, raw or hashed.
type Text = (IdentifierKind, &'static str, bool);

fn any_text() -> impl Strategy<Value = Text> {
    let email = select(&EMAILS[..]).prop_map(|text| (IdentifierKind::Email, text));
    let phone = select(&PHONES[..]).prop_map(|text| (IdentifierKind::Phone, text));
    (prop_oneof![3 => email, 1 => phone], any::<bool>())
        .prop_map(|((kind, text), hashed)| (kind, text, hashed))
}

fn read((kind, text, hashed): Text) -> Result<abide_model::Identifier, abide_model::InvalidIdentifier> {
    let raw = normaliser().raw(kind, text)?;
    if !hashed {
        return Ok(raw);
    }
    let canonical = raw.expose_texts().next().unwrap().to_owned();
    let hex: String = Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect();
    Normaliser::hashed(kind, Some(Form::Sha256), &hex)
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let mechanisms = vec![
        "email.unsubscribe",
        "email.list",
        "email.complaint",
        "email.bounce.hard",
        "sms.stop",
        "phone.dnc.us",
        "profile.all",
        "privacy.objection",
        "law.erasure",
    ];
    let scope = select(vec!["*", "brand:acme", "list:weekly"]);
    let who = select(vec![Claimant::Person, Claimant::Source("ftc".into())]);
    let direction = select(vec![Direction::Out, Direction::Out, Direction::In]);
    let readable = any_text().prop_filter_map("unreadable", |text| read(text).ok());
    (readable, select(mechanisms), scope, who, direction, 1_i64..9).prop_map(
        |(identifier, mechanism, scope, claimant, direction, at)| {
            let statement = Statement {
                scope: scope.parse().unwrap(),
                direction,
                proof: Some(Proof::Login),
                recorded_by: Some("form".into()),
                ..Statement::out(mechanism.parse().unwrap(), claimant)
            };
            let keys = keyring().signal_keys(&identifier);
            Signal::new(keys, statement, BatchId::live(NOW), NOW, Time::from_seconds(at)).unwrap()
        },
    )
}

fn snapshot(overlay: Overlay, base: Option<Arc<List>>) -> Snapshot {
    Snapshot {
        rules: RULES.clone(),
        base,
        overlay,
        retractions: Arc::default(),
        positions: Positions::default(),
        sources: Sources::default(),
        as_of: NOW,
    }
}

fn in_memory(signals: &[Signal], below: Option<&List>) -> Overlay {
    let mut overlay = Overlay::default();
    let none = Retractions::default();
    signals.iter().for_each(|signal| overlay.apply(signal, below, &none).unwrap());
    overlay
}

fn as_list(overlay: &Overlay, dir: &Path) -> List {
    let path = dir.join("list.index");
    let mut states: Vec<_> = overlay.entries().map(|entry| &entry.state).collect();
    states.sort_by_key(|state| state.primary.key);
    let mut builder = ListBuilder::create(&path, BuildConfig::new(dir), Retractions::default()).unwrap();
    states.into_iter().for_each(|state| builder.push(state).unwrap());
    builder.finish(None).unwrap();
    List::open(&path).unwrap()
}

#[derive(Clone, Debug)]
struct Question {
    /// For each part, the column's kind and what stands in it.
    parts: Vec<(Text, bool)>,
    action: &'static str,
    brand: Option<&'static str>,
}

fn any_question() -> impl Strategy<Value = Question> {
    let actions =
        vec!["contact.email", "contact.sms", "contact.phone", "target.ad", "collect", "no.such.action"];
    let brand = option::of(select(vec!["acme", "other"]));
    (vec((any_text(), any::<bool>()), 1..4), select(actions), brand)
        .prop_map(|(parts, action, brand)| Question { parts, action, brand })
}

fn any_options() -> impl Strategy<Value = Options> {
    let uncovered = select(vec![Uncovered::Accept, Uncovered::CannotTell]);
    let age = option::of(Just(-1_i64));
    (any::<bool>(), uncovered, age).prop_map(|(strict, uncovered, list_age_max_micros)| Options {
        strict,
        uncovered,
        list_age_max_micros,
        now: NOW,
    })
}

fn asked(question: &Question, held: &Held) -> Asked {
    let part = |((kind, ..), to): &(Text, bool)| Part { kind: *kind, to: *to };
    let mut asked =
        Asked::new(Panel(question.parts.iter().map(part).collect()), held.clone(), keyring(), true);
    asked.begin();
    for (at, (text, _)) in question.parts.iter().enumerate() {
        asked.note(at, read(*text).as_ref());
    }
    asked
}

fn action_and_context(question: &Question) -> (Action, Context) {
    let mut context = Context::default();
    if let Some(brand) = question.brand {
        context.set("brand", brand);
    }
    (question.action.parse().unwrap(), context)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), ..ProptestConfig::default() })]

    /// One judge for all questions, one after the other, twice: what it remembers is what it would
    /// have decided afresh; and the list may lie in memory, in an index, or half in each.
    #[test]
    fn a_verdict_depends_on_nothing_but_the_question(
        signals in vec(any_signal(), 0..12),
        split in 0_usize..12,
        questions in vec(any_question(), 1..8),
        options in any_options(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let all = in_memory(&signals, None);
        let below = Arc::new(as_list(&all, dir.path()));
        let (before, after) = signals.split_at(split.min(signals.len()));
        let half_dir = tempfile::tempdir().unwrap();
        let half = Arc::new(as_list(&in_memory(before, None), half_dir.path()));
        let rest = in_memory(after, Some(&half));
        let snapshots = [
            snapshot(all, None),
            snapshot(Overlay::default(), Some(below)),
            snapshot(rest, Some(half)),
        ];
        let mut verdicts = Vec::new();
        let mut notes = Notes::default();
        for snapshot in &snapshots {
            let shared = Arc::new(snapshot.clone());
            let mut judge = Judge::new(snapshot, options);
            let mut found = Vec::new();
            for question in questions.iter().chain(&questions) {
                let (action, context) = action_and_context(question);
                let asked = asked(question, &snapshot.held());
                let known = judge.look_up(&asked).unwrap();
                let judgement = judge.verdict(&asked, &known, 0, &action, &context);
                let segments = judge.segments(&asked, &known, 0, &context);
                prop_assert_eq!(&judgement, &decide(snapshot, &asked, &action, &context, options).unwrap());
                let mut fresh = Judge::new(snapshot, options);
                let known = fresh.look_up(&asked).unwrap();
                prop_assert_eq!(&segments, &fresh.segments(&asked, &known, 0, &context));

                // Notes hold from one judge to the next, and no longer than they should.
                let now = options.now.plus_micros(400_000 * i64::try_from(found.len()).unwrap());
                let later = Options { now, ..options };
                let mut next = Judge::resume(&shared, later, notes);
                let known = next.look_up(&asked).unwrap();
                let resumed = next.verdict(&asked, &known, 0, &action, &context);
                prop_assert_eq!(&resumed, &decide(snapshot, &asked, &action, &context, later).unwrap());
                notes = next.into_notes();
                found.push((judgement, segments));
            }
            verdicts.push(found);
        }
        prop_assert_eq!(&verdicts[0], &verdicts[1], "in memory, in an index");
        prop_assert_eq!(&verdicts[0], &verdicts[2], "in memory, half in an index");
        prop_assert_eq!(snapshots[0].len_identities(), snapshots[2].len_identities());
    }

    /// Looked up among many, each person gets the verdict that they get alone.
    #[test]
    fn a_batch_is_many_single_questions(
        signals in vec(any_signal(), 0..12),
        people in vec(vec(any_text(), 2), 1..20),
    ) {
        let snapshot = snapshot(in_memory(&signals, None), None);
        let part = |kind| Part { kind, to: false };
        let panel = Panel(vec![part(IdentifierKind::Email), part(IdentifierKind::Phone)]);
        let action: Action = "contact.email".parse().unwrap();
        let (context, options) = (Context::default(), Options { now: NOW, ..Options::default() });
        let note = |asked: &mut Asked, person: &[Text]| {
            asked.begin();
            for text in person {
                asked.note(usize::from(text.0 == IdentifierKind::Phone), read(*text).as_ref());
            }
        };
        let mut together = Asked::new(panel.clone(), snapshot.held(), keyring(), true);
        people.iter().for_each(|person| note(&mut together, person));
        let mut judge = Judge::new(&snapshot, options);
        let known = judge.look_up(&together).unwrap();
        for (at, person) in people.iter().enumerate() {
            let mut alone = Asked::new(panel.clone(), snapshot.held(), keyring(), true);
            note(&mut alone, person);
            prop_assert_eq!(
                judge.verdict(&together, &known, at, &action, &context),
                decide(&snapshot, &alone, &action, &context, options).unwrap()
            );
        }
    }
}

/// The same numbers of parts and sets mean something else to another panel.
#[test]
fn a_judge_may_be_asked_with_another_panel() {
    let ann = read((IdentifierKind::Email, "ann@example.com", false)).unwrap();
    let statement = Statement::out("email.unsubscribe".parse().unwrap(), Claimant::Person);
    let signal = Signal::new(keyring().signal_keys(&ann), statement, BatchId::live(NOW), NOW, NOW).unwrap();
    let snapshot = snapshot(in_memory(&[signal], None), None);
    let mut judge = Judge::new(&snapshot, Options { now: NOW, ..Options::default() });
    let mut verdict = |to: [bool; 2]| {
        let panel = Panel(to.map(|to| Part { kind: IdentifierKind::Email, to }).to_vec());
        let mut asked = Asked::new(panel, snapshot.held(), keyring(), true);
        asked.begin();
        for (at, text) in ["ann@example.com", "ben@example.com"].into_iter().enumerate() {
            asked.note(at, read((IdentifierKind::Email, text, false)).as_ref());
        }
        let known = judge.look_up(&asked).unwrap();
        let action = "contact.email".parse().unwrap();
        judge.verdict(&asked, &known, 0, &action, &Context::default()).verdict.clone()
    };
    assert!(matches!(verdict([true, false]), Verdict::Block { .. }), "to the one who said no");
    assert_eq!(verdict([false, true]), Verdict::Allow, "to the other address");
    assert!(matches!(verdict([false, false]), Verdict::CannotTell { .. }), "to which of them?");
}

/// Who was known by an MD5 only and then says it themselves is found by the digest that others use.
#[test]
fn a_form_that_comes_later_is_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let raw = read((IdentifierKind::Email, "ann@example.com", false)).unwrap();
    let md5 = keyring().signal_keys(&raw).aliases;
    let hashed = abide_model::SignalKeys {
        kind: IdentifierKind::Email,
        primary: *md5.iter().find(|typed| typed.form == Form::Md5).unwrap(),
        aliases: vec![],
        domain: None,
    };
    let say = |keys| {
        let statement = Statement::out("email.unsubscribe".parse().unwrap(), Claimant::Person);
        Signal::new(keys, statement, BatchId::live(NOW), NOW, NOW).unwrap()
    };
    let below = Arc::new(as_list(&in_memory(&[say(hashed)], None), dir.path()));
    let overlay = in_memory(&[say(keyring().signal_keys(&raw))], Some(&below));
    let snapshot = snapshot(overlay, Some(below));
    let question = Question {
        parts: vec![((IdentifierKind::Email, "ann@example.com", true), false)],
        action: "contact.email",
        brand: None,
    };
    let (action, context) = action_and_context(&question);
    let asked = asked(&question, &snapshot.held());
    let judgement =
        decide(&snapshot, &asked, &action, &context, Options { now: NOW, ..Options::default() }).unwrap();
    assert!(matches!(judgement.verdict, Verdict::Block { .. }), "{judgement:?}");
    assert!(!judgement.partly, "nothing is out of its reach");
    assert_eq!(snapshot.len_identities(), 1);
}

/// As many cases as `PROPTEST_CASES` says, else `default`.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The verdicts on each identifier by itself, for all actions.
fn is_blocked(snapshot: &Snapshot, kind: IdentifierKind, text: &str, action: &Action) -> bool {
    let mut asked = Asked::new(Panel(vec![Part { kind, to: false }]), snapshot.held(), keyring(), false);
    asked.begin();
    asked.note(0, normaliser().raw(kind, text).as_ref());
    let options = Options { now: NOW, ..Options::default() };
    let judgement = decide(snapshot, &asked, action, &Context::default(), options).unwrap();
    matches!(judgement.verdict, Verdict::Block { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is told of a retraction beforehand is what it then does.
    #[test]
    fn the_preview_of_a_retraction_is_its_effect(
        signals in vec((any_signal(), select(vec!["a", "b", "c"])), 1..12),
    ) {
        let everybody: Vec<_> = EMAILS[..3]
            .iter()
            .map(|text| (IdentifierKind::Email, *text))
            .chain(PHONES.map(|text| (IdentifierKind::Phone, text)))
            .collect();
        let raw: Vec<_> = everybody
            .iter()
            .map(|(kind, text)| keyring().signal_keys(&normaliser().raw(*kind, text).unwrap()))
            .collect();
        // One identity each: what was said of a hash is said of the raw identifier here.
        let signals = signals.into_iter().filter_map(|(signal, batch)| {
            let keys = raw.iter().find(|keys| keys.primary == signal.keys.primary)?.clone();
            Some(Signal { keys, batch: batch.parse().unwrap(), ..signal })
        });
        let signals: Vec<_> = signals.collect();
        let what = Retraction::Batch("b".parse().unwrap());
        let mut after = Retractions::default();
        after.add(what.clone());
        let mut taken_back = Overlay::default();
        signals.iter().for_each(|signal| taken_back.apply(signal, None, &after).unwrap());
        let before = snapshot(in_memory(&signals, None), None);
        let effect = Effect::of(&before, &what, &mut |_| ()).unwrap();
        let after = snapshot(taken_back, None);
        for action in RULES.actions() {
            let turned = |from: &Snapshot, to: &Snapshot| {
                let turned = |(kind, text): &&(IdentifierKind, &str)| {
                    is_blocked(from, *kind, text, &action.name) && !is_blocked(to, *kind, text, &action.name)
                };
                everybody.iter().filter(turned).count() as u64
            };
            let told = effect.actions.iter().find(|(name, _)| **name == *action.name.as_str());
            let told = told.map(|(_, change)| (change.freed, change.blocked)).unwrap_or_default();
            prop_assert_eq!(told, (turned(&before, &after), turned(&after, &before)), "{}", action.name);
        }
    }
}
