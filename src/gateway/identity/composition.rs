//! How an address that registers is made, told in hashes and numbers: the last that is seen of it in the clear.
//!
//! Where the application's own rules of identity keep `a+1@mail.example` and `a+2@mail.example` apart, two accounts are two
//! accounts. The mailbox is one all the same, and who registers it for the tenth time is told by that: so the mailbox is found
//! by rules of its own, and the spelling beside it, so that somebody who sends one form twice is not taken for two.

use super::canonical::{self, Address};
use super::keys::Keys;
use super::template::template;
use crate::config::settings::IdentityRules;
use crate::engine::attempt::Composition;
use crate::intel;

/// One mailbox, whatever is before and after it.
const MAILBOX: IdentityRules = IdentityRules { fold_case: true, merge_gmail: true, strip_tags: true };
/// One address, however it is shouted.
const SPELLING: IdentityRules = IdentityRules { fold_case: true, merge_gmail: false, strip_tags: false };

/// How the address that was typed is made. `None` if it is none, or a forwarding service made it.
pub fn composition(typed: &str, address: &Address, keys: &Keys) -> Option<Composition> {
    let domain = address.domain();
    if domain.is_empty() || intel::providers::relay(domain).is_some() {
        return None;
    }
    let mailbox = canonical::accented(typed, MAILBOX)?;
    let spelling = canonical::accented(typed, SPELLING)?;
    let (local, _) = mailbox.rsplit_once('@')?;
    let likelihood = intel::likelihood(local);
    let template = template(&mailbox, likelihood)?;
    // Many tags on one mailbox are many spellings, and would make everybody else's addresses look too many.
    let tagged = spelling.contains('+');
    Some(Composition {
        template: keys.template(&if tagged { format!("+{}", template.text) } else { template.text }),
        template_share: template.share.filter(|_| !tagged),
        provider: keys.provider(domain),
        mailbox: keys.mailbox(&mailbox),
        spelling: keys.spelling(&spelling),
        likelihood,
        weakness: intel::weakness(local),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Weakness;
    use crate::gateway::identity::{IdentityKey, PasswordKey};
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]))
    }

    fn of(typed: &str) -> Option<Composition> {
        composition(typed, &canonical::email(typed, IdentityRules::default())?, &keys())
    }

    #[test]
    fn one_mailbox_has_many_spellings() {
        let plain = of("jane.doe84@gmail.com").unwrap();
        for (typed, tagged) in
            [("janedoe84@gmail.com", false), ("jane.doe84+1@gmail.com", true), ("j.a.n.e.doe84@googlemail.com", false)]
        {
            let other = of(typed).unwrap();
            assert_eq!((other.mailbox, other.template == plain.template), (plain.mailbox, !tagged), "{typed}");
            assert_eq!(other.template_share.is_none(), tagged, "{typed}");
            assert_ne!(other.spelling, plain.spelling, "{typed}");
        }
        let shouted = of(" Jane.Doe84@GMAIL.com").unwrap();
        assert_eq!((shouted.mailbox, shouted.spelling), (plain.mailbox, plain.spelling));
        let [one, other] = ["jane+1@corp.example", "jane@corp.example"].map(|typed| of(typed).unwrap());
        assert_eq!(one.mailbox, other.mailbox);
        let [one, other] = ["jane.doe@corp.example", "janedoe@corp.example"].map(|typed| of(typed).unwrap());
        assert_ne!(one.mailbox, other.mailbox, "dots count everywhere but at one provider");
    }

    #[test]
    fn what_it_tells() {
        let thrown = of("x7k2m9qpzz@outlook.com").unwrap();
        assert!(thrown.likelihood.unwrap() < -10.0 && thrown.weakness.is_none());
        assert_eq!(of("asdfgh@outlook.com").unwrap().weakness, Some(Weakness::Keyboard));
        assert_eq!(of("s1234567@uni.example").unwrap().template_share, None);
    }

    #[test]
    fn innocents_of_forwarding_services_are_not_looked_at() {
        for typed in ["x7k2m9qpzz@duck.com", "k3j9zq8x@privaterelay.appleid.com", "shop.x9@anna.anonaddy.com"] {
            assert!(of(typed).is_none(), "{typed}");
        }
        assert!(of("no address").is_none() && of("anna@").is_none());
    }

    proptest! {
        #[test]
        fn any_address_is_told_of_or_not(typed in "\\PC{0,120}(@\\PC{0,40})?") {
            let _ = of(&typed);
        }
    }
}
