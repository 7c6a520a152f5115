//! The real binary: the cases, the flow of the README, and everything that can go wrong.

mod cases;
mod flow;
mod program;
mod robust;
mod world;
