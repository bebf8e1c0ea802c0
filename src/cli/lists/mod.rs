//! `tollgate lists …`: what is on the operator's lists, and what is added to them while the gate runs.
//!
//! (`build-passwords` is apart: it makes a file, and asks no gate.) The gate does it, so that a change holds for the very next request and for the whole fleet. An import is read here
//! first, whole, by the same grammar, so that a wrong line in the middle of a million is told before anything is sent.

mod import;
mod passwords;
mod show;

use super::asking::{Answered, Gate, Running};
use super::{FAILED, FINE, USAGE, output};
use crate::config;
use crate::lists::line;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// What to do with which list.
#[derive(Subcommand, Debug)]
pub enum Lists {
    /// Show all lists, or what is on one: its file's entries and those that were added, with who, when, why and until when.
    #[command(
        after_help = "Accounts and e-mail addresses that were added are shown as hash:…, a keyed hash: the gate keeps \
        no names.\n\nExit codes: 0 fine, 1 the gate could not be asked or refused, 64 wrong usage, 78 a mistake in the \
        configuration.\n\nExamples:\n  tollgate lists show\n  tollgate lists show banned\n  \
        tollgate lists show blocked --added --json"
    )]
    Show {
        /// The list; all lists without it.
        list: Option<String>,
        /// Only what was added, not what stands in files.
        #[arg(long)]
        added: bool,
        /// One JSON object instead of a table for people.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        gate: Running,
    },
    /// Put an entry on a list. The next request sees it, and every gate of a fleet within a second.
    #[command(
        after_help = "One that is there is replaced: it gets this reason and this end.\n\nExit codes: 0 added, 1 the \
        gate could not be asked or refused, 64 wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  \
        tollgate lists add blocked 203.0.113.0/24 --reason \"scraped us\" --for 7d\n  \
        tollgate lists add vip anna@example.com --until 2026-12-24\n  \
        tollgate lists add banned 2001:db8::/64 --for 1h"
    )]
    Add {
        /// The list.
        list: String,
        /// The entry, as a line of the list's file has it.
        entry: String,
        /// Why: one line, which whoever looks at the list reads.
        #[arg(long, default_value = "")]
        reason: String,
        /// How long it stays: 15m, 12h, 7d. Without this and --until it stays.
        #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
        length: Option<String>,
        /// Until when it stays: 2026-12-24 (its first moment, in UTC), or 2026-12-24T18:00:00Z.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        gate: Running,
    },
    /// Take an entry away that was added, or a ban. What stands in a file is taken out of the file.
    #[command(
        after_help = "Exit codes: 0 gone, 1 it is not there, it stands in a file, or the gate could not be asked, 64 \
        wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  \
        tollgate lists remove banned 203.0.113.7\n  tollgate lists remove vip anna@example.com"
    )]
    Remove {
        /// The list.
        list: String,
        /// The entry, as it was added or as it is shown.
        entry: String,
        #[command(flatten)]
        gate: Running,
    },
    /// Put every entry of a file on a list, or none of them if any line is wrong.
    #[command(
        after_help = "One entry a line, as in a list's file: ENTRY [until=2026-12-01] [# reason]. What is there with \
        another reason or end is replaced; nothing is taken away.\n\nExit codes: 0 imported, 1 the gate could not be asked or \
        refused, 64 wrong usage, 78 a mistake in the configuration or in the file.\n\nExamples:\n  \
        tollgate lists import blocked feed.txt --dry-run\n  tollgate lists import blocked -"
    )]
    Import {
        /// The list.
        list: String,
        /// The file; `-` for standard input.
        file: PathBuf,
        /// Say what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        gate: Running,
    },
    /// Print what was added to a list in the grammar of its file, so that it can be put there or imported elsewhere.
    #[command(
        after_help = "Exit codes: 0 fine, 1 the gate could not be asked or refused, 64 wrong usage, 78 a mistake in \
        the configuration.\n\nExamples:\n  tollgate lists export blocked > added.txt\n  tollgate lists export blocked --all"
    )]
    Export {
        /// The list.
        list: String,
        /// What stands in the list's file and in the configuration as well.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        gate: Running,
    },
    /// Make the file of leaked passwords that `intel.passwords.file` names, of lists and of dumps of hashes.
    #[command(
        after_help = "A list has one password a line, and is taken as it is; a dump has SHA1:COUNT a line, or SUFFIX:COUNT \
        in files that are named after their prefix (5BAA6.txt), which a whole directory may hold. `-` is standard input: \
        zcat list.gz | tollgate lists build-passwords - --out FILE.\n\nThe file takes 18 bits a password, holds none of \
        them, and takes one in 65,536 sound passwords for a leaked one. It is put in its place when it is whole, and a \
        running gate takes it over. Building takes about 110 MiB of memory whatever there is to read and, above eight million \
        passwords, 8 MB a million on the target's disk.\n\nExit codes: 0 built, 1 it could not be written, 64 wrong \
        usage, 78 a file could not be read.\n\nExamples:\n  \
        tollgate lists build-passwords rockyou.txt --out /var/lib/tollgate/passwords.filter\n  \
        tollgate lists build-passwords ranges/ --min-count 10 --out passwords.filter --json"
    )]
    BuildPasswords(passwords::Build),
    /// Say of each password on standard input, one a line, whether it is known as leaked, and repeat none.
    #[command(
        after_help = "Prints a line a line: `common` (embedded), `file`, or `nowhere`. Passwords are read from standard \
        input alone, so that none gets into a shell's history.\n\nExit codes: 0 all were looked up, 64 wrong usage, 78 the \
        file could not be read.\n\nExamples:\n  tollgate lists find-passwords passwords.filter < mine.txt\n  \
        tollgate lists find-passwords < mine.txt"
    )]
    FindPasswords {
        /// A file that `build-passwords` made; only the embedded passwords without it.
        file: Option<PathBuf>,
    },
}

