//! What the naive model makes of device cookies: everything that was told of one, in its order.

use super::{Model, Presented};
use crate::engine::attempt::Pseudonym;
use crate::engine::holder::Holder;
use crate::engine::time::Timestamp;
use std::collections::BTreeSet;

pub(super) enum Told {
    Presented(Timestamp, Presented),
    /// And whether by logging in.
    Succeeded(Timestamp, Pseudonym, bool),
}

impl Model {
    /// What all that was told of a device cookie comes to.
    pub(super) fn holder(&self, id: Pseudonym, at: Timestamp, account: Option<&Pseudonym>) -> Option<Holder> {
        const GRACE: u64 = 600_000;
        let day = |at: Timestamp| at.0 / 86_400_000;
        let told = self.holders.iter().filter(|(other, _)| *other == id).map(|(_, told)| told);
        let told: Vec<&Told> = told.skip_while(|told| matches!(told, Told::Presented(..))).collect();
        let successes = || {
            told.iter().filter_map(|told| match told {
                Told::Succeeded(at, account, logged_in) => Some((*at, *account, *logged_in)),
                Told::Presented(..) => None,
            })
        };
        let (mut days, mut latest) = (0, None);
        for (at, ..) in successes() {
            days += u32::from(latest.is_none_or(|latest| day(at) > latest));
            latest = latest.max(Some(day(at)));
        }
        // Of what was presented in order.
        let (mut newest, mut generation, mut copied) = (0, 0, false);
        for told in &told {
            let Told::Presented(at, cookie) = told else { continue };
            let out_of_order = cookie.renewed.0 + GRACE < newest;
            let no_descendant = newest > 0 && cookie.renewed.0 > newest + GRACE && cookie.generation <= generation;
            copied |= no_descendant || (out_of_order && at.0 > newest + GRACE);
            if !out_of_order {
                (newest, generation) = (newest.max(cookie.renewed.0), generation.max(cookie.generation));
            }
        }
        let within_a_week: BTreeSet<Pseudonym> =
            successes().filter(|(then, ..)| day(at) < day(*then) + 7).map(|(_, account, _)| account).collect();
        let here = |account: &Pseudonym| successes().any(|(_, other, logged_in)| logged_in && other == *account);
        Some(Holder {
            first: successes().map(|(at, ..)| at).min()?,
            last: successes().map(|(at, ..)| at).max()?,
            successes: successes().count() as u32,
            days,
            accounts: within_a_week.len() as u32,
            account_counts: account.is_some_and(|account| within_a_week.contains(account)),
            logged_in: successes().any(|(.., logged_in)| logged_in),
            knows_account: account.is_some_and(here),
            copied,
        })
    }
}
