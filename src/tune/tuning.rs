//! Which weights labels can say something about, what they become, and whether that is any better.
//!
//! Each score is fitted on its own, to the attempts that teach it. A weight is fitted if its signal fired often enough among
//! them and has a weight now: one of nought says that the signal is no part of this score, and a card that every
//! coincidence may enter is no longer one that somebody can read. A signal that was blind is neither quiet nor fired: being
//! blind gets a coefficient of its own, which is fitted along and thrown away, so that attempts whose address could not be
//! looked up teach nothing about addresses that could.
//!
//! Whether it is better is asked of attempts that were held out: in five parts by account, each judged by weights that the
//! other four taught. The present weights are asked the same, with the intercept fitted on the same four parts, since the
//! share of bad ones among labels is no fault of theirs.

use super::fit::{Cell, Prior, fit, probability};
use super::sample::{Row, Sample};
use crate::engine::assessment::{Model, ScoreName};
use crate::engine::calibration::curve::Curve;
use crate::engine::calibration::{Reliability, TENTHS};
use crate::engine::signals::{SignalId, WEIGHT_RANGE};
use std::collections::BTreeMap;

/// Parts in which attempts are held out.
const FOLDS: u64 = 5;
/// How far the intercept may be from its present value: as good as anywhere.
const INTERCEPT_SPREAD: f64 = 10.0;

/// What whoever tunes asks for.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub scores: Vec<ScoreName>,
    /// Least number of bad attempts, and of good ones, that a score is fitted to.
    pub least: u64,
    /// Least number of attempts in which a signal fired, for its weight to be fitted.
    pub least_fired: u64,
    /// How far from its present value a weight may reasonably be, in log-odds: the prior's standard deviation.
    pub spread: f64,
    /// Whether a weight may change its sign.
    pub any_sign: bool,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes { scores: ScoreName::ALL.to_vec(), least: 30, least_fired: 20, spread: 1.0, any_sign: false }
    }
}

/// What came of it, by score, in the order of the wishes.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub scores: Vec<OfScore>,
    pub wishes: Wishes,
}

/// One score.
#[derive(Clone, Debug)]
pub struct OfScore {
    pub score: ScoreName,
    /// Attempts that teach it.
    pub good: u64,
    pub bad: u64,
    /// How many attempts of equal weight say as much (Kish): fewer than there are, if some stand for many.
    pub effective: f64,
    /// `None`: there are too few of either kind.
    pub fitted: Option<Fitted>,
}

/// A score's new weights.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// In the order of the catalogue; signals without a weight for this score are not among them.
    pub weights: Vec<Weight>,
    /// What the intercept is, and what it would be for these labels, with its standard error. It is not written down.
    pub intercept: (f64, f64, Option<f64>),
    /// On attempts that were held out: with the present weights, and with new ones.
    pub before: Quality,
    pub after: Quality,
    /// Whether the search ended.
    pub converged: bool,
}

/// One weight.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    pub signal: SignalId,
    pub before: f64,
    /// Rounded to two decimals.
    pub after: f64,
    /// Standard error; `None` where it was not fitted, or is held by a bound.
    pub error: Option<f64>,
    /// Attempts in which the signal fired, and how many of those were bad; unweighted.
    pub fired: u64,
    pub bad: u64,
    pub fate: Fate,
}

/// Why a weight is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Fitted,
    /// The labels would have it beyond: it may not change its sign, or leave the range of weights.
    Bounded,
    /// The signal fired in too few of the attempts.
    TooFew,
    /// The configuration switches the signal off.
    Disabled,
}

/// How good probabilities were, on attempts that were held out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Mean logarithmic loss, in nats.
    pub log_loss: f64,
    pub brier: f64,
    /// Expected calibration error over ten bins.
    pub expected_error: f64,
    /// The chance that a bad one scores above a good one.
    pub area: Option<f64>,
}

impl Tuning {
    /// Fits what was asked for.
    pub fn of(sample: &Sample, model: &Model, wishes: Wishes) -> Tuning {
        let scores = wishes.scores.iter().map(|score| of_score(sample, model, *score, &wishes)).collect();
        Tuning { scores, wishes }
    }
}

