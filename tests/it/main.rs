//! Stories through the real proxy on sockets: one binary, so that it links once.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a story that cannot go on has failed")]

mod harness;

mod admin;
mod browser;
mod bursts;
mod capture;
mod challenge;
mod checking;
mod checkout;
mod client;
mod degraded;
mod device;
mod documentation;
mod evaluate;
mod examples;
mod explain;
mod fleet;
mod http2;
mod journey;
mod kill;
mod learning;
mod lists;
mod outcomes;
mod passwords;
mod process;
mod proxy;
mod recognition;
mod refusals;
mod registrations;
mod regressions;
mod reload;
mod service;
mod simulate;
mod spelling;
mod takeover;
mod tidy;
mod upgrade;
