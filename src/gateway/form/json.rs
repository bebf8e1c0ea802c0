//! JSON by RFC 8259, strictly, with every occurrence of every wanted key.
//!
//! `serde_json` keeps the last of two equal keys and says nothing of the first, which Go's streaming readers, some C
//! parsers and hand-written ones take. So this is a scanner of our own: it checks the grammar of the whole text, follows
//! only the paths that are wanted, and copies only the values at their ends. Comments, `NaN`, trailing commas and a
//! second value after the first are accepted by some parsers and refused by others, and are refused here.

use super::charset::Charset;
use super::oddity::{Oddities, Oddity};
use super::values::Values;
use super::wanted::{Kin, Place, Want, same_but_for_case};
use super::{MAX_FIELDS, MAX_VALUE, Unreadable};
use zeroize::Zeroizing;

/// Deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 64;
/// A whole number of so few digits is printed alike by everyone.
const PLAIN_DIGITS: usize = 15;

/// Whether a body that does not say so is JSON.
pub(super) fn looks_like(body: &[u8]) -> bool {
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
}

pub(super) fn read(body: &[u8], charset: Charset, values: &mut Values) -> Result<(), Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::Charset)?;
    if charset != Charset::UTF_8 && !text.is_ascii() {
        values.add_odd(Oddity::Charset);
    }
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            values.add_odd(Oddity::ByteOrderMark);
            rest
        }
        None => text,
    };
    let wants = values.wants();
    let mut scanner = Scanner { text, at: 0, wants: &wants, values, trail: Vec::new(), members: 0 };
    for (want, asked) in wants.iter().enumerate() {
        let kin = match asked.place {
            Place::Json => Kin::Exact,
            Place::Form => Kin::Elsewhere,
            Place::Query => continue,
        };
        scanner.trail.push(Step { want, kin, seen: false });
    }
    let start = scanner.trail.len();
    scanner.value(0..start, 0, 0)?;
    scanner.skip_space();
    scanner.values.spend(text.len());
    match scanner.at == text.len() {
        true => Ok(()),
        false => Err(Unreadable::Syntax),
    }
}

/// A want whose path leads through the value being read.
#[derive(Clone, Copy)]
struct Step {
    want: usize,
    kin: Kin,
    /// Whether a key of the present object was its next step already.
    seen: bool,
}

type Trail = std::ops::Range<usize>;

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    wants: &'a [Want],
    values: &'a mut Values,
    /// One stack for all levels; each level owns a range of it.
    trail: Vec<Step>,
    members: usize,
}

