//! The keys of this installation, and the only place that seals and opens with them.
//!
//! Two kinds of key live in one file (`file`). The *identity key* turns identifiers into pseudonyms; it never changes,
//! because history is filed under its hashes. The *signing keys* protect what the gate hands out and gets back (tickets,
//! cookies) or puts into a store (held answers); they are a list, so that they rotate: the first seals, all of them open.
//!
//! Sealing is authenticated encryption (XChaCha20-Poly1305, random 192-bit nonces), never a bare signature: visitors need
//! not read what they carry. Each [`Purpose`] has a subkey of its own, derived once at start, so that a clearance can never
//! pass for a ticket whatever the formats inside come to be.
//!
//! Nothing here has a `Debug` that shows a key, and keys are wiped from memory when dropped.

mod file;
mod pooled;
mod token;

pub use file::SecretsError;
pub use pooled::PooledRandomness;
pub use token::AdminToken;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A key as it is kept: wiped when dropped.
type KeyBytes = Zeroizing<[u8; 32]>;

/// First byte of everything sealed; another layout would get another.
const FORMAT: u8 = 1;
/// Format and key id, in front of the nonce.
const HEADER: usize = 5;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Bytes that sealing adds.
pub const SEAL_OVERHEAD: usize = HEADER + NONCE + TAG;

/// What something is sealed for; opens under no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A challenge in a URL.
    Ticket,
    /// A solved challenge in a cookie.
    Clearance,
    /// An answer of the application, waiting in the store.
    HeldAnswer,
    /// The gate's device cookie.
    Device,
}

impl Purpose {
    const ALL: [Purpose; 4] = [Purpose::Ticket, Purpose::Clearance, Purpose::HeldAnswer, Purpose::Device];

    /// Goes into the key derivation: never changed, never reused.
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Ticket => b"tollgate/v1/ticket",
            Purpose::Clearance => b"tollgate/v1/clearance",
            Purpose::HeldAnswer => b"tollgate/v1/held-answer",
            Purpose::Device => b"tollgate/v1/device",
        }
    }
}

/// Where random bytes come from; handed in, so that a test can say what they are.
pub trait Randomness: Send + Sync {
    /// Fills the whole buffer, or fails and promises nothing about it.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(buffer).map_err(|_| NoRandomness)
    }
}

/// The source of random bytes failed. Nothing was issued, and nothing may be let through because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// The keys of one installation.
pub struct Secrets {
    identity: KeyBytes,
    /// Never empty; the first seals.
    signing: Vec<SigningKey>,
    randomness: Arc<dyn Randomness>,
}

/// One signing key, kept as the subkeys made from it.
struct SigningKey {
    id: [u8; 4],
    /// In the order of [`Purpose::ALL`].
    subkeys: [KeyBytes; Purpose::ALL.len()],
}

impl SigningKey {
    fn new(id: [u8; 4], key: &KeyBytes) -> SigningKey {
        SigningKey { id, subkeys: Purpose::ALL.map(|purpose| derive(key, purpose.label())) }
    }

    fn cipher(&self, purpose: Purpose) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.subkeys[purpose as usize]))
    }
}

impl Secrets {
    /// Reads the secret file; makes it first, with mode 0600 and fresh keys, if there is none. Processes that start at
    /// once agree on one file.
    pub fn load_or_create(path: &Path) -> Result<Secrets, SecretsError> {
        // Keys are made by the system itself; what is drawn for each request comes from the pool.
        let keys = file::load_or_create(path, &SystemRandomness)?;
        Ok(Secrets::from_keys(keys, Arc::new(PooledRandomness)))
    }

    /// The same with another source of randomness.
    pub fn load_or_create_with(path: &Path, randomness: Arc<dyn Randomness>) -> Result<Secrets, SecretsError> {
        let keys = file::load_or_create(path, &*randomness)?;
        Ok(Secrets::from_keys(keys, randomness))
    }

