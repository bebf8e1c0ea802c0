//! The keeper of what is counted: told what became of each login, it finds campaigns, ends them, and publishes those that
//! are. The [head of this folder](super) says what is counted and why it is evidence.

use super::campaign::{Campaign, Numbers, Pattern};
use super::cluster::{Cluster, Clusters};
use super::honest::Rates;
use super::look::{Became, Class, Look, Standing};
use super::networks::Networks;
use super::passwords::{self, Passwords};
use super::sweep::Sweep;
use super::tally::{Counted, Cusum, Recent, Tally, left};
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use std::time::Duration;

mod publish;

use self::publish::Published;

/// Bound of the test over a cluster: a false alarm comes after 60,000 of its people on average, or later, if they fail as
/// often as [`HONEST`] says; people who fail as people do never come near.
pub const H_CLUSTER: f64 = 11.0;
/// Bound of the test over the site: after 65 million people, or later, if strangers fail at the level's cap.
pub const H_SITE: f64 = 18.0;
/// Bound of either test turned round, for the end.
const H_CALM: f64 = 9.0;
/// Half-life of people.
pub const HALF: Duration = Duration::from_secs(12 * 3_600);
/// Half-life of what tells where a burst is.
pub const FAST: Duration = Duration::from_secs(3_600);
/// Half-life of the learned level.
const LEVEL: Duration = Duration::from_secs(7 * 86_400);
/// Half-life of what the application does right now.
const NOW: Duration = Duration::from_secs(600);
/// A campaign of which nothing was seen for so long is over.
pub const IDLE: Duration = Duration::from_secs(6 * 3_600);

/// Shares of people of a cluster who do not get in: honest ones at the worst, by [`Class::seen`], and those on a list. A name
/// that nobody ever logged in to is often a mistyped one.
const HONEST: [f64; 2] = [0.5, 0.35];
const LISTED: [f64; 2] = [0.95, 0.8];
/// How many strangers on accounts never seen, and on others, may fail for each success on the site, at most: the cap of the
/// learned level.
const MOST_LEVEL: [f64; 2] = [0.015, 0.02];
const LEAST_LEVEL: f64 = 0.001;
/// What is presumed of the level, with the weight of so many successes.
const PRESUMED_LEVEL: (f64, f64) = (0.003, 200.0);
/// While fewer people than this get in at their own device, the application is broken.
const BROKEN: f64 = 0.5;
/// Before so many people got in, nobody knows whether this gate understands what the application answers.
const UNDERSTOOD: u64 = 50;
/// A wide cluster with this share of what fails in one autonomous system is one there.
const NARROW: f64 = 0.8;

const MOST_CAMPAIGNS: usize = 64;
const MOST_IGNORED: usize = 64;
const MOST_FINGERPRINTS: usize = 2_048;
const MOST_IN_ASN: usize = 4_096;

/// The log-likelihood ratio of one more person, of those who fail as `listed` against as `honest`.
pub(super) fn ratio(counted: Counted, honest: f64, listed: f64) -> f64 {
    let failed = || (listed / honest).ln();
    let succeeded = || ((1.0 - listed) / (1.0 - honest)).ln();
    match counted {
        Counted::New { succeeded: false } => failed(),
        Counted::New { succeeded: true } => succeeded(),
        Counted::Turned => succeeded() - failed(),
        Counted::Again => 0.0,
    }
}

/// Strangers of one class, of the whole site.
#[derive(Debug)]
struct ClassOfSite {
    tally: Tally,
    recent: Recent,
    rises: Cusum,
    /// Strangers who failed, halving in [`LEVEL`].
    level: f64,
}

/// Tuned by constants, see there; and told of everything by [`note`](Population::note).
#[derive(Debug)]
pub struct Population {
    at: Timestamp,
    /// Who logged in here before, and on an earlier day.
    control: Tally,
    /// The same right now, network by network: a hundred accounts that fail in one place are no sign that the application is
    /// broken.
    control_now: Tally,
    here: Recent,
    /// On devices with a proven cookie: people, and those whose account nobody ever logged in to.
    proven: f64,
    mistyped: f64,
    recent: Recent,
    classes: [ClassOfSite; Class::COUNT],
    /// Successes beside which the level is.
    level: f64,
    /// People who got in, ever.
    succeeded: u64,
    /// Strangers who did not, halving in [`FAST`].
    failing: f64,
    fingerprints: Clusters<u64>,
    in_asn: Clusters<(u64, u32)>,
    passwords: Passwords,
    networks: Networks,
    active: Vec<Active>,
    ignored: Vec<(Pattern, Timestamp)>,
    found: [u64; Pattern::KINDS.len()],
    sweep: Sweep,
    published: Published,
}

