//! Cards are tried out: many cards, most of which fail.
//!
//! # What it reads
//! Orders (`checkout`) as the store counted them, cards told apart by a keyed hash of their first and last digits (where a form
//! has nothing of the card, accounts by theirs): of this network, this device and this account; of the phone and the
//! addresses in the form; and, of strangers (devices on which nobody ever logged in), of all who run the same software and of all
//! cards with the same first digits, small sums and others apart. What failed *here* is not held against strangers who merely
//! look alike: only failures elsewhere count there. Amount and currency say what is small (`engine::money`); a sum that nobody
//! knows is taken for small. Blind without history.
//!
//! # How long it holds
//! Failures count with a half-life of a day, and cards for an hour or two, refused ones as well: whoever is refused and goes
//! on trying cards stays refused, and is heard again for one order in a while. Refused orders neither add to the failures nor
//! dilute them; orders that go through do.
//!
//! # Why it matters
//! Stolen or invented numbers are tried with sums that their owners overlook, to learn which of them work. The shop pays a
//! fee for each, chargebacks for those that worked, and in the end loses its contract with the bank.
//!
//! # Who trips it innocently
//! Not a customer whose card is declined three times and who tries another: two cards, at one place. Not a call centre that
//! takes a hundred orders an hour, nor a flash sale: most of their cards work. Not everybody while the payment provider is
//! down: then the known customers' orders fail as well, and strangers are left alone. A customer of whom four different cards
//! were declined does trip it with the fifth (a stranger with a small sum with the fourth), and so does a stranger who runs the
//! testers' browser and buys for a small sum on the day of the attack; a proof of work lets both pass.
//!
//! # Parameters
//! `cards`: different cards from one network, device or account within an hour or two, the present one included. `failed`: orders of them that
//! failed (of either one less is enough of a stranger, for a small sum). `share`: the share of answered orders that must have failed. `unknown_factor`: where the form has nothing of the card,
//! so many times as many failed orders are enough, whoever they name. `strangers_failed`: failed orders of strangers elsewhere who run
//! the same software, or have cards of the same bank, for small sums. `large_factor`: how many times as many for other sums.
//! `site_factor`: how many times as many where strangers have nothing in common but the hour. `in_flight`: orders from one
//! network that may wait for an answer at one time, a card each.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::event::Event;
use crate::engine::evidence::{Answers, EntityKind, Evidence, History, Velocity};
use crate::engine::money;

/// Of any source's orders before any is answered; people mistype, and cards expire.
const PRIOR_SHARE: f64 = 0.1;
/// The prior weighs as much as this many answers, so that few failures are not yet a habit.
const PRIOR_ANSWERS: f64 = 2.0;
/// So many answered orders of known customers, by an hour's half-life, tell whether the payment provider works.
const TELLING: f64 = 4.0;

pub static SIGNAL: Signal = Signal {
    name: "card_testing",
    summary: "many cards are tried at checkout, and most of them fail",
    // As good as certain of abuse, and no word about who or what is at the keyboard.
    weights: Weights { bot: 0.5, account_takeover: 0.0, account_abuse: 6.5 },
    parameters: &[
        Parameter { name: "cards", summary: "different cards from one source", default: 5.0, min: 3.0, max: 1_000.0 },
        Parameter { name: "failed", summary: "failed orders of one source", default: 4.0, min: 2.0, max: 1_000.0 },
        Parameter {
            name: "share",
            summary: "share of answered orders that must have failed",
            default: 0.5,
            min: 0.1,
            max: 0.95,
        },
        Parameter {
            name: "unknown_factor",
            summary: "how many times as many failed orders, where the form has nothing of the card",
            default: 3.0,
            min: 1.0,
            max: 100.0,
        },
        Parameter {
            name: "strangers_failed",
            summary: "failed small orders, elsewhere, of strangers with the same software or bank",
            default: 2.0,
            min: 1.0,
            max: 1_000.0,
        },
        Parameter {
            name: "large_factor",
            summary: "how many times as many where sums are not small",
            default: 3.0,
            min: 1.0,
            max: 100.0,
        },
        Parameter {
            name: "site_factor",
            summary: "how many times as many where strangers have nothing else in common",
            default: 6.0,
            min: 1.0,
            max: 100.0,
        },
        Parameter {
            name: "in_flight",
            summary: "orders of one network that may wait for an answer at one time",
            default: 30.0,
            min: 3.0,
            max: 10_000.0,
        },
    ],
    needs: "the history of orders from the store",
    findings: &[
        ("by", "counted by {}"),
        ("cards", "{} cards tried within an hour or two"),
        ("accounts", "{} accounts within an hour or two"),
        ("failed", "{} orders failed"),
        ("elsewhere", "{} of them elsewhere"),
        ("failure_share", "share of failures {}"),
        ("in_flight", "{} orders wait for an answer"),
        ("small_sum", "a small sum|no small sum"),
        ("limit", "limit {}"),
    ],
    read,
};

