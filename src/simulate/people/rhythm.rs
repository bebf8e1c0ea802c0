//! When people come: the hours of a day by where they are, and the days of a week.

use super::person::Setting;
use crate::simulate::chance::Chance;

/// By hour of local time, in any unit.
const AT_HOME: [f64; 24] = [
    1.6, 0.8, 0.4, 0.3, 0.3, 0.6, 1.6, 2.8, 3.4, 4.0, 4.4, 4.4, 4.6, 4.4, 4.2, 4.4, 5.0, 5.8, 6.8, 8.0, 8.8, 8.2, 6.0,
    3.4,
];
/// Half of an office comes within an hour and a half.
const AT_WORK: [f64; 24] = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 1.0, 8.0, 28.0, 16.0, 6.0, 5.0, 3.5, 7.0, 6.0, 4.5, 3.5, 2.0, 0.8, 0.3, 0.2, 0.1,
    0.0, 0.0,
];
const ON_THE_WAY: [f64; 24] = [
    0.8, 0.4, 0.2, 0.2, 0.3, 1.2, 4.0, 7.4, 6.4, 4.6, 4.4, 4.8, 6.2, 5.2, 4.6, 4.8, 6.0, 7.6, 7.0, 5.8, 5.2, 4.6, 3.4,
    1.8,
];

/// Sunday is 0, as day 3 of the epoch was one.
pub fn weekday(day: u64) -> usize {
    ((day + 4) % 7) as usize
}

pub fn is_working_day(day: u64) -> bool {
    (1..=5).contains(&weekday(day))
}

/// How busy a day of the week is for those who do not come for work.
pub fn business(day: u64) -> f64 {
    [0.95, 1.08, 1.05, 1.04, 1.02, 0.96, 0.90][weekday(day)]
}

/// A moment of the day, in milliseconds of UTC from its midnight, for somebody who is that many minutes from UTC. Whoever
/// is in another day already stays in this one: what counts is the hour.
pub fn moment(setting: Setting, offset: i64, chance: &mut Chance) -> u64 {
    let hours = match setting {
        Setting::Work => &AT_WORK,
        Setting::Mobile => &ON_THE_WAY,
        Setting::Home | Setting::Abroad => &AT_HOME,
    };
    let hour = chance.weighted(hours.iter().copied()) as i64;
    let local = hour * 3_600_000 + chance.below(3_600_000) as i64;
    (local - offset * 60_000).rem_euclid(86_400_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_is_that_of_the_calendar() {
        // 2026-11-02 is a Monday.
        let monday = 1_793_577_600 / 86_400;
        assert_eq!(weekday(monday), 1);
        assert!(is_working_day(monday) && !is_working_day(monday + 5) && !is_working_day(monday + 6));
        assert!(((0..7).map(business).sum::<f64>() / 7.0 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn offices_begin_in_the_morning_of_their_own_time() {
        let mut chance = Chance::of(1, "test", [0, 0]);
        let early = (0..10_000).filter(|_| {
            let hour = moment(Setting::Work, 540, &mut chance) / 3_600_000;
            (23..=24).contains(&hour) || hour == 0
        });
        assert!(early.count() > 4_000, "at nine in Tokyo it is midnight in Greenwich");
    }
}
