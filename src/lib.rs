//! Tollgate: a reverse proxy that judges logins, registrations, password resets and checkouts before the application
//! behind it has to. (The map follows when the house stands.)

pub mod engine;

#[cfg(feature = "gateway")]
pub mod admin;
#[cfg(feature = "gateway")]
pub mod challenge;
#[cfg(feature = "gateway")]
pub mod cli;
#[cfg(feature = "gateway")]
pub mod config;
#[cfg(feature = "gateway")]
pub mod events;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "gateway")]
pub mod intel;
#[cfg(feature = "gateway")]
pub mod secrets;
#[cfg(feature = "gateway")]
pub mod store;
