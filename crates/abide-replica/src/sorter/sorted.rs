//! The sorted records, to be gone through once or several times.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
};

use abide_model::Key;

use super::{
    PARTS,
    parts::{Part, Parts, Scratch},
};

#[derive(Debug)]
pub(crate) struct Sorted {
    parts: Arc<Parts>,
    ahead: Vec<Ahead>,
    part: Option<Part>,
    /// Of the part that comes next.
    number: usize,
    scratch: Scratch,
}

/// Threads that read and sort parts, in turn.
const THREADS: usize = 2;

/// A thread of them.
#[derive(Debug)]
struct Ahead {
    loaded: Receiver<io::Result<Part>>,
    thread: Option<JoinHandle<()>>,
}

impl Sorted {
    pub(super) fn new(parts: Parts) -> Self {
        let scratch = Scratch::default();
        let mut sorted = Self { parts: Arc::new(parts), ahead: Vec::new(), part: None, number: 0, scratch };
        sorted.rewind();
        sorted
    }

    /// Back to the first record.
    pub(crate) fn rewind(&mut self) {
        (self.part, self.number) = (None, 0);
        // Those that were at it have nobody to send to any more, and end.
        self.ahead.clear();
        if self.parts.are_many() {
            self.ahead.extend((0..THREADS).map(|first| Ahead::start(&self.parts, first)));
        }
    }

    /// The next record, `None` after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Key, &[u8])>> {
        Ok(if self.advance()? { Some(self.current()) } else { None })
    }

    /// Goes to the next record, if there is one.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        loop {
            if let Some(part) = &mut self.part
                && part.advance(&self.parts)?
            {
                return Ok(true);
            }
            if self.number == PARTS {
                self.part = None;
                return Ok(false);
            }
            self.part = Some(self.load_next()?);
        }
    }

    /// The one that was gone to.
    pub(crate) fn current(&self) -> (Key, &[u8]) {
        self.part.as_ref().expect("it was gone to one").current()
    }

    /// Whether it is certain that no other record of its key follows.
    pub(crate) fn ends_key(&self) -> bool {
        self.part.as_ref().is_some_and(Part::ends_key)
    }

    fn load_next(&mut self) -> io::Result<Part> {
        let number = self.number;
        self.number += 1;
        match self.ahead.get_mut(number % THREADS) {
            None => self.parts.load(number, &mut self.scratch),
            Some(ahead) => ahead.next(),
        }
    }
}

impl Ahead {
    fn start(parts: &Arc<Parts>, first: usize) -> Self {
        let parts = Arc::clone(parts);
        let (send, loaded) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            let mut scratch = Scratch::default();
            for number in (first..PARTS).step_by(THREADS) {
                // Whoever asked may stop asking; then there is nobody to send to.
                if send.send(parts.load(number, &mut scratch)).is_err() {
                    break;
                }
            }
        });
        Self { loaded, thread: Some(thread) }
    }

    fn next(&mut self) -> io::Result<Part> {
        match self.loaded.recv() {
            Ok(part) => part,
            Err(_) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => Err(io::Error::other("the thread that sorts ended early")),
            },
        }
    }
}
