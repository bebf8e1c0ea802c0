//! A sign of life on the terminal while a command takes longer than a second.
//!
//! Nothing is drawn where nobody looks (a pipe, a log of CI), nor for a command that is done at once: a bar that flashes
//! up is noise. What is drawn is a spinner with the time: none of the commands knows beforehand how much there is to do.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a command may take in silence.
const SILENT: Duration = Duration::from_secs(1);

/// Draws until it is dropped.
pub struct Progress {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// `what` is being done, as in `reading shop.yaml`.
    pub fn of(what: String) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { over: None, thread: None };
        }
        let (over, is_over) = channel();
        // Without a thread there is no spinner, and all else goes on.
        let thread = std::thread::Builder::new().spawn(move || {
            if is_over.recv_timeout(SILENT) == Err(RecvTimeoutError::Timeout) {
                let bar = ProgressBar::new_spinner().with_message(what);
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(100));
                let _ = is_over.recv();
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
