//! Whether an e-mail domain is a throw-away provider's. The embedded list is the curated one, each domain proven, so a hit
//! means something; the longer lists mix in real providers. The operator's file adds domains and takes some off. Privacy
//! relays (Apple, DuckDuckGo, Firefox, SimpleLogin, addy.io, Proton) forward to a person's real mailbox and are never
//! disposable, whatever a list says.

use super::embedded::DISPOSABLE;
use super::entries::{self, IntelProblem};
use super::providers;
use std::collections::HashMap;
use std::path::Path;

/// The embedded list with the operator's changes.
#[derive(Debug, Default)]
pub struct Disposable {
    /// The operator's word on a domain: `true` adds, `false` excepts.
    own: HashMap<Box<str>, bool>,
}

impl Disposable {
    /// Reads the operator's file: domains, one a line; `!domain` takes one, and all below it, off.
    pub(super) fn load(file: &Path, problems: &mut Vec<IntelProblem>) -> Disposable {
        let mut own = HashMap::new();
        entries::read(file, problems, |entry| {
            let (domain, adds) = match entry.strip_prefix('!') {
                Some(domain) => (domain.trim_start(), false),
                None => (entry, true),
            };
            let domain = canonical(domain).ok_or_else(|| "not a domain name".to_owned())?;
            if adds && is_public_suffix(&domain) {
                return Err(format!("{domain} is a public suffix: every domain below it would count"));
            }
            if adds && is_relay(&domain) {
                return Err(format!("{domain} is a privacy relay, which never counts as disposable"));
            }
            own.insert(domain, adds);
            Ok(())
        });
        Disposable { own }
    }

    /// The entry that covers the domain: itself or a parent. `domain` is lower-case ASCII (punycode). The most specific
    /// entry decides, the operator's before the embedded one.
    pub fn find(&self, domain: &str) -> Option<Box<str>> {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if domain.len() > LONGEST_DOMAIN || is_relay(domain) {
            return None;
        }
        for candidate in with_parents(domain) {
            match self.own.get(candidate) {
                Some(true) => return Some(candidate.into()),
                Some(false) => return None,
                None if DISPOSABLE.contains(candidate) => return Some(candidate.into()),
                None => {}
            }
        }
        None
    }
}

/// RFC 1035: 255 octets on the wire, which leaves 253 characters. Bounds the walk over parents.
pub(super) const LONGEST_DOMAIN: usize = 253;

/// The domain, then each parent down to two labels.
pub(super) fn with_parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, parent)| parent))
        .filter(|domain| domain.contains('.'))
}

/// Whether mail to this domain goes on to somebody's real mailbox. iCloud's own addresses are people's, and some of them hide
/// others.
fn is_relay(domain: &str) -> bool {
    providers::relay(domain).is_some() || with_parents(domain).any(|domain| domain == "icloud.com")
}

fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.typ() == Some(psl::Type::Icann) && suffix.as_bytes() == domain.as_bytes())
}

/// Lower-case ASCII without a final dot; `None` if it is no domain of two labels or more.
fn canonical(domain: &str) -> Option<Box<str>> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let fine = ascii.len() <= LONGEST_DOMAIN
        && ascii.contains('.')
        && ascii.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        });
    fine.then(|| ascii.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<Disposable, Vec<IntelProblem>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut problems = Vec::new();
        let disposable = Disposable::load(file.path(), &mut problems);
        if problems.is_empty() { Ok(disposable) } else { Err(problems) }
    }

    #[test]
    fn throw_away_domains_and_those_below_them_are_found() {
        let disposable = Disposable::default();
        for (domain, entry) in [
            ("mailinator.com", "mailinator.com"),
            ("mailinator.com.", "mailinator.com"),
            ("x.y.mailinator.com", "mailinator.com"),
            ("yopmail.com", "yopmail.com"),
            ("guerrillamail.com", "guerrillamail.com"),
        ] {
            assert_eq!(disposable.find(domain).as_deref(), Some(entry), "{domain}");
        }
    }

    #[test]
    fn peoples_providers_are_not() {
        let disposable = Disposable::default();
        for domain in [
            "gmail.com",
            "googlemail.com",
            "outlook.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "yahoo.com",
            "yahoo.co.uk",
            "aol.com",
            "icloud.com",
            "me.com",
            "mac.com",
            "proton.me",
            "protonmail.com",
            "pm.me",
            "gmx.de",
            "gmx.net",
            "web.de",
            "t-online.de",
            "mailbox.org",
            "posteo.de",
            "tutanota.com",
            "tuta.com",
            "fastmail.com",
            "hey.com",
            "zoho.com",
            "orange.fr",
            "free.fr",
            "laposte.net",
            "libero.it",
            "mail.ru",
            "yandex.ru",
            "qq.com",
            "163.com",
            "126.com",
            "naver.com",
            "seznam.cz",
            "wp.pl",
            "o2.pl",
            "comcast.net",
            "btinternet.com",
            "bluewin.ch",
            "example.com",
            "duck.com",
            "mozmail.com",
            "simplelogin.com",
            "passmail.net",
            "anonaddy.com",
            "x.anonaddy.me",
            "privaterelay.appleid.com",
            "notyopmail.example",
            "mailinator.com.example.org",
            "com",
            "localhost",
            "",
            ".",
        ] {
            assert_eq!(disposable.find(domain), None, "{domain}");
        }
    }

    #[test]
    fn the_operators_file_adds_and_excepts() {
        let own =
            with_file("# ours\nThrow.Example\n!guerrillamail.com\nb\u{fc}cher.example\n!kept.throw.example # ours\n")
                .unwrap();
        assert_eq!(own.find("a.throw.example").as_deref(), Some("throw.example"));
        assert_eq!(own.find("xn--bcher-kva.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(own.find("kept.throw.example"), None);
        assert_eq!(own.find("a.kept.throw.example"), None);
        assert_eq!(own.find("guerrillamail.com"), None);
        assert!(own.find("mailinator.com").is_some(), "the embedded list still counts");
    }

    #[test]
    fn what_would_hit_everybody_is_refused() {
        for (text, part) in [
            ("com", "not a domain"),
            ("co.uk", "public suffix"),
            ("duck.com", "privacy relay"),
            ("a b.example", "not a domain"),
            ("http://x.example/", "not a domain"),
            ("x@y.example", "not a domain"),
            ("..example", "not a domain"),
        ] {
            let problems = with_file(text).unwrap_err();
            assert!(problems[0].message.contains(part), "{text}: {problems:?}");
        }
    }

    #[test]
    fn long_and_odd_domains_end_quickly() {
        let disposable = Disposable::default();
        assert_eq!(disposable.find(&"a.".repeat(1 << 20)), None);
        assert_eq!(disposable.find(&format!("{}mailinator.com", "a.".repeat(100))).as_deref(), Some("mailinator.com"));
        assert_eq!(disposable.find("\u{1f600}.\u{fc}"), None);
    }
}
