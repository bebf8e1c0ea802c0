//! What a device cookie holds, and its seal.

use crate::engine::time::Timestamp;
use crate::secrets::{NoRandomness, Purpose, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const VERSION: u8 = 1;
/// Version, id, issued, renewed, generation, proven.
const LENGTH: usize = 1 + 16 + 8 + 8 + 4 + 1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Random; never leaves the gate but in this cookie.
    pub id: [u8; 16],
    /// When the id was first given out.
    pub issued: Timestamp,
    /// When this generation was.
    pub renewed: Timestamp,
    /// How often it was given out anew.
    pub generation: u32,
    /// Whether somebody succeeded with it.
    pub proven: bool,
}

/// Without the id: who has it has the device.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("issued", &self.issued)
            .field("renewed", &self.renewed)
            .field("generation", &self.generation)
            .field("proven", &self.proven)
            .finish_non_exhaustive()
    }
}

impl Token {
    pub fn fresh(secrets: &Secrets, now: Timestamp) -> Result<Token, NoRandomness> {
        Ok(Token { id: secrets.random()?, issued: now, renewed: now, generation: 0, proven: false })
    }

    /// The next generation. What was proven stays so.
    pub fn renewed_at(self, now: Timestamp, proven: bool) -> Token {
        Token {
            renewed: self.renewed.max(now),
            generation: self.generation.saturating_add(1),
            proven: self.proven || proven,
            ..self
        }
    }

    pub fn seal(&self, secrets: &Secrets) -> Result<String, NoRandomness> {
        let mut plain = [0; LENGTH];
        let mut rest = &mut plain[..];
        let mut put = |bytes: &[u8]| {
            let (place, after) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
            rest = after;
        };
        put(&[VERSION]);
        put(&self.id);
        put(&self.issued.0.to_be_bytes());
        put(&self.renewed.0.to_be_bytes());
        put(&self.generation.to_be_bytes());
        put(&[u8::from(self.proven)]);
        Ok(URL_SAFE_NO_PAD.encode(secrets.seal(Purpose::Device, &plain)?))
    }

    /// A cookie of ours, and whether its key is no longer the one that seals.
    pub fn open(secrets: &Secrets, value: &[u8]) -> Option<(Token, bool)> {
        let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
        let plain: [u8; LENGTH] = secrets.open(Purpose::Device, &sealed)?.try_into().ok()?;
        let (version, rest) = plain.split_first()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (renewed, rest) = rest.split_first_chunk()?;
        let (generation, proven) = rest.split_first_chunk()?;
        if *version != VERSION {
            return None;
        }
        let token = Token {
            id: *id,
            issued: Timestamp(u64::from_be_bytes(*issued)),
            renewed: Timestamp(u64::from_be_bytes(*renewed)),
            generation: u32::from_be_bytes(*generation),
            proven: match proven {
                [0] => false,
                [1] => true,
                _ => return None,
            },
        };
        Some((token, !secrets.is_newest(&sealed)))
    }
}
