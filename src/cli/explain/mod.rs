//! `tollgate explain`: what the gate makes of one request, or what one of its records says, for people and (`--json`)
//! for programs.
//!
//! It works on an operator's laptop as on the server: files that are not there are told and done without, nothing is
//! made, sent or counted. Wrong options end with 64, an unreadable request with 1, a broken configuration with 78.

mod paint;
mod record;
mod text;

use super::check::CONFIGURATION;
use super::{FAILED, USAGE, output};
use crate::config;
use crate::engine::time::{Timestamp, days_from_civil};
use crate::gateway::clock::Clock;
use crate::gateway::rehearsal::history::{self, Told};
use crate::gateway::rehearsal::source::{self, Kind, LARGEST, SourceError};
use crate::gateway::rehearsal::{Facts, Rehearsal, RehearsalError, wire};
use paint::Paint;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// What `explain` is told.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 explained, 1 the request or record cannot be read, 64 wrong usage, 78 a mistake in the configuration.\n\n\
    Examples:\n  tollgate explain --config conf/demo.yaml --request login.txt --client-ip 203.0.113.7\n  \
    tollgate explain --config conf/demo.yaml --request - --history account.failures_here=12 --answer 302\n  \
    tail -n 1 decisions.jsonl | tollgate explain --record -",
    after_long_help = long_help())]
pub struct Options {
    /// The configuration. With --record it adds the text of the rule that decided.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The request: its text, a HAR recording, or a curl command ("Copy as cURL"); `-` for standard input.
    #[arg(long, short, value_name = "FILE", required_unless_present = "record", conflicts_with = "record")]
    request: Option<PathBuf>,
    /// A decision record, one JSON line (or several); `-` for standard input.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What the request is written in, if it is not recognised by itself.
    #[arg(long, value_name = "KIND", value_parser = ["raw", "har", "curl"])]
    from: Option<String>,
    /// Which request of a recording, from 1.
    #[arg(long, value_name = "N")]
    entry: Option<usize>,
    /// The address at the other end of the connection.
    #[arg(long, value_name = "ADDRESS")]
    client_ip: Option<IpAddr>,
    /// What the store remembers, as in account.failures=5; `none`: the store does not answer. May be repeated; the
    /// names are listed by `--help`.
    #[arg(long, value_name = "NAME=NUMBER")]
    history: Vec<String>,
    /// When it happened: 2026-11-22T09:00:00Z, or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The connection is encrypted (recordings and commands tell by their address).
    #[arg(long)]
    tls: bool,
    /// What the application answers, to see the moment after a success: a status, or a file with the answer's text.
    #[arg(long, value_name = "FILE-or-status")]
    answer: Option<String>,
    /// One JSON object instead of text for people.
    #[arg(long)]
    json: bool,
}

/// The configuration where none is named, as for `run`.
const CONFIG: &str = "conf/tollgate.yaml";
/// Stand in for a client whose address is not told: for documentation (RFC 5737), so nothing is known of them. The first
/// that is on none of the operator's lists: examples are copied, and `office` would let it in.
const NOBODY: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
];

fn long_help() -> String {
    let width = history::facts().map(|fact| fact.name.len()).max().unwrap_or(0);
    let facts: String = history::facts().map(|fact| format!("  {:width$}  {}\n", fact.name, fact.summary)).collect();
    format!(
        "What --history can tell (this attempt is counted by itself):\n{facts}\nExit codes: 0 explained, 1 the request or \
         record cannot be read, 64 wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  tollgate explain --config \
         conf/demo.yaml --request login.txt --client-ip 203.0.113.7\n  tollgate explain --config conf/demo.yaml --request - \
         --history account.failures_here=12 --answer 302\n  tail -n 1 decisions.jsonl | tollgate explain --record -"
    )
}

/// Why there is no explanation.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>, help: &str) -> Failure {
        Failure { code: USAGE, message: with_help("error", &message.into(), help) }
    }

    fn of_source(name: &str, error: &SourceError) -> Failure {
        let place = if error.line > 0 { format!("{name}:{}", error.line) } else { name.to_owned() };
        let code = if error.is_usage { USAGE } else { FAILED };
        Failure { code, message: with_help("error", &format!("{place}: {}", error.message), &error.help) }
    }
}

