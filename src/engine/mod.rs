//! The functional core: from evidence to decision, pure.
//!
//! No async, no I/O, no clock, no Pingora; judging cannot fail. Whatever is slow, remote or random was done before
//! (`gateway::gather`) and is a value here, also when it could not be had. So a decision can be replayed, explained and
//! tested from its evidence alone, and `Cargo.toml`'s `gateway` feature can be switched off to build just this.

pub mod appearance;
pub mod assessment;
pub mod attempt;
pub mod calibration;
pub mod clearance;
pub mod counterfactual;
pub mod decision;
pub mod email;
pub mod event;
pub mod evidence;
pub mod exploration;
pub mod fixture;
pub mod freeman;
pub mod holder;
pub mod label;
pub mod money;
pub mod outcome;
pub mod ownership;
pub mod parts;
pub mod pattern;
pub mod policy;
pub mod population;
pub mod record;
pub mod signals;
pub mod time;
pub mod usual;
mod wording;

pub use decision::decide;
