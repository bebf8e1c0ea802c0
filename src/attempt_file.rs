//! Attempt files: attempts with their truth, one JSON object a line, in time order.
//!
//! `simulate` writes them, `evaluate` reads them, and so does whoever has labelled traffic of an application of their own.
//! The type is written once, here, for both directions. Reading is line by line and bounded, so that a file of any length
//! takes the memory of one line; and strict: a key that nobody knows is an error and no attempt without a password, because
//! a measurement over half-read data looks like any other measurement. Texts are [`Cow`]s: who makes attempts by the million
//! borrows the headers that they share, and who reads them borrows from the line whatever stands there without an escape.

mod wrong;

pub use self::wrong::{AttemptFileError, LineProblem, within_a_line};

use crate::engine::attempt::Field;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::net::IpAddr;

/// Bytes of one line at most: headers of 32 KiB and fields of a form, escaped.
pub const LONGEST_LINE: usize = 256 * 1024;
/// Headers of one attempt at most.
pub const MOST_HEADERS: usize = 256;
/// Bytes of an actor's or a persona's name at most: names are kept, some thousands of them.
pub const LONGEST_NAME: usize = 256;
/// What an attempt of a person who means no harm is labelled.
pub const INNOCENT: &str = "innocent";

/// A text that is borrowed for the life of the program, or owned.
pub type Text = Cow<'static, str>;

/// Name and value of each header.
pub type Headers<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

/// One line.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledAttempt<'t> {
    /// When, in seconds since the Unix epoch, to the millisecond.
    #[serde(rename = "t", serialize_with = "write_time", deserialize_with = "read_time")]
    pub at: Timestamp,
    #[serde(serialize_with = "write_event", deserialize_with = "read_event")]
    pub event: Event,
    #[serde(deserialize_with = "read_ip")]
    pub ip: IpAddr,
    /// Name and value of each header, in the order and case in which the client sent them, without cookies.
    #[serde(borrow, deserialize_with = "read_headers")]
    pub headers: Headers<'t>,
    #[serde(default)]
    pub http: HttpVersion,
    /// What tells one cookie jar from another; none for a client that brought no cookie.
    #[serde(borrow, default, deserialize_with = "read_text")]
    pub device: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    pub fields: Fields<'t>,
    /// What the application would answer.
    #[serde(serialize_with = "write_outcome", deserialize_with = "read_outcome")]
    pub outcome: Outcome,
    /// [`INNOCENT`], or an attack's name.
    #[serde(borrow, deserialize_with = "read_label")]
    pub label: Cow<'t, str>,
    /// Who really did it: the same for all attempts of one person, or of one campaign.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "read_name")]
    pub actor: Option<Cow<'t, str>>,
    /// What kind of person, or of attacker.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "read_name")]
    pub persona: Option<Cow<'t, str>>,
}

/// What the form said. Names are those of a route's `fields`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields<'t> {
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub account: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub username: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub email: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_password")]
    pub password: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub phone: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub name: Option<Cow<'t, str>>,
    /// In the currency's own units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub currency: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub card_bin: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub card_last4: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub shipping_zip: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub shipping_address: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub billing_zip: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub billing_address: Option<Cow<'t, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", deserialize_with = "read_text")]
    pub order: Option<Cow<'t, str>>,
}

