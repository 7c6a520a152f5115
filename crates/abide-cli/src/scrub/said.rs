//! What was done, for people.

use std::{collections::BTreeMap, fmt::Write as _};

use abide_scrub::{ActionReport, Report, Role};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

pub(crate) fn scrubbed(report: &Report) -> String {
    let mut said = judged(report);
    let outputs = report.files.iter().flat_map(|file| &file.outputs).chain(&report.sheets);
    let lines = outputs.map(|output| {
        let what = match output.role {
            Role::Kept => "kept",
            Role::Blocked => "blocked",
            Role::Unjudged => "not judged",
        };
        format!("{:>14}  {what}, in {}\n", grouped(output.rows), output.name)
    });
    said.extend(lines);
    said.push_str(&footer(report));
    said
}

pub(crate) fn validated(report: &Report) -> String {
    let mut said = judged(report);
    let tally = report.totals[0].tally;
    said.push_str(match (tally.blocked, tally.cannot_tell) {
        (0, 0) => "Nobody here is opted out.\n",
        (0, _) => "Nobody here is known to be opted out, but some rows cannot be judged.\n",
        _ => "Somebody here is opted out.\n",
    });
    said.push_str(&footer(report));
    said
}

/// How many people can be reached by what, as a table and as bars.
pub(crate) fn segmented(report: &Report) -> String {
    let mut table = plain_table(&["action", "allow", "block", "cannot tell", "reachable", ""]);
    for total in &report.totals {
        let tally = total.tally;
        table.add_row([
            total.action.clone(),
            grouped(tally.allowed),
            grouped(tally.blocked),
            grouped(tally.cannot_tell),
            percent(tally.allowed, tally.seen),
            bar(tally.allowed, tally.seen),
        ]);
    }
    let mut said = format!("{table}\n\n");
    if !report.segments.is_empty() {
        let seen = report.totals.first().map_or(0, |total| total.tally.seen);
        let mut table = plain_table(&["segment", "rows", "share", ""]);
        for (segment, rows) in &report.segments {
            table.add_row([segment.clone(), grouped(*rows), percent(*rows, seen), bar(*rows, seen)]);
        }
        write!(said, "{table}\n\n").expect("a String takes everything");
    }
    for output in report.files.iter().flat_map(|file| &file.outputs) {
        writeln!(said, "{:>14}  labelled, in {}", grouped(output.rows), output.name)
            .expect("a String takes everything");
    }
    said.push_str(&footer(report));
    said
}

fn judged(report: &Report) -> String {
    let mut said = String::new();
    for total in &report.totals {
        said.push_str(&counts(total));
    }
    said
}

fn counts(total: &ActionReport) -> String {
    let tally = total.tally;
    let mut lines = vec![
        (tally.seen, format!("rows judged for {}", total.action)),
        (tally.allowed, "allowed".to_owned()),
        (tally.blocked, format!("blocked{}", by(&total.by_mechanism))),
        (tally.cannot_tell, format!("cannot be judged{}", by(&total.cannot_tell_by_cause))),
    ];
    if total.partly_judged > 0 {
        lines.push((
            total.partly_judged,
            "of them judged although another identifier could not be read".to_owned(),
        ));
    }
    lines.into_iter().map(|(rows, what)| format!("{:>14}  {what}\n", grouped(rows))).collect()
}

fn by(names: &BTreeMap<String, u64>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let named: Vec<String> = names.iter().map(|(name, rows)| format!("{name} {}", grouped(*rows))).collect();
    format!(": {}", named.join(", "))
}

fn footer(report: &Report) -> String {
    let mut said = String::new();
    for file in &report.files {
        for missed in &file.not_covered {
            let (statements, form, column) = (grouped(missed.statements), &missed.form, &missed.column);
            writeln!(
                said,
                "{statements:>14}  statements that the {form} digests in `{column}` cannot be matched with"
            )
            .expect("a String takes everything");
        }
    }
    if !report.failed.is_empty() {
        writeln!(said, "{:>14}  files could not be done", report.failed.len())
            .expect("a String takes everything");
    }
    let (ruleset, list) = (&report.ruleset, &report.list);
    let place = if list.positions.is_empty() { String::new() } else { format!(" at {}", list.position) };
    writeln!(
        said,
        "Ruleset {}@{}, list of {} identities{place}, read at {}.",
        ruleset.name,
        &ruleset.sha256[..8],
        grouped(list.identities),
        list.as_of,
    )
    .expect("a String takes everything");
    said
}

fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for column in table.column_iter_mut().skip(1).take(header.len() - 2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

const BAR_WIDTH: u64 = 30;

/// In eighths of a character, so that small shares show.
fn bar(part: u64, whole: u64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if whole == 0 {
        return String::new();
    }
    let eighths = part.saturating_mul(BAR_WIDTH * 8).div_ceil(whole).min(BAR_WIDTH * 8);
    let full = usize::try_from(eighths / 8).expect("a bar is short");
    let rest = EIGHTHS[usize::try_from(eighths % 8).expect("less than eight")];
    let mut bar: String = std::iter::repeat_n('█', full).collect();
    bar.push(rest);
    bar.trim_end().to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// `1234567` → `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
