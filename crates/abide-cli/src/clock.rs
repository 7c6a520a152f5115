//! The one place that reads the wall clock and draws random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use abide_model::Time;

/// The time by this machine.
#[expect(clippy::disallowed_methods, reason = "everything else takes the time from here")]
pub(crate) fn now() -> Time {
    // A clock before 1970 is wrong; the journal notices and refuses opt-ins.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Bytes from the system's secure random source.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers to be had: {error}"))?;
    Ok(bytes)
}

pub(crate) fn random_number() -> anyhow::Result<u64> {
    Ok(u64::from_le_bytes(random()?))
}