    /// Reads the secret file again while the gate runs: its signing keys may have rotated, its identity key must be
    /// `self`'s. A file that is gone is an error, and never made anew.
    pub fn rotated(&self, path: &Path) -> Result<Secrets, SecretsError> {
        let keys = file::load_existing(path)?.ok_or_else(|| SecretsError::Gone { path: path.to_owned() })?;
        if !bool::from(keys.identity.ct_eq(&self.identity[..])) {
            return Err(SecretsError::OtherIdentity { path: path.to_owned() });
        }
        Ok(Secrets::from_keys(keys, self.randomness.clone()))
    }

    /// Reads the secret file and makes nothing: `None` if there is none.
    pub fn load(path: &Path) -> Result<Option<Secrets>, SecretsError> {
        let keys = file::load_existing(path)?;
        Ok(keys.map(|keys| Secrets::from_keys(keys, Arc::new(PooledRandomness))))
    }

    /// Keys that live as long as the process, for tools and tests that have no file.
    pub fn ephemeral(randomness: Arc<dyn Randomness>) -> Result<Secrets, NoRandomness> {
        let keys = file::Keys::fresh(&*randomness)?;
        Ok(Secrets::from_keys(keys, randomness))
    }

    fn from_keys(keys: file::Keys, randomness: Arc<dyn Randomness>) -> Secrets {
        let signing = keys.signing.iter().map(|(id, key)| SigningKey::new(*id, key)).collect();
        Secrets { identity: keys.identity, signing, randomness }
    }

    /// The key of all pseudonyms. Never rotated.
    pub fn identity_key(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.randomness.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Encrypts and authenticates; [`SEAL_OVERHEAD`] bytes longer than the plaintext.
    pub fn seal(&self, purpose: Purpose, plaintext: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let nonce: [u8; NONCE] = self.random()?;
        // A list of keys that is empty cannot be read or made; were there one all the same, nothing may be sealed.
        let key = self.signing.first().ok_or(NoRandomness)?;
        let mut sealed = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&key.id);
        let payload = Payload { msg: plaintext, aad: &sealed };
        // Fails only beyond 256 GiB.
        let ciphertext = key.cipher(purpose).encrypt(&XNonce::from(nonce), payload).map_err(|_| NoRandomness)?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Whether it was sealed under the key that seals now.
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        let id = sealed.get(1..HEADER);
        self.signing.first().is_some_and(|key| id == Some(&key.id[..]))
    }

    /// What was sealed for this purpose with any of the keys; `None` for everything else.
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE)?;
        let (format, id) = header.split_first()?;
        if *format != FORMAT {
            return None;
        }
        let key = self.signing.iter().find(|key| key.id == id)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        key.cipher(purpose).decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: header }).ok()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("signing_keys", &self.signing.len()).finish_non_exhaustive()
    }
}

