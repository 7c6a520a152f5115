//! What a guard watches for, as text: `block_rate change > 50% over 5m`.

use std::{fmt, str::FromStr};

use abide_model::Tally;

/// `METRIC [change] > PERCENTAGE% over WINDOW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardRule {
    pub metric: Metric,
    pub comparison: Comparison,
    /// In thousandths of a percent.
    pub millipercent: u64,
    pub window_micros: i64,
}

/// A share of all that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    BlockRate,
    CannotTellRate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `> 5%`: the share itself.
    Above,
    /// `change > 50%`: by how much the share is another than before, either way, in percent of that before.
    Change,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuard {
    #[error("a guard begins with block_rate or cannot_tell_rate{}; as in `block_rate change > 50% over 5m`", not(.0))]
    Metric(String),
    #[error("after the metric comes `>` or `change >`{}", not(.0))]
    Comparison(String),
    #[error("after `>` comes a percentage, as in `50%` or `0.5%`, with three decimals at the most{}", not(.0))]
    Percentage(String),
    #[error("a share is never above 100%, so that `> {0}` would never trip")]
    Never(String),
    #[error("after the percentage comes `over` and how long, as in `over 5m` (s, m, h or d){}", not(.0))]
    Window(String),
    #[error("a guard looks over at least a second and at most 30 days, not {0}")]
    WindowLength(String),
    #[error("a guard ends with its window; `{0}` is too much")]
    TooMuch(String),
}

fn not(found: &str) -> String {
    if found.is_empty() { String::new() } else { format!(", not `{found}`") }
}

const METRICS: [Metric; 2] = [Metric::BlockRate, Metric::CannotTellRate];
const SECOND_US: i64 = 1_000_000;
/// The greatest first.
const UNITS: [(&str, i64); 4] =
    [("d", 86_400 * SECOND_US), ("h", 3_600 * SECOND_US), ("m", 60 * SECOND_US), ("s", SECOND_US)];
const WINDOW_MAX_US: i64 = 30 * 86_400 * SECOND_US;
const DECIMALS: usize = 3;

impl Metric {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlockRate => "block_rate",
            Self::CannotTellRate => "cannot_tell_rate",
        }
    }

    /// How many of how many.
    pub fn of(self, tally: &Tally) -> (u64, u64) {
        match self {
            Self::BlockRate => (tally.blocked, tally.seen),
            Self::CannotTellRate => (tally.cannot_tell, tally.seen),
        }
    }
}

impl FromStr for GuardRule {
    type Err = InvalidGuard;

    fn from_str(text: &str) -> Result<Self, InvalidGuard> {
        let spaced = text.replace('>', " > ").replace('%', "% ");
        let mut words = spaced.split_whitespace().peekable();
        let mut next = || words.next().unwrap_or_default();
        let word = next();
        let metric = METRICS.into_iter().find(|metric| metric.as_str() == word);
        let metric = metric.ok_or_else(|| InvalidGuard::Metric(word.to_owned()))?;
        let comparison = match next() {
            ">" => Comparison::Above,
            "change" => match next() {
                ">" => Comparison::Change,
                other => {
                    return Err(InvalidGuard::Comparison(format!("change {other}").trim_end().to_owned()));
                }
            },
            other => return Err(InvalidGuard::Comparison(other.to_owned())),
        };
        let mut percentage = next().to_owned();
        if !percentage.ends_with('%') && words.next_if_eq(&"%").is_some() {
            percentage.push('%');
        }
        let millipercent =
            millipercent(&percentage).ok_or_else(|| InvalidGuard::Percentage(percentage.clone()))?;
        if comparison == Comparison::Above && millipercent >= 100_000 {
            return Err(InvalidGuard::Never(percentage));
        }
        let over = words.next().unwrap_or_default();
        let window = words.next().unwrap_or_default();
        let is_window = over == "over" && !window.is_empty();
        let window_micros = is_window
            .then(|| micros(window))
            .flatten()
            .ok_or_else(|| InvalidGuard::Window(format!("{over} {window}").trim().to_owned()))?;
        if !(SECOND_US..=WINDOW_MAX_US).contains(&window_micros) {
            return Err(InvalidGuard::WindowLength(window.to_owned()));
        }
        match words.next() {
            Some(more) => Err(InvalidGuard::TooMuch(more.to_owned())),
            None => Ok(Self { metric, comparison, millipercent, window_micros }),
        }
    }
}

/// `12.5%` in thousandths of a percent.
fn millipercent(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let thousandths: u64 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(thousandths)
}

