//! Bounds on memory, time and connections. The defaults hold a small machine; the ranges keep a slip of the finger from
//! switching a bound off.

use super::Resolver;
use crate::config::file::Limits as LimitKeys;
use crate::config::settings::Limits;
use crate::config::slot::Slot;
use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

impl Resolver<'_, '_> {
    pub(super) fn limits(&self, slot: &Slot<LimitKeys>) -> Limits {
        let absent = LimitKeys::default();
        let keys = slot.get().unwrap_or(&absent);
        let second = Duration::from_secs(1);
        let body = self.size(&keys.body, MIB, KIB..=64 * MIB);
        let held_total = self.size(&keys.held_total, 256 * MIB, MIB..=64 * 1024 * MIB);
        if held_total < body
            && let Some(node) = keys.held_total.node().or(keys.body.node())
        {
            self.error(
                node,
                "`held_total` is smaller than `body`: the largest body could never be held",
                "make it many times `body`",
            );
        }
        Limits {
            body: body as usize,
            held_total: held_total as usize,
            header: self.size(&keys.header, 32 * KIB, KIB..=MIB) as usize,
            capture: self.duration(&keys.capture, 10 * second, second / 10..=300 * second),
            head: self.duration(&keys.head, 10 * second, second / 10..=300 * second),
            client_idle: self.duration(&keys.client_idle, 60 * second, second..=3600 * second),
            connections: self.number(&keys.connections, 20_000, 10..=10_000_000) as usize,
            grace: self.duration(&keys.grace, 30 * second, Duration::ZERO..=3600 * second),
            list_entries: self.number(&keys.list_entries, 2_000_000, 1_000..=100_000_000) as usize,
            drain: self.duration(&keys.drain, 600 * second, second..=86_400 * second),
            threads: keys.threads.good().map(|_| self.number(&keys.threads, 1, 1..=1024) as usize),
        }
    }
}
