//! A remote that does as a test says: the same server for several gates, with the faults that real ones have.

use super::pending::Told;
use super::remote::Mark;
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::evidence::{History, Site};
use crate::engine::ownership::Ownership;
use crate::engine::time::Timestamp;
use crate::store::memory::{Limits, Memory};
use crate::store::{Burn, Entity, Known, Observation, Settled, Settlement, StoreError, Withdrawal};
use crate::store::{Concluded, Conclusion, Proof};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the server does with commands.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    Well,
    /// Each fails so and is not carried out.
    Fails(StoreError),
    /// Each is carried out, and the answer comes too late. What is told with patience is answered.
    LateButDone,
    /// As `LateButDone`, but the patient are not answered either.
    SilentButDone,
    /// Nothing is carried out, and nobody answered until the mode changes; then it is late.
    Stands,
}

pub const LATE: StoreError = StoreError::Late(Duration::from_millis(5));

/// One server.
#[derive(Debug)]
pub struct Server {
    pub memory: Memory,
    mode: watch::Sender<Mode>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: HashSet<AttemptId>,
    tokens: HashMap<[u8; 16], Mark>,
    /// Commands that it was asked for on the way of a request.
    asked: u64,
    /// Attempts of which it cannot be told.
    cursed: HashSet<AttemptId>,
}

/// A connection to it.
#[derive(Clone, Debug)]
pub struct Scripted(pub Arc<Server>);

impl Server {
    pub fn new(limits: Limits) -> Arc<Server> {
        let (mode, _) = watch::channel(Mode::Well);
        Arc::new(Server { memory: Memory::new(limits), mode, state: Mutex::default() })
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub fn asked(&self) -> u64 {
        self.state.lock().asked
    }

    pub fn curse(&self, id: AttemptId) {
        self.state.lock().cursed.insert(id);
    }

    /// How many attempts it has heard of.
    pub fn known(&self) -> usize {
        self.state.lock().known.len()
    }
}

impl Scripted {
    async fn carry_out<T>(&self, patient: bool, does: impl FnOnce(&Server) -> T) -> Result<T, StoreError> {
        let server = &*self.0;
        if !patient {
            server.state.lock().asked += 1;
        }
        let mut modes = server.mode.subscribe();
        let mode = modes.borrow_and_update().clone();
        match mode {
            Mode::Well => Ok(does(server)),
            Mode::LateButDone if patient => Ok(does(server)),
            Mode::LateButDone | Mode::SilentButDone => {
                does(server);
                Err(LATE)
            }
            Mode::Fails(why) => Err(why),
            Mode::Stands => {
                // The test holds the sender.
                let _ = modes.changed().await;
                Err(LATE)
            }
        }
    }

    fn count(server: &Server, seen: &Observation<'_>) -> History {
        match server.state.lock().known.insert(seen.id) {
            true => server.memory.observe(seen),
            false => History::default(),
        }
    }

    pub async fn observe(&self, seen: &Observation<'_>) -> Result<History, StoreError> {
        self.carry_out(false, |server| Scripted::count(server, seen)).await
    }

    pub async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.carry_out(false, |server| server.memory.settle(settlement)).await
    }

    pub async fn conclude(&self, said: &Conclusion) -> Result<Concluded, StoreError> {
        self.carry_out(false, |server| server.memory.conclude(said)).await
    }

    pub async fn prove(&self, proof: &Proof) -> Result<Ownership, StoreError> {
        self.carry_out(false, |server| server.memory.prove(proof)).await
    }

    pub async fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Result<Settled, StoreError> {
        self.carry_out(false, |server| server.memory.withdraw(id, how, at)).await
    }

    pub async fn burn(&self, token: [u8; 16], mark: Mark) -> Result<Burn, StoreError> {
        let burn = |server: &Server| match *server.state.lock().tokens.entry(token).or_insert(mark) == mark {
            true => Burn::First,
            false => Burn::AlreadyUsed,
        };
        self.carry_out(false, burn).await
    }

    pub async fn hold(&self, id: [u8; 16], sealed: &Bytes, life: Duration, at: Timestamp) -> Result<(), StoreError> {
        self.carry_out(false, |server| server.memory.hold(id, sealed, life, at)).await?
    }

    pub async fn take(&self, id: [u8; 16], at: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.carry_out(false, |server| server.memory.take(id, at)).await
    }

    pub async fn greet(&self) -> Result<(), StoreError> {
        self.carry_out(true, |_| ()).await
    }

    pub async fn look_up(&self, entity: Entity, at: Timestamp) -> Result<Option<Known>, StoreError> {
        self.carry_out(false, |server| server.memory.look_up(entity, at)).await
    }

    pub async fn site(&self, at: Timestamp) -> Result<Site, StoreError> {
        self.carry_out(false, |server| server.memory.site(at)).await
    }

    pub async fn forget(&self, account: Pseudonym) -> Result<bool, StoreError> {
        self.carry_out(false, |server| server.memory.forget(account)).await?
    }

    pub async fn tell(&self, told: &Told) -> Result<(), StoreError> {
        if self.0.state.lock().cursed.contains(&told.id()) {
            return Err(StoreError::Broken("a string where a hash should be".into()));
        }
        let tell = |server: &Server| match told {
            Told::Observe(observed) => drop(Scripted::count(server, &observed.observation())),
            Told::Settle(settlement) => drop(server.memory.settle(settlement)),
            Told::Withdraw(id, how, at) => drop(server.memory.withdraw(*id, *how, *at)),
        };
        self.carry_out(true, tell).await
    }
}
