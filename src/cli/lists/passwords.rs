//! The file of leaked passwords: made of what people have them in, and asked.
//!
//! The file is written beside its place and put there when it is whole, so that a gate that watches it never sees half of
//! one, and one that was there before stays if anything goes wrong. Nothing of a password is ever printed.

use super::{complain, print};
use crate::cli::check::CONFIGURATION;
use crate::cli::progress::Progress;
use crate::cli::{FAILED, USAGE};
use crate::config::printable;
use crate::gateway::clock::Clock;
use crate::intel::passwords::sources::{self, Format, Reading, Tally, Unreadable, prefix_of};
use crate::intel::passwords::{self, Builder, Built, Digest, Leaked};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Read at once. Also what a file's kind is told by.
const PIECE: usize = 256 * 1024;
/// A file of fewer passwords is mostly its own head, and bits for each say nothing.
const ENOUGH_FOR_BITS: u64 = 10_000;
/// Longest line of passwords to look for.
const LONGEST: u64 = 4096;

/// What is built of what.
#[derive(Args, Debug)]
pub struct Build {
    /// Lists, dumps, directories of dumps; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The file to make. One that is there is replaced when the new one is whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What the files are: one password a line, or SHA-1 hashes with counts.
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    format: Kind,
    /// Leave out hashes of a dump that were seen less often.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_count: u64,
    /// One JSON object instead of a line for people.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Text,
    Range,
    Auto,
}

/// What was read so far.
#[derive(Default)]
struct Read {
    files: u64,
    /// Of these, dumps of hashes.
    dumps: u64,
    tally: Tally,
}

/// Where the file will be, and everything that it is made by way of.
fn folder_of(build: &Build) -> &Path {
    build.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the file.
pub fn build(build: &Build) -> Result<(), u8> {
    let began = Instant::now();
    if build.format == Kind::Text && build.min_count > 1 {
        return Err(complain(
            USAGE,
            "--min-count: a list of passwords has no counts; it is of use with --format range",
        ));
    }
    let folder = folder_of(build);
    let failed = |error: &dyn std::fmt::Display| complain(FAILED, &format!("{}: {error}", build.out.display()));
    if build.out.is_dir() {
        return Err(failed(&"is a directory: name the file to make"));
    }
    // Made before anything is read: that it cannot be is worth knowing before an hour has passed.
    let target = tempfile::Builder::new()
        .prefix(".passwords-")
        .tempfile_in(folder)
        .map_err(|error| failed(&of_folder(folder, error.kind())))?;
    let done = Arc::<AtomicU64>::default();
    let progress = Progress::counting("passwords read".to_owned(), Some(done.clone()));
    let mut builder = Builder::new(folder);
    let mut read = Read::default();
    for file in &build.files {
        take(build, file, &mut builder, &mut read, &done)?;
    }
    drop(progress);
    if read.tally.taken == 0 {
        return Err(complain(CONFIGURATION, &nothing(build, &read)));
    }
    let progress = Progress::of("building".to_owned());
    let made = Clock::System.now().0 / 1000;
    let lacking = |error: io::Error| failed(&of_folder(folder, error.kind()));
    let built = builder.finish(made, BufWriter::new(target.as_file())).map_err(lacking)?;
    // Whoever builds need not be the gate's user, and what is in it is nobody's secret.
    target.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(lacking)?;
    target.as_file().sync_all().map_err(lacking)?;
    target.persist(&build.out).map_err(|error| lacking(error.error))?;
    drop(progress);
    print(&said(build, &read, &built, began.elapsed()));
    Ok(())
}

/// Why a folder takes no file, and what is to be done. Not the error's own words: they name a file that nobody wrote.
fn of_folder(folder: &Path, kind: io::ErrorKind) -> String {
    let folder = folder.display();
    match kind {
        io::ErrorKind::NotFound => format!("there is no folder {folder}: make it, or name another with --out"),
        io::ErrorKind::NotADirectory => format!("{folder} is no folder: name one that is with --out"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!(
                "the folder {folder} may not be written to ({kind}): let your user write there, or name another with --out"
            )
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!(
                "the folder {folder} is full ({kind}): make room, 10 MB for a million passwords, or name another with --out"
            )
        }
        _ => format!("the folder {folder} takes no file ({kind}): name another with --out"),
    }
}

/// Why there is nothing to build.
fn nothing(build: &Build, read: &Read) -> String {
    let name = |file: &PathBuf| match file == Path::new("-") {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    };
    let names: Vec<String> = build.files.iter().map(name).collect();
    let why = match (read.tally.rare, read.tally.long) {
        (0, 0) => "no password is in it".to_owned(),
        (0, long) => format!("no password is in it: {long} lines are longer than any"),
        (rare, _) => format!("each of its {rare} passwords was seen less often than {} times", build.min_count.max(1)),
    };
    format!("{}: {why}; nothing was built, and {} is as it was", names.join(", "), build.out.display())
}

fn take(build: &Build, path: &Path, builder: &mut Builder, read: &mut Read, done: &AtomicU64) -> Result<(), u8> {
    let unreadable =
        |path: &Path, error: &dyn std::fmt::Display| complain(CONFIGURATION, &format!("{}: {error}", path.display()));
    if path == Path::new("-") {
        let source = BufReader::with_capacity(PIECE, io::stdin().lock());
        return of_source(build, source, None, builder, read, done).map_err(|error| match error {
            Unreadable::Taker(error) => no_room(build, &error),
            error => unreadable(Path::new("standard input"), &error),
        });
    }
    if !path.is_dir() {
        return of_file(build, path, builder, read, done);
    }
    if build.format == Kind::Text {
        return Err(complain(USAGE, &format!("{}: is a directory; name the lists in it", path.display())));
    }
    let before = read.files;
    for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        // A directory of ranges may hold a word about them.
        if file.file_name().is_some_and(|name| prefix_of(&name.to_string_lossy()).is_some()) && file.is_file() {
            of_file(build, &file, builder, read, done)?;
        }
    }
    match read.files > before {
        true => Ok(()),
        false => Err(unreadable(path, &"has no file that is named after a prefix, as 5BAA6.txt")),
    }
}

