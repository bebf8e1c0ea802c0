//! The admin API: what operators and their programs ask of a running gate, under `/api/v1/`.
//!
//! There is one table of [endpoints](Endpoint), one file a resource, and one way through it ([`router`]): who calls
//! ([`access`]), which row it is, what its parameters and its body say ([`call`]), and what the [audit log](audit) is told.
//! Rows are data, so the [document](openapi) that describes the API is written from what serves it, and the README's table
//! too. A function behind a row has only its own work to do; what can be wrong with a call in general is refused before.
//!
//! Nothing here serves visitors, and whoever does is never waited for: files are read on threads for blocking work, calls
//! are bounded in number, bodies in size and answers in length.

pub mod access;
mod accounts;
mod attempts;
pub mod audit;
pub mod call;
mod campaigns;
mod config;
mod decisions;
pub mod endpoint;
mod entities;
mod feedback;
pub mod limits;
mod lists;
pub mod openapi;
pub mod people;
pub mod problem;
pub mod records;
mod router;
mod settlements;
pub mod target;
mod upgrade;

pub use accounts::{EXPORT, FORGET};
pub use config::RELOAD;
pub use endpoint::Endpoint;
pub use feedback::{FEEDBACK, MOST_LABELS};
pub use router::PREFIX;
pub use upgrade::UPGRADE;

use crate::gateway::gate::Gate;
use crate::gateway::reload::Reloads;
use crate::gateway::succession::Upgrades;
use audit::AuditLog;
use limits::Limits;
use problem::{Kind, Problem};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The tables of all resources, in the order of the documentation.
pub const RESOURCES: &[Resource] = &[
    decisions::RESOURCE,
    feedback::RESOURCE,
    settlements::RESOURCE,
    entities::RESOURCE,
    accounts::RESOURCE,
    lists::RESOURCE,
    campaigns::RESOURCE,
    config::RESOURCE,
    upgrade::RESOURCE,
    openapi::RESOURCE,
];

/// One resource: a name for the documentation, and its endpoints.
pub struct Resource {
    pub name: &'static str,
    pub summary: &'static str,
    pub endpoints: &'static [Endpoint],
}

/// Every endpoint.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    RESOURCES.iter().flat_map(|resource| resource.endpoints)
}

/// What the functions behind the endpoints work on.
pub struct Api {
    pub gate: Arc<Gate>,
    pub reloads: Reloads,
    pub upgrades: Arc<Upgrades>,
    audit: AuditLog,
    limits: Limits,
    at_once: Semaphore,
    /// Held by what reads whole files: one at a time.
    alone: Semaphore,
    /// Held by what labels attempts: what was said before is read, and then something is said.
    labelling: tokio::sync::Mutex<()>,
}

impl Api {
    pub fn new(gate: Arc<Gate>, reloads: Reloads, upgrades: Arc<Upgrades>) -> Api {
        let limits = Limits::new(gate.clock.now());
        Api {
            gate,
            reloads,
            upgrades,
            audit: AuditLog::default(),
            limits,
            at_once: Semaphore::new(limits::AT_ONCE),
            alone: Semaphore::new(1),
            labelling: tokio::sync::Mutex::new(()),
        }
    }
}

impl Api {
    /// The place of what runs alone.
    fn alone(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let busy =
            |_| Problem::later(Kind::Busy, Duration::from_secs(5), "another account is being exported or forgotten");
        self.alone.try_acquire().map_err(busy)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

#[cfg(test)]
mod tests;
