use super::campaign::Pattern;
use super::look::{Became, Class, Look, Standing};
use super::watch::{H_SITE, IDLE, Population};
use super::{Campaign, Campaigns};
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A stream of numbers that is the same each time.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.draw() % most
    }

    fn hit(&mut self, share: f64) -> bool {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64 <= share
    }
}

const START: Timestamp = Timestamp(1_795_000_000_000);
const UNSEEN: Class = Class { seen: false, fresh: false, in_vain: false };
const SEEN: Class = Class { seen: true, fresh: false, in_vain: false };

/// A site with its visitors, and what is published of it.
struct Site {
    population: Population,
    published: Arc<Campaigns>,
    at: Timestamp,
    chance: Chance,
    attempts: u128,
}

impl Site {
    /// One with a day of ordinary people behind it.
    fn new(seed: u64) -> Site {
        let mut site = Site {
            population: Population::new(),
            published: Default::default(),
            at: START,
            chance: Chance(seed),
            attempts: 0,
        };
        site.ordinary(4_000, Duration::from_secs(20));
        site
    }

    fn look(&mut self, standing: Standing, fingerprint: u64) -> Look {
        self.attempts += 1;
        let account = self.chance.draw() as u32;
        let asn = Some(64_500 + self.chance.below(40) as u32);
        let (id, network) = (AttemptId(self.attempts), self.chance.draw());
        Look { id, at: self.at, fingerprint, network, asn, standing, account, password: None }
    }

    /// Tells of an attempt; whether it was a member of a campaign. What is a member is withheld, unless somebody solves.
    fn play(&mut self, look: &Look, succeeds: bool, solves: bool) -> bool {
        let matched = [self.published.of(look), self.published.of_password(look)].into_iter().flatten().next();
        let matched = matched.map(|matched| matched.campaign.id);
        let became = if succeeds { Became::Succeeded } else { Became::Failed };
        let mut news = false;
        if matched.is_some() {
            news |= self.population.note(look, Became::Withheld, matched, true);
        }
        if matched.is_none() || solves {
            news |= self.population.note(look, became, matched, true);
        }
        if news || self.attempts.is_multiple_of(50) {
            self.published = self.population.publish(self.at);
        }
        matched.is_some()
    }

    /// People, one after the other; how many were taken for members.
    fn ordinary(&mut self, people: u64, every: Duration) -> u64 {
        let mut hit = 0;
        for _ in 0..people {
            self.at = self.at.after(every);
            // Popular browsers are many people's.
            let fingerprint = 1 + self.chance.below(60).min(self.chance.below(60));
            let (standing, succeeds) = match self.chance.below(100) {
                0..=84 => (Standing::Usual { proven: true, settled: true }, self.chance.hit(0.93)),
                85..=86 => (Standing::Elsewhere { seen: false }, false),
                87..=97 => {
                    let fresh = self.chance.hit(0.7);
                    (Standing::Strange(Class { seen: true, fresh, in_vain: false }), self.chance.hit(0.87))
                }
                _ => {
                    let fresh = self.chance.hit(0.85);
                    (Standing::Strange(Class { seen: false, fresh, in_vain: false }), self.chance.hit(0.7))
                }
            };
            let look = self.look(standing, fingerprint);
            hit += u64::from(self.play(&look, succeeds, true));
        }
        hit
    }

    /// A list with tools of these fingerprints; how many attempts were members.
    fn list(&mut self, attempts: u64, every: Duration, fingerprints: &[u64]) -> u64 {
        let mut stopped = 0;
        for _ in 0..attempts {
            self.at = self.at.after(every);
            let class = if self.chance.hit(0.8) { UNSEEN } else { SEEN };
            let fingerprint = fingerprints[self.chance.below(fingerprints.len() as u64) as usize];
            let look = self.look(Standing::Strange(class), fingerprint);
            let succeeds = class == SEEN && self.chance.hit(0.1);
            stopped += u64::from(self.play(&look, succeeds, false));
        }
        stopped
    }

    fn active(&self) -> Vec<Pattern> {
        self.published.active.iter().map(|campaign| campaign.pattern).collect()
    }

