//! The canonical form of user names and addresses.
//!
//! The order is fixed, because each step can make work for the next: what cannot be seen goes first (a zero-width space
//! inside a name is a disguise everywhere), then Unicode's compatibility form (full-width letters, the `＠` of a
//! Japanese keyboard), then what applications clean away and collations look past (`looks`), then case, then the rules of
//! mailboxes. The result is a fixed point: it canonicalises to itself.
//!
//! A domain is two things here. In the canonical text it is folded like everything else, for who cleans `gmáil.com` to
//! `gmail.com`; what is said of the address's provider (records, lists of domains, mail servers) is about the domain that was
//! typed.

use super::looks::{alike, bare, is_plain};
use crate::config::settings::IdentityRules;
use idna::AsciiDenyList;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use zeroize::Zeroizing;

/// Longer identifiers than this name no account anywhere, and are spared the tables of Unicode.
pub(super) const MAX_IDENTIFIER: usize = 1024;

/// The canonical form of what a visitor is called by. Wiped when dropped; never printed.
pub enum Identifier {
    /// A user name, a customer number, anything without a domain.
    Name(Zeroizing<String>),
    Address(Address),
}

/// A canonical e-mail address.
#[derive(Clone)]
pub struct Address {
    text: Zeroizing<String>,
    /// As it was typed, but for its form; empty if there is none.
    domain: Zeroizing<String>,
}

impl Address {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Lower-case ASCII (punycode) where the domain has such a form; empty without one.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl Identifier {
    pub fn as_str(&self) -> &str {
        match self {
            Identifier::Name(name) => name,
            Identifier::Address(address) => address.as_str(),
        }
    }
}

/// Reads an account field, which may hold a name or an address. `None` if nothing visible is in it.
///
/// It is an address if it has a part before its last `@` and a domain with a dot after it: `bob@intranet` and `@bob` are
/// names.
pub fn account(text: &str, rules: IdentityRules) -> Option<Identifier> {
    let read = Read::of(text)?;
    let is_address = read.alike.rsplit_once('@').is_some_and(|(local, domain)| {
        let domain = domain.trim_end_matches('.');
        !local.is_empty() && domain.contains(['.', '\u{3002}']) && !domain.contains(char::is_whitespace)
    });
    Some(if is_address {
        Identifier::Address(read.address(rules))
    } else {
        Identifier::Name(if rules.fold_case { folded(read.alike) } else { read.alike })
    })
}

/// Reads a field that holds an address, or should. `None` if nothing visible is in it.
pub fn email(text: &str, rules: IdentityRules) -> Option<Address> {
    Some(Read::of(text)?.address(rules))
}

/// The same with its accents and its domain's: how an address is made is told by the letters that were typed.
pub(super) fn accented(text: &str, rules: IdentityRules) -> Option<Zeroizing<String>> {
    Some(address(&normalized(text)?, canonical_domain, rules))
}

/// A text that can be seen.
struct Read {
    /// Without markup, if anything else is looked past: what was typed of a domain is read from it.
    bare: Option<Zeroizing<String>>,
    /// Without anything that somebody looks past.
    alike: Zeroizing<String>,
}

impl Read {
    fn of(text: &str) -> Option<Read> {
        let plain = normalized(text)?;
        if plain.len() > MAX_IDENTIFIER || is_plain(&plain) {
            return Some(Read { bare: None, alike: plain });
        }
        let bare = bare(plain);
        let alike = alike(bare.clone());
        Some(Read { bare: Some(bare).filter(|bare| **bare != *alike), alike })
    }

