//! The second step of recognition: routes that the head allows, until the body says which it is.

use super::method::{self, METHOD_PARAMETER, MethodFit};
use super::readings::Names;
use super::values::{BodyValues, ValueReadings};
use crate::config::settings::{Route, ValueCondition, ValuePlace};
use crate::engine::attempt::Ambiguity;
use std::borrow::Cow;
use std::sync::Arc;

/// Routes that a request may be on, likeliest first. There is at least one.
#[derive(Debug)]
pub struct Candidates {
    pub(super) first: Candidate,
    pub(super) others: Vec<Candidate>,
    /// Readings that lead to routes after one that needs no body.
    pub(super) elsewhere: Names,
    /// What the request was sent with and tunnels in its head: the form's `_method` joins these.
    pub(super) methods: Vec<String>,
}

/// A route whose conditions on the head hold.
#[derive(Debug)]
pub(super) struct Candidate {
    pub route: Arc<Route>,
    pub names: Names,
    pub method: MethodFit,
    /// Whether the form's `_method` may still be what makes the method fit.
    pub method_open: bool,
    /// Conditions that the body decides, with what the query already said, by place in the route's list.
    pub open: Vec<(usize, ValueReadings)>,
}

/// A request's route, and in which ways it could have been read as something else.
#[derive(Debug)]
pub struct Recognized {
    pub route: Arc<Route>,
    pub ambiguities: Vec<Ambiguity>,
}

impl Candidates {
    /// Whether the body must be read to tell on which route the request is, if on any.
    pub fn needs_body(&self) -> bool {
        !self.first.is_decided()
    }

    /// The route to treat the request as if its body cannot be read: the first that the head allows.
    pub fn presumed(&self) -> &Arc<Route> {
        &self.first.route
    }

    /// All routes that are still possible, likeliest first.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        std::iter::once(&self.first).chain(&self.others).map(|candidate| &candidate.route)
    }

    /// As [`Candidates::presumed`], with what the head alone says about readings.
    pub fn presume(&self) -> Recognized {
        let method = self.first.method != MethodFit::All;
        recognized(&self.first, method, self.elsewhere)
    }

    /// The first candidate whose open conditions hold for this body. Without a body: `&()`. If the body may hold fields that
    /// only some servers see, and what is seen leads nowhere, the likeliest.
    pub fn settle(&self, body: &dyn BodyValues) -> Option<Recognized> {
        self.settled(body).or_else(|| body.hides().then(|| self.presume()))
    }

    fn settled(&self, body: &dyn BodyValues) -> Option<Recognized> {
        // Nearly always the only candidate, with nothing open: not even `_method` is asked for.
        let mut tunnelled: Option<Vec<String>> = None;
        let mut chosen: Option<(&Candidate, MethodFit)> = None;
        let mut elsewhere = self.elsewhere;
        for candidate in std::iter::once(&self.first).chain(&self.others) {
            let method = if candidate.method_open {
                let methods = tunnelled.get_or_insert_with(|| self.methods_with(body));
                method::fit(&candidate.route.matching.methods, methods.iter().map(String::as_str))
            } else {
                candidate.method
            };
            if method == MethodFit::None || !candidate.holds(body) {
                continue;
            }
            match chosen {
                None => chosen = Some((candidate, method)),
                Some(_) if elsewhere.is_raw() => elsewhere = candidate.names,
                Some(_) => break,
            }
        }
        chosen.map(|(candidate, method)| recognized(candidate, method == MethodFit::Some, elsewhere))
    }

    fn methods_with(&self, body: &dyn BodyValues) -> Vec<String> {
        let form = body.form(METHOD_PARAMETER).into_iter().chain(body.json("/_method")).map(Cow::into_owned);
        self.methods.iter().cloned().chain(form.filter(|method| !method.is_empty())).collect()
    }
}

impl Candidate {
    pub fn is_decided(&self) -> bool {
        self.open.is_empty() && self.method != MethodFit::None
    }

    fn holds(&self, body: &dyn BodyValues) -> bool {
        self.open.iter().all(|(place, in_query)| {
            self.route.matching.values.get(*place).is_none_or(|condition| holds(condition, in_query, body))
        })
    }
}

pub(super) fn holds(condition: &ValueCondition, in_query: &ValueReadings, body: &dyn BodyValues) -> bool {
    let name = &*condition.name;
    let readings = match condition.place {
        ValuePlace::Query | ValuePlace::Header => return in_query.accepted(&condition.accept),
        ValuePlace::Param => in_query.joined(body.form(name), body.form_standing(name)),
        ValuePlace::Form => ValueReadings::absent().joined(body.form(name), body.form_standing(name)),
        ValuePlace::Json => ValueReadings::absent().joined(body.json(name), body.json_standing(name)),
    };
    readings.accepted(&condition.accept)
}

fn recognized(candidate: &Candidate, method: bool, elsewhere: Names) -> Recognized {
    let mut ambiguities = Vec::new();
    let names = if candidate.names.is_raw() { elsewhere } else { candidate.names };
    if !names.is_raw() {
        ambiguities.push(Ambiguity::Path(names.list()));
    }
    if method {
        ambiguities.push(Ambiguity::Method);
    }
    Recognized { route: candidate.route.clone(), ambiguities }
}
