//! Somebody who asks all the time, beside those who are killed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    program::Ran,
    world::{PERSON, World},
};

/// A loop of `abide check`, about people who are out for good: each has to answer that they are, without an error.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<String>>,
    thread: JoinHandle<u64>,
}

impl Reader {
    pub(super) fn start(world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(PERSON.to_owned()));
        let question = |address: &str| {
            let mut command = world.command();
            command.args(["check", "--action", "contact.email", "--email", address]);
            command
        };
        let mut command = question("-");
        let (stopped, about) = (Arc::clone(&stop), Arc::clone(&asked));
        let thread = thread::spawn(move || {
            let mut answers = 0;
            while !stopped.load(Ordering::Relaxed) {
                let address = about.lock().unwrap().clone();
                let ran = Ran::given(&mut command, &address);
                assert_eq!(ran.exit, Some(1), "{address} is out: {ran:?}");
                assert!(ran.stderr.is_empty(), "{address}: {ran:?}");
                answers += 1;
            }
            answers
        });
        Self { stop, asked, thread }
    }

    pub(super) fn ask_about(&self, somebody: Option<String>) {
        assert!(!self.thread.is_finished(), "the reader has stopped; see above");
        if let Some(address) = somebody {
            *self.asked.lock().unwrap() = address;
        }
    }

    /// How many answers there were.
    pub(super) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