    fn address(&self, rules: IdentityRules) -> Address {
        let text = address(&self.alike, domain_alike, rules);
        let typed = self.bare.as_ref().unwrap_or(&self.alike);
        let Some((_, typed)) = typed.rsplit_once('@') else { return Address { text, domain: Zeroizing::default() } };
        let mut domain = canonical_domain(typed);
        if rules.merge_gmail && *domain == "googlemail.com" {
            domain = Zeroizing::new("gmail.com".to_owned());
        }
        Address { text, domain }
    }
}

fn address(plain: &str, domain_of: fn(&str) -> Zeroizing<String>, rules: IdentityRules) -> Zeroizing<String> {
    let Some((local, domain)) = plain.rsplit_once('@') else {
        let text = Zeroizing::new(plain.to_owned());
        return if rules.fold_case { folded(text) } else { text };
    };
    let domain = domain_of(domain);
    let gmail = rules.merge_gmail && matches!(domain.as_str(), "gmail.com" | "googlemail.com");
    let mut name = mailbox(local, gmail, rules);
    if rules.fold_case || gmail {
        name = folded(name);
    }
    let domain: &str = if gmail { "gmail.com" } else { &domain };
    let mut text = Zeroizing::new(String::with_capacity(name.len() + 1 + domain.len()));
    text.push_str(&name);
    text.push('@');
    text.push_str(domain);
    text
}

/// The local part without quotes, tag and dots that do not count. Each step can make work for another (`"a" +tag` has its
/// quotes at the end only once the tag is gone), so they go round until none has any.
fn mailbox(local: &str, gmail: bool, rules: IdentityRules) -> Zeroizing<String> {
    let mut rest = local;
    loop {
        let before = rest.len();
        rest = unquoted(rest.trim());
        if rules.strip_tags || gmail {
            // `+` first is no tag but the whole name.
            rest = rest.find('+').filter(|plus| *plus > 0).map_or(rest, |plus| &rest[..plus]);
        }
        if rest.len() == before {
            break;
        }
    }
    if gmail && rest.contains('.') && rest.bytes().any(|byte| byte != b'.') {
        let mut undotted = Zeroizing::new(String::with_capacity(rest.len()));
        undotted.extend(rest.chars().filter(|character| *character != '.'));
        return mailbox(&undotted, gmail, rules);
    }
    Zeroizing::new(rest.to_owned())
}

/// Without what cannot be seen, trimmed, in NFKC.
fn normalized(text: &str) -> Option<Zeroizing<String>> {
    // Nearly all are plain ASCII.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        let trimmed = text.trim();
        return (!trimmed.is_empty()).then(|| Zeroizing::new(trimmed.to_owned()));
    }
    let mut seen = Zeroizing::new(String::with_capacity(text.len()));
    seen.extend(text.chars().filter(|character| !is_invisible(*character)));
    let mut plain = Zeroizing::new(seen.trim().to_owned());
    if plain.is_empty() {
        return None;
    }
    if plain.len() <= MAX_IDENTIFIER && !plain.is_ascii() {
        plain = composed(&plain);
        let trimmed = plain.trim();
        if trimmed.len() != plain.len() {
            plain = Zeroizing::new(trimmed.to_owned());
        }
    }
    if plain.is_empty() { None } else { Some(plain) }
}

fn composed(text: &str) -> Zeroizing<String> {
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        return Zeroizing::new(text.to_owned());
    }
    let mut out = Zeroizing::new(String::with_capacity(2 * text.len()));
    // A compatibility form may itself hold what cannot be seen.
    out.extend(text.nfkc().filter(|character| !is_invisible(*character)));
    out
}

/// Full case folding, near enough: through upper case, so that `ß` meets `SS` and the final sigma its brother.
fn folded(text: Zeroizing<String>) -> Zeroizing<String> {
    if text.is_ascii() || text.len() > MAX_IDENTIFIER {
        let mut text = text;
        text.make_ascii_lowercase();
        return text;
    }
    let mut out = once_folded(&text);
    // Folding may take a text out of NFKC and composing may undo a fold; both settle after a step or two.
    for _ in 0..3 {
        let next = once_folded(&out);
        if *next == *out {
            break;
        }
        out = next;
    }
    out
}

