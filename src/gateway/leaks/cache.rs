//! Answers that are still believed: the ones used last, as many as fit into so many bytes.

use super::answer::Suffixes;
use lru::LruCache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What an answer takes beside its own bytes: its place in the table.
const PLACE: usize = 96;

/// By prefix.
#[derive(Debug)]
pub struct Cache {
    answers: LruCache<u32, (Instant, Arc<Suffixes>)>,
    bytes: usize,
    most: usize,
    lasts: Duration,
}

impl Cache {
    /// For at most so many bytes, each answer for so long.
    pub fn new(most: usize, lasts: Duration) -> Cache {
        Cache { answers: LruCache::unbounded(), bytes: 0, most, lasts }
    }

    pub fn find(&mut self, prefix: u32, now: Instant) -> Option<Arc<Suffixes>> {
        let (since, answer) = self.answers.get(&prefix)?;
        if now.saturating_duration_since(*since) < self.lasts {
            return Some(answer.clone());
        }
        if let Some((_, answer)) = self.answers.pop(&prefix) {
            self.bytes -= answer.bytes() + PLACE;
        }
        None
    }

    pub fn keep(&mut self, prefix: u32, answer: Arc<Suffixes>, now: Instant) {
        self.bytes += answer.bytes() + PLACE;
        if let Some((_, before)) = self.answers.put(prefix, (now, answer)) {
            self.bytes -= before.bytes() + PLACE;
        }
        while self.bytes > self.most {
            let Some((_, (_, oldest))) = self.answers.pop_lru() else { break };
            self.bytes -= oldest.bytes() + PLACE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: usize) -> Arc<Suffixes> {
        let line = |number: usize| format!("{number:016X}{:019}:1\n", 0);
        Arc::new(Suffixes::parse((0..lines).map(line).collect::<String>().as_bytes()).unwrap())
    }

    #[test]
    fn what_was_used_last_stays_and_bytes_are_bounded() {
        let now = Instant::now();
        let one = answer(1000).bytes() + PLACE;
        let mut cache = Cache::new(3 * one, Duration::from_secs(60));
        for prefix in 0..3 {
            cache.keep(prefix, answer(1000), now);
        }
        assert!(cache.find(0, now).is_some());
        cache.keep(3, answer(1000), now);
        assert!(cache.find(1, now).is_none(), "used longest ago");
        assert!([0, 2, 3].iter().all(|prefix| cache.find(*prefix, now).is_some()));
        cache.keep(0, answer(10), now);
        assert!(cache.bytes < 3 * one);
        cache.keep(9, answer(9000), now);
        assert!(cache.find(9, now).is_none() && cache.bytes == 0, "larger than all there is room for");
    }

    #[test]
    fn answers_age() {
        let now = Instant::now();
        let mut cache = Cache::new(1 << 20, Duration::from_secs(60));
        cache.keep(7, answer(1), now);
        assert!(cache.find(7, now + Duration::from_secs(59)).is_some());
        assert!(cache.find(7, now + Duration::from_secs(60)).is_none());
        assert_eq!(cache.bytes, 0);
    }
}
