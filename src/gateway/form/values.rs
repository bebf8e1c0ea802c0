//! What was read: for each wanted name every plausible reading, in the order of the body.
//!
//! A list and not one value, because backends choose differently among duplicates, and whoever asks (a route's
//! condition, a field's capture) must decide over all of them. Texts are wiped when dropped and can be neither cloned
//! nor printed: a password may be among them.

use super::oddity::{Oddities, Oddity};
use super::wanted::{Kin, Place, Want, Wanted};
use super::{MAX_READINGS, MAX_VALUE, Unreadable};
use crate::config::settings::FieldSource;
use crate::gateway::recognize::{BodyValues, Standing};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// One plausible reading of one wanted value.
pub struct Reading {
    text: Zeroizing<String>,
    kin: Kin,
    odd: Oddities,
}

impl Reading {
    /// How its name relates to the one asked for.
    pub fn kin(&self) -> Kin {
        self.kin
    }

    /// What is odd about the way this value is written.
    pub fn odd(&self) -> Oddities {
        self.odd
    }
}

impl AsRef<str> for Reading {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Recognition asks for every reading.
impl BodyValues for Values {
    fn form(&self, name: &str) -> Vec<Cow<'_, str>> {
        Values::form(self, name).iter().map(|reading| Cow::Borrowed(reading.as_ref())).collect()
    }

    fn json(&self, pointer: &str) -> Vec<Cow<'_, str>> {
        Values::json(self, pointer).iter().map(|reading| Cow::Borrowed(reading.as_ref())).collect()
    }

    fn form_standing(&self, name: &str) -> Standing {
        self.standing(Place::Form, name)
    }

    fn json_standing(&self, pointer: &str) -> Standing {
        self.standing(Place::Json, pointer)
    }

    fn hides(&self) -> bool {
        let hiding = [
            Oddity::MultipartDelimiter,
            Oddity::MultipartPreamble,
            Oddity::MultipartEpilogue,
            Oddity::MultipartEnd,
            Oddity::MultipartHeader,
        ];
        hiding.into_iter().any(|oddity| self.odd.contains(oddity))
    }
}

#[derive(Default)]
struct Slot {
    readings: Vec<Reading>,
    /// An object on the way to this value stands there twice, and only one of them need hold it.
    disputed: bool,
    /// There were more readings than are kept.
    crowded: bool,
}

