//! Tools for tests: the world around the store, real where it can be and hostile on purpose where it cannot.
//!
//! [`contract::check`] says what we assume of an object store; every store that a test trusts passes it, real
//! or not. [`S3Server`] is a real one on loopback, and [`Kafka`] a real broker, `SchemaRegistry` answers as one does, [`FaultyStore`] makes any of them fail from a seed, a [`Proxy`] cuts the way to a server,
//! [`SimClock`] is the time of a simulated world, and [`DatedStore`] a store that goes by it. `cases` (a feature, since it takes the whole engine) runs the
//! repository's case files through whatever answers them. Nothing here is part of the product: other crates name it
//! only as a dev-dependency.

#[cfg(feature = "cases")]
pub mod cases;
pub mod clock;
pub mod contract;
pub mod dated;
pub mod faulty;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod patience;
pub mod proxy;
#[cfg(feature = "registry")]
pub mod registry;
pub mod s3;

pub use clock::{NodeClock, SimClock};
pub use contract::Broken;
pub use dated::DatedStore;
pub use faulty::{Faults, FaultyStore, Request, Stall};
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaClient, Login, TestRecord};
pub use patience::wait_until;
pub use proxy::Proxy;
#[cfg(feature = "registry")]
pub use registry::SchemaRegistry;
pub use s3::S3Server;
