//! The system's random bytes, fetched several requests' worth at a time.
//!
//! A visitor who gets a device cookie needs an id and a nonce, and asking the kernel for each is a call that costs more than
//! the seal. Each thread therefore keeps some bytes in store. They are the system's own and no generator's, each is handed out
//! once and wiped as it is, and they never leave the process: a successor is another program, with a store of its own. Few
//! are kept, so that little is shared should a whole machine be copied while it runs.

use super::{NoRandomness, Randomness, SystemRandomness};
use std::cell::RefCell;
use zeroize::{Zeroize, Zeroizing};

/// Bytes that a thread keeps: for a dozen cookies.
const KEPT: usize = 512;
/// More at once is asked of the system directly.
const MOST: usize = 64;

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool { bytes: Zeroizing::new([0; KEPT]), left: 0 });
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct PooledRandomness;

impl Randomness for PooledRandomness {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        if buffer.len() > MOST {
            return SystemRandomness.fill(buffer);
        }
        // A thread that is ending has no pool any more.
        match POOL.try_with(|pool| pool.borrow_mut().take(&SystemRandomness, buffer)) {
            Ok(taken) => taken,
            Err(_) => SystemRandomness.fill(buffer),
        }
    }
}

struct Pool {
    bytes: Zeroizing<[u8; KEPT]>,
    /// How many, from the beginning, were not handed out yet.
    left: usize,
}

impl Pool {
    /// Moves bytes into the buffer, of [`MOST`] at most.
    fn take(&mut self, source: &dyn Randomness, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        if self.left < buffer.len() {
            // Nothing is promised of a buffer that could not be filled.
            self.left = 0;
            source.fill(&mut self.bytes[..])?;
            self.left = KEPT;
        }
        let from = self.left - buffer.len();
        let taken = &mut self.bytes[from..self.left];
        buffer.copy_from_slice(taken);
        taken.zeroize();
        self.left = from;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Counted, Dry};
    use super::*;
    use std::collections::HashSet;

    fn pool() -> Pool {
        Pool { bytes: Zeroizing::new([0; KEPT]), left: 0 }
    }

    #[test]
    fn nothing_is_handed_out_twice_and_nothing_stays() {
        let (mut pool, source) = (pool(), Counted::default());
        let mut seen = HashSet::new();
        for _ in 0..3 * KEPT / 40 {
            let mut id = [0; 16];
            let mut nonce = [0; 24];
            pool.take(&source, &mut id).unwrap();
            pool.take(&source, &mut nonce).unwrap();
            assert!(seen.insert(id.to_vec()) && seen.insert(nonce.to_vec()));
            assert!(pool.bytes[pool.left..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_dry_source_gives_nothing_even_where_something_lay_before() {
        let mut pool = pool();
        pool.take(&Counted::default(), &mut [0; 64]).unwrap();
        pool.left = 10;
        assert_eq!(pool.take(&Dry, &mut [0; 16]), Err(NoRandomness));
        assert_eq!(pool.take(&Dry, &mut [0; 1]), Err(NoRandomness));
    }

    #[test]
    fn much_is_asked_of_the_system() {
        let mut bytes = [0; 4 * KEPT];
        PooledRandomness.fill(&mut bytes).unwrap();
        assert!(bytes.iter().any(|byte| *byte != 0));
        PooledRandomness.fill(&mut bytes[..16]).unwrap();
    }
}