impl Fields<'_> {
    /// What was said under the name of a route's field.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let text = match field {
            Field::Account => &self.account,
            Field::Username => &self.username,
            Field::Email => &self.email,
            Field::Password => &self.password,
            Field::Phone => &self.phone,
            Field::Name => &self.name,
            Field::Amount => return self.amount.map(|amount| Cow::Owned(amount.to_string())),
            Field::Currency => &self.currency,
            Field::CardBin => &self.card_bin,
            Field::CardLast4 => &self.card_last4,
            Field::ShippingZip => &self.shipping_zip,
            Field::ShippingAddress => &self.shipping_address,
            Field::BillingZip => &self.billing_zip,
            Field::BillingAddress => &self.billing_address,
            Field::Order => &self.order,
        };
        text.as_deref().map(Cow::Borrowed)
    }

    fn into_owned(self) -> Fields<'static> {
        let owned = |text: Option<Cow<'_, str>>| -> Option<Text> { text.map(|text| Cow::Owned(text.into_owned())) };
        Fields {
            account: owned(self.account),
            username: owned(self.username),
            email: owned(self.email),
            password: owned(self.password),
            phone: owned(self.phone),
            name: owned(self.name),
            amount: self.amount,
            currency: owned(self.currency),
            card_bin: owned(self.card_bin),
            card_last4: owned(self.card_last4),
            shipping_zip: owned(self.shipping_zip),
            shipping_address: owned(self.shipping_address),
            billing_zip: owned(self.billing_zip),
            billing_address: owned(self.billing_address),
            order: owned(self.order),
        }
    }
}

/// Which HTTP the client spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HttpVersion {
    #[serde(rename = "1.0")]
    Http10,
    #[default]
    #[serde(rename = "1.1")]
    Http11,
    #[serde(rename = "2")]
    Http2,
}

impl HttpVersion {
    /// As records have it.
    pub fn name(self) -> &'static str {
        match self {
            HttpVersion::Http10 => "1.0",
            HttpVersion::Http11 => "1.1",
            HttpVersion::Http2 => "2",
        }
    }
}

impl LabelledAttempt<'_> {
    pub fn is_innocent(&self) -> bool {
        self.label == INNOCENT
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// The same, of a life of its own.
    pub fn into_owned(self) -> LabelledAttempt<'static> {
        let owned = |text: Cow<'_, str>| -> Text { Cow::Owned(text.into_owned()) };
        let headers = self.headers.into_iter().map(|(name, value)| (owned(name), owned(value)));
        LabelledAttempt {
            at: self.at,
            event: self.event,
            ip: self.ip,
            headers: headers.collect(),
            http: self.http,
            device: self.device.map(owned),
            fields: self.fields.into_owned(),
            outcome: self.outcome,
            label: owned(self.label),
            actor: self.actor.map(owned),
            persona: self.persona.map(owned),
        }
    }

    /// Writes the line.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

/// Without what is in the form: it may be somebody's.
impl fmt::Debug for LabelledAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} by {} from {}, {}", self.at, self.event, self.label, self.ip, self.outcome.status())
    }
}

/// Reads a file, an attempt at a time. Empty lines are passed over.
pub struct Attempts<R> {
    input: R,
    file: String,
    line: u64,
    buffer: Vec<u8>,
    last: Timestamp,
}

impl<R: BufRead> Attempts<R> {
    /// `file` is how errors call it.
    pub fn new(file: impl Into<String>, input: R) -> Attempts<R> {
        Attempts { input, file: file.into(), line: 0, buffer: Vec::new(), last: Timestamp::default() }
    }

    /// The number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Hands out the line that was read last, for room for the next ones.
    pub fn exchange(&mut self, room: &mut Vec<u8>) {
        std::mem::swap(&mut self.buffer, room);
    }

