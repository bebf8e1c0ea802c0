//! `tollgate simulate`: labelled traffic, into a file or against a gate that runs.
//!
//! The file is the measure's side: `evaluate` replays it in no time. Playing is the operator's: does my gate, with my
//! configuration, before my application's double, do what the figures say? Both are the same attempts of the same seed.

mod play;

use super::progress::Progress;
use super::{FAILED, FINE, USAGE, output};
use crate::attempt_file::{INNOCENT, LabelledAttempt};
use crate::config;
use crate::engine::outcome::Outcome;
use crate::simulate::attackers::ATTACKERS;
use crate::simulate::{Mix, Simulation};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Make labelled traffic from a seed: people who log in, register, forget and buy, and attackers of every kind among them.
/// The same seed and mix give the same bytes on every machine.
#[derive(clap::Args)]
#[command(
    after_help = "An attempt a line, in time order, each with the truth: who made it, whether it was meant well, and what \
                        the application would answer. `tollgate evaluate` reads such files. Without options it is the \
                        default mix: 100,000 accounts for 14 days, 945,000 attempts.\n\nWith --against the attempts are \
                        sent to a gate that runs, in the form that the first route of each event in --config has; the \
                        gate must be told to trust this machine (client_ip.trusted_proxies), or every attempt is of one \
                        address.\n\nExit codes: 0 fine, 1 a file could not be read or written, or the gate not be \
                        reached, 64 wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  tollgate simulate \
                        --seed 7 --output traffic.jsonl\n  tollgate simulate --accounts 2000 --days 3 | head\n  tollgate \
                        simulate --print-mix > mix.yaml\n  tollgate simulate --mix mix.yaml --output traffic.jsonl\n  \
                        tollgate simulate --accounts 1000 --days 1 --against http://127.0.0.1:8080 --config conf/demo.yaml \
                        --rate 50"
)]
pub struct Options {
    /// What everything follows from.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Another mix; what the file does not say is as in the default.
    #[arg(long, value_name = "FILE")]
    mix: Option<PathBuf>,
    /// Print the mix as YAML, to begin one's own with, and make nothing.
    #[arg(long)]
    print_mix: bool,
    /// So many accounts; attempts a day are scaled with them.
    #[arg(long, value_name = "NUMBER")]
    accounts: Option<u32>,
    /// So many days.
    #[arg(long, value_name = "NUMBER")]
    days: Option<u32>,
    /// Where the attempts go, instead of to standard output.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["against", "print_mix"])]
    output: Option<PathBuf>,
    /// Send the attempts to this gate, `http://host:port`, instead of writing them.
    #[arg(long, value_name = "URL", conflicts_with = "print_mix", requires = "config")]
    against: Option<String>,
    /// The configuration that the gate runs on: tells how its forms look.
    #[arg(long, value_name = "FILE", requires = "against")]
    config: Option<PathBuf>,
    /// Attempts a second.
    #[arg(long, value_name = "NUMBER", requires = "against", conflicts_with = "speed")]
    rate: Option<f64>,
    /// How much faster than in the simulation time goes by: 60 plays an hour in a minute. Without it and --rate, 20 attempts
    /// a second are sent.
    #[arg(long, value_name = "FACTOR", requires = "against")]
    speed: Option<f64>,
    /// Stop after so many attempts.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// The header that tells the gate who the client is.
    #[arg(long, value_name = "NAME", default_value = "x-forwarded-for", requires = "against")]
    client_ip_header: String,
    /// One JSON object instead of a table, of what was written or sent.
    #[arg(long)]
    json: bool,
}

/// It may repeat what stands in the mix.
fn complain(said: &str) {
    let lines: Vec<String> = said.lines().map(config::printable).collect();
    let _ = writeln!(io::stderr(), "tollgate: {}", lines.join("\n  "));
}

