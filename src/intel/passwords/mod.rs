//! Whether a password stands in a corpus of leaked ones, without anybody being told which it is.
//!
//! A password becomes a [`Digest`] where it is read, and the digest is gone when the evidence is gathered. It is looked for
//! where that costs nothing: among forty thousand of the commonest passwords, which are embedded, and in the operator's own
//! [file](Leaked), which `tollgate lists build-passwords` [makes](Builder) of any list. Both are filters: they know every
//! password that was put in, and take one in 65,536 that were not for one that was. What neither knows, a
//! [service](crate::gateway::leaks) may be asked for, if the operator switches that on.

mod build;
mod digest;
mod file;
mod fuse;
pub mod sources;

pub use build::{Builder, Built};
pub use digest::{Digest, hexadecimal, trimmed};
pub use file::{About, Leaked, Unfit};
pub use sources::number;

use super::embedded;
use super::kept::Kept;
use crate::engine::evidence::{Leak, LeakSource};
use std::sync::LazyLock;

/// The commonest passwords.
pub(super) static COMMON: LazyLock<Leaked> = LazyLock::new(|| {
    let bytes = embedded::passwords();
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test opens it")]
    Leaked::read(bytes, bytes.len() as u64).expect("embedded file of passwords is whole")
});

/// What this machine knows of leaked passwords.
#[derive(Debug, Default)]
pub struct Passwords {
    pub(super) file: Option<Kept<Leaked>>,
}

impl Passwords {
    /// Where a password was found.
    pub fn find(&self, digest: &Digest) -> Option<Leak> {
        find(self.file.as_deref(), digest).map(|source| Leak { source, count: None })
    }

    /// What the operator's file says of itself, and the bytes of memory that it takes.
    pub fn about(&self) -> Option<(About, usize)> {
        self.file.as_deref().map(|file| (file.about, file.bytes()))
    }
}

/// Looks among the commonest, which says most, and then in a file.
pub fn find(file: Option<&Leaked>, digest: &Digest) -> Option<LeakSource> {
    let key = digest.key();
    if COMMON.contains(key) {
        return Some(LeakSource::Common);
    }
    file.filter(|file| file.contains(key)).map(|_| LeakSource::File)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    fn file_of(passwords: &[&str], at: &Path) {
        let mut builder = Builder::new(at.parent().unwrap());
        for password in passwords {
            builder.add(Digest::of(password.as_bytes()).key()).unwrap();
        }
        let mut bytes = Cursor::new(Vec::new());
        builder.finish(1_795_338_000, &mut bytes).unwrap();
        fs::write(at, bytes.into_inner()).unwrap();
    }

    #[test]
    fn the_commonest_are_embedded_and_small() {
        assert!(COMMON.about.passwords >= 30_000, "{:?}", COMMON.about);
        assert!(embedded::passwords().len() <= 100_000);
        for common in ["123456", "password", "qwerty", "letmein", "iloveyou", "dragon"] {
            let leak = Passwords::default().find(&Digest::of(common.as_bytes()));
            assert_eq!(leak, Some(Leak { source: LeakSource::Common, count: None }), "{common}");
        }
        let own = (0..20_000).filter(|number| {
            Passwords::default().find(&Digest::of(format!("Kx{number}!vR-tollgate").as_bytes())).is_some()
        });
        assert!(own.count() <= 4, "one in 65,536 is to be expected");
    }

    #[test]
    fn the_operators_file_knows_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords.filter");
        file_of(&["correct horse battery staple", "123456"], &path);
        assert!(fs::read(&path).unwrap().starts_with(file::MAGIC));
        let passwords = Passwords { file: Kept::of(&path, None, || Leaked::open(&path).ok()) };
        let source = |text: &str| passwords.find(&Digest::of(text.as_bytes())).map(|leak| leak.source);
        assert_eq!(source("correct horse battery staple"), Some(LeakSource::File));
        assert_eq!(source("123456"), Some(LeakSource::Common));
        assert_eq!(source("correct horse battery stapler"), None);
        assert_eq!(passwords.about().unwrap().0, About { made: 1_795_338_000, passwords: 2 });
    }
}