fn of_score(sample: &Sample, model: &Model, score: ScoreName, wishes: &Wishes) -> OfScore {
    let place = ScoreName::ALL.iter().position(|known| *known == score).unwrap_or(0);
    let rows: Vec<&Row> = sample.rows().filter(|row| row.teaches[place]).collect();
    let bad = rows.iter().filter(|row| row.bad).count() as u64;
    let good = rows.len() as u64 - bad;
    let (sum, squares) =
        rows.iter().fold((0.0, 0.0), |(sum, squares), row| (sum + row.weight, squares + row.weight.powi(2)));
    let effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
    // Together they say as much as so many attempts do, and no more.
    let scale = if sum > 0.0 { effective / sum } else { 0.0 };
    let mut of_score = OfScore { score, good, bad, effective, fitted: None };
    // One that stands for ten thousand would be all that is learnt.
    if good < wishes.least || bad < wishes.least || effective < wishes.least as f64 {
        return of_score;
    }
    let new = Layout::new(model, score, &rows, wishes);
    let old = Layout::intercept_only(model, score);
    let found = fit(&new.priors, &new.cells(&rows, scale));
    let weights = new.signals.iter().map(|(signal, column)| {
        let before = model.signals[usize::from(signal.0)].weights.of(score);
        let fired = rows.iter().filter(|row| row.fired.contains(*signal));
        let (fired, bad) = fired.fold((0, 0), |(fired, bad), row| (fired + 1, bad + u64::from(row.bad)));
        let (after, error, fate) = match column {
            Column::Fitted(column) => {
                let error = found.errors[*column];
                (found.coefficients[*column], error, if error.is_some() { Fate::Fitted } else { Fate::Bounded })
            }
            Column::Kept => (before, None, Fate::TooFew),
            Column::Disabled => (before, None, Fate::Disabled),
        };
        Weight { signal: *signal, before, after: two_decimals(after), error, fired, bad, fate }
    });
    of_score.fitted = Some(Fitted {
        weights: weights.collect(),
        intercept: (model.intercepts.of(score), found.coefficients[0], found.errors[0]),
        before: held_out(&old, &rows, scale),
        after: held_out(&new, &rows, scale),
        converged: found.converged,
    });
    of_score
}

/// What becomes of a signal.
enum Column {
    Fitted(usize),
    Kept,
    Disabled,
}

/// What is fitted: a column for the intercept, then one for each signal, then one for being blind.
struct Layout {
    priors: Vec<Prior>,
    /// Those with a weight now.
    signals: Vec<(SignalId, Column)>,
    blind: Vec<(SignalId, usize)>,
    /// Present weights, of what is not fitted and not switched off.
    kept: Vec<(SignalId, f64)>,
}

impl Layout {
    /// As the weights are: only the intercept is fitted.
    fn intercept_only(model: &Model, score: ScoreName) -> Layout {
        let mean = model.intercepts.of(score);
        let intercept = Prior { mean, spread: INTERCEPT_SPREAD, low: mean - 100.0, high: mean + 100.0 };
        let weights = SignalId::all().zip(&model.signals).filter(|(_, tuned)| tuned.enabled);
        let kept =
            weights.map(|(signal, tuned)| (signal, tuned.weights.of(score))).filter(|(_, weight)| *weight != 0.0);
        Layout { priors: vec![intercept], signals: Vec::new(), blind: Vec::new(), kept: kept.collect() }
    }

    fn new(model: &Model, score: ScoreName, rows: &[&Row], wishes: &Wishes) -> Layout {
        let mut layout = Layout::intercept_only(model, score);
        let often = |holds: &dyn Fn(&Row) -> bool| {
            rows.iter().filter(|row| holds(row)).count() as u64 >= wishes.least_fired.max(1)
        };
        for (signal, tuned) in SignalId::all().zip(&model.signals) {
            let mean = tuned.weights.of(score);
            let column = match mean {
                0.0 => continue,
                _ if !tuned.enabled => Column::Disabled,
                _ if often(&|row| row.fired.contains(signal)) => Column::Fitted(layout.priors.len()),
                _ => Column::Kept,
            };
            if let Column::Fitted(_) = column {
                let (low, high) = (*WEIGHT_RANGE.start(), *WEIGHT_RANGE.end());
                let low = if mean > 0.0 && !wishes.any_sign { 0.0 } else { low };
                let high = if mean < 0.0 && !wishes.any_sign { 0.0 } else { high };
                layout.priors.push(Prior { mean, spread: wishes.spread, low, high });
                layout.kept.retain(|(kept, _)| *kept != signal);
            }
            layout.signals.push((signal, column));
        }
        for (signal, column) in &layout.signals {
            if matches!(column, Column::Fitted(_)) && often(&|row| row.blind.contains(*signal)) {
                layout.blind.push((*signal, layout.priors.len()));
                let (low, high) = (*WEIGHT_RANGE.start(), *WEIGHT_RANGE.end());
                layout.priors.push(Prior { mean: 0.0, spread: wishes.spread, low, high });
            }
        }
        layout
    }

