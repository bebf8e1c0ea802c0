//! Device facts came and cannot be read: not sealed by this installation, expired, brought twice, or another page's.
//!
//! # What it reads
//! What came of the device script (`device.collected`). Quiet on routes where nothing is collected.
//!
//! # Why it matters
//! Data that were sealed for one page and one visit fit no other. Whoever brings them again took them from somewhere: a
//! recorded browser, replayed from a list.
//!
//! # Who trips it innocently
//! A page that lay open over night and is sent in the morning (`expired`), a browser that sends a form again after an error
//! of the network (`replayed`). A second look is enough for both.
//!
//! # Parameters
//! None.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::attempt::Collected;
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "invalid_device_data",
    summary: "device facts cannot be read: a bad signature, expired, replayed, or made for another session or page",
    weights: Weights { bot: 2.6, account_takeover: 0.8, account_abuse: 0.8 },
    parameters: &[],
    needs: "whether the page with the device script was served",
    findings: &[("why", "what came is unusable: {}")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    match evidence.attempt.device.collected {
        Collected::Off | Collected::Good | Collected::Missing => Reading::Quiet,
        Collected::Unknown => Reading::Blind,
        Collected::Invalid(problem) => Reading::Fired(Findings::new().text("why", problem.name())),
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
    fn fires_and_says_what_is_wrong() {
        for (problem, name) in [
            (DataProblem::Signature, "signature"),
            (DataProblem::Expired, "expired"),
            (DataProblem::Replayed, "replayed"),
            (DataProblem::Foreign, "foreign"),
        ] {
            assert_eq!(check(Collected::Invalid(problem)), Reading::Fired(Findings::new().text("why", name)));
        }
    }

    #[test]
    fn blind_where_it_is_not_known() {
        assert_eq!(check(Collected::Unknown), Reading::Blind);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, collected) in [
            ("a route that collects nothing", Collected::Off),
            ("a browser that ran the script", Collected::Good),
            ("a browser without scripts, which has its own signal", Collected::Missing),
        ] {
            assert_eq!(check(collected), Reading::Quiet, "{who}");
        }
    }
}
