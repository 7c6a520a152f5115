//! Makes the opt-outs of records durable, those of several threads at a time.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use abide_journal::{ErrorKind, Head, JournalError, Record, Store, Writer, WriterConfig};
use abide_model::{Direction, Origin, Signal, Time, Token, causes::chain};
use tokio::sync::mpsc::{self, error::TrySendError};

pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) origin: Origin,
    pub(crate) writer: WriterConfig,
    /// Where the journal was seen to lead earlier, by this machine.
    pub(crate) seen: Vec<Head>,
    pub(crate) now: fn() -> Time,
}

/// Where threads hand in what records say.
#[derive(Clone, Debug)]
pub(crate) struct Intake(mpsc::Sender<Request>);

/// So many wait at the most. Each thread waits for its own and hands it in again after that was in vain, so they become
/// many only while the store takes nothing, and says nothing either.
const WAITING_MAX: usize = 256;

#[derive(Debug)]
struct Request {
    signals: Vec<Signal>,
    answer: SyncSender<Result<Token, Refused>>,
}

/// Why something did not become durable.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) kind: ErrorKind,
    pub(crate) why: String,
}

impl Intake {
    /// Waits until it is durable, or until patience ends: then it may be all the same, and again does no harm.
    pub(crate) fn keep(&self, signals: Vec<Signal>, patience: Duration) -> Result<Token, Refused> {
        let out_of_reach = |why: &str| Refused { kind: ErrorKind::Unavailable, why: why.to_owned() };
        let late = || out_of_reach("the journal did not take them in time");
        let (answer, answered) = sync_channel(1);
        self.0.try_send(Request { signals, answer }).map_err(|error| match error {
            TrySendError::Full(_) => late(),
            TrySendError::Closed(_) => out_of_reach("the stream stops"),
        })?;
        answered.recv_timeout(patience).unwrap_or_else(|_| Err(late()))
    }
}

impl Keeper {
    /// The task ends when the last intake is gone.
    pub(crate) fn start(self, runtime: &tokio::runtime::Handle) -> Intake {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        runtime.spawn(self.run(receiver));
        Intake(sender)
    }

    async fn run(self, mut requests: mpsc::Receiver<Request>) {
        let mut writer = None;
        while let Some(first) = requests.recv().await {
            let mut together = vec![first];
            while let Ok(next) = requests.try_recv() {
                together.push(next);
            }
            // Opt-ins may be refused, and nobody's opt-out with them.
            let opts_in = |one: &Request| one.signals.iter().any(|signal| signal.direction == Direction::In);
            let (ins, outs): (Vec<_>, Vec<_>) = together.into_iter().partition(opts_in);
            for group in [outs, ins].into_iter().filter(|group| !group.is_empty()) {
                let kept = self.append(&mut writer, &group).await.map_err(|error| {
                    // It may not know any more where the journal ends.
                    writer = None;
                    let kind = if error.is_out_of_reach() { ErrorKind::Unavailable } else { error.kind() };
                    Refused { kind, why: chain(&error) }
                });
                for request in group {
                    // Who asked may have lost patience.
                    let _ = request.answer.send(kept.clone());
                }
            }
        }
    }

    async fn append(&self, writer: &mut Option<Writer>, group: &[Request]) -> Result<Token, JournalError> {
        let open = match writer {
            Some(open) => open,
            None => {
                let opened = Writer::open(&self.store, self.origin.clone(), self.writer).await?;
                opened.expect(&self.seen).await?;
                writer.insert(opened)
            }
        };
        let signals = group.iter().flat_map(|request| request.signals.iter().cloned());
        let records: Vec<Record> = signals.map(Record::Signal).collect();
        let appended = open.append(&records, (self.now)()).await?;
        Ok(appended.token)
    }
}
