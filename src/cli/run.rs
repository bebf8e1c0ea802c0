//! `tollgate run`: reads the configuration, switches logging on, and serves.

use super::FAILED;
use super::check::CONFIGURATION;
use crate::config::{self, settings};
use crate::gateway::server;
use std::io::{IsTerminal, Write};
use std::path::Path;
use tracing_subscriber::EnvFilter;

/// Serves. Returns only if it cannot.
pub fn run(file: &Path) -> u8 {
    let mut err = std::io::stderr();
    let (settings, warnings) = match config::load(file) {
        Ok(loaded) => loaded,
        Err(report) => {
            let _ = write!(err, "{report}");
            return CONFIGURATION;
        }
    };
    log(settings.log);
    for warning in warnings {
        tracing::warn!("{}", warning.render(&file.display().to_string(), "warning").trim_end());
    }
    match server::run(settings) {
        Ok(never) => match never {},
        Err(error) => {
            let _ = writeln!(err, "tollgate: {error}");
            FAILED
        }
    }
}

/// Logs to standard error. `RUST_LOG` chooses more or less, as everywhere.
fn log(format: settings::Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,pingora=warn"));
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people who look.
    let logging = logging.with_ansi(std::io::stderr().is_terminal());
    match format {
        settings::Log::Text => logging.init(),
        settings::Log::Json => logging.json().init(),
    }
}
