//! What the operator set for signals. The keys are not in the mirror: the catalogue is the one place that knows which
//! signals there are and what each can be tuned by, so this reads the tree against it.

use super::Resolver;

use crate::config::later::listed;
use crate::config::slot::{Anything, Slot};
use crate::config::tree::{Kind, NodeId};
use crate::config::words;
use crate::engine::assessment::Model;
use crate::engine::policy::spelling::nearest;
use crate::engine::signals::{Override, SIGNALS, Signal, SignalId, WEIGHT_RANGE};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Resolver<'_, '_> {
    /// The scoring model with the operator's changes.
    pub(super) fn model(&self, slot: &Slot<Anything>) -> Arc<Model> {
        Arc::new(Model::new(&self.overrides(slot, SIGNALS)))
    }

    fn overrides(&self, slot: &Slot<Anything>, catalogue: &[&Signal]) -> BTreeMap<SignalId, Override> {
        let mut overrides = BTreeMap::new();
        let Some((node, _)) = slot.good() else { return overrides };
        self.expect_mapping(node);
        for &(key, value) in self.document.tree.pairs(node) {
            let name = self.document.tree.text(key).unwrap_or_default();
            match catalogue.iter().position(|signal| signal.name == name) {
                Some(place) => {
                    let changes = self.changes(value, catalogue[place]);
                    overrides.insert(SignalId(place as u8), changes);
                }
                None => self.unknown(key, "signal", name, catalogue.iter().map(|signal| signal.name)),
            }
        }
        overrides
    }

    fn changes(&self, node: NodeId, signal: &Signal) -> Override {
        let mut changes = Override::default();
        self.expect_mapping(node);
        for &(key, value) in self.document.tree.pairs(node) {
            match self.document.tree.text(key).unwrap_or_default() {
                "enabled" => match self.document.tree.text(value) {
                    Some("true") => changes.enabled = Some(true),
                    Some("false") => changes.enabled = Some(false),
                    other => {
                        let help = other.and_then(words::truth);
                        self.error(value, "expected `true` or `false`", help.as_deref());
                    }
                },
                "weights" => self.weights(value, &mut changes),
                name => match signal.parameters.iter().find(|parameter| parameter.name == name) {
                    Some(parameter) => {
                        let number = self.decimal(value, parameter.min, parameter.max);
                        changes.parameters.extend(number.map(|number| (parameter.name, number)));
                    }
                    None => {
                        let known =
                            signal.parameters.iter().map(|parameter| parameter.name).chain(["enabled", "weights"]);
                        self.unknown(key, &format!("parameter of `{}`", signal.name), name, known);
                    }
                },
            }
        }
        changes
    }

    fn weights(&self, node: NodeId, changes: &mut Override) {
        self.expect_mapping(node);
        for &(key, value) in self.document.tree.pairs(node) {
            let weight = match self.document.tree.text(key).unwrap_or_default() {
                "bot" => &mut changes.bot,
                "account_takeover" => &mut changes.account_takeover,
                "account_abuse" => &mut changes.account_abuse,
                name => {
                    self.unknown(
                        key,
                        "score with weights",
                        name,
                        ["bot", "account_takeover", "account_abuse"].into_iter(),
                    );
                    continue;
                }
            };
            *weight = self.decimal(value, *WEIGHT_RANGE.start(), *WEIGHT_RANGE.end());
        }
    }

    fn decimal(&self, node: NodeId, min: f64, max: f64) -> Option<f64> {
        if matches!(self.document.tree.kind(node), Kind::Refused) {
            return None;
        }
        match words::decimal(&self.document.tree, node) {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(number) => {
                self.error(node, format!("{number} is out of range"), &*format!("write a number from {min} to {max}"));
                None
            }
            Err((message, help)) => {
                self.error(node, message, help.as_deref());
                None
            }
        }
    }

    fn unknown<'n>(&self, node: NodeId, what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) {
        if self.document.is_full() {
            return;
        }
        let help = match nearest(name, known.clone()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("known here: {}", listed(&known.collect::<Vec<_>>())),
        };
        self.error(node, format!("there is no {what} `{name}`"), &*help);
    }

    fn expect_mapping(&self, node: NodeId) {
        if !matches!(self.document.tree.kind(node), Kind::Mapping(_)) && !self.document.tree.is_empty(node) {
            self.error(node, "expected a mapping (lines of `key: value`)", None);
        }
    }
}
