//! The instrument: attempts whose truth is known are played to the real engine over the real memory, and what it made of them
//! is measured.
//!
//! [`traffic`] reads the files as one, [`replay`](crate::gateway::rehearsal::replay) takes each attempt through the gate's
//! own steps, [`solvers`] says who solves a challenge, [`verdict`] is what came of it, and [`tally`] counts; when all is
//! played, [`summary`] makes the [`report`] of the counts, and [`text`], [`html`] and [`compare`] show it. Everything but
//! `traffic` and `replay` is a plain value. Memory does not depend on how long the files are: scores are histograms, and
//! what is remembered by name is bounded.
//!
//! [`rba`] is another instrument: the published model of account takeover alone, on the columns of the public data set. And
//! [`labelled`] measures what a gate has decided, where people said afterwards what was right.

pub mod attack;
pub mod compare;
pub mod detection;
pub mod html;
pub mod innocents;
pub mod labelled;
pub mod named;
pub mod plot;
pub mod rba;
pub mod reauthentication;
pub mod report;
pub mod share;
pub mod solvers;
pub mod spread;
pub mod summary;
pub mod tally;
pub mod text;
pub mod traffic;
pub mod verdict;
pub mod verdicts;

use self::report::{Configuration, Input, Memory, Report};
use self::solvers::Solvers;
use self::tally::Tally;
use self::traffic::{Arrival, Lines, STANDARD_INPUT, Together, Traffic, TrafficError};
use self::verdict::Verdict;
use self::verdicts::Place;
use crate::config;
use crate::engine::time::Timestamp;
use crate::gateway::rehearsal::RehearsalError;
use crate::gateway::rehearsal::replay::Replay;
use crate::store::KindStats;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The configuration where none is named.
const BUILT_IN: &str = include_str!("built_in.yaml");
/// What is learned from and not counted, unless it is said: half of the time that the files tell of, and no more than this.
pub const LONGEST_WARM_UP: Duration = Duration::from_secs(7 * 86_400);

/// What is to be evaluated.
pub struct Asked<'a> {
    pub files: &'a [PathBuf],
    /// None: the built-in configuration, with the built-in policy.
    pub config: Option<&'a Path>,
    pub warm_up: Option<Duration>,
    pub solvers: Solvers,
    /// Where to write verdicts.
    pub verdicts: Option<&'a Path>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration, or a file that it names; what is wrong with it, line by line.
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    #[error("{0}")]
    Failed(String),
}

/// Plays the files and measures.
pub fn evaluate(asked: &Asked<'_>) -> Result<Report, Failure> {
    let (replay, configuration) = open(asked)?;
    let counted_from = counted_from(asked)?;
    let traffic = Traffic::open(asked.files)?;
    play(asked, replay, configuration, traffic, counted_from)
}

fn open(asked: &Asked<'_>) -> Result<(Replay, Configuration), Failure> {
    let read = match asked.config {
        Some(path) => config::load_elsewhere(path),
        None => config::parse_elsewhere("built-in", BUILT_IN, Path::new("")),
    };
    let (settings, absent) = read.map_err(|report| Failure::Configuration(report.to_string()))?;
    let name = asked.config.map_or_else(|| "built-in".to_owned(), |path| path.display().to_string());
    let replay = Replay::open(settings, absent).map_err(|error| match error {
        RehearsalError::Configuration(problems) => {
            Failure::Configuration(problems.iter().map(|problem| format!("error: {problem}\n")).collect())
        }
        RehearsalError::Request(error) => Failure::Failed(error.to_string()),
        RehearsalError::System(error) => Failure::Failed(error),
    })?;
    let settings = replay.settings();
    let mut policies = std::collections::BTreeMap::new();
    for route in &settings.routes {
        // The first route of an event judges all of it.
        policies.entry(route.event.name().to_owned()).or_insert_with(|| route.policy.rules.name.to_string());
    }
    let configuration = Configuration {
        name,
        hash: settings.hash.to_string(),
        policies,
        solvers: asked.solvers.list(),
        absent: replay.absent().iter().map(|absent| format!("{}: {}", absent.key, absent.file)).collect(),
    };
    Ok((replay, configuration))
}

/// When counting begins.
fn counted_from(asked: &Asked<'_>) -> Result<Timestamp, Failure> {
    let streams = asked.files.iter().any(|file| file.as_os_str() == STANDARD_INPUT);
    match (asked.warm_up, streams) {
        (Some(Duration::ZERO), _) => Ok(Timestamp::default()),
        (_, true) => Err(Failure::Usage(
            "how long standard input is cannot be known beforehand: write `--warm-up 0s`, or read from a file"
                .to_owned(),
        )),
        (warm_up, false) => {
            let Some((from, until)) = traffic::span(asked.files)? else { return Ok(Timestamp::default()) };
            let span = until.since(from);
            match warm_up {
                Some(warm_up) if warm_up > span => Err(Failure::Usage(format!(
                    "the files tell of {:.1} days: with a warm-up of {:.1} nothing would be counted",
                    span.as_secs_f64() / 86_400.0,
                    warm_up.as_secs_f64() / 86_400.0
                ))),
                warm_up => Ok(from.after(warm_up.unwrap_or((span / 2).min(LONGEST_WARM_UP)))),
            }
        }
    }
}

