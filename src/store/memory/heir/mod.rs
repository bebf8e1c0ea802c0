//! Handing the memory to the process that takes over, while visitors are served.
//!
//! A program is replaced by [starting the new one beside it](crate::gateway::succession); for a while there are two, and
//! each counts. Whatever both know must be one thing, or a token could be spent in each, and a guesser would have two
//! budgets. So the memory moves: it is shown to the successor while this process goes on answering from it (everything
//! once, then what changed, again and again), then this process lets nobody in, shows the rest, and the successor has it.
//! From that moment this process asks the successor for everything, over a socket that only the two of them have, and
//! waits for the answers: to whoever is left here, the store has become a remote one. In between, questions wait; as long
//! as the last changes take, some milliseconds.
//!
//! What else was thought of. *A file of operations that the successor reads behind the old process* loses the answers:
//! `burn` and `take` need to know at once, exactly once over both. *Through the files of [`state`](super::state)*
//! (close them here, read them there) keeps everybody waiting for as long as reading takes, seconds for millions of
//! entries, and leaves a store that is not kept without its counts. *Counting here what is still here, and merging later*
//! gives two budgets meanwhile, and is no answer to tokens. What is sent are the same records as in the files, so there is
//! one way to write an entry down, and it is tested by every restart.
//!
//! Nothing is lost if it goes wrong: until the successor has said that it has everything, this process has it as well,
//! takes its directory back, and goes on (see [`Frozen`]). After that it never counts itself again.

mod words;

pub use self::words::{Answer, Question};

