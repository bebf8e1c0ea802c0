//! `tollgate evaluate`: how good the gate's judgements are, on attempts whose truth is known.

use super::check::CONFIGURATION;
use super::progress::Progress;
use super::{FAILED, USAGE, output, tune};
use crate::attempt_file::INNOCENT;
use crate::config;
use crate::evaluate::labelled::{Labelled, text as text_of_labels};
use crate::evaluate::report::Report;
use crate::evaluate::solvers::Solvers;
use crate::evaluate::{self, Asked, Failure, compare, html, rba, text};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measure how good the gate's judgements are: play attempts whose truth is known to the real engine, and say what of each
/// attack is caught and which innocents are hit, and why.
#[derive(clap::Args)]
#[command(
    after_help = "Attempt files hold one JSON object a line, in time order: what `tollgate simulate` writes, or what you make \
                  from logs of your own (README, \"Evaluate\"). Several are played as one. The policy is carried out in any \
                  mode, over an empty memory; the first part of the time is learned from and not counted.\n\nWith --rba the \
                  file is a history of logins in the columns of the public RBA data set (das-group/rba-dataset), in time order, \
                  and the model of account takeover alone is measured on it: only successful logins count, and rows without a \
                  value are left out, as its authors do. It needs the columns `index`, `Login Timestamp`, `User ID`, `IP Address`, \
                  `Country`, `ASN`, `User Agent String`, `Browser Name and Version`, `OS Name and Version`, `Device Type` and \
                  `Login Successful`, in any order; a higher score is a likelier thief.\n\nWith --labels nothing is played: what is measured \
                  is what the gate decided, on the attempts of its decision log that `tollgate label` or POST /api/v1/feedback has \
                  said the truth of, and what such labels cannot tell.\n\nExit codes: 0 fine, 1 a file could not be read or written, 64 wrong \
                  usage, 78 a mistake in the configuration.\n\nExamples:\n  tollgate evaluate attempts.jsonl\n  \
                  tollgate evaluate --config tollgate.yaml --json attempts.jsonl > before.json\n  \
                  tollgate evaluate --config new.yaml --baseline before.json --html report.html attempts.jsonl\n  \
                  tollgate evaluate --labels decisions.jsonl decisions.jsonl.1\n  \
                  tollgate evaluate --rba rba-dataset.csv --scores scores.csv"
)]
pub struct Options {
    /// Attempt files; `-` is standard input, and needs `--warm-up 0s`. With --labels: decision logs.
    #[arg(value_name = "FILES", required_unless_present_any = ["rba", "labels"], conflicts_with = "rba")]
    attempts: Vec<PathBuf>,
    /// What judges. Without it: a route for each event, and the built-in policy. With --labels: what names the decision log.
    #[arg(long, short, value_name = "FILE", conflicts_with = "rba")]
    config: Option<PathBuf>,
    /// How long to learn before counting begins, as in 7d. Default: half of the time that the files tell of, at most 7d.
    #[arg(long, value_name = "TIME", conflicts_with = "rba")]
    warm_up: Option<String>,
    /// Who solves challenges: WHO=SHARE or WHO:KIND=SHARE, WHO being a label or what it begins with, or `attacks` for all of
    /// them. May be repeated.
    /// Default: innocents do, and thieves who aim at one person (a proof of work); programs do not.
    #[arg(long, value_name = "WHO=SHARE", conflicts_with = "rba")]
    solve: Vec<String>,
    /// Where to write a verdict for each attempt, a line for a line.
    #[arg(long, value_name = "OUT", conflicts_with = "rba")]
    verdicts: Option<PathBuf>,
    /// Where to write the report as a page, which needs nothing else.
    #[arg(long, value_name = "OUT", conflicts_with = "rba")]
    html: Option<PathBuf>,
    /// An earlier report (`--json`) to compare with.
    #[arg(long, value_name = "REPORT", conflicts_with = "rba")]
    baseline: Option<PathBuf>,
    /// Measure the decisions that a gate has made, by what people said of them: FILES are decision logs, or what the
    /// configuration names and its rotated files.
    #[arg(long, conflicts_with_all = ["rba", "warm_up", "solve", "verdicts", "html", "baseline"])]
    labels: bool,
    /// A history of logins in the columns of the RBA data set.
    #[arg(long, value_name = "FILE")]
    rba: Option<PathBuf>,
    /// With --rba: where to write `index,freeman` for every login of an account that has earlier ones, scored against all
    /// rows before.
    #[arg(long, value_name = "FILE", requires = "rba")]
    scores: Option<PathBuf>,
    /// One JSON object instead of text for people.
    #[arg(long)]
    json: bool,
}

/// Does it, and gives the exit code.
pub fn evaluate(options: &Options) -> u8 {
    let made = spared(options).and_then(|()| match &options.rba {
        Some(file) => logins(file, options),
        None if options.labels => labelled(options),
        None => attempts(options),
    });
    match made {
        Ok(text) => output::print(&text),
        Err((code, message)) => {
            if !message.is_empty() {
                // It may repeat what stands in the files.
                let said: Vec<String> = message.trim_end().lines().map(config::printable).collect();
                let _ = writeln!(std::io::stderr(), "{}", said.join("\n"));
            }
            code
        }
    }
}

