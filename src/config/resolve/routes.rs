//! Routes: how one event is recognised, read and ruled on, and what must fit together between those three.

use super::Resolver;
use super::policies::{Policies, STANDARD};
use crate::config::again::Kept;
use crate::config::file::{
    AmbiguousName, AmountsName, CaseName, GmailName, Identity, Route as RouteKeys, SettlesName, TagsName, TooLargeName,
    UnreadableName,
};
use crate::config::settings::{
    Ambiguous, Amounts, FieldSource, IdentityRules, Matching, PathPattern, Route, RoutePolicy, Settles, TooLarge,
    Unreadable,
};
use crate::config::slot::Slot;
use crate::config::tree::NodeId;
use crate::engine::attempt::Field;
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::outcome::{AnswerRule, OutcomeRules};
use crate::engine::pattern::Glob;
use crate::engine::policy::spelling::nearest;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Resolver<'_, '_> {
    pub(super) fn routes(
        &self,
        slot: &Slot<Vec<Slot<RouteKeys>>>,
        root: NodeId,
        policies: &Policies,
    ) -> Vec<Arc<Route>> {
        let help = "write `routes: []` if really nothing is to be protected";
        let entries = self.required(slot, root, "routes", help).map_or(&[][..], |(_, entries)| entries);
        let mut names: HashMap<&str, NodeId> = HashMap::new();
        let mut used = HashSet::new();
        let mut routes = Vec::with_capacity(entries.len());
        let mut sound = Vec::with_capacity(entries.len());
        for (place, slot) in entries.iter().enumerate() {
            if let Some((kept, known)) = self.kept.and_then(|kept| Some((kept, kept.route(place)?))) {
                let Some(route) = known_route(known, policies) else {
                    kept.doubt();
                    continue;
                };
                if names.insert(&known.name, root).is_some() {
                    kept.doubt();
                }
                used.insert(&*known.policy.rules.name);
                sound.push((root, route.clone()));
                routes.push(route);
                continue;
            }
            let Some((node, keys)) = slot.good() else { continue };
            if let Some((at, name)) = keys.name.good()
                && names.insert(name, at).is_some()
            {
                self.error(at, format!("two routes are named `{name}`"), "records could not tell them apart");
            }
            used.extend(keys.policy.get().map(String::as_str));
            let route = self.route(node, keys, policies).map(Arc::new);
            let at = keys.matching.node().unwrap_or(node);
            sound.extend(route.iter().filter(|_| self.document.is_sound(at)).map(|route| (at, route.clone())));
            routes.extend(route);
        }
        // The same routes in the same order cast no shadow that they did not cast before.
        if !self.kept.is_some_and(Kept::is_whole) {
            self.shadows(&sound);
        }
        self.expect_orders(root, &sound);
        let mut unused: Vec<_> = policies.entries().filter(|(name, _)| !used.contains(name)).collect();
        unused.sort_unstable_by_key(|(_, entry)| entry.at.0);
        for (name, entry) in unused {
            let help = format!("a route names it with `policy: {name}`");
            self.document.warn(entry.at, format!("no route uses the policy `{name}`"), help);
        }
        routes
    }

    fn route(&self, node: NodeId, keys: &RouteKeys, policies: &Policies) -> Option<Route> {
        let name = self.required(&keys.name, node, "name", "records name the route: write `name: sign-in`");
        if let Some((at, name)) = name {
            self.check_name(at, name);
        }
        let event = self
            .required(&keys.event, node, "event", "write `event: login`")
            .and_then(|(at, text)| self.event(at, text));
        let help = "write `match: { method: POST, path: /login }`";
        let matching = self.required(&keys.matching, node, "match", help).map_or_else(
            || Matching { methods: Vec::new(), path: PathPattern::Any, hosts: None, values: Vec::new() },
            |(at, matching)| self.matching(at, matching),
        );
        let fields = self.fields(&keys.fields, event == Some(Event::Checkout));
        let trap = self.trap(&keys.trap, &fields);
        let outcome = self.outcome(&keys.outcome);
        self.expect_account(node, keys, event.as_ref());
        self.expect_outcome(node, keys, event.as_ref());
        let settles = self.settles(node, keys, event.as_ref(), &outcome);
        if let (Some((at, _)), Some(event)) =
            (keys.amounts.good(), event.as_ref().filter(|event| **event != Event::Checkout))
        {
            let message =
                format!("`amounts` has no effect: it is about the sum of an order, and a `{}` has none", event.name());
            self.document.warn(at, message, "leave it out".to_owned());
        }
        let policy = self.policy_of(keys, event.as_ref(), &outcome, policies);
        self.expect_pages(node, keys, &fields, policy.as_deref());
        Some(Route {
            name: name?.1.as_str().into(),
            event: event?,
            matching,
            fields,
            outcome,
            too_large: match keys.too_large.get() {
                Some(TooLargeName::ForwardUnscored) => TooLarge::ForwardUnscored,
                Some(TooLargeName::Refuse) | None => TooLarge::Refuse,
            },
            unreadable: match keys.unreadable.get() {
                Some(UnreadableName::ForwardUnscored) => Unreadable::ForwardUnscored,
                Some(UnreadableName::Refuse) | None => Unreadable::Refuse,
            },
            ambiguous: match keys.ambiguous.get() {
                Some(AmbiguousName::Flag) => Ambiguous::Flag,
                Some(AmbiguousName::Deny) | None => Ambiguous::Deny,
            },
            identity: identity(&keys.identity),
            policy: policy?,
            pages: self.pages(keys),
            trap,
            amounts: match keys.amounts.get() {
                Some(AmountsName::Minor) => Amounts::Minor,
                Some(AmountsName::Units) | None => Amounts::Units,
            },
            settles,
        })
    }

    /// A settlement needs an order that it is about, and an answer that tells whether the application believed it: who calls may
    /// be anybody.
    fn settles(
        &self,
        node: NodeId,
        keys: &RouteKeys,
        event: Option<&Event>,
        outcome: &OutcomeRules,
    ) -> Option<Settles> {
        let event = event?;
        if *event != Event::Settlement {
            if let Some((at, _)) = keys.settles.good() {
                let message = format!("`settles` says something of an order, which a `{}` does not", event.name());
                self.error(at, message, "write `event: settlement`, or leave it out");
            }
            return None;
        }
        let order = keys.fields.get().is_some_and(|fields| fields.names().any(|name| name == Field::Order.name()));
        if !order && !matches!(keys.fields, Slot::Bad(_)) {
            let message = "no field says which order is settled";
            self.error(keys.fields.node().unwrap_or(node), message, "add `fields: { order: json:/order_id }`");
        }
        if outcome.succeeded.is_empty() && !matches!(keys.outcome, Slot::Bad(_)) {
            let message = "no rule tells whether the application accepted it: anybody may call, and only the application \
                           knows who may";
            let help = "add `outcome: { succeeded: [{ status: 200 }] }`, with what it answers to a call whose signature is right";
            self.error(keys.outcome.node().unwrap_or(node), message, help);
        }
        Some(match keys.settles.get() {
            Some(SettlesName::Reversed) => Settles::Reversed,
            Some(SettlesName::Settled) | None => Settles::Settled,
        })
    }

    /// What is said of an order finds an attempt only where a checkout has one.
    fn expect_orders(&self, root: NodeId, routes: &[(NodeId, Arc<Route>)]) {
        let Some((at, _)) = routes.iter().find(|(_, route)| route.settles.is_some()) else { return };
        let has_order = |route: &Route| {
            route.event == Event::Checkout && route.fields.iter().any(|(field, _)| *field == Field::Order)
        };
        if routes.iter().any(|(_, route)| has_order(route)) {
            return;
        }
        match self.kept.filter(|_| *at == root) {
            Some(kept) => kept.doubt(),
            None => {
                let message =
                    "no `checkout` has the field `order`: whatever is settled here is about nothing that the gate saw";
                let help =
                    "add `order: form:<name of the form's field>` to the fields of the route with `event: checkout`";
                self.document.warn(*at, message, help.to_owned());
            }
        }
    }

    fn event(&self, node: NodeId, text: &str) -> Option<Event> {
        if let Ok(event) = text.parse() {
            return Some(event);
        }
        let known: Vec<&str> = Event::NAMED.iter().map(Event::name).collect();
        let meant = match text.to_ascii_lowercase().replace(['-', ' '], "_").trim_start_matches('$') {
            "signin" | "sign_in" | "log_in" | "logon" | "authentication" => Some("login"),
            "signup" | "sign_up" | "registration" => Some("register"),
            "password_reset" | "reset_password" | "forgot_password" | "recovery" => Some("reset"),
            "signout" | "sign_out" | "log_out" => Some("logout"),
            "2fa" | "mfa" | "otp" => Some("verification"),
            "payment" | "order" | "transaction" => Some("checkout"),
            "webhook" | "callback" | "payment_callback" | "ipn" => Some("settlement"),
            other => nearest(other, known.iter().copied()),
        };
        let help = match (meant, text.strip_prefix("custom:")) {
            (_, Some(_)) => {
                "an event of your own has 1 to 32 lower-case letters, digits and `_` behind `custom:`".to_owned()
            }
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, _) => {
                format!("known events: {}, and your own as `custom:name`", crate::config::later::listed(&known))
            }
        };
        self.error(node, format!("there is no event `{text}`"), &*help);
        None
    }

    fn policy_of(
        &self,
        keys: &RouteKeys,
        event: Option<&Event>,
        outcome: &OutcomeRules,
        policies: &Policies,
    ) -> Option<Arc<RoutePolicy>> {
        let (node, name) = match keys.policy.good() {
            Some((node, name)) if name != "standard" => (node, name),
            // A broken `policy:` was reported; the standard one lets the rest be checked.
            _ => return event.map(|event| policies.standard(event)),
        };
        let Some(entry) = policies.entry(name) else {
            let help = nearest(name, policies.names()).map_or_else(
                || "define it under `policies`, or leave `policy` out for the built-in one".to_owned(),
                |close| format!("did you mean `{close}`?"),
            );
            self.error(node, format!("there is no policy `{name}`"), &*help);
            return None;
        };
        if entry.has_on_success
            && let Some(event) = event
        {
            self.check_on_success(node, name, event, keys, outcome);
        }
        entry.compiled.clone()
    }

    /// A second judgement needs an event that has one, and an answer whose head tells success.
    fn check_on_success(&self, node: NodeId, name: &str, event: &Event, keys: &RouteKeys, outcome: &OutcomeRules) {
        if !event.has_after() {
            let message =
                format!("the policy `{name}` has `on_success`, which exists only for `login` and `verification`");
            let help = format!(
                "by the time `{}` is answered it has happened; give this route a policy of its own",
                event.name()
            );
            self.error(node, message, &*help);
        } else if !outcome.succeeded.iter().any(AnswerRule::is_about_head) {
            // With a broken outcome the rules are not all there; its own report comes first.
            let broken = matches!(keys.outcome, Slot::Bad(_));
            if !broken {
                let message = format!(
                    "the policy `{name}` has `on_success`, but no `succeeded` rule of this route is about the answer's head"
                );
                let help = "tell success by `status`, `location`, `set_cookie` or `header` alone, without `json` or `body_contains`: the body would be on its way already";
                self.error(keys.outcome.node().unwrap_or(node), message, help);
            }
        } else if !outcome.succeeded.iter().all(AnswerRule::is_about_head)
            && let Some(at) = keys.outcome.get().and_then(|outcome| outcome.succeeded.node())
        {
            let message =
                format!("a success that only the body tells is not judged by `on_success` of the policy `{name}`");
            self.document.warn(at, message, None);
        }
    }

    fn expect_account(&self, node: NodeId, keys: &RouteKeys, event: Option<&Event>) {
        let needs = matches!(event, Some(Event::Login | Event::Register | Event::Reset));
        let maps =
            |name: &str| [Field::Account, Field::Username, Field::Email].iter().any(|field| field.name() == name);
        let mapped = keys.fields.get().is_some_and(|fields| fields.names().any(maps));
        if needs && !mapped && !matches!(keys.fields, Slot::Bad(_)) {
            let message = "no field says whose account is meant: signals about accounts stay blind on this route";
            let help = "add `fields: { account: form:<name of the form's field> }`".to_owned();
            self.document.warn(keys.fields.node().unwrap_or(node), message, help);
        }
    }

    fn expect_outcome(&self, node: NodeId, keys: &RouteKeys, event: Option<&Event>) {
        let Some(event) = event.filter(|event| event.tries_a_secret()) else { return };
        if let Some(outcome) = keys.outcome.get() {
            if outcome.failed.is_absent() && !outcome.succeeded.is_absent() {
                let message = format!(
                    "no rule tells a `{}` that failed: every guess counts as unknown, and guessing is never noticed",
                    event.name()
                );
                let help =
                    "add `failed:` with what your application answers to a wrong password, as in `[{ status: 200 }]`"
                        .to_owned();
                self.document.warn(keys.outcome.node().unwrap_or(node), message, help);
            }
            return;
        }
        let Slot::Absent = keys.outcome else { return };
        let message = format!(
            "no rule tells a `{}` that succeeded from one that failed: signals about failures stay blind",
            event.name()
        );
        let help = "add `outcome: { succeeded: [{ status: 302 }], failed: [{ status: 200 }] }`".to_owned();
        self.document.warn(node, message, help);
    }

    /// Whoever solves a challenge on a form is sent back to it. Programs with JSON try again by themselves.
    fn expect_pages(
        &self,
        node: NodeId,
        keys: &RouteKeys,
        fields: &[(Field, Vec<FieldSource>)],
        policy: Option<&RoutePolicy>,
    ) {
        let told = keys.pages.get().is_some_and(|pages| pages.good().any(|(_, text)| is_address(text)));
        let broken = matches!(keys.pages, Slot::Bad(_));
        if !told && !broken && policy.is_some_and(|policy| needs_pages(fields, policy)) {
            let message = "nothing says where the form is: who solves a challenge is sent to `/`";
            let help = "add `pages: [ADDRESS]`, the one that shows your form, without `*`".to_owned();
            self.document.warn(keys.pages.node().unwrap_or(node), message, help);
        }
    }

    fn pages(&self, keys: &RouteKeys) -> Vec<Glob> {
        let mut pages = Vec::new();
        for (node, text) in keys.pages.get().into_iter().flat_map(|many| many.good()) {
            if !text.starts_with(['/', '*']) || text.contains(['#', '\\']) || text.chars().any(char::is_whitespace) {
                self.error(node, format!("`{text}` is not a page of this site"), "write its path: `/accounts/login`");
            }
            pages.push(Glob::new(text));
        }
        pages
    }
}