#[derive(Debug)]
struct Active {
    campaign: Campaign,
    /// Of [`Pattern::Strangers`]: the test turned round, class by class.
    calms: [Cusum; Class::COUNT],
    members: [bool; Class::COUNT],
}

impl Default for Population {
    fn default() -> Population {
        Population::new()
    }
}

impl Population {
    pub fn new() -> Population {
        let class =
            || ClassOfSite { tally: Tally::default(), recent: Recent::new(256), rises: Cusum::default(), level: 0.0 };
        Population {
            at: Timestamp::default(),
            control: Tally::default(),
            control_now: Tally::default(),
            here: Recent::new(256),
            proven: 0.0,
            mistyped: 0.0,
            recent: Recent::new(1_024),
            classes: std::array::from_fn(|_| class()),
            level: 0.0,
            succeeded: 0,
            failing: 0.0,
            fingerprints: Clusters::new(MOST_FINGERPRINTS),
            in_asn: Clusters::new(MOST_IN_ASN),
            passwords: Passwords::new(),
            networks: Networks::default(),
            active: Vec::new(),
            ignored: Vec::new(),
            found: [0; Pattern::KINDS.len()],
            sweep: Sweep::default(),
            published: Published::default(),
        }
    }

    /// What became of a login. `matched`: the campaign that its evidence named. `teaches`: whether anything but a campaign was
    /// unusual about it. Whether a campaign began or ended, so that what is published is old.
    pub fn note(&mut self, look: &Look, became: Became, matched: Option<AttemptId>, teaches: bool) -> bool {
        self.advance(look.at);
        let before = (self.active.len(), self.found);
        if became == Became::Succeeded {
            self.networks.succeeded(look.network, look.at);
        }
        match look.standing {
            Standing::Usual { proven, settled } => self.usual(look, became, proven, settled),
            Standing::Elsewhere { seen } => self.elsewhere(look, became, seen),
            Standing::Strange(class) => self.strange(look, became, class, matched, teaches && matched.is_none()),
        }
        before != (self.active.len(), self.found)
    }

    fn advance(&mut self, at: Timestamp) {
        let passed = at.since(self.at);
        self.at = self.at.max(at);
        if passed.is_zero() {
            return;
        }
        let (half, level) = (left(passed, HALF), left(passed, LEVEL));
        self.control.fade(half);
        self.control_now.fade(left(passed, NOW));
        self.proven *= half;
        self.mistyped *= half;
        self.level *= level;
        self.failing *= left(passed, FAST);
        for class in &mut self.classes {
            class.tally.fade(half);
            class.level *= level;
        }
    }

    fn usual(&mut self, look: &Look, became: Became, proven: bool, settled: bool) {
        // What the gate refuses is no word of the application's.
        if became == Became::Withheld {
            return;
        }
        let succeeded = became == Became::Succeeded;
        let counted = self.recent.see(look.account, succeeded);
        // Among whom names are mistyped; whoever makes this many makes strangers look less honest.
        if let Counted::New { .. } = counted {
            self.proven += f64::from(u8::from(proven));
        }
        if settled {
            self.control.count(counted);
            // Half of a network's number tells some hundreds apart.
            let counted = self.here.see(look.network as u32, succeeded);
            self.control_now.count(counted);
        }
        self.tick(counted, look.at);
    }

    fn elsewhere(&mut self, look: &Look, became: Became, seen: bool) {
        let counted = self.recent.see(look.account, became == Became::Succeeded);
        match counted {
            Counted::New { succeeded } => {
                self.proven += 1.0;
                self.mistyped += f64::from(u8::from(!seen && !succeeded));
            }
            Counted::Turned if !seen => self.mistyped = (self.mistyped - 1.0).max(0.0),
            Counted::Turned | Counted::Again => {}
        }
        self.tick(counted, look.at);
    }

    /// Somebody got in: the clock of the site's test.
    fn tick(&mut self, counted: Counted, at: Timestamp) {
        if !matches!(counted, Counted::New { succeeded: true } | Counted::Turned) {
            return;
        }
        self.succeeded += 1;
        if self.says_nothing() {
            return;
        }
        let tests: [(f64, f64); Class::COUNT] = std::array::from_fn(|place| self.test_of_site(place));
        for (class, (_, tick)) in self.classes.iter_mut().zip(tests) {
            class.rises.add(-tick, 2.0 * H_SITE, at);
        }
        match self.active.iter_mut().find(|active| active.campaign.pattern == Pattern::Strangers) {
            None => self.level += 1.0,
            Some(active) => {
                active.calms.iter_mut().zip(tests).for_each(|(calms, (_, tick))| calms.add(tick, H_CALM, at));
            }
        }
        self.end_the_calm(None);
    }

