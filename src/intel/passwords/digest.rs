//! What a password becomes as soon as it was read: its SHA-1, for as long as the evidence is gathered, and wiped then.
//!
//! SHA-1 is no secret-keeping hash, and is not meant to be: it is what leaked passwords are listed by. So a digest is
//! handled as the password itself: it can be neither printed nor cloned, and what leaves it for a look-up is a number of
//! 64 bits within this process, or twenty bits on the wire.

use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

/// The SHA-1 of a password's UTF-8 bytes.
pub struct Digest(Zeroizing<[u8; 20]>);

impl Digest {
    pub fn of(password: &[u8]) -> Digest {
        let mut digest = Zeroizing::new([0; 20]);
        // The hasher wipes what it holds of the password when it is dropped.
        Sha1::new_with_prefix(password).finalize_into((&mut *digest).into());
        Digest(digest)
    }

    /// The key in a filter: the first 64 bits.
    pub(super) fn key(&self) -> u64 {
        self.bits(0)
    }

    /// What a range is asked for by: the first twenty bits, five hexadecimal digits.
    pub fn prefix(&self) -> u32 {
        (self.key() >> 44) as u32
    }

    /// The 64 bits after those twenty: what tells an entry of a range's answer from the others.
    pub fn rest(&self) -> Zeroizing<u64> {
        // Bits 16 to 80, and the four after them.
        Zeroizing::new(self.bits(2) << 4 | self.bits(10) >> 60)
    }

    /// Eight bytes from there, big-endian.
    fn bits(&self, from: usize) -> u64 {
        self.0[from..from + 8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }
}

/// The password as applications that trim it read it: without white space and controls around it. One of nothing else is
/// itself.
pub fn trimmed(password: &str) -> &str {
    let inner = password.trim_matches(|character: char| character.is_whitespace() || character.is_control());
    if inner.is_empty() { password } else { inner }
}

/// The number that these hexadecimal digits are; `None`: they are none, or more than sixteen.
pub fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $ printf password | sha1sum
    /// 5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8
    #[test]
    fn parts_are_those_of_the_known_hash() {
        let digest = Digest::of(b"password");
        assert_eq!(digest.key(), 0x5baa_61e4_c9b9_3f3f);
        assert_eq!(digest.prefix(), 0x5baa6);
        assert_eq!(*digest.rest(), 0x1e4c_9b93_f3f0_6822);
        assert_eq!(hexadecimal(b"1E4C9B93F3F06822"), Some(0x1e4c_9b93_f3f0_6822));
    }

    #[test]
    fn blanks_around_a_password_are_none_of_it() {
        for (typed, read) in [
            ("password1", "password1"),
            ("password1 ", "password1"),
            ("\u{a0}\u{3000}pass word\t\0\r\n", "pass word"),
            ("\u{85}\u{2009}x\u{b}", "x"),
            ("  ", "  "),
            ("", ""),
        ] {
            assert_eq!(trimmed(typed), read, "{typed:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for wrong in [&b"12G4"[..], b" 1", b"+1", b"11111111111111111"] {
            assert_eq!(hexadecimal(wrong), None);
        }
        assert_eq!(hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
    }
}
