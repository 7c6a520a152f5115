//! The replica against a model of it: laws, damage, real stores, and a simulated world.

mod damage;
mod laws;
mod model;
mod sim;
mod stores;
mod world;
