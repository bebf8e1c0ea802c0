//! How a file is told from what it was: by what the file system says of it, without reading it.
//!
//! A [`Stamp`] is taken before a file is read, never after: what is written while it is being read then looks changed, and
//! is read again. It follows symbolic links, so that a Kubernetes ConfigMap, whose files stay where they are while the
//! directory behind them is exchanged, has changed; an editor that renames a new file over the old one changes the inode;
//! and the time of the last change of the inode tells what restores an old modification time, as `cp -p` and `tar` do.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a file was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None`: there is no such file, or it may not be asked for.
    pub fn of(path: &Path) -> Option<Stamp> {
        let file = std::fs::metadata(path).ok()?;
        Some(Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// The files that a configuration was made from, each as it was before it was read. Missing ones belong to it: when they
/// appear, something has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<Stamp>>);

impl Files {
    /// To be called before the file is read. The first word on a file stands: later ones may already be newer than what
    /// was read.
    pub fn note(&mut self, path: &Path) {
        if !self.0.contains_key(path) {
            self.0.insert(path.to_owned(), Stamp::of(path));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same files as they are now.
    pub fn again(&self) -> Files {
        Files(self.0.keys().map(|path| (path.clone(), Stamp::of(path))).collect())
    }

    /// Whether these are the same files, whatever they were.
    pub fn is_of(&self, others: &Files) -> bool {
        self.0.keys().eq(others.0.keys())
    }

    /// Looks again at those that were not there.
    pub fn find_missing(&mut self) {
        let missing = self.0.iter_mut().filter(|(_, stamp)| stamp.is_none());
        missing.for_each(|(path, stamp)| *stamp = Stamp::of(path));
    }

    /// The files that are not as they were in `earlier`, in order; also those that it does not know.
    pub fn differing<'f>(&'f self, earlier: &'f Files) -> impl Iterator<Item = &'f Path> {
        self.0.iter().filter(|(path, stamp)| earlier.0.get(*path) != Some(stamp)).map(|(path, _)| path.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn noted(path: &Path) -> Files {
        let mut files = Files::default();
        files.note(path);
        files
    }

    fn changed(files: &Files) -> usize {
        files.again().differing(files).count()
    }

    #[test]
    fn what_stays_is_the_same_and_what_is_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let missing = noted(&path);
        assert_eq!(changed(&missing), 0, "still not there");
        fs::write(&path, "one").unwrap();
        assert_eq!(changed(&missing), 1, "it appeared");
        let files = noted(&path);
        assert_eq!(changed(&files), 0);
        fs::write(&path, "one and another").unwrap();
        assert_eq!(changed(&files), 1, "written in place");
        let files = noted(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(changed(&files), 1, "it went");
    }

    #[test]
    fn a_file_renamed_over_another_is_another_even_with_its_time_and_size() {
        let dir = tempfile::tempdir().unwrap();
        let (path, new) = (dir.path().join("list"), dir.path().join("new"));
        fs::write(&path, "one").unwrap();
        fs::write(&new, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        let files = noted(&path);
        fs::rename(&new, &path).unwrap();
        assert_eq!(changed(&files), 1);
    }

    #[test]
    fn a_link_is_what_it_points_to() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["one", "two"] {
            fs::create_dir(dir.path().join(version)).unwrap();
            fs::write(dir.path().join(version).join("list"), "same").unwrap();
        }
        let (data, path) = (dir.path().join("..data"), dir.path().join("list"));
        std::os::unix::fs::symlink("one", &data).unwrap();
        std::os::unix::fs::symlink("..data/list", &path).unwrap();
        let files = noted(&path);
        std::os::unix::fs::symlink("two", dir.path().join("..next")).unwrap();
        fs::rename(dir.path().join("..next"), &data).unwrap();
        assert_eq!(changed(&files), 1);
    }

    #[test]
    fn the_first_word_on_a_file_stands() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, "one").unwrap();
        let mut files = noted(&path);
        fs::write(&path, "another").unwrap();
        files.note(&path);
        assert_eq!(changed(&files), 1);
    }
}
