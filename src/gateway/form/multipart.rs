//! `multipart/form-data` by RFC 7578, as browsers write it.
//!
//! Multipart is where parsers differ most, so this one is strict about what is a boundary and a header, and loud about
//! everything that a lenient parser might take for one: a boundary after a bare line feed or in the middle of a line, a
//! folded header, a backslash in a name, a file under a credential's name. The body is searched for the boundary once;
//! parts that nobody wants are never copied.

use super::charset::Charset;
use super::oddity::{Oddities, Oddity};
use super::parameters::{Parameter, Parameters, first_word};
use super::values::Values;
use super::wanted::{Kin, Place, fold};
use super::{MAX_FIELDS, MAX_SURE, MAX_VALUE, Unreadable};
use crate::gateway::is_token;
use memchr::memmem::Finder;

/// Most bytes of one part's headers.
const MAX_HEAD: usize = 8 * 1024;

pub(super) fn read(body: &[u8], boundary: &[u8], charset: Charset, values: &mut Values) -> Result<(), Unreadable> {
    let dashed = [b"--", boundary].concat();
    let finder = Finder::new(&dashed);
    let wants = values.wants();
    let mut folded = Vec::new();
    let mut parts = 0;
    // Where the content of the open part begins, if one is open.
    let mut open: Option<usize> = None;
    let mut closed = false;
    let mut end = 0;
    for found in finder.find_iter(body) {
        let after = &body[found + dashed.len()..];
        let strict = (found == 0 || body[..found].ends_with(b"\r\n"))
            && (after.starts_with(b"\r\n") || after.starts_with(b"--"));
        if !strict || closed {
            values.add_odd(Oddity::MultipartDelimiter);
            continue;
        }
        match open {
            Some(start) => {
                parts += 1;
                if parts > MAX_FIELDS {
                    return Err(Unreadable::TooManyFields);
                }
                if parts > MAX_SURE {
                    values.add_odd(Oddity::Crowd);
                }
                values.fields += 1;
                // The line break before a boundary belongs to it; without content the two share their break.
                let content = body.get(start..found.saturating_sub(2)).unwrap_or_default();
                let mut part = Part { values: &mut *values, wants: &wants, folded: &mut folded, charset };
                part.read(content)?;
            }
            None if found != 0 => values.add_odd(Oddity::MultipartPreamble),
            None => {}
        }
        closed = after.starts_with(b"--");
        end = found + dashed.len() + 2;
        open = Some(end);
    }
    if open.is_none() {
        return Err(Unreadable::Syntax);
    }
    if !closed {
        values.add_odd(Oddity::MultipartEnd);
        let mut part = Part { values: &mut *values, wants: &wants, folded: &mut folded, charset };
        part.read(body.get(end..).unwrap_or_default())?;
    } else if !matches!(body.get(end..).unwrap_or_default(), b"" | b"\r\n") {
        values.add_odd(Oddity::MultipartEpilogue);
    }
    values.spend(body.len());
    Ok(())
}

struct Part<'a> {
    values: &'a mut Values,
    wants: &'a [super::wanted::Want],
    folded: &'a mut Vec<u8>,
    charset: Charset,
}

/// What the headers of a part say.
#[derive(Default)]
struct Head<'a> {
    name: Option<&'a [u8]>,
    file: bool,
    encoded: bool,
    charset: Option<&'a [u8]>,
}

impl Part<'_> {
    fn read(&mut self, part: &[u8]) -> Result<(), Unreadable> {
        // A part without headers begins with the empty line itself.
        let (head, content) = match part.strip_prefix(b"\r\n") {
            Some(content) => (&[][..], content),
            None => {
                let window = &part[..part.len().min(MAX_HEAD)];
                let Some(blank) = memchr::memmem::find(window, b"\r\n\r\n") else {
                    self.values.add_odd(Oddity::MultipartHeader);
                    return Ok(());
                };
                (&part[..blank], &part[blank + 4..])
            }
        };
        self.values.spend(head.len());
        let (head, sound) = headers(head);
        if !sound {
            self.values.add_odd(Oddity::MultipartHeader);
        }
        let Some(name) = head.name else { return Ok(()) };
        let charset = match head.charset {
            Some(label) => Charset::named(label),
            None => Ok(self.charset),
        };
        if name == b"_charset_" && !head.file && !content.is_empty() {
            self.values.foreign_charset |= Charset::named(content)? != Charset::UTF_8;
        }
        fold(name, self.folded);
        for (index, want) in self.wants.iter().enumerate() {
            let Some(mut kin) = want.kin(Place::Form, name, self.folded) else { continue };
            let mut odd = Oddities::default();
            if head.file {
                odd.add(Oddity::File);
                kin = if kin == Kin::Exact { Kin::Lookalike } else { kin };
            }
            if self.values.fields > MAX_SURE {
                kin = if kin == Kin::Exact { Kin::Lookalike } else { kin };
            }
            if head.encoded {
                odd.add(Oddity::TransferEncoding);
            }
            if content.len() > MAX_VALUE && !head.file {
                return Err(Unreadable::ValueTooLong);
            }
            let content = if content.len() > MAX_VALUE { &[][..] } else { content };
            self.values.spend(content.len());
            let (text, doubts) = charset?.decode(content);
            odd.extend(doubts);
            self.values.add(index, kin, text, odd)?;
        }
        Ok(())
    }
}

