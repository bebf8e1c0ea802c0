//! The side of the process that is replaced.

use super::control::{FromPredecessor, FromSuccessor, SUCCEEDS, WORDS, hear, say};
use super::sockets::{MOST, Sockets};
use crate::store::Store;
use crate::store::memory::heir::{Frozen, Heir};
use crate::store::memory::state::file::LAYOUT;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the successor may take to read its configuration.
const READ: Duration = Duration::from_secs(60);
/// How long it may take to load what the configuration names: as a start may (`TimeoutStartSec`).
const LOAD: Duration = Duration::from_secs(90);
/// How long it may take to have the last changes, while nobody is answered who asks for the memory.
const LAST: Duration = Duration::from_secs(5);
/// How long it may take to accept connections once it has been told to.
const LISTEN: Duration = Duration::from_secs(10);
/// How often what changed is shown while it loads.
const AGAIN: Duration = Duration::from_millis(200);

/// This program, as it was started: what lies at its path is what follows it.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// To be called before anybody can have replaced the file.
    pub fn own() -> io::Result<Program> {
        let mut arguments = std::env::args_os();
        let name = PathBuf::from(arguments.next().unwrap_or_default());
        // The name it was called by, not the file that was found under it: that may be a link to the version of now.
        let path = match name.components().count() {
            0 => std::env::current_exe()?,
            1 if !name.has_root() => on_path(&name).map_or_else(std::env::current_exe, Ok)?,
            _ => std::path::absolute(&name)?,
        };
        Ok(Program { path, arguments: arguments.collect() })
    }

    fn start(&self, control: UnixStream) -> io::Result<Child> {
        Command::new(&self.path)
            .args(&self.arguments)
            .env(SUCCEEDS, std::process::id().to_string())
            // It will be the main process, and this names another.
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::from(OwnedFd::from(control)))
            .spawn()
    }
}

fn on_path(name: &Path) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|place| place.join(name)).find(|path| path.is_file())
}

