use super::*;
use crate::engine::freeman::history;
use crate::engine::ownership::Whence;
use proptest::prelude::*;

/// Of account `account`, on day `on`, from the address, network and country of those numbers, with the User-Agent, browser,
/// system and kind of device of those.
fn login(account: u8, on: u64, address: [u8; ADDRESS_LEVELS], agent: [u8; AGENT_LEVELS]) -> Login {
    let values: Vec<u64> = address
        .iter()
        .chain(&agent)
        .enumerate()
        .map(|(level, value)| (level as u64 + 1) << 8 | u64::from(*value))
        .collect();
    let at = Timestamp::from_secs((20_000 + on) * 86_400);
    Login {
        id: AttemptId(on.into()),
        account: Pseudonym([account; 16]),
        at,
        shows: Traits {
            values: values.try_into().unwrap(),
            from: Whence::default(),
            device: u64::from(agent[0]) + 1,
            device_is_proof: true,
        },
    }
}

fn exact(login: &Login) -> history::Login {
    let value = |level: usize| login.shows.values[level].to_le_bytes();
    let bytes: Vec<[u8; 8]> = (0..LEVELS).map(value).collect();
    let of = |level: usize| &bytes[level][..];
    history::Login::of(&login.account.0, [of(0), of(1), of(2)], [of(3), of(4), of(5), of(6)])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_a_day_and_within_its_bounds_it_is_the_published_model(
        logins in prop::collection::vec((0..6u8, 0..12u8, 0..4u8, 0..3u8, 0..9u8, 0..4u8, 0..3u8, 0..2u8), 1..120)
    ) {
        let (mut live, mut history) = (Live::default(), history::History::default());
        for (account, ip, asn, country, agent, browser, system, kind) in logins {
            let login = login(account, 0, [ip, asn, country], [agent, browser, system, kind]);
            match (live.score(&login), history.score(&exact(&login))) {
                (None, None) => {}
                (Some(live), Some(exact)) => prop_assert!((live / exact - 1.0).abs() < 1e-6, "{} and {}", live, exact),
                other => prop_assert!(false, "{:?}", other),
            }
            live.add(&login);
            history.add(&exact(&login));
        }
    }

    #[test]
    fn told_in_any_order_everybody_is_counted_alike(
        mut logins in prop::collection::vec((0..4u8, 0..400u64, 0..5u8, 0..5u8), 1..60), rotate in 0..60usize
    ) {
        let of = |logins: &[(u8, u64, u8, u8)]| {
            let mut live = Live::default();
            for (account, on, ip, agent) in logins {
                live.add(&login(*account, *on, [*ip, *ip, 0], [*agent, *agent, 0, 0]));
            }
            live
        };
        let before = of(&logins);
        let middle = rotate % logins.len();
        logins.rotate_left(middle);
        let after = of(&logins);
        prop_assert!((before.totals.logins / after.totals.logins - 1.0).abs() < 1e-9);
        for (value, shown) in &before.values {
            prop_assert!((shown.count / after.values[value].count - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn what_was_shown_half_a_year_ago_has_faded() {
    let mut live = Live::default();
    let old = login(1, 0, [1, 1, 1], [1, 1, 1, 1]);
    live.add(&old);
    let seen = |live: &Live, on: u64| live.read(&login(1, on, [1, 1, 1], [2, 2, 2, 2])).seen;
    assert!(seen(&live, 182).address());
    assert!(!seen(&live, 183).address(), "also when nothing was learnt since");
    live.add(&login(1, 183, [2, 2, 1], [1, 1, 1, 1]));
    let profile = &live.profiles[&old.account];
    assert_eq!(profile.habits.len(), LEVELS, "what faded takes no room");
    assert_eq!(profile.devices.len(), 1);
    assert!((live.read(&login(1, 183, [1, 1, 1], [1; 4])).logins - (1.0 + left(183))).abs() < 1e-6);
    let faded = live.read(&login(1, 183 + 60, [1, 1, 1], [1; 4]));
    assert!((faded.logins - (1.0 + left(183)) / 2.0).abs() < 1e-6, "sixty days halve it");
}

#[test]
fn who_knows_the_password_and_shows_a_thousand_values_pushes_out_their_own() {
    let mut profile = Profile::default();
    let owner = login(1, 0, [1, 1, 1], [1, 1, 1, 1]);
    let phone = login(1, 0, [2, 2, 1], [2, 2, 2, 2]);
    for _ in 0..2 {
        profile.learn(&owner);
        profile.learn(&phone);
    }
    for number in 0..1_000u64 {
        let mut thief = owner;
        thief.shows.values = thief.shows.values.map(|value| value << 32 | (number + 3) << 16 | 0xff);
        thief.shows.device = 1 << 40 | number;
        profile.learn(&thief);
    }
    let nothing = [Shown::default(); LEVELS];
    for login in [&owner, &phone] {
        let read = profile.read(login, &nothing, &Totals::default());
        assert!((0..LEVELS).all(|level| read.seen.level(level)), "{:?}", read.seen);
        assert!(read.device.is_some_and(|device| device.successes == 2));
    }
    assert!(profile.habits.len() <= LEVELS * MOST_VALUES);
    assert_eq!(profile.devices.len(), MOST_DEVICES);
    assert!(profile.habits.capacity() * size_of::<Habit>() < 3_000, "the worst case");
}

#[test]
fn logins_on_their_way_see_each_other_and_what_was_refused_is_not_seen() {
    let mut profile = Profile::default();
    let [one, other] = [1, 2].map(|id| Login { id: AttemptId(id), ..login(1, 0, [1, 1, 1], [1; 4]) });
    let nothing = [Shown::default(); LEVELS];
    let sees = |profile: &Profile, login: &Login| profile.read(login, &nothing, &Totals::default()).parallel.len();
    profile.expect(&one);
    profile.expect(&one);
    assert_eq!((sees(&profile, &one), sees(&profile, &other)), (0, 1));
    profile.expect(&other);
    assert_eq!((sees(&profile, &one), sees(&profile, &other)), (1, 1));
    profile.drop_pending(AttemptId(2));
    assert_eq!(sees(&profile, &one), 0);
    profile.learn(&one);
    assert_eq!(profile.pending, None);
    (10..20).for_each(|id| profile.expect(&Login { id: AttemptId(id), ..one }));
    assert_eq!(profile.pending.as_ref().unwrap().len(), MOST_PENDING);
    let later = Login { at: one.at.after(ON_ITS_WAY + Duration::from_secs(1)), ..other };
    assert_eq!(sees(&profile, &later), 0, "an answer that never came");
}

#[test]
fn what_is_told_late_is_no_later_success() {
    let mut profile = Profile::default();
    let [before, after] = [0, 60].map(|on| login(1, on, [on as u8, 1, 1], [1; 4]));
    profile.learn(&after);
    profile.learn(&before);
    assert_eq!(profile.last.unwrap().at, after.at);
    let read = profile.read(&after, &[Shown::default(); LEVELS], &Totals::default());
    assert!((read.logins - 1.5).abs() < 1e-6);
}

#[test]
fn whoever_comes_again_is_no_other_account() {
    let mut live = Live::default();
    for on in 0..100 {
        live.add(&login(1, on, [1, 1, 1], [1; 4]));
    }
    live.add(&login(2, 99, [1, 1, 1], [1; 4]));
    let now = weight(day(login(1, 99, [1; 3], [1; 4]).at));
    assert!((live.totals.accounts / now - 2.0).abs() < 1e-9);
    assert!((live.totals.below[0] / now - 2.0).abs() < 1e-9, "one network, one country");
}