/// Reads a part's headers; the flag says whether they leave no room for a second reading.
fn headers(text: &[u8]) -> (Head<'_>, bool) {
    let mut head = Head::default();
    let mut sound = true;
    let (mut dispositions, mut types) = (0, 0);
    for line in lines(text) {
        let Some(colon) = memchr::memchr(b':', line) else {
            sound = false;
            continue;
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        // A leading space folds the line before, a space before the colon is dropped by some.
        sound &= !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        sound &= !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-disposition") {
            dispositions += 1;
            sound &= disposition(value, &mut head);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            types += 1;
            sound &= part_type(value, &mut head);
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain = [&b"7bit"[..], b"8bit", b"binary"];
            head.encoded |= !plain.iter().any(|word| value.trim_ascii().eq_ignore_ascii_case(word));
        }
    }
    (head, sound && dispositions == 1 && types <= 1)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        match memchr::memmem::find(text, b"\r\n") {
            Some(end) => {
                rest = Some(&text[end + 2..]);
                Some(&text[..end])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

fn disposition<'a>(value: &'a [u8], head: &mut Head<'a>) -> bool {
    let (kind, rest) = first_word(value);
    let mut sound = kind.eq_ignore_ascii_case(b"form-data");
    let (mut names, mut files) = (0, 0);
    for parameter in Parameters::new(rest) {
        let Ok(Parameter { name, value, escaped, quoted }) = parameter else {
            sound = false;
            break;
        };
        sound &= !has_quote(name, value, quoted);
        if name.eq_ignore_ascii_case(b"name") {
            names += 1;
            // Not every parser ignores case here, and every browser writes it small.
            sound &= !escaped && name == b"name";
            head.name = Some(value);
        } else if name.eq_ignore_ascii_case(b"filename") {
            files += 1;
            sound &= name == b"filename";
            // Old browsers send `C:\pictures\me.png`; only an escaped quote moves the end of the value.
            sound &= !escaped || memchr::memmem::find(value, b"\\\"").is_none();
            head.file = true;
        } else if name.eq_ignore_ascii_case(b"filename*") {
            head.file = true;
        } else if name.to_ascii_lowercase().starts_with(b"name*") || name.to_ascii_lowercase().starts_with(b"filename*")
        {
            sound = false;
        }
    }
    sound && names == 1 && files <= 1
}

/// Whether an apostrophe stands where PHP takes it for a quotation mark. `filename*=utf-8''me.png` opens none.
fn has_quote(name: &[u8], value: &[u8], quoted: bool) -> bool {
    let apostrophe = |text: &[u8]| memchr::memchr(b'\'', text).is_some();
    if quoted || !apostrophe(value) {
        return apostrophe(name);
    }
    let extended = name.eq_ignore_ascii_case(b"filename*")
        && memchr::memmem::find(value, b"''")
            .is_some_and(|at| !apostrophe(&value[..at]) && !apostrophe(&value[at + 2..]));
    !extended
}

fn part_type<'a>(value: &'a [u8], head: &mut Head<'a>) -> bool {
    let (essence, rest) = first_word(value);
    let nested = essence.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    for parameter in Parameters::new(rest) {
        match parameter {
            Ok(parameter) if parameter.name.eq_ignore_ascii_case(b"charset") => head.charset = Some(parameter.value),
            Ok(_) => {}
            // The type of a file is free text that no reader of fields looks at.
            Err(_) => return head.file,
        }
    }
    !nested
}
