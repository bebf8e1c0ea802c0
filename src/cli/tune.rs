//! `tollgate tune`: what labelled attempts say the signals are worth, as YAML for somebody to read.
//!
//! Nothing is asked of a running gate and nothing is applied: it reads a configuration and decision logs, and writes a
//! file. What cannot be learnt is said in the same breath as what was.

use super::check::CONFIGURATION;
use super::label::file::scores;
use super::progress::Progress;
use super::{FAILED, FINE, USAGE, output};
use crate::config;
use crate::engine::assessment::{Model, ScoreName};
use crate::events::decision_log::read::LogFiles;
use crate::tune::{Sample, Tuning, Wishes, report};
use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Learn the weights of signals from labelled attempts, and write them as YAML for review. Each score is fitted on its own, by
/// logistic regression towards the weights that the configuration has now.
#[derive(Args, Debug)]
#[command(
    after_help = "Attempts are labelled with `tollgate label` or POST /api/v1/feedback. What is written says of every weight what \
                  it was, its standard error, and how often its signal fired; how well old and new weights judge attempts that \
                  were held out (five parts, by account); and what the labels cannot tell: which attempts never reached the \
                  application, and where nobody looked. A weight keeps its sign, and one of 0 stays 0. Nothing is applied.\n\n\
                  Exit codes: 0 at least one score was fitted, 1 there are too few labels or a file cannot be read or written, 64 \
                  wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  \
                  tollgate tune --config /etc/tollgate/tollgate.yaml --out weights.yaml\n  \
                  tollgate tune decisions.jsonl decisions.jsonl.1 --as account_takeover\n  \
                  zcat decisions.jsonl.2.gz | tollgate tune decisions.jsonl - --out weights.yaml"
)]
pub struct Options {
    /// Decision logs, in any order; `-` for standard input. Without any: the one that the configuration names, and its rotated
    /// files.
    #[arg(value_name = "RECORDS")]
    records: Vec<PathBuf>,
    /// The configuration whose weights are the starting point.
    #[arg(long, short, value_name = "FILE", default_value = "conf/tollgate.yaml")]
    config: PathBuf,
    /// A new file for the weights, and the report goes to standard output; without this the weights go there, with the report
    /// in their head.
    #[arg(long, short, value_name = "FILE", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// The scores to fit: bot, account_takeover, account_abuse; several with commas. All without it.
    #[arg(long = "as", value_name = "SCORES")]
    scores: Option<String>,
    /// Least number of bad attempts, and of good ones, that a score is fitted to.
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    least: u64,
    /// How far from its present value a weight may reasonably be, in log-odds (a standard deviation): less, and it takes more
    /// labels to move one.
    #[arg(long, value_name = "LOG-ODDS", default_value_t = 1.0)]
    spread: f64,
    /// A weight may change its sign: a signal of guilt may come to speak for innocence.
    #[arg(long)]
    any_sign: bool,
    /// One JSON object instead of YAML.
    #[arg(long)]
    json: bool,
}

/// Does it, and returns the exit code.
pub fn tune(options: &Options) -> u8 {
    match tuned(options) {
        Ok(()) => FINE,
        Err(code) => code,
    }
}