/// One step of HMAC-SHA-256 as key derivation (the "expand" of RFC 5869 for one block, from a key that is uniform).
fn derive(key: &KeyBytes, label: &[u8]) -> KeyBytes {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length; this one has 32 bytes")]
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&key[..]).expect("any key length");
    mac.update(label);
    mac.update(&[1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Bytes that differ from call to call and are the same in every run.
    #[derive(Default)]
    pub struct Counted(AtomicU64);

    impl Randomness for Counted {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
            use sha2::Digest;
            for chunk in buffer.chunks_mut(32) {
                let block = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
            Ok(())
        }
    }

    /// A generator that has run dry.
    pub struct Dry;

    impl Randomness for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }

    pub fn secrets() -> Secrets {
        Secrets::ephemeral(Arc::new(Counted::default())).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Counted, Dry, secrets};
    use super::*;
    use proptest::prelude::*;

    fn with_keys(keys: &[([u8; 4], u8)]) -> Secrets {
        let signing = keys.iter().map(|(id, byte)| (*id, Zeroizing::new([*byte; 32]))).collect();
        let keys = file::Keys { identity: Zeroizing::new([7; 32]), signing };
        Secrets::from_keys(keys, Arc::new(Counted::default()))
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_for_its_purpose_only(plain in proptest::collection::vec(any::<u8>(), 0..300)) {
            let secrets = secrets();
            for purpose in Purpose::ALL {
                let sealed = secrets.seal(purpose, &plain).unwrap();
                prop_assert_eq!(sealed.len(), plain.len() + SEAL_OVERHEAD);
                for other in Purpose::ALL {
                    let expected = (other == purpose).then(|| plain.clone());
                    prop_assert_eq!(secrets.open(other, &sealed), expected);
                }
            }
        }

        #[test]
        fn no_bytes_make_opening_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(secrets().open(Purpose::Ticket, &bytes), None);
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let secrets = secrets();
        let sealed = secrets.seal(Purpose::Ticket, b"attack at dawn").unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut forged = sealed.clone();
                forged[place] ^= 1 << bit;
                assert_eq!(secrets.open(Purpose::Ticket, &forged), None, "byte {place}, bit {bit}");
            }
            assert_eq!(secrets.open(Purpose::Ticket, &sealed[..place]), None, "cut at {place}");
        }
    }

    #[test]
    fn keys_rotate_the_first_seals_and_all_open() {
        let old = with_keys(&[([1; 4], 1)]);
        let both = with_keys(&[([2; 4], 2), ([1; 4], 1)]);
        let new = with_keys(&[([2; 4], 2)]);
        let by_old = old.seal(Purpose::Clearance, b"x").unwrap();
        let by_both = both.seal(Purpose::Clearance, b"x").unwrap();
        assert!(both.open(Purpose::Clearance, &by_old).is_some());
        assert!(new.open(Purpose::Clearance, &by_both).is_some());
        assert!(new.open(Purpose::Clearance, &by_old).is_none());
        assert!(old.open(Purpose::Clearance, &by_both).is_none());
    }

    #[test]
    fn a_running_gate_takes_new_signing_keys_and_no_other_identity() {
        use std::fs;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let running = Secrets::load_or_create(&path).unwrap();
        let sealed = running.seal(Purpose::Ticket, b"x").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\nsign ", &format!("\nsign 00000001 {}\nsign ", "17".repeat(32)))).unwrap();
        let rotated = running.rotated(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(rotated.open(Purpose::Ticket, &sealed).is_some(), "the old key still opens");
        assert!(
            running.open(Purpose::Ticket, &rotated.seal(Purpose::Ticket, b"x").unwrap()).is_none(),
            "the new one seals"
        );
        fs::write(&path, format!("version 1\nidentity {0}\nsign 00000001 {0}\n", "17".repeat(32))).unwrap();
        let error = running.rotated(&path).unwrap_err().to_string();
        assert!(error.contains("identity key is another one"), "{error}");
        fs::remove_file(&path).unwrap();
        running.rotated(&path).unwrap_err();
        assert!(!path.exists(), "a key that was lost is not replaced by another");
    }

    #[test]
    fn a_known_id_with_another_key_opens_nothing() {
        let sealed = with_keys(&[([1; 4], 1)]).seal(Purpose::Ticket, b"x").unwrap();
        assert_eq!(with_keys(&[([1; 4], 9)]).open(Purpose::Ticket, &sealed), None);
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way_twice() {
        let secrets = secrets();
        assert_ne!(secrets.seal(Purpose::Ticket, b"x").unwrap(), secrets.seal(Purpose::Ticket, b"x").unwrap());
    }

    #[test]
    fn without_randomness_nothing_is_sealed() {
        let mut secrets = secrets();
        secrets.randomness = Arc::new(Dry);
        assert_eq!(secrets.seal(Purpose::Ticket, b"x"), Err(NoRandomness));
    }

    #[test]
    fn the_purposes_are_listed_in_their_order() {
        for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
            assert_eq!(purpose as usize, place, "{purpose:?} would use another purpose's key");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", with_keys(&[([1; 4], 0xab)]));
        assert_eq!(shown, "Secrets { signing_keys: 1, .. }");
    }
}
