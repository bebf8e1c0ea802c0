//! `application/x-www-form-urlencoded`, for bodies and query strings.
//!
//! `&` separates; a `;` separates only for some backends, so a pair that holds one is read both ways.

use super::charset::Charset;
use super::oddity::{Oddities, Oddity};
use super::values::Values;
use super::wanted::{Kin, Place, Want, fold};
use super::{MAX_FIELDS, MAX_SURE, MAX_VALUE, Unreadable};
use zeroize::Zeroizing;

/// Names longer than this are cut before they are compared: no route asks for one.
const MAX_NAME: usize = 512;

pub(super) fn read(body: &[u8], charset: Charset, place: Place, values: &mut Values) -> Result<(), Unreadable> {
    let wants = values.wants();
    let mut pairs = Pairs { wants: &wants, charset, place, key: Key::default(), count: 0 };
    let mut read = Ok(());
    values.fields = pieces(body, values.fields, |piece, separated, sure| {
        if read.is_ok() {
            let at_best = if separated == Separated::Semicolon || !sure { Kin::Lookalike } else { Kin::Exact };
            read = pairs.read(piece, at_best, values);
        }
    });
    if pairs.count > MAX_SURE {
        values.add_odd(if place == Place::Form { Oddity::Crowd } else { Oddity::Query });
    }
    read
}

/// How a piece was told from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separated {
    /// By `&`, and there is no `;` in it.
    Plainly,
    /// By `&`, and holds a `;`.
    Ampersand,
    /// By a `;` as well: a part of the one before.
    Semicolon,
}

impl Separated {
    /// Whether the piece stands where only `&` separates, and where `;` does too.
    pub(super) fn seen(self) -> [bool; 2] {
        match self {
            Separated::Plainly => [true, true],
            Separated::Ampersand => [true, false],
            Separated::Semicolon => [false, true],
        }
    }
}

/// All that some backend takes for a pair, in order; empty ones are none. `before`: fields of the request that came before
/// these. The flag says whether every backend gets so far, of which some count empty pairs too; the answer is how many came
/// in all.
pub(super) fn pieces<'t>(text: &'t [u8], before: usize, mut found: impl FnMut(&'t [u8], Separated, bool)) -> usize {
    let mut count = before;
    for segment in text.split(|byte| *byte == b'&') {
        count += 1;
        let sure = count <= MAX_SURE;
        if memchr::memchr(b';', segment).is_none() {
            if !segment.is_empty() {
                found(segment, Separated::Plainly, sure);
            }
            continue;
        }
        found(segment, Separated::Ampersand, sure);
        for piece in segment.split(|byte| *byte == b';') {
            count += 1;
            if !piece.is_empty() {
                found(piece, Separated::Semicolon, count <= MAX_SURE);
            }
        }
    }
    count
}

/// The name of one pair, decoded. One serves for a whole body, so that its memory is taken once.
#[derive(Default)]
pub(super) struct Key {
    name: Vec<u8>,
    folded: Vec<u8>,
    /// A `%` in it stood for nothing.
    broken: bool,
}

impl Key {
    /// Reads the name of `name=value`; gives the value as sent.
    pub(super) fn read<'t>(&mut self, pair: &'t [u8]) -> &'t [u8] {
        let (name, value) = match memchr::memchr(b'=', pair) {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &[][..]),
        };
        // Three bytes may stand for one; what is cut off cannot belong to a wanted name.
        let name = &name[..name.len().min(3 * MAX_NAME)];
        self.name.clear();
        self.broken = decode(name, &mut self.name);
        fold(&self.name, &mut self.folded);
        value
    }

    /// What the name is to this want.
    pub(super) fn kin(&self, want: &Want, at: Place) -> Option<Kin> {
        want.kin(at, &self.name, &self.folded)
    }
}

struct Pairs<'w> {
    wants: &'w [Want],
    charset: Charset,
    place: Place,
    key: Key,
    count: usize,
}

impl Pairs<'_> {
    /// One `name=value`. `at_best` is what it is when the name is exactly the wanted one.
    fn read(&mut self, pair: &[u8], at_best: Kin, values: &mut Values) -> Result<(), Unreadable> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return Err(Unreadable::TooManyFields);
        }
        values.spend(pair.len());
        let value = self.key.read(pair);
        let Key { name, broken, .. } = &self.key;
        // Queries are typed by hand and carry old charsets; there only what IIS would make a letter of is suspect.
        if *broken && (self.place == Place::Form || memchr::memmem::find(name, b"%u").is_some()) {
            values.add_odd(Oddity::PercentEscape);
        }
        if self.place == Place::Form && std::str::from_utf8(name).is_err() {
            values.add_odd(Oddity::Utf8);
        }
        if self.place == Place::Form && name == b"_charset_" && at_best == Kin::Exact && !value.is_empty() {
            values.foreign_charset |= Charset::named(value)? != Charset::UTF_8;
        }
        for (index, want) in self.wants.iter().enumerate() {
            let Some(kin) = self.key.kin(want, self.place) else { continue };
            let kin = if kin == Kin::Exact { at_best } else { kin };
            if value.len() > 3 * MAX_VALUE {
                return Err(Unreadable::ValueTooLong);
            }
            values.spend(value.len());
            let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
            let mut odd = Oddities::default();
            if decode(value, &mut bytes) {
                odd.add(Oddity::PercentEscape);
            }
            if value.iter().any(|byte| *byte < b' ') {
                odd.add(Oddity::Control);
            }
            let (text, doubts) = self.charset.decode(&bytes);
            odd.extend(doubts);
            values.add(index, kin, text, odd)?;
        }
        Ok(())
    }
}

/// Undoes `+` and `%XX`; says whether a `%` stood for nothing, and leaves it as it is.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut broken = false;
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'+', b'%', rest) {
        let (plain, coded) = rest.split_at(at);
        out.extend_from_slice(plain);
        let byte = match coded {
            [b'+', ..] => Some((b' ', 1)),
            [_, high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, 3)),
            _ => None,
        };
        broken |= byte.is_none();
        let (byte, length) = byte.unwrap_or((b'%', 1));
        out.push(byte);
        rest = &coded[length..];
    }
    out.extend_from_slice(rest);
    broken
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