use super::Memory;
use super::state::kept::Kept;
use crate::engine::time::Timestamp;
use crate::store::{Observation, Seen, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a question to the successor may take: it answers from memory, so anything near this is a fault.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the successor may leave what is shown to it unread.
const UNREAD: Duration = Duration::from_secs(20);
/// Longest frame: a batch of records, or a held answer.
const LONGEST: usize = 17 << 20;

impl Memory {
    /// Does what is asked, here, unless the memory has gone to a successor.
    pub fn if_here<R>(&self, act: impl FnOnce(&Memory) -> R) -> Option<R> {
        self.turnstile.pass(|| act(self))
    }

    /// Asks whoever has the memory now; waits while it is between the two.
    pub async fn elsewhere(&self, question: Question) -> Result<Answer, StoreError> {
        loop {
            match self.turnstile.heir().await {
                Some(heir) => return heir.ask(&question).await,
                None => {
                    if let Some(answer) = self.if_here(|memory| memory.answer(&question)) {
                        return Ok(answer);
                    }
                }
            }
        }
    }

    /// Counts an attempt where the memory is now.
    pub async fn observe_elsewhere(&self, seen: &Observation<'_>) -> Result<Seen, StoreError> {
        match self.elsewhere(Question::observe(seen)).await? {
            Answer::History(history) => Ok(Seen { history, missing: None }),
            other => Err(other.unfit()),
        }
    }

    /// Does what a predecessor asks.
    pub fn answer(&self, question: &Question) -> Answer {
        fn said<T>(result: Result<T, StoreError>, answer: impl FnOnce(T) -> Answer) -> Answer {
            result.map_or_else(Answer::Refused, answer)
        }
        match question {
            Question::Observe(seen) => Answer::History(self.observe(&seen.observation())),
            Question::Settle(settlement) => Answer::Settled(self.settle(settlement)),
            Question::Conclude(said) => Answer::Concluded(self.conclude(said)),
            Question::Prove(proof) => Answer::Owner(Box::new(self.prove(proof))),
            Question::Withdraw(id, how, at) => Answer::Settled(self.withdraw(*id, *how, *at)),
            Question::Burn(token, lifetime, at) => said(self.burn(*token, *lifetime, *at), Answer::Burn),
            Question::Hold(id, sealed, lifetime, at) => said(self.hold(*id, sealed, *lifetime, *at), |()| Answer::Held),
            Question::Take(id, at) => Answer::Taken(self.take(*id, *at)),
            Question::ChangeLists(changes) => said(self.change_lists(changes), |()| Answer::ListsChanged),
        }
    }

    /// Begins to show everything to a successor at the other end of `line`, and returns when it has been shown once.
    pub fn pass_on(self: &Arc<Memory>, line: &UnixStream) -> io::Result<Passing> {
        let line = line.try_clone()?;
        line.set_write_timeout(Some(UNREAD))?;
        self.begin_showing(Line { to: line, failed: None, sent: 0 });
        let passing = Passing { memory: self.clone(), over: false };
        self.show_everything()?;
        Ok(passing)
    }

    /// Reads what a predecessor shows until it says that this is all. How many records that were.
    pub fn receive(&self, line: &UnixStream, now: Timestamp) -> io::Result<u64> {
        let mut from = BufReader::with_capacity(1 << 20, line);
        let (mut records, mut count) = (Vec::new(), 0);
        loop {
            read_frame(&mut from, &mut records)?;
            if records.is_empty() {
                // Nothing follows before this process has answered: nothing was read beyond the end.
                return Ok(count);
            }
            let mut rest = &records[..];
            while !rest.is_empty() {
                self.restore(&mut rest, now).ok_or_else(|| io::Error::other("a record makes no sense"))?;
                count += 1;
            }
        }
    }

    /// Answers a predecessor until it is gone.
    pub fn serve(&self, line: &UnixStream) -> io::Result<()> {
        let mut from = BufReader::with_capacity(64 << 10, line);
        let mut to = BufWriter::new(line);
        let mut asked = Vec::new();
        loop {
            match read_frame(&mut from, &mut asked) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let mut rest = &asked[..];
            let asked = u64::take(&mut rest).zip(Question::take(&mut rest)).filter(|_| rest.is_empty());
            let (number, question) = asked.ok_or_else(|| io::Error::other("a question makes no sense"))?;
            let mut answer = Vec::with_capacity(256);
            number.put(&mut answer);
            self.answer(&question).put(&mut answer);
            write_frame(&mut to, &answer)?;
            if from.buffer().is_empty() {
                to.flush()?;
            }
        }
    }
}

/// What is shown goes through here.
#[derive(Debug)]
pub struct Line {
    to: UnixStream,
    failed: Option<io::Error>,
    /// Bytes.
    pub sent: u64,
}

impl Line {
    /// A failure is remembered: whoever shows something has other things to do with it as well.
    pub fn send(&mut self, records: &[u8]) {
        if records.is_empty() || self.failed.is_some() {
            return;
        }
        self.sent += records.len() as u64;
        self.failed = write_frame(&mut self.to, records).err();
    }

    /// Records cannot be sent that were never noted.
    pub fn fail(&mut self, error: io::Error) {
        self.failed.get_or_insert(error);
    }

    pub fn failure(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn end(&mut self) -> io::Result<()> {
        self.failure()?;
        write_frame(&mut self.to, &[])
    }
}

/// A memory that is being shown, and still is this process's own: dropped, it stays so.
#[derive(Debug)]
pub struct Passing {
    memory: Arc<Memory>,
    over: bool,
}

impl Passing {
    /// Shows what changed since the last time: bytes.
    pub fn catch_up(&self) -> io::Result<u64> {
        self.memory.show_changes()
    }

    /// Lets nobody in any more, shows the rest, and lets go of the files.
    pub fn freeze(mut self) -> io::Result<Frozen> {
        self.over = true;
        let frozen = Frozen { memory: self.memory.clone(), given: false };
        self.memory.turnstile.close();
        self.memory.show_changes()?;
        self.memory.release()?;
        self.memory.with_line(Line::end)?;
        Ok(frozen)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if !self.over {
            self.memory.stop_showing();
        }
    }
}

/// A memory that nobody may change: it has been shown, and the successor was not yet heard. Dropped, it is this process's
/// own again; the successor must have ended before that.
#[derive(Debug)]
pub struct Frozen {
    memory: Arc<Memory>,
    given: bool,
}

impl Frozen {
    /// The successor has it: from now on it is asked. This cannot fail, because there is no way back.
    pub fn give(mut self, heir: Arc<Heir>) {
        self.given = true;
        self.memory.stop_showing();
        self.memory.turnstile.point_to(heir);
        let memory = self.memory.clone();
        // Freeing what is no longer needed takes a moment, and others wait for this one.
        let forgetting = thread::Builder::new().name("forget".to_owned()).spawn(move || memory.forget_everything());
        if let Err(error) = forgetting {
            tracing::warn!(%error, "what was handed over stays in memory");
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if !self.given {
            self.memory.stop_showing();
            self.memory.take_back();
            self.memory.turnstile.open();
        }
    }
}

/// The successor, as its predecessor sees it.
#[derive(Debug)]
pub struct Heir {
    number: AtomicU64,
    to: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Waiting>,
}

/// Who waits for which answer; `None` once the line is cut.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;

impl Heir {
    /// Two threads of its own: the line outlives any runtime that asks over it.
    pub fn new(line: UnixStream) -> io::Result<Arc<Heir>> {
        line.set_write_timeout(Some(PATIENCE))?;
        let (to, questions) = mpsc::channel::<Vec<u8>>();
        let waiting = Arc::new(Waiting::new(Some(HashMap::new())));
        let (mut out, from) = (line.try_clone()?, line);
        thread::Builder::new().name("heir-ask".to_owned()).spawn(move || {
            // Ends when nobody can ask any more, or nothing can be asked.
            questions.into_iter().try_for_each(|question| out.write_all(&question)).ok();
            out.shutdown(std::net::Shutdown::Both).ok();
        })?;
        let told = waiting.clone();
        thread::Builder::new().name("heir-hear".to_owned()).spawn(move || {
            let mut from = BufReader::new(from);
            let mut answer = Vec::new();
            while read_frame(&mut from, &mut answer).is_ok() {
                let mut rest = &answer[..];
                let Some(number) = u64::take(&mut rest) else { break };
                let asked = told.lock().as_mut().and_then(|waiting| waiting.remove(&number));
                if let Some(asked) = asked {
                    // Who asked may have gone.
                    let _ = asked.send(rest.to_vec());
                }
            }
            // Whoever waits hears that nobody answers.
            *told.lock() = None;
        })?;
        Ok(Arc::new(Heir { number: AtomicU64::new(0), to, waiting }))
    }

    async fn ask(&self, question: &Question) -> Result<Answer, StoreError> {
        let gone = || StoreError::Down("the gate that took over does not answer".into());
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        match &mut *self.waiting.lock() {
            Some(waiting) => waiting.insert(number, tell),
            None => return Err(gone()),
        };
        let mut asked = vec![0; 4];
        number.put(&mut asked);
        question.put(&mut asked);
        let length = u32::try_from(asked.len() - 4).unwrap_or(u32::MAX);
        asked[..4].copy_from_slice(&length.to_le_bytes());
        self.to.send(asked).map_err(|_| gone())?;
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(answer)) => Answer::take(&mut &answer[..]).ok_or_else(gone),
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                if let Some(waiting) = &mut *self.waiting.lock() {
                    waiting.remove(&number);
                }
                Err(StoreError::Late(PATIENCE))
            }
        }
    }
}

fn write_frame(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(frame)
}

fn read_frame(from: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::other("a frame is longer than any"));
    }
    frame.resize(length, 0);
    from.read_exact(frame)
}

#[cfg(test)]
mod tests;
