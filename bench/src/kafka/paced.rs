//! Records at a rate that waits for nobody: what counts is the time from when one was due in the input until a consumer
//! of committed records sees it in the output.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::broker::{PARTITIONS, client};
use super::events::{Event, KNOCK, send};
use super::output;

/// Looking at all partitions would take the broker's core away from it.
const SEEN: i32 = 2;
/// Not counted.
const WARM_S: f64 = 3.0;
/// As Kafka's own clients since 4.0: who writes each record by itself takes the broker's core.
const LINGER_MS: &str = "5";
/// Events are made beforehand, so many, and sent again and again.
const EVENTS: u64 = 20_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Where it runs, and how.
pub(crate) struct Course<'c> {
    pub(crate) servers: &'c str,
    pub(crate) input: &'c str,
    pub(crate) output: &'c str,
    pub(crate) rows: u64,
    /// Records a second; `None` for as many as the broker takes.
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: u64,
}

/// Whether a record comes to the output.
type Passes = fn(u64, &Event) -> bool;

/// Every record that passes has to come.
pub(crate) fn run(course: &Course<'_>, passes: Passes) -> Result<Paced> {
    let (took, paced) = at_rate(course, passes)?;
    ensure!(keeps_pace(took), "it took {took:.2} times as long as it should");
    Ok(paced)
}

/// Whether everything comes through at this rate.
pub(crate) fn is_sustained(course: &Course<'_>, passes: Passes) -> Result<bool> {
    let (took, _) = at_rate(course, passes)?;
    Ok(keeps_pace(took))
}

/// How long it took until all was seen, in parts of how long it was to be written.
fn at_rate(course: &Course<'_>, passes: Passes) -> Result<(f64, Paced)> {
    let rate = course.rate.context("latency is that at a rate")?;
    let total = (rate * (course.seconds as f64 + WARM_S)) as u64;
    let (took, mut latencies) = all(course, total, passes)?;
    ensure!(!latencies.is_empty(), "nothing was counted");
    latencies.sort_unstable();
    let at = |share: f64| f64::from(latencies[(latencies.len() as f64 * share) as usize]) / 1e3;
    Ok((took.as_secs_f64() * rate / total as f64, Paced { median_ms: at(0.5), p99_ms: at(0.99) }))
}

/// The last record needs its time too.
fn keeps_pace(took: f64) -> bool {
    took < 1.05
}

/// How many records a second come through, sent as fast as the broker takes them.
pub(crate) fn most(course: &Course<'_>, total: u64, passes: Passes) -> Result<f64> {
    let (took, _) = all(course, total, passes)?;
    Ok(total as f64 / took.as_secs_f64())
}

/// How long they took, and microseconds from due to seen.
fn all(course: &Course<'_>, total: u64, passes: Passes) -> Result<(Duration, Vec<u32>)> {
    let mut events: Vec<Event> = Vec::new();
    for number in 0..EVENTS {
        let mut event = Event::default();
        event.fill(number, course.rows);
        events.push(event);
    }
    let is_seen = |number: u64| (number % PARTITIONS as u64) < SEEN as u64;
    let passes = |number: u64| passes(number, &events[(number % EVENTS) as usize]);
    let wanted = (0..total).filter(|number| is_seen(*number) && passes(*number)).count() as u64;
    let (began, seen) = (Instant::now(), AtomicU64::new(0));
    let latencies = thread::scope(|scope| -> Result<Vec<u32>> {
        let looking = scope.spawn(|| look(course, began, wanted, &seen));
        produce(course, began, total, &events)?;
        looking.join().expect("it does not panic")
    })?;
    Ok((began.elapsed(), latencies))
}

/// Sends each record when it is due, or as soon after that as this thread wakes.
fn produce(course: &Course<'_>, began: Instant, total: u64, events: &[Event]) -> Result<()> {
    let producer: BaseProducer = client(course.servers)
        .set("linger.ms", LINGER_MS)
        .set("delivery.report.only.error", "true")
        .set("queue.buffering.max.messages", "1000000")
        .create()?;
    let mut sent = 0;
    while sent < total {
        let elapsed = began.elapsed();
        let due_now = course.rate.map_or(total, |rate| ((elapsed.as_secs_f64() * rate) as u64).min(total));
        while sent < due_now {
            let due_us =
                course.rate.map_or(elapsed.as_micros() as u64, |rate| (sent as f64 / rate * 1e6) as u64);
            let (key, event) = (due_us.to_be_bytes(), &events[(sent % EVENTS) as usize]);
            let partition = i32::try_from(sent % PARTITIONS as u64)?;
            let record = BaseRecord::to(course.input).partition(partition);
            send(&producer, record.key(&key[..]).payload(&event.value[..]))?;
            sent += 1;
        }
        producer.poll(Duration::ZERO);
        thread::sleep(Duration::from_micros(500));
    }
    producer.flush(super::PATIENCE)?;
    Ok(())
}

/// Microseconds from due to seen.
fn look(course: &Course<'_>, began: Instant, wanted: u64, seen: &AtomicU64) -> Result<Vec<u32>> {
    let consumer = output::reader(course.servers, course.output, 0..SEEN)?;
    let mut latencies = Vec::with_capacity(usize::try_from(wanted)?);
    let end = began + Duration::from_secs_f64(course.seconds as f64 + WARM_S) + super::PATIENCE;
    while seen.load(Ordering::Relaxed) < wanted {
        ensure!(Instant::now() < end, "{} of {wanted} records came", seen.load(Ordering::Relaxed));
        let Some(message) = output::next(&consumer, Duration::from_millis(100)) else { continue };
        let now_us = began.elapsed().as_micros() as u64;
        let key = message.key().and_then(|key| key.try_into().ok()).context("keys pass as they were")?;
        if key == KNOCK {
            continue;
        }
        let due_us = u64::from_be_bytes(key);
        seen.fetch_add(1, Ordering::Relaxed);
        if due_us as f64 > WARM_S * 1e6 {
            latencies.push(u32::try_from(now_us - due_us)?);
        }
    }
    Ok(latencies)
}
