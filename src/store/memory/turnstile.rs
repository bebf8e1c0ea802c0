//! Who has the memory: this process, nobody for a moment, or its successor.
//!
//! Every question passes here, so it must cost next to nothing: a read lock, one of several, each on a cache line of its
//! own, that nobody else holds for longer than the question itself takes. Closing takes all of them, and so waits until
//! nobody is inside: what is collected after that is complete. Who then finds the turnstile closed waits without holding
//! up a thread, and learns where to ask.

use super::heir::Heir;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

const SLOTS: usize = 16;

#[derive(Debug)]
pub struct Turnstile {
    slots: [Slot; SLOTS],
    whereabouts: watch::Sender<Whereabouts>,
}

/// Whether it is closed.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(RwLock<bool>);

#[derive(Clone, Debug)]
enum Whereabouts {
    Here,
    /// On its way; it may come back.
    Between,
    There(Arc<Heir>),
}

impl Default for Turnstile {
    fn default() -> Turnstile {
        Turnstile { slots: Default::default(), whereabouts: watch::Sender::new(Whereabouts::Here) }
    }
}

impl Turnstile {
    /// Acts while the memory is sure to be here; `None`: it is not.
    pub fn pass<R>(&self, act: impl FnOnce() -> R) -> Option<R> {
        let closed = self.slots[slot()].0.read();
        if *closed { None } else { Some(act()) }
    }

    /// Lets nobody in any more, and returns when nobody is inside.
    pub fn close(&self) {
        self.whereabouts.send_replace(Whereabouts::Between);
        for slot in &self.slots {
            *slot.0.write() = true;
        }
    }

    /// The memory stays here after all.
    pub fn open(&self) {
        for slot in &self.slots {
            *slot.0.write() = false;
        }
        self.whereabouts.send_replace(Whereabouts::Here);
    }

    /// From now on the successor is asked.
    pub fn point_to(&self, heir: Arc<Heir>) {
        self.whereabouts.send_replace(Whereabouts::There(heir));
    }

    /// Whom to ask, once that is known; `None`: it is here again.
    pub async fn heir(&self) -> Option<Arc<Heir>> {
        let mut whereabouts = self.whereabouts.subscribe();
        match whereabouts.wait_for(|place| !matches!(place, Whereabouts::Between)).await.as_deref() {
            Ok(Whereabouts::There(heir)) => Some(heir.clone()),
            // The sender lives as long as this.
            Ok(Whereabouts::Here | Whereabouts::Between) | Err(_) => None,
        }
    }
}

/// Each thread has its own, as long as there are enough.
fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS;
    }
    MINE.with(|mine| *mine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn closing_waits_for_who_is_inside_and_opening_lets_in_again() {
        let turnstile = Turnstile::default();
        let (inside, entered) = std::sync::mpsc::channel();
        let (leave, left) = std::sync::mpsc::channel::<()>();
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (turnstile, gone) = (&turnstile, &gone);
            scope.spawn(move || {
                turnstile.pass(|| {
                    inside.send(()).unwrap();
                    left.recv().unwrap();
                    gone.store(true, Ordering::SeqCst);
                })
            });
            entered.recv().unwrap();
            let closing = scope.spawn(move || {
                turnstile.close();
                gone.load(Ordering::SeqCst)
            });
            leave.send(()).unwrap();
            assert!(closing.join().unwrap(), "somebody was still inside");
        });
        assert_eq!(turnstile.pass(|| ()), None);
        turnstile.open();
        assert_eq!(turnstile.pass(|| 1), Some(1));
    }
}
