//! Why a client does not get through to the broker. It says so in its log alone; its calls fail of having waited in vain.

use std::{sync::Mutex, time::Duration};

use rdkafka::{
    ClientContext,
    client::Client,
    consumer::{self, Consumer as _},
    error::KafkaError,
    producer::{self, Producer as _},
};

use crate::{
    clients::{Changes, Consumer, Producer, Reports},
    error::StreamError,
};

/// The last one of a client.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Mutex<Option<String>>);

impl Complaint {
    /// Of the lines of a log, keeps those about connections that failed.
    pub(crate) fn note(&self, facility: &str, message: &str) {
        if facility == "FAIL" {
            // It begins with the client's thread.
            let why = message.split_once("]: ").map_or(message, |(_, why)| why);
            *self.0.lock().expect("nothing panics under this lock") = Some(format!("{why}{}", hint(why)));
        }
    }

    fn take(&self) -> Option<String> {
        self.0.lock().expect("nothing panics under this lock").take()
    }
}

/// Which settings to look at, where the client does not name them.
fn hint(why: &str) -> &'static str {
    if why.contains("SASL authentication error") {
        "; see `sasl.username`, `sasl.password` and `sasl.mechanism`"
    } else if why.contains("Disconnected") && !why.contains("security.protocol") {
        "; see `security.protocol`"
    } else if why.contains("certificate verify failed") && !why.contains("ssl.ca.location") {
        "; see `ssl.ca.location`"
    } else {
        ""
    }
}

/// A client that can be asked.
pub(crate) trait Asked {
    type Context: ClientContext;

    fn handle(&self) -> &Client<Self::Context>;

    /// What it complained about last, if it has since this was asked before.
    fn complaint(&self) -> Option<String>;

    fn failed(&self, doing: &'static str, source: KafkaError) -> StreamError {
        StreamError::Kafka { doing, complaint: self.complaint(), source }
    }
}

/// So long it is listened to what there is to say.
const LISTEN: Duration = Duration::from_millis(100);

/// Errors come one by one; more than this are not of one call.
const ERRORS_MAX: usize = 20;

impl Asked for Consumer {
    type Context = Changes;

    fn handle(&self) -> &Client<Self::Context> {
        consumer::Consumer::client(self)
    }

    // Asked before it has any partition, so nothing is read and lost by this.
    fn complaint(&self) -> Option<String> {
        let _ = (0..ERRORS_MAX).map_while(|_| self.poll(LISTEN)).count();
        self.context().complaint.take()
    }
}

impl Asked for Producer {
    type Context = Reports;

    fn handle(&self) -> &Client<Self::Context> {
        producer::Producer::client(self)
    }

    fn complaint(&self) -> Option<String> {
        self.poll(LISTEN);
        self.context().complaint.take()
    }
}
