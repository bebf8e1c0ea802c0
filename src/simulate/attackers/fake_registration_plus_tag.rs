//! Many accounts on one mailbox: tags behind a plus, dots that the provider ignores.

use super::{Attacker, Of};
use crate::simulate::campaign::Launch;
use crate::simulate::chance::Chance;
use crate::simulate::forgery::{self, Inventor};
use crate::simulate::names::{self, random_text};
use crate::simulate::places::PLACES;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "fake_registration_plus_tag",
    summary: "registers one mailbox again and again, with tags after a plus or dots that its provider takes no notice of",
    share: 10.0,
    of: Of::Registrations,
    launch,
};

struct Tags {
    local: String,
    dots: bool,
    count: u64,
}

impl Inventor for Tags {
    fn address(&mut self, _: &Town, chance: &mut Chance) -> String {
        self.count += 1;
        if self.dots {
            // Between any two letters there may be a dot: each number is a choice of dots.
            let choice = chance.draw();
            let dotted: String = self.local.char_indices().fold(String::new(), |mut text, (place, letter)| {
                if place > 0 && choice >> (place % 64) & 1 == 1 {
                    text.push('.');
                }
                text.push(letter);
                text
            });
            return format!("{dotted}@gmail.com");
        }
        let tag = if chance.hit(0.5) {
            self.count.to_string()
        } else {
            random_text(b"abcdefghijklmnopqrstuvwxyz0123456789", 5, chance)
        };
        format!("{}+{tag}@gmail.com", self.local)
    }
}

fn launch(launch: &mut Launch<'_>) {
    forgery::launch(launch, (15, 150), |_, chance| {
        let (first, last) = names::name(&PLACES[chance.below(6) as usize], chance);
        Tags { local: format!("{first}{last}"), dots: chance.hit(0.35), count: 0 }
    });
}
