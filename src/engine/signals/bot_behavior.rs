//! A program's behaviour, by what can be told without a script on the page.
//!
//! # What it reads
//! Whether the route's trap was sprung (`form.trap`): a field that people never see. How this sender's attempts follow each
//! other (`device.pace`): the gaps between attempts from one network with one set of headers, on this gate. And how long
//! after its first page a visitor sent the form (`device.issued`, the moment that the device cookie was given out with it).
//! What a device script would see of a driven browser is not read yet.
//!
//! # How it counts
//! A trap that is filled in is worth the whole weight, and so are gaps like a clock's, unless one known device asks for the
//! one account that it always asks for: that is somebody's own script or a page that logs in again by itself, and worth
//! three tenths. A form within a second of the first page is worth three tenths, because a password manager can be as fast;
//! so is a trap that did not come at all. Those never fire alone, nor together.
//!
//! # Why it matters
//! Whoever fills a form by its source fills in every field; whoever works through a list waits the same time each round,
//! whatever address and headers the next attempt has.
//!
//! # Who trips it innocently
//! Password managers that fill hidden fields: give the trap a name that none knows, `autocomplete="off"`, `tabindex="-1"`
//! and a label that tells people with a screen reader to leave it empty. Monitoring that logs in by the clock is a program,
//! and the operator's: allow-list its address.
//!
//! # Parameters
//! `gaps`: how many gaps must have been seen. `variation`: their standard deviation as a share of their mean, below which
//! they are a clock's; arrivals of many people at one address have about 1. `page_s`: seconds from the first page to the
//! form that are less than a person needs.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::attempt::Trap;
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "bot_behavior",
    summary: "a hidden trap field was filled in, or attempts follow each other like a clock",
    weights: Weights { bot: 3.8, account_takeover: 0.5, account_abuse: 1.0 },
    parameters: &[
        Parameter {
            name: "gaps",
            summary: "gaps between attempts that must have been seen",
            default: 12.0,
            min: 4.0,
            max: 1000.0,
        },
        Parameter {
            name: "variation",
            summary: "standard deviation of the gaps as a share of their mean, below which they are a clock's",
            default: 0.12,
            min: 0.001,
            max: 0.5,
        },
        Parameter {
            name: "page_s",
            summary: "seconds from the first page to the form that are less than a person needs",
            default: 1.0,
            min: 0.0,
            max: 60.0,
        },
    ],
    needs: "the form and the time",
    findings: &[
        ("trap", "the field that people never see was {}"),
        ("gaps", "{} gaps between attempts"),
        ("mean_s", "of {} s on average"),
        ("variation", "with a standard deviation of {} of that"),
        ("page_s", "the form came {} s after the first page"),
        ("share", "share {} of the weight"),
    ],
    read,
};

/// What is worth little, and never fires.
const SLIGHT: f64 = 0.3;

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[least_gaps, most_variation, page_s] = parameters else { return Reading::Blind };
    let attempt = &evidence.attempt;
    let mut findings = Findings::new();
    let mut share = 0.0;
    match attempt.form.trap {
        Trap::None | Trap::Empty => {}
        Trap::LeftOut => {
            share += SLIGHT;
            findings = findings.text("trap", "left out");
        }
        Trap::Filled => {
            share += 1.0;
            findings = findings.text("trap", "filled in");
        }
    }
    let regular = |pace: &&_| is_regular(pace, least_gaps, most_variation);
    if let Some(pace) = attempt.device.pace.as_ref().filter(regular) {
        let own = !pace.several && evidence.knows_device();
        share += if own { SLIGHT } else { 1.0 };
        findings = findings.count("gaps", pace.gaps).number("mean_s", pace.mean).number("variation", pace.variation);
    }
    if let Some(seconds) = attempt.device.issued.map(|issued| attempt.at.since(issued).as_secs_f64())
        && seconds > 0.0
        && seconds < page_s
    {
        share += SLIGHT;
        findings = findings.number("page_s", seconds);
    }
    if share == 0.0 {
        return Reading::Quiet;
    }
    let share = f64::min(share, 1.0);
    Reading::Weighed { share, fires: share >= 1.0, findings: findings.number("share", share) }
}

fn is_regular(pace: &crate::engine::attempt::Pace, least_gaps: f64, most_variation: f64) -> bool {
    f64::from(pace.gaps) >= least_gaps && pace.variation < most_variation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Pace;
    use crate::engine::fixture;
    use crate::engine::time::Timestamp;

    const DEFAULTS: [f64; 3] = [12.0, 0.12, 1.0];
    const CLOCK: Pace = Pace { gaps: 20, mean: 30.0, variation: 0.02, several: true };

    fn check(change: impl FnOnce(&mut Evidence)) -> Option<(f64, bool)> {
        let mut evidence = fixture::evidence();
        change(&mut evidence);
        match read(&evidence, &DEFAULTS) {
            Reading::Quiet => None,
            Reading::Weighed { share, fires, .. } => Some((share, fires)),
            other => panic!("{other:?}"),
        }
    }

    fn quick(evidence: &mut Evidence) {
        evidence.attempt.device.issued = Some(Timestamp(evidence.attempt.at.0 - 700));
    }

    #[test]
    fn fires_on_a_sprung_trap() {
        assert_eq!(check(|e| e.attempt.form.trap = Trap::Filled), Some((1.0, true)));
    }

    #[test]
    fn fires_on_a_clock() {
        assert_eq!(check(|e| e.attempt.device.pace = Some(CLOCK)), Some((1.0, true)));
        let one_account = Pace { several: false, ..CLOCK };
        let stranger = check(|e| {
            e.attempt.device.pace = Some(one_account);
            e.history = None;
        });
        assert_eq!(stranger, Some((1.0, true)));
    }

    #[test]
    fn small_pieces_never_fire_alone_nor_together() {
        assert_eq!(check(quick), Some((0.3, false)));
        assert_eq!(check(|e| e.attempt.form.trap = Trap::LeftOut), Some((0.3, false)));
        let all = check(|e| {
            quick(e);
            e.attempt.form.trap = Trap::LeftOut;
            e.attempt.device.pace = Some(Pace { several: false, ..CLOCK });
        });
        assert!(all.is_some_and(|(share, fires)| share < 0.95 && !fires), "{all:?}");
    }

    #[test]
    fn innocents_stay_quiet() {
        type Change = fn(&mut Evidence);
        let innocents: [(&str, Change); 6] = [
            ("a form with its trap as it was", |e| e.attempt.form.trap = Trap::Empty),
            ("an office where people come as they come", |e| {
                e.attempt.device.pace = Some(Pace { variation: 0.9, gaps: 400, ..CLOCK });
            }),
            ("somebody who tries a few times", |e| e.attempt.device.pace = Some(Pace { gaps: 5, ..CLOCK })),
            ("a visitor without a cookie", |e| e.attempt.device.issued = None),
            ("a person who reads the page first", |e| {
                e.attempt.device.issued = Some(Timestamp(e.attempt.at.0 - 4_000));
            }),
            ("an attempt told of, with its cookie of the same moment", |e| {
                e.attempt.device.issued = Some(e.attempt.at);
            }),
        ];
        for (who, change) in innocents {
            assert_eq!(check(change), None, "{who}");
        }
    }

    #[test]
    fn ones_own_device_on_a_clock_is_nobodys_attack() {
        let own = check(|e| e.attempt.device.pace = Some(Pace { several: false, ..CLOCK }));
        assert_eq!(own, Some((0.3, false)));
    }
}