    /// What one stranger of the class who fails adds to its test, and what one success on the site takes away.
    fn test_of_site(&self, place: usize) -> (f64, f64) {
        let seen = usize::from(Class::ALL[place].seen);
        let (presumed, weight) = PRESUMED_LEVEL;
        let level = (self.classes[place].level + presumed * weight) / (self.level + weight);
        let level = level.clamp(LEAST_LEVEL, MOST_LEVEL[seen]);
        // A campaign doubles it, and adds one for a hundred successes at least.
        let raised = level + level.max(0.01);
        // Of what comes (failing strangers and successes), the share that is the former.
        let tick = ((1.0 + raised) / (1.0 + level)).ln();
        ((raised / level).ln() - tick, tick)
    }

    fn strange(&mut self, look: &Look, became: Became, class: Class, matched: Option<AttemptId>, teaches: bool) {
        let (at, succeeded) = (look.at, became == Became::Succeeded);
        self.published.is_old |= matched.is_none() || succeeded;
        self.keep_account(matched, became, at);
        if self.says_nothing() {
            let counted = self.classes[class.place()].recent.see(look.account, succeeded);
            return self.tick(counted, at);
        }
        if !succeeded {
            self.networks.failed(look.network, look.account, at);
        }
        let key = look.asn.map(|asn| (look.fingerprint, asn));
        let spread = matched.is_some_and(|id| self.is_spread(id));

        // The narrow cluster, then the wide one, and the site: what one explains is no news to the next.
        let mut explained = self.fingerprints.find(&look.fingerprint).is_some_and(|cluster| cluster.is_campaign);
        let by_wide = explained;
        if let Some(key) = key {
            let all = self.failing;
            let cluster = self.in_asn.at(key, at);
            let fed = !by_wide && (!spread || cluster.is_concentrated(all));
            let alarm = see(cluster, look.account, succeeded, class, fed, at);
            explained |= cluster.is_campaign;
            if alarm {
                let since = cluster.rises.since;
                explained |= self.open(look, Pattern::FingerprintInAsn(key.0, key.1), since);
            }
        }
        let by_narrow = explained && !by_wide;
        if !by_narrow {
            let all = self.failing;
            self.sweep.touch(look.fingerprint);
            let cluster = self.fingerprints.at(look.fingerprint, at);
            let fed = !spread || cluster.is_concentrated(all);
            let alarm = see(cluster, look.account, succeeded, class, fed, at);
            if alarm {
                let (since, wide) = (cluster.rises.since, cluster.all());
                let narrow = key.and_then(|key| self.in_asn.find(&key)).map(Cluster::all).unwrap_or_default();
                let failing = |tally: Tally| tally.people - tally.succeeded;
                let pattern = match key {
                    Some((fingerprint, asn)) if failing(narrow) >= NARROW * failing(wide) => {
                        Pattern::FingerprintInAsn(fingerprint, asn)
                    }
                    _ => Pattern::Fingerprint(look.fingerprint),
                };
                explained |= self.open(look, pattern, since);
            }
        }
        if !explained {
            self.class_of_site(look, succeeded, class, teaches);
        }
        if !succeeded {
            self.failing += 1.0;
        }
        if let Some(tag) = look.password {
            self.password(look, tag, became);
        }
        self.end_the_calm(Some(look));
    }

    fn class_of_site(&mut self, look: &Look, succeeded: bool, class: Class, teaches: bool) {
        let (at, place) = (look.at, class.place());
        let (failed, _) = self.test_of_site(place);
        let spread = self.active.iter().any(|active| active.campaign.pattern == Pattern::Strangers);
        let of_site = &mut self.classes[place];
        let counted = of_site.recent.see(look.account, succeeded);
        of_site.tally.count(counted);
        let news = match counted {
            Counted::New { succeeded: false } => 1.0,
            Counted::Turned => -1.0,
            Counted::New { succeeded: true } | Counted::Again => 0.0,
        };
        of_site.rises.add(news * failed, 2.0 * H_SITE, at);
        if teaches && !spread {
            of_site.level = (of_site.level + news).max(0.0);
        }
        let (alarm, since) = (of_site.rises.sum >= H_SITE, of_site.rises.since);
        match self.active.iter_mut().find(|active| active.campaign.pattern == Pattern::Strangers) {
            Some(active) => active.calms[place].add(-news * failed, H_CALM, at),
            None => {
                // A rise of which most could still be customers is none.
                let most = 1.0 - self.honest_of_site()[place] / self.classes[place].tally.people.max(1.0);
                // One tool's burst is that tool's, which a few more of it will show.
                let burst = self.fingerprints.find(&look.fingerprint);
                let burst = burst.is_some_and(|cluster| cluster.is_concentrated(self.failing));
                if alarm && most >= 0.5 && !burst {
                    self.open(look, Pattern::Strangers, since);
                }
            }
        }
        self.tick(counted, at);
    }