    /// The next attempt, none at the end. It borrows from the line, which the next call reads over.
    pub fn read(&mut self) -> Result<Option<LabelledAttempt<'_>>, AttemptFileError> {
        if !self.advance()? {
            return Ok(None);
        }
        let Attempts { file, line, buffer, last, .. } = self;
        let read = read_attempt(buffer.trim_ascii(), last);
        read.map(Some).map_err(|problem| AttemptFileError { file: file.clone(), line: *line, problem })
    }

    /// Goes to the next line that is not empty; false at the end.
    pub fn advance(&mut self) -> Result<bool, AttemptFileError> {
        let read = self.read_line();
        read.map_err(|problem| AttemptFileError { file: self.file.clone(), line: self.line, problem })
    }

    /// When the attempt of the present line came, without reading the rest of it.
    pub fn time(&self) -> Result<Timestamp, AttemptFileError> {
        #[derive(Deserialize)]
        struct When {
            #[serde(rename = "t", deserialize_with = "read_time")]
            at: Timestamp,
        }
        let when: Result<When, _> = serde_json::from_slice(self.buffer.trim_ascii());
        when.map(|when| when.at).map_err(|error| AttemptFileError {
            file: self.file.clone(),
            line: self.line,
            problem: LineProblem::json(self.buffer.trim_ascii(), error),
        })
    }

    /// The attempt of a line of this file, of which somebody else has kept the text. To be asked for line after line.
    pub fn attempt_of<'l>(&mut self, line: u64, text: &'l [u8]) -> Result<LabelledAttempt<'l>, AttemptFileError> {
        let read = read_attempt(text.trim_ascii(), &mut self.last);
        read.map_err(|problem| AttemptFileError { file: self.file.clone(), line, problem })
    }

    /// Reads on to behind the end of the line; false if the file ends before one.
    fn read_to_end_of_line(&mut self) -> Result<bool, LineProblem> {
        loop {
            let read = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(LineProblem::Io)?,
            };
            let end = memchr::memchr(b'\n', read);
            let part = &read[..end.unwrap_or(read.len())];
            let is_too_long = self.buffer.len() + part.len() > LONGEST_LINE;
            if !is_too_long {
                self.buffer.extend_from_slice(part);
            }
            let (is_over, used) = (read.is_empty(), part.len() + usize::from(end.is_some()));
            self.input.consume(used);
            if is_too_long {
                return Err(LineProblem::TooLong);
            }
            if end.is_some() || is_over {
                return Ok(!is_over);
            }
        }
    }

    fn read_line(&mut self) -> Result<bool, LineProblem> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let ends = self.read_to_end_of_line()?;
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
            if !ends {
                return Ok(false);
            }
        }
    }
}

fn read_attempt<'l>(line: &'l [u8], last: &mut Timestamp) -> Result<LabelledAttempt<'l>, LineProblem> {
    // Looked at for UTF-8 once, and not text by text. Of a line that is none the reader of bytes says where.
    let read = std::str::from_utf8(line).map_or_else(|_| serde_json::from_slice(line), serde_json::from_str);
    let attempt: LabelledAttempt<'_> = read.map_err(|error| LineProblem::json(line, error))?;
    if attempt.headers.len() > MOST_HEADERS {
        return Err(LineProblem::Headers(attempt.headers.len()));
    }
    if attempt.at < *last {
        return Err(LineProblem::Disordered(*last, attempt.at));
    }
    *last = attempt.at;
    Ok(attempt)
}

impl<R: BufRead> Iterator for Attempts<R> {
    type Item = Result<LabelledAttempt<'static>, AttemptFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().map(|attempt| attempt.map(LabelledAttempt::into_owned)).transpose()
    }
}

fn write_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    match at.0 % 1000 {
        0 => serializer.serialize_u64(at.0 / 1000),
        _ => serializer.serialize_f64(at.as_secs_f64()),
    }
}

/// The last second of the year 9999: a number above it is in milliseconds, which is told and not guessed.
const LATEST: f64 = 253_402_300_799.0;

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..=LATEST).contains(&seconds) {
        return Err(D::Error::custom(format!("`t` is {seconds}: it counts seconds since 1970, up to the year 9999")));
    }
    Ok(Timestamp((seconds * 1000.0).round() as u64))
}

/// A text of the line: copied only if there is an escape in it.
#[derive(Deserialize)]
struct Borrowed<'t>(#[serde(borrow)] Cow<'t, str>);

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(Option::<Borrowed<'de>>::deserialize(deserializer)?.map(|Borrowed(text)| text))
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    let name = read_text(deserializer)?;
    match name.as_ref().map_or(0, |name| name.len()) {
        length if length > LONGEST_NAME => Err(D::Error::custom(format!(
            "the name of an `actor` or a `persona` has {length} bytes; {LONGEST_NAME} are the most"
        ))),
        _ => Ok(name),
    }
}