fn once_folded(text: &str) -> Zeroizing<String> {
    let mut lower = Zeroizing::new(String::with_capacity(2 * text.len()));
    lower.extend(text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    composed(&lower)
}

/// Characters without width or sense of their own: format controls, joiners, fillers, variation selectors, controls.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A domain as it is compared: lower-case ASCII without trailing dot. `None` if nothing visible is in it.
pub fn domain(text: &str) -> Option<String> {
    let domain = canonical_domain(&normalized(text)?);
    (!domain.is_empty()).then(|| domain.to_string())
}

/// Lower-case punycode without a final dot; what IDNA refuses stays in lower case.
fn canonical_domain(domain: &str) -> Zeroizing<String> {
    let domain = domain.trim_matches(|character: char| character.is_whitespace() || character == '.');
    if domain.len() > MAX_IDENTIFIER {
        // Punycode takes quadratic time, and no such domain exists.
        return folded(Zeroizing::new(domain.to_owned()));
    }
    match idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::EMPTY) {
        Ok(ascii) => Zeroizing::new(ascii.trim_matches('.').to_owned()),
        Err(_) => folded(Zeroizing::new(domain.to_owned())),
    }
}

/// The same, of a domain whose letters are folded: one that is written in punycode as well.
fn domain_alike(domain: &str) -> Zeroizing<String> {
    let canonical = canonical_domain(domain);
    if canonical.len() > MAX_IDENTIFIER || !canonical.contains("xn--") {
        return canonical;
    }
    let letters = Zeroizing::new(idna::domain_to_unicode(&canonical).0);
    canonical_domain(&alike(letters))
}

