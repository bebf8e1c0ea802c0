//! A sign of life on the terminal while a command takes longer than a second.
//!
//! Nothing is drawn where nobody looks (a pipe, a log of CI), nor for a command that is done at once: a bar that flashes
//! up is noise. What is drawn is a spinner with the time, and how much was done where that is counted: none of the commands
//! knows beforehand how much there is to do.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a command may take in silence.
const SILENT: Duration = Duration::from_secs(1);
/// How often a number is drawn again.
const AGAIN: Duration = Duration::from_millis(250);

/// Draws until it is dropped.
pub struct Progress {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// `what` is being done, as in `reading shop.yaml`.
    pub fn of(what: String) -> Progress {
        Progress::counting(what, None)
    }

    /// As [`Progress::of`], with a number that grows.
    pub fn counting(what: String, done: Option<Arc<AtomicU64>>) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { over: None, thread: None };
        }
        let (over, is_over) = channel();
        // Without a thread there is no spinner, and all else goes on.
        let thread = std::thread::Builder::new().spawn(move || {
            if is_over.recv_timeout(SILENT) == Err(RecvTimeoutError::Timeout) {
                let bar = ProgressBar::new_spinner().with_message(what.clone());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(100));
                while is_over.recv_timeout(AGAIN) == Err(RecvTimeoutError::Timeout) {
                    if let Some(done) = &done {
                        bar.set_message(format!("{what}: {}", done.load(Ordering::Relaxed)));
                    }
                }
                bar.finish_and_clear();
            }
        });
        Progress { over: Some(over), thread: thread.ok() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
