//! How well bad and good are told apart, by any number that is higher for the bad: two histograms on one scale, and what
//! can be read off them (threshold at a share of false positives, recall, the area below the curve).
//!
//! The scale is log-odds or a logarithm, not percent: all that matters for a threshold at one false positive in a thousand
//! happens between 99 and 100 %, or below 1 %, where bins of percent see nothing. Each bin keeps the least number that fell
//! into it, so that a threshold which is told here is one that was seen, and what is said about it holds to the last digit:
//! bins only bound how finely one can choose.

/// Two histograms over one scale.
#[derive(Clone, Debug)]
pub struct Curve {
    low: f64,
    /// Bins per unit of the scale.
    per_unit: f64,
    bins: Vec<Bin>,
    ignored: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bin {
    /// Weights of what was good and bad.
    good: f64,
    bad: f64,
    /// The least number that fell in.
    least: f64,
}

/// What calling everything bad from a threshold on comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Numbers from here (included) are called bad; infinite where nothing is.
    pub threshold: f64,
    /// The share of the good that is called bad, and of the bad that is.
    pub false_positives: f64,
    pub recall: f64,
    /// The share of what is called bad that is; `None` where nothing is called so.
    pub precision: Option<f64>,
}

impl Curve {
    /// For scores of the three models, and `risk`: log-odds from −12 to 12 (6 in a million) in steps of 1/200.
    pub fn of_log_odds() -> Curve {
        Curve::over(-12.0, 12.0, 4800)
    }

    /// On a scale of one's own. What is outside of it is counted in its first or last bin.
    pub fn over(low: f64, high: f64, bins: usize) -> Curve {
        let bins = bins.max(1);
        let width = if high > low { high - low } else { 1.0 };
        let empty = Bin { good: 0.0, bad: 0.0, least: f64::INFINITY };
        Curve { low, per_unit: bins as f64 / width, bins: vec![empty; bins], ignored: 0 }
    }

    /// One attempt: its place on the scale, whether it was bad, and how many it stands for. What is no number, or has no
    /// positive weight, is counted in [`Curve::ignored`] only.
    pub fn add(&mut self, number: f64, bad: bool, weight: f64) {
        if number.is_nan() || !(weight > 0.0 && weight.is_finite()) {
            self.ignored += 1;
            return;
        }
        // A cast to an unsigned number takes what is below as 0, and what is above as the most.
        let place = (((number - self.low) * self.per_unit) as usize).min(self.bins.len() - 1);
        if let Some(bin) = self.bins.get_mut(place) {
            *(if bad { &mut bin.bad } else { &mut bin.good }) += weight;
            bin.least = bin.least.min(number);
        }
    }

    /// What the other one counted, too. It must have the same scale, or nothing is taken and `false` comes back.
    pub fn merge(&mut self, other: &Curve) -> bool {
        if (self.low, self.per_unit, self.bins.len()) != (other.low, other.per_unit, other.bins.len()) {
            return false;
        }
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.good += theirs.good;
            mine.bad += theirs.bad;
            mine.least = mine.least.min(theirs.least);
        }
        self.ignored += other.ignored;
        true
    }

    /// What could not be counted.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Weights of all that was good, and bad.
    pub fn totals(&self) -> (f64, f64) {
        self.bins.iter().fold((0.0, 0.0), |(good, bad), bin| (good + bin.good, bad + bin.bad))
    }

    /// The curve, from "nothing is called bad" to "everything": one point for every bin that holds something, with falling
    /// thresholds. Of a class that never came, the share is 0.
    pub fn points(&self) -> Vec<Point> {
        let (all_good, all_bad) = self.totals();
        let share = |part: f64, all: f64| if all > 0.0 { (part / all).min(1.0) } else { 0.0 };
        let (mut good, mut bad) = (0.0, 0.0);
        let mut points = vec![Point { threshold: f64::INFINITY, false_positives: 0.0, recall: 0.0, precision: None }];
        for bin in self.bins.iter().rev().filter(|bin| bin.least < f64::INFINITY || bin.good + bin.bad > 0.0) {
            good += bin.good;
            bad += bin.bad;
            points.push(Point {
                threshold: bin.least,
                false_positives: share(good, all_good),
                recall: share(bad, all_bad),
                precision: (good + bad > 0.0).then(|| bad / (good + bad)),
            });
        }
        points
    }

    /// The lowest threshold at which at most this share of the good is called bad.
    pub fn at_false_positives(&self, most: f64) -> Point {
        let mut points = self.points().into_iter();
        // The first calls nothing bad, and is always there.
        let nothing = Point { threshold: f64::INFINITY, false_positives: 0.0, recall: 0.0, precision: None };
        let first = points.next().unwrap_or(nothing);
        points.take_while(|point| point.false_positives <= most).last().unwrap_or(first)
    }

    /// What calling everything from this number on bad comes to. Within a bin nothing is told apart: the whole bin counts
    /// as called, as soon as the least in it is.
    pub fn at_threshold(&self, threshold: f64) -> Point {
        let points = self.points();
        let reached = points.iter().take_while(|point| point.threshold >= threshold).last();
        Point { threshold, ..reached.copied().unwrap_or(points[0]) }
    }

    /// The chance that a bad one is above a good one, a tie counting half; `None` unless there are both. Within a bin all
    /// are ties.
    pub fn area(&self) -> Option<f64> {
        let (all_good, all_bad) = self.totals();
        if all_good <= 0.0 || all_bad <= 0.0 {
            return None;
        }
        let (mut below, mut area) = (0.0, 0.0);
        for bin in &self.bins {
            area += bin.bad * (below + bin.good / 2.0);
            below += bin.good;
        }
        Some((area / all_good / all_bad).min(1.0))
    }
}