/// `"alice"` is `alice` where quotes are not needed.
fn unquoted(local: &str) -> &str {
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.is_empty() && inner.chars().all(super::address::is_atom_or_dot) => inner,
        _ => local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEFAULT: IdentityRules = IdentityRules { fold_case: true, merge_gmail: true, strip_tags: false };

    #[test]
    fn one_account_in_many_disguises() {
        for (canonical, disguises) in [
            (
                "victim@gmail.com",
                &[
                    "Victim@Gmail.com",
                    " v.ictim+spam@googlemail.com ",
                    "\u{200b}victim\u{ad}@gmail.com.",
                    "ｖｉｃｔｉｍ＠ｇｍａｉｌ．ｃｏｍ",
                    "\"victim\"@gmail.com",
                    "victim@gmail\u{3002}com",
                    "v.i.c.t.i.m+a+b@GMAIL.COM",
                ][..],
            ),
            (
                "alice+news@example.com",
                &["Alice+News@Example.com", "\"alice+news\"@example.com.", "\talice+news@EXAMPLE.com\r\n"],
            ),
            (
                "muller@muller.de",
                &[
                    "MÜLLER@MÜLLER.de",
                    "mu\u{308}ller@xn--mller-kva.de",
                    "muller@XN--mller-kva.de",
                    "muller@m&x;uller.de",
                ],
            ),
            ("victim@gmail.com", &["v.íctim+x@gm\u{e1}il.com", "victim <b>@googlemail.com"]),
            ("strasse", &["Straße", "STRASSE", " straße\u{a0}", "STRA\u{1e9e}E"]),
            ("σισυφοσ", &["ΣΙΣΥΦΟΣ", "σισυφος"]),
            ("john smith", &["John Smith", "\u{2003}john smith", "John <b>\u{a0}Smíth"]),
            ("victim", &["VÍCTIM", "victim%20", "vic<b>tim", "victim&x;", "v\u{131}ct\u{130}m"]),
            ("jose", &["José", "JOSE\u{301}"]),
            ("bob@intranet", &["BOB@intranet"]),
            ("@bob", &["@Bob"]),
            ("4711", &["４７１１"]),
        ] {
            for disguise in disguises {
                let found = account(disguise, DEFAULT).expect("visible");
                assert_eq!(found.as_str(), canonical, "{disguise:?}");
            }
        }
    }

    #[test]
    fn two_accounts_stay_two() {
        for (one, other) in [
            ("alice.smith@example.com", "alicesmith@example.com"),
            ("alice+a@example.com", "alice@example.com"),
            ("alice@gmail.com", "alice@example.com"),
            ("josé", "josef"),
            ("john smith", "johnsmith"),
        ] {
            let text = |name| account(name, DEFAULT).expect("visible");
            assert_ne!(text(one).as_str(), text(other).as_str());
        }
    }

    #[test]
    fn rules_are_the_routes_own() {
        let exact = IdentityRules { fold_case: false, merge_gmail: false, strip_tags: false };
        for (text, rules, expected) in [
            ("Alice", exact, "Alice"),
            ("A.lice@GMAIL.com", exact, "A.lice@gmail.com"),
            ("A.lice@gmail.com", IdentityRules { merge_gmail: true, ..exact }, "alice@gmail.com"),
            ("alice+x@example.com", IdentityRules { strip_tags: true, ..DEFAULT }, "alice@example.com"),
            ("+x@example.com", IdentityRules { strip_tags: true, ..DEFAULT }, "+x@example.com"),
            ("...@gmail.com", DEFAULT, "...@gmail.com"),
            // What one step leaves is work for another.
            ("alice +x@example.com", IdentityRules { strip_tags: true, ..DEFAULT }, "alice@example.com"),
            ("\"alice\" +x@example.com", IdentityRules { strip_tags: true, ..DEFAULT }, "alice@example.com"),
            (".\"alice\" .@gmail.com", DEFAULT, "alice@gmail.com"),
        ] {
            assert_eq!(account(text, rules).expect("visible").as_str(), expected, "{text}");
            assert_eq!(account(expected, rules).expect("visible").as_str(), expected, "{text}");
        }
    }

    #[test]
    fn names_and_addresses_are_told_apart() {
        for (text, domain) in [
            ("alice@example.com", Some("example.com")),
            ("a@b@example.com", Some("example.com")),
            ("alice", None),
            ("@alice.example", None),
            ("alice@", None),
            ("corp\\alice", None),
            ("alice@corp", None),
        ] {
            let found = match account(text, DEFAULT).expect("visible") {
                Identifier::Address(address) => Some(address.domain().to_owned()),
                Identifier::Name(_) => None,
            };
            assert_eq!(found.as_deref(), domain, "{text}");
        }
        assert!(account(" \u{200b}\u{3000}", DEFAULT).is_none());
    }

    #[test]
    fn the_provider_of_an_address_is_the_one_that_was_typed() {
        for (text, domain) in [
            ("anna@gmáil.com", "xn--gmil-6na.com"),
            ("ánna@googlemail.com", "gmail.com"),
            ("Anna@MÜLLER.de<b>", "xn--mller-kva.de"),
            ("anna@xn--mller-kva.de", "xn--mller-kva.de"),
            ("nobody", ""),
        ] {
            assert_eq!(email(text, DEFAULT).expect("visible").domain(), domain, "{text}");
        }
        let rules = IdentityRules { fold_case: true, merge_gmail: false, strip_tags: false };
        assert_eq!(accented("Ánna@MÜLLER.de", rules).expect("visible").as_str(), "ánna@xn--mller-kva.de");
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_a_fixed_point(text in "\\PC{0,40}(@\\PC{1,20}\\.(com|de|xn--p1ai))?") {
            if let Some(once) = account(&text, DEFAULT) {
                let twice = account(once.as_str(), DEFAULT).map(|found| found.as_str().to_owned());
                prop_assert_eq!(twice.as_deref(), Some(once.as_str()));
            }
        }

        #[test]
        fn case_and_padding_never_matter(name in "[a-z0-9._-]{1,20}", tag in "[a-z0-9]{0,5}", upper in any::<bool>()) {
            prop_assume!(name.bytes().any(|byte| byte != b'.'));
            let plain = format!("{name}@gmail.com");
            let mut typed = format!(" {name}+{tag}@googlemail.com\u{200d}");
            if upper {
                typed = typed.to_uppercase();
            }
            let text = |t: &str| account(t, DEFAULT).map(|found| found.as_str().to_owned());
            prop_assert_eq!(text(&plain), text(&typed));
        }
    }
}
