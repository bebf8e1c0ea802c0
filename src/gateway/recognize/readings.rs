//! All readings of one path: the closure of [`STEPS`] over it, in every order, shortest disguise first.
//!
//! A route is found if any reading is on it, so missing a reading is a bypass and one too many costs a look-up. What an
//! attacker can make of it is bounded in number and bytes; a path that would go beyond is *pathological*, and the caller
//! treats it as if it could be any route's. It is never read less far than a server might.

use super::steps::{STEPS, Scope, decode_wire};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Most readings of one path, and most bytes of all of them.
const MAX_READINGS: usize = 128;
const MAX_BYTES: usize = 32 * 1024;
/// How often a path is decoded: proxy, server and framework once each.
const MAX_DECODINGS: u8 = 3;

/// Which rewritings led to a reading: one bit a step, and what is seen on look-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Names(u32);

/// Differences that are no steps, in the bits above them.
const NOTES: [&str; 5] = ["case", "trailing_slash", "host", "too_long", "too_many_readings"];
const FIRST_NOTE: usize = 24;

impl Names {
    /// The request as it was sent.
    pub const RAW: Names = Names(0);
    pub const CASE: Names = Names(1 << FIRST_NOTE);
    pub const TRAILING_SLASH: Names = Names(1 << (FIRST_NOTE + 1));
    pub const HOST: Names = Names(1 << (FIRST_NOTE + 2));
    pub const TOO_LONG: Names = Names(1 << (FIRST_NOTE + 3));
    pub const TOO_MANY: Names = Names(1 << (FIRST_NOTE + 4));

    pub fn step(place: usize) -> Names {
        Names(1 << place)
    }

    #[cfg(test)]
    pub fn all() -> Names {
        Names(u32::MAX)
    }

    pub fn is_raw(self) -> bool {
        self.0 == 0
    }

    pub fn and(self, other: Names) -> Names {
        Names(self.0 | other.0)
    }

    pub fn and_if(self, condition: bool, other: Names) -> Names {
        if condition { self.and(other) } else { self }
    }

    /// In table order.
    pub fn list(self) -> Vec<&'static str> {
        let steps = STEPS.iter().enumerate().map(|(place, step)| (place, step.name));
        let notes = NOTES.iter().enumerate().map(|(place, name)| (FIRST_NOTE + place, *name));
        steps.chain(notes).filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| name).collect()
    }
}

/// One way to read the path.
#[derive(Debug)]
pub(super) struct Reading {
    pub text: Vec<u8>,
    pub names: Names,
    decodings: u8,
}

/// Every reading of a path, the raw one first.
#[derive(Debug)]
pub(super) struct Readings {
    pub all: Vec<Reading>,
    /// There would have been more.
    pub overflown: bool,
}

/// Who wrote the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The operator: only other spellings of the same path are readings of it.
    Operator,
    /// A client, with a method that only reads.
    Reader,
    /// A client, with a method that may change something.
    Writer,
}

impl Author {
    fn allows(self, scope: Scope) -> bool {
        match scope {
            Scope::Spelling | Scope::Decoding => true,
            Scope::Cutting => self != Author::Operator,
            Scope::Unsafe => self == Author::Writer,
        }
    }
}

impl Readings {
    pub fn of(path: &[u8], author: Author) -> Readings {
        let mut growing = Growing {
            readings: Readings { all: Vec::with_capacity(8), overflown: false },
            seen: HashSet::with_capacity(8),
            // Keyed afresh, so that nobody can make two readings collide and one of them go unseen.
            hasher: RandomState::new(),
            bytes: 0,
        };
        growing.add(path.to_vec(), Names::RAW, 0);
        if let Some(unescaped) = decode_wire(path) {
            growing.add(unescaped, Names::RAW, 0);
        }
        let mut next = 0;
        while next < growing.readings.all.len() && !growing.readings.overflown {
            growing.expand(next, author);
            next += 1;
        }
        growing.readings
    }
}

struct Growing {
    readings: Readings,
    seen: HashSet<u64>,
    hasher: RandomState,
    bytes: usize,
}

impl Growing {
    fn expand(&mut self, place: usize, author: Author) {
        for (number, step) in STEPS.iter().enumerate() {
            let reading = &self.readings.all[place];
            let decodings = reading.decodings + u8::from(step.scope == Scope::Decoding);
            if !author.allows(step.scope) || decodings > MAX_DECODINGS {
                continue;
            }
            let names = reading.names.and(Names::step(number));
            if let Some(text) = (step.apply)(&reading.text) {
                self.add(text, names, decodings);
                if self.readings.overflown {
                    return;
                }
            }
        }
    }

    fn add(&mut self, text: Vec<u8>, names: Names, decodings: u8) {
        if !self.seen.insert(self.hasher.hash_one(&text)) {
            return;
        }
        self.bytes += text.len();
        if self.readings.all.len() == MAX_READINGS || self.bytes > MAX_BYTES {
            self.readings.overflown = true;
            return;
        }
        self.readings.all.push(Reading { text, names, decodings });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(path: &str, reading: &str) -> Option<Vec<&'static str>> {
        let readings = Readings::of(path.as_bytes(), Author::Writer);
        readings.all.iter().find(|found| found.text == reading.as_bytes()).map(|found| found.names.list())
    }

    #[test]
    fn orders_of_steps_are_followed() {
        for (path, reading, names) in [
            ("/login", "/login", &[][..]),
            ("/a%2f..%2flogin", "/login", &["decoded", "dots"]),
            ("/%256cogin", "/login", &["decoded"]),
            ("/x%2fy/../log%69n", "/login", &["decoded_segments", "dots"]),
            ("/a%2fb/%2e%2e/login", "/login", &["decoded_segments", "dots"]),
            ("/a/..;x/login", "/login", &["dots", "parameters"]),
            ("/caf%c3%a9", "/café", &[]),
            ("/x%5c..%5clogin%3bv", "/login", &["decoded", "backslash", "dots", "parameters"]),
        ] {
            assert_eq!(names_of(path, reading).as_deref(), Some(names), "{path}");
        }
        assert_eq!(names_of("/logins", "/login"), None);
    }

    #[test]
    fn an_ordinary_path_has_one_reading() {
        for path in ["/", "/blog/2024/hello-world/", "/static/app.min.js", "/.well-known/acme", "/@user/a+b"] {
            assert_eq!(Readings::of(path.as_bytes(), Author::Reader).all.len(), 1, "{path}");
        }
    }

    #[test]
    fn pathological_paths_end_and_say_so() {
        let path = "/%2e%2e%2f;x\\..%00./ /".repeat(300);
        let readings = Readings::of(path.as_bytes(), Author::Writer);
        assert!(readings.overflown);
        assert!(readings.all.len() <= MAX_READINGS);
        assert!(readings.all.iter().map(|reading| reading.text.len()).sum::<usize>() <= MAX_BYTES);
    }

    #[test]
    fn every_name_has_its_bit() {
        assert!(STEPS.len() <= FIRST_NOTE && FIRST_NOTE + NOTES.len() <= 32);
        assert_eq!(Names(u32::MAX).list().len(), STEPS.len() + NOTES.len());
    }
}
