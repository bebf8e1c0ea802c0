//! `tollgate evaluate`: how good the gate's judgements are, on histories whose truth is known.
//!
//! So far it reads one kind of history: logins in the columns of the public RBA data set, for which the model of account
//! takeover was published. Rows are read once, in order, and never kept; what grows is the counts.

mod figure;
mod rba;

use self::figure::Figure;
use super::progress::Progress;
use super::{FAILED, FINE};
use crate::engine::freeman::history::History;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Measure the model of account takeover on a history of logins: how well it tells a thief with the right password from
/// the owner, by how many logins of the owner it knows.
#[derive(clap::Args)]
#[command(
    after_help = "The file has the columns of the public RBA data set (das-group/rba-dataset), in any order, in time \
                        order of rows. Only successful logins count, and rows without a value are left out, as the authors \
                        do. Thieves are played: naive ones with somebody's address and browser, ones with a VPN in the \
                        owner's country, targeted ones in the owner's network with the owner's browser.\n\nExit codes: 0 \
                        fine, 1 a file could not be read or written, 64 wrong usage.\n\nExamples:\n  tollgate evaluate \
                        --rba rba-dataset.csv\n  tollgate evaluate --rba rba-dataset.csv --scores scores.csv"
)]
pub struct Options {
    /// A history of logins in the columns of the RBA data set.
    #[arg(long, value_name = "FILE")]
    rba: PathBuf,
    /// Where to write `index,freeman` for every login of an account that has earlier ones, scored against all rows before.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// One JSON object instead of text for people.
    #[arg(long)]
    json: bool,
}

/// Does it, and gives the exit code.
pub fn evaluate(options: &Options) -> u8 {
    match read(&options.rba, options.scores.as_deref()) {
        Ok(evaluation) => {
            let text = if options.json { evaluation.json() } else { evaluation.text() };
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            FINE
        }
        Err(message) => {
            eprintln!("{message}");
            FAILED
        }
    }
}

/// What was read and what came of it.
struct Evaluation {
    rows: u64,
    failed: u64,
    incomplete: u64,
    /// Rows that are older than the one before them.
    disordered: u64,
    logins: u64,
    accounts: u64,
    scored: u64,
    figure: Figure,
}

fn read(path: &Path, scores: Option<&Path>) -> Result<Evaluation, String> {
    let _progress = Progress::of(format!("reading {}", path.display()));
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let mut rows = rba::Rows::new(BufReader::with_capacity(1 << 20, file)).map_err(|error| failed(path, &error))?;
    let mut out = match scores {
        None => None,
        Some(path) => {
            let mut out = BufWriter::new(File::create(path).map_err(|error| failed(path, &error))?);
            out.write_all(b"index,freeman\n").map_err(|error| failed(path, &error))?;
            Some((out, path))
        }
    };
    let mut history = History::default();
    let mut figure = Figure::default();
    let mut scored = 0;
    while let Some(row) = rows.read().map_err(|error| failed(path, &error))? {
        if let Some(score) = history.score(&row.login) {
            scored += 1;
            if let Some((out, path)) = &mut out {
                writeln!(out, "{},{score:?}", row.index).map_err(|error| failed(path, &error))?;
            }
            figure.add(&history, &row.login, score);
        }
        figure.learn(&row.login);
        history.add(&row.login);
    }
    if let Some((mut out, path)) = out {
        out.flush().map_err(|error| failed(path, &error))?;
    }
    let rba::Tally { rows, failed, incomplete, disordered } = rows.tally();
    let (logins, accounts) = history.size();
    Ok(Evaluation { rows, failed, incomplete, disordered, logins, accounts, scored, figure })
}

impl Evaluation {
    fn text(&self) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} rows: {} failed logins, {} without a value, {} successful logins of {} accounts; {} were scored.",
            self.rows, self.failed, self.incomplete, self.logins, self.accounts, self.scored
        );
        if self.disordered > 0 {
            let _ = writeln!(
                text,
                "{} rows are older than the row before: scores are against the rows before.",
                self.disordered
            );
        }
        for attacker in self.figure.table() {
            let _ = writeln!(text, "\n{}", attacker.name);
            let _ = write!(text, "  thieves stopped  owners asked");
            for (least, _) in figure::SIZES {
                let _ = write!(text, " {:>7}", format!("{least}+"));
            }
            let _ = writeln!(text, "   (by earlier logins of the owner)");
            for row in &attacker.rows {
                let _ = write!(text, "  {:>14.1} %  {:>10.2} %", 100.0 * row.stopped, 100.0 * row.asked);
                for share in row.by_size {
                    let _ = match share {
                        Some(share) => write!(text, " {:>6.2}%", 100.0 * share),
                        None => write!(text, " {:>7}", "-"),
                    };
                }
                let _ = writeln!(text);
            }
        }
        text
    }

    fn json(&self) -> String {
        let attackers = self.figure.table().into_iter().map(|attacker| {
            let rows = attacker.rows.iter().map(|row| {
                let by_size = figure::SIZES.iter().zip(row.by_size);
                let by_size = by_size.map(|((least, _), share)| serde_json::json!({"earlier_logins_from": least, "asked": share}));
                serde_json::json!({"stopped": row.stopped, "asked": row.asked, "by_history": by_size.collect::<Vec<_>>()})
            });
            (attacker.name.to_owned(), rows.collect::<Vec<_>>().into())
        });
        let object = serde_json::json!({
            "rows": self.rows, "failed": self.failed, "incomplete": self.incomplete, "disordered": self.disordered,
            "logins": self.logins, "accounts": self.accounts, "scored": self.scored,
            "reauthentication": attackers.collect::<serde_json::Map<_, _>>(),
        });
        format!("{object}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_authors_implementation_and_the_figure_tells_the_attackers_apart() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/freeman");
        let out = tempfile::NamedTempFile::new().unwrap();
        let evaluation = read(&place.join("ordinary.csv"), Some(out.path())).unwrap();
        let lines = |path: &Path| -> Vec<(u64, f64)> {
            let text = std::fs::read_to_string(path).unwrap();
            let line = |line: &str| {
                line.split_once(',').map(|(index, score)| (index.parse().unwrap(), score.parse().unwrap()))
            };
            text.lines().skip(1).filter_map(line).collect()
        };
        let (ours, theirs) = (lines(out.path()), lines(&place.join("ordinary.expected.csv")));
        assert_eq!(ours.len(), theirs.len());
        for ((index, score), (same, expected)) in ours.iter().zip(&theirs) {
            assert_eq!(index, same);
            assert!((score / expected - 1.0).abs() < 1e-9, "{index}: {score} instead of {expected}");
        }
        assert_eq!(evaluation.scored, theirs.len() as u64);
        assert_eq!(evaluation.rows, 240);
        assert!(evaluation.text().contains("\ntargeted\n"), "{}", evaluation.text());
        let json: serde_json::Value = serde_json::from_str(&evaluation.json()).unwrap();
        assert_eq!(json["reauthentication"]["naive"][0]["stopped"], 0.9);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let missing = read(Path::new("/nowhere/at.csv"), None).err().unwrap();
        assert!(missing.starts_with("/nowhere/at.csv: "), "{missing}");
    }
}
