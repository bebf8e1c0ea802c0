//! The key under which paths meet: letters folded, trailing slashes dropped, hashed in one pass.
//!
//! Configured paths and readings of requests are brought to the same key, so that one look-up covers all exact routes
//! and one at each segment boundary all prefixes. The hash needs no secret: only the operator's paths are ever stored,
//! and what an attacker can look up he cannot make longer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The path without its trailing slashes; the root is empty.
pub(super) fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

/// Letters folded as the most tolerant servers do: Unicode lower case, and the four letters whose upper or lower case is
/// an ASCII letter (`ſ`, `K`, `İ`, `ı`). ASCII is left alone: the table folds it while hashing.
pub(super) fn folded(path: &[u8]) -> Cow<'_, [u8]> {
    if path.is_ascii() {
        return Cow::Borrowed(path);
    }
    let mut out = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                'ſ' => out.push(b's'),
                'ı' | 'İ' => out.push(b'i'),
                c => c.to_lowercase().for_each(|c| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes())),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(out)
}

/// FNV-1a over the ASCII-folded bytes, extended byte by byte.
#[derive(Clone, Copy)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    pub const EMPTY: KeyHash = KeyHash(0xcbf2_9ce4_8422_2325);

    pub fn push(self, byte: u8) -> KeyHash {
        KeyHash((self.0 ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3))
    }

    fn of(key: &[u8]) -> KeyHash {
        key.iter().fold(KeyHash::EMPTY, |hash, &byte| hash.push(byte))
    }
}

/// Values by key.
#[derive(Debug)]
pub(super) struct KeyTable<V> {
    slots: HashMap<u64, Slot<V>, BuildHasherDefault<Already>>,
}

/// Keys of one hash with their values: one, but for chance.
type Slot<V> = Vec<(Box<[u8]>, V)>;

impl<V> Default for KeyTable<V> {
    fn default() -> Self {
        KeyTable { slots: HashMap::default() }
    }
}

impl<V> KeyTable<V> {
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value under `key`, made if there is none. `key` must be folded.
    pub fn entry(&mut self, key: &[u8]) -> &mut V
    where
        V: Default,
    {
        let slot = self.slots.entry(KeyHash::of(key).0).or_default();
        let place = slot.iter().position(|(held, _)| held.eq_ignore_ascii_case(key)).unwrap_or_else(|| {
            slot.push((key.into(), V::default()));
            slot.len() - 1
        });
        &mut slot[place].1
    }

    /// The value under `key`, whose hash this is.
    pub fn find(&self, hash: KeyHash, key: &[u8]) -> Option<&V> {
        self.slots.get(&hash.0)?.iter().find(|(held, _)| held.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.slots.values_mut().flatten().map(|(_, value)| value)
    }

    /// Length of the longest key, bytes.
    pub fn longest(&self) -> usize {
        self.slots.values().flatten().map(|(key, _)| key.len()).max().unwrap_or(0)
    }
}

/// Keys are hashes already; the multiplication only spreads their low bits to the top, which the map also uses.
#[derive(Default)]
struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_fold_to_ascii_meet() {
        for path in ["/LOGIN", "/logİn", "/logın"] {
            let folded = folded(path.as_bytes());
            assert!(folded.eq_ignore_ascii_case(b"/login"), "{path}");
        }
        assert_eq!(&*folded("/baſKet/É".as_bytes()), "/basket/é".as_bytes());
    }

    #[test]
    fn a_table_finds_what_was_put_in_whatever_the_case() {
        let mut table = KeyTable::<u8>::default();
        *table.entry(b"/login") = 7;
        let hash = |key: &[u8]| KeyHash::of(key);
        assert_eq!(table.find(hash(b"/LogIn"), b"/LogIn"), Some(&7));
        assert_eq!(table.find(hash(b"/logi"), b"/logi"), None);
        assert_eq!(table.longest(), 6);
    }

    #[test]
    fn trailing_slashes_go() {
        assert_eq!(trimmed(b"/a//"), b"/a");
        assert_eq!(trimmed(b"/"), b"");
        assert_eq!(trimmed(b""), b"");
    }
}
