//! What is published, and when it is made anew.
//!
//! Evidence asks once a second, but what it asks for only moves by steps when a stranger comes whom no campaign explains, or
//! when a campaign begins or ends. What people do at their own devices moves the rates that strangers are compared with, by
//! a little of a thousandth each; one more member of a campaign who does not get in says of its cells what was known of them;
//! and time makes everything fade alike. So without such a stranger the last answer serves for a few seconds more.

use super::super::campaign::{Campaigns, MEMBER, Numbers, Pattern, STAYS};
use super::super::honest::{PRESUMED_CELL, Shares, cells};
use super::super::tally::Tally;
use super::{IDLE, Population};
use crate::engine::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long what is published serves while only people come who were here before, and members of campaigns.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Published {
    campaigns: Arc<Campaigns>,
    at: Timestamp,
    /// Whether anything came that may have changed it.
    pub is_old: bool,
}

impl Population {
    /// What evidence carries, as of now, or of [a few seconds](FRESH) ago if nobody came since of whom that says anything new.
    pub fn publish(&mut self, at: Timestamp) -> Arc<Campaigns> {
        let Published { at: last, is_old, .. } = self.published;
        // A clock that was set back makes nothing last.
        if is_old || at < last || at.since(last) >= FRESH {
            self.published = Published { campaigns: Arc::new(self.made(at)), at, is_old: false };
        }
        self.published.campaigns.clone()
    }

    /// The same as of now, whoever came.
    pub fn publish_now(&mut self, at: Timestamp) -> Arc<Campaigns> {
        self.published.is_old = true;
        self.publish(at)
    }

    fn made(&mut self, at: Timestamp) -> Campaigns {
        self.advance(at);
        while let Some(id) =
            self.active.iter().find(|active| at.since(active.campaign.seen) > IDLE).map(|a| a.campaign.id)
        {
            self.close(id);
        }
        let mut published = Campaigns { networks: self.networks.clone(), ..Campaigns::default() };
        if self.active.is_empty() {
            return published;
        }
        let site = Shares::of_site(self.rates(), &self.tallies());
        let mut active = std::mem::take(&mut self.active);
        for (place, active) in active.iter_mut().enumerate() {
            let place = place as u16;
            active.campaign.numbers = match active.campaign.pattern {
                Pattern::Fingerprint(key) => {
                    let cluster = self.fingerprints.at(key, at);
                    published.fingerprints.insert(key, (place, site.cells(cluster)));
                    site.numbers(&cluster.classes)
                }
                Pattern::FingerprintInAsn(key, asn) => {
                    let cluster = self.in_asn.at((key, asn), at);
                    published.in_asn.insert((key, asn), (place, site.cells(cluster)));
                    site.numbers(&cluster.classes)
                }
                Pattern::Strangers => {
                    published.strangers = Some(place);
                    published.others = cells(site.of_class.map(|honest| 1.0 - honest), &mut active.members);
                    published.swept = self.sweep.publish(&mut self.fingerprints, &site, at);
                    site.numbers(&std::array::from_fn(|place| self.classes[place].tally))
                }
                Pattern::Password(tag) => match self.passwords.tags.get_mut(&tag) {
                    None => Numbers::default(),
                    Some(known) => {
                        known.advance(at);
                        let honest = known.tally.succeeded / site.rates.succeed;
                        let share = (honest + PRESUMED_CELL * 0.5) / (known.tally.people + PRESUMED_CELL);
                        known.is_member = 1.0 - share >= if known.is_member { STAYS } else { MEMBER };
                        if known.is_member {
                            published.passwords.insert(tag, (place, (1.0 - share) as f32));
                        }
                        let Tally { people, succeeded } = known.tally;
                        Numbers { people, succeeded, expected: honest }
                    }
                },
            };
            published.active.push(Arc::new(active.campaign.clone()));
        }
        self.active = active;
        published
    }
}
