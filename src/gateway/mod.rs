//! gateway

pub mod client_ip;
pub mod framing;
pub mod recognize;
