//! How operators name people, and under which hashes the gate knows them.
//!
//! An operator types what the visitor typed, or copies a `user_id` out of a record. What was typed goes through the same
//! canonical form and the same keyed hash as in a request, once for every set of identity rules that some route has, and once
//! for every application that has hosts of its own: routes may tell accounts apart differently, and whoever asks for a
//! person asks for all they are known by. A user name and an e-mail address of one person are two names, which the gate
//! never joined: both have to be named. So have two spellings that only some applications take for one (`first.last@` and
//! `firstlast@gmail.com`): what was proven is kept under the name as it was typed, which no hash of another leads to.

use super::Api;
use super::problem::{Kind, Problem};
use crate::config::settings::IdentityRules;
use crate::engine::attempt::Pseudonym;
use crate::engine::time::Timestamp;
use crate::gateway::identity::{self, Identifier};
use crate::gateway::live::Live;
use crate::intel::Subject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// Longest name that is taken, in bytes.
pub const LONGEST: usize = 1024;
/// Most names of one person.
pub const MOST_NAMES: usize = 16;

/// A person, by the names of their account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// A name of the account as its owner types it (a user name, an e-mail address), or the `user_id` of a record.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "\\S"))]
    pub account: String,
    /// Other names of the same account. The gate does not know them: a user name and an e-mail address have to be named both.
    #[serde(default)]
    #[schemars(length(max = 15), inner(length(min = 1, max = 1024), regex(pattern = "\\S")))]
    pub aliases: Vec<String>,
}

/// A list of the configuration that names somebody or something.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Listed {
    /// The list's name in the configuration.
    pub list: String,
    /// What kind of entry matched: `ip`, `account`, …
    pub of: String,
    /// `allow`, `deny` or `note`.
    pub effect: String,
}

/// What a text may mean: every canonical form, and every hash.
pub struct Meant {
    pub forms: Vec<Identifier>,
    pub pseudonyms: Vec<Pseudonym>,
}

impl Api {
    /// What a person's names may mean.
    pub fn meant(&self, live: &Live, person: &Person) -> Result<Meant, Problem> {
        let names = std::iter::once(&person.account).chain(&person.aliases);
        if person.aliases.len() >= MOST_NAMES {
            return Err(Problem::new(Kind::Body, format!("a person has at most {MOST_NAMES} names here")));
        }
        let mut meant = Meant { forms: Vec::new(), pseudonyms: Vec::new() };
        for name in names {
            let one = self.name_means(live, name);
            if one.pseudonyms.is_empty() {
                let detail = format!("a name is empty, or longer than {LONGEST} bytes");
                return Err(Problem::new(Kind::Body, detail));
            }
            meant.forms.extend(one.forms);
            meant.pseudonyms.extend(one.pseudonyms);
        }
        meant.pseudonyms.sort_unstable();
        meant.pseudonyms.dedup();
        Ok(meant)
    }

    /// What one name may mean; nothing if it is none.
    pub fn name_means(&self, live: &Live, name: &str) -> Meant {
        let mut meant = Meant { forms: Vec::new(), pseudonyms: Vec::new() };
        if name.len() > LONGEST {
            return meant;
        }
        let mut rules = vec![IdentityRules::default()];
        for route in &live.settings.routes {
            if !rules.contains(&route.identity) {
                rules.push(route.identity);
            }
        }
        for rules in rules {
            // A field that is mapped as an e-mail address is hashed as one, whatever is in it.
            let account = identity::account(name, rules);
            let email = identity::email(name, rules).map(Identifier::Address);
            for form in [account, email].into_iter().flatten() {
                let pseudonym = self.gate.keys.account(&form);
                // What was proven is kept under the name as it was typed.
                let spelled = self.gate.keys.spelled(&identity::spelling(name, rules), &form);
                if !meant.pseudonyms.contains(&pseudonym) {
                    meant.pseudonyms.push(pseudonym);
                    meant.forms.push(form);
                }
                if !meant.pseudonyms.contains(&spelled) {
                    meant.pseudonyms.push(spelled);
                }
            }
        }
        meant.pseudonyms.extend(Pseudonym::parse(name));
        let realms = live.upstreams.realms();
        let elsewhere = realms
            .flat_map(|realm| meant.pseudonyms.iter().map(move |account| self.gate.keys.in_realm(realm, *account)));
        let elsewhere: Vec<Pseudonym> = elsewhere.collect();
        meant.pseudonyms.extend(elsewhere);
        meant
    }

    /// The lists that name one of these.
    pub fn lists_naming(&self, live: &Live, meant: &Meant) -> Vec<Listed> {
        let mut found = Vec::new();
        let at = self.gate.clock.now();
        let typed = meant.forms.iter().map(|form| {
            let (email, domain) = match form {
                Identifier::Address(address) => (Some(address.as_str()), Some(address.domain())),
                Identifier::Name(_) => (None, None),
            };
            Subject { at, account: Some(form.as_str()), email, domain, ..nobody() }
        });
        // What was added to a list is known by its hash.
        let hashed = meant.pseudonyms.iter().map(|key| Subject {
            at,
            account_key: Some(*key),
            email_key: Some(*key),
            ..nobody()
        });
        for subject in typed.chain(hashed) {
            let (intel, _) = live.intel.look_up(&subject, self.gate.store.lists());
            for hit in intel.lists.iter().filter(|hit| ["account", "email", "domain"].contains(&hit.of)) {
                let listed = Listed::of(hit);
                if !found.contains(&listed) {
                    found.push(listed);
                }
            }
        }
        found
    }

    /// How the audit log calls what was asked for: a hash of its own, which matches no other file's.
    pub fn hashed(&self, kind: &str, value: &str) -> String {
        self.gate.keys.audit(kind, value).to_string()
    }

    /// The same for a person.
    pub fn hashed_person(&self, meant: &Meant) -> Vec<String> {
        meant.pseudonyms.iter().map(|pseudonym| self.hashed("account", &pseudonym.to_string())).collect()
    }
}

impl Listed {
    pub fn of(hit: &crate::engine::evidence::ListHit) -> Listed {
        let effect = match hit.effect {
            crate::engine::evidence::ListEffect::Allow => "allow",
            crate::engine::evidence::ListEffect::Deny => "deny",
            crate::engine::evidence::ListEffect::Note => "note",
        };
        Listed { list: hit.list.to_string(), of: hit.of.to_owned(), effect: effect.to_owned() }
    }
}

/// Somebody of whom nothing is known.
pub fn nobody() -> Subject<'static> {
    Subject {
        at: Timestamp(0),
        ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        account: None,
        account_key: None,
        email: None,
        email_key: None,
        domain: None,
        device: None,
        fingerprint: 0,
        card_bin: None,
    }
}