/// As clap wants it at its place in the table of commands.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    what: Lists,
}

/// Does it, and returns the exit code.
pub fn lists(Options { what }: &Options) -> u8 {
    let done = match what {
        Lists::Show { list: None, json, gate, .. } => gate.find().and_then(|gate| show::all(&gate, *json)),
        Lists::Show { list: Some(list), added, json, gate } => {
            gate.find().and_then(|gate| show::one(&gate, list, *added, *json))
        }
        Lists::Add { list, entry, reason, length, until, gate } => {
            gate.find().and_then(|gate| add(&gate, list, entry, reason, length.as_deref(), until.as_deref()))
        }
        Lists::Remove { list, entry, gate } => gate.find().and_then(|gate| remove(&gate, list, entry)),
        Lists::Import { list, file, dry_run, gate } => import::import(gate, list, file, *dry_run),
        Lists::Export { list, all, gate } => gate.find().and_then(|gate| show::export(&gate, list, *all)),
        Lists::BuildPasswords(build) => passwords::build(build),
        Lists::FindPasswords { file } => passwords::find(file.as_deref()),
    };
    match done {
        Ok(()) => FINE,
        Err(code) => code,
    }
}

fn add(
    gate: &Gate,
    list: &str,
    entry: &str,
    reason: &str,
    length: Option<&str>,
    until: Option<&str>,
) -> Result<(), u8> {
    let for_ms = match length.map(config::read_duration).transpose() {
        Ok(length) => length.map(|length| length.as_millis() as u64),
        Err((message, help)) => return Err(complain(USAGE, &format!("--for: {message}: {help}"))),
    };
    if let Some(Err(wrong)) = until.map(line::until) {
        return Err(complain(USAGE, &format!("--until: {}", wrong.replace("until=", ""))));
    }
    let body = json!({ "entry": entry, "reason": reason, "for_ms": for_ms, "until": until, "by": by() });
    let answered = asked(gate, "POST", &format!("{}/entries", path(list)), Some(&body))?;
    let mut said = String::new();
    for shown in answered["entries"].as_array().into_iter().flatten() {
        said += &format!("{}\n", show::line(shown));
    }
    if answered["replaced"].as_u64().unwrap_or(0) > 0 {
        said += "instead of what stood there\n";
    }
    print(&said);
    tell_if_not_kept(&answered);
    Ok(())
}

fn remove(gate: &Gate, list: &str, entry: &str) -> Result<(), u8> {
    let body = json!({ "entry": entry });
    let answered = asked(gate, "DELETE", &format!("{}/entries", path(list)), Some(&body))?;
    match answered["still"].as_str() {
        None => print(&format!("gone from {list}\n")),
        Some(still) => print(&format!("what was added is gone, and the entry is on {list} all the same: {still}\n")),
    }
    Ok(())
}

/// What the gate answered, unless it refused, which is told.
fn asked(gate: &Gate, verb: &str, path: &str, body: Option<&Value>) -> Result<Value, u8> {
    let answered = gate.ask(verb, path, body)?;
    if answered.status == 200 {
        return Ok(answered.json());
    }
    Err(refused(&answered))
}

/// Says what was refused: the gate's sentence, and each wrong line.
fn refused(answered: &Answered) -> u8 {
    let problem = answered.json();
    let Some(detail) = problem["detail"].as_str().filter(|_| answered.status < 500) else { return answered.complain() };
    let mut said = String::new();
    for wrong in problem["lines"].as_array().into_iter().flatten() {
        said += &format!("line {}: {}\n", wrong["line"], wrong["message"].as_str().unwrap_or_default());
    }
    said += detail;
    complain(FAILED, &said)
}

/// Of several lines, each of which is [printable](config::printable) already.
fn complain_in_lines(code: u8, said: &str) -> u8 {
    for line in said.lines() {
        let _ = writeln!(std::io::stderr(), "tollgate: {line}");
    }
    code
}

fn complain(code: u8, said: &str) -> u8 {
    let _ = writeln!(std::io::stderr(), "tollgate: {}", config::printable(said));
    code
}

fn tell_if_not_kept(answered: &Value) {
    if answered["kept"] == json!(false) {
        let _ = writeln!(
            std::io::stderr(),
            "note: a restart of the gate forgets this: the configuration has no `store.snapshot`, where it would be kept"
        );
    }
}

/// What was done is done, whether or not it can be told.
fn print(text: &str) {
    let _ = output::print(text);
}

/// The list's place in the API. Its name may be anything that somebody types.
fn path(list: &str) -> String {
    format!("/api/v1/lists/{}", percent_encoding::utf8_percent_encode(list, percent_encoding::NON_ALPHANUMERIC))
}

/// Who types this, as the system calls them.
fn by() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    line::cleaned(&name.unwrap_or_default()).chars().take(64).collect()
}
