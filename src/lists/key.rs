//! What an entry that was added is known by, and how it is written.
//!
//! Each kind is read by one function, in the canonical form of a visitor's own values, so that what an operator types
//! meets what visitors send. An account or an e-mail address becomes its keyed hash here and is kept as nothing else; a
//! hash that was shown can be typed back (`hash:…`). Messages never repeat an entry: lists name people.

use super::ListOf;
use super::networks::Cidr;
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::Country;
use std::fmt;
use std::net::IpAddr;

/// Longest text of an entry, bytes.
pub const LONGEST_ENTRY: usize = 1024;
/// Longest domain name, bytes.
const LONGEST_DOMAIN: usize = 253;
/// Before the 32 digits of a keyed hash.
pub const HASH: &str = "hash:";

/// Knows an installation's names: canonical forms, and the key that turns them into pseudonyms.
pub trait Naming {
    /// Of an account or an e-mail address; `None`: it is none.
    fn pseudonym(&self, of: ListOf, text: &str) -> Option<Pseudonym>;
    /// Lower-case ASCII; `None`: it is none.
    fn domain(&self, text: &str) -> Option<String>;
}

/// One entry's identity within a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Network(Cidr),
    Account(Pseudonym),
    Email(Pseudonym),
    /// With all that lies below it.
    Domain(Box<str>),
    Device(Pseudonym),
    Fingerprint(u64),
    Asn(u32),
    Country(Country),
    CardBin(CardBin),
}

/// The first six to eight digits of a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardBin {
    digits: u8,
    number: u32,
}

impl CardBin {
    pub fn new(text: &str) -> Option<CardBin> {
        let fine = (6..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        Some(CardBin { digits: text.len() as u8, number: text.parse().ok().filter(|_| fine)? })
    }

    /// As one number, for tables.
    pub fn packed(self) -> u128 {
        u128::from(self.digits) << 32 | u128::from(self.number)
    }

    /// What was packed.
    pub fn of_packed(packed: u128) -> CardBin {
        CardBin { digits: (packed >> 32) as u8, number: packed as u32 }
    }

    /// This one and those that it begins with, the longest first.
    pub fn with_shorter(self) -> impl Iterator<Item = CardBin> {
        let CardBin { digits, number } = self;
        (6..=digits)
            .rev()
            .map(move |less| CardBin { digits: less, number: number / 10u32.pow(u32::from(digits - less)) })
    }
}

impl Key {
    pub fn of(&self) -> ListOf {
        match self {
            Key::Network(_) => ListOf::Ip,
            Key::Account(_) => ListOf::Account,
            Key::Email(_) => ListOf::Email,
            Key::Domain(_) => ListOf::Domain,
            Key::Device(_) => ListOf::Device,
            Key::Fingerprint(_) => ListOf::Fingerprint,
            Key::Asn(_) => ListOf::Asn,
            Key::Country(_) => ListOf::Country,
            Key::CardBin(_) => ListOf::CardBin,
        }
    }

    /// Reads an entry of a kind. Addresses from one to another (`192.0.2.1-192.0.2.9`) are as many networks as they take.
    pub fn read(of: ListOf, text: &str, naming: &dyn Naming) -> Result<Vec<Key>, String> {
        if text.len() > LONGEST_ENTRY {
            return Err(format!("longer than {LONGEST_ENTRY} bytes"));
        }
        if of == ListOf::Ip {
            return Ok(networks(text)?.into_iter().map(Key::Network).collect());
        }
        let named = |what: &str| {
            let hash = text.strip_prefix(HASH).and_then(pseudonym);
            hash.or_else(|| naming.pseudonym(of, text)).ok_or_else(|| what.to_owned())
        };
        let key = match of {
            ListOf::Ip => return Err("not an address".to_owned()),
            ListOf::Account => Key::Account(named(NO_ACCOUNT)?),
            ListOf::Email => Key::Email(named(NO_EMAIL)?),
            ListOf::Domain => {
                let domain = naming.domain(text.strip_prefix("*.").unwrap_or(text)).filter(|domain| is_domain(domain));
                Key::Domain(domain.ok_or(NO_DOMAIN)?.into())
            }
            ListOf::Device => Key::Device(pseudonym(text).ok_or(NO_DEVICE)?),
            ListOf::Fingerprint => Key::Fingerprint(fingerprint(text).ok_or(NO_FINGERPRINT)?),
            ListOf::Asn => Key::Asn(asn(text).ok_or(NO_ASN)?),
            ListOf::Country => Key::Country(Country::new(text).ok_or(NO_COUNTRY)?),
            ListOf::CardBin => Key::CardBin(CardBin::new(text).ok_or(NO_CARD_BIN)?),
        };
        Ok(vec![key])
    }

