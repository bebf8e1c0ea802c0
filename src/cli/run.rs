//! `tollgate run`: reads the configuration, switches logging on, and serves.

use super::FAILED;
use super::check::CONFIGURATION;
use crate::config::{self, settings};
use crate::gateway::server;
use crate::gateway::succession::successor::Successor;
use std::io::{IsTerminal, Write};
use std::path::Path;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::prelude::*;

/// Serves. Returns only if it cannot.
pub fn run(file: &Path) -> u8 {
    let mut err = std::io::stderr();
    let successor = match Successor::is_one().transpose() {
        Ok(successor) => successor,
        Err(error) => {
            let _ = writeln!(err, "tollgate: the gate that runs cannot be taken over from: {error}");
            return FAILED;
        }
    };
    let config::Reading { result, files, version, .. } = config::read(file);
    let (settings, warnings) = match result {
        Ok(loaded) => loaded,
        Err(report) => {
            let _ = write!(err, "{report}");
            if let Some(successor) = successor {
                successor.fail(&format!("{report}"));
            }
            return CONFIGURATION;
        }
    };
    log(settings.log);
    for warning in warnings {
        tracing::warn!("{}", warning.render(&file.display().to_string(), "warning").trim_end());
    }
    match server::run(settings, file, files, version, successor) {
        Ok(never) => match never {},
        Err(error) => {
            let _ = writeln!(err, "tollgate: {error}");
            if error.is_configuration() { CONFIGURATION } else { FAILED }
        }
    }
}

/// Logs to standard error. `RUST_LOG` chooses more or less, as everywhere, of the gate's own.
///
/// Libraries never get below `info`: Pingora's debugging prints whole heads with their cookies, and answers, and a log
/// that was turned up for an afternoon is kept for years.
fn log(format: settings::Log) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,pingora=warn,pingora_proxy=error,pingora_load_balancing=error"));
    let tame = filter_fn(|event| event.target().starts_with("tollgate") || *event.level() <= Level::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Colours are for people who look.
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    let logging = tracing_subscriber::registry().with(filter);
    match format {
        settings::Log::Text => logging.with(lines.with_filter(tame)).init(),
        settings::Log::Json => logging.with(lines.json().with_filter(tame)).init(),
    }
}