    fn password(&mut self, look: &Look, tag: u64, became: Became) {
        let Some(known) = self.passwords.note(tag, look.account, became, look.at) else { return };
        if !known.is_campaign && known.rises.sum >= passwords::H {
            let since = known.rises.since;
            self.open(look, Pattern::Password(tag), since);
        }
    }

    fn is_spread(&self, id: AttemptId) -> bool {
        self.active.iter().any(|active| active.campaign.id == id && active.campaign.pattern == Pattern::Strangers)
    }

    fn keep_account(&mut self, matched: Option<AttemptId>, became: Became, at: Timestamp) {
        let Some(id) = matched else { return };
        let Some(active) = self.active.iter_mut().find(|active| active.campaign.id == id) else { return };
        let campaign = &mut active.campaign;
        campaign.attempts += 1;
        campaign.withheld += u64::from(became == Became::Withheld);
        if became != Became::Succeeded {
            campaign.seen = campaign.seen.max(at);
        }
    }

    /// Begins a campaign, unless it is there or to be ignored.
    fn open(&mut self, look: &Look, pattern: Pattern, since: Timestamp) -> bool {
        let at = look.at;
        self.ignored.retain(|(_, until)| *until > at);
        let ignored = self.ignored.iter().any(|(known, _)| *known == pattern);
        if ignored || self.active.iter().any(|active| active.campaign.pattern == pattern) {
            return false;
        }
        if self.active.len() >= MOST_CAMPAIGNS {
            let oldest = self.active.iter().min_by_key(|active| active.campaign.seen);
            if let Some(id) = oldest.map(|active| active.campaign.id) {
                self.close(id);
            }
        }
        // One attempt may give away two: the second is another number.
        let mut id = look.id;
        while self.active.iter().any(|active| active.campaign.id == id) {
            id.0 = id.0.wrapping_add(1);
        }
        let numbers = Numbers::default();
        let campaign = Campaign { id, pattern, numbers, started: since, found: at, seen: at, attempts: 0, withheld: 0 };
        self.published.is_old = true;
        self.active.push(Active { campaign, calms: Default::default(), members: Default::default() });
        self.found[pattern.place()] += 1;
        self.sweep.start_anew();
        match pattern {
            Pattern::Fingerprint(key) => {
                let cluster = self.fingerprints.at(key, at).begin();
                self.explain(cluster);
            }
            Pattern::FingerprintInAsn(key, asn) => {
                let cluster = self.in_asn.at((key, asn), at).begin();
                self.explain(cluster);
            }
            Pattern::Strangers => {}
            Pattern::Password(tag) => {
                if let Some(tag) = self.passwords.tags.get_mut(&tag) {
                    tag.is_campaign = true;
                    tag.calms = Cusum::default();
                }
            }
        }
        true
    }

    /// Takes what a cluster did off the site: it is explained now, and no evidence for anything else.
    fn explain(&mut self, (tallies, failing): ([Tally; Class::COUNT], f64)) {
        let failed = tallies.map(|tally| tally.people - tally.succeeded);
        let all: f64 = failed.iter().sum::<f64>().max(1e-9);
        for place in 0..Class::COUNT {
            let (ratio, _) = self.test_of_site(place);
            let class = &mut self.classes[place];
            class.rises.sum = (class.rises.sum - ratio * failing * failed[place] / all).max(0.0);
            let (people, succeeded) = (tallies[place].people, tallies[place].succeeded);
            class.tally.succeeded = (class.tally.succeeded - succeeded).max(0.0);
            class.tally.people = (class.tally.people - people).max(class.tally.succeeded);
        }
    }