/// A score in percent as a place on the scale of [`Curve::of_log_odds`].
pub fn log_odds(percent: f64) -> f64 {
    (percent / (100.0 - percent)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(seen: &[(f64, bool)]) -> Curve {
        let mut curve = Curve::of_log_odds();
        for (number, bad) in seen {
            curve.add(*number, *bad, 1.0);
        }
        curve
    }

    #[test]
    fn a_worked_example() {
        // Nine good ones at −3, one at 2; three bad ones at 1, 2 and 4.
        let mut seen = vec![(-3.0, false); 9];
        seen.extend([(2.0, false), (1.0, true), (2.0, true), (4.0, true)]);
        let curve = curve(&seen);
        let strict = curve.at_false_positives(0.05);
        assert_eq!((strict.threshold, strict.false_positives, strict.precision), (4.0, 0.0, Some(1.0)));
        assert!((strict.recall - 1.0 / 3.0).abs() < 1e-12);
        let loose = curve.at_false_positives(0.1);
        assert_eq!((loose.threshold, loose.false_positives, loose.recall), (1.0, 0.1, 1.0));
        assert_eq!(curve.at_threshold(1.5).recall, 2.0 / 3.0);
        assert_eq!(curve.at_threshold(99.0).recall, 0.0);
        // Of 30 pairs, 27 + 1 (4 above 2) are right and one is a tie… and 1 is below 2.
        assert!((curve.area().unwrap() - 28.5 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn one_class_alone_has_no_area_and_the_ends_of_the_scale_hold_what_is_beyond() {
        let mut alone = curve(&[(3.0, true)]);
        assert_eq!(alone.area(), None);
        assert_eq!(alone.at_false_positives(0.0).recall, 1.0);
        alone.add(f64::NEG_INFINITY, false, 1.0);
        alone.add(f64::INFINITY, true, 1.0);
        alone.add(f64::NAN, true, 1.0);
        assert_eq!((alone.totals(), alone.ignored(), alone.area()), ((1.0, 2.0), 1, Some(1.0)));
        assert_eq!(Curve::of_log_odds().at_false_positives(1.0).recall, 0.0);
        assert!(!alone.merge(&Curve::over(0.0, 1.0, 4800)));
        assert_eq!((log_odds(50.0), log_odds(100.0), log_odds(0.0)), (0.0, f64::INFINITY, f64::NEG_INFINITY));
    }

    fn seen() -> impl Strategy<Value = Vec<(f64, bool)>> {
        proptest::collection::vec((-14.0..14.0, any::<bool>()), 1..150)
    }

    proptest! {
        /// What is said of a threshold is what a program would find that applied it.
        #[test]
        fn the_threshold_keeps_its_word(seen in seen(), most in 0.0..1.0) {
            let point = curve(&seen).at_false_positives(most);
            let share = |of: bool| {
                let all = seen.iter().filter(|(_, bad)| *bad == of).count().max(1);
                seen.iter().filter(|(x, bad)| *bad == of && *x >= point.threshold).count() as f64 / all as f64
            };
            prop_assert!((point.false_positives - share(false)).abs() < 1e-12 && share(false) <= most + 1e-12);
            prop_assert!((point.recall - share(true)).abs() < 1e-12);
        }

        #[test]
        fn the_area_is_the_share_of_pairs_in_the_right_order(seen in seen()) {
            let curve = curve(&seen);
            let of = |bad: bool| seen.iter().filter(move |(_, b)| *b == bad).map(|(x, _)| *x);
            let (mut right, mut same, mut pairs) = (0.0, 0.0, 0.0);
            for bad in of(true) {
                for good in of(false) {
                    pairs += 1.0;
                    right += if bad > good { 1.0 } else if bad == good { 0.5 } else { 0.0 };
                    same += f64::from(u8::from((bad - good).abs() < 1.0 / 200.0 || (bad.abs() > 11.99 && good.abs() > 11.99)));
                }
            }
            match curve.area() {
                None => prop_assert_eq!(pairs, 0.0),
                Some(area) => prop_assert!((area - right / pairs).abs() <= same / pairs / 2.0 + 1e-9),
            }
        }

        #[test]
        fn the_curve_only_rises(seen in seen(), cut in 0..150_usize) {
            let points = curve(&seen).points();
            for pair in points.windows(2) {
                prop_assert!(pair[0].threshold > pair[1].threshold);
                prop_assert!(pair[0].recall <= pair[1].recall && pair[0].false_positives <= pair[1].false_positives);
            }
            let cut = cut.min(seen.len());
            let mut merged = curve(&seen[..cut]);
            prop_assert!(merged.merge(&curve(&seen[cut..])));
            prop_assert_eq!(merged.points(), points);
        }
    }
}
