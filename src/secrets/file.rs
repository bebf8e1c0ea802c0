//! The secret file: a few lines of text, made on first start.
//!
//! Text, because an operator copies it through a fleet and rotates keys in an editor; strict, because a key that was
//! half-read would split the fleet without a sound. A new file appears under its name whole or not at all: it is written
//! and synced under a temporary name and then *linked*, which (unlike renaming) never replaces a file that another
//! process made in the meantime; who loses that race reads the winner's. Errors name the line and never quote it.

use super::{KeyBytes, NoRandomness, Randomness};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most signing keys in one file.
const MOST_KEYS: usize = 16;
/// Largest file that is read, bytes.
const MOST_BYTES: usize = 16 * 1024;

const PREAMBLE: &str = "\
# The keys of this Tollgate installation. Keep this file secret (mode 0600), keep a backup, and give every node of a
# fleet the same one.
#
# identity: the key under which accounts are remembered. Never change it: all history would be lost.
# sign:     an id and a key for tickets and cookies. The first seals, all are accepted. To rotate, insert a line
#           `sign <8 hex digits> <64 hex digits>` above the others on every node (`openssl rand -hex 4` and
#           `openssl rand -hex 32` make them), `tollgate reload`, and remove the old line an hour later.
";

/// Why there are no keys. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("{path}: cannot {what}: {error}", path = path.display())]
    Io { path: PathBuf, what: &'static str, error: io::Error },
    #[error("{path}: is no longer there", path = path.display())]
    Gone { path: PathBuf },
    #[error("{path}: is no regular file", path = path.display())]
    NotAFile { path: PathBuf },
    #[error("{path}: others may use it (mode {mode:04o}); run: chmod 600 {path}", path = path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path}: larger than {MOST_BYTES} bytes", path = path.display())]
    TooLarge { path: PathBuf },
    #[error("{path}: line {line}: {problem}", path = path.display())]
    Syntax { path: PathBuf, line: usize, problem: &'static str },
    #[error("{path}: {problem}", path = path.display())]
    Incomplete { path: PathBuf, problem: &'static str },
    #[error("{path}: cannot be made: {error}", path = path.display())]
    NoRandomness { path: PathBuf, error: NoRandomness },
    #[error(
        "{path}: the identity key is another one: everything that is remembered is filed under the old one. \
         Put its line back; only `sign` lines rotate",
        path = path.display()
    )]
    OtherIdentity { path: PathBuf },
}

/// What the file holds.
pub(super) struct Keys {
    pub identity: KeyBytes,
    /// Never empty, ids distinct, the first seals.
    pub signing: Vec<([u8; 4], KeyBytes)>,
}

impl Keys {
    pub fn fresh(randomness: &dyn Randomness) -> Result<Keys, NoRandomness> {
        let mut identity = Zeroizing::new([0; 32]);
        let mut id = [0; 4];
        let mut key = Zeroizing::new([0; 32]);
        randomness.fill(&mut identity[..])?;
        randomness.fill(&mut id)?;
        randomness.fill(&mut key[..])?;
        Ok(Keys { identity, signing: vec![(id, key)] })
    }

    fn to_text(&self) -> Zeroizing<String> {
        // Room for all of it, so that no copy is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(PREAMBLE.len() + 100 + 100 * self.signing.len()));
        text.push_str(PREAMBLE);
        text.push_str("version 1\nidentity ");
        push_hex(&mut text, &self.identity[..]);
        for (id, key) in &self.signing {
            text.push_str("\nsign ");
            push_hex(&mut text, id);
            text.push(' ');
            push_hex(&mut text, &key[..]);
        }
        text.push('\n');
        text
    }
}

pub(super) fn load_or_create(path: &Path, randomness: &dyn Randomness) -> Result<Keys, SecretsError> {
    let failed = |what| move |error| SecretsError::Io { path: path.to_owned(), what, error };
    match open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path, randomness)?;
            // Read back even what we made ourselves: another process may have been first.
            load(path, open(path).map_err(failed("open it"))?)
        }
        Err(error) => Err(failed("open it")(error)),
    }
}

/// The keys of a file that is there; `None`: there is none.
pub(super) fn load_existing(path: &Path) -> Result<Option<Keys>, SecretsError> {
    match open(path) {
        Ok(file) => load(path, file).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SecretsError::Io { path: path.to_owned(), what: "open it", error }),
    }
}

/// `O_NONBLOCK` where this was written for: the standard library has no name for it.
#[cfg(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))))]
const NONBLOCK: i32 = 0o4000;
#[cfg(all(target_os = "linux", any(target_arch = "mips", target_arch = "mips64")))]
const NONBLOCK: i32 = 0o200;
#[cfg(all(target_os = "linux", target_arch = "sparc64"))]
const NONBLOCK: i32 = 0x4000;
#[cfg(not(target_os = "linux"))]
const NONBLOCK: i32 = 0x4;

