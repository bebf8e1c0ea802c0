//! An answer of a range service: which hashes with the prefix asked for leaked, and how often each was seen.
//!
//! The answer comes from somebody else's machine, so it is bounded before it is read and believed whole or not at all: a
//! line that is none (an error page, a proxy's notice) refuses all of it. Of each hash 64 bits are kept: among a few
//! thousand that is as good as all of them.

use crate::intel::passwords::{hexadecimal, number};

/// Largest answer. The public service sends less than 100 KB.
pub const LARGEST: usize = 512 * 1024;
/// Hexadecimal digits of a hash behind its prefix.
const SUFFIX: usize = 35;

/// The hashes of one prefix that leaked.
#[derive(Debug, PartialEq, Eq)]
pub struct Suffixes {
    /// Bits 20 to 84 of each hash, sorted.
    rests: Box<[u64]>,
    counts: Box<[u32]>,
}

impl Suffixes {
    /// Reads an answer: `SUFFIX:COUNT` a line. Entries that were seen no times are padding. `None`: it is no answer.
    pub fn parse(body: &[u8]) -> Option<Suffixes> {
        if body.len() > LARGEST {
            return None;
        }
        let mut found = Vec::with_capacity(body.len() / (SUFFIX + 3));
        for line in body.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let (suffix, rest) = line.split_at_checked(SUFFIX)?;
            let count = number(rest.strip_prefix(b":")?)?;
            if !suffix.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            if count > 0 {
                found.push((hexadecimal(&suffix[..16])?, u32::try_from(count).unwrap_or(u32::MAX)));
            }
        }
        found.sort_unstable_by_key(|(rest, count)| (*rest, std::cmp::Reverse(*count)));
        found.dedup_by_key(|(rest, _)| *rest);
        let (rests, counts): (Vec<u64>, Vec<u32>) = found.into_iter().unzip();
        Some(Suffixes { rests: rests.into(), counts: counts.into() })
    }

    /// How often the hash that goes on like this was seen; `None`: never.
    pub fn count(&self, rest: u64) -> Option<u32> {
        let place = self.rests.binary_search(&rest).ok()?;
        self.counts.get(place).copied()
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.rests) + size_of_val(&*self.counts) + size_of::<Suffixes>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intel::passwords::Digest;
    use proptest::prelude::*;

    #[test]
    fn a_password_is_found_among_padding() {
        let body = b"0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n\
                     1E4C9B93F3F0682250B6CF8331B7EE68FD9:0\r\nffffffffffffffffffffffffffffffffff:0";
        assert_eq!(Suffixes::parse(body), None, "34 digits");
        let body = b"0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n1e4c9b93f3f0682250b6cf8331b7ee68fd8:52256179\r\n\
                     FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:0\r\n";
        let suffixes = Suffixes::parse(body).unwrap();
        assert_eq!(suffixes.count(*Digest::of(b"password").rest()), Some(52_256_179));
        assert_eq!(suffixes.count(*Digest::of(b"another").rest()), None);
        assert_eq!(suffixes.count(u64::MAX), None, "padding");
        assert_eq!(suffixes.rests.len(), 2);
        assert_eq!(Suffixes::parse(b"").unwrap().rests.len(), 0, "a service that pads nothing may know nothing");
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let good = format!("{}:1\r\n", "A".repeat(35));
        assert!(Suffixes::parse(good.as_bytes()).is_some());
        for wrong in [
            "<html>please pay for this WLAN</html>".to_owned(),
            format!("{good}<"),
            format!("{good}{}:", "A".repeat(35)),
            format!("{good}{}:-1", "A".repeat(35)),
            format!("{good}{}:1 ", "A".repeat(35)),
            format!("{good}{}:1", "G".repeat(35)),
            format!("{good}{}:1", "A".repeat(40)),
            format!("{good}{}", "A".repeat(100_000)),
            good.repeat(1 + LARGEST / good.len()),
        ] {
            assert_eq!(Suffixes::parse(wrong.as_bytes()), None, "{:.60}", wrong);
        }
        let huge = format!("{}:99999999999999999999", "A".repeat(35));
        assert_eq!(Suffixes::parse(huge.as_bytes()).unwrap().count(0xaaaa_aaaa_aaaa_aaaa), Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_not(body in prop::collection::vec(any::<u8>(), 0..400), rest in any::<u64>()) {
            if let Some(suffixes) = Suffixes::parse(&body) {
                let _ = suffixes.count(rest);
                prop_assert!(suffixes.rests.is_sorted() && suffixes.rests.len() == suffixes.counts.len());
            }
        }
    }
}
