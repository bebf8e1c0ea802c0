//! `tollgate simulate`: labelled traffic from a seed, to measure a gate by.
//!
//! A detector that is measured on its author's memory of attacks finds what its author remembers. So both sides are played
//! whole and apart from the gate: a population that comes daily or once in months, from homes, offices and phones, with real
//! networks and browsers, that mistypes, forgets, travels and shares; and attackers written after what is known of them.
//! Every attempt carries the truth: who made it, whether it was meant well, and what the application would answer, which is
//! read from the accounts themselves and never asserted.
//!
//! - [`mix`]: how much of what; the default is fixed.
//! - [`schedule`]: everybody's actions in time order, in bounded memory.
//! - [`people`]: innocents; [`personas`](people::personas) is their table.
//! - [`attackers`]: one file an attacker, one table; [`campaign`] and [`forgery`] are what they share.
//! - [`play`]: attempts sent to a gate that runs, instead of written.
//! - [`town`]: the application's truth.
//! - [`networks`], [`browsers`], [`names`], [`places`]: the world, from `conf/data/simulate`.
//! - [`chance`]: the same numbers on every machine.

pub mod attackers;
pub mod browsers;
pub mod campaign;
pub mod chance;
pub mod forgery;
pub mod mix;
pub mod names;
pub mod networks;
pub mod people;
pub mod places;
pub mod play;
pub mod schedule;
pub mod town;

pub use mix::Mix;
pub use schedule::Simulation;

#[cfg(test)]
mod tests;