fn with_help(level: &str, message: &str, help: &str) -> String {
    let mut text = format!("{level}: {message}\n");
    for (place, line) in help.lines().enumerate() {
        text.push_str(if place == 0 { "  = help: " } else { "          " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Explains, and returns the exit code.
pub fn explain(options: &Options) -> u8 {
    let explained = match &options.record {
        Some(file) => record::explain(file, options.config.as_deref(), options.json),
        None => request(options),
    };
    match explained {
        Ok(text) => output::print(&Paint::for_stdout().render(&text)),
        Err(failure) => {
            let _ = write!(std::io::stderr().lock(), "{}", Paint::OFF.render(&failure.message));
            failure.code
        }
    }
}

fn request(options: &Options) -> Result<String, Failure> {
    // Clap has seen to it that there is one.
    let file = options.request.as_deref().unwrap_or(Path::new("-"));
    let kind = options.from.as_deref().and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name));
    let mut told = Told::default();
    for text in &options.history {
        told.add(text).map_err(|error| Failure::usage(format!("--history: {error}"), &error.help))?;
    }
    let at = match &options.at {
        Some(text) => time(text).ok_or_else(|| {
            Failure::usage(
                format!("--at: `{text}` is no time"),
                "write it as in 2026-11-22T09:00:00Z, or in seconds since 1970",
            )
        })?,
        None => Clock::System.now(),
    };
    let config = options.config.as_deref().unwrap_or(Path::new(CONFIG));
    let (settings, absent) = config::load_elsewhere(config)
        .map_err(|report| Failure { code: CONFIGURATION, message: report.to_string() })?;
    let name = file_name(file);
    let text = read(file)?;
    let mut source = source::read(&text, kind, options.entry).map_err(|error| Failure::of_source(&name, &error))?;
    let answer = options.answer.as_deref().map(answer).transpose()?;
    let failed = |error| match error {
        RehearsalError::Configuration(problems) => Failure {
            code: CONFIGURATION,
            message: problems.iter().map(|problem| format!("error: {problem}\n")).collect(),
        },
        RehearsalError::Request(error) => Failure::of_source(&name, &error),
        RehearsalError::System(error) => Failure { code: FAILED, message: format!("error: {error}\n") },
    };
    let rehearsal = Rehearsal::open(settings, absent).map_err(failed)?;
    let peer = options.client_ip.unwrap_or_else(|| {
        let nobody = NOBODY.into_iter().find(|address| !rehearsal.is_listed(*address)).unwrap_or(NOBODY[0]);
        source.notes.push(format!("no --client-ip: {nobody} stands in, of which nothing is known"));
        nobody
    });
    let facts = Facts { peer, at, tls: options.tls || source.tls.unwrap_or(false), history: told, answer };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure { code: FAILED, message: format!("error: {error}\n") })?;
    let explanation = runtime.block_on(rehearsal.explain(&source, &facts)).map_err(failed)?;
    Ok(match options.json {
        true => serde_json::to_string_pretty(&explanation).unwrap_or_default() + "\n",
        false => text::explanation(&explanation),
    })
}

/// A status, or the name of a file.
fn answer(text: &str) -> Result<wire::Answered, Failure> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return wire::answer(text.as_bytes())
            .map_err(|error| Failure::usage(format!("--answer: {error}"), &error.help));
    }
    let bytes = read(Path::new(text))?;
    wire::answer(&bytes).map_err(|error| Failure::of_source(text, &error))
}

fn file_name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// A whole file, or standard input.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        let message = with_help("error", &format!("{}: {error}", file_name(file)), "");
        Failure { code: FAILED, message }
    };
    let mut bytes = Vec::new();
    // One byte more than is read, so that a larger file is told.
    let most = LARGEST as u64 + 1;
    match file == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => std::fs::File::open(file).and_then(|opened| opened.take(most).read_to_end(&mut bytes)),
    }
    .map_err(failed)?;
    Ok(bytes)
}

/// RFC 3339 in UTC or with an offset, or seconds since the epoch.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).map(Timestamp);
    }
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (clock, offset) = match rest.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let at = rest.rfind(['+', '-'])?;
            let (hours, minutes) = rest[at + 1..].split_once(':')?;
            let minutes = in_range(hours, 2, 0, 23)? * 60 + in_range(minutes, 2, 0, 59)?;
            (&rest[..at], if rest[at..].starts_with('-') { -minutes } else { minutes })
        }
    };
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let days = days_from_civil(in_range(year, 4, 1970, 9999)?, in_range(month, 2, 1, 12)?, in_range(day, 2, 1, 31)?);
    let mut clock = clock.split(':');
    let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next().unwrap_or("00"));
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    let minutes = in_range(hour, 2, 0, 23)? * 60 + in_range(minute, 2, 0, 59)? - offset;
    let millis = (days * 1440 + minutes) * 60_000 + in_range(second, 2, 0, 60)? * 1000 + in_range(&millis, 3, 0, 999)?;
    u64::try_from(millis).ok().map(Timestamp)
}

fn in_range(text: &str, digits: usize, low: i64, high: i64) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && (low..=high).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1795338000", Some("2026-11-22T09:00:00.000Z")),
            ("2026-11-22T09:00:00Z", Some("2026-11-22T09:00:00.000Z")),
            ("2026-11-22 09:00Z", Some("2026-11-22T09:00:00.000Z")),
            ("2026-11-22T01:02:03.4Z", Some("2026-11-22T01:02:03.400Z")),
            ("2026-11-22T10:00:00+01:00", Some("2026-11-22T09:00:00.000Z")),
            ("2026-11-21T23:30:00-01:30", Some("2026-11-22T01:00:00.000Z")),
            ("2026-11-22T09:00:00", None),
            ("2026-13-22T09:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("yesterday", None),
        ] {
            assert_eq!(time(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
