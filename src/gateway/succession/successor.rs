//! The side of the process that takes over.

use super::control::{FromPredecessor, FromSuccessor, SUCCEEDS, WORDS, hear, say};
use super::sockets::receive;
use crate::engine::time::Timestamp;
use crate::store::memory::state::file::LAYOUT;
use crate::store::memory::{Limits, Memory};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// A process that was started to take over.
#[derive(Debug)]
pub struct Successor {
    control: UnixStream,
}

impl Successor {
    /// Whether this process is one: its parent says so. (The variable alone may have been inherited from anywhere.)
    pub fn is_one() -> Option<io::Result<Successor>> {
        let predecessor: u32 = std::env::var(SUCCEEDS).ok()?.parse().ok()?;
        if predecessor != parent_id() {
            return None;
        }
        let control = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
        Some(control.map(|control| Successor { control }))
    }

    /// The same, for who may have to say that it fails later.
    pub fn again(&self) -> io::Result<Successor> {
        Ok(Successor { control: self.control.try_clone()? })
    }

    /// Says why it cannot.
    pub fn fail(mut self, why: &str) {
        fail(&mut self.control, why);
    }

    /// The configuration is fine. `memory`: whether the store is one that can be inherited.
    pub fn hello(mut self, memory: bool) -> io::Result<Heritage> {
        let layout = memory.then_some(LAYOUT);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        say(&mut self.control, &FromSuccessor::Hello { words: WORDS, version, layout })?;
        let FromPredecessor::Take { listeners, tags } = hear(&mut self.control)? else { return Err(out_of_turn()) };
        let mut descriptors = receive(&self.control)?.into_iter();
        let memory = match tags {
            Some(tags) => Some((UnixStream::from(descriptors.next().ok_or_else(out_of_turn)?), tags)),
            None => None,
        };
        let sockets: Vec<_> = listeners.into_iter().zip(descriptors).collect();
        Ok(Heritage { control: self.control, sockets, memory })
    }
}

/// What a predecessor gave.
#[derive(Debug)]
pub struct Heritage {
    control: UnixStream,
    pub sockets: Vec<(SocketAddr, OwnedFd)>,
    memory: Option<(UnixStream, [u8; 16])>,
}

/// What is done when, for the rest of the program.
#[derive(Debug)]
pub struct Steps {
    /// Connections may be accepted.
    pub serve: watch::Sender<bool>,
    /// This is the service's main process.
    pub main: watch::Sender<bool>,
    /// The predecessor still lives.
    pub overlap: watch::Sender<bool>,
}

impl Steps {
    /// Of a process that takes over from nobody.
    pub fn done() -> Steps {
        Steps { serve: watch::Sender::new(true), main: watch::Sender::new(true), overlap: watch::Sender::new(false) }
    }

    pub fn to_come() -> Steps {
        Steps { serve: watch::Sender::new(false), main: watch::Sender::new(false), overlap: watch::Sender::new(true) }
    }
}

/// A memory that is being received.
#[derive(Debug)]
pub struct Receiving {
    pub memory: Arc<Memory>,
    line: UnixStream,
    received: mpsc::Receiver<io::Result<u64>>,
    keep_in: Option<PathBuf>,
}

impl Heritage {
    /// Begins to receive the memory, if there is one to receive.
    pub fn receive(&mut self, limits: Limits, keep_in: Option<&Path>, now: Timestamp) -> io::Result<Option<Receiving>> {
        let Some((line, tags)) = self.memory.take() else { return Ok(None) };
        let memory = Memory::inheriting(limits, tags);
        let (tell, received) = mpsc::channel();
        let (shown, from) = (memory.clone(), line.try_clone()?);
        thread::Builder::new().name("heir".to_owned()).spawn(move || {
            // Who started this may have failed elsewhere.
            let _ = tell.send(shown.receive(&from, now));
        })?;
        Ok(Some(Receiving { memory, line, received, keep_in: keep_in.map(Path::to_path_buf) }))
    }

    /// Speaks with the predecessor until it is gone, in a thread of its own. `prepared` says whether all is loaded,
    /// `listening` whether connections are accepted. Ends the process if the predecessor keeps, or has to keep, the service.
    pub fn succeed(
        mut self,
        receiving: Option<Receiving>,
        steps: Steps,
        prepared: impl Fn() -> bool + Send + 'static,
        listening: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<()> {
        let work = move || {
            if let Err(error) = self.take_over(receiving, &steps, prepared, listening) {
                fail(&mut self.control, &error.to_string());
                tracing::error!(%error, "the gate that was to be replaced goes on; ending");
                std::process::exit(1);
            }
            // It has nothing more to say: what ends is the process.
            let _ = hear::<FromPredecessor>(&mut self.control);
            tracing::info!("the gate that was replaced has ended");
            steps.overlap.send_replace(false);
            // Whatever became of it: nobody else can be the main process now.
            steps.main.send_replace(true);
        };
        thread::Builder::new().name("succession".to_owned()).spawn(work).map(drop)
    }

    fn take_over(
        &mut self,
        receiving: Option<Receiving>,
        steps: &Steps,
        prepared: impl Fn() -> bool,
        listening: impl Fn() -> bool,
    ) -> io::Result<()> {
        until(prepared);
        say(&mut self.control, &FromSuccessor::Prepared)?;
        let line = match receiving {
            Some(receiving) => Some(receiving.complete()?),
            None => None,
        };
        say(&mut self.control, &FromSuccessor::Have)?;
        let FromPredecessor::Serve = hear(&mut self.control)? else { return Err(out_of_turn()) };
        // From here on there is no way back, and nothing that can fail.
        if let Some((memory, line)) = line {
            let serve = move || {
                if let Err(error) = memory.serve(&line) {
                    tracing::error!(%error, "the gate that was replaced can no longer be answered");
                }
            };
            thread::Builder::new().name("predecessor".to_owned()).spawn(serve)?;
        }
        steps.serve.send_replace(true);
        until(listening);
        if say(&mut self.control, &FromSuccessor::Listening).is_ok()
            && let Ok(FromPredecessor::Main) = hear(&mut self.control)
        {
            tracing::info!("took over from the gate before");
            steps.main.send_replace(true);
        }
        Ok(())
    }
}

impl Receiving {
    /// Waits for the rest, and keeps it from now on.
    fn complete(self) -> io::Result<(Arc<Memory>, UnixStream)> {
        let records = self.received.recv().map_err(|_| io::Error::other("what is remembered was not received"))??;
        if let Some(path) = &self.keep_in {
            self.memory.keep_in(path).map_err(io::Error::other)?;
        }
        tracing::info!(records, "history received");
        Ok((self.memory, self.line))
    }
}

fn until(true_at_last: impl Fn() -> bool) {
    while !true_at_last() {
        thread::sleep(Duration::from_millis(2));
    }
}

fn fail(control: &mut UnixStream, why: &str) {
    // Long reports are in the log.
    let why = why.chars().take(2000).collect();
    let _ = say(control, &FromSuccessor::Failed { why });
}

fn out_of_turn() -> io::Error {
    io::Error::other("the gate that is to be replaced said something else than was its turn")
}