    fn only(&self) -> Arc<Campaign> {
        assert_eq!(self.published.active.len(), 1, "{:?}", self.active());
        self.published.active[0].clone()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ordinary_people_are_no_campaign() {
    for seed in 1..=4 {
        let mut site = Site::new(seed);
        let hit = site.ordinary(30_000, Duration::from_secs(8));
        assert_eq!((hit, site.population.found()), (0, [0; 4]), "seed {seed}");
    }
}

#[test]
fn a_tool_from_everywhere_is_found_within_some_dozens_and_its_campaign_says_when_it_began() {
    let mut site = Site::new(5);
    let began = site.at;
    let stopped = site.list(500, SECOND, &[0xbad]);
    assert!(stopped > 465, "{stopped} of 500");
    let campaign = site.only();
    assert_eq!(campaign.pattern, Pattern::Fingerprint(0xbad));
    assert!(campaign.started.since(began) < Duration::from_secs(10) && campaign.found > campaign.started);
    assert_eq!((campaign.attempts, campaign.withheld), (stopped, stopped));
    assert!(campaign.numbers.failure_share() > 0.9);
}

#[test]
fn a_popular_browser_that_a_tool_has_as_well_stays_most_peoples() {
    let mut site = Site::new(6);
    let mut hit = 0;
    for _ in 0..200 {
        site.list(5, SECOND, &[1]);
        hit += site.ordinary(20, SECOND);
    }
    assert!(site.active().contains(&Pattern::Fingerprint(1)), "{:?}", site.active());
    // Of 4,000, whose strangers with that browser are asked for a proof where nearly all such are the tool's.
    assert!(hit <= 12, "{hit} people of 4,000");
}

#[test]
fn one_tool_in_one_network_is_told_with_both() {
    let mut site = Site::new(7);
    for _ in 0..60 {
        site.at = site.at.after(SECOND);
        let look = Look { asn: Some(14_061), ..site.look(Standing::Strange(UNSEEN), 2) };
        site.play(&look, false, false);
    }
    assert_eq!(site.only().pattern, Pattern::FingerprintInAsn(2, 14_061));
    let look = site.look(Standing::Strange(UNSEEN), 2);
    assert_eq!(site.published.of(&look), None, "the same browser elsewhere");
}

#[test]
fn what_is_spread_over_all_tools_is_found_as_strangers() {
    let mut site = Site::new(8);
    let tools: Vec<u64> = (1..=20).chain(1_000..1_040).collect();
    let (mut stopped, mut hit) = (0, 0);
    for round in 0..400 {
        // Five of a hundred.
        let found = site.list(5, Duration::from_secs(30), &tools);
        let harmed = site.ordinary(95, Duration::from_secs(3));
        if round >= 200 {
            stopped += found;
            hit += harmed;
        }
    }
    assert!(site.active().contains(&Pattern::Strangers), "{:?}", site.active());
    assert!(stopped >= 600, "{stopped} of 1,000");
    assert!(hit <= 45, "{hit} of 19,000 people");
}

#[test]
fn who_comes_back_to_where_they_tried_in_vain_is_told_by_it_whatever_browser_they_have() {
    let mut site = Site::new(17);
    let bots: Vec<u64> = (0..300).map(|_| site.chance.draw()).collect();
    let (mut stopped, mut hit) = ([0; 4], 0);
    for stopped in &mut stopped {
        for &network in &bots {
            hit += site.ordinary(19, Duration::from_secs(5));
            let seen = site.chance.hit(0.25);
            let account = site.chance.draw() as u32;
            let in_vain = site.published.is_in_vain(network, account, site.at);
            let browser = 1 + site.chance.below(60).min(site.chance.below(60));
            let look = site.look(Standing::Strange(Class { seen, fresh: false, in_vain }), browser);
            let succeeds = seen && site.chance.hit(0.03);
            *stopped += u64::from(site.play(&Look { network, account, ..look }, succeeds, false));
        }
    }
    assert!(stopped[3] >= 265, "{stopped:?} of 300 each");
    assert!(hit <= 23, "{hit} of 22,800 people");
}

#[test]
fn people_at_networks_where_others_failed_show_by_their_successes_that_they_are_people() {
    let mut site = Site::new(19);
    let tools: Vec<u64> = (1..=20).collect();
    let mut hit = 0;
    for _ in 0..300 {
        site.list(5, Duration::from_secs(30), &tools);
        site.ordinary(90, Duration::from_secs(3));
        for _ in 0..5 {
            let browser = 1 + site.chance.below(20);
            let look = site.look(Standing::Strange(Class { seen: true, fresh: false, in_vain: true }), browser);
            let succeeds = site.chance.hit(0.8);
            hit += u64::from(site.play(&look, succeeds, true));
        }
    }
    assert!(site.active().contains(&Pattern::Strangers), "{:?}", site.active());
    assert!(hit <= 15, "{hit} of 1,500");
}

#[test]
fn strangers_are_a_campaign_while_any_class_of_them_is() {
    let mut site = Site::new(18);
    let strangers = |site: &mut Site, rounds: u64, class: Class| {
        for _ in 0..rounds {
            site.ordinary(95, Duration::from_secs(3));
            for _ in 0..4 {
                let browser = 1 + site.chance.below(60).min(site.chance.below(60));
                let look = site.look(Standing::Strange(class), browser);
                site.play(&look, false, false);
            }
        }
    };
    strangers(&mut site, 100, UNSEEN);
    let of_strangers =
        |site: &Site| site.published.active.iter().find(|known| known.pattern == Pattern::Strangers).cloned();
    let id = of_strangers(&site).map(|campaign| campaign.id);
    assert!(id.is_some(), "{:?}", site.active());
    // The list has come to accounts that are somebody's: where it began, all is calm.
    strangers(&mut site, 300, SEEN);
    assert_eq!(of_strangers(&site).map(|campaign| campaign.id), id);
}

#[test]
fn an_attack_that_was_there_first_is_not_the_level() {
    let mut site = Site {
        population: Population::new(),
        published: Default::default(),
        at: START,
        chance: Chance(9),
        attempts: 0,
    };
    let tools: Vec<u64> = (1_000..1_300).collect();
    for _ in 0..150 {
        site.list(5, Duration::from_secs(30), &tools);
        site.ordinary(95, Duration::from_secs(3));
    }
    assert!(site.active().contains(&Pattern::Strangers), "{:?}", site.active());
}

#[test]
fn a_campaign_goes_on_while_it_is_stopped_and_ends_once() {
    let mut site = Site::new(10);
    site.list(300, SECOND, &[3]);
    let id = site.only().id;
    for _ in 0..48 {
        site.list(20, Duration::from_secs(60), &[3]);
        assert_eq!(site.only().id, id, "it is stopped, and goes on");
        site.ordinary(30, Duration::from_secs(20));
    }
    // Its browser is many people's again.
    site.ordinary(3_000, Duration::from_secs(10));
    assert_eq!(site.active(), []);
    assert_eq!(site.population.found().iter().sum::<u64>(), 1, "it ended once, and did not begin again");
}

#[test]
fn what_is_not_seen_any_more_is_over() {
    let mut site = Site::new(11);
    site.list(100, SECOND, &[0xbad]);
    site.at = site.at.after(IDLE);
    assert_eq!(site.population.publish(site.at).active.len(), 1);
    assert!(site.population.publish(site.at.after(Duration::from_secs(60))).is_empty());
}

#[test]
fn an_application_that_refuses_everybody_is_no_attack() {
    let mut site = Site::new(12);
    for _ in 0..3_000 {
        site.at = site.at.after(SECOND);
        let standing = match site.chance.below(5) {
            0 => Standing::Strange(Class { seen: site.chance.hit(0.8), fresh: site.chance.hit(0.5), in_vain: false }),
            _ => Standing::Usual { proven: true, settled: true },
        };
        let fingerprint = site.chance.below(60);
        let look = site.look(standing, fingerprint);
        site.play(&look, false, false);
    }
    assert_eq!(site.population.found(), [0; 4]);
    assert_eq!(site.ordinary(2_000, SECOND), 0, "and nobody pays for it afterwards");
}

#[test]
fn own_accounts_that_fail_on_purpose_do_not_make_it_look_so() {
    let site = || {
        let mut site = Site::new(14);
        let fail = |site: &mut Site, nth: u32, settled| {
            let look = site.look(Standing::Usual { proven: true, settled }, 3);
            site.play(&Look { network: u64::from(1 + nth % 12), ..look }, false, false);
        };
        (site.ordinary(200, SECOND), fail, site)
    };
    // Of today, as many as one likes; of earlier days, many in few places.
    for (accounts, settled) in [(1_000, false), (1_000, true)] {
        let (_, fail, mut site) = site();
        (0..accounts).for_each(|nth| fail(&mut site, nth, settled));
        assert!(!site.population.says_nothing(), "settled: {settled}");
        let stopped = site.list(400, SECOND, &[0xbad]);
        assert!(stopped > 300, "{stopped} of 400, settled: {settled}");
    }
}

#[test]
fn a_gate_that_never_saw_a_success_says_nothing() {
    let mut population = Population::new();
    for nth in 0..5_000u32 {
        let look = Look {
            id: AttemptId(nth.into()),
            at: START,
            fingerprint: 1,
            network: u64::from(nth),
            asn: None,
            standing: Standing::Strange(UNSEEN),
            account: nth * 2,
            password: Some(7),
        };
        assert!(!population.note(&look, Became::Failed, None, true));
    }
}

#[test]
fn one_password_on_many_accounts_is_found_and_a_popular_one_is_not() {
    let mut site = Site::new(13);
    let mut stopped = 0;
    for nth in 0..400 {
        site.at = site.at.after(SECOND);
        let look = Look { password: Some(0x1234), ..site.look(Standing::Strange(SEEN), 5_000 + nth) };
        stopped += u64::from(site.play(&look, false, false));
        // Three of four who have this one get in.
        let look = Look { password: Some(0x5678), ..site.look(Standing::Strange(SEEN), 1 + nth % 60) };
        let succeeds = nth % 4 > 0;
        assert!(site.published.of_password(&look).is_none());
        site.play(&look, succeeds, true);
    }
    assert!(stopped > 370, "{stopped} of 400");
    assert!(site.active().contains(&Pattern::Password(0x1234)), "{:?}", site.active());
}

#[test]
fn an_operator_ends_one_and_its_pattern_is_none_for_a_while() {
    let mut site = Site::new(14);
    site.list(100, SECOND, &[0xbad]);
    let campaign = site.only();
    let until = site.at.after(Duration::from_secs(3_600));
    assert!(site.population.end(campaign.id, until));
    assert!(!site.population.end(campaign.id, until), "it is over");
    site.published = site.population.publish(site.at);
    site.list(100, SECOND, &[0xbad]);
    assert!(!site.active().contains(&campaign.pattern), "{:?}", site.active());
    site.at = until;
    site.list(100, SECOND, &[0xbad]);
    assert!(site.active().contains(&campaign.pattern), "{:?}", site.active());
}

#[test]
fn whatever_is_thrown_at_it_memory_is_bounded() {
    let mut population = Population::new();
    let mut chance = Chance(15);
    let mut largest = 0;
    for nth in 0..60_000u64 {
        let class = Class { seen: chance.hit(0.5), fresh: chance.hit(0.5), in_vain: false };
        let standing =
            if chance.hit(0.1) { Standing::Usual { proven: true, settled: true } } else { Standing::Strange(class) };
        let became = [Became::Failed, Became::Withheld, Became::Succeeded][chance.below(3) as usize];
        let look = Look {
            id: AttemptId(nth.into()),
            at: Timestamp(START.0 + chance.below(100_000_000)),
            fingerprint: chance.draw() >> chance.below(64),
            network: chance.draw() >> chance.below(64),
            asn: chance.hit(0.8).then(|| chance.draw() as u32),
            standing,
            account: chance.draw() as u32,

            password: chance.hit(0.8).then(|| chance.draw() >> chance.below(64)),
        };
        population.note(&look, became, None, true);
        largest = largest.max(population.size());
        if nth % 5_000 == 0 {
            let published = population.publish(look.at);
            assert!(published.active.len() <= 64);
        }
    }
    assert!(largest <= 2_048 + 4_096 + 4_096, "{largest}");
    assert!(population.dropped() > 0);
}

/// The bound that is claimed: strangers who fail exactly at the cap of the level raise a false alarm no sooner than after
/// `e^h` people on average. Checked where it can be: at a bound that is reached within a test, over the same ratios.
#[test]
fn false_alarms_keep_to_their_rate() {
    let (level, h) = (0.015, 5.0);
    let raised: f64 = level * 2.0;
    let tick = ((1.0 + raised) / (1.0 + level)).ln();
    let failed = (raised / level).ln() - tick;
    let mut chance = Chance(16);
    let (runs, mut people) = (300, 0u64);
    for _ in 0..runs {
        let mut sum = super::tally::Cusum::default();
        while sum.sum < h {
            people += 1;
            let ratio = if chance.hit(level / (1.0 + level)) { failed } else { -tick };
            sum.add(ratio, 2.0 * H_SITE, START);
        }
    }
    let mean = people as f64 / f64::from(runs);
    assert!(mean > f64::exp(h), "a false alarm every {mean} people");
}

#[test]
fn what_is_published_serves_until_a_stranger_comes_or_some_seconds_are_over() {
    let mut site = Site::new(16);
    let first = site.population.publish(site.at);
    let usual = site.look(Standing::Usual { proven: true, settled: true }, 7);
    site.population.note(&usual, Became::Succeeded, None, true);
    let later = |seconds: u64| usual.at.after(Duration::from_secs(seconds));
    assert!(Arc::ptr_eq(&first, &site.population.publish(later(9))), "somebody at their own device changes nothing");
    let second = site.population.publish(later(10));
    assert!(!Arc::ptr_eq(&first, &second), "nothing serves for longer");
    let stranger = site.look(Standing::Strange(SEEN), 7);
    site.population.note(&stranger, Became::Failed, Some(AttemptId(1)), true);
    assert!(Arc::ptr_eq(&second, &site.population.publish(later(10))), "a campaign explains them");
    site.population.note(&stranger, Became::Failed, None, true);
    assert!(!Arc::ptr_eq(&second, &site.population.publish(later(10))), "nothing explains them");
}
