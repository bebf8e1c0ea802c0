//! Replacing the running program without a visitor noticing.
//!
//! Asked to (SIGUSR2, `tollgate upgrade`), the gate starts the program that is at its path now, with the arguments it was
//! started with itself. That one reads the configuration, loads everything, is shown what is [remembered](heir), and is
//! given the listening sockets; only when it is ready to serve is it told to, and only when it serves does this one stop
//! accepting. The order is what matters, and it is one conversation over a socket pair that both have from the start:
//!
//! ```text
//! predecessor                                  successor
//!   starts it                    ->
//!                                <-  Hello      the configuration is fine; which words and layouts it speaks
//!   Take, with the sockets       ->             and, over a line of its own: all that is remembered, then what changes
//!                                <-  Prepared   everything is loaded, servers are looked up
//!   lets nobody at the memory, shows the rest
//!                                <-  Have       it has everything, and the directory: the last moment to turn back
//!   Serve                        ->             accepts; answers what the predecessor asks of the memory
//!                                <-  Listening
//!   tells the service manager
//!   Main                         ->             says that it is ready, as any gate that starts
//!   stops accepting, lets its connections end
//! ```
//!
//! **What can go wrong costs nothing before `Serve`**: the predecessor has everything, ends the other, says why (log,
//! metric, `systemctl status`, the exit code of `tollgate upgrade`) and goes on. So the check of a new version and a new
//! configuration is the start itself, and no rehearsal of it. After `Serve` the old one never counts again; should the
//! new one end while both live, the old one ends as well and with a failure, so that the service manager starts the
//! gate anew: as after any crash, from the files.
//!
//! **Why not Pingora's own upgrade.** Its table of descriptors is what the listeners are made of here too. But its way of
//! moving them is a path that anybody may connect to, polled once a second and bounded to 2 KiB of names; it sends them
//! when the *old* process is told to leave, and gives the new one five seconds, ready or not; and it drops idle
//! connections at once: a client that sends its next request in that moment has an error for an answer. **Why not sockets
//! kept by systemd** (`.socket` units, `FDSTORE`): they keep connections queueing through a restart, not served; whatever
//! is under way is cut or waited for, and what the process knows still has to be handed on.
//!
//! **Connections** that are open stay with the old process. Their next answer says `Connection: close` (HTTP/2: GOAWAY),
//! which is the only moment when both sides agree; those that rest are kept until they would have been closed for resting
//! (`limits.client_idle`). What still runs after `limits.drain` is cut.
//!
//! **Who owns what meanwhile.** The successor: the listeners, the admin listener among them; the memory and its directory;
//! signals (its process is the service's main process); the configuration, which the old one reads no more. Each: its own
//! connections, its own metrics (a counter that begins anew is what Prometheus expects of a restart), and the decision
//! log, to which both append whole lines. Keys and tickets are the same, because they come from the same file.

pub mod control;
pub mod predecessor;
pub mod sockets;
pub mod successor;
pub mod upgrade;

pub use self::upgrade::{Outcome, Upgrades};

#[allow(unused_imports, reason = "for the documentation above")]
use crate::store::memory::heir;
