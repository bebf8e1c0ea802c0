//! The published figure: how often the middle user was asked again, by how many logins had been judged.
//!
//! Of each user, the times that one of the first *n* judged logins was asked again, divided by *n*; and of all users with at
//! least *n*, the middle one: Wiefling et al., "Pump Up Password Security!" (ACM TOPS 2022, doi 10.1145/3546069), as their
//! data set reproduces it (das-group/rba-dataset, `images/rq1-general.png`, CC BY 4.0). What stands here of that figure was
//! read from it: each point is a whole number of times by *n*, so the number of times is exact.
//!
//! A bar can only be set when all thieves were seen, and users are judged before that. So of each user's first logins the
//! bin of the score is kept, six bytes a login, and nothing else of a row.

use super::figure::ATTACKERS;

/// Logins of one user that are looked at.
pub const LONGEST: u64 = 39;
/// Shares of thieves to be stopped.
pub const STOPPED: [f64; 4] = [0.98, 0.99, 0.995, 0.999];
/// Judged logins at which the figure is told.
pub const SIZES: [u64; 4] = [5, 12, 20, 39];

/// By attacker, [`STOPPED`] and [`SIZES`]: how often the middle user was asked again.
pub const PUBLISHED: [[[u16; SIZES.len()]; STOPPED.len()]; ATTACKERS.len()] = [
    [[1, 1, 1, 1], [1, 2, 2, 1], [2, 3, 3, 2], [4, 7, 8, 6]],
    [[2, 2, 2, 2], [2, 3, 3, 2], [3, 4, 5, 3], [4, 7, 9, 8]],
    [[2, 2, 2, 2], [2, 4, 4, 3], [3, 5, 5, 4], [4, 8, 10, 9]],
];

/// Judged logins, in order: whose, and the bin of the score.
#[derive(Default)]
pub struct Medians {
    users: Vec<u32>,
    bins: Vec<u16>,
    most_user: u32,
}

/// The middle user at one bar: how often asked again after so many logins, and of how many users. `None`: nobody had so many.
pub type Median = Option<(u16, u64)>;

impl Medians {
    /// A login was judged; `earlier`: how many of the user are known.
    pub fn add(&mut self, user: u32, earlier: u64, bin: usize) {
        if earlier <= LONGEST {
            self.users.push(user);
            self.bins.push(u16::try_from(bin).unwrap_or(u16::MAX));
            self.most_user = self.most_user.max(user);
        }
    }

    /// By [`SIZES`], where logins from this bin on are asked again.
    pub fn at_bar(&self, bar: usize) -> [Median; SIZES.len()] {
        const LENGTH: usize = LONGEST as usize + 1;
        // Users who were asked so often, by logins.
        let mut spread = [[0_u64; LENGTH]; LENGTH];
        let mut users = vec![(0_u8, 0_u8); self.most_user as usize + 1];
        for (user, bin) in self.users.iter().zip(&self.bins) {
            let (logins, asked) = &mut users[*user as usize];
            *logins += 1;
            *asked += u8::from(usize::from(*bin) >= bar);
            if let Some(count) = spread.get_mut(usize::from(*logins)).and_then(|row| row.get_mut(usize::from(*asked))) {
                *count += 1;
            }
        }
        SIZES.map(|size| {
            let row = &spread[size as usize];
            let all: u64 = row.iter().sum();
            let mut below = 0;
            let middle = row.iter().position(|count| {
                below += count;
                2 * below >= all
            });
            middle.filter(|_| all > 0).map(|middle| (middle as u16, all))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_user_is_of_those_with_so_many_logins() {
        let mut medians = Medians::default();
        // Three users with five logins each: asked once, twice and four times. A fourth has two, asked both times.
        for (user, bins) in [(0, [9, 1, 1, 1, 1]), (1, [9, 9, 1, 1, 1]), (2, [9, 9, 9, 9, 1])] {
            for (earlier, bin) in bins.into_iter().enumerate() {
                medians.add(user, earlier as u64 + 1, bin);
            }
        }
        medians.add(3, 1, 9);
        medians.add(3, 2, 9);
        medians.add(3, 40, 9);
        assert_eq!(medians.at_bar(9), [Some((2, 3)), None, None, None]);
        assert_eq!(medians.at_bar(10)[0], Some((0, 3)));
        assert_eq!(medians.at_bar(0)[0], Some((5, 3)));
    }

    #[test]
    fn what_was_read_from_the_figure_rises_with_what_is_asked_of_it() {
        for attacker in PUBLISHED {
            for (stricter, milder) in attacker.iter().skip(1).zip(&attacker) {
                assert!(stricter.iter().zip(milder).all(|(more, less)| more >= less));
            }
        }
        for (targeted, naive) in PUBLISHED[2].iter().zip(&PUBLISHED[0]) {
            assert!(targeted.iter().zip(naive).all(|(more, less)| more >= less));
        }
    }
}
