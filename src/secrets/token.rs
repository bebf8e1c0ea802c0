//! The token that operators show on the admin listener to change something.
//!
//! Whoever can read its file may change the gate; nobody else, also on the same machine, where every user can reach the
//! loopback. It is 256 random bits that the program makes itself, so there is nothing to guess and nothing to stretch:
//! what is kept and compared (in constant time) is its SHA-256, which hides its length as well.

use super::file::{guarded, open, push_hex, write_new};
use super::{Randomness, SecretsError, SystemRandomness};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fewest characters of a token that an operator chose.
const SHORTEST: usize = 32;
const LONGEST: usize = 256;

/// A token as it is compared.
#[derive(Clone, Copy)]
pub struct AdminToken {
    digest: [u8; 32],
}

impl AdminToken {
    /// Reads the file; makes it first, with mode 0600 and a fresh token, if there is none.
    pub fn load_or_create(path: &Path) -> Result<AdminToken, SecretsError> {
        if matches!(open(path), Err(error) if error.kind() == ErrorKind::NotFound) {
            let mut key = Zeroizing::new([0; 32]);
            let dry = |error| SecretsError::NoRandomness { path: path.to_owned(), error };
            SystemRandomness.fill(&mut key[..]).map_err(dry)?;
            let mut text = Zeroizing::new(String::with_capacity(65));
            push_hex(&mut text, &key[..]);
            text.push('\n');
            write_new(path, &SystemRandomness, text.as_bytes())?;
        }
        AdminToken::load(path)
    }

    /// Reads a file that must be there.
    pub fn load(path: &Path) -> Result<AdminToken, SecretsError> {
        Ok(AdminToken { digest: Sha256::digest(AdminToken::read(path)?.as_bytes()).into() })
    }

    /// The token itself, for who shows it: one line of visible ASCII.
    pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretsError> {
        let failed = |error| SecretsError::Io { path: path.to_owned(), what: "open it", error };
        let bytes = guarded(path, open(path).map_err(failed)?)?;
        let wrong = |problem| SecretsError::Incomplete { path: path.to_owned(), problem };
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is no text"))?.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("holds more than one word of visible ASCII"));
        }
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(wrong("has no token of 32 to 256 characters (`openssl rand -hex 32` makes one)"));
        }
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Names the token where it must not be told: eight hexadecimal digits, from which nothing can be learnt of it.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::new().chain_update(b"tollgate/v1/token-fingerprint").chain_update(self.digest).finalize();
        hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether this is the token. Takes as long for any two that are equally long.
    pub fn is(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.digest.ct_eq(&shown).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn the_first_start_makes_a_token_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let made = AdminToken::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let text = AdminToken::read(&path).unwrap();
        assert_eq!(text.len(), 64);
        assert!(made.is(text.as_bytes()) && AdminToken::load_or_create(&path).unwrap().is(text.as_bytes()));
        for wrong in [&text[..63], "", &text.to_uppercase(), &format!("{}x", *text)] {
            assert!(!made.is(wrong.as_bytes()), "{wrong} was taken");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(AdminToken::load(&path).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for wrong in ["", "\n", "hunter2\n", &"hunter2 ".repeat(8), &"x".repeat(300)] {
            fs::write(&path, wrong).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = AdminToken::load_or_create(&path).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(AdminToken::load(&dir.path().join("no")).is_err(), "only a start makes one");
    }
}