/// What is too long to be said is longer than any window.
fn micros(text: &str) -> Option<i64> {
    let (unit, micros) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?;
    let are_digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| number.parse().unwrap_or(i64::MAX).saturating_mul(micros))
}

/// In one spelling, which reads back as the same.
impl fmt::Display for GuardRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comparison = match self.comparison {
            Comparison::Above => "",
            Comparison::Change => "change ",
        };
        let (whole, thousandths) = (self.millipercent / 1_000, self.millipercent % 1_000);
        let decimals = format!(".{thousandths:0DECIMALS$}");
        let decimals = decimals.trim_end_matches('0').trim_end_matches('.');
        let fits = |(_, micros): &(&str, i64)| self.window_micros % micros == 0;
        let (unit, micros) = UNITS.into_iter().find(fits).unwrap_or(("s", SECOND_US));
        let (metric, window) = (self.metric.as_str(), self.window_micros / micros);
        write!(f, "{metric} {comparison}> {whole}{decimals}% over {window}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::GuardRule;

    #[test]
    fn a_guard_is_read_in_any_spacing_and_said_in_one_way() {
        let table = [
            ("block_rate change > 50% over 5m", "block_rate change > 50% over 5m"),
            ("  block_rate change>50%over 300s ", "block_rate change > 50% over 5m"),
            ("cannot_tell_rate > 0.5 % over 1h", "cannot_tell_rate > 0.5% over 1h"),
            ("cannot_tell_rate>0.125% over 90s", "cannot_tell_rate > 0.125% over 90s"),
            ("block_rate change > 250.0% over 48h", "block_rate change > 250% over 2d"),
            ("block_rate > 0% over 1s", "block_rate > 0% over 1s"),
        ];
        for (text, said) in table {
            let rule: GuardRule = text.parse().unwrap();
            assert_eq!(rule.to_string(), said, "{text}");
            assert_eq!(said.parse(), Ok(rule), "{text}");
        }
    }

    #[test]
    fn what_is_no_guard_is_told_where_and_why() {
        let table = [
            (
                "",
                "a guard begins with block_rate or cannot_tell_rate; as in `block_rate change > 50% over 5m`",
            ),
            (
                "blocked > 5% over 5m",
                "a guard begins with block_rate or cannot_tell_rate, not `blocked`; as in `block_rate change > 50% over 5m`",
            ),
            ("block_rate", "after the metric comes `>` or `change >`"),
            ("block_rate < 5% over 5m", "after the metric comes `>` or `change >`, not `<`"),
            ("block_rate change < 5% over 5m", "after the metric comes `>` or `change >`, not `change <`"),
            (
                "block_rate > 5 over 5m",
                "after `>` comes a percentage, as in `50%` or `0.5%`, with three decimals at the most, not `5`",
            ),
            (
                "block_rate > 0.0005% over 5m",
                "after `>` comes a percentage, as in `50%` or `0.5%`, with three decimals at the most, not `0.0005%`",
            ),
            (
                "block_rate > -5% over 5m",
                "after `>` comes a percentage, as in `50%` or `0.5%`, with three decimals at the most, not `-5%`",
            ),
            (
                "block_rate > 99999999999999999999% over 5m",
                "after `>` comes a percentage, as in `50%` or `0.5%`, with three decimals at the most, not `99999999999999999999%`",
            ),
            ("block_rate > 100% over 5m", "a share is never above 100%, so that `> 100%` would never trip"),
            (
                "block_rate > 5%",
                "after the percentage comes `over` and how long, as in `over 5m` (s, m, h or d)",
            ),
            (
                "block_rate > 5% over 5",
                "after the percentage comes `over` and how long, as in `over 5m` (s, m, h or d), not `over 5`",
            ),
            (
                "block_rate > 5% in 5m",
                "after the percentage comes `over` and how long, as in `over 5m` (s, m, h or d), not `in 5m`",
            ),
            ("block_rate > 5% over 0s", "a guard looks over at least a second and at most 30 days, not 0s"),
            ("block_rate > 5% over 31d", "a guard looks over at least a second and at most 30 days, not 31d"),
            (
                "block_rate > 5% over 99999999999999999999d",
                "a guard looks over at least a second and at most 30 days, not 99999999999999999999d",
            ),
            ("block_rate > 5% over 5m please", "a guard ends with its window; `please` is too much"),
        ];
        for (text, said) in table {
            assert_eq!(text.parse::<GuardRule>().unwrap_err().to_string(), said, "{text}");
        }
    }
}
