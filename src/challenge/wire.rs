//! The bytes inside sealed things: fixed-width numbers big-endian, variable parts behind a length.
//!
//! Only our own keys can have made what is read here, so this guards against an older or newer Tollgate in the fleet, not
//! against visitors; it is bounded and total all the same. A reader that is not at its end when all is read has read
//! something else than was written, and says `None`.

/// Appends parts to a buffer.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn u8(mut self, value: u8) -> Writer {
        self.0.push(value);
        self
    }

    pub fn u16(mut self, value: u16) -> Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn u64(mut self, value: u64) -> Writer {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn array<const N: usize>(mut self, value: &[u8; N]) -> Writer {
        self.0.extend_from_slice(value);
        self
    }

    /// A flag, and the bytes if there are any.
    pub fn optional<const N: usize>(self, value: Option<&[u8; N]>) -> Writer {
        match value {
            Some(value) => self.u8(1).array(value),
            None => self.u8(0),
        }
    }

    /// A 32-bit length, and the bytes.
    pub fn bytes(mut self, value: &[u8]) -> Writer {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value.get(..length as usize).unwrap_or(value));
        self
    }

    /// A 16-bit length, and the text; what is longer is cut at a character.
    pub fn text(self, value: &str) -> Writer {
        let value = text_prefix(value, usize::from(u16::MAX));
        let mut writer = self.u16(value.len() as u16);
        writer.0.extend_from_slice(value.as_bytes());
        writer
    }

    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Takes the same parts off again, in the same order.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn optional<const N: usize>(&mut self) -> Option<Option<[u8; N]>> {
        match self.u8()? {
            0 => Some(None),
            1 => self.array().map(Some),
            _ => None,
        }
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(length as usize)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    /// Whether everything was read.
    pub fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// As many whole characters as fit into `most` bytes.
pub(super) fn text_prefix(text: &str, most: usize) -> &str {
    // A character has at most four bytes.
    (most.saturating_sub(3)..=most).rev().find_map(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(a: u8, b: u16, c: u64, d: [u8; 16], e: Option<[u8; 4]>, f: Vec<u8>, g: String) {
            let bytes = Writer::default().u8(a).u16(b).u64(c).array(&d).optional(e.as_ref()).bytes(&f).text(&g).done();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u8(), Some(a));
            prop_assert_eq!(reader.u16(), Some(b));
            prop_assert_eq!(reader.u64(), Some(c));
            prop_assert_eq!(reader.array(), Some(d));
            prop_assert_eq!(reader.optional(), Some(e));
            prop_assert_eq!(reader.bytes(), Some(&f[..]));
            prop_assert_eq!(reader.text(), Some(&g[..]));
            prop_assert_eq!(reader.end(), Some(()));
        }
    }

    #[test]
    fn lengths_beyond_the_end_and_left_over_bytes_are_refused() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]).bytes(), None);
        assert_eq!(Reader::new(&[0, 2, b'a']).text(), None);
        assert_eq!(Reader::new(&[0, 1, 0xff]).text(), None, "no UTF-8");
        assert_eq!(Reader::new(&[2]).optional::<1>(), None, "neither absent nor present");
        assert_eq!(Reader::new(&[2]).end(), None);
    }

    #[test]
    fn text_too_long_for_its_length_is_cut_at_a_character() {
        let bytes = Writer::default().text(&"é".repeat(40_000)).done();
        assert_eq!(Reader::new(&bytes).text().map(str::len), Some(65_534));
    }
}
