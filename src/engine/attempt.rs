//! The facts of one recognised request, as capture hands them to the engine.
//!
//! Nothing here can betray a visitor: identifiers are keyed hashes ([`Pseudonym`]), a password is a per-process tag and
//! a flag, and what a signal needs of a raw value (an address's form, its domain) was derived at capture. That is why
//! these types may be `Debug`.

use super::appearance::{Appearance, Claims};
pub use super::email::{Composition, Email, EmailProblem, Weakness};
use super::event::Event;
use super::time::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Identifies one attempt: a UUID of version 7, so that ids sort by time. Printed as 26 characters of Crockford base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct AttemptId(pub u128);

impl AttemptId {
    /// As printed, without the formatting machinery: every record and the application's headers hold it.
    pub fn text(self) -> [u8; 26] {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut text = [0u8; 26];
        // Two halves, because shifting 128 bits for each letter costs more than all the rest: 13 letters are 65 bits.
        let (mut high, mut low) = ((self.0 >> 65) as u64, self.0 as u64);
        let middle = (self.0 >> 60) as usize & 31;
        for place in (0..13).rev() {
            text[place] = ALPHABET[high as usize & 31];
            high >>= 5;
        }
        text[13] = ALPHABET[middle];
        for place in (14..26).rev() {
            text[place] = ALPHABET[low as usize & 31];
            low >>= 5;
        }
        text
    }
}

impl AttemptId {
    /// Reads what is printed, in either case.
    pub fn parse(text: &str) -> Option<AttemptId> {
        let digit = |byte: u8| {
            Some(match byte.to_ascii_uppercase() {
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'A'..=b'H' => byte - b'A' + 10,
                byte @ b'J'..=b'K' => byte - b'J' + 18,
                byte @ b'M'..=b'N' => byte - b'M' + 20,
                byte @ b'P'..=b'T' => byte - b'P' + 22,
                byte @ b'V'..=b'Z' => byte - b'V' + 27,
                _ => return None,
            })
        };
        let bytes: &[u8; 26] = text.as_bytes().try_into().ok()?;
        // 26 digits are 130 bits: the first holds three.
        if digit(bytes[0])? > 7 {
            return None;
        }
        bytes.iter().try_fold(0, |sum: u128, byte| Some(sum << 5 | u128::from(digit(*byte)?))).map(AttemptId)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for AttemptId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// A keyed hash of an identifier: the first 128 bits of HMAC-SHA-256 under the identity key and a domain label.
/// Equal identifiers are equal under one key; without the key nothing can be read from it. Printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(pub [u8; 16]);

impl Pseudonym {
    fn text(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl Pseudonym {
    /// Reads what is printed: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Pseudonym> {
        let fine = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fine.then(|| u128::from_str_radix(text, 16).ok())?.map(|number| Pseudonym(number.to_be_bytes()))
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// What a client address counts as: an IPv4 address, or an IPv6 /64 (one subscriber has at least that much).
/// IPv4-mapped IPv6 addresses are their IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(u128);

impl Network {
    /// The prefix as a number, for stores.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// The network that these are the bits of.
    pub fn from_bits(bits: u128) -> Network {
        Network(bits)
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Network {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Network(0xffff_0000_0000 | u128::from(u32::from(v4))),
            IpAddr::V6(v6) => Network(u128::from(v6) & !u128::from(u64::MAX)),
        }
    }
}

/// One recognised request.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: AttemptId,
    pub at: Timestamp,
    pub event: Event,
    /// The route's name.
    pub route: Arc<str>,
    pub request: RequestFacts,
    pub client: Client,
    pub device: Device,
    pub identity: Identity,
    pub form: FormFacts,
    /// Fields that the route maps and the request did not bring, or filled with what is no such thing.
    pub missing: Vec<Field>,
    /// Where the gate and the application could read the request differently.
    pub ambiguities: Vec<Ambiguity>,
}

/// What the record shows of the request itself.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    pub method: Box<str>,
    /// Canonical host, without port.
    pub host: Box<str>,
    /// Path as sent, without query, shortened to 256 bytes.
    pub path: Box<str>,
    /// `1.0`, `1.1` or `2`.
    pub http: &'static str,
    /// Length of the body in bytes.
    pub bytes: u64,
}

/// Who sent it, as the network and the headers tell.
#[derive(Clone, Debug)]
pub struct Client {
    /// After the trusted-proxy rules; canonical (never IPv4-mapped).
    pub ip: IpAddr,
    pub network: Network,
    pub headers: HeaderFacts,
    /// What the headers say, for comparing them with each other.
    pub appearance: Appearance,
}

/// Which headers came, for signals that ask whether a browser sent them.
#[derive(Clone, Debug, Default)]
pub struct HeaderFacts {
    pub user_agent: bool,
    pub accept: bool,
    pub accept_language: bool,
    pub accept_encoding: bool,
    /// Any `Sec-Fetch-*`.
    pub sec_fetch: bool,
    /// Any `Sec-CH-UA*`.
    pub client_hints: bool,
    pub referer: bool,
    pub origin: bool,
    pub cookie: bool,
}

/// The device as far as it can be told.
#[derive(Clone, Debug)]
pub struct Device {
    /// The id in the gate's signed cookie.
    pub id: Option<Pseudonym>,
    /// Whether somebody logged in with this cookie before, which the cookie itself says, signed. Until then it is strong
    /// evidence of nothing: cookies are given to everybody, and who throws them away to get another each time must not be
    /// another device each time.
    pub proven: bool,
    /// When the id was first given out.
    pub issued: Option<Timestamp>,
    /// Hash of what the client reveals by itself: header set, order and case, HTTP version, User-Agent. Shared by all
    /// who run the same software, so weak evidence.
    pub fingerprint: u64,
    /// What the User-Agent says. Parsed once per distinct value and shared.
    pub agent: Arc<Agent>,
    /// What the device script brought.
    pub collected: Collected,
    /// How this sender's attempts follow each other; `None`: nothing can be said yet.
    pub pace: Option<Pace>,
}

/// What came of collecting device facts by a script on the form's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Collected {
    /// Nothing is collected on this route.
    #[default]
    Off,
    /// Whether this client was ever given the page with the script is not known.
    Unknown,
    /// The page was served to this client, and the attempt brings nothing of it.
    Missing,
    /// What came cannot be read.
    Invalid(DataProblem),
    /// Whole, and of this page.
    Good,
}

/// Why device data cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataProblem {
    /// Not sealed by this installation, or changed since.
    Signature,
    Expired,
    /// The same data were brought before.
    Replayed,
    /// Made for another session or another page.
    Foreign,
}

impl DataProblem {
    /// As published in evidence.
    pub fn name(self) -> &'static str {
        match self {
            DataProblem::Signature => "signature",
            DataProblem::Expired => "expired",
            DataProblem::Replayed => "replayed",
            DataProblem::Foreign => "foreign",
        }
    }
}