/// Opens without waiting: a named pipe in a secret's place would wait for a writer, and hold up every reload. What it is
/// instead of a file is [`guarded`]'s to refuse; on a file the flag does nothing.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)
}

fn load(path: &Path, file: File) -> Result<Keys, SecretsError> {
    parse(path, &guarded(path, file)?)
}

/// The bytes of a file that nobody but this user may use.
pub(super) fn guarded(path: &Path, file: File) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
    let failed = |error| SecretsError::Io { path: path.to_owned(), what: "read it", error };
    // Of the open file, not of the name: nothing can be exchanged in between.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretsError::NotAFile { path: path.to_owned() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(SecretsError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() > MOST_BYTES {
        return Err(SecretsError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

fn create(path: &Path, randomness: &dyn Randomness) -> Result<(), SecretsError> {
    let dry = |error| SecretsError::NoRandomness { path: path.to_owned(), error };
    let keys = Keys::fresh(randomness).map_err(dry)?;
    write_new(path, randomness, keys.to_text().as_bytes())
}

/// Makes a file whole or not at all, with mode 0600; one that is there already stays.
pub(super) fn write_new(path: &Path, randomness: &dyn Randomness, content: &[u8]) -> Result<(), SecretsError> {
    let failed = |what| move |error| SecretsError::Io { path: path.to_owned(), what, error };
    let dry = |error| SecretsError::NoRandomness { path: path.to_owned(), error };
    let mut suffix = [0; 8];
    randomness.fill(&mut suffix).map_err(dry)?;

    let mut name = String::from(".tollgate-secret-");
    push_hex(&mut name, &suffix);
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed("make it (does its directory exist, and may this user write there?)"))?;
    let linked =
        file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    let removed = fs::remove_file(&temporary);
    linked.map_err(failed("write it"))?;
    removed.map_err(failed("remove its temporary copy"))?;

    // The name must outlive a power cut as well: a second key would orphan all history.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed("sync its directory"))
}

fn parse(path: &Path, text: &[u8]) -> Result<Keys, SecretsError> {
    let syntax = |line, problem| SecretsError::Syntax { path: path.to_owned(), line, problem };
    let incomplete = |problem| SecretsError::Incomplete { path: path.to_owned(), problem };
    let text = std::str::from_utf8(text).map_err(|_| incomplete("is no text"))?;
    let mut versioned = false;
    let mut identity: Option<KeyBytes> = None;
    let mut signing: Vec<([u8; 4], KeyBytes)> = Vec::new();

    for (place, line) in text.lines().enumerate() {
        let line_number = place + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        let (keyword, first, second) = (words.next(), words.next(), words.next());
        if words.next().is_some() {
            return Err(syntax(line_number, "too many words"));
        }
        match (keyword, first, second) {
            (Some("version"), Some("1"), None) if !versioned => versioned = true,
            (Some("version"), Some("1"), None) => return Err(syntax(line_number, "a second version")),
            (Some("version"), _, _) => return Err(syntax(line_number, "not version 1: made by a newer Tollgate?")),
            _ if !versioned => return Err(syntax(line_number, "expected `version 1` first")),
            (Some("identity"), Some(key), None) => {
                if identity.is_some() {
                    return Err(syntax(line_number, "a second identity key"));
                }
                identity = Some(
                    key_from(key)
                        .ok_or_else(|| syntax(line_number, "a key has 64 lower-case hex digits, not all zero"))?,
                );
            }
            (Some("sign"), Some(id), Some(key)) => {
                let id: [u8; 4] = hex(id).ok_or_else(|| syntax(line_number, "an id has 8 lower-case hex digits"))?;
                let key = key_from(key)
                    .ok_or_else(|| syntax(line_number, "a key has 64 lower-case hex digits, not all zero"))?;
                if signing.iter().any(|(other, _)| *other == id) {
                    return Err(syntax(line_number, "a second key with this id"));
                }
                if signing.len() == MOST_KEYS {
                    return Err(syntax(line_number, "more than 16 signing keys"));
                }
                signing.push((id, key));
            }
            _ => return Err(syntax(line_number, "expected `identity <key>` or `sign <id> <key>`")),
        }
    }
    let identity = identity.ok_or_else(|| incomplete("has no identity key"))?;
    if signing.is_empty() {
        return Err(incomplete("has no signing key"));
    }
    Ok(Keys { identity, signing })
}

/// A key that is not all zeros: somebody's placeholder is nobody's secret.
fn key_from(text: &str) -> Option<KeyBytes> {
    let key = Zeroizing::new(hex::<32>(text)?);
    key.iter().any(|byte| *byte != 0).then_some(key)
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(bytes)
}

pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Counted, Dry};
    use super::super::{Purpose, Secrets, SystemRandomness};
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Arc, Barrier};

    const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_the_file_and_the_second_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let first = Secrets::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let second = Secrets::load_or_create(&path).unwrap();
        assert_eq!(first.identity_key(), second.identity_key());
        let sealed = first.seal(Purpose::Ticket, b"x").unwrap();
        assert_eq!(second.open(Purpose::Ticket, &sealed).unwrap(), b"x");
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"], "no temporary file stays behind");
    }

    #[test]
    fn a_named_pipe_is_refused_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap();
        assert!(made.success());
        // On the way of a thread: should it wait, the test ends all the same.
        let (said, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let token = super::super::AdminToken::load_or_create(&path).map(drop);
            let _ = said.send((Secrets::load_or_create(&path).map(drop), token));
        });
        let (keys, token) = heard.recv_timeout(std::time::Duration::from_secs(60)).expect("a pipe is not waited for");
        assert!(matches!(keys, Err(SecretsError::NotAFile { .. })), "{keys:?}");
        assert!(matches!(token, Err(SecretsError::NotAFile { .. })), "{token:?}");
    }

    #[test]
    fn processes_that_start_at_once_agree() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let barrier = Barrier::new(16);
        let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        *Secrets::load_or_create(&path).unwrap().identity_key()
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_others_may_use_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
            write(&path, &format!("version 1\nidentity {KEY}\nsign 00000001 {KEY}\n"), mode);
            let error = Secrets::load_or_create(&path).unwrap_err().to_string();
            assert!(error.ends_with(&format!("(mode {mode:04o}); run: chmod 600 {}", path.display())), "{error}");
        }
        for mode in [0o600, 0o400] {
            write(&path, &format!("version 1\nidentity {KEY}\nsign 00000001 {KEY}\n"), mode);
            Secrets::load_or_create(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_directory_and_a_missing_directory_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let error = Secrets::load_or_create(directory.path()).unwrap_err();
        assert!(matches!(error, SecretsError::NotAFile { .. }), "{error}");
        let error = Secrets::load_or_create(&directory.path().join("no/secret")).unwrap_err().to_string();
        assert!(error.contains("does its directory exist"), "{error}");
    }

    #[test]
    fn without_randomness_no_file_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        Secrets::load_or_create_with(&path, Arc::new(Dry)).unwrap_err();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_written_reads_back() {
        let keys = Keys::fresh(&SystemRandomness).unwrap();
        let read = parse(Path::new("s"), keys.to_text().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert!(read.identity == keys.identity && read.signing == keys.signing);
        let keys = Keys::fresh(&Counted::default()).unwrap();
        assert!(keys.identity != read.identity);
    }

    #[test]
    fn files_are_read_strictly() {
        let zeros = "0".repeat(64);
        let many: String = (0..17).map(|id| format!("sign {id:08x} {KEY}\n")).collect();
        for (text, expected) in [
            (format!("# c\n\n  version 1\nidentity {KEY}\n# c\nsign 00000001 {KEY}\nsign 00000002 {KEY}"), Ok(2)),
            (format!("version 1\r\nidentity {KEY}\r\nsign 00000001 {KEY}\r\n"), Ok(1)),
            (String::new(), Err("s: has no identity key")),
            (format!("version 1\nsign 00000001 {KEY}"), Err("s: has no identity key")),
            (format!("version 1\nidentity {KEY}"), Err("s: has no signing key")),
            (format!("identity {KEY}"), Err("s: line 1: expected `version 1` first")),
            ("version 2".into(), Err("s: line 1: not version 1: made by a newer Tollgate?")),
            ("version 1\nversion 1".into(), Err("s: line 2: a second version")),
            (format!("version 1\nidentity {KEY}\nidentity {KEY}"), Err("s: line 3: a second identity key")),
            (
                format!("version 1\nidentity {}", &KEY[1..]),
                Err("s: line 2: a key has 64 lower-case hex digits, not all zero"),
            ),
            (
                format!("version 1\nidentity {}", KEY.to_uppercase()),
                Err("s: line 2: a key has 64 lower-case hex digits, not all zero"),
            ),
            (
                format!("version 1\nidentity {zeros}"),
                Err("s: line 2: a key has 64 lower-case hex digits, not all zero"),
            ),
            (format!("version 1\nsign 1 {KEY}"), Err("s: line 2: an id has 8 lower-case hex digits")),
            (format!("version 1\nsign 00000001 {KEY} x"), Err("s: line 2: too many words")),
            (
                format!("version 1\nsign 00000001 {KEY}\nsign 00000001 {KEY}"),
                Err("s: line 3: a second key with this id"),
            ),
            (format!("version 1\n{many}"), Err("s: line 18: more than 16 signing keys")),
            ("version 1\npassword hunter2".into(), Err("s: line 2: expected `identity <key>` or `sign <id> <key>`")),
        ] {
            let read = parse(Path::new("s"), text.as_bytes()).map(|keys| keys.signing.len()).map_err(|e| e.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
        assert!(parse(Path::new("s"), &[0xff, 0xfe]).is_err());
    }
}
