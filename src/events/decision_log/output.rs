//! The file itself: appended to in whole lines.
//!
//! A disk that fills up cuts a line in two. The next write begins with a line end then, and says the line again from its
//! start: a reader finds one broken line, never two records in one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: File,
    /// The last line in the file has no end.
    torn: bool,
}

impl Output {
    pub fn open(path: &Path) -> io::Result<Output> {
        Ok(Output { path: path.to_path_buf(), file: open(path)?, torn: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn reopen(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        self.torn &= self.file.metadata()?.len() > 0;
        Ok(())
    }

    /// Writes whole lines; on failure `lines` is what has to be written again.
    pub fn append(&mut self, lines: &mut &[u8]) -> io::Result<()> {
        // A file that was deleted, with its directory perhaps, takes lines all the same, and nobody will ever read them.
        if self.file.metadata()?.nlink() == 0 {
            self.reopen()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        let mut done = 0;
        while done < lines.len() {
            let failure = match self.file.write(&lines[done..]) {
                Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
                Ok(count) => {
                    done += count;
                    continue;
                }
                Err(failure) if failure.kind() == io::ErrorKind::Interrupted => continue,
                Err(failure) => failure,
            };
            let whole = lines[..done].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            self.torn = whole < done;
            *lines = &lines[whole..];
            return Err(failure);
        }
        *lines = &[];
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_file_is_for_the_owner_and_the_group() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        Output::open(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{mode:o}");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        symlink("/dev/full", &path).unwrap();
        let mut output = Output::open(&path).unwrap();
        let mut lines = b"one\ntwo\n".as_slice();
        assert!(output.append(&mut lines).is_err());
        assert_eq!(lines, b"one\ntwo\n");
        std::fs::remove_file(&path).unwrap();
        output.reopen().unwrap();
        output.append(&mut lines).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_file_that_was_deleted_takes_no_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone/log");
        std::fs::create_dir(dir.path().join("gone")).unwrap();
        let mut output = Output::open(&path).unwrap();
        output.append(&mut b"one\n".as_slice()).unwrap();
        std::fs::remove_file(&path).unwrap();
        output.append(&mut b"two\n".as_slice()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n", "it is made anew");
        std::fs::remove_dir_all(dir.path().join("gone")).unwrap();
        let mut lines = b"three\n".as_slice();
        assert!(output.append(&mut lines).is_err(), "its directory is gone");
        std::fs::create_dir(dir.path().join("gone")).unwrap();
        output.append(&mut lines).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three\n");
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut output = Output::open(&path).unwrap();
        output.append(&mut b"{\"whole\":1}\n{\"to".as_slice()).unwrap();
        output.torn = true;
        output.append(&mut b"{\"torn\":2}\n".as_slice()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"whole\":1}\n{\"to\n{\"torn\":2}\n");
        output.torn = true;
        std::fs::remove_file(&path).unwrap();
        output.reopen().unwrap();
        output.append(&mut b"{}\n".as_slice()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"{}\n", "a new file has no torn line");
    }
}