    /// As stores keep it: the kind, a blank, and the entry as it prints.
    pub fn stored(&self) -> String {
        format!("{} {self}", self.of().name())
    }

    /// Reads what [`Key::stored`] wrote.
    pub fn of_stored(text: &str) -> Option<Key> {
        struct Nobody;
        impl Naming for Nobody {
            fn pseudonym(&self, _of: ListOf, _text: &str) -> Option<Pseudonym> {
                None
            }
            fn domain(&self, text: &str) -> Option<String> {
                Some(text.to_owned())
            }
        }
        let (of, entry) = text.split_once(' ')?;
        let of = ListOf::by_name(of)?;
        if of == ListOf::Domain {
            // As it is: what an operator may write before it (`*.`) is no part of it.
            return is_domain(entry).then(|| Key::Domain(entry.into()));
        }
        let mut keys = Key::read(of, entry, &Nobody).ok()?;
        keys.pop().filter(|_| keys.is_empty())
    }
}

/// As lists write it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Network(network) => write!(f, "{network}"),
            Key::Account(name) | Key::Email(name) => write!(f, "{HASH}{name}"),
            Key::Domain(domain) => f.write_str(domain),
            Key::Device(device) => write!(f, "{device}"),
            Key::Fingerprint(number) => write!(f, "{number:016x}"),
            Key::Asn(number) => write!(f, "AS{number}"),
            Key::Country(country) => f.write_str(country.as_str()),
            Key::CardBin(CardBin { digits, number }) => write!(f, "{number:0width$}", width = usize::from(*digits)),
        }
    }
}

pub const NO_ACCOUNT: &str = "not an account name";
pub const NO_EMAIL: &str = "not an e-mail address";
pub const NO_DOMAIN: &str = "not a domain name";
pub const NO_DEVICE: &str = "not a device id of 32 hexadecimal digits";
pub const NO_FINGERPRINT: &str = "not a fingerprint of 16 hexadecimal digits";
pub const NO_ASN: &str = "not the number of an autonomous system, such as AS64500";
pub const NO_COUNTRY: &str = "not a country code of two letters (ISO 3166-1)";
pub const NO_CARD_BIN: &str = "not the first six to eight digits of a card number";

/// `192.0.2.1`, `192.0.2.0/24` (bits behind the prefix are ignored), or `192.0.2.1-192.0.2.9`; the same in IPv6.
fn networks(text: &str) -> Result<Vec<Cidr>, &'static str> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(vec![Cidr::of(ip)]);
    }
    if let Some((address, length)) = text.split_once('/') {
        let (ip, length) = (address.parse::<IpAddr>().ok(), length.parse::<u8>().ok());
        return match (ip, length.filter(|_| !length_is_odd(text))) {
            (Some(IpAddr::V6(v6)), Some(length @ 96..=128)) if v6.to_ipv4_mapped().is_some() => {
                Ok(vec![Cidr::new(IpAddr::V6(v6).to_canonical(), length - 96)])
            }
            // Addresses of IPv4 are told as such, so this would match nobody.
            (Some(IpAddr::V6(v6)), _) if v6.to_ipv4_mapped().is_some() => {
                Err("a range of IPv4-mapped addresses that is wider than IPv4: write it as IPv4")
            }
            (Some(ip), Some(length)) if length <= if ip.is_ipv4() { 32 } else { 128 } => {
                Ok(vec![Cidr::new(ip, length)])
            }
            _ => Err("not a CIDR range such as 192.0.2.0/24"),
        };
    }
    let (first, last) = text.split_once('-').ok_or("neither an address nor a CIDR range")?;
    let address = |text: &str| text.trim().parse::<IpAddr>().map(|ip| ip.to_canonical());
    match (address(first), address(last)) {
        (Ok(first), Ok(last)) if first.is_ipv4() != last.is_ipv4() => Err("the ends are of different families"),
        (Ok(first), Ok(last)) if first > last => Err("the first address is behind the last"),
        (Ok(first), Ok(last)) => Ok(Cidr::cover(first, last)),
        _ => Err("not two addresses with a hyphen between"),
    }
}