fn read_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Headers<'de>, D::Error> {
    #[derive(Deserialize)]
    struct Header<'t>(#[serde(borrow)] Cow<'t, str>, #[serde(borrow)] Cow<'t, str>);

    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Headers<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of headers, each a list of its name and its value")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut headers = Vec::with_capacity(24);
            while let Some(Header(name, value)) = list.next_element()? {
                headers.push((name, value));
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_seq(List)
}

fn write_event<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.name())
}

fn read_event<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
    let Borrowed(name) = Borrowed::deserialize(deserializer)?;
    name.parse().map_err(|()| {
        let known = Event::NAMED.map(|event| event.name().to_owned()).join("`, `");
        D::Error::custom(format!("`event` is `{}`; known are `{known}` and `custom:<name>`", shown(&name)))
    })
}

/// What an attempt's outcome may be, with its name in files.
const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Succeeded, "succeeded"),
    (Outcome::Failed, "failed"),
    (Outcome::Pending, "pending"),
    (Outcome::Unknown, "unknown"),
    (Outcome::Aborted, "aborted"),
];

fn write_outcome<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    let name = OUTCOMES.iter().find(|(known, _)| known == outcome).map_or("unknown", |(_, name)| *name);
    serializer.serialize_str(name)
}

fn read_outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let Borrowed(name) = Borrowed::deserialize(deserializer)?;
    let known = OUTCOMES.iter().find(|(_, known)| *known == name).map(|(outcome, _)| *outcome);
    known.ok_or_else(|| {
        let names = OUTCOMES.map(|(_, name)| name).join("`, `");
        D::Error::custom(format!("`outcome` is `{}`; known are `{names}`", shown(&name)))
    })
}

fn read_ip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    let Borrowed(text) = Borrowed::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`ip` is `{}`: an IPv4 or IPv6 address is needed", shown(&text))))
}

fn read_label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    let Borrowed(label) = Borrowed::deserialize(deserializer)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if label.is_empty() || label.len() > 64 || !label.bytes().all(plain) {
        return Err(D::Error::custom(format!(
            "`label` is `{}`: write `{INNOCENT}`, or an attack's name of at most 64 letters, digits and `_`, `-`, `.`",
            shown(&label)
        )));
    }
    Ok(label)
}

/// A password that is no text is not repeated in the error.
fn read_password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    struct Password;
    impl<'de> Visitor<'de> for Password {
        type Value = Option<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a password as text, or null")
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Borrowed(text)))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(text.to_owned())))
        }

        fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(text)))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom("`password` is a number: write it as text, in quotes"))
        }

        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom("`password` is a number: write it as text, in quotes"))
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom("`password` is a number: write it as text, in quotes"))
        }
    }
    deserializer.deserialize_any(Password)
}