    /// Ends what is at its level again: of one attempt's patterns, and the strangers'.
    fn end_the_calm(&mut self, seen: Option<&Look>) {
        let over = |active: &Active, population: &Population| match active.campaign.pattern {
            Pattern::Strangers => active.calms.iter().all(|calms| calms.sum >= H_CALM),
            Pattern::Fingerprint(key) => {
                seen.is_some_and(|look| look.fingerprint == key)
                    && population.fingerprints.find(&key).is_some_and(|cluster| cluster.calms.sum >= H_CALM)
            }
            Pattern::FingerprintInAsn(key, asn) => {
                seen.is_some_and(|look| look.fingerprint == key && look.asn == Some(asn))
                    && population.in_asn.find(&(key, asn)).is_some_and(|cluster| cluster.calms.sum >= H_CALM)
            }
            Pattern::Password(tag) => {
                seen.is_some_and(|look| look.password == Some(tag))
                    && population.passwords.tags.get(&tag).is_some_and(|known| known.calms.sum >= H_CALM)
            }
        };
        let ended = self.active.iter().find(|active| over(active, self)).map(|active| active.campaign.id);
        if let Some(id) = ended {
            self.close(id);
        }
    }

    fn close(&mut self, id: AttemptId) -> Option<Pattern> {
        let place = self.active.iter().position(|active| active.campaign.id == id)?;
        let pattern = self.active.remove(place).campaign.pattern;
        self.published.is_old = true;
        self.sweep.start_anew();
        let rates = self.rates();
        match pattern {
            Pattern::Fingerprint(key) => {
                if let Some(cluster) = self.fingerprints.find_mut(&key) {
                    cluster.settle(rates.honest(&cluster.classes));
                }
            }
            Pattern::FingerprintInAsn(key, asn) => {
                if let Some(cluster) = self.in_asn.find_mut(&(key, asn)) {
                    cluster.settle(rates.honest(&cluster.classes));
                }
            }
            Pattern::Strangers => {
                let honest = self.honest_of_site();
                for (class, honest) in self.classes.iter_mut().zip(honest) {
                    class.tally.people = class.tally.people.min(honest).max(class.tally.succeeded);
                    class.rises = Cusum::default();
                }
                let others = self.fingerprints.iter_mut().filter(|(_, cluster)| !cluster.is_campaign);
                others.for_each(|(_, cluster)| cluster.members = Default::default());
            }
            Pattern::Password(tag) => {
                if let Some(tag) = self.passwords.tags.get_mut(&tag) {
                    tag.settle();
                }
            }
        }
        Some(pattern)
    }

    /// Ends a campaign by an operator's word; its pattern is none until then. Whether there was one.
    pub fn end(&mut self, id: AttemptId, ignored_until: Timestamp) -> bool {
        let Some(pattern) = self.close(id) else { return false };
        if self.ignored.len() >= MOST_IGNORED {
            self.ignored.remove(0);
        }
        self.ignored.push((pattern, ignored_until));
        true
    }

    /// Campaigns found so far, by [`Pattern::place`].
    pub fn found(&self) -> [u64; Pattern::KINDS.len()] {
        self.found
    }

    /// Clusters and passwords that were dropped to make room.
    pub fn dropped(&self) -> u64 {
        self.fingerprints.dropped + self.in_asn.dropped + self.passwords.dropped
    }

    /// Clusters and passwords that are counted.
    pub fn size(&self) -> usize {
        self.fingerprints.len() + self.in_asn.len() + self.passwords.tags.len()
    }

    /// Whether nothing can be told of anybody: people do not get in where they always do, or hardly anybody ever did.
    pub fn says_nothing(&self) -> bool {
        let Tally { people, succeeded } = self.control_now;
        self.succeeded < UNDERSTOOD || (succeeded + 9.0) / (people + 10.0) < BROKEN
    }

    fn rates(&self) -> Rates {
        Rates::of(self.control, self.proven, self.mistyped)
    }

    fn honest_of_site(&self) -> [f64; Class::COUNT] {
        self.rates().honest(&self.tallies())
    }

    fn tallies(&self) -> [Tally; Class::COUNT] {
        std::array::from_fn(|place| self.classes[place].tally)
    }
}

/// One more attempt of a cluster; whether it is to be a campaign.
fn see(cluster: &mut Cluster, account: u32, succeeded: bool, class: Class, fed: bool, at: Timestamp) -> bool {
    let counted = cluster.recent.see(account, succeeded);
    cluster.classes[class.place()].count(counted);
    if counted == (Counted::New { succeeded: false }) {
        cluster.failing += 1.0;
    }
    let seen = usize::from(class.seen);
    let ratio = ratio(counted, HONEST[seen], LISTED[seen]);
    if fed {
        cluster.rises.add(ratio, 2.0 * H_CLUSTER, at);
    }
    cluster.calms.add(-ratio, H_CALM, at);
    fed && !cluster.is_campaign && cluster.rises.sum >= H_CLUSTER
}