    /// The columns of an attempt, and its log-odds from what is not fitted.
    fn place(&self, row: &Row) -> (Vec<usize>, f64) {
        let fired = self.signals.iter().filter_map(|(signal, column)| match column {
            Column::Fitted(column) if row.fired.contains(*signal) => Some(*column),
            Column::Fitted(_) | Column::Kept | Column::Disabled => None,
        });
        let blind = self.blind.iter().filter(|(signal, _)| row.blind.contains(*signal)).map(|(_, column)| *column);
        let kept = self.kept.iter().filter(|(signal, _)| row.fired.contains(*signal)).map(|(_, weight)| weight);
        (std::iter::once(0).chain(fired).chain(blind).collect(), kept.sum())
    }

    fn cells<'r>(&self, rows: impl IntoIterator<Item = &'r &'r Row>, scale: f64) -> Vec<Cell> {
        let mut cells: BTreeMap<(Vec<usize>, u64), Cell> = BTreeMap::new();
        for row in rows {
            let (columns, offset) = self.place(row);
            let cell = cells.entry((columns, offset.to_bits())).or_default();
            *(if row.bad { &mut cell.bad } else { &mut cell.good }) += scale * row.weight;
        }
        let cell = |((columns, offset), cell)| Cell { columns, offset: f64::from_bits(offset), ..cell };
        cells.into_iter().map(cell).collect()
    }
}

/// Each part of the attempts, judged by what the others taught.
fn held_out(layout: &Layout, rows: &[&Row], scale: f64) -> Quality {
    let mut reliability = Reliability::over(&TENTHS);
    let mut curve = Curve::of_log_odds();
    for fold in 0..FOLDS {
        let taught = fit(&layout.priors, &layout.cells(rows.iter().filter(|row| row.group % FOLDS != fold), scale));
        for row in rows.iter().filter(|row| row.group % FOLDS == fold) {
            let (columns, offset) = layout.place(row);
            let logit = offset + columns.iter().map(|column| taught.coefficients[*column]).sum::<f64>();
            reliability.add(probability(logit), row.bad, row.weight);
            curve.add(logit, row.bad, row.weight);
        }
    }
    Quality {
        log_loss: reliability.log_loss().unwrap_or_default(),
        brier: reliability.brier().map(|brier| brier.score).unwrap_or_default(),
        expected_error: reliability.expected_error().unwrap_or_default(),
        area: curve.area(),
    }
}

