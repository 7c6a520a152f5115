//! The replica against a model of it: laws, damage, real stores, and a simulated world.

#![expect(clippy::unwrap_used, reason = "what only tests call is a test")]

mod damage;
mod laws;
mod model;
mod sim;
mod stores;
mod world;
