//! What operators and their monitoring see, on a listener of its own: whether the process lives, whether it is ready,
//! and what it counted; and, for whoever may, the [API](api).
//!
//! The pages are pure functions over [`pages::AdminState`], so that they are tested without a socket; [`service`] is the
//! thin coat that Pingora needs. Metrics and pages are called by the gateway and know nothing of it; the API stands above
//! the gateway, as the command line does.

pub mod api;
pub mod metrics;
pub mod pages;
pub mod service;
