//! Promises about who is refused and goes on: what stood against them does not age meanwhile, holds nobody else, and ends.

use super::*;

/// Twelve guesses at an account from source 1, ten seconds apart; the thirteenth, at 120 s, is refused.
fn guess(store: &Store, whom: Pseudonym) -> History {
    for id in 0..12 {
        see(store, &login(id, secs(10 * id as u64), 1, &[whom]));
        settle(store, id, Outcome::Failed);
    }
    let history = see(store, &login(12, secs(120), 1, &[whom]));
    check(history.account.refused_here, [0.0; 4]);
    assert_eq!(withdraw(store, 12, Withdrawal::Denied), Settled::Counted);
    history
}

fn refuse_at(store: &Store, id: u128, at: Timestamp, from: u32, whom: Pseudonym) -> Account {
    let account = see(store, &login(id, at, from, &[whom])).account;
    assert_eq!(wait(store.withdraw(AttemptId(id), Withdrawal::Challenged, at)).unwrap(), Settled::Counted);
    account
}

pub(super) fn what_stood_does_not_age_while_it_is_refused_and_goes_on(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let stood = guess(&store, name(1)).account.from_here;
    for nth in 0..50u64 {
        // Nearly ten minutes between two.
        let account = refuse_at(&store, 100 + u128::from(nth), secs(120 + 600 * (nth + 1)), 1, name(1));
        check(account.refused_here, [stood.attempts, stood.failed, stood.succeeded, stood.open]);
        assert!(account.recent.failed < stood.failed, "the account's own counts age");
        check(account.from_here, [account.recent.attempts, account.recent.failed, 0.0, 1.0]);
    }
    let last = 120 + 600 * 50;
    let silence = see(&store, &login(999, secs(last + 601), 1, &[name(1)])).account;
    check(silence.refused_here, [0.0; 4]);
    assert!(silence.from_here.failed < 0.001);
    // What is refused now keeps what stands now.
    withdraw(&store, 999, Withdrawal::Denied);
    assert!(refuse_at(&store, 1_000, secs(last + 602), 1, name(1)).refused_here.failed < 0.001);
}

pub(super) fn a_refusal_holds_its_source_alone(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    guess(&store, name(1));
    let elsewhere = see(&store, &login(20, secs(130), 2, &[name(1)])).account;
    check(elsewhere.refused_here, [0.0; 4]);
    let other_account = see(&store, &login(21, secs(130), 1, &[name(2)])).account;
    check(other_account.refused_here, [0.0; 4]);
    let of = |id, network, device| {
        let attempt = Observation { network, device, ..login(id, secs(130), 1, &[]) };
        see(&store, &Observation { accounts: &[name(1)], ..attempt }).account.refused_here.failed
    };
    let device = login(0, NOON, 1, &[]).device;
    assert!(of(22, network(77), device) > 10.0, "the device that moved on");
    assert!(of(23, network(1), DeviceKey::Cookie(name(78))) > 10.0, "another device at the same address");
    let alias = see(&store, &login(24, secs(130), 1, &[name(3), name(1)])).account;
    assert!(alias.refused_here.failed > 10.0, "another name beside it");
    // Being refused something that tries no secret is not going on.
    let reset = Observation { event: Event::Reset, ..login(25, secs(700), 1, &[]) };
    see(&store, &Observation { accounts: &[name(1)], ..reset });
    withdraw(&store, 25, Withdrawal::Denied);
    let later = see(&store, &login(26, secs(721), 1, &[name(1)])).account;
    check(later.refused_here, [0.0; 4]);
}

pub(super) fn a_success_ends_a_refusal(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    guess(&store, name(1));
    for (id, outcome, goes_on) in [
        (20, Outcome::Failed, true),
        (21, Outcome::Aborted, true),
        (22, Outcome::Unknown, true),
        (23, Outcome::Succeeded, false),
    ] {
        see(&store, &login(id, secs(130), 1, &[name(1)]));
        settle(&store, id, outcome);
        let history = see(&store, &login(100 + id, secs(130), 1, &[name(1)]));
        assert_eq!(history.account.refused_here.failed > 10.0, goes_on, "{outcome:?}");
    }
}