/// The gaps between the attempts of one sender (its network and its fingerprint) on this gate, this attempt included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// How many gaps were measured.
    pub gaps: u32,
    /// Seconds, on average; late ones count most.
    pub mean: f64,
    /// Their standard deviation as a share of the mean.
    pub variation: f64,
    /// Whether more than one account was tried.
    pub several: bool,
}

impl Device {
    /// Who this is by a cookie that stands for one device; `None`: only the fingerprint tells, which is many people's.
    pub fn by_cookie(&self) -> Option<Pseudonym> {
        self.id.filter(|_| self.proven)
    }
}

/// What a User-Agent header says about the software behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    pub kind: AgentKind,
    /// For people: `Chrome on Windows`, `curl`, `Googlebot`; empty without a User-Agent.
    pub name: Box<str>,
    /// Browser family without version (`Chrome`), if a browser is named.
    pub browser: Option<Box<str>>,
    /// Operating system family (`Windows`), if named.
    pub os: Option<Box<str>>,
    /// Of a browser: what other headers can be compared with.
    pub claims: Claims,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentKind {
    Browser,
    /// A programming library or command-line tool, by its name (`curl`).
    Library(Box<str>),
    /// A crawler, search bot, preview fetcher or scanner, by its name.
    Crawler(Box<str>),
    /// An automated browser that says so (`HeadlessChrome`).
    Automation(Box<str>),
    /// No User-Agent header, or an empty one.
    Absent,
    /// Nothing known says anything about it: a native app, or an invention.
    #[default]
    Unknown,
}

/// Whose account is meant.
///
/// Nobody but the application knows which spellings are one account to it. So what speaks for a visitor (a success, a
/// known source, what their logins are like) counts for the name as it was typed, in that application; what speaks
/// against them counts for every reading of it. Else whoever registers `v.ictim@gmail.com`, or `boss` on another host,
/// could vouch for guesses at `victim@gmail.com` and `boss` here.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The keyed hash of the canonical login identifier: the `user_id` of records and lists.
    pub account: Option<Pseudonym>,
    /// The same of the name as it was typed (trimmed, and its case folded where the route says so), in the application that
    /// the host belongs to; `account` for nearly everybody.
    pub spelled: Option<Pseudonym>,
    /// The canonical name in that application, if it is another than the one that was typed.
    pub reading: Option<Pseudonym>,
    /// Every key that may name the same account: `spelled`, `account`, `reading`, each once, then what else the route maps
    /// (its e-mail address beside its user name).
    pub aliases: Vec<Pseudonym>,
    /// The e-mail address: from the `email` field, else an account that looks like one.
    pub email: Option<Email>,
}

