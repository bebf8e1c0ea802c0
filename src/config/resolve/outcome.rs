//! How a route's answers are read.

use super::Resolver;
use crate::config::file::{Answer, Outcome};
use crate::config::slot::{Many, Pairs, Slot};
use crate::config::tree::NodeId;
use crate::engine::outcome::{AnswerRule, OutcomeRules};
use crate::engine::pattern::Globs;

impl Resolver<'_, '_> {
    pub(super) fn outcome(&self, slot: &Slot<Outcome>) -> OutcomeRules {
        let Some((node, keys)) = slot.good() else { return OutcomeRules::default() };
        let rules = OutcomeRules {
            pending: self.pending(&keys.pending),
            succeeded: self.answers(&keys.succeeded),
            failed: self.answers(&keys.failed),
        };
        if self.document.is_sound(node) {
            self.outcome_reach(keys, &rules);
        }
        rules
    }

    /// One that is told by where it leads alone is worth a warning: what `next=` a visitor writes into the form is often where
    /// the application sends them, and a login that counts as pending is not judged by `on_success`.
    fn pending(&self, slot: &Slot<Many<Answer>>) -> Vec<AnswerRule> {
        for (node, keys) in slot.get().into_iter().flat_map(Many::good) {
            let told_otherwise = keys.set_cookie.good().is_some()
                || keys.header.good().is_some()
                || keys.body_contains.good().is_some()
                || keys.json.good().is_some();
            if keys.location.good().is_some() && !told_otherwise {
                self.document.warn(
                    node,
                    "`location` alone tells that a second step is pending: where a login leads is often the visitor's to \
                     choose (`next=`), who then passes `on_success` by"
                        .to_owned(),
                    "say beside it what only a second step has, as `set_cookie: \"!session\"`: no session yet".to_owned(),
                );
            }
        }
        self.answers(slot)
    }

    fn answers(&self, slot: &Slot<Many<Answer>>) -> Vec<AnswerRule> {
        slot.get().into_iter().flat_map(Many::good).map(|(node, keys)| self.answer(node, keys)).collect()
    }

    fn answer(&self, node: NodeId, keys: &Answer) -> AnswerRule {
        if self.document.tree.pairs(node).is_empty() {
            self.error(node, "this rule has no condition: it would match every answer", "write `{ status: 302 }`");
        }
        let rule = AnswerRule {
            status: self.statuses(&keys.status),
            location: self.globs(&keys.location),
            set_cookie: self.globs(&keys.set_cookie),
            headers: self.headers(&keys.header),
            body_contains: self.texts(&keys.body_contains),
            json: self.pointers(&keys.json),
        };
        if self.document.is_sound(node) {
            self.location_beside_status(keys, &rule);
        }
        rule
    }

    fn statuses(&self, slot: &Slot<Many<u64>>) -> Vec<u16> {
        let Some((node, many)) = slot.good() else { return Vec::new() };
        if many.0.is_empty() {
            self.error(
                node,
                "this list is empty: no status would match",
                "name at least one status, or leave the key out",
            );
        }
        let mut statuses = Vec::new();
        for (node, &status) in many.good() {
            // 1xx are not final answers.
            if !(200..=599).contains(&status) {
                self.error(node, format!("{status} is not the status of an answer"), "write a number from 200 to 599");
            }
            statuses.push(status as u16);
        }
        statuses
    }

    fn headers(&self, slot: &Slot<Pairs<Many<String>>>) -> Vec<(Box<str>, Globs)> {
        let mut headers = Vec::new();
        for (at, name, node, accept) in slot.get().into_iter().flat_map(Pairs::good) {
            let name = name.to_ascii_lowercase();
            self.header_name(at, &name);
            match name.as_str() {
                "location" => self.error(at, "`Location` has a key of its own", "write `location:` beside `status:`"),
                "set-cookie" => self.error(at, "cookies have a key of their own", "write `set_cookie: \"session*\"`"),
                _ => {}
            }
            headers.extend(self.glob_list(node, accept).map(|accept| (name.into(), accept)));
        }
        headers
    }

    fn pointers(&self, slot: &Slot<Pairs<Many<String>>>) -> Vec<(Box<str>, Globs)> {
        let mut pointers = Vec::new();
        for (at, pointer, node, accept) in slot.get().into_iter().flat_map(Pairs::good) {
            self.pointer(at, pointer);
            pointers.extend(self.glob_list(node, accept).map(|accept| (pointer.into(), accept)));
        }
        pointers
    }

    fn texts(&self, slot: &Slot<Many<String>>) -> Vec<Box<str>> {
        let Some((node, many)) = slot.good() else { return Vec::new() };
        if many.0.is_empty() {
            self.error(node, "this list is empty: no body would match", "name at least one text, or leave the key out");
        }
        for (node, text) in many.good() {
            if text.is_empty() || text.len() > 1024 {
                self.error(node, "a text to look for has 1 to 1024 bytes", None);
            }
        }
        many.good().map(|(_, text)| text.as_str().into()).collect()
    }
}
