//! The page that collects device facts was served, and the attempt brings none.
//!
//! # What it reads
//! What came of the device script (`device.collected`). Quiet on routes where nothing is collected; blind where it is not
//! known whether this client ever got the page with the script.
//!
//! # Why it matters
//! A program that sends the form without running the page brings nothing. It is the cheapest forgery there is, and the first
//! that collecting finds out.
//!
//! # Who trips it innocently
//! People without scripts, with a blocker that takes the script away, or whose connection broke before it ran. So it asks for
//! a second look and never refuses.
//!
//! # Parameters
//! None.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::attempt::Collected;
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "missing_device_data",
    summary: "device facts are collected on the form's page, the page was served, and the attempt brings none",
    weights: Weights { bot: 2.0, account_takeover: 0.5, account_abuse: 0.5 },
    parameters: &[],
    needs: "whether the page with the device script was served",
    findings: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    match evidence.attempt.device.collected {
        Collected::Off | Collected::Good | Collected::Invalid(_) => Reading::Quiet,
        Collected::Unknown => Reading::Blind,
        Collected::Missing => Reading::Fired(Findings::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::DataProblem;
    use crate::engine::fixture;

    fn check(collected: Collected) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.device.collected = collected;
        read(&evidence, &[])
    }

    #[test]
    fn fires_where_the_page_was_served_and_nothing_came() {
        assert_eq!(check(Collected::Missing), Reading::Fired(Findings::new()));
    }

    #[test]
    fn blind_where_the_page_may_not_have_been_served() {
        assert_eq!(check(Collected::Unknown), Reading::Blind);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, collected) in [
            ("a route that collects nothing", Collected::Off),
            ("a browser that ran the script", Collected::Good),
            ("data that cannot be read, which have their own signal", Collected::Invalid(DataProblem::Expired)),
        ] {
            assert_eq!(check(collected), Reading::Quiet, "{who}");
        }
    }
}