/// What else the form said.
#[derive(Clone, Debug, Default)]
pub struct FormFacts {
    pub password: Option<Password>,
    pub phone: Option<Pseudonym>,
    /// In the currency's own units.
    pub amount: Option<f64>,
    /// One of ISO 4217, upper case.
    pub currency: Option<Box<str>>,
    /// First six to eight digits, digits only.
    pub card_bin: Option<Box<str>>,
    /// What tells one card from another: its first digits and its last four, or what the form has of them.
    pub card: Option<Pseudonym>,
    /// The card's first digits again, as a keyed hash.
    pub card_bin_key: Option<Pseudonym>,
    /// Where to ship to.
    pub address: Option<Pseudonym>,
    /// Where the bill goes.
    pub billing_address: Option<Pseudonym>,
    /// The application's name for what is bought: what a later settlement is told by.
    pub order: Option<Pseudonym>,
    /// What came of the field that people never see.
    pub trap: Trap,
}

/// What came of the route's trap: a field of the form that people do not see and programs fill in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trap {
    /// The route has none.
    #[default]
    None,
    /// It came as the page has it: empty.
    Empty,
    /// It did not come: the form was not filled in on the page, or on one from before the field was there.
    LeftOut,
    Filled,
}

/// All that leaves the parse buffers of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Password {
    /// Hash under a key made at start and kept in memory only: equal passwords are equal within one process.
    pub tag: u64,
}

/// The fields a route can map. The table is the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Account,
    Username,
    Email,
    Password,
    Phone,
    Name,
    Amount,
    Currency,
    CardBin,
    CardLast4,
    ShippingZip,
    ShippingAddress,
    BillingZip,
    BillingAddress,
    Order,
}

impl Field {
    pub const ALL: [Field; 15] = [
        Field::Account,
        Field::Username,
        Field::Email,
        Field::Password,
        Field::Phone,
        Field::Name,
        Field::Amount,
        Field::Currency,
        Field::CardBin,
        Field::CardLast4,
        Field::ShippingZip,
        Field::ShippingAddress,
        Field::BillingZip,
        Field::BillingAddress,
        Field::Order,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Field::Account => "account",
            Field::Username => "username",
            Field::Email => "email",
            Field::Password => "password",
            Field::Phone => "phone",
            Field::Name => "name",
            Field::Amount => "amount",
            Field::Currency => "currency",
            Field::CardBin => "card_bin",
            Field::CardLast4 => "card_last4",
            Field::ShippingZip => "shipping_zip",
            Field::ShippingAddress => "shipping_address",
            Field::BillingZip => "billing_zip",
            Field::BillingAddress => "billing_address",
            Field::Order => "order",
        }
    }

    /// Fields whose readings must agree: who is meant, and with which secret.
    pub fn is_credential(self) -> bool {
        matches!(self, Field::Account | Field::Username | Field::Email | Field::Password)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One way in which two parties could read this request differently. Never carries a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// The path is protected under one reading and not, or by another route, under another. Names the readings.
    Path(Vec<&'static str>),
    /// Method, override header or `_method` disagree.
    Method,
    /// Several values for one credential field, and they differ.
    Duplicate(Field),
    /// The same credential in two places (query and form), and they differ.
    Places(Field),
    /// Content type, charset or syntax that backends read differently.
    Encoding(&'static str),
}

impl Ambiguity {
    /// Short name in the record's evidence.
    pub fn name(&self) -> String {
        match self {
            Ambiguity::Path(readings) => format!("path:{}", readings.join("+")),
            Ambiguity::Method => "method".to_owned(),
            Ambiguity::Duplicate(field) => format!("duplicate:{}", field.name()),
            Ambiguity::Places(field) => format!("places:{}", field.name()),
            Ambiguity::Encoding(what) => format!("encoding:{what}"),
        }
    }

    /// Whether who is meant, with which secret, or what is asked depends on the reading. A disguised path that every
    /// reading still leads to a route is worth a signal, and no reason to refuse a visitor by itself.
    pub fn is_about_credentials(&self) -> bool {
        matches!(self, Ambiguity::Duplicate(_) | Ambiguity::Places(_) | Ambiguity::Encoding(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        let v4: IpAddr = "203.0.113.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:203.0.113.7".parse().unwrap();
        assert_eq!(Network::from(v4), Network::from(mapped));
    }

    #[test]
    fn ipv6_counts_by_64() {
        let network = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }

    #[test]
    fn what_is_printed_is_read_and_nothing_else() {
        for number in [0, 1, 31, 32, 1 << 64, u128::MAX, 0x0193_5d6f_7aaa_7123_8456_789a_bcde_f012] {
            let id = AttemptId(number);
            assert_eq!(AttemptId::parse(&id.to_string()), Some(id));
            assert_eq!(AttemptId::parse(&id.to_string().to_lowercase()), Some(id));
            let name = Pseudonym(number.to_be_bytes());
            assert_eq!(Pseudonym::parse(&name.to_string()), Some(name));
        }
        for wrong in ["", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "0000000000000000000000000U", "000000000000000000000000\u{e9}"]
        {
            assert_eq!(AttemptId::parse(wrong), None, "{wrong}");
        }
        for wrong in ["", "+0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeg", "0123"] {
            assert_eq!(Pseudonym::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_print_in_26_characters_that_sort() {
        assert_eq!(AttemptId(0).to_string().len(), 26);
        assert!(AttemptId(1 << 90).to_string() < AttemptId(1 << 91).to_string());
    }
}