/// What one source has in common, and what the findings call it.
const SOURCES: [(EntityKind, &str); 6] = [
    (EntityKind::NetworkCards, "network"),
    (EntityKind::DeviceCards, "device"),
    (EntityKind::AccountCards, "account"),
    (EntityKind::Phone, "phone"),
    (EntityKind::Address, "shipping address"),
    (EntityKind::BillingAddress, "billing address"),
];

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[cards, failed, share, unknown_factor, strangers_failed, large_factor, site_factor, in_flight] = parameters
    else {
        return Reading::Blind;
    };
    if evidence.attempt.event != Event::Checkout {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    let form = &evidence.attempt.form;
    let small = money::is_small(form.amount, form.currency.as_deref());
    // A stranger with a small sum is what a tester looks like: one card less is enough.
    let is_stranger = evidence.attempt.device.by_cookie().is_none();
    let less = if is_stranger && small == Some(true) { 1.0 } else { 0.0 };
    let (cards, failed) = (cards - less, failed - less);
    for (kind, by) in SOURCES {
        let Some(seen) = history.velocity(kind) else { continue };
        let many = f64::from(seen.accounts) >= cards && about(seen.long.failed, failed);
        // One card that fails twelve times is no customer's either, whichever it is.
        let unknown = form.card.is_none() && about(seen.long.failed, failed * unknown_factor);
        if (many || unknown) && failing(&seen.long) >= share {
            return Reading::Fired(findings(kind, by, seen, &seen.long).number("limit", failed));
        }
    }
    let is_small = small.unwrap_or(true);
    let strangers = Strangers { history, share, here: here(history) };
    let limit = if is_small { strangers_failed } else { strangers_failed * large_factor };
    let alike = [
        (EntityKind::FingerprintStrangers, "software of strangers"),
        (EntityKind::CardBinStrangers, "bank of strangers"),
    ];
    let alike = alike.map(|(kind, by)| (kind, by, limit));
    // Of those who have nothing in common only small sums are suspect.
    let any = (EntityKind::SiteStrangers, "strangers", strangers_failed * site_factor);
    for (kind, by, limit) in alike.into_iter().chain(is_small.then_some(any)) {
        if let Some(findings) = strangers.alike(kind, by, limit) {
            let findings = findings.number("limit", limit);
            return Reading::Fired(small.iter().fold(findings, |findings, small| findings.flag("small_sum", *small)));
        }
    }
    let waiting = f64::from(history.network.in_flight);
    match history.velocity(EntityKind::NetworkCards) {
        Some(seen) if waiting >= in_flight && f64::from(seen.accounts) >= in_flight && !evidence.knows_device() => {
            let findings = Findings::new().text("by", "network").count("cards", seen.accounts);
            Reading::Fired(findings.number("in_flight", waiting).number("limit", in_flight))
        }
        _ => Reading::Quiet,
    }
}