/// Whether nothing that is read would be written over, which a slip of the hand in a long line does.
fn spared(options: &Options) -> Result<(), (u8, String)> {
    if options.scores.is_some() && options.rba.is_none() {
        // Said here, since clap lets it pass beside what conflicts with --rba.
        return Err((USAGE, "error: --scores goes with --rba: attempt files get --verdicts".to_owned()));
    }
    let read = options.attempts.iter().chain(&options.config).chain(&options.baseline).chain(&options.rba);
    let mut known: Vec<_> = read.filter_map(|path| Some((output::identity(path)?, path, "which is read"))).collect();
    let written = [("--verdicts", &options.verdicts), ("--html", &options.html), ("--scores", &options.scores)];
    for (key, path) in written {
        let Some((path, file)) = path.as_ref().and_then(|path| Some((path, output::identity(path)?))) else { continue };
        if let Some((_, other, why)) = known.iter().find(|(known, ..)| *known == file) {
            let (path, other) = (path.display(), other.display());
            return Err((USAGE, format!("error: {key} {path} would write over {other}, {why}: name another file")));
        }
        known.push((file, path, "which is written"));
    }
    Ok(())
}

fn logins(file: &Path, options: &Options) -> Result<String, (u8, String)> {
    let _progress = Progress::of(format!("reading {}", file.display()));
    let evaluation = rba::read(file, options.scores.as_deref()).map_err(|message| (FAILED, message))?;
    Ok(if options.json { evaluation.json() } else { evaluation.text() })
}

fn labelled(options: &Options) -> Result<String, (u8, String)> {
    // What is wrong with the files is said where they are read.
    let said = |code: u8| (code, String::new());
    let files = match &options.config {
        _ if !options.attempts.is_empty() => options.attempts.clone(),
        Some(path) => {
            let loaded = config::load_whole(path).map_err(|report| (CONFIGURATION, report.to_string()))?;
            tune::logs(loaded.settings.decision_log.as_ref().map(|log| &*log.path)).map_err(said)?
        }
        None => {
            let help = "error: --labels: name decision logs, or the configuration that names one (--config)";
            return Err((USAGE, help.to_owned()));
        }
    };
    let sample = tune::sample(&files).map_err(said)?;
    if sample.rows().next().is_none() {
        let help = "no attempt in these files is labelled: say what attempts really were with `tollgate label`";
        return Err((FAILED, format!("tollgate: {help}")));
    }
    let report = Labelled::of(&sample, files.iter().map(|file| file.display().to_string()).collect());
    Ok(if options.json { report.json() } else { text_of_labels(&report) })
}

fn attempts(options: &Options) -> Result<String, (u8, String)> {
    let mut solvers = Solvers::default();
    for text in &options.solve {
        solvers.add(text).map_err(|message| (USAGE, format!("error: --solve: {message}")))?;
    }
    let asked = Asked {
        files: &options.attempts,
        config: options.config.as_deref(),
        warm_up: options.warm_up.as_deref().map(warm_up).transpose()?,
        solvers,
        verdicts: options.verdicts.as_deref(),
    };
    // Before hours of playing.
    let baseline = options.baseline.as_deref().map(baseline).transpose()?;
    let _progress = Progress::of("playing attempts".to_owned());
    let mut report = evaluate::evaluate(&asked).map_err(|failure| {
        let code = match failure {
            Failure::Configuration(_) => CONFIGURATION,
            Failure::Usage(_) => USAGE,
            Failure::Traffic(_) | Failure::Failed(_) => FAILED,
        };
        (code, failure.to_string())
    })?;
    let mut labels: Vec<&str> = report.attacks.iter().map(|attack| attack.label.as_str()).collect();
    labels.extend(report.input.warm_up_attacks.keys().map(String::as_str));
    labels.push(INNOCENT);
    for who in asked.solvers.nobody(&labels) {
        let said = config::printable(who);
        let _ = writeln!(std::io::stderr(), "note: --solve {said}: no label in these files is that, or begins so");
    }
    if let Some((baseline, name)) = baseline {
        report.comparison = Some(compare::compare(&report, &baseline, &name));
    }
    if let Some(path) = &options.html {
        std::fs::write(path, html::page(&report)).map_err(|error| (FAILED, format!("{}: {error}", path.display())))?;
    }
    Ok(match options.json {
        true => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
        false => text::text(&report),
    })
}

fn warm_up(text: &str) -> Result<Duration, (u8, String)> {
    config::read_duration(text)
        .map_err(|(problem, help)| (USAGE, format!("error: --warm-up: {problem}\n  = help: {help}")))
}

fn baseline(path: &Path) -> Result<(Report, String), (u8, String)> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| (FAILED, format!("{name}: {error}")))?;
    let report = compare::read(&text).map_err(|error| (FAILED, format!("{name}: {error}")))?;
    Ok((report, name))
}
