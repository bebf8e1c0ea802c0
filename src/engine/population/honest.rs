//! How many of a cell's people are customers, by those who got in.
//!
//! Few people are in most cells, so that what was counted there is joined with what is known of the class and of the cluster,
//! each by itself: the odds of a cell are presumed to be those of its cluster times those of its class, over those of all
//! strangers, with the weight of a few people. A fingerprint that was never seen is what its class is.

use super::campaign::{Cells, MEMBER, Numbers, STAYS};
use super::cluster::Cluster;
use super::look::Class;
use super::tally::Tally;

/// Strangers get in less often than people at their own device do.
const STRANGERS: f64 = 0.75;
/// Weights of what is presumed where little was counted: of a site, that its strangers are honest; of a cell, that it is as
/// its class and its cluster are.
const PRESUMED: (f64, f64) = (20.0, 0.98);
pub(super) const PRESUMED_CELL: f64 = 4.0;

/// No share is more certain than this where it speaks for another: odds that are multiplied must not run away.
const CERTAIN: f64 = 0.98;

fn logit(share: f64) -> f64 {
    let share = share.clamp(1.0 - CERTAIN, CERTAIN);
    (share / (1.0 - share)).ln()
}

fn share_of(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// What is to be expected of honest strangers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// How many get in.
    pub succeed: f64,
    /// How many mistype the name of their account into one that nobody has.
    mistyped: f64,
}

impl Rates {
    /// By the control group, and by those on proven devices and those of them who mistyped.
    pub fn of(control: Tally, proven: f64, mistyped: f64) -> Rates {
        Rates {
            succeed: STRANGERS * (control.succeeded + 18.0) / (control.people + 20.0),
            mistyped: (mistyped + 0.5) / (proven + 50.0),
        }
    }

    /// How many honest people came, class by class, for those who got in.
    pub fn honest(&self, classes: &[Tally; Class::COUNT]) -> [f64; Class::COUNT] {
        std::array::from_fn(|place| {
            let class = Class::ALL[place];
            let same_cookie = classes[Class { seen: true, ..class }.place()].succeeded;
            let mistyped = if class.seen { 0.0 } else { self.mistyped * same_cookie };
            (classes[place].succeeded + mistyped) / self.succeed
        })
    }
}

/// Shares of honest people of the site, which a cluster's are presumed by.
pub(super) struct Shares {
    pub rates: Rates,
    all: f64,
    pub of_class: [f64; Class::COUNT],
    /// What a class adds to the log-odds of a cell.
    by_class: [f64; Class::COUNT],
}

impl Shares {
    pub fn of_site(rates: Rates, classes: &[Tally; Class::COUNT]) -> Shares {
        let honest = rates.honest(classes);
        let (weight, presumed) = PRESUMED;
        let share = |honest: f64, people: f64| ((honest + weight * presumed) / (people + weight)).min(1.0);
        let all = classes.iter().fold(Tally::default(), |sum, tally| sum.plus(*tally));
        let all = share(honest.iter().sum(), all.people);
        let of_class = std::array::from_fn(|place| share(honest[place], classes[place].people));
        Shares { rates, all, of_class, by_class: of_class.map(|share| logit(share) - logit(all)) }
    }

    /// Excess of a cluster's cells: what was counted, and with the weight of a few people what class and cluster together let
    /// expect, as if they had nothing to do with each other.
    pub fn excess(&self, classes: &[Tally; Class::COUNT]) -> [f64; Class::COUNT] {
        let honest = self.rates.honest(classes);
        let people: f64 = classes.iter().map(|tally| tally.people).sum();
        let of_cluster = (honest.iter().sum::<f64>() + PRESUMED_CELL * self.all) / (people + PRESUMED_CELL);
        let odds = logit(of_cluster);
        std::array::from_fn(|place| {
            let presumed = share_of(odds + self.by_class[place]);
            let share = (honest[place] + PRESUMED_CELL * presumed) / (classes[place].people + PRESUMED_CELL);
            1.0 - share.min(1.0)
        })
    }

    pub fn cells(&self, cluster: &mut Cluster) -> Cells {
        let excess = self.excess(&cluster.classes);
        cells(excess, &mut cluster.members)
    }

