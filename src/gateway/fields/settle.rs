//! One value for one field: the first source that has it, and whether anything else in the request says otherwise.

use super::credentials;
use crate::config::settings::FieldSource;
use crate::gateway::form::{Kin, Oddities, Oddity, Reading, Values};
use http::HeaderMap;
use zeroize::Zeroizing;

/// A field's value, and how sure it is.
pub(super) struct Settled {
    pub(super) text: Zeroizing<String>,
    /// Several values under the name, or one under a name that only some backends take for it.
    pub(super) duplicate: bool,
    /// Another value in another place that the application may read instead.
    pub(super) places: bool,
    pub(super) odd: Oddities,
}

/// `None`: no source has it, or all are empty.
pub(super) fn settle(sources: &[FieldSource], values: &Values, headers: &HeaderMap) -> Option<Settled> {
    let mut settled = None;
    let mut rest = sources.iter();
    for source in rest.by_ref() {
        settled = from_source(source, values, headers);
        if settled.is_some() {
            break;
        }
    }
    match settled {
        Some(mut settled) => {
            // Sources further down the list are the operator's order of preference; a browser fills one of them.
            settled.places |= rest.filter(|source| is_content(source)).any(|source| {
                let other = from_source(source, values, headers);
                other.is_some_and(|other| *other.text != *settled.text)
            });
            settled.places |= sources.iter().any(|source| says_otherwise(source, values, &settled.text));
            Some(settled)
        }
        // Only where the route does not look: a JSON body for a form, a query for a body.
        None => {
            let elsewhere = |source| values.of(source).iter().chain(values.beside(source)).find(|r| !is_empty(r));
            let reading = sources.iter().find_map(elsewhere)?;
            Some(Settled { text: copy(reading.as_ref()), duplicate: false, places: true, odd: reading.odd() })
        }
    }
}

fn is_content(source: &FieldSource) -> bool {
    match source {
        FieldSource::Form(_) | FieldSource::Json(_) | FieldSource::Query(_) => true,
        FieldSource::BasicUser | FieldSource::BasicPassword => true,
        // A cookie that remembers the last user is no second claim.
        FieldSource::Header(_) | FieldSource::Cookie(_) => false,
    }
}

/// Whether a look-alike place (the other body format, the query beside the body) holds another value.
fn says_otherwise(source: &FieldSource, values: &Values, text: &str) -> bool {
    let elsewhere = values.of(source).iter().filter(|reading| reading.kin() == Kin::Elsewhere);
    elsewhere.chain(values.beside(source)).any(|reading| reading.as_ref() != text)
}

fn from_source(source: &FieldSource, values: &Values, headers: &HeaderMap) -> Option<Settled> {
    match source {
        FieldSource::Form(_) | FieldSource::Query(_) | FieldSource::Json(_) => {
            from_readings(values.of(source), values.disputed(source))
        }
        FieldSource::Header(name) => one_of(headers.get_all(&**name).iter().map(|value| value.as_bytes())),
        FieldSource::Cookie(name) => one_of(credentials::cookies(headers, name)),
        FieldSource::BasicUser => from_basic(headers, |pair| pair.user),
        FieldSource::BasicPassword => from_basic(headers, |pair| pair.password),
    }
}

fn from_readings(readings: &[Reading], disputed: bool) -> Option<Settled> {
    let here = || readings.iter().filter(|reading| !matches!(reading.kin(), Kin::Elsewhere | Kin::Joined));
    let exact = || here().filter(|reading| reading.kin() == Kin::Exact);
    let chosen = exact().rfind(|reading| !is_empty(reading)).or_else(|| here().rfind(|reading| !is_empty(reading)));
    let mut odd = Oddities::default();
    here().for_each(|reading| odd.extend(reading.odd()));
    let duplicate = disputed || exact().count() != 1 || here().count() != 1;
    let text = match chosen {
        Some(reading) => copy(reading.as_ref()),
        // An object or an empty file under the name: nothing to read, and yet not nothing.
        None if !odd.is_empty() => Zeroizing::default(),
        None => return None,
    };
    Some(Settled { text, duplicate, places: false, odd })
}

fn one_of<'a>(mut all: impl Iterator<Item = &'a [u8]>) -> Option<Settled> {
    let first = all.next()?.trim_ascii();
    let mut duplicate = false;
    let mut last = first;
    for other in all {
        duplicate = true;
        last = other.trim_ascii();
    }
    let (text, odd) = credentials::text(last);
    if text.is_empty() {
        return None;
    }
    Some(Settled { text, duplicate, places: false, odd })
}

fn from_basic(headers: &HeaderMap, half: fn(credentials::Basic) -> Zeroizing<Vec<u8>>) -> Option<Settled> {
    let (pair, duplicate) = credentials::basic(headers)?;
    let (text, mut odd) = credentials::text(&half(pair));
    if memchr::memchr(0, text.as_bytes()).is_some() {
        odd.add(Oddity::Nul);
    }
    (!text.is_empty()).then_some(Settled { text, duplicate, places: false, odd })
}

fn is_empty(reading: &Reading) -> bool {
    reading.as_ref().is_empty()
}

fn copy(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}
