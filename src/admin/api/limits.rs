//! How much of the API there is at once: budgets that fill up with time, in bounded memory, by a clock that is handed in.
//!
//! Two budgets, because they are for different people. Whoever shows wrong credentials has a small one, by address and for
//! all together: past it nothing is compared any more for *them*, and no further line is written to the audit log, so that
//! a guesser can neither fill a disk nor keep a core busy. The right credentials are let in all the same: tokens are long
//! enough that counting guesses is not what protects them, and a budget that shut everybody out would let any user of
//! the machine lock the operator out from the loopback. Whoever is let in has a larger budget, which bounds what a script
//! gone wild can do.

use crate::engine::attempt::Network;
use crate::engine::time::Timestamp;
use lru::LruCache;
use parking_lot::Mutex;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// A budget that fills up again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Timestamp,
}

/// How large a budget is, and how fast it fills up, a second.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: f64,
    a_second: f64,
}

impl Bucket {
    fn full(rate: Rate, at: Timestamp) -> Bucket {
        Bucket { level: rate.burst, at }
    }

    /// Fills up to now. A clock that was set back fills nothing and takes nothing.
    fn fill(&mut self, rate: Rate, now: Timestamp) {
        self.level = (self.level + now.since(self.at).as_secs_f64() * rate.a_second).min(rate.burst);
        self.at = now;
    }

    /// Takes one, or says how long until there is one.
    fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.level < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.level) / rate.a_second));
        }
        self.level -= 1.0;
        Ok(())
    }
}

const WRONG_BY_PEER: Rate = Rate { burst: 10.0, a_second: 0.1 };
const WRONG: Rate = Rate { burst: 100.0, a_second: 2.0 };
const CALLS: Rate = Rate { burst: 100.0, a_second: 50.0 };
/// Addresses whose wrong attempts are remembered; the one that was quiet for longest is forgotten.
const MOST_PEERS: usize = 1024;
/// Calls that are answered at once.
pub const AT_ONCE: usize = 16;

/// The budgets of one listener.
pub struct Limits(Mutex<Budgets>);

struct Budgets {
    wrong: Bucket,
    wrong_by_peer: LruCache<Network, Bucket>,
    /// Calls that were throttled: the audit log was spared them.
    untold: u64,
    calls: Bucket,
}

impl Limits {
    pub fn new(now: Timestamp) -> Limits {
        let peers = NonZeroUsize::new(MOST_PEERS).unwrap_or(NonZeroUsize::MIN);
        Limits(Mutex::new(Budgets {
            wrong: Bucket::full(WRONG, now),
            wrong_by_peer: LruCache::new(peers),
            untold: 0,
            calls: Bucket::full(CALLS, now),
        }))
    }

    /// Counts a refusal of somebody who was not let in. `Ok`: it may be told, with the number of those that were not.
    /// `Err`: not before so long.
    pub fn refused(&self, peer: IpAddr, now: Timestamp) -> Result<u64, Duration> {
        let mut budgets = self.0.lock();
        let Budgets { wrong, wrong_by_peer, untold, .. } = &mut *budgets;
        let own = wrong_by_peer.get_or_insert_mut(Network::from(peer), || Bucket::full(WRONG_BY_PEER, now));
        match own.take(WRONG_BY_PEER, now).and_then(|()| wrong.take(WRONG, now)) {
            Ok(()) => Ok(std::mem::take(untold)),
            Err(wait) => {
                *untold += 1;
                Err(wait)
            }
        }
    }

    /// Takes a call of somebody who was let in. What is too much has no line in the audit log either.
    pub fn call(&self, now: Timestamp) -> Result<(), Duration> {
        let mut budgets = self.0.lock();
        let taken = budgets.calls.take(CALLS, now);
        budgets.untold += u64::from(taken.is_err());
        taken
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const START: Timestamp = Timestamp(1_000_000_000);

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn wrong_attempts_are_bounded_by_address_and_together() {
        let limits = Limits::new(START);
        assert!((0..10).all(|_| limits.refused(peer(1), START) == Ok(0)));
        let wait = limits.refused(peer(1), START).unwrap_err();
        assert_eq!(wait, Duration::from_secs(10));
        assert_eq!(limits.refused(peer(2), START), Ok(1), "another address is told, with what was not");
        assert_eq!(limits.refused(peer(1), START.after(wait)), Ok(0));
        let told = (100..1_000).filter(|number| limits.refused(peer(*number), START.after(wait)).is_ok()).count();
        assert_eq!(told, 99, "addresses come cheap: there is one budget for all");
    }

    #[test]
    fn memory_is_bounded_however_many_come() {
        let limits = Limits::new(START);
        for number in 0..10_000 {
            let _ = limits.refused(peer(number), START);
        }
        assert_eq!(limits.0.lock().wrong_by_peer.len(), MOST_PEERS);
    }

    #[test]
    fn calls_are_bounded_and_the_budget_fills_up() {
        let limits = Limits::new(START);
        assert!((0..100).all(|_| limits.call(START).is_ok()));
        let wait = limits.call(START).unwrap_err();
        assert_eq!(wait, Duration::from_millis(20));
        assert_eq!(limits.call(START.after(wait)), Ok(()));
        assert!(limits.call(Timestamp(0)).is_err(), "a clock that was set back fills nothing");
        assert!((0..100).all(|_| limits.call(START.after(Duration::from_secs(3_600))).is_ok()));
    }
}