/// A string as it stands between its quotes.
struct Quoted<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Scanner<'a> {
    /// One value. `trail` are the wants that lead here, `step` how many steps of their paths were taken; `depth` counts
    /// the arrays and objects around.
    fn value(&mut self, trail: Trail, step: usize, depth: usize) -> Result<(), Unreadable> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(trail, step, depth),
            Some(b'[') => self.array(trail, step, depth),
            Some(b'"') => {
                let quoted = self.string()?;
                self.keep(trail, step, |_| unescaped(&quoted))
            }
            Some(b't') => self.word("true", trail, step),
            Some(b'f') => self.word("false", trail, step),
            // No value at all to everyone.
            Some(b'n') => self.literal("null"),
            _ => {
                let number = self.number()?;
                let plain = number.len() <= PLAIN_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
                let odd = if plain { Oddities::default() } else { Oddity::JsonType.into() };
                self.keep(trail, step, |_| (Zeroizing::new(number.to_owned()), odd))
            }
        }
    }

    fn object(&mut self, trail: Trail, step: usize, depth: usize) -> Result<(), Unreadable> {
        self.enter(trail.clone(), step, depth)?;
        self.trail[trail.clone()].iter_mut().for_each(|entry| entry.seen = false);
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let quoted = self.string()?;
            let children = self.follow_key(trail.clone(), step, &quoted)?;
            self.skip_space();
            self.expect(b':')?;
            let end = children.start;
            self.value(children, step + 1, depth + 1)?;
            self.trail.truncate(end);
            self.skip_space();
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, trail: Trail, step: usize, depth: usize) -> Result<(), Unreadable> {
        self.enter(trail.clone(), step, depth)?;
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        // Most arrays hold nothing that is wanted; their elements are only checked.
        let leads_on =
            |entry: &Step| self.wants[entry.want].path.get(step).is_none_or(|next| next.parse::<usize>().is_ok());
        let trail = if self.trail[trail.clone()].iter().any(leads_on) { trail } else { trail.end..trail.end };
        let mut index = 0usize;
        loop {
            if !trail.is_empty() {
                self.members += 1;
                if self.members > MAX_FIELDS {
                    return Err(Unreadable::TooManyFields);
                }
            }
            let start = self.trail.len();
            for place in trail.clone() {
                let entry = self.trail[place];
                let path = &self.wants[entry.want].path;
                // An array where a text was wanted: its elements are what Express or PHP hand over.
                let leads = match path.get(step) {
                    None => true,
                    Some(wanted) => is_index(wanted, index),
                };
                if leads {
                    let kin = if path.len() == step && entry.kin == Kin::Exact { Kin::Lookalike } else { entry.kin };
                    self.trail.push(Step { kin, seen: false, ..entry });
                }
            }
            let children = start..self.trail.len();
            // Past its end a path stays at its end: elements of elements are readings too.
            self.elements(children, step, depth)?;
            self.trail.truncate(start);
            index += 1;
            self.skip_space();
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// An element: paths that ended at the array end at the element as well, the others took one step more.
    fn elements(&mut self, children: Trail, step: usize, depth: usize) -> Result<(), Unreadable> {
        let ended = |step_at: &Step, wants: &[Want]| wants[step_at.want].path.len() == step;
        let all_ended = self.trail[children.clone()].iter().all(|entry| ended(entry, self.wants));
        if !children.is_empty() && all_ended {
            return self.value(children, step, depth + 1);
        }
        // A path that ended and one that goes on meet only where a route wants both `/a` and `/a/0`.
        self.value(children, step + 1, depth + 1)
    }

    /// Notes that a structure stands where a text was wanted, and bounds the depth.
    fn enter(&mut self, trail: Trail, step: usize, depth: usize) -> Result<(), Unreadable> {
        if depth >= MAX_DEPTH {
            return Err(Unreadable::Depth);
        }
        self.at += 1;
        for place in trail {
            let entry = self.trail[place];
            if self.wants[entry.want].path.len() == step {
                let kin = if entry.kin == Kin::Exact { Kin::Lookalike } else { entry.kin };
                self.values.add(entry.want, kin, Zeroizing::default(), Oddity::JsonType.into())?;
            }
        }
        Ok(())
    }

    /// The wants whose next step this key is, as a new range at the end of the trail.
    fn follow_key(&mut self, trail: Trail, step: usize, quoted: &Quoted<'a>) -> Result<Trail, Unreadable> {
        let start = self.trail.len();
        if trail.is_empty() {
            return Ok(start..start);
        }
        self.members += 1;
        if self.members > MAX_FIELDS {
            return Err(Unreadable::TooManyFields);
        }
        let decoded;
        let key: &str = if quoted.escaped {
            let (text, odd) = unescaped(quoted);
            if odd.contains(Oddity::Surrogate) {
                self.values.add_odd(Oddity::Surrogate);
            }
            if memchr::memchr(0, text.as_bytes()).is_some() {
                self.values.add_odd(Oddity::Nul);
            }
            decoded = text;
            &decoded
        } else {
            quoted.raw
        };
        for place in trail {
            let entry = self.trail[place];
            let Some(wanted) = self.wants[entry.want].path.get(step) else { continue };
            let kin = if **wanted == *key {
                entry.kin
            } else if wanted.len() <= 3 * key.len() && key.len() <= 3 * wanted.len() && same_but_for_case(wanted, key) {
                if entry.kin == Kin::Exact { Kin::Lookalike } else { entry.kin }
            } else {
                continue;
            };
            if entry.seen {
                self.values.dispute(entry.want);
            }
            self.trail[place].seen = true;
            self.trail.push(Step { want: entry.want, kin, seen: false });
        }
        Ok(start..self.trail.len())
    }

    /// Hands a text to every want whose path ends here.
    fn keep(
        &mut self,
        trail: Trail,
        step: usize,
        text: impl Fn(&Want) -> (Zeroizing<String>, Oddities),
    ) -> Result<(), Unreadable> {
        for place in trail {
            let entry = self.trail[place];
            let want = &self.wants[entry.want];
            if want.path.len() == step {
                let (text, odd) = text(want);
                self.values.spend(text.len());
                self.values.add(entry.want, entry.kin, text, odd)?;
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &'static str, trail: Trail, step: usize) -> Result<(), Unreadable> {
        self.literal(word)?;
        self.keep(trail, step, |_| (Zeroizing::new(word.to_owned()), Oddity::JsonType.into()))
    }

    fn literal(&mut self, word: &str) -> Result<(), Unreadable> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(Unreadable::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn string(&mut self) -> Result<Quoted<'a>, Unreadable> {
        self.expect(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            match self.peek() {
                None | Some(0..b' ') => return Err(Unreadable::Syntax),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += match bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => {
                            let digits = bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                            if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(Unreadable::Syntax);
                            }
                            6
                        }
                        _ => return Err(Unreadable::Syntax),
                    };
                }
                Some(_) => self.at += 1,
            }
        }
        let raw = self.text.get(start..self.at).ok_or(Unreadable::Syntax)?;
        self.at += 1;
        Ok(Quoted { raw, escaped })
    }

    fn number(&mut self) -> Result<&'a str, Unreadable> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Unreadable::Syntax),
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let number = self.text.get(start..self.at).ok_or(Unreadable::Syntax)?;
        if number.len() > MAX_VALUE { Err(Unreadable::ValueTooLong) } else { Ok(number) }
    }

    fn digits(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Unreadable::Syntax) } else { Ok(()) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        if self.take(byte) { Ok(()) } else { Err(Unreadable::Syntax) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

fn is_index(step: &str, index: usize) -> bool {
    (step == "0" || !step.starts_with('0')) && step.parse() == Ok(index)
}

/// The text of a string whose escapes were checked. Half a surrogate pair becomes U+FFFD, and is marked.
fn unescaped(quoted: &Quoted<'_>) -> (Zeroizing<String>, Oddities) {
    let mut odd = Oddities::default();
    let mut out = Zeroizing::new(String::with_capacity(quoted.raw.len()));
    let mut rest = quoted.raw;
    while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..slash]);
        let code = rest.as_bytes().get(slash + 1).copied().unwrap_or_default();
        rest = rest.get(slash + 2..).unwrap_or_default();
        let character = match code {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (unit, after) = unit(rest);
                rest = after;
                match (unit, rest.strip_prefix("\\u").map(self::unit)) {
                    (0xd800..0xdc00, Some((low @ 0xdc00..0xe000, after))) => {
                        rest = after;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}')
                    }
                    _ => char::from_u32(unit).unwrap_or_else(|| {
                        odd.add(Oddity::Surrogate);
                        '\u{fffd}'
                    }),
                }
            }
            itself => char::from(itself),
        };
        out.push(character);
    }
    out.push_str(rest);
    (out, odd)
}

fn unit(text: &str) -> (u32, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).unwrap_or(0xfffd), rest)
}
