//! What an operator may ask of the store and no visitor can: what is known of one thing, without counting anything, and to
//! forget an account for good.
//!
//! Reading works on a copy that is brought to the present, so that looking at somebody leaves no trace in what the gate
//! knows of them. Forgetting is for good when it returns: the file is written anew without the account, because entries that
//! were evicted, and earlier states of one that was not, are still in it. (What sources keep of the accounts they tried is 26
//! bits of a keyed hash for two hours, which names nobody; how many cards an account tried goes with the account.)

use super::Memory;
use crate::engine::attempt::Pseudonym;
use crate::engine::event::Event;
use crate::engine::evidence::{EntityKind, Site};
use crate::engine::time::Timestamp;
use crate::store::VelocityKey;
use crate::store::{Entity, Known, StoreError};
use std::sync::Arc;

impl Memory {
    pub fn look_up(&self, entity: Entity, at: Timestamp) -> Option<Known> {
        match entity {
            Entity::Network(network) => self.networks.peek(&network, |entry| Known::Source(entry.read_at(at))),
            Entity::Device(device) => self.devices.peek(&device, |entry| Known::Source(entry.read_at(at))),
            Entity::Holder(id) => self.holders.peek(&id, |entry| entry.read(at, None))?.map(Known::Holder),
            Entity::Account(account) => self.accounts.peek(&account, |entry| {
                let (account, sources) = entry.read_at(at);
                Known::Account(account, sources)
            }),
            Entity::Owner(account) => self.known_owner(account, at).map(Known::Owner),
            Entity::Velocity(key) => self.velocities.peek(&key, |entry| Known::Velocity(entry.read_at(at))),
        }
    }

    /// What the whole site sees.
    pub fn site(&self, at: Timestamp) -> Site {
        let seen = |(event, key)| {
            let known = self.velocities.peek(&key, |entry| entry.read_at(at))?;
            Some((event, known))
        };
        Site { at, events: VelocityKey::sites().filter_map(seen).collect(), campaigns: Arc::default() }
    }

    /// Takes its time where the store is kept on disk: everything is written.
    pub fn forget(&self, account: Pseudonym) -> Result<bool, StoreError> {
        let orders = VelocityKey::new(EntityKind::AccountCards, &Event::Checkout, account.0);
        let known = self.accounts.remove(&account) | self.profiles.remove(&account) | self.velocities.remove(&orders);
        self.open.forget(account);
        self.held.forget(account);
        self.holders.revise(|entry| entry.forget(&account));
        self.orders.revise(|entry| entry.forget(&account));
        self.write_without_history()?;
        Ok(known)
    }
}
