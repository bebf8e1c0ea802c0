//! The newest records in memory, for whoever looks at the gate while something happens.
//!
//! A file may not be configured, may be on a disk that stands still, and lags behind by a moment. Lines are kept as they
//! are written elsewhere, so that there is one shape of a record; the bound is in bytes, because a visitor decides how long
//! a line is (paths, User-Agents) and nobody how many come.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of lines that are kept: some five thousand records.
pub const MOST_BYTES: usize = 8 << 20;
/// What a line costs beside its text.
const OVERHEAD: usize = 64;

/// The newest lines.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    /// The number of the oldest line that is kept; the first of all was 0.
    oldest: u64,
}

/// What is kept at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Oldest first.
    pub lines: Vec<Arc<str>>,
    /// The number of the first of them.
    pub oldest: u64,
}

impl Snapshot {
    /// The lines before the one of this number, if it is here and is the one that is meant.
    pub fn before(&self, number: u64, is_it: impl Fn(&str) -> bool) -> Option<&[Arc<str>]> {
        let place = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.lines.get(place).filter(|line| is_it(line))?;
        self.lines.get(..place)
    }
}

impl Recent {
    /// Keeps a line, and forgets the oldest ones that it displaces. One that is too long for all of it is not kept.
    pub fn push(&self, line: &str) {
        let line = (line.len() + OVERHEAD <= MOST_BYTES).then(|| Arc::<str>::from(line));
        let mut ring = self.0.lock();
        let Some(line) = line else { return };
        ring.bytes += line.len() + OVERHEAD;
        ring.lines.push_back(line);
        while ring.bytes > MOST_BYTES {
            let Some(gone) = ring.lines.pop_front() else { return };
            ring.bytes -= gone.len() + OVERHEAD;
            ring.oldest += 1;
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let ring = self.0.lock();
        Snapshot { lines: ring.lines.iter().cloned().collect(), oldest: ring.oldest }
    }

    /// Puts other lines in place of those that `rewrite` says so of; how many. A line does not become longer.
    pub fn rewrite(&self, rewrite: impl Fn(&str) -> Option<String>) -> usize {
        let snapshot = self.snapshot();
        let mut changed = 0;
        for (place, line) in snapshot.lines.iter().enumerate() {
            let Some(other) = rewrite(line) else { continue };
            let mut ring = self.0.lock();
            let number = snapshot.oldest + place as u64;
            let Some(at) = number.checked_sub(ring.oldest) else { continue };
            if let Some(kept) = ring.lines.get_mut(at as usize).filter(|kept| kept.len() >= other.len()) {
                let shorter = kept.len() - other.len();
                *kept = other.into();
                ring.bytes -= shorter;
                changed += 1;
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_within_the_bound() {
        let recent = Recent::default();
        let line = "x".repeat(1 << 20);
        for number in 0..20 {
            recent.push(&format!("{number} {line}"));
        }
        recent.push(&"x".repeat(MOST_BYTES));
        let kept = recent.snapshot();
        assert_eq!(kept.lines.len(), 7);
        assert_eq!(kept.oldest, 13);
        assert!(kept.lines[0].starts_with("13 ") && kept.lines[6].starts_with("19 "));
        assert!(recent.0.lock().bytes <= MOST_BYTES);
    }

    #[test]
    fn lines_are_rewritten_in_their_place() {
        let recent = Recent::default();
        ["one anna", "two bert", "three anna"].iter().for_each(|line| recent.push(line));
        let changed = recent.rewrite(|line| line.contains("anna").then(|| line.replace("anna", "-")));
        assert_eq!(changed, 2);
        let kept = recent.snapshot();
        assert_eq!(kept.lines.iter().map(|line| &**line).collect::<Vec<_>>(), ["one -", "two bert", "three -"]);
        assert_eq!(recent.0.lock().bytes, 5 + 8 + 7 + 3 * OVERHEAD);
    }
}
