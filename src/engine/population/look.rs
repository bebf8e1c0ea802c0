//! What of one login the population's counting looks at: who it could be, with what, and what became of it.

use crate::engine::attempt::AttemptId;
use crate::engine::event::Event;
use crate::engine::evidence::Evidence;
use crate::engine::holder::Holder;
use crate::engine::time::Timestamp;

/// Accounts that a household tries on one device within an hour or two, at most.
const HOUSEHOLD: u32 = 3;

/// One login on a named account.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub id: AttemptId,
    pub at: Timestamp,
    pub fingerprint: u64,
    /// The network's bits, [mixed](mixed).
    pub network: u64,
    pub asn: Option<u32>,
    pub standing: Standing,
    /// Of the account's pseudonym, enough to tell some dozens apart; never zero.
    pub account: u32,
    /// The password's tag of this process.
    pub password: Option<u64>,
}

/// How the account and the sender stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The account logged in on this device, or from this network, before. `proven`: on this device, by its cookie.
    /// `settled`: on an earlier day as well. Who has accounts of their own could else be the control group by noon.
    Usual {
        proven: bool,
        settled: bool,
    },
    /// Somebody logged in on this device, on two days, and not to this account: one of a household, a mistyped name. `seen`:
    /// somebody once logged in to the account. A household has few members: a device on which more accounts are tried is a
    /// stranger's, and so is one that was first used today: cookies with one success of one's own account cost nothing.
    Elsewhere {
        seen: bool,
    },
    Strange(Class),
}

/// Strangers, by what they cannot choose freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Whether anybody ever logged in to the account, within the store's memory.
    pub seen: bool,
    /// Whether a cookie of the gate came with it, with which nobody logged in yet: the form's page was asked for first.
    pub fresh: bool,
    /// Whether other accounts were tried from their network within a week, and nobody got in since.
    pub in_vain: bool,
}

impl Class {
    pub const COUNT: usize = 8;
    pub const ALL: [Class; Class::COUNT] = [
        Class { seen: false, fresh: false, in_vain: false },
        Class { seen: false, fresh: true, in_vain: false },
        Class { seen: true, fresh: false, in_vain: false },
        Class { seen: true, fresh: true, in_vain: false },
        Class { seen: false, fresh: false, in_vain: true },
        Class { seen: false, fresh: true, in_vain: true },
        Class { seen: true, fresh: false, in_vain: true },
        Class { seen: true, fresh: true, in_vain: true },
    ];

    pub fn place(self) -> usize {
        usize::from(self.in_vain) * 4 + usize::from(self.seen) * 2 + usize::from(self.fresh)
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// The password was right.
    Succeeded,
    Failed,
    /// The gate refused it, or asked for a proof that was not given.
    Withheld,
}

impl Look {
    /// `None`: no login, on nobody's account, or nothing is known of the account.
    pub fn of(evidence: &Evidence) -> Option<Look> {
        let attempt = &evidence.attempt;
        if attempt.event != Event::Login {
            return None;
        }
        let account = attempt.identity.account?;
        let history = evidence.history.as_ref()?;
        let knows_device = evidence.knows_device();
        let seen = history.account.owned;
        let lives_here = |holder: &Holder| holder.logged_in && holder.days >= 2 && history.device.accounts <= HOUSEHOLD;
        let [a, b, c, d, ..] = account.0;
        // Of the pseudonym; zero is nobody.
        let account = u32::from_be_bytes([a, b, c, d]).max(1);
        let network = mixed(attempt.client.network.bits());
        let standing = if knows_device || history.account.known_source {
            Standing::Usual { proven: knows_device, settled: history.account.usual.days > 0.0 }
        } else if evidence.holder().is_some_and(lives_here) {
            Standing::Elsewhere { seen }
        } else {
            let in_vain = evidence.site.campaigns.is_in_vain(network, account, attempt.at);
            Standing::Strange(Class { seen, fresh: attempt.device.id.is_some(), in_vain })
        };
        Some(Look {
            id: attempt.id,
            at: attempt.at,
            fingerprint: attempt.device.fingerprint,
            network,
            asn: evidence.intel.asn,
            standing,
            account,
            password: attempt.form.password.map(|password| password.tag),
        })
    }
}

/// A number of 64 bits of each of which every bit of a network's has a share: Stafford's thirteenth variant of the finaliser of
/// MurmurHash3, over both halves.
pub(super) fn mixed(bits: u128) -> u64 {
    let mut mixed = (bits >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for half in [bits as u64, 0] {
        mixed ^= half;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::History;
    use crate::engine::fixture;

    #[test]
    fn who_logged_in_here_before_is_no_stranger() {
        let owner = fixture::evidence();
        let mut stranger = owner.clone();
        stranger.attempt.device.id = None;
        stranger.attempt.device.proven = false;
        let history = stranger.history.as_mut().unwrap();
        history.holder = None;
        history.account.known_source = false;
        history.account.owned = true;
        let standing = |evidence: &Evidence| Look::of(evidence).map(|look| look.standing);
        assert_eq!(standing(&owner), Some(Standing::Usual { proven: true, settled: false }));
        let mut old = owner;
        old.history.as_mut().unwrap().account.usual.days = 0.5;
        assert_eq!(standing(&old), Some(Standing::Usual { proven: true, settled: true }));
        assert_eq!(standing(&stranger), Some(Standing::Strange(Class { seen: true, fresh: false, in_vain: false })));

        let mut at_home = stranger.clone();
        at_home.history.as_mut().unwrap().account.known_source = true;
        assert_eq!(
            standing(&at_home),
            Some(Standing::Usual { proven: false, settled: false }),
            "same network, other browser"
        );
        let mut flatmate = stranger.clone();
        let holder = crate::engine::holder::Holder { knows_account: false, ..fixture::used_by_its_owner() };
        flatmate.history.as_mut().unwrap().holder = Some(holder);
        assert_eq!(standing(&flatmate), Some(Standing::Elsewhere { seen: true }));
        for change in [
            |history: &mut History| history.holder.as_mut().unwrap().days = 1,
            |history: &mut History| history.device.accounts = 4,
        ] {
            let mut minted = flatmate.clone();
            change(minted.history.as_mut().unwrap());
            assert!(matches!(standing(&minted), Some(Standing::Strange(Class { seen: true, .. }))));
        }
        let copied = crate::engine::holder::Holder { copied: true, ..fixture::used_by_its_owner() };
        flatmate.attempt.device.id = Some(crate::engine::attempt::Pseudonym([1; 16]));
        flatmate.history.as_mut().unwrap().holder = Some(copied);
        assert_eq!(
            standing(&flatmate),
            Some(Standing::Strange(Class { seen: true, fresh: true, in_vain: false })),
            "a stolen cookie"
        );
    }

    #[test]
    fn only_logins_on_a_named_account_with_history_are_looked_at() {
        let evidence = fixture::evidence();
        assert!(Look::of(&evidence).is_some());
        let mut other = evidence.clone();
        other.attempt.event = Event::Register;
        assert_eq!(Look::of(&other), None);
        let mut nobody = evidence.clone();
        nobody.attempt.identity.account = None;
        assert_eq!(Look::of(&nobody), None);
        assert_eq!(Look::of(&Evidence { history: None, ..evidence }), None);
    }

    #[test]
    fn classes_are_told_apart_by_their_place() {
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.place(), place);
        }
    }
}