fn play(
    asked: &Asked<'_>,
    mut replay: Replay,
    configuration: Configuration,
    mut traffic: Traffic,
    counted_from: Timestamp,
) -> Result<Report, Failure> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", path.display()));
    let mut verdicts = match asked.verdicts {
        None => None,
        Some(path) => Some((BufWriter::new(File::create(path).map_err(|error| failed(path, &error))?), path)),
    };
    let accounts = kinds(&replay).find(|kind| kind.kind == "account").map_or(0, |kind| kind.capacity);
    let mut tally = Tally::new(counted_from, usize::try_from(accounts).unwrap_or(usize::MAX));
    let names: Vec<String> = (0..asked.files.len()).map(|file| traffic.name(file).to_owned()).collect();
    let mut lines = Lines::default();
    loop {
        let Together { arrivals, wrong } = traffic.read(&mut lines);
        if arrivals.is_empty() && wrong.is_none() {
            break;
        }
        let attempts: Vec<_> = arrivals.iter().map(|arrival| &arrival.attempt).collect();
        let prepared = replay.prepare(&attempts);
        for (Arrival { attempt, file, line }, prepared) in arrivals.iter().zip(prepared) {
            let (file, line) = (*file, *line);
            tally.arrived(attempt);
            let solves = |kind| asked.solvers.solves(attempt, kind);
            let prepared = prepared.map_err(|problem| Failure::Failed(format!("{}:{line}: {problem}", names[file])))?;
            let replayed = prepared.map(|prepared| replay.play(attempt, prepared, &solves));
            let verdict = replayed.as_ref().map(Verdict::of);
            match replayed.as_ref().zip(verdict.as_ref()) {
                Some((replayed, verdict)) => tally.add(attempt, replayed, verdict, (file, line)),
                None => tally.unprotected(&attempt.event),
            }
            if let Some((out, path)) = &mut verdicts {
                let named = (asked.files.len() > 1).then(|| &*names[file]);
                let place = Place { file: named, line, warm_up: tally.is_warm_up(attempt.at) };
                verdicts::write(out, verdict.as_ref(), &place).map_err(|error| failed(path, &error))?;
            }
        }
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
    }
    if let Some((mut out, path)) = verdicts {
        out.flush().map_err(|error| failed(path, &error))?;
    }
    if tally.attempts == 0 {
        return Err(Failure::Failed(format!("{}: there are no attempts", names.join(", "))));
    }
    let names = |file: usize| names[file].clone();
    Ok(report(&tally, input(asked, &tally, &replay, &names), configuration, &names))
}

fn kinds(replay: &Replay) -> impl Iterator<Item = KindStats> {
    replay.stats().kinds.into_iter()
}

fn input(asked: &Asked<'_>, tally: &Tally, replay: &Replay, names: summary::Names<'_>) -> Input {
    let unprotected: u64 = tally.unprotected.values().sum();
    let from = tally.first.unwrap_or_default();
    Input {
        files: (0..asked.files.len()).map(names).collect(),
        attempts: tally.attempts,
        warm_up: tally.warm_up,
        warm_up_attacks: tally.warm_up_attacks.iter().map(|(label, attempts)| (label.to_owned(), *attempts)).collect(),
        counted: tally.attempts - tally.warm_up - unprotected,
        unprotected: tally.unprotected.clone(),
        from: from.as_secs_f64(),
        counted_from: tally.counted_from.max(from).as_secs_f64(),
        until: tally.last.as_secs_f64(),
        memory: kinds(replay)
            // How many are still open when the files end is chance's, and nobody's question.
            .filter(|kind| kind.entries > 0 && kind.kind != "attempt")
            .map(|KindStats { kind, entries, bytes, evicted, .. }| {
                (kind.to_owned(), Memory { entries, bytes, evicted })
            })
            .collect(),
    }
}

fn report(tally: &Tally, input: Input, configuration: Configuration, names: summary::Names<'_>) -> Report {
    Report {
        version: report::VERSION,
        tollgate: env!("CARGO_PKG_VERSION").to_owned(),
        input,
        configuration,
        innocents: summary::innocents(tally, names),
        attacks: summary::attacks(tally),
        signals: summary::signals(tally),
        calibration: summary::calibration(tally),
        reauthentication: summary::reauthentication(&tally.reauthentication),
        comparison: None,
    }
}

#[cfg(test)]
mod tests;
