//! What others count by themselves, and is taken over when somebody asks for the metrics.

use super::{Metrics, catch_up};
use crate::admin::pages::UpstreamHealth;
use crate::events::decision_log::LogStats;
use crate::store::Stats;

impl Metrics {
    /// Takes over how the servers behind the gate were last found.
    pub fn take_upstreams(&self, upstreams: &[UpstreamHealth]) {
        let taken = self.taken.lock();
        // Also what is no longer configured.
        taken.upstream_servers.reset();
        for upstream in upstreams {
            let servers = |state: &str| taken.upstream_servers.with_label_values(&[&*upstream.name, state]);
            servers("up").set(upstream.up as i64);
            servers("down").set(upstream.down.len() as i64);
            servers("unresolved").set(upstream.unresolved.len() as i64);
        }
    }

    /// Takes the store's sizes and losses over, when somebody asks.
    pub fn take_store(&self, stats: &Stats) {
        let taken = self.taken.lock();
        for kind in &stats.kinds {
            let label = &[kind.kind];
            taken.entries.with_label_values(label).set(kind.entries as i64);
            taken.bytes.with_label_values(label).set(kind.bytes as i64);
            taken.capacity.with_label_values(label).set(kind.capacity as i64);
            catch_up(&taken.evictions.with_label_values(label), kind.evicted);
            catch_up(&taken.refusals.with_label_values(label), kind.refused);
        }
        taken.answers_held.set(stats.held_bytes as i64);
        if let Some(keeping) = &stats.keeping {
            taken.store_kept.set(keeping.bytes as i64);
            catch_up(&taken.store_keeping_failures, keeping.failures);
        }
        let served = stats.server.map_or((0, 0), |served| (served.bytes, served.most_bytes));
        taken.server_bytes.set(served.0 as i64);
        taken.server_bytes_max.set(served.1 as i64);
        if let Some(shared) = &stats.shared {
            taken.take_shared(shared);
        }
    }

    /// Takes the decision log's counts over, when somebody asks.
    pub fn take_log(&self, stats: &LogStats) {
        let taken = self.taken.lock();
        catch_up(&taken.log_written, stats.written);
        catch_up(&taken.log_dropped, stats.dropped);
        catch_up(&taken.log_failed, stats.failed);
        taken.log_queued.set(stats.queued as i64);
    }
}
