//! Whether an address can work at all, by RFC 5321, 5322 and 6531 as mail servers apply them.
//!
//! A checker of our own and not the `email_address` crate, because the record says *why* an address cannot work, which
//! that crate's errors do not tell in these terms, and because forms are no mail headers: comments, folding and display
//! names have no place in them. Quoted local parts are legal and pass; an address literal (`a@[192.0.2.1]`) has no
//! public suffix.

use crate::engine::attempt::EmailProblem;

const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 253;
/// A path of 256 octets less its angle brackets (RFC 5321 §4.5.3.1.3).
const MAX_ADDRESS: usize = 254;

/// Why mail servers would refuse the address as typed (`typed`, trimmed here), whose canonical domain is `domain`.
pub fn problem(typed: &str, domain: &str) -> Option<EmailProblem> {
    let typed = typed.trim();
    let Some((local, typed_domain)) = typed.rsplit_once(['@', '\u{ff20}']) else {
        return Some(EmailProblem::NoDomain);
    };
    if typed_domain.is_empty() || domain.is_empty() {
        return Some(EmailProblem::NoDomain);
    }
    if local.len() > MAX_LOCAL || domain.len() > MAX_DOMAIN || local.len() + 1 + domain.len() > MAX_ADDRESS {
        return Some(EmailProblem::TooLong);
    }
    if !is_local(local) {
        return Some(EmailProblem::Syntax);
    }
    if typed_domain.starts_with('[') && typed_domain.ends_with(']') {
        return Some(EmailProblem::NoPublicSuffix);
    }
    if typed_domain.ends_with('.') || typed_domain.contains(char::is_whitespace) || !is_domain(domain) {
        return Some(EmailProblem::Syntax);
    }
    if !has_public_suffix(domain) {
        return Some(EmailProblem::NoPublicSuffix);
    }
    None
}

fn is_local(local: &str) -> bool {
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return is_quoted_content(quoted);
    }
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_quoted_content(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return false,
            '\\' if !matches!(characters.next(), Some(' '..='~')) => return false,
            character if character.is_control() => return false,
            _ => {}
        }
    }
    true
}

fn is_atom(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        ascii if ascii.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(ascii),
        // RFC 6531 allows every letter; no server allows what cannot be seen, turns the text around, or is nobody's letter.
        other => !other.is_whitespace() && !other.is_control() && !is_unseen(other),
    }
}

fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
}

pub(super) fn is_atom_or_dot(character: char) -> bool {
    character == '.' || is_atom(character)
}

/// Letters, digits and inner hyphens, in labels of 1 to 63; what stands for other letters (`xn--`) stands for some.
fn is_domain(domain: &str) -> bool {
    let plain = domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    plain && (!domain.contains("xn--") || idna::domain_to_unicode(domain).1.is_ok())
}

fn has_public_suffix(domain: &str) -> bool {
    let Some(suffix) = psl::suffix(domain.as_bytes()) else { return false };
    let is_whole = suffix.as_bytes().len() == domain.len();
    // Nobody has a mailbox at `co.uk`; under a private suffix (`github.io`) somebody may.
    suffix.is_known() && !(is_whole && suffix.typ() == Some(psl::Type::Icann))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::IdentityRules;
    use crate::gateway::identity::email;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_work_and_that_cannot() {
        use EmailProblem::{NoDomain, NoPublicSuffix, Syntax, TooLong};
        let long_local = format!("{}@example.com", "a".repeat(65));
        let full_local = format!("{}@example.com", "a".repeat(64));
        let long_domain = format!("a@{}com", "abcdefghi.".repeat(26));
        let long_label = format!("a@{}.com", "a".repeat(64));
        for (text, expected) in [
            ("alice@example.com", None),
            ("john.smith84@mail.example.co.uk", None),
            (" alice@example.com ", None),
            ("o'brien+news@example.ie", None),
            ("müller@müller.de", None),
            ("用户@例子.公司", None),
            ("иван@пример.рф", None),
            ("\"john smith\"@example.com", None),
            ("someone@sub.github.io", None),
            ("a/b=c@example.com", None),
            (&*full_local, None),
            ("alice", Some(NoDomain)),
            ("alice@", Some(NoDomain)),
            ("@example.com", Some(Syntax)),
            ("a@b@example.com", Some(Syntax)),
            (".alice@example.com", Some(Syntax)),
            ("alice.@example.com", Some(Syntax)),
            ("al..ice@example.com", Some(Syntax)),
            ("al ice@example.com", Some(Syntax)),
            ("alice(comment)@example.com", Some(Syntax)),
            ("<alice@example.com>", Some(Syntax)),
            ("al\u{200b}ice@example.com", Some(Syntax)),
            ("\"al\"ice\"@example.com", Some(Syntax)),
            ("alice@example.com.", Some(Syntax)),
            ("alice@exam_ple.com", Some(Syntax)),
            ("alice@-example.com", Some(Syntax)),
            ("alice@example..com", Some(Syntax)),
            (&*long_label, Some(Syntax)),
            (&*long_local, Some(TooLong)),
            (&*long_domain, Some(TooLong)),
            ("al\u{202e}ice@example.com", Some(Syntax)),
            ("al\u{e000}ice@example.com", Some(Syntax)),
            ("alice@xn--bcher-kva.com", None),
            ("alice@xn--zz-999999.com", Some(Syntax)),
            ("alice@xn--.com", Some(Syntax)),
            ("\"\"@example.com", None),
            ("\"a\\\"b\"@example.com", None),
            ("\"a\\\u{7}b\"@example.com", Some(Syntax)),
            ("alice@localhost", Some(NoPublicSuffix)),
            ("alice@example.invalidtld", Some(NoPublicSuffix)),
            ("alice@co.uk", Some(NoPublicSuffix)),
            ("alice@com", Some(NoPublicSuffix)),
            ("alice@[192.0.2.1]", Some(NoPublicSuffix)),
        ] {
            let address = email(text, IdentityRules::default()).expect("visible");
            assert_eq!(problem(text, address.domain()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_verdict_and_what_passes_has_bounds(text in "\\PC{0,300}|[a-z\"\\\\@. -]{0,80}@[a-z0-9.-]{0,80}") {
            let Some(address) = email(&text, IdentityRules::default()) else { return Ok(()) };
            if problem(&text, address.domain()).is_none() {
                let (local, domain) = text.trim().rsplit_once(['@', '\u{ff20}']).unwrap();
                prop_assert!(!local.is_empty() && local.len() <= MAX_LOCAL && !domain.is_empty());
                prop_assert!(address.domain().is_ascii() && address.domain().len() <= MAX_DOMAIN);
                prop_assert!(!local.chars().any(char::is_control));
            }
        }

        #[test]
        fn innocents_with_plain_addresses_pass(local in "[a-z][a-z0-9]{0,20}([._-][a-z0-9]{1,10}){0,2}", tag in "(\\+[a-z]{1,8})?") {
            let text = format!("{local}{tag}@mail.example.com");
            let address = email(&text, IdentityRules::default()).unwrap();
            prop_assert_eq!(problem(&text, address.domain()), None);
        }
    }
}