    pub fn numbers(&self, classes: &[Tally; Class::COUNT]) -> Numbers {
        let all = classes.iter().fold(Tally::default(), |sum, tally| sum.plus(*tally));
        let expected = self.rates.honest(classes).iter().sum();
        Numbers { people: all.people, succeeded: all.succeeded, expected }
    }
}

/// The members among cells of so much excess.
pub(super) fn cells(excess: [f64; Class::COUNT], members: &mut [bool; Class::COUNT]) -> Cells {
    std::array::from_fn(|class| {
        members[class] = excess[class] >= if members[class] { STAYS } else { MEMBER };
        members[class].then_some(excess[class] as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates { succeed: 0.7, mistyped: 0.01 };

    fn tally(people: f64, succeeded: f64) -> Tally {
        Tally { people, succeeded }
    }

    /// Of networks that are not in vain; nobody came from others.
    fn of<T: Default + Copy>(classes: [T; 4]) -> [T; Class::COUNT] {
        std::array::from_fn(|place| classes.get(place).copied().unwrap_or_default())
    }

    #[test]
    fn customers_are_as_many_as_got_in_and_their_misspellings() {
        let classes = of([tally(50.0, 7.0), tally(0.0, 0.0), tally(800.0, 700.0), tally(10.0, 0.0)]);
        let honest = RATES.honest(&classes);
        assert!((honest[0] - 20.0).abs() < 1e-9, "7 of 10, and 1 in 100 of 700 / 0.7: {honest:?}");
        assert!((honest[2] - 1_000.0).abs() < 1e-9 && honest[3] == 0.0, "{honest:?}");
    }

    #[test]
    fn a_cell_is_judged_by_what_it_shows_and_before_that_by_its_class_and_its_cluster() {
        // Hardly anybody on an account that nobody has is a customer; most others are.
        let site = of([tally(1_000.0, 10.0), tally(100.0, 70.0), tally(1_200.0, 700.0), tally(2_000.0, 1_500.0)]);
        let site = Shares::of_site(RATES, &site);
        let nobody = site.excess(&Default::default());
        assert!(nobody[0] > 0.9 && nobody[1] < 0.1 && nobody[2] < 0.3, "{nobody:?}");
        // Strangers who get in with this browser.
        let honest = site.excess(&of([tally(4.0, 3.0), tally(0.0, 0.0), tally(40.0, 33.0), tally(0.0, 0.0)]));
        assert!(honest[..4].iter().all(|excess| *excess < 0.5), "{honest:?}");
        // A tool: what it does on accounts that nobody has says what it does on others.
        let tool = site.excess(&of([tally(300.0, 0.0), tally(0.0, 0.0), tally(1.0, 0.0), tally(0.0, 0.0)]));
        assert!(tool[0] > 0.98 && tool[2] > 0.8, "{tool:?}");
        // A popular browser that a tool uses as well: those on accounts of their own mostly get in.
        let both = site.excess(&of([tally(100.0, 1.0), tally(0.0, 0.0), tally(100.0, 62.0), tally(0.0, 0.0)]));
        assert!(both[0] > 0.9 && both[2] < 0.3, "{both:?}");
    }

    #[test]
    fn a_member_stays_one_until_it_is_clearly_none() {
        let mut members = [false; Class::COUNT];
        let mut is_in = |excess: f64| cells(of([excess, 0.0, 0.0, 0.0]), &mut members)[0].is_some();
        let seen = [0.84, 0.86, 0.7, 0.66, 0.64, 0.7, 0.86].map(&mut is_in);
        assert_eq!(seen, [false, true, true, true, false, false, true]);
    }

    #[test]
    fn nothing_that_was_counted_makes_a_share_that_is_none() {
        for people in [0.0, 1e-9, 1.0, 1e12] {
            for succeeded in [0.0, people] {
                let classes = [tally(people, succeeded); Class::COUNT];
                let site = Shares::of_site(Rates::of(tally(people, succeeded), people, succeeded), &classes);
                assert!(site.excess(&classes).iter().all(|excess| (0.0..=1.0).contains(excess)), "{people}");
            }
        }
    }
}