/// Whether a page is one address, to which somebody can be sent.
fn is_address(page: &str) -> bool {
    !page.contains(['*', '?'])
}

/// Whether visitors with a form may be challenged here, and are sent back to it.
fn needs_pages(fields: &[(Field, Vec<FieldSource>)], policy: &RoutePolicy) -> bool {
    let challenges = policy.rules.every_rule().any(|rule| matches!(rule.action, Action::Challenge(_)));
    let form = fields.iter().flat_map(|(_, sources)| sources).any(|source| matches!(source, FieldSource::Form(_)));
    challenges && form
}

/// A route that was sound before, under what its policy is now. `None`: only its text can tell whether they fit, or where
/// they do not. Every check of a route that looks at its policy must be made here as well.
fn known_route(known: &Arc<Route>, policies: &Policies) -> Option<Arc<Route>> {
    let name = &*known.policy.rules.name;
    let policy = if name == STANDARD {
        policies.standard(&known.event)
    } else {
        let entry = policies.entry(name)?;
        // As `check_on_success` wants it, without anything to say.
        let succeeded = &known.outcome.succeeded;
        let told_by_head = !succeeded.is_empty() && succeeded.iter().all(AnswerRule::is_about_head);
        if entry.has_on_success && !(known.event.has_after() && told_by_head) {
            return None;
        }
        entry.compiled.clone()?
    };
    if Arc::ptr_eq(&policy, &known.policy) {
        return Some(known.clone());
    }
    // As `expect_pages` wants it.
    if !known.pages.iter().any(|page| is_address(page.as_str())) && needs_pages(&known.fields, &policy) {
        return None;
    }
    Some(Arc::new(Route { policy, ..(**known).clone() }))
}

fn identity(slot: &Slot<Identity>) -> IdentityRules {
    let mut rules = IdentityRules::default();
    let Some(keys) = slot.get() else { return rules };
    if let Some(case) = keys.case.get() {
        rules.fold_case = matches!(case, CaseName::Fold);
    }
    if let Some(gmail) = keys.gmail.get() {
        rules.merge_gmail = matches!(gmail, GmailName::Merge);
    }
    if let Some(tags) = keys.tags.get() {
        rules.strip_tags = matches!(tags, TagsName::Strip);
    }
    rules
}
