//! Attempts in the form that an application has, as its gate's configuration tells it.
//!
//! The configuration says where each field is read from; read backwards, that is how a form is filled in. For each event the
//! first of its routes that can be written that way is taken: a path that only a regular expression describes cannot.

use crate::attempt_file::LabelledAttempt;
use crate::config::settings::{Amounts, DenyAnswer, FieldSource, PathPattern, Route, Settings, ValuePlace};
use crate::engine::attempt::Field;
use crate::engine::event::Event;
use crate::engine::money::Currency;
use crate::engine::pattern::Glob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use url::form_urlencoded::Serializer;

/// How the attempts of one event are sent.
pub struct Form {
    route: Arc<Route>,
    method: String,
    host: Option<String>,
    path: String,
    /// Where the form is shown, for `Referer`.
    page: String,
}

/// Why an event cannot be played.
#[derive(Debug, PartialEq, Eq)]
pub struct NotWritable {
    pub route: String,
    pub why: String,
}

/// A request's parts that depend on the form.
#[derive(Debug, Default)]
pub struct Filled {
    pub target: String,
    pub content_type: &'static str,
    pub body: String,
    /// What the form puts into headers: names as the route has them.
    pub headers: Vec<(String, String)>,
}

/// The forms of one application.
pub struct Forms {
    forms: Vec<Form>,
    pub left_out: Vec<NotWritable>,
}

impl Forms {
    pub fn of(settings: &Settings) -> Forms {
        let (mut forms, mut left_out) = (Vec::<Form>::new(), Vec::new());
        for route in &settings.routes {
            if forms.iter().any(|form| form.route.event == route.event) {
                continue;
            }
            match Form::of(route) {
                Ok(form) => forms.push(form),
                Err(why) => left_out.push(NotWritable { route: route.name.to_string(), why }),
            }
        }
        Forms { forms, left_out }
    }

    /// How this event is sent; none if the configuration has no such route.
    pub fn for_event(&self, event: &Event) -> Option<&Form> {
        self.forms.iter().find(|form| form.route.event == *event)
    }

    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }
}

impl Form {
    fn of(route: &Arc<Route>) -> Result<Form, String> {
        let plain = |glob: &&Glob| !glob.as_str().contains(['*', '?']);
        let page = route.pages.iter().find(plain).map(|page| page.as_str().to_owned());
        let path = match &route.matching.path {
            PathPattern::Exact(path) | PathPattern::Prefix(path) => path.to_string(),
            PathPattern::Glob(glob) => Glob::new(glob).example(),
            PathPattern::Any => page.clone().unwrap_or_else(|| "/".to_owned()),
            PathPattern::Regex(regex) => match page.clone().filter(|page| regex.is_match(page)) {
                Some(page) => page,
                None => return Err("its path is a regular expression".to_owned()),
            },
        };
        for value in route.matching.values.iter().filter(|value| !value.accept.accepts(None)) {
            if value.accept.example().is_none() {
                return Err(format!("what `{}` must be is only said by what it must not be", value.name));
            }
        }
        let host = route.matching.hosts.as_ref().and_then(|hosts| hosts.example());
        let method = route.matching.methods.first().map_or("POST", |method| &**method).to_owned();
        let page = page.unwrap_or_else(|| path.clone());
        Ok(Form { route: route.clone(), method, host, path, page })
    }

    pub fn method(&self) -> &str {
        &self.method
    }

    /// The host that the route asks for.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    pub fn page(&self) -> &str {
        &self.page
    }

    pub fn deny(&self) -> &DenyAnswer {
        &self.route.policy.deny
    }

    /// Fills in what the attempt brings, in the first place that the route has for each field.
    pub fn fill(&self, attempt: &LabelledAttempt<'_>) -> Filled {
        let mut query = Vec::new();
        let mut form: Vec<(String, String)> = Vec::new();
        let mut json = Value::Object(serde_json::Map::new());
        let mut is_json = false;
        let mut filled = Filled::default();
        let mut cookies = Vec::new();
        let (mut user, mut secret) = (None, None);
        for value in &self.route.matching.values {
            let Some(example) = value.accept.example() else { continue };
            match value.place {
                ValuePlace::Query => query.push((value.name.to_string(), example)),
                ValuePlace::Form | ValuePlace::Param => form.push((value.name.to_string(), example)),
                ValuePlace::Header => filled.headers.push((value.name.to_string(), example)),
                ValuePlace::Json => is_json |= set(&mut json, &value.name, Value::String(example)),
            }
        }
        for (field, sources) in &self.route.fields {
            let (Some(value), Some(source)) = (value_of(attempt, *field), sources.first()) else { continue };
            let text = match (*field, self.route.amounts) {
                (Field::Amount, Amounts::Minor) => smallest(attempt).to_string(),
                _ => value.into_owned(),
            };
            match source {
                FieldSource::Form(name) => form.push((name.to_string(), text)),
                FieldSource::Query(name) => query.push((name.to_string(), text)),
                FieldSource::Json(pointer) => is_json |= set(&mut json, pointer, Value::String(text)),
                FieldSource::Header(name) => filled.headers.push((name.to_string(), text)),
                FieldSource::Cookie(name) => cookies.push(format!("{name}={text}")),
                FieldSource::BasicUser => user = Some(text),
                FieldSource::BasicPassword => secret = Some(text),
            }
        }
        // An account that is called by its address has one field in the form.
        let mut seen = Vec::new();
        form.retain(|(name, _)| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        if user.is_some() || secret.is_some() {
            let pair = format!("{}:{}", user.unwrap_or_default(), secret.unwrap_or_default());
            filled.headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
        }
        if !cookies.is_empty() {
            filled.headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        filled.target = match query.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, encoded(&query)),
        };
        (filled.content_type, filled.body) = match is_json {
            true => ("application/json", json.to_string()),
            false => ("application/x-www-form-urlencoded", encoded(&form)),
        };
        filled
    }
}

