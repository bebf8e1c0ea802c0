//! A route with nothing but conditions: for tests, benches and fuzz targets, which reach no farther than recognition.

use crate::config::settings::{
    Ambiguous, DenyAnswer, IdentityRules, Matching, Mode, Route, RoutePolicy, TooLarge, Unreadable,
};
use crate::engine::assessment::Model;
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::outcome::OutcomeRules;
use crate::engine::policy::Policy;
use std::sync::Arc;

/// A login route that matches so, maps no field and allows everything.
pub fn route(name: &str, matching: Matching) -> Arc<Route> {
    let rules = Policy {
        name: "specimen".into(),
        model: Arc::new(Model { intercepts: Default::default(), signals: Vec::new() }),
        rules: Vec::new(),
        on_success: Vec::new(),
        otherwise: Action::Allow,
    };
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
        policy: Arc::new(RoutePolicy { rules, mode: Mode::Enforce, deny: DenyAnswer::RedirectToPage }),
        pages: Vec::new(),
    })
}
