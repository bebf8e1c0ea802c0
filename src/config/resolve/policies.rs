//! Policies by name: their rules, what a denial answers, and the seam to the rule language.

use super::files::BodyKind;
use super::{Resolver, mode_of};
use crate::config::again::Kept;
use crate::config::file::Period;
use crate::config::file::{
    ActionName, Ban, BanKeys, ChallengeName, Deny, Policy as PolicyKeys, Rule as RuleKeys, Share,
};
use crate::config::policies::{self, Names, PolicySource, RuleList, RuleSource};
use crate::config::settings::{DenyAnswer, LONGEST_BAN, ListSource, Mode, RoutePolicy};
use crate::config::slot::{Pairs, Slot};
use crate::config::tree::NodeId;
use crate::config::units;
use crate::engine::assessment::Model;
use crate::engine::clearance::ChallengeKind;
use crate::engine::decision::{Action, BanOf, BanOrder};
use crate::engine::event::Event;
use crate::engine::evidence::BANNED;
use crate::engine::exploration::Exploration;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Most rules of one policy: each may be evaluated for each attempt.
const MOST_RULES: usize = 1000;

/// The name of the built-in policy.
pub(in crate::config) const STANDARD: &str = "standard";

/// Policies that routes can name.
pub(super) struct Policies {
    by_name: HashMap<String, Entry>,
    model: Arc<Model>,
    standard: RefCell<HashMap<Event, Arc<RoutePolicy>>>,
}

/// One policy of the file. Broken ones are kept, so that a route that names one is not blamed for it.
pub(super) struct Entry {
    pub at: NodeId,
    pub compiled: Option<Arc<RoutePolicy>>,
    pub has_on_success: bool,
}

impl Policies {
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str).chain([STANDARD])
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.by_name.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    pub fn standard(&self, event: &Event) -> Arc<RoutePolicy> {
        let make = || {
            let rules = policies::standard(event, &self.model);
            Arc::new(RoutePolicy {
                rules,
                mode: Mode::Enforce,
                deny: DenyAnswer::default(),
                explore: Exploration::NONE,
            })
        };
        self.standard.borrow_mut().entry(event.clone()).or_insert_with(make).clone()
    }
}

impl Resolver<'_, '_> {
    pub(super) fn policies(
        &self,
        slot: &Slot<Pairs<PolicyKeys>>,
        lists: &[ListSource],
        routes: Vec<Arc<str>>,
        model: &Arc<Model>,
        default_kind: ChallengeKind,
    ) -> Policies {
        let mut by_name = HashMap::new();
        let lists = lists.iter().map(|list| list.name.clone()).chain([BANNED.into()]);
        let names = Names::new(lists.collect(), routes);
        let pairs = slot.get();
        for (at, name, _, keys) in pairs.into_iter().flat_map(Pairs::good) {
            self.check_name(at, name);
            if name == STANDARD {
                self.error(at, "`standard` is the name of the built-in policy", "choose another name");
            }
            let compiled = self.policy(at, name, keys, &names, model, default_kind);
            let has_on_success = keys.on_success.get().is_some_and(|rules| !rules.is_empty());
            let compiled = compiled.map(|policy| match self.kept.and_then(|kept| kept.policy(name, &policy)) {
                Some(known) => known.clone(),
                None => Arc::new(policy),
            });
            by_name.insert(name.to_owned(), Entry { at, compiled, has_on_success });
        }
        // A policy whose value could not be read at all: its name still counts.
        for (name, value) in pairs.into_iter().flat_map(|pairs| &pairs.0) {
            if let (Some((at, name)), None) = (name.good(), value.get()) {
                by_name.insert(name.clone(), Entry { at, compiled: None, has_on_success: false });
            }
        }
        let standard = RefCell::new(self.kept.map(Kept::standard).unwrap_or_default());
        Policies { by_name, model: model.clone(), standard }
    }

