//! Orders, as they are: what was accepted under a name, and the last word about it.

use super::super::order::{EARLY, REMEMBERED, is_accepted};
use super::{Became, Model};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::store::{Bought, Concluded, Conclusion};

pub(super) struct Order {
    until: Timestamp,
    said: Option<bool>,
    /// Which attempt.
    place: Option<usize>,
}

impl Model {
    pub(super) fn accept(&mut self, order: Option<Pseudonym>, place: usize, outcome: Outcome, present: Timestamp) {
        let Some(order) = order.filter(|_| is_accepted(outcome)) else { return };
        self.attempts[place].ordered = true;
        let before = self.orders.get(&order).filter(|known| known.until > present);
        if before.is_some_and(|known| known.place.is_some()) {
            return;
        }
        let early = before.and_then(|known| known.said);
        self.orders.insert(order, Order { until: present.after(REMEMBERED), said: early, place: Some(place) });
        if let Some(paid) = early {
            self.count_as(place, paid);
        }
    }

    pub(super) fn conclude(&mut self, said: &Conclusion) -> Concluded {
        let known = self.orders.get_mut(&said.order).filter(|known| known.until > said.at);
        let Some((known, place)) = known.and_then(|known| known.place.map(|place| (known, place))) else {
            let until = said.at.after(EARLY);
            self.orders.insert(said.order, Order { until, said: Some(said.paid), place: None });
            return Concluded::Early;
        };
        let is_new = known.said.replace(said.paid) != Some(said.paid);
        let bought = Bought { id: AttemptId(place as u128), at: self.attempts[place].at };
        if is_new {
            self.count_as(place, said.paid);
            Concluded::Counted(bought)
        } else {
            Concluded::Again(bought)
        }
    }

    fn count_as(&mut self, place: usize, paid: bool) {
        let past = &mut self.attempts[place];
        past.became = Became::Answered(if paid { Outcome::Succeeded } else { Outcome::Failed });
        past.failed |= !paid;
        past.landed = true;
    }
}
