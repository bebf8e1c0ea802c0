//! What the two processes say to each other: JSON behind its length, so that a later version can say more.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

/// Which conversation this is. Whoever changes what is said, or in which order, takes the next number.
pub const WORDS: u32 = 1;
/// Names the predecessor's process to the successor, whose standard input then is this conversation.
pub const SUCCEEDS: &str = "TOLLGATE_SUCCEEDS";
/// Nobody says more than this, bytes.
const LONGEST: usize = 256 << 10;

#[derive(Debug, Serialize, Deserialize)]
pub enum FromSuccessor {
    Hello {
        words: u32,
        version: String,
        /// The layout of the memory's records, if it has one.
        layout: Option<u32>,
    },
    Prepared,
    Have,
    Listening,
    /// It cannot, and ends.
    Failed {
        why: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum FromPredecessor {
    /// Follows in the next message: the line over which the memory comes, if there are `tags`, then these sockets.
    Take {
        listeners: Vec<SocketAddr>,
        /// The key of the memory's tags.
        tags: Option<[u8; 16]>,
    },
    Serve,
    Main,
}

pub fn say(to: &mut UnixStream, word: &impl Serialize) -> io::Result<()> {
    let word = serde_json::to_vec(word)?;
    let length = u32::try_from(word.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_le_bytes()[..], &word].concat())
}

pub fn hear<T: DeserializeOwned>(from: &mut UnixStream) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::other("a word is longer than any"));
    }
    let mut word = vec![0; length];
    from.read_exact(&mut word)?;
    Ok(serde_json::from_slice(&word)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let listeners = vec!["[::1]:8443".parse().unwrap()];
        say(&mut ours, &FromPredecessor::Take { listeners, tags: Some([7; 16]) }).unwrap();
        say(&mut ours, &FromPredecessor::Serve).unwrap();
        let take = hear::<FromPredecessor>(&mut theirs).unwrap();
        assert!(matches!(&take, FromPredecessor::Take { listeners, tags: Some([7, ..]) } if listeners.len() == 1));
        assert!(matches!(hear(&mut theirs).unwrap(), FromPredecessor::Serve));
        drop(ours);
        assert!(hear::<FromPredecessor>(&mut theirs).is_err());
    }
}
