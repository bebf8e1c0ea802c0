//! The operator's own lists. Entries written in the configuration are checked here; those in files when they are read.

use super::Resolver;
use super::listen::network;
use crate::config::file::{EffectName, List};
use crate::config::later::listed;
use crate::config::settings::{ListOf, ListSource};
use crate::config::slot::{Many, Pairs, Slot};
use crate::config::tree::NodeId;
use crate::engine::evidence::{BANNED, Country, ListEffect};
use crate::engine::policy::spelling::nearest;

impl Resolver<'_, '_> {
    pub(super) fn lists(&self, slot: &Slot<Pairs<List>>) -> Vec<ListSource> {
        let mut lists = Vec::new();
        for (name, value) in slot.get().into_iter().flat_map(|pairs| &pairs.0) {
            let Some((at, name)) = name.good() else { continue };
            self.check_identifier(at, name);
            if name == BANNED {
                let help = "it holds what rules ban, and `tollgate lists add banned …` adds to it; choose another name";
                self.error(at, "`banned` is a list of the gate's own", help);
            }
            let keys = value.good();
            // A broken list keeps its name: rules that ask for it are not at fault.
            let (effect, of) =
                keys.map_or((None, None), |(node, keys)| (self.effect(node, keys), self.list_of(node, keys)));
            let file = keys.and_then(|(_, keys)| self.readable(&keys.file));
            let entries = keys.map(|(_, keys)| self.entries(keys, of)).unwrap_or_default();
            lists.push(ListSource {
                name: name.as_str().into(),
                effect: effect.unwrap_or(ListEffect::Note),
                of: of.unwrap_or(ListOf::Ip),
                file,
                entries,
            });
        }
        lists
    }

    fn effect(&self, node: NodeId, keys: &List) -> Option<ListEffect> {
        let help = "write `effect: deny`, `allow`, or `note` (no effect of its own; rules ask `listed.<name>`)";
        let (_, effect) = self.required(&keys.effect, node, "effect", help)?;
        Some(match effect {
            EffectName::Allow => ListEffect::Allow,
            EffectName::Deny => ListEffect::Deny,
            EffectName::Note => ListEffect::Note,
        })
    }

    fn list_of(&self, node: NodeId, keys: &List) -> Option<ListOf> {
        let known = ListOf::ALL.map(ListOf::name);
        let (at, text) = self.required(&keys.of, node, "of", &format!("write `of:` with one of {}", listed(&known)))?;
        let found = ListOf::ALL.into_iter().find(|of| of.name() == text);
        if found.is_none() {
            let help = nearest(text, known)
                .map_or_else(|| format!("lists are of {}", listed(&known)), |close| format!("did you mean `{close}`?"));
            self.error(at, format!("there are no lists of `{text}`"), &*help);
        }
        found
    }

    fn entries(&self, keys: &List, of: Option<ListOf>) -> Vec<String> {
        let mut entries = Vec::new();
        for (node, text) in keys.entries.get().into_iter().flat_map(Many::good) {
            if let Some(Err(help)) = of.map(|of| check_entry(of, text)) {
                self.error(
                    node,
                    format!("`{text}` does not belong in a list of `{}`", of.map_or("", ListOf::name)),
                    &*help,
                );
            }
            entries.push(text.clone());
        }
        entries
    }
}

/// An error is what to write.
fn check_entry(of: ListOf, text: &str) -> Result<(), String> {
    let sound = match of {
        ListOf::Ip => return network(text).map(drop),
        ListOf::Asn => text.strip_prefix("AS").or(text.strip_prefix("as")).unwrap_or(text).parse::<u32>().is_ok(),
        ListOf::Country => Country::new(text).is_some(),
        ListOf::CardBin => (6..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
        ListOf::Email => text.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty()),
        ListOf::Domain => super::names::canonical_host(text.trim_start_matches("*.")).is_ok(),
        ListOf::Account | ListOf::Device | ListOf::Fingerprint => !text.trim().is_empty(),
    };
    if sound {
        return Ok(());
    }
    Err(match of {
        ListOf::Asn => "write `AS14061` or `14061`",
        ListOf::Country => "write two letters as in ISO 3166: `DE`",
        ListOf::CardBin => "write the first six to eight digits",
        ListOf::Email => "write a whole address; for a domain make a list of `domain`",
        ListOf::Domain => "write `example.com` or `*.example.com`",
        _ => "write something",
    }
    .to_owned())
}
