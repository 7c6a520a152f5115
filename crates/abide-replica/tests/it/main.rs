//! The replica against a model of it: laws, damage, real stores, and a simulated world.

#![expect(clippy::unwrap_used, reason = "what only tests call is a test")]
#![allow(
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    clippy::large_futures,
    clippy::enum_variant_names,
    clippy::default_trait_access,
    reason = "a test's actors and stories read better so"
)]

mod activation;
mod damage;
mod laws;
mod model;
mod obsolete;
mod sim;
mod stores;
mod world;