/// Does it, and gives the exit code.
pub fn simulate(options: &Options) -> u8 {
    let mix = match mix(options) {
        Ok(mix) => mix,
        Err(message) => {
            complain(&message);
            return USAGE;
        }
    };
    if let (Some(mix), Some(out)) = (&options.mix, &options.output)
        && output::identity(mix).is_some_and(|file| output::identity(out) == Some(file))
    {
        complain(&format!("--output {} would write over the mix, which is read: name another file", out.display()));
        return USAGE;
    }
    if options.print_mix {
        return output::print(&mix.print());
    }
    match (&options.against, &options.config) {
        (Some(url), Some(config)) => play::play(options, mix, url, config),
        _ => write(options, mix),
    }
}

fn mix(options: &Options) -> Result<Mix, String> {
    let mut mix = match &options.mix {
        None => Mix::default(),
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            Mix::read(&text).map_err(|error| named(&error))?
        }
    };
    if let Some(accounts) = options.accounts {
        mix = mix.scaled(accounts).map_err(|error| format!("--accounts: {error}"))?;
    }
    if let Some(days) = options.days {
        mix = mix.lasting(days).map_err(|error| format!("--days: {error}"))?;
    }
    Ok(mix)
}

fn write(options: &Options, mix: Mix) -> u8 {
    let made = match &options.output {
        None => make(options, mix, BufWriter::with_capacity(1 << 18, io::stdout().lock())),
        Some(path) => {
            let _progress = Progress::of(format!("writing {}", path.display()));
            let file = File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
            file.and_then(|file| make(options, mix, file)).map_err(|error| named(path, &error))
        }
    };
    match made {
        Ok(tally) => {
            if options.output.is_some() {
                let text = if options.json { tally.json() } else { tally.text() };
                return output::print(&text);
            }
            FINE
        }
        // Whoever reads has enough.
        Err(error) if options.output.is_none() && error.kind() == ErrorKind::BrokenPipe => FINE,
        Err(error) => {
            complain(&error.to_string());
            FAILED
        }
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn make(options: &Options, mix: Mix, mut out: impl Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let most = options.limit.unwrap_or(u64::MAX);
    for attempt in Simulation::new(mix, options.seed).take(usize::try_from(most).unwrap_or(usize::MAX)) {
        attempt.write(&mut out)?;
        tally.add(&attempt);
    }
    out.flush()?;
    Ok(tally)
}

/// What was made, by label.
#[derive(Default)]
struct Tally {
    /// Attempts and successes: innocents', then by row of [`ATTACKERS`].
    labels: [(u64, u64); ATTACKERS.len() + 1],
}

/// The place of a label in a tally.
fn place(label: &str) -> usize {
    ATTACKERS.iter().position(|attacker| attacker.name == label).map_or(0, |place| place + 1)
}

/// The labels in the order of a tally.
fn labels() -> impl Iterator<Item = &'static str> {
    std::iter::once(INNOCENT).chain(ATTACKERS.iter().map(|attacker| attacker.name))
}

impl Tally {
    fn add(&mut self, attempt: &LabelledAttempt<'_>) {
        let (attempts, successes) = &mut self.labels[place(&attempt.label)];
        *attempts += 1;
        *successes += u64::from(attempt.outcome == Outcome::Succeeded);
    }

    fn text(&self) -> String {
        let all: u64 = self.labels.iter().map(|(attempts, _)| attempts).sum();
        let mut text = format!("{:<28} {:>10} {:>8} {:>10}\n", "label", "attempts", "share", "succeeded");
        for (label, (attempts, successes)) in labels().zip(self.labels) {
            let share = 100.0 * attempts as f64 / all.max(1) as f64;
            text += &format!("{label:<28} {attempts:>10} {share:>7.2}% {successes:>10}\n");
        }
        text + &format!("{:<28} {all:>10}\n", "all")
    }

    fn json(&self) -> String {
        let rows = labels().zip(self.labels).map(|(label, (attempts, successes))| {
            (label.to_owned(), serde_json::json!({"attempts": attempts, "succeeded": successes}))
        });
        let all: u64 = self.labels.iter().map(|(attempts, _)| attempts).sum();
        let labels: serde_json::Map<String, serde_json::Value> = rows.collect();
        format!("{}\n", serde_json::json!({"attempts": all, "labels": labels}))
    }
}
