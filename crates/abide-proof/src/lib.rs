//! Proves that nobody whom one ruleset blocks gets through another, or shows somebody who does.
//!
//! In go two rulesets, out comes a [`Proof`]: what it came to, and by which way. The way is a solver (cvc5), which is
//! asked about everybody at once through Cedar's symbolic compiler; where there is none, or it cannot settle something,
//! everybody who can make a difference is tried one after the other (`abide_trial::compare`). Whatever the solver says
//! of somebody is judged again by both rulesets before anybody hears of it.
//!
//! This crate starts the solver as a process of its own and waits for it; it reads no file and knows no store.
//!
//! In reading order: the [`solver`] is asked one question at a time, [`ask`] puts the questions (whether something is
//! [`failing`] first), a [`proof`] is made of the answers, and a [`law`] is a proof about a single ruleset.

mod ask;
mod failing;
mod solver;

mod law;
mod proof;

pub use law::{LawProof, laws};
pub use proof::{By, Proof, prove, prove_no_weaker};
pub use solver::Unsettled;