/// The wanted values of one request.
pub struct Values {
    wanted: Wanted,
    slots: Box<[Slot]>,
    odd: Oddities,
    /// Fields of query and form so far: some backends count both together.
    pub(super) fields: usize,
    /// `_charset_` names another charset than UTF-8.
    pub(super) foreign_charset: bool,
    /// Work done, for the tests of its bound.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl Values {
    /// Nothing read yet.
    pub fn new(wanted: &Wanted) -> Values {
        Values {
            wanted: wanted.clone(),
            slots: wanted.wants.iter().map(|_| Slot::default()).collect(),
            odd: Oddities::default(),
            fields: 0,
            foreign_charset: false,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// All readings of a form value (urlencoded or multipart; also of the same name in a JSON body). Usable as they are
    /// with [`Globs::accepts_readings`](crate::engine::pattern::Globs::accepts_readings).
    pub fn form(&self, name: &str) -> &[Reading] {
        self.at(Place::Form, name)
    }

    /// All readings of a query value.
    pub fn query(&self, name: &str) -> &[Reading] {
        self.at(Place::Query, name)
    }

    /// All readings of a JSON value, printed as text (`true`, `12`), by JSON Pointer.
    pub fn json(&self, pointer: &str) -> &[Reading] {
        self.at(Place::Json, pointer)
    }

    /// What is odd about the body as a whole.
    pub fn odd(&self) -> Oddities {
        self.odd
    }

    /// The readings of a field's source, if it lies in the body or the query.
    pub fn of(&self, source: &FieldSource) -> &[Reading] {
        match source {
            FieldSource::Form(name) => self.form(name),
            FieldSource::Query(name) => self.query(name),
            FieldSource::Json(pointer) => self.json(pointer),
            FieldSource::Header(_) | FieldSource::Cookie(_) | FieldSource::BasicUser | FieldSource::BasicPassword => {
                &[]
            }
        }
    }

    /// The readings under the same name on the other side: in the query for a value of the body, and the reverse.
    pub fn beside(&self, source: &FieldSource) -> &[Reading] {
        match source {
            FieldSource::Form(name) => self.query(name),
            FieldSource::Query(name) => self.form(name),
            FieldSource::Json(pointer) => match self.wanted.position(Place::Json, pointer) {
                Some(place) => self.query(&self.wanted.wants[place].spelling),
                None => &[],
            },
            FieldSource::Header(_) | FieldSource::Cookie(_) | FieldSource::BasicUser | FieldSource::BasicPassword => {
                &[]
            }
        }
    }

    /// Whether two JSON objects of one name lead to this source's value.
    pub fn disputed(&self, source: &FieldSource) -> bool {
        let place = match source {
            FieldSource::Form(name) => self.wanted.position(Place::Form, name),
            FieldSource::Json(pointer) => self.wanted.position(Place::Json, pointer),
            _ => None,
        };
        place.is_some_and(|place| self.slots[place].disputed)
    }

    /// The value is there to every backend if it stands under its very name, in no object that stands there twice, and in a
    /// body that all read alike. Beside a look-alike, an array say, it need not be what is read: the later one replaces it.
    fn standing(&self, place: Place, name: &str) -> Standing {
        let mut odd = self.odd;
        odd.remove(Oddity::Query);
        let Some(slot) = self.wanted.position(place, name).map(|slot| &self.slots[slot]) else {
            return Standing::default();
        };
        let has = |kin| slot.readings.iter().any(|reading| reading.kin == kin);
        let sure = odd.is_empty() && !slot.disputed;
        Standing {
            present: sure && has(Kin::Exact),
            replaced: !odd.is_empty() || has(Kin::Lookalike),
            crowded: slot.crowded,
        }
    }

    fn at(&self, place: Place, name: &str) -> &[Reading] {
        match self.wanted.position(place, name) {
            Some(slot) => &self.slots[slot].readings,
            None => &[],
        }
    }

    pub(super) fn wants(&self) -> std::sync::Arc<[Want]> {
        self.wanted.wants.clone()
    }

    pub(super) fn needs_body(&self) -> bool {
        self.wanted.needs_body
    }

    pub(super) fn asks_json(&self) -> bool {
        self.wanted.asks_json()
    }

    pub(super) fn set_odd(&mut self, odd: Oddities) {
        self.odd = odd;
    }

    pub(super) fn add_odd(&mut self, oddity: Oddity) {
        self.odd.add(oddity);
    }

    pub(super) fn dispute(&mut self, want: usize) {
        if let Some(slot) = self.slots.get_mut(want) {
            slot.disputed = true;
        }
    }

    /// Keeps one reading. Of more than [`MAX_READINGS`] the first ones and the last are kept.
    pub(super) fn add(
        &mut self,
        want: usize,
        kin: Kin,
        text: Zeroizing<String>,
        mut odd: Oddities,
    ) -> Result<(), Unreadable> {
        if text.len() > MAX_VALUE {
            return Err(Unreadable::ValueTooLong);
        }
        if memchr::memchr(0, text.as_bytes()).is_some() {
            odd.add(Oddity::Nul);
        }
        if let Some(slot) = self.slots.get_mut(want) {
            if slot.readings.len() == MAX_READINGS {
                slot.readings.pop();
                slot.disputed = true;
                slot.crowded = true;
                // PHP with its limit on fields takes one from the middle.
                self.odd.add(Oddity::Crowd);
            }
            slot.readings.push(Reading { text, kin, odd });
        }
        Ok(())
    }

    /// Adds what can only be said when everything was read: joined duplicates, and what `_charset_` makes of letters.
    pub(super) fn finish(&mut self, place: Option<Place>) {
        for (want, slot) in self.wanted.wants.iter().zip(&mut self.slots) {
            if place.is_some_and(|place| want.place != place) {
                continue;
            }
            if self.foreign_charset {
                for reading in slot.readings.iter_mut().filter(|reading| !reading.text.is_ascii()) {
                    reading.odd.add(Oddity::Charset);
                }
            }
            let several = slot.readings.iter().filter(|reading| reading.kin != Kin::Elsewhere).count();
            if several < 2 || slot.readings.iter().any(|reading| reading.kin == Kin::Joined) {
                continue;
            }
            let length: usize = slot.readings.iter().map(|reading| reading.text.len() + 1).sum();
            if length > MAX_VALUE {
                continue;
            }
            let mut joined = Zeroizing::new(String::with_capacity(length));
            for reading in slot.readings.iter().filter(|reading| reading.kin != Kin::Elsewhere) {
                if !joined.is_empty() {
                    joined.push(',');
                }
                joined.push_str(&reading.text);
            }
            slot.readings.push(Reading { text: joined, kin: Kin::Joined, odd: Oddities::default() });
        }
    }

    /// Counts work in tests; nothing elsewhere.
    #[inline]
    pub(super) fn spend(&mut self, _bytes: usize) {
        #[cfg(test)]
        {
            self.steps += _bytes;
        }
    }
}