/// The attempt's amount in its currency's smallest units.
fn smallest(attempt: &LabelledAttempt<'_>) -> u64 {
    let currency = attempt.fields.currency.as_deref().and_then(Currency::find);
    let units = 10f64.powi(currency.map_or(2, |currency| currency.decimals.into()));
    (attempt.fields.amount.unwrap_or_default() * units).round() as u64
}

fn encoded(pairs: &[(String, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The attempt's value for a field of a route.
fn value_of<'a>(attempt: &'a LabelledAttempt<'_>, field: Field) -> Option<Cow<'a, str>> {
    let fields = &attempt.fields;
    // What is an address may stand in either field.
    let others: &[Field] = match field {
        Field::Account | Field::Username => &[Field::Email, Field::Account],
        Field::Email => &[Field::Account],
        _ => &[],
    };
    fields.text(field).or_else(|| others.iter().find_map(|other| fields.text(*other)))
}

/// Puts a value at a JSON pointer, with objects on the way; whether it could.
fn set(object: &mut Value, pointer: &str, value: Value) -> bool {
    let mut at = object;
    for step in pointer.trim_start_matches('/').split('/') {
        let Value::Object(map) = at else { return false };
        at = map.entry(step.replace("~1", "/").replace("~0", "~")).or_insert_with(|| Value::Object(Default::default()));
    }
    *at = value;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt_file::Attempts;

    fn forms(routes: &str) -> Forms {
        let yaml = format!(
            "version: 1\nmode: monitor\nlisten: [{{ address: \"127.0.0.1:1\" }}]\nupstream: {{ servers: [\"127.0.0.1:2\"] }}\n\
             routes:\n{routes}"
        );
        let parsed = crate::config::parse("test.yaml", &yaml, std::path::Path::new("/nowhere"));
        Forms::of(&parsed.map_err(|report| report.to_string()).unwrap().0)
    }

    fn login() -> LabelledAttempt<'static> {
        let line = r#"{"t":5,"event":"login","ip":"203.0.113.7","headers":[],"fields":{"account":"anna@example.com","password":"a&b"},"outcome":"failed","label":"innocent"}"#;
        Attempts::new("a", line.as_bytes()).next().unwrap().unwrap()
    }

    #[test]
    fn a_form_is_filled_in_as_its_route_reads_it() {
        let forms = forms(
            "  - name: a\n    event: login\n    match: { method: POST, path: /login, param: { action: [\"!x\", \"log*\"] } }\n    \
             fields: { account: form:email, email: form:email, password: form:pw }\n    pages: [/signin]\n",
        );
        let form = forms.for_event(&Event::Login).unwrap();
        let filled = form.fill(&login());
        assert_eq!((form.method(), &*filled.target, form.page()), ("POST", "/login", "/signin"));
        assert_eq!(filled.body, "action=log&email=anna%40example.com&pw=a%26b");
        assert!(forms.for_event(&Event::Checkout).is_none());
    }

    #[test]
    fn json_query_and_headers_are_filled_in_too() {
        let forms = forms(
            "  - name: a\n    event: login\n    match: { method: PUT, path_prefix: /api/, query: { v: \"2\" } }\n    \
             fields: { account: [\"json:/user/name\", form:x], password: header:x-secret }\n",
        );
        let filled = forms.for_event(&Event::Login).unwrap().fill(&login());
        assert_eq!((&*filled.target, filled.content_type), ("/api/?v=2", "application/json"));
        assert_eq!(filled.body, r#"{"user":{"name":"anna@example.com"}}"#);
        assert_eq!(filled.headers, [("x-secret".to_owned(), "a&b".to_owned())]);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let forms = forms(
            "  - name: odd\n    event: login\n    match: { path_regex: \"/l[0-9]+\" }\n    fields: { account: form:x }\n",
        );
        assert!(forms.is_empty());
        assert_eq!(forms.left_out[0].route, "odd");
    }
}
