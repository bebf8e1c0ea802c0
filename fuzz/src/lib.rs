//! What several targets share: how a body is read here, and how JSON is read elsewhere.
//!
//! A target that can only notice a panic says little. So each compares with a second reading of the same bytes, by a
//! parser that applications use or by a few lines that cannot be wrong, wherever that has exactly one answer; or it
//! holds an invariant that another part of the gate relies on.

pub mod forms;
pub mod json;
pub mod sources;