fn two_decimals(weight: f64) -> f64 {
    let rounded = (weight * 100.0).round() / 100.0;
    // Nought has no sign.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::signals::find;
    use serde_json::{Value, json};

    /// A generator of numbers in 0..1 that is the same everywhere (SplitMix64).
    pub struct Dice(pub u64);

    impl Dice {
        pub fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// A label's record.
    pub fn labelled(number: usize, bad: bool, fired: &[&str], blind: &[&str], score: &str) -> Value {
        let scores = if bad { json!([score]) } else { json!(["bot", "account_takeover", "account_abuse"]) };
        json!({
            "id": format!("{number:026}"), "at": "2026-11-22T09:00:00.000Z", "event": "$login", "status": "$labelled",
            "risk": 50.0, "bot": 50.0, "account_takeover": 5.0, "account_abuse": 5.0, "signals": fired, "blind": blind, "enforced": "forwarded",
            "user": { "user_id": format!("{:032x}", number / 2) },
            "label": { "verdict": if bad { "fraud" } else { "not_fraud" }, "bad": bad, "as": scores },
        })
    }

    pub fn sample(records: impl Iterator<Item = Value>) -> Sample {
        let text: String = records.map(|record| format!("{record}\n")).collect();
        let mut sample = Sample::default();
        sample.read(text.as_bytes()).unwrap();
        sample
    }

    /// What is true in a world where the signals are worth something else than the table says.
    const TRUTH: [(&str, f64, f64); 4] = [
        ("http_client_library", 0.3, 2.5),
        ("datacenter_ip", 0.25, 2.2),
        ("tor_exit", 0.1, 0.4),
        ("credential_stuffing", 0.2, 4.5),
    ];

    /// Attempts of that world.
    pub fn world(seed: u64, attempts: usize) -> Sample {
        let mut dice = Dice(seed);
        sample((0..attempts).map(move |number| {
            let fired: Vec<(&str, f64)> = TRUTH
                .iter()
                .filter(|(_, often, _)| dice.roll() < *often)
                .map(|(name, _, worth)| (*name, *worth))
                .collect();
            let logit = -2.0 + fired.iter().map(|(_, worth)| worth).sum::<f64>();
            let names: Vec<&str> = fired.iter().map(|(name, _)| *name).collect();
            labelled(number, dice.roll() < probability(logit), &names, &[], "bot")
        }))
    }

    fn bot(tuning: &Tuning) -> &OfScore {
        tuning.scores.iter().find(|of| of.score == ScoreName::Bot).unwrap()
    }

    fn weight(of: &OfScore, name: &str) -> Weight {
        let weights = &of.fitted.as_ref().unwrap().weights;
        *weights.iter().find(|weight| Some(weight.signal) == find(name)).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn what_is_true_is_found_within_its_standard_errors() {
        let (mut within, mut all) = (0, 0);
        for seed in 0..5 {
            let tuning = Tuning::of(&world(seed, 4000), &Model::default(), Wishes { spread: 3.0, ..Wishes::default() });
            let fitted = bot(&tuning).fitted.as_ref().unwrap();
            assert!(fitted.converged);
            for (name, _, worth) in TRUTH {
                let found = weight(bot(&tuning), name);
                let error = found.error.unwrap();
                assert_eq!(found.fate, Fate::Fitted);
                assert!((found.after - worth).abs() < 3.5 * error + 0.005, "{name}: {worth} and not {found:?}");
                assert!(error < 0.35, "{name}: {error}");
                within += usize::from((found.after - worth).abs() < 1.96 * error);
                all += 1;
            }
            assert!((fitted.intercept.1 + 2.0).abs() < 3.5 * fitted.intercept.2.unwrap());
            assert!(fitted.after.log_loss < fitted.before.log_loss && fitted.after.brier < fitted.before.brier);
            assert!(
                fitted.after.expected_error < 0.05 && fitted.after.area.unwrap() >= fitted.before.area.unwrap() - 0.01
            );
        }
        assert!(within * 100 >= all * 80, "{within} of {all} are within two standard errors");
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let tuning = Tuning::of(&world(1, 2000), &Model::default(), Wishes::default());
        let never = weight(bot(&tuning), "web_crawler");
        assert_eq!((never.after, never.fired, never.fate), (never.before, 0, Fate::TooFew));
        let bad = &tuning.scores[1];
        assert!(bad.score == ScoreName::AccountTakeover && bad.bad == 0 && bad.good > 500);
        assert!(bad.fitted.is_none(), "robots teach nothing of takeovers");
        // A prior that is sure of itself is not moved; one that is not, is.
        let moved = |spread: f64| {
            let tuning = Tuning::of(&world(1, 200), &Model::default(), Wishes { spread, ..Wishes::default() });
            let found = weight(bot(&tuning), "http_client_library");
            (found.after - found.before).abs()
        };
        assert!(moved(0.01) <= 0.01 && moved(0.01) < moved(0.5) && moved(0.5) < moved(5.0));
    }

    #[test]
    fn a_signal_keeps_its_sign_unless_it_may_change_it() {
        // Tor users are all innocent here; the rest is as the table says.
        let records = |seed| {
            let mut dice = Dice(seed);
            (0..1000).map(move |number| {
                let tor = dice.roll() < 0.4;
                let bad = !tor && dice.roll() < 0.5;
                labelled(number, bad, if tor { &["tor_exit"] } else { &[] }, &[], "bot")
            })
        };
        let tuning = Tuning::of(&sample(records(3)), &Model::default(), Wishes::default());
        let tor = weight(bot(&tuning), "tor_exit");
        assert_eq!((tor.after, tor.error, tor.fate, tor.bad), (0.0, None, Fate::Bounded, 0));
        let any = Wishes { any_sign: true, ..Wishes::default() };
        assert!(weight(bot(&Tuning::of(&sample(records(3)), &Model::default(), any)), "tor_exit").after < -1.0);
    }

    #[test]
    fn what_can_be_told_apart_without_fault_stays_in_range() {
        let records = (0..400).map(|number| {
            let bad = number % 2 == 0;
            labelled(number, bad, if bad { &["http_client_library"] } else { &[] }, &[], "bot")
        });
        let tuning = Tuning::of(&sample(records), &Model::default(), Wishes::default());
        let found = weight(bot(&tuning), "http_client_library");
        assert!(found.after > found.before && found.after <= 10.0, "{found:?}");
        assert_eq!(bot(&tuning).fitted.as_ref().unwrap().after.area, Some(1.0));
    }

    /// Addresses could be looked up for half of the attempts, and those of the other half are all bad.
    #[test]
    fn a_blind_signal_is_neither_quiet_nor_fired() {
        let world = |blind: &'static [&'static str]| {
            let mut dice = Dice(11);
            let records = (0..6000).map(move |number| {
                let missing = dice.roll() < 0.5;
                let rented = !missing && dice.roll() < 0.4;
                let logit = -1.0 + if rented { 1.5 } else { 0.0 };
                let bad = if missing { dice.roll() < 0.95 } else { dice.roll() < probability(logit) };
                let fired: &[&str] = if rented { &["datacenter_ip"] } else { &[] };
                labelled(number, bad, fired, if missing { blind } else { &[] }, "bot")
            });
            weight(
                bot(&Tuning::of(&sample(records), &Model::default(), Wishes { spread: 3.0, ..Wishes::default() })),
                "datacenter_ip",
            )
        };
        let known = world(&["datacenter_ip"]);
        assert!((known.after - 1.5).abs() < 3.0 * known.error.unwrap(), "{known:?}");
        let taken_as_quiet = world(&[]);
        assert!(taken_as_quiet.after < 0.5, "were it quiet, guilt would look innocent: {taken_as_quiet:?}");
    }

    #[test]
    fn one_that_stands_for_ten_thousand_is_not_all_that_is_learnt() {
        let records = |explored: Value| {
            (0..400).map(move |number| {
                let mut record = labelled(number, number % 2 == 0, &["http_client_library"], &[], "bot");
                if number == 7 {
                    record["explored"] = explored.clone();
                }
                record
            })
        };
        let tuning = |explored| Tuning::of(&sample(records(explored)), &Model::default(), Wishes::default());
        assert!(bot(&tuning(Value::Null)).fitted.is_some());
        let one = tuning(json!({ "probability": 0.0001, "would": "challenge" }));
        assert!(bot(&one).fitted.is_none() && bot(&one).effective < 2.0);
        let said = crate::tune::report::too_few(bot(&one), 30);
        assert!(said.contains("all say no more than 1.1 alike"), "{said}");
    }

    #[test]
    fn what_exploration_let_pass_stands_for_what_it_did_not() {
        // Of those that the policy challenges one in ten is let pass; libraries are innocent in three of four.
        let record = |number: usize, explored: bool| {
            let bad = number.is_multiple_of(4);
            let fired: &[&str] = if explored { &["http_client_library"] } else { &[] };
            let mut record = labelled(number, bad || (!explored && number % 50 == 1), fired, &[], "bot");
            if explored {
                record["explored"] = json!({ "probability": 0.1, "would": "challenge" });
            }
            record
        };
        let all = sample((0..1000).map(|number| record(number, number % 5 == 0)));
        let tuning = Tuning::of(&all, &Model::default(), Wishes::default());
        let of = bot(&tuning);
        // 200 rows of weight 10 and 800 of weight 1: (2800)² / (200·100 + 800).
        assert!((of.effective - 2800.0 * 2800.0 / 20_800.0).abs() < 1e-6, "{}", of.effective);
        let unweighted = sample((0..1000).map(|number| {
            let mut record = record(number, number % 5 == 0);
            record["explored"] = Value::Null;
            record
        }));
        let plain = Tuning::of(&unweighted, &Model::default(), Wishes::default());
        assert_eq!(bot(&plain).effective, 1000.0);
        let error = |of: &OfScore| of.fitted.as_ref().unwrap().intercept.2.unwrap();
        assert!(error(of) > error(bot(&plain)), "fewer attempts that stand for many are less certain");
    }

    #[test]
    fn too_few_are_refused() {
        let few = sample((0..200).map(|number| labelled(number, number < 29, &[], &[], "account_abuse")));
        let tuning = Tuning::of(&few, &Model::default(), Wishes::default());
        assert!(tuning.scores.iter().all(|of| of.fitted.is_none()));
        let abuse = tuning.scores.iter().find(|of| of.score == ScoreName::AccountAbuse).unwrap();
        assert_eq!((abuse.good, abuse.bad), (171, 29));
        let wishes = Wishes { least: 29, scores: vec![ScoreName::AccountAbuse], ..Wishes::default() };
        assert!(Tuning::of(&few, &Model::default(), wishes).scores[0].fitted.is_some());
        assert!(
            Tuning::of(&Sample::default(), &Model::default(), Wishes::default())
                .scores
                .iter()
                .all(|of| of.fitted.is_none())
        );
    }
}