fn no_room(build: &Build, error: &io::Error) -> u8 {
    complain(FAILED, &format!("{}: {}", build.out.display(), of_folder(folder_of(build), error.kind())))
}

fn of_file(build: &Build, path: &Path, builder: &mut Builder, read: &mut Read, done: &AtomicU64) -> Result<(), u8> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let taken = File::open(path).map_err(Unreadable::Io).and_then(|file| {
        let source = BufReader::with_capacity(PIECE, file);
        of_source(build, source, prefix_of(&name), builder, read, done)
    });
    taken.map_err(|error| match error {
        Unreadable::Taker(error) => no_room(build, &error),
        Unreadable::Line(line, what) => {
            complain(CONFIGURATION, &format!("{}:{line}: {what}; nothing was built", path.display()))
        }
        error => complain(CONFIGURATION, &format!("{}: {error}", path.display())),
    })
}

fn of_source(
    build: &Build,
    source: impl BufRead,
    prefix: Option<u32>,
    builder: &mut Builder,
    read: &mut Read,
    done: &AtomicU64,
) -> Result<(), Unreadable> {
    let format = match build.format {
        Kind::Text => Format::Text,
        Kind::Range => Format::Range,
        Kind::Auto => Format::Auto,
    };
    let tally = sources::read(source, Reading { format, prefix, least: build.min_count }, |key| {
        done.fetch_add(1, Ordering::Relaxed);
        builder.add(key)
    })?;
    read.files += 1;
    read.dumps += u64::from(tally.is_dump);
    read.tally.taken += tally.taken;
    read.tally.rare += tally.rare;
    read.tally.long += tally.long;
    Ok(())
}

fn said(build: &Build, read: &Read, built: &Built, took: Duration) -> String {
    let Built { about, twice, bytes } = built;
    let bits = *bytes as f64 * 8.0 / about.passwords.max(1) as f64;
    if build.json {
        let object = json!({
            "file": build.out.display().to_string(),
            "passwords": about.passwords,
            "made": about.made,
            "bytes": bytes,
            "bits_each": (bits * 100.0).round() / 100.0,
            "files_read": read.files,
            "dumps_read": read.dumps,
            "lists_read": read.files - read.dumps,
            "repeated": twice,
            "seen_too_seldom": read.tally.rare,
            "too_long": read.tally.long,
            "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0,
        });
        return format!("{object:#}\n");
    }
    let each = if about.passwords < ENOUGH_FOR_BITS { String::new() } else { format!(" ({bits:.1} bits each)") };
    let mut said = format!(
        "{}: {} passwords of {} {}, {bytes} bytes{each}, in {:.1} s\n",
        printable(&build.out.display().to_string()),
        about.passwords,
        read.files,
        if read.files == 1 { "file" } else { "files" },
        took.as_secs_f64()
    );
    for (count, what) in [
        (read.files - read.dumps, "one password a line (--format text)"),
        (read.dumps, "SHA-1 hashes with counts (--format range)"),
    ] {
        if count > 0 {
            said += &format!("read as {what}: {count}\n");
        }
    }
    for (count, what) in [
        (*twice, "were there already"),
        (read.tally.rare, "were seen too seldom"),
        (read.tally.long, "lines were longer than any password"),
    ] {
        if count > 0 {
            said += &format!("left out: {count} {what}\n");
        }
    }
    said
}

/// Looks up what comes on standard input.
pub fn find(file: Option<&Path>) -> Result<(), u8> {
    let leaked = file
        .map(Leaked::open)
        .transpose()
        .map_err(|unfit| complain(CONFIGURATION, &format!("{}: {unfit}", file.unwrap_or(Path::new("")).display())))?;
    let mut source = io::stdin().lock();
    let mut line = zeroize::Zeroizing::new(Vec::<u8>::new());
    loop {
        line.clear();
        let read = io::Read::take(&mut source, LONGEST).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(complain(FAILED, &format!("standard input: {error}"))),
        }
        let password = line.strip_suffix(b"\n").unwrap_or(&line);
        let password = password.strip_suffix(b"\r").unwrap_or(password);
        // As the gate does: with the blanks around it, and without.
        let trimmed = std::str::from_utf8(password).map_or(password, |text| passwords::trimmed(text).as_bytes());
        let found = [trimmed, password].iter().find_map(|form| passwords::find(leaked.as_ref(), &Digest::of(form)));
        let word = found.map_or("nowhere", |source| source.name());
        if writeln!(io::stdout().lock(), "{word}").is_err() {
            // A reader that went away is no reason to fail.
            return Ok(());
        }
    }
}