/// `/+24` and `/024` are what numbers are read from, and no prefix.
fn length_is_odd(text: &str) -> bool {
    text.rsplit_once('/').is_some_and(|(_, length)| {
        length.len() > 3
            || !length.bytes().all(|byte| byte.is_ascii_digit())
            || (length.len() > 1 && length.starts_with('0'))
    })
}

/// A canonical name of at least two labels; nothing that a pattern, an address or a mistake could be.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    domain.len() <= LONGEST_DOMAIN && domain.contains('.') && domain.split('.').all(label)
}

/// `AS64500`, `as64500` or `64500`.
pub fn asn(text: &str) -> Option<u32> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..)?,
        _ => text,
    };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// 32 hexadecimal digits.
pub fn pseudonym(text: &str) -> Option<Pseudonym> {
    hexadecimal::<32>(text).map(|number| Pseudonym(number.to_be_bytes()))
}

/// 16 hexadecimal digits.
pub fn fingerprint(text: &str) -> Option<u64> {
    hexadecimal::<16>(text).and_then(|number| u64::try_from(number).ok())
}

fn hexadecimal<const DIGITS: usize>(text: &str) -> Option<u128> {
    let fine = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if fine { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Stands in for an installation: lower case, and a hash that anybody can see through.
    pub struct Plain;

    impl Naming for Plain {
        fn pseudonym(&self, of: ListOf, text: &str) -> Option<Pseudonym> {
            let text = text.trim().to_lowercase();
            let fine = !text.is_empty() && (of != ListOf::Email || text.contains('@'));
            let mut bytes = [0; 16];
            text.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
            fine.then_some(Pseudonym(bytes))
        }

        fn domain(&self, text: &str) -> Option<String> {
            (!text.is_empty()).then(|| text.to_lowercase())
        }
    }

    fn read(of: ListOf, text: &str) -> Result<Vec<Key>, String> {
        Key::read(of, text, &Plain)
    }

    #[test]
    fn what_is_no_domain_is_refused_and_what_is_reads_back_as_itself() {
        for wrong in
            ["*.*.com", "*.com.*", "*.com", "a..b", ".example.com", "[1.2.3.4]", "%.com", "com", "ex ample.com"]
        {
            assert_eq!(read(ListOf::Domain, wrong), Err(NO_DOMAIN.to_owned()), "{wrong}");
        }
        for fine in ["*.example.com", "example.com", "xn--bcher-kva.example", "a_b.example"] {
            let key = read(ListOf::Domain, fine).unwrap().remove(0);
            assert_eq!(Key::of_stored(&key.stored()), Some(key), "{fine}");
        }
        assert_eq!(Key::of_stored("domain *.example.com"), None);
    }

    #[test]
    fn a_range_of_mapped_addresses_is_one_of_ipv4_or_refused() {
        assert_eq!(read(ListOf::Ip, "::ffff:192.0.2.0/120"), read(ListOf::Ip, "192.0.2.0/24"));
        for wide in ["::ffff:192.0.2.0/24", "::ffff:10.0.0.0/8"] {
            assert!(read(ListOf::Ip, wide).is_err(), "{wide}");
        }
    }

    #[test]
    fn each_kind_is_read_in_its_canonical_form_and_prints_to_what_reads_back() {
        for (of, text, printed) in [
            (ListOf::Ip, "203.0.113.7", "203.0.113.7"),
            (ListOf::Ip, "203.0.113.77/24", "203.0.113.0/24"),
            (ListOf::Ip, "203.0.113.77/32", "203.0.113.77"),
            (ListOf::Ip, "::ffff:203.0.113.7", "203.0.113.7"),
            (ListOf::Ip, "::ffff:10.0.0.0/104", "10.0.0.0/8"),
            (ListOf::Ip, "2001:DB8::1/48", "2001:db8::/48"),
            (ListOf::Ip, "::/0", "::/0"),
            (ListOf::Account, "Bob", "hash:626f6200000000000000000000000000"),
            (ListOf::Account, "hash:626f6200000000000000000000000000", "hash:626f6200000000000000000000000000"),
            (ListOf::Email, "Bob@Example.com", "hash:626f62406578616d706c652e636f6d00"),
            (ListOf::Domain, "Example.com", "example.com"),
            (ListOf::Domain, "*.Example.com", "example.com"),
            (ListOf::Device, "ABababababababababababababababab", "abababababababababababababababab"),
            (ListOf::Fingerprint, "00000000000000FF", "00000000000000ff"),
            (ListOf::Asn, "64500", "AS64500"),
            (ListOf::Country, "de", "DE"),
            (ListOf::CardBin, "041111", "041111"),
        ] {
            let keys = read(of, text).unwrap();
            assert_eq!((keys.len(), keys[0].to_string().as_str()), (1, printed), "{text}");
            assert_eq!(read(of, printed), Ok(keys.clone()), "{printed}");
            assert_eq!(Key::of_stored(&keys[0].stored()), Some(keys[0].clone()));
        }
        assert_eq!(read(ListOf::Ip, "192.0.2.1-192.0.2.4").unwrap().len(), 3);
    }

    #[test]
    fn wrong_entries_are_refused_without_repeating_them() {
        for (of, wrong) in [
            (ListOf::Ip, "bob"),
            (ListOf::Ip, "192.0.2.0/33"),
            (ListOf::Ip, "192.0.2.0/+8"),
            (ListOf::Ip, "192.0.2.0/08"),
            (ListOf::Ip, "2001:db8::/129"),
            (ListOf::Ip, "192.0.2.9-192.0.2.1"),
            (ListOf::Ip, "192.0.2.1-::1"),
            (ListOf::Ip, ""),
            (ListOf::Account, ""),
            (ListOf::Email, "bob"),
            (ListOf::Domain, "bob"),
            (ListOf::Domain, "bo b.example"),
            (ListOf::Domain, &format!("{}.bob", "x".repeat(300))),
            (ListOf::Device, "bob"),
            (ListOf::Device, "+bababababababababababababababab"),
            (ListOf::Fingerprint, "0xbob"),
            (ListOf::Asn, "ASbob"),
            (ListOf::Asn, "+1"),
            (ListOf::Asn, ""),
            (ListOf::Asn, "4294967296"),
            (ListOf::Country, "bob"),
            (ListOf::CardBin, "41111"),
            (ListOf::CardBin, "411111111"),
            (ListOf::CardBin, "4111bob"),
            (ListOf::Account, &"bob".repeat(1000)),
        ] {
            let error = read(of, wrong).unwrap_err();
            assert!(!error.contains("bob"), "{of:?}: {error}");
        }
    }

    #[test]
    fn a_card_is_on_the_list_by_any_of_its_beginnings() {
        let all: Vec<_> =
            CardBin::new("04111123").unwrap().with_shorter().map(|bin| Key::CardBin(bin).to_string()).collect();
        assert_eq!(all, ["04111123", "0411112", "041111"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(of in 0usize..9, text in "\\PC{0,60}") {
            if let Ok(keys) = read(ListOf::ALL[of], &text) {
                for key in keys {
                    prop_assert_eq!(Key::of_stored(&key.stored()), Some(key.clone()));
                    let line = super::super::line::write(&key.to_string(), None, "why");
                    let back = super::super::line::read(&line).unwrap().unwrap();
                    prop_assert_eq!(back.entry, key.to_string());
                }
            }
        }

        #[test]
        fn what_a_store_keeps_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = Key::of_stored(&text);
        }
    }
}
