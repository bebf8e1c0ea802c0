//! gateway

pub mod fields;
pub mod form;
pub mod headers;
pub mod identity;
