//! What a command has to say, on standard output.
//!
//! A reader that went away (`| head`) has read what it wanted. A disk that is full has not: whoever keeps a report
//! (`evaluate --json > before.json`) must not believe that it is whole. And which files are the same, so that nothing is written
//! over what is read.

use super::{FAILED, FINE};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a file is, whatever it is called: two names with one of these are one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Device and inode.
    There(u64, u64),
    /// It is to be made at this place.
    Made(PathBuf),
}

/// `-` is standard input. `None` of what is no file, as a pipe or `/dev/null`, which nothing can be lost from.
pub fn identity(path: &Path) -> Option<Identity> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    match path.metadata() {
        Ok(file) if file.is_file() => Some(Identity::There(file.dev(), file.ino())),
        Ok(_) => None,
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(Identity::Made(folder.canonicalize().ok()?.join(path.file_name()?)))
        }
    }
}

/// Writes it all, and returns the exit code: that of the command if it could be written.
pub fn print(text: &str) -> u8 {
    print_bytes(text.as_bytes())
}

/// The same of bytes.
pub fn print_bytes(bytes: &[u8]) -> u8 {
    let mut out = io::stdout().lock();
    code(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What became of writing to standard output, as an exit code.
pub fn code(written: io::Result<()>) -> u8 {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "tollgate: standard output: {error}");
            FAILED
        }
        _ => FINE,
    }
}
