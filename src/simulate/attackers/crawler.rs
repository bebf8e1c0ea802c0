//! Who reads the web for others, and sends every form that it finds.

use super::{Attacker, Of};
use crate::attempt_file::Fields;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::simulate::browsers::{self, CRAWLERS};
use crate::simulate::campaign::{Attack, Draft, Launch, Pace, of_kind};
use crate::simulate::chance::Chance;
use crate::simulate::networks::Kind;
use crate::simulate::town::{Client, Sender, Town};
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "crawler",
    summary: "search bots, AI crawlers and previewers send the login form, empty or with a word in it, while they follow links",
    share: 0.25,
    of: Of::All,
    launch,
};

struct Crawl {
    bot: usize,
    ips: Vec<IpAddr>,
}

impl Attack for Crawl {
    fn attempt(&mut self, _: u64, chance: &mut Chance, _: &mut Town) -> Draft {
        let tool = &CRAWLERS[self.bot];
        let client = Client::Tool(tool, browsers::popular_browser(chance));
        let sender = Sender { ip: *chance.pick(&self.ips), client, device: None };
        let account = chance.hit(0.5).then_some("test");
        let fields =
            Fields { account: account.map(Into::into), password: account.map(Into::into), ..Fields::default() };
        Draft { event: Event::Login, sender, fields, outcome: Outcome::Failed, persona: tool.name.into() }
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((40, 400), |_, chance, _| {
        let bot = chance.below(CRAWLERS.len() as u64) as usize;
        let ips = (0..chance.between(3, 40)).map(|_| of_kind(Kind::Crawler, chance)).collect();
        (Pace::Spread, Box::new(Crawl { bot, ips }))
    });
}