/// Why this process goes on. For the operator.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{} cannot be started: {error}", path.display())]
    Start { path: PathBuf, error: io::Error },
    #[error("the new program says: {0}")]
    Failed(String),
    #[error("the new program ended with {0} while it was {1}; its log says why")]
    Ended(ExitStatus, &'static str),
    #[error("the new program was still {doing} after {} s", allowed.as_secs())]
    Late { allowed: Duration, doing: &'static str },
    #[error("the new program ({0}) hands over in another way than this one: it needs a restart")]
    Words(String),
    #[error("the new program ({0}) writes the store's state in another layout than this one: it needs a restart")]
    Layout(String),
    #[error("at most {} listeners can be handed over", MOST - 1)]
    Listeners,
    #[error("while it was {0}: {1}")]
    Line(&'static str, io::Error),
}

/// It is done: the successor serves.
#[derive(Debug)]
pub struct HandedOver {
    pub successor: Successor,
    pub version: String,
    /// How long it took altogether.
    pub took: Duration,
    /// How long who asked for the memory had to wait.
    pub stood: Duration,
}

/// The process that took over.
#[derive(Debug)]
pub struct Successor {
    child: Child,
    control: UnixStream,
    words: mpsc::Receiver<FromSuccessor>,
}

impl Successor {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The service manager knows.
    pub fn is_main(&mut self) {
        // Should it have ended, that is noticed otherwise.
        let _ = say(&mut self.control, &FromPredecessor::Main);
    }

    /// Returns when it has ended.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        while self.words.recv().is_ok() {}
        self.child.wait()
    }
}

/// Hands over. Returns when the successor serves, or when it is gone and all is as before.
pub fn hand_over(program: &Program, store: &Store, sockets: &Sockets) -> Result<HandedOver, Refusal> {
    let began = Instant::now();
    let line = |error| Refusal::Line("starting", error);
    if sockets.addresses().len() >= MOST {
        return Err(Refusal::Listeners);
    }
    let (control, theirs) = UnixStream::pair().map_err(line)?;
    control.set_write_timeout(Some(LAST)).map_err(line)?;
    let words = listen_to(control.try_clone().map_err(line)?).map_err(line)?;
    let child = program.start(theirs).map_err(|error| Refusal::Start { path: program.path.clone(), error })?;
    let mut successor = Successor { child, control, words };
    // What is frozen may thaw only when the successor is no more.
    let mut frozen = None;
    match converse(&mut successor, store, sockets, &mut frozen) {
        Ok((version, stood)) => Ok(HandedOver { successor, version, took: began.elapsed(), stood }),
        Err(refusal) => {
            let refusal = successor.end(refusal);
            drop(frozen);
            Err(refusal)
        }
    }
}

/// What the successor says, as it comes; the channel is closed when it is gone.
fn listen_to(mut control: UnixStream) -> io::Result<mpsc::Receiver<FromSuccessor>> {
    let (tell, words) = mpsc::channel();
    let work = move || {
        while let Ok(word) = hear(&mut control) {
            if tell.send(word).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("succession".to_owned()).spawn(work)?;
    Ok(words)
}

impl Successor {
    /// The next word, within `allowed`; `meanwhile` is done again and again until it comes.
    fn says(
        &mut self,
        doing: &'static str,
        allowed: Duration,
        mut meanwhile: impl FnMut() -> Result<(), Refusal>,
    ) -> Result<FromSuccessor, Refusal> {
        let began = Instant::now();
        loop {
            match self.words.recv_timeout(AGAIN) {
                Ok(FromSuccessor::Failed { why }) => return Err(Refusal::Failed(why)),
                Ok(word) => return Ok(word),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(doing)),
                Err(RecvTimeoutError::Timeout) if began.elapsed() > allowed => {
                    return Err(Refusal::Late { allowed, doing });
                }
                Err(RecvTimeoutError::Timeout) => meanwhile()?,
            }
        }
    }

    fn tell(&mut self, doing: &'static str, word: &FromPredecessor) -> Result<(), Refusal> {
        say(&mut self.control, word).map_err(|error| Refusal::Line(doing, error))
    }

    fn ended(&mut self, doing: &'static str) -> Refusal {
        // It closed the line: it ends, or is no program of ours.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => Refusal::Ended(status, doing),
            Err(error) => Refusal::Line(doing, error),
        }
    }

    /// Ends it. A broken line is most often the sign of what it said before, or of its end.
    fn end(&mut self, refusal: Refusal) -> Refusal {
        let refusal = match refusal {
            Refusal::Line(doing, error) => match self.words.recv_timeout(Duration::from_secs(1)) {
                Ok(FromSuccessor::Failed { why }) => Refusal::Failed(why),
                Err(RecvTimeoutError::Disconnected) => self.ended(doing),
                Ok(_) | Err(RecvTimeoutError::Timeout) => Refusal::Line(doing, error),
            },
            refusal => refusal,
        };
        let _ = self.child.kill();
        let _ = self.child.wait();
        refusal
    }
}

/// See the module above. The version of the successor, and how long the memory stood still.
fn converse(
    successor: &mut Successor,
    store: &Store,
    sockets: &Sockets,
    frozen: &mut Option<Frozen>,
) -> Result<(String, Duration), Refusal> {
    let nothing = || Ok(());
    let (version, layout) = match successor.says("reading its configuration", READ, nothing)? {
        FromSuccessor::Hello { words, version, layout } if words == WORDS => (version, layout),
        FromSuccessor::Hello { version, .. } => return Err(Refusal::Words(version)),
        word => return Err(unexpected("reading its configuration", &word)),
    };
    // A successor with another kind of store counts there; what is open here is settled here.
    let memory = match (store.memory(), layout) {
        (Some(memory), Some(layout)) if layout == LAYOUT => Some(memory),
        (Some(_), Some(_)) => return Err(Refusal::Layout(version)),
        (None, _) | (_, None) => None,
    };

    let loading = "loading";
    let line = |error| Refusal::Line(loading, error);
    let take = FromPredecessor::Take { listeners: sockets.addresses(), tags: memory.map(|memory| memory.tags()) };
    successor.tell(loading, &take)?;
    let lines = memory.map(|_| UnixStream::pair()).transpose().map_err(line)?;
    sockets.send(&successor.control, lines.as_ref().map(|(_, theirs)| theirs)).map_err(line)?;
    let ours = lines.map(|(ours, _)| ours);
    let passing = match (memory, &ours) {
        (Some(memory), Some(ours)) => Some(memory.pass_on(ours).map_err(line)?),
        _ => None,
    };
    let catch_up = || passing.as_ref().map_or(Ok(()), |passing| passing.catch_up().map(drop).map_err(line));
    match successor.says(loading, LOAD, catch_up)? {
        FromSuccessor::Prepared => {}
        word => return Err(unexpected(loading, &word)),
    }
    // As little as can be is left for when nobody is answered.
    catch_up()?;

    let taking = "taking over";
    let line = |error| Refusal::Line(taking, error);
    let stands = Instant::now();
    *frozen = passing.map(|passing| passing.freeze()).transpose().map_err(line)?;
    match successor.says(taking, LAST, nothing)? {
        FromSuccessor::Have => {}
        word => return Err(unexpected(taking, &word)),
    }
    let heir = ours.map(Heir::new).transpose().map_err(line)?;
    successor.tell(taking, &FromPredecessor::Serve)?;
    if let (Some(frozen), Some(heir)) = (frozen.take(), heir) {
        frozen.give(heir);
    }
    let stood = stands.elapsed();
    // It owns the memory: whatever it says or does not say now, it is the gate.
    match successor.says("beginning to listen", LISTEN, nothing) {
        Ok(FromSuccessor::Listening) => {}
        Ok(word) => tracing::error!(?word, "the gate that took over is not heard to listen"),
        Err(error) => tracing::error!(%error, "the gate that took over is not heard to listen"),
    }
    Ok((version, stood))
}

fn unexpected(doing: &'static str, word: &FromSuccessor) -> Refusal {
    Refusal::Line(doing, io::Error::other(format!("it said {word:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::{Limits, Memory};

    fn try_with(script: &str) -> Refusal {
        let arguments = vec!["-c".into(), script.into()];
        let program = Program { path: "/bin/sh".into(), arguments };
        let store = Store::Memory(Memory::new(Limits::of_entries(10)).into());
        hand_over(&program, &store, &Sockets::default()).unwrap_err()
    }

    #[test]
    fn a_program_that_cannot_be_one_is_refused_in_words() {
        let missing = Program { path: "/no/such/program".into(), arguments: Vec::new() };
        let store = Store::Memory(Memory::new(Limits::of_entries(10)).into());
        let refusal = hand_over(&missing, &store, &Sockets::default()).unwrap_err();
        assert!(refusal.to_string().starts_with("/no/such/program cannot be started: "), "{refusal}");
        let refusal = try_with("exec 0<&-; exit 78");
        assert!(refusal.to_string().contains("ended with"), "{refusal}");
        let hello = r#"{"Hello":{"words":999,"version":"9.9.9","layout":null}}"#;
        let length = hello.len();
        let refusal = try_with(&format!("printf '\\{length:03o}\\0\\0\\0%s' '{hello}' >&0; sleep 60"));
        assert!(refusal.to_string().contains("9.9.9") && refusal.to_string().contains("restart"), "{refusal}");
    }

    #[test]
    fn a_program_is_found_again_as_it_was_called() {
        let own = Program::own().unwrap();
        assert!(own.path.is_absolute() && own.path.is_file(), "{own:?}");
        assert_eq!(on_path(Path::new("no-such-program-anywhere")), None);
        assert!(on_path(Path::new("sh")).is_some());
    }
}
