//! Promises about devices: what is remembered by a cookie, and of whom.

use super::*;

/// An attempt that brings this generation of a cookie.
fn with_cookie(id: u128, at: Timestamp, generation: u32, renewed: Timestamp, whom: &[Pseudonym]) -> Observation<'_> {
    let cookie = Some(Presented { id: name(900), generation, renewed });
    Observation { cookie, ..login(id, at, 1, whom) }
}

fn days(count: u64) -> Timestamp {
    NOON.after(Duration::from_secs(count * 86_400))
}

pub fn a_device_has_a_past_once_somebody_succeeded_on_it(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (anna, bert) = (name(1), name(2));
    let mut id = 0;
    let mut attempt = |event: Event, whom: Pseudonym, becomes: Option<Outcome>| {
        id += 1;
        let whom = [whom];
        let history = see(&store, &Observation { event, ..with_cookie(id, NOON, 0, NOON, &whom) });
        if let Some(outcome) = becomes {
            settle(&store, id, outcome);
        }
        history.holder
    };
    assert_eq!(attempt(Event::Login, anna, Some(Outcome::Failed)), None);
    assert_eq!(attempt(Event::Login, anna, Some(Outcome::Unknown)), None);
    assert_eq!(attempt(Event::Reset, anna, Some(Outcome::Succeeded)), None, "asking for a mail proves nothing");
    assert_eq!(attempt(Event::Login, anna, None), None);
    assert_eq!(attempt(Event::Login, anna, Some(Outcome::Pending)), None, "a second step is awaited");
    settle(&store, 5, Outcome::Succeeded);
    let known = attempt(Event::Login, anna, None).unwrap();
    assert_eq!((known.successes, known.days, known.accounts), (1, 1, 1));
    assert!(known.knows_account && known.account_counts && !known.copied);
    assert_eq!((known.first, known.last), (NOON, NOON));
    let stranger = attempt(Event::Register, bert, Some(Outcome::Succeeded)).unwrap();
    assert!(!stranger.knows_account && !stranger.account_counts);
    let registered = attempt(Event::Login, bert, None).unwrap();
    assert_eq!(registered.accounts, 2, "who registers is a user too");
    assert!(registered.account_counts && !registered.knows_account, "and may have typed a stranger's name");
    let elsewhere = Presented { id: name(901), generation: 0, renewed: NOON };
    let other = Observation { cookie: Some(elsewhere), ..login(99, NOON, 1, &[]) };
    assert_eq!(see(&store, &Observation { accounts: &[anna], ..other }).holder, None);
    assert_eq!(see(&store, &login(100, NOON, 1, &[anna])).holder, None, "without a cookie");
    let Some(Known::Holder(found)) = wait(store.look_up(Entity::Holder(name(900)), NOON)).unwrap() else { panic!() };
    assert_eq!((found.successes, found.accounts, found.knows_account), (2, 2, false));
    assert!(wait(store.look_up(Entity::Holder(name(901)), NOON)).unwrap().is_none());
}

pub fn accounts_of_a_device_count_for_seven_days(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for number in 0..20 {
        let (id, at, whom) = (number.into(), days(number), [name(number)]);
        see(&store, &with_cookie(id, at, 0, NOON, &whom));
        wait(store.settle(&Settlement::new(AttemptId(id), Outcome::Succeeded, at))).unwrap();
    }
    let read = |id, day, whom| see(&store, &with_cookie(id, days(day), 0, NOON, &[name(whom)])).holder.unwrap();
    let now = read(100, 19, 13);
    assert_eq!((now.accounts, now.successes, now.days), (7, 20, 20));
    assert!(now.account_counts && now.knows_account);
    let older = read(101, 19, 12);
    assert!(!older.account_counts && older.knows_account);
    assert!(!read(102, 19, 3).knows_account, "sixteen are told apart, and the oldest have gone");
    assert_eq!(read(103, 25, 0).accounts, 1);
    assert_eq!(read(104, 26, 0).accounts, 0);
}

pub fn a_device_cookie_in_two_places_is_noticed(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let whom = [name(1)];
    see(&store, &with_cookie(1, NOON, 0, NOON, &whom));
    settle(&store, 1, Outcome::Succeeded);
    let copied = |id, at, generation, renewed| {
        see(&store, &with_cookie(id, at, generation, renewed, &whom)).holder.unwrap().copied
    };
    let minutes = |count: u64| NOON.after(Duration::from_secs(60 * count));
    assert!(!copied(2, minutes(1), 0, NOON));
    assert!(!copied(3, minutes(30), 1, minutes(29)), "given out anew");
    assert!(!copied(4, minutes(31), 0, NOON), "overtaken on the way");
    assert!(!copied(5, minutes(60), 1, minutes(29)));
    assert!(copied(6, minutes(61), 0, NOON), "the old one lives on elsewhere");
    assert!(copied(7, minutes(62), 1, minutes(29)), "and both are told");
}
