//! What operators and their monitoring see, on a listener of its own: whether the process lives, whether it is ready,
//! and what it counted.
//!
//! The pages are pure functions over [`pages::AdminState`], so that they are tested without a socket; [`service`] is the
//! thin coat that Pingora needs.

pub mod metrics;
pub mod pages;
pub mod service;