/// A value as an error repeats it: short, and without what a terminal would take for an order.
fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(40).flat_map(char::escape_debug).collect();
    if value.chars().nth(40).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"t":1763773323.456,"event":"login","ip":"203.0.113.7","headers":[["User-Agent","curl/8"],["accept","*/*"]],"http":"1.1","device":null,"fields":{"account":"anna@example.com","password":"secret"},"outcome":"failed","label":"bulk_stuffing","actor":"c1","persona":"bulk"}"#;

    fn read(text: &str) -> Result<Vec<LabelledAttempt<'static>>, AttemptFileError> {
        Attempts::new("a.jsonl", text.as_bytes()).collect()
    }

    fn complaint(text: &str) -> String {
        read(text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_read_is_written_again() {
        let attempts = read(&format!("{LINE}\n\n{LINE}")).unwrap();
        assert_eq!(attempts.len(), 2);
        let attempt = &attempts[0];
        assert_eq!(attempt.at, Timestamp(1_763_773_323_456));
        assert_eq!(attempt.header("user-agent"), Some("curl/8"));
        assert!(!attempt.is_innocent());
        let mut out = Vec::new();
        attempt.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{LINE}\n"));
    }

    #[test]
    fn every_millisecond_comes_back() {
        let mut attempt = read(LINE).unwrap().remove(0);
        for at in (1_763_773_323_000..1_763_773_324_000).chain([0, 1, 253_402_300_798_999]) {
            attempt.at = Timestamp(at);
            let mut out = Vec::new();
            attempt.write(&mut out).unwrap();
            assert_eq!(read(&String::from_utf8(out).unwrap()).unwrap()[0].at, attempt.at);
        }
    }

    #[test]
    fn little_is_needed() {
        let line =
            r#"{"t":5,"event":"checkout","ip":"2001:db8::1","headers":[],"outcome":"succeeded","label":"innocent"}"#;
        let attempt = read(line).unwrap().remove(0);
        assert!(attempt.is_innocent());
        assert_eq!((attempt.http, attempt.device.as_deref()), (HttpVersion::Http11, None));
    }

    #[test]
    fn errors_name_file_line_and_value() {
        let second = |line: &str| complaint(&format!("{LINE}\n{line}"));
        for (from, to, said) in [
            ("\"login\"", "\"log-in\"", "a.jsonl:2: `event` is `log-in`; known are `login`"),
            ("\"failed\"", "\"fail\"", "a.jsonl:2: `outcome` is `fail`; known are `succeeded`"),
            ("\"bulk_stuffing\"", "\"\"", "a.jsonl:2: `label` is ``: write `innocent`"),
            ("203.0.113.7", "203.0.113", "a.jsonl:2: `ip` is `203.0.113`: an IPv4 or IPv6 address"),
            ("1763773323.456", "1763773323456", "a.jsonl:2: `t` is 1763773323456: it counts seconds"),
            ("\"account\"", "\"acount\"", "a.jsonl:2: unknown field `acount`, expected one of `account`"),
            ("\"device\"", "\"devise\"", "a.jsonl:2: unknown field `devise`"),
            ("\"secret\"", "4711", "a.jsonl:2: `password` is a number"),
            ("1763773323.456", "1763773323.455", "a.jsonl:2: is of 2025-11-22T01:02:03.455Z, before the line above"),
        ] {
            let complaint = second(&LINE.replace(from, to));
            assert!(complaint.starts_with(said), "{complaint}");
        }
        assert!(!second(&LINE.replace("\"secret\"", "4711")).contains("4711"), "a password is not repeated");
        assert!(second("{").starts_with("a.jsonl:2: EOF"));
    }

    #[test]
    fn lines_and_headers_are_bounded() {
        let long = LINE.replace("secret", &"x".repeat(LONGEST_LINE));
        assert!(complaint(&long).ends_with("is longer than 256 KiB, the most that is read"));
        let longest = LINE.replace("secret", &"x".repeat(LONGEST_LINE - LINE.len() + "secret".len()));
        assert_eq!((longest.len(), read(&format!("{longest}\n{LINE}")).unwrap().len()), (LONGEST_LINE, 2));
        assert!(complaint(&format!("{longest} \n")).ends_with("the most that is read"));
        let many = vec![r#"["a","b"]"#; MOST_HEADERS + 1].join(",");
        let many = LINE.replace(r#"["accept","*/*"]"#, &many);
        assert!(complaint(&many).contains("has 258 headers; 256 are the most"));
    }

    #[test]
    fn what_is_in_a_form_is_not_in_debug() {
        let shown = format!("{:?}", read(LINE).unwrap());
        assert!(!shown.contains("secret") && !shown.contains("anna"), "{shown}");
    }
}