/// Strangers who are alike in something.
struct Strangers<'h> {
    history: &'h History,
    share: f64,
    /// What failed from this very place, which says nothing of others.
    here: f64,
}

impl Strangers<'_> {
    fn alike(&self, kind: EntityKind, by: &str, limit: f64) -> Option<Findings> {
        let seen = self.history.velocity(kind)?;
        // Strangers at large come and go: an hour is theirs, while software and banks stay what they are.
        let answers = if kind == EntityKind::SiteStrangers { &seen.short } else { &seen.long };
        let elsewhere = answers.failed - self.here;
        let many = f64::from(seen.accounts) > limit && about(elsewhere, limit);
        let fires = many && failing(answers) >= self.share && !self.everybody_fails();
        fires.then(|| findings(kind, by, seen, answers).number("elsewhere", elsewhere))
    }

    /// Whether the orders of known customers fail as well, so that it is no stranger's fault.
    fn everybody_fails(&self) -> bool {
        let of = |kind| self.history.velocity(kind).map(|seen| seen.short).unwrap_or_default();
        let (all, strangers) = (of(EntityKind::Site), of(EntityKind::SiteStrangers));
        let known = Answers {
            attempts: 0.0,
            failed: (all.failed - strangers.failed).max(0.0),
            succeeded: (all.succeeded - strangers.succeeded).max(0.0),
        };
        known.failed + known.succeeded >= TELLING && known.failure_share().is_some_and(|failed| failed >= self.share)
    }
}

/// What failed where this order comes from, whoever counts it.
fn here(history: &History) -> f64 {
    let failed = |kind| history.velocity(kind).map_or(0.0, |seen| seen.long.failed);
    failed(EntityKind::NetworkCards).max(failed(EntityKind::AccountCards))
}

/// Whether a decayed count is about so many whole ones.
fn about(count: f64, limit: f64) -> bool {
    count > limit - 0.5
}

/// The share of failures, with the prior's weight.
fn failing(answers: &Answers) -> f64 {
    (answers.failed + PRIOR_SHARE * PRIOR_ANSWERS) / (answers.failed + answers.succeeded + PRIOR_ANSWERS)
}

