//! A route with nothing but conditions: for tests, benches and fuzz targets, which reach no farther than recognition.

use crate::config::settings::{
    Ambiguous, Amounts, DenyAnswer, IdentityRules, Matching, Mode, Route, RoutePolicy, TooLarge, Unreadable,
};
use crate::engine::assessment::Model;
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::exploration::Exploration;
use crate::engine::outcome::OutcomeRules;
use crate::engine::policy::{Names, Policy, PolicySource};
use std::sync::Arc;

#[expect(clippy::expect_used, reason = "a policy without rules has nothing that could be wrong")]
/// A login route that matches so, maps no field and allows everything.
pub fn route(name: &str, matching: Matching) -> Arc<Route> {
    let source = PolicySource {
        name: "specimen".into(),
        rules: Vec::new(),
        on_success: Vec::new(),
        when_degraded: Vec::new(),
        otherwise: Action::Allow,
    };
    let names = Names::new(Vec::new(), Vec::new());
    let rules = Policy::compile(source, &names, Arc::new(Model::default())).expect("no rules, no mistakes");
    Arc::new(Route {
        name: name.into(),
        event: Event::Login,
        matching,
        fields: Vec::new(),
        outcome: OutcomeRules::default(),
        too_large: TooLarge::Refuse,
        unreadable: Unreadable::Refuse,
        ambiguous: Ambiguous::Deny,
        identity: IdentityRules::default(),
        policy: Arc::new(RoutePolicy {
            rules,
            mode: Mode::Enforce,
            deny: DenyAnswer::RedirectToPage,
            explore: Exploration::NONE,
        }),
        pages: Vec::new(),
        trap: Vec::new(),
        amounts: Amounts::Units,
        settles: None,
    })
}
