//! What was made from a file, for as long as the file stays the same.
//!
//! A reload makes a whole new snapshot, and most of its files are as they were. Reading a million entries again would cost
//! a second of processor time and twice the memory, each time somebody changes a route: so what comes from a file carries
//! the file's [`Stamp`], and the next snapshot shares it while path and stamp agree.

use crate::config::Stamp;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Kept<T> {
    path: Box<Path>,
    stamp: Option<Stamp>,
    value: Arc<T>,
}

impl<T> Kept<T> {
    /// Shares what an earlier snapshot has of this file, or makes it anew. The stamp is taken before `make` reads.
    pub fn of(path: &Path, earlier: Option<&Kept<T>>, make: impl FnOnce() -> Option<T>) -> Option<Kept<T>> {
        let stamp = Stamp::of(path);
        let same = earlier.filter(|kept| *kept.path == *path && kept.stamp == stamp && stamp.is_some());
        let value = match same {
            Some(kept) => kept.value.clone(),
            None => Arc::new(make()?),
        };
        Some(Kept { path: path.into(), stamp, value })
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_read_again_only_when_it_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let read = |path: &Path| fs::read_to_string(path).ok();
        assert!(Kept::of(&path, None, || read(&path)).is_none(), "a file that is not there makes nothing");
        fs::write(&path, "one").unwrap();
        let first = Kept::of(&path, None, || read(&path)).unwrap();
        let second = Kept::of(&path, Some(&first), || panic!("read again")).unwrap();
        assert!(Arc::ptr_eq(&first.value, &second.value));
        fs::write(&path, "three").unwrap();
        assert_eq!(**Kept::of(&path, Some(&second), || read(&path)).unwrap(), *"three");
        let other = dir.path().join("other");
        fs::write(&other, "other").unwrap();
        assert_eq!(**Kept::of(&other, Some(&second), || read(&other)).unwrap(), *"other");
    }
}