fn findings(kind: EntityKind, by: &str, seen: &Velocity, answers: &Answers) -> Findings {
    let by = Findings::new().text("by", by);
    let told = match kind.tells_cards_apart() {
        true => by.count("cards", seen.accounts),
        false => by.count("accounts", seen.accounts),
    };
    told.number("failed", answers.failed).number("failure_share", failing(answers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::Source;
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    fn defaults() -> Vec<f64> {
        SIGNAL.parameters.iter().map(|parameter| parameter.default).collect()
    }

    /// So many cards, of which so many failed and succeeded.
    fn seen(cards: u32, failed: f64, succeeded: f64) -> Velocity {
        let answers = Answers { attempts: failed + succeeded + 1.0, failed, succeeded };
        Velocity { short: answers, long: answers, accounts: cards, ..Velocity::default() }
    }

    /// An order of a stranger, for 4.99 dollars, where this was counted. What is not told is the present order alone.
    fn order(counted: &[(EntityKind, Velocity)]) -> Evidence {
        let mut evidence = fixture::evidence();
        evidence.attempt.event = Event::Checkout;
        evidence.attempt.device = fixture::device_without_cookie(7, fixture::browser());
        evidence.attempt.form.amount = Some(4.99);
        evidence.attempt.form.currency = Some("USD".into());
        if let Some(history) = &mut evidence.history {
            history.holder = None;
            let kinds =
                EntityKind::ALL.into_iter().filter(|kind| kind.tells_cards_apart() || *kind == EntityKind::Site);
            let told = |kind| counted.iter().find(|(told, _)| *told == kind).map(|(_, seen)| *seen);
            history.velocities = kinds.map(|kind| (kind, told(kind).unwrap_or(seen(1, 0.0, 0.0)))).collect();
            let others =
                counted.iter().filter(|(kind, _)| history.velocity(*kind).is_none()).copied().collect::<Vec<_>>();
            history.velocities.extend(others);
        }
        evidence
    }

    fn read_order(evidence: &Evidence) -> Reading {
        read(evidence, &defaults())
    }

    fn by(evidence: &Evidence) -> Option<String> {
        match read_order(evidence) {
            Reading::Fired(findings) => match findings.get("by") {
                Some(Finding::Text(by)) => Some(by.to_string()),
                other => panic!("{other:?}"),
            },
            _ => None,
        }
    }

    /// The same for 89 dollars.
    fn large(mut evidence: Evidence) -> Evidence {
        evidence.attempt.form.amount = Some(89.0);
        evidence
    }

    #[test]
    fn fires_with_the_fifth_card_of_one_source_of_which_four_failed_and_one_earlier_on_small_sums_of_strangers() {
        for (kind, called) in SOURCES {
            let orders = |nth: u32| order(&[(kind, seen(nth, f64::from(nth - 1), 0.0))]);
            let fires = |evidence: &Evidence| by(evidence).as_deref() == Some(called);
            assert_eq!((1..=20).find(|nth| fires(&large(orders(*nth)))), Some(5), "{kind:?}");
            assert_eq!((1..=20).find(|nth| fires(&orders(*nth))), Some(4), "{kind:?}");
            let known = |nth: u32| {
                let mut evidence = orders(nth);
                evidence.attempt.device = fixture::evidence().attempt.device;
                evidence
            };
            assert_eq!((1..=20).find(|nth| fires(&known(*nth))), Some(5), "{kind:?}");
        }
        assert_eq!(by(&order(&[(EntityKind::NetworkCards, seen(60, 50.0, 7.0))])).as_deref(), Some("network"));
    }

    #[test]
    fn fires_on_failure_after_failure_where_the_card_is_not_known() {
        let failures = |nth: &u32| order(&[(EntityKind::NetworkCards, seen(1, f64::from(*nth), 0.0))]);
        assert_eq!((1..=30).find(|nth| by(&large(failures(nth))).is_some()), Some(12));
        assert_eq!((1..=30).find(|nth| by(&failures(nth)).is_some()), Some(9));
        let mut known = order(&[(EntityKind::NetworkCards, seen(1, 20.0, 0.0))]);
        known.attempt.form.card = Some(crate::engine::attempt::Pseudonym([3; 16]));
        assert_eq!(by(&known), None, "one card, again and again");
    }

    #[test]
    fn fires_on_strangers_who_run_the_same_software_wherever_they_are() {
        let alike = |cards: u32, failed: f64| order(&[(EntityKind::FingerprintStrangers, seen(cards, failed, 0.0))]);
        assert_eq!(by(&alike(3, 2.0)).as_deref(), Some("software of strangers"));
        assert_eq!(by(&alike(2, 1.0)), None);
        assert_eq!(by(&large(alike(6, 5.0))), None);
        assert_eq!(by(&large(alike(7, 6.0))).as_deref(), Some("software of strangers"));
        let mut yen = alike(4, 3.0);
        (yen.attempt.form.amount, yen.attempt.form.currency) = (Some(500.0), Some("JPY".into()));
        assert!(by(&yen).is_some());
        let mut unknown = alike(4, 3.0);
        unknown.attempt.form.amount = None;
        assert!(by(&unknown).is_some(), "a sum that nobody knows");
    }

    #[test]
    fn fires_on_one_banks_cards_from_many_sources_and_on_strangers_at_large() {
        let bank = order(&[(EntityKind::CardBinStrangers, seen(40, 4.0, 0.0))]);
        assert_eq!(by(&bank).as_deref(), Some("bank of strangers"));
        let at_large = |failed: f64| order(&[(EntityKind::SiteStrangers, seen(40, failed, 4.0))]);
        assert_eq!(by(&at_large(12.0)).as_deref(), Some("strangers"));
        assert_eq!(by(&at_large(11.0)), None);
    }

    #[test]
    fn fires_on_thirty_at_once_before_any_is_answered() {
        let burst = |nth: u32| {
            let mut evidence = order(&[(EntityKind::NetworkCards, seen(nth, 0.0, 0.0))]);
            let history = evidence.history.as_mut().unwrap();
            history.network = Source { in_flight: nth, ..history.network.clone() };
            evidence
        };
        assert_eq!((1..100).find(|nth| by(&burst(*nth)).is_some()), Some(30));
    }

    #[test]
    fn fires_as_long_as_refused_cards_keep_coming_and_is_heard_again_when_they_stop() {
        let mut refused = seen(90, 3.6, 0.0);
        refused.long.attempts = 500.0;
        assert!(by(&order(&[(EntityKind::NetworkCards, refused)])).is_some());
        assert_eq!(by(&order(&[(EntityKind::NetworkCards, seen(1, 3.6, 0.0))])), None);
    }

    #[test]
    fn innocents_whose_card_is_declined_three_times_and_who_try_another_stay_quiet() {
        let here = seen(2, 3.0, 0.0);
        let all_of_it = [
            EntityKind::NetworkCards,
            EntityKind::DeviceCards,
            EntityKind::AccountCards,
            EntityKind::FingerprintStrangers,
            EntityKind::CardBinStrangers,
            EntityKind::SiteStrangers,
        ];
        assert_eq!(read_order(&order(&all_of_it.map(|kind| (kind, here)))), Reading::Quiet);
        // Even of four cards, while three of them were declined: what failed here says nothing of others.
        let four = seen(4, 3.0, 0.0);
        assert_eq!(read_order(&large(order(&all_of_it.map(|kind| (kind, four))))), Reading::Quiet);
    }

    #[test]
    fn innocents_stay_quiet() {
        let call_centre = seen(120, 14.0, 105.0);
        let flash_sale = seen(4_000, 320.0, 3_600.0);
        for (who, counted) in [
            ("the first order ever", vec![]),
            ("a call centre", vec![(EntityKind::NetworkCards, call_centre), (EntityKind::DeviceCards, call_centre)]),
            (
                "a flash sale of small things to strangers with popular telephones",
                vec![
                    (EntityKind::FingerprintStrangers, flash_sale),
                    (EntityKind::CardBinStrangers, flash_sale),
                    (EntityKind::SiteStrangers, flash_sale),
                    (EntityKind::Site, flash_sale),
                ],
            ),
            ("a company's address with many buyers", vec![(EntityKind::Address, seen(40, 5.0, 60.0))]),
            ("a family with four cards, two of them expired", vec![(EntityKind::NetworkCards, seen(5, 2.0, 6.0))]),
            (
                "strangers while the payment provider is down",
                vec![
                    (EntityKind::FingerprintStrangers, seen(30, 25.0, 1.0)),
                    (EntityKind::SiteStrangers, seen(60, 50.0, 2.0)),
                    (EntityKind::Site, seen(400, 350.0, 10.0)),
                ],
            ),
        ] {
            assert_eq!(read_order(&order(&counted)), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn innocents_who_are_known_are_no_strangers() {
        let mut known = order(&[(EntityKind::Site, seen(60, 50.0, 3.0))]);
        let history = known.history.as_mut().unwrap();
        history.velocities.retain(|(kind, _)| {
            !matches!(kind, EntityKind::FingerprintStrangers | EntityKind::CardBinStrangers | EntityKind::SiteStrangers)
        });
        assert_eq!(read_order(&known), Reading::Quiet);
    }

    #[test]
    fn only_orders_are_judged_and_blind_without_history() {
        let mut login = order(&[(EntityKind::NetworkCards, seen(60, 50.0, 0.0))]);
        login.attempt.event = Event::Login;
        assert_eq!(read_order(&login), Reading::Quiet);
        let mut nothing = order(&[]);
        nothing.history = None;
        assert_eq!(read_order(&nothing), Reading::Blind);
    }
}
