//! From bytes to text. UTF-8, and the three Western charsets that old sites still send; all of them agree on ASCII, so
//! a value in plain ASCII is never in doubt. Everything else (UTF-7, UTF-16, Shift-JIS) is a way to hide a word from
//! one of two readers, and is refused.

use super::Unreadable;
use super::oddity::{Oddities, Oddity};
use encoding_rs::{Encoding, ISO_8859_15, UTF_8, WINDOWS_1252};
use zeroize::Zeroizing;

/// A charset that can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset(&'static Encoding);

impl Charset {
    pub(super) const UTF_8: Charset = Charset(UTF_8);

    /// By its label (`utf-8`, `ISO-8859-1`, `latin1`).
    pub(super) fn named(label: &[u8]) -> Result<Charset, Unreadable> {
        match Encoding::for_label(label) {
            Some(encoding) if [UTF_8, WINDOWS_1252, ISO_8859_15].contains(&encoding) => Ok(Charset(encoding)),
            _ => Err(Unreadable::Charset),
        }
    }

    /// Text, and what is odd about it.
    pub(super) fn decode(self, bytes: &[u8]) -> (Zeroizing<String>, Oddities) {
        let mut odd = Oddities::default();
        if self != Charset::UTF_8 && !bytes.is_ascii() {
            odd.add(Oddity::Charset);
            return (western(self.0, bytes), odd);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => (Zeroizing::new(text.to_owned()), odd),
            Err(_) => {
                odd.add(Oddity::Utf8);
                (western(WINDOWS_1252, bytes), odd)
            }
        }
    }
}

fn western(encoding: &'static Encoding, bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(encoding.decode_without_bom_handling(bytes).0.into_owned())
}