    fn policy(
        &self,
        at: NodeId,
        name: &str,
        keys: &PolicyKeys,
        known: &Names,
        model: &Arc<Model>,
        default_kind: ChallengeKind,
    ) -> Option<RoutePolicy> {
        let mut names = HashSet::new();
        let (rules, places) = self.rules(&keys.rules, RuleList::Rules, default_kind, &mut names);
        let (on_success, places_after) = self.rules(&keys.on_success, RuleList::OnSuccess, default_kind, &mut names);
        let (when_degraded, places_degraded) =
            self.rules(&keys.when_degraded, RuleList::WhenDegraded, default_kind, &mut names);
        let places = |list| match list {
            RuleList::Rules => &places[..],
            RuleList::OnSuccess => &places_after,
            RuleList::WhenDegraded => &places_degraded,
        };
        let deny = self.deny(&keys.deny);
        let mode = keys.mode.get().map_or(Mode::Enforce, |mode| mode_of(*mode));
        let otherwise = keys.otherwise.get().map_or(Action::Allow, |action| match action {
            ActionName::Allow => Action::Allow,
            ActionName::Deny => Action::Deny,
            ActionName::Challenge => Action::Challenge(default_kind),
        });
        let before = rules.iter().chain(&when_degraded).map(|rule| rule.action);
        let challenges = before.chain([otherwise]).any(|action| matches!(action, Action::Challenge(_)));
        let explore = self.explore(name, keys, challenges);
        let source = PolicySource { name: name.into(), rules, on_success, when_degraded, otherwise };
        match policies::compile(source, known, model.clone()) {
            Ok(rules) => {
                if self.document.is_sound(at) {
                    self.reach(&rules, places);
                }
                Some(RoutePolicy { rules, mode, deny, explore })
            }
            Err(errors) => {
                for error in errors {
                    let Some(&node) = places(error.place.list).get(error.place.index) else { continue };
                    let help = error.suggestion.map(|suggestion| format!("write `{suggestion}`"));
                    self.document.error_within(node, error.offset, error.len, error.message, help);
                }
                None
            }
        }
    }

    /// How many challenges are let pass to learn from them. What that means is said, since nobody else will. `challenges`:
    /// whether the policy challenges before forwarding at all.
    fn explore(&self, name: &str, keys: &PolicyKeys, challenges: bool) -> Exploration {
        let Some((at, Share(text))) = keys.explore.good() else { return Exploration::NONE };
        let explore = match units::share(text).map(|share| (share, Exploration::new(share))) {
            Ok((_, Some(explore))) => explore,
            Ok((_, None)) => {
                let help =
                    "write 0.01% to 5%, or 0% for none: of a thousand passwords that somebody tries, that share passes";
                self.error(at, format!("`{text}` is out of range"), help);
                Exploration::NONE
            }
            Err((message, help)) => {
                self.error(at, message, &*help);
                Exploration::NONE
            }
        };
        if explore != Exploration::NONE {
            let (message, help) = match challenges {
                true => (
                    format!(
                        "{text} of what `{name}` challenges before forwarding is let pass, to learn what it was: robots too"
                    ),
                    "label what passed, and take this out when you have learnt enough",
                ),
                false => (
                    format!("`explore` means nothing here: nothing in `{name}` challenges before forwarding"),
                    "leave it out: denials, and challenges after a login, are never let pass",
                ),
            };
            self.document.warn(at, message, help.to_owned());
        }
        explore
    }

    /// The sound rules and the places of their `when`.
    fn rules(
        &self,
        slot: &Slot<Vec<Slot<RuleKeys>>>,
        list: RuleList,
        default_kind: ChallengeKind,
        names: &mut HashSet<String>,
    ) -> (Vec<RuleSource>, Vec<NodeId>) {
        let (mut rules, mut places) = (Vec::new(), Vec::new());
        let Some((node, entries)) = slot.good() else { return (rules, places) };
        if entries.len() > MOST_RULES {
            self.error(node, format!("a policy has at most {MOST_RULES} rules"), "use lists for long enumerations");
            return (rules, places);
        }
        for (node, keys) in entries.iter().filter_map(Slot::good) {
            let name =
                self.required(&keys.name, node, "name", "records show which rule decided: write `name: stuffing`");
            if let Some((at, name)) = name {
                self.check_name(at, name);
                if !names.insert(name.clone()) {
                    self.error(
                        at,
                        format!("this policy has two rules named `{name}`"),
                        "records could not tell them apart",
                    );
                }
            }
            let when = self.required(
                &keys.when,
                node,
                "when",
                "write `when: bot >= 60`, or `when: \"true\"` for every attempt",
            );
            let help = "write `action: allow`, `challenge` or `deny`";
            let action = self.required(&keys.action, node, "action", help).map(|(_, action)| match action {
                ActionName::Allow => Action::Allow,
                ActionName::Deny => Action::Deny,
                ActionName::Challenge => {
                    Action::Challenge(keys.challenge.get().map_or(default_kind, |kind| kind_of(*kind)))
                }
            });
            if let (Some((at, _)), Some(action)) = (keys.challenge.good(), action)
                && !matches!(action, Action::Challenge(_))
            {
                let help = "write `action: challenge`, or leave `challenge` out";
                self.error(at, format!("`challenge` means nothing with `action: {}`", action.name()), help);
            }
            let ban = keys.ban.good().and_then(|(at, ban)| self.ban(at, ban, list, action));
            if let (Some((_, name)), Some((at, when)), Some(action)) = (name, when, action) {
                rules.push(RuleSource { name: name.as_str().into(), when: when.clone(), action, ban });
                places.push(at);
            }
        }
        (rules, places)
    }

