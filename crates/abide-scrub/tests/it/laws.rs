//! What holds for every file: who is out is out, and nothing depends on how the work was cut up.

use std::{fmt::Write as _, num::NonZeroUsize};

use abide_enforce::{Asked, Panel, Part, decide};
use abide_formats::{Format, Limits};
use abide_model::{Context, IdentifierKind, OnCannotTell, Verdict};
use abide_scrub::{FileReport, Input, Job, Source, run};
use proptest::prelude::*;

use crate::world::{LIST, World, from_column, options, raw, scrub};

/// A row's cells, as they are written.
#[derive(Clone, Debug)]
struct Row {
    email: String,
    phone: String,
    brand: String,
}

impl Row {
    fn line(&self, ending: &str) -> String {
        format!("{},{},\"{}\"{ending}", self.email, self.phone, self.brand)
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let listed = LIST.iter().filter(|entry| entry.0 == "email").map(|entry| entry.1).collect::<Vec<_>>();
    let email = prop_oneof![
        3 => "[a-d]{1,3}@example\\.com",
        2 => proptest::sample::select(listed).prop_map(str::to_owned),
        1 => Just("anybody@no.example.com".to_owned()),
        1 => Just(" OUT@Example.COM ".to_owned()),
        1 => Just("nobody".to_owned()),
        1 => Just(String::new()),
    ];
    let phone = prop_oneof![
        3 => Just(String::new()),
        2 => Just("(201) 555-0123".to_owned()),
        2 => Just("+12015550199".to_owned()),
        1 => Just("12".to_owned()),
    ];
    let brand = prop_oneof![Just(""), Just("acme"), Just("zen"), Just("two\nlines")].prop_map(str::to_owned);
    let row = (email, phone, brand).prop_map(|(email, phone, brand)| Row { email, phone, brand });
    proptest::collection::vec(row, 0..60)
}

fn job(on_cannot_tell: OnCannotTell) -> Job {
    Job {
        people: vec![raw("email", IdentifierKind::Email), raw("phone", IdentifierKind::Phone)],
        context_columns: vec![from_column("brand", "brand")],
        on_cannot_tell,
        ..scrub("contact.email")
    }
}

/// One question at a time, without anything that is clever about files.
fn verdict(world: &World, row: &Row) -> Verdict {
    let panel = [IdentifierKind::Email, IdentifierKind::Phone].map(|kind| Part { kind, to: false });
    let mut asked = Asked::new(Panel(panel.to_vec()), world.snapshot.held(), world.keyring.clone(), false);
    asked.begin();
    for (part, text) in [&row.email, &row.phone].into_iter().enumerate() {
        let read = world.normaliser.raw(panel[part].kind, text);
        asked.note(part, read.as_ref());
    }
    let mut context = Context::default();
    if !row.brand.is_empty() {
        context.set("brand", &row.brand);
    }
    let job = job(OnCannotTell::Block);
    let action = &job.task.actions()[0];
    decide(&world.snapshot, &asked, action, &context, job.options).unwrap().verdict.clone()
}

/// Everything that a run gives: three files and what was counted.
#[derive(Debug, PartialEq)]
struct Outcome {
    kept: String,
    blocked: String,
    unjudged: String,
    report: FileReport,
}

fn ran(world: &World, text: &str, job: &Job, limits: Limits) -> Outcome {
    let stream = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    let input = Input { source: Source::Stream(stream), options: options(Format::CSV, limits) };
    let report = run(input, world.outputs(), job, world.means()).unwrap();
    let read = |name| world.read(name);
    Outcome { kept: read("kept"), blocked: read("blocked"), unjudged: read("unjudged"), report }
}

fn file(rows: &[Row], ending: &str) -> String {
    let mut text = format!("email,phone,brand{ending}");
    for row in rows {
        text.write_str(&row.line(ending)).unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The output is the input without exactly those rows that are blocked when asked about one by one.
    #[test]
    fn the_output_is_the_input_without_the_blocked_rows(
        rows in rows(),
        ending in prop_oneof![Just("\n"), Just("\r\n")],
        allow in any::<bool>(),
    ) {
        let world = World::new();
        let on_cannot_tell = if allow { OnCannotTell::Allow } else { OnCannotTell::Block };
        let verdicts: Vec<Verdict> = rows.iter().map(|row| verdict(&world, row)).collect();
        let chosen = |chosen: &dyn Fn(&Verdict) -> bool| {
            let rows: Vec<Row> =
                rows.iter().zip(&verdicts).filter(|(_, verdict)| chosen(verdict)).map(|(row, _)| row.clone()).collect();
            file(&rows, ending)
        };
        let doubtful = |verdict: &Verdict| matches!(verdict, Verdict::CannotTell { .. });
        let kept = chosen(&|verdict| *verdict == Verdict::Allow || (allow && doubtful(verdict)));
        let blocked = chosen(&|verdict| matches!(verdict, Verdict::Block { .. }));
        let unjudged = chosen(&doubtful);

        let outcome = ran(&world, &file(&rows, ending), &job(on_cannot_tell), Limits::default());
        prop_assert_eq!(&outcome.kept, &kept);
        prop_assert_eq!(&outcome.blocked, &blocked);
        prop_assert_eq!(&outcome.unjudged, &unjudged);
        let tally = outcome.report.judged[0].tally;
        let count = |what: &dyn Fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| what(verdict)).count() as u64;
        prop_assert_eq!(tally.seen, rows.len() as u64);
        prop_assert_eq!(tally.allowed, count(&|verdict| *verdict == Verdict::Allow));
        prop_assert_eq!(tally.cannot_tell, count(&doubtful));
    }

    /// Any size of chunks and any number of threads give the same bytes and the same report.
    #[test]
    fn how_the_work_is_cut_up_does_not_show(
        rows in rows(),
        chunk_bytes in 1..400usize,
        threads in 1..5usize,
    ) {
        let world = World::new();
        let text = file(&rows, "\n");
        let whole = ran(&world, &text, &job(OnCannotTell::Block), Limits::default());
        let cut = Job { threads: NonZeroUsize::new(threads).unwrap(), ..job(OnCannotTell::Block) };
        let limits = Limits { chunk_bytes, ..Limits::default() };
        prop_assert_eq!(ran(&world, &text, &cut, limits), whole);
    }
}

/// More rows than are looked up at a time, and more contexts than are remembered.
#[test]
fn a_context_that_is_different_in_every_row_costs_no_correctness() {
    let world = World::new();
    let mut text = "email,phone,brand\n".to_owned();
    let rows = 6_000;
    for row in 0..rows {
        let brand = if row % 4 == 0 { "acme".to_owned() } else { format!("brand-{row}") };
        let email = if row % 2 == 0 { "acme@example.com" } else { "fine@example.com" };
        writeln!(text, "{email},,{brand}").unwrap();
    }
    let outcome = ran(&world, &text, &job(OnCannotTell::Block), Limits::default());
    let judged = &outcome.report.judged[0];
    assert_eq!((judged.tally.seen, judged.tally.blocked), (rows, rows / 4));
    assert_eq!(judged.by_mechanism["email.unsubscribe"], rows / 4);
    assert_eq!(outcome.blocked.matches(",,acme\n").count() as u64, rows / 4);
}