fn tuned(options: &Options) -> Result<(), u8> {
    if !(0.01..=10.0).contains(&options.spread) {
        return Err(complain(USAGE, "--spread: write a number from 0.01 to 10"));
    }
    let asked = options.scores.as_deref().map(scores).transpose();
    let asked = asked.map_err(|wrong| complain(USAGE, &format!("--as: {wrong}")))?;
    let loaded = config::load_whole(&options.config).map_err(|report| {
        let _ = write!(io::stderr(), "{report}");
        CONFIGURATION
    })?;
    // All policies of a configuration have one model.
    let model = loaded.settings.routes.first().map(|route| route.policy.rules.model.clone());
    let model: Arc<Model> = model.unwrap_or_default();
    let files = if options.records.is_empty() {
        logs(loaded.settings.decision_log.as_ref().map(|log| &*log.path))?
    } else {
        options.records.clone()
    };
    let sample = sample(&files)?;
    let wishes = Wishes {
        scores: asked.unwrap_or_else(|| ScoreName::ALL.to_vec()),
        least: options.least,
        spread: options.spread,
        any_sign: options.any_sign,
        ..Wishes::default()
    };
    let tuning = Tuning::of(&sample, &model, wishes);
    if tuning.scores.iter().all(|of| of.fitted.is_none()) && !options.json {
        let mut said = String::from("there are too few labels to learn from\n");
        tuning.scores.iter().for_each(|of| said += &format!("{}\n", report::too_few(of, tuning.wishes.least)));
        said += "say what attempts really were with `tollgate label`; those that are drawn at random teach the most";
        return Err(complain(FAILED, &said));
    }
    let text = match (options.json, &options.out) {
        (true, _) => format!("{:#}\n", report::json(&sample, &tuning)),
        (false, None) => report::yaml(&sample, &tuning),
        (false, Some(path)) => {
            let written = OpenOptions::new().write(true).create_new(true).open(path);
            let written = written.and_then(|mut file| file.write_all(report::yaml(&sample, &tuning).as_bytes()));
            written.map_err(|error| {
                let why = match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        "is there already, and may have been edited: name another".to_owned()
                    }
                    _ => error.to_string(),
                };
                complain(FAILED, &format!("{}: {why}", path.display()))
            })?;
            let lines = report::lines(&sample, &tuning).join("\n");
            format!("{lines}\n\n{} is for you to read: nothing is applied by itself\n", path.display())
        }
    };
    match output::print(&text) {
        FINE => {}
        code => return Err(code),
    }
    match tuning.scores.iter().any(|of| of.fitted.is_some()) {
        true => Ok(()),
        false => Err(FAILED),
    }
}

/// The log that the configuration names, with its rotated files.
pub(super) fn logs(log: Option<&Path>) -> Result<Vec<PathBuf>, u8> {
    let Some(log) = log else {
        let said = "the configuration has no `decision_log`: name the files that have the records";
        return Err(complain(USAGE, said));
    };
    let LogFiles { plain, compressed } = LogFiles::of(log);
    for file in compressed {
        let file = file.display();
        complain(FINE, &format!("not read, because it is compressed: {file} (unpack it, and hand it over with `-`)"));
    }
    if plain.is_empty() {
        return Err(complain(FAILED, &format!("{}: there is no such file yet", log.display())));
    }
    Ok(plain)
}

/// What is in these files, each of which is read once.
pub(super) fn sample(files: &[PathBuf]) -> Result<Sample, u8> {
    let (mut sample, mut known) = (Sample::default(), Vec::new());
    for file in files {
        if let Some(identity) = output::identity(file) {
            if known.contains(&identity) {
                complain(FINE, &format!("{}: is named twice, and read once", file.display()));
                continue;
            }
            known.push(identity);
        }
        read(&mut sample, file)?;
    }
    match report::no_log(&sample) {
        Some(why) => Err(complain(FAILED, &why)),
        None => Ok(sample),
    }
}

fn read(sample: &mut Sample, file: &Path) -> Result<(), u8> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let _progress = Progress::of(format!("reading {name}"));
    let read = match file == Path::new("-") {
        true => sample.read(io::stdin().lock()),
        false => File::open(file).and_then(|file| sample.read(BufReader::with_capacity(1 << 20, file))),
    };
    read.map_err(|error| complain(FAILED, &format!("{name}: {error}")))
}

fn complain(code: u8, said: &str) -> u8 {
    let lines: Vec<String> = said.lines().map(config::printable).collect();
    let _ = writeln!(io::stderr(), "tollgate: {}", lines.join("\n  "));
    code
}