    /// What a rule bans beside.
    fn ban(&self, at: NodeId, ban: &Ban, list: RuleList, action: Option<Action>) -> Option<BanOrder> {
        if let Some(action @ (Action::Allow | Action::Challenge(_))) = action {
            let help = "write `action: deny`, or leave `ban` out: who is banned is refused, and cannot solve anything";
            self.error(at, format!("`ban` means nothing with `action: {}`", action.name()), help);
        }
        let day = Duration::from_secs(86_400);
        let range = Duration::from_secs(1)..=365 * day;
        let (length, keys) = match ban {
            Ban::Short(Period(text)) => (self.period(at, text, range)?, &BanKeys::default()),
            Ban::Long(keys) => {
                let (node, Period(text)) = self.required(&keys.r#for, at, "for", "write `for: 15m`")?;
                (self.period(node, text, range)?, keys)
            }
        };
        let most = self.duration(&keys.most, LONGEST_BAN.max(length), length..=365 * day);
        let of = keys.of.good().map_or(Some(BanOf::Ip), |(node, of)| self.ban_of(node, of, list))?;
        Some(BanOrder { of, length, grow: self.number(&keys.grow, 2, 1..=100) as u32, most })
    }

    fn ban_of(&self, node: NodeId, of: &str, list: RuleList) -> Option<BanOf> {
        let (message, help) = match (of, list) {
            ("ip", _) => return Some(BanOf::Ip),
            ("account", RuleList::OnSuccess) => return Some(BanOf::Account),
            ("account", RuleList::Rules | RuleList::WhenDegraded) => (
                "an account cannot be banned before the password was right: anybody could lock its owner out"
                    .to_owned(),
                "write `of: ip`, or move the rule to `on_success`",
            ),
            ("fingerprint", _) => (
                "a fingerprint cannot be banned: whoever looks like your customers would have them banned".to_owned(),
                "write `of: ip`",
            ),
            ("device", _) => ("`of: device` is not available yet".to_owned(), "write `of: ip`"),
            (other, _) => (
                format!("there are no bans of `{}`", other.escape_debug()),
                "write `of: ip`, or in `on_success` also `of: account`",
            ),
        };
        self.error(node, message, help);
        None
    }

    fn deny(&self, slot: &Slot<Deny>) -> DenyAnswer {
        let Some((_, keys)) = slot.good() else { return DenyAnswer::default() };
        let html = self.body(&keys.html, BodyKind::Html);
        let json = self.body(&keys.json, BodyKind::Json);
        let status = self.number(&keys.respond, 403, 400..=599) as u16;
        let Some((node, target)) = keys.redirect.good() else { return DenyAnswer::Respond { status, html, json } };
        for other in [keys.respond.node(), keys.html.node(), keys.json.node()].into_iter().flatten() {
            self.error(other, "a redirect has no body and no status of its own", "keep `redirect` or this");
        }
        if target == "page" {
            return DenyAnswer::RedirectToPage;
        }
        let on_this_site = target.starts_with('/') && !target.starts_with("//") && !target.starts_with("/\\");
        let absolute =
            url::Url::parse(target).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let printable = target.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || !(on_this_site || absolute) {
            let help =
                "write `page`, a path on this site (`/sorry`), or an absolute URL (`https://shop.example/sorry`)";
            self.error(node, format!("`{}` is not a place to redirect to", target.escape_debug()), help);
        }
        DenyAnswer::Redirect(target.as_str().into())
    }
}

pub(super) fn kind_of(name: ChallengeName) -> ChallengeKind {
    match name {
        ChallengeName::ProofOfWork => ChallengeKind::ProofOfWork,
    }
}
