//! The published model of account takeover alone, on logins in the columns of the public RBA data set: exact scores, and how
//! often owners are asked again where a given share of thieves is stopped.
//!
//! Rows are read once, in order, and never kept; what grows is the counts of the model, and six bytes of each of an account's
//! first logins for the published [figure](medians).

mod columns;
mod figure;
mod live;
mod medians;

use self::figure::{ATTACKERS, Figure};
use self::live::{Beside, Compared};
use crate::engine::freeman::history::History;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// What was read and what came of it.
pub struct Evaluation {
    rows: u64,
    failed: u64,
    incomplete: u64,
    /// Rows that are older than the one before them.
    disordered: u64,
    undated: u64,
    first_undated: u64,
    logins: u64,
    accounts: u64,
    scored: u64,
    figure: Figure,
    live: Compared,
}

/// Reads the file at `path`, and writes the scores of its logins to `scores`.
pub fn read(path: &Path, scores: Option<&Path>) -> Result<Evaluation, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let mut rows = columns::Rows::new(BufReader::with_capacity(1 << 20, file)).map_err(|error| failed(path, &error))?;
    let mut out = match scores {
        None => None,
        Some(path) => {
            // What stands in `index` is the file's: quoted, or it could be rows of its own.
            let mut out = csv::Writer::from_writer(File::create(path).map_err(|error| failed(path, &error))?);
            out.write_record(["index", "freeman"]).map_err(|error| failed(path, &error))?;
            Some((out, path))
        }
    };
    let mut history = History::default();
    let mut figure = Figure::default();
    let mut beside = Beside::default();
    let mut scored = 0;
    while let Some(row) = rows.read().map_err(|error| failed(path, &error))? {
        if let Some(score) = history.score(&row.login) {
            scored += 1;
            if let Some((out, path)) = &mut out {
                out.write_record([row.index, &format!("{score:?}")]).map_err(|error| failed(path, &error))?;
            }
            let thieves = figure.add(&history, &row.login, score);
            beside.add(&row.login, row.at, score, &thieves);
        }
        beside.learn(&row.login, row.at);
        figure.learn(&row.login);
        history.add(&row.login);
    }
    if let Some((mut out, path)) = out {
        out.flush().map_err(|error| failed(path, &error))?;
    }
    let columns::Tally { rows, failed, incomplete, disordered, undated, first_undated } = rows.tally();
    if rows == 0 {
        return Err(format!("{}: has no rows", path.display()));
    }
    let (logins, accounts) = history.size();
    let live = beside.compared();
    Ok(Evaluation {
        rows,
        failed,
        incomplete,
        disordered,
        undated,
        first_undated,
        logins,
        accounts,
        scored,
        figure,
        live,
    })
}

impl Evaluation {
    /// For people.
    pub fn text(&self) -> String {
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
        if self.undated > 0 {
            let _ = writeln!(
                text,
                "{} logins have a `Login Timestamp` that cannot be read (the first in line {}): the live form takes the time before.",
                self.undated, self.first_undated
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
        let _ = writeln!(
            text,
            "\nThe middle user: how often asked again after so many judged logins, here and as published (see the README)"
        );
        let _ = write!(text, "  thieves stopped    ");
        for size in medians::SIZES {
            let _ = write!(text, " {:>14}", format!("{size} logins"));
        }
        let _ = writeln!(text);
        for (place, (attacker, rows)) in ATTACKERS.iter().zip(self.figure.medians()).enumerate() {
            for ((stopped, row), published) in medians::STOPPED.iter().zip(rows).zip(medians::PUBLISHED[place]) {
                let _ = write!(text, "  {:<10} {:>5.1} % ", attacker, 100.0 * stopped);
                for (size, published) in published.iter().enumerate() {
                    let here =
                        row.and_then(|row| row[size]).map_or_else(|| "-".to_owned(), |(asked, _)| asked.to_string());
                    let _ = write!(text, " {:>14}", format!("{here} ({published})"));
                }
                let _ = writeln!(text);
            }
        }
        let Compared { logins, spearman, areas, worst } = &self.live;
        let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.4}"));
        let _ = writeln!(
            text,
            "\nThe live form (bounds and decay) beside the exact one, on {logins} logins: ranks alike {}, worst relative \
             difference {worst:.3}",
            number(*spearman)
        );
        for ((attacker, exact), live) in ATTACKERS.iter().zip(self.figure.areas()).zip(areas) {
            let _ = writeln!(
                text,
                "  {attacker:<10} a thief above an owner: exact {}, live {}",
                number(exact),
                number(*live)
            );
        }
        text
    }

    /// One object and a line's end.
    pub fn json(&self) -> String {
        let attackers = self.figure.table().into_iter().map(|attacker| {
            let rows = attacker.rows.iter().map(|row| {
                let by_size = figure::SIZES.iter().zip(row.by_size);
                let by_size = by_size.map(|((least, _), share)| serde_json::json!({"earlier_logins_from": least, "asked": share}));
                serde_json::json!({"stopped": row.stopped, "asked": row.asked, "by_history": by_size.collect::<Vec<_>>()})
            });
            (attacker.name.to_owned(), rows.collect::<Vec<_>>().into())
        });
        let medians = self.figure.medians();
        let middle = ATTACKERS.iter().enumerate().map(|(place, attacker)| {
            let rows = medians::STOPPED.iter().enumerate().map(|(stopped, share)| {
                let by_size = medians::SIZES.iter().enumerate().map(|(size, logins)| {
                    let here = medians[place][stopped].and_then(|row| row[size]);
                    serde_json::json!({
                        "logins": logins, "asked": here.map(|(asked, _)| asked), "users": here.map(|(_, users)| users),
                        "published": medians::PUBLISHED[place][stopped][size],
                    })
                });
                serde_json::json!({"stopped": share, "by_logins": by_size.collect::<Vec<_>>()})
            });
            ((*attacker).to_owned(), rows.collect::<Vec<_>>().into())
        });
        let middle = middle.collect::<serde_json::Map<_, _>>();
        let object = serde_json::json!({
            "rows": self.rows, "failed": self.failed, "incomplete": self.incomplete, "disordered": self.disordered, "undated": self.undated,
            "logins": self.logins, "accounts": self.accounts, "scored": self.scored,
            "reauthentication": attackers.collect::<serde_json::Map<_, _>>(), "middle_user": middle,
            "live": serde_json::json!({
                "logins": self.live.logins, "spearman": self.live.spearman, "worst_relative_difference": self.live.worst,
                "area": areas(&self.live.areas), "area_exact": areas(&self.figure.areas()),
            }),
        });
        format!("{object}\n")
    }
}

fn areas(areas: &[Option<f64>; ATTACKERS.len()]) -> serde_json::Map<String, serde_json::Value> {
    ATTACKERS.iter().zip(areas).map(|(attacker, area)| ((*attacker).to_owned(), (*area).into())).collect()
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
