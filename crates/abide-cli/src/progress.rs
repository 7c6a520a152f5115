//! Progress on the terminal, and nowhere else.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with rate and time left; hidden when stderr is no terminal. Nothing shows for work that
/// is done within its first ticks.
pub(crate) fn bar(what: &'static str, unit: Unit, total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (position, rate) = match unit {
        Unit::Bytes => ("{bytes}/{total_bytes}", "{bytes_per_sec}"),
        Unit::Count => ("{human_pos}/{human_len}", "{per_sec}"),
    };
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), format!("{{msg}} {{wide_bar}} {position} at {rate}, {{eta}} left"))
        }
        None => {
            (ProgressBar::new_spinner(), format!("{{msg}} {{spinner}} {{human_pos}} at {rate}, {{elapsed}}"))
        }
    };
    let style = ProgressStyle::with_template(&template).expect("the templates above are valid");
    let bar = bar.with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What a bar counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Bytes,
    Count,
}
