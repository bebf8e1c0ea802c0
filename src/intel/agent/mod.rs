//! What a User-Agent header says about the software behind it. It is the client's own word, so nothing here proves a
//! browser; but programs that do not bother to lie are many, and a person's device wants a name.
//!
//! All plain patterns (1,480 of the crawler list's 1,504, our own, and the names of browsers and systems) are one
//! Aho-Corasick automaton: one pass, linear in a header that is cut at 512 bytes, whatever an attacker writes. Only the few
//! that need more are regular expressions. `ua-parser` with uap-core was weighed and left: 191 ms and 28 MB at every start
//! (seconds in a debug build) for versions and device models that nothing here uses. A family name is all a device's name
//! needs.

mod cache;
mod claims;
mod families;
mod programs;

use crate::engine::appearance::Claims;
use crate::engine::attempt::{Agent, AgentKind};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use cache::Cache;
use regex::RegexSet;
use std::sync::{Arc, LazyLock};

/// Header bytes that are looked at; the longest of real browsers has about 400.
const LONGEST: usize = 512;

/// Tells agents apart, and remembers those it saw.
#[derive(Debug)]
pub struct Agents {
    seen: Cache,
    absent: Arc<Agent>,
}

impl Default for Agents {
    fn default() -> Self {
        LazyLock::force(&MATCHER);
        Agents { seen: Cache::default(), absent: Arc::new(Agent { kind: AgentKind::Absent, ..Agent::default() }) }
    }
}

impl Agents {
    /// What the header says. A header that was seen lately costs one look-up and no allocation.
    pub fn recognize(&self, header: Option<&str>) -> Arc<Agent> {
        let Some(header) = header.map(str::trim).filter(|header| !header.is_empty()) else {
            return self.absent.clone();
        };
        let header = cut(header);
        self.seen.get_or_insert(header, || recognize(header))
    }
}

/// The first [`LONGEST`] bytes, less those of a character that does not fit.
fn cut(header: &str) -> &str {
    (0..=LONGEST.min(header.len())).rev().find_map(|end| header.get(..end)).unwrap_or_default()
}

/// What the words of a header say, without a memory.
fn recognize(header: &str) -> Agent {
    let found = MATCHER.find(header);
    let browser = found.browser.map(|place| families::BROWSERS[place].1);
    let os = found.os.map(|place| families::SYSTEMS[place].1);
    let kind = match found.program.and_then(|number| MATCHER.programs.get(number)) {
        Some(program) => program.kind.clone(),
        None if browser.is_some() && families::begins_like_a_browser(header) => AgentKind::Browser,
        None => AgentKind::Unknown,
    };
    let name = match &kind {
        AgentKind::Library(name) | AgentKind::Crawler(name) | AgentKind::Automation(name) => name.clone(),
        AgentKind::Browser => browser.unwrap_or_default().into(),
        AgentKind::Absent | AgentKind::Unknown => product(header),
    };
    let name = match os {
        Some(os) if !name.is_empty() && !matches!(kind, AgentKind::Crawler(_)) => format!("{name} on {os}").into(),
        _ => name,
    };
    let claims = match kind {
        AgentKind::Browser => claims::claims(header, browser),
        _ => Claims::default(),
    };
    Agent { kind, name, browser: browser.map(Box::from), os: os.map(Box::from), claims }
}

/// The first product token, for software that nobody knows: at most 32 harmless characters.
fn product(header: &str) -> Box<str> {
    header.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(32).collect()
}

static MATCHER: LazyLock<Matcher> = LazyLock::new(Matcher::new);

/// Where a pattern must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// At the beginning of a word.
    Word,
    Anywhere,
}

/// What a plain pattern means when it stands where it must.
#[derive(Clone, Copy)]
enum Meaning {
    Program(usize),
    Browser(usize),
    System(usize),
}

/// A crawler, library or automated browser, best first in the matcher's table.
struct Program {
    kind: AgentKind,
}

struct Matcher {
    plain: AhoCorasick,
    /// By pattern number of `plain`.
    meanings: Vec<(Place, Meaning)>,
    regexes: RegexSet,
    /// By pattern number of `regexes`: the program.
    regex_programs: Vec<usize>,
    programs: Vec<Program>,
}

/// The best of each that was found: the smallest number.
#[derive(Default)]
struct Found {
    program: Option<usize>,
    browser: Option<usize>,
    os: Option<usize>,
}

impl Matcher {
    #[expect(
        clippy::expect_used,
        reason = "the patterns are part of the program, and every test of agents builds them"
    )]
    fn new() -> Matcher {
        let mut rows: Vec<programs::Row> = programs::rows().collect();
        rows.sort_by_key(|row| row.rank());
        let (mut texts, mut meanings) = (Vec::new(), Vec::new());
        let (mut regexes, mut regex_programs) = (Vec::new(), Vec::new());
        for (number, row) in rows.iter().enumerate() {
            match row.place() {
                Some(place) => {
                    texts.push(row.text);
                    meanings.push((place, Meaning::Program(number)));
                }
                None => {
                    regexes.push(row.text);
                    regex_programs.push(number);
                }
            }
        }
        for (number, (text, _)) in families::BROWSERS.iter().enumerate() {
            texts.push(text);
            meanings.push((Place::Word, Meaning::Browser(number)));
        }
        for (number, (text, _)) in families::SYSTEMS.iter().enumerate() {
            texts.push(text);
            meanings.push((Place::Word, Meaning::System(number)));
        }
        let plain = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(texts)
            .expect("plain patterns make an automaton");
        let regexes = RegexSet::new(regexes).expect("patterns are regular expressions");
        let programs = rows.iter().map(|row| Program { kind: row.agent_kind() }).collect();
        Matcher { plain, meanings, regexes, regex_programs, programs }
    }

    fn find(&self, header: &str) -> Found {
        let mut found = Found::default();
        for hit in self.plain.find_overlapping_iter(header) {
            let Some((place, meaning)) = self.meanings.get(hit.pattern().as_usize()) else { continue };
            if !stands(header.as_bytes(), hit.start(), *place) {
                continue;
            }
            match *meaning {
                Meaning::Program(number) => lower(&mut found.program, number),
                Meaning::Browser(number) => lower(&mut found.browser, number),
                Meaning::System(number) => lower(&mut found.os, number),
            }
        }
        for hit in self.regexes.matches(header) {
            if let Some(number) = self.regex_programs.get(hit) {
                lower(&mut found.program, *number);
            }
        }
        found
    }
}

fn stands(header: &[u8], start: usize, place: Place) -> bool {
    match place {
        Place::Start => start == 0,
        Place::Word => {
            start.checked_sub(1).and_then(|at| header.get(at)).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        }
        Place::Anywhere => true,
    }
}

fn lower(best: &mut Option<usize>, number: usize) {
    if best.is_none_or(|best| number < best) {
        *best = Some(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(fixture: &'static str) -> impl Iterator<Item = &'static str> {
        fixture.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// `name<TAB>header`: people's browsers, with the name that a person would give the device.
    #[test]
    fn peoples_browsers_are_browsers() {
        let mut wrong = Vec::new();
        let mut count = 0;
        for line in lines(include_str!("../../../tests/fixtures/intel/browsers.tsv")) {
            let (name, header) = line.split_once('\t').unwrap();
            let agent = recognize(header);
            count += 1;
            if agent.kind != AgentKind::Browser || *agent.name != *name {
                wrong.push(format!("{name} is {:?} {:?}: {header}", agent.kind, agent.name));
            }
        }
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(count >= 200, "only {count} browsers");
    }

    /// Every sample of the crawler list must be caught: none is a person.
    #[test]
    fn declared_crawlers_are_caught() {
        let samples = lines(include_str!("../../../tests/fixtures/intel/crawlers.txt"));
        let (mut count, mut missed) = (0, Vec::new());
        for header in samples {
            count += 1;
            match recognize(header).kind {
                AgentKind::Crawler(_) | AgentKind::Library(_) | AgentKind::Automation(_) => {}
                other => missed.push(format!("{other:?}: {header}")),
            }
        }
        assert!(count > 2000, "only {count} samples");
        assert!(missed.is_empty(), "{} of {count} missed:\n{}", missed.len(), missed.join("\n"));
    }

    #[test]
    fn programs_have_their_names() {
        let library = |name: &str| AgentKind::Library(name.into());
        let crawler = |name: &str| AgentKind::Crawler(name.into());
        let automation = |name: &str| AgentKind::Automation(name.into());
        for (header, kind) in [
            ("curl/8.10.1", library("curl")),
            ("Wget/1.21.4", library("Wget")),
            ("python-requests/2.32.3", library("python-requests")),
            ("Python-urllib/3.12", library("Python-urllib")),
            ("python-httpx/0.27.0", library("httpx")),
            ("Python/3.11 aiohttp/3.9.5", library("aiohttp")),
            ("Go-http-client/2.0", library("Go-http-client")),
            ("okhttp/4.12.0", library("okhttp")),
            ("axios/1.7.2", library("axios")),
            ("node", library("Node.js")),
            ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", library("node-fetch")),
            ("undici", library("undici")),
            ("Deno/1.44.0", library("Deno")),
            ("Bun/1.1.12", library("Bun")),
            ("Ruby", library("Ruby")),
            ("Faraday v2.9.0", library("Faraday")),
            ("rest-client/2.1.0 (linux x86_64) ruby/3.2.2p53", library("rest-client")),
            ("GuzzleHttp/7", library("Guzzle")),
            ("Java/17.0.2", library("Java")),
            ("Java-http-client/17.0.2", library("Java")),
            ("Apache-HttpClient/4.5.14 (Java/17.0.2)", library("Apache-HttpClient")),
            ("reqwest/0.12", library("reqwest")),
            ("PostmanRuntime/7.39.0", library("Postman")),
            ("insomnia/9.2.0", library("Insomnia")),
            (
                "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-GB) WindowsPowerShell/5.1.19041.4522",
                library("PowerShell"),
            ),
            ("libwww-perl/6.77", library("libwww-perl")),
            ("k6/0.51.0 (https://k6.io/)", library("k6")),
            ("Apache-Bench", AgentKind::Unknown),
            ("ApacheBench/2.3", library("ApacheBench")),
            ("OpenBullet", library("OpenBullet")),
            ("Mozilla/5.0 (Hydra)", library("Hydra")),
            ("sqlmap/1.8.6#stable (https://sqlmap.org)", crawler("sqlmap")),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
                automation("HeadlessChrome"),
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", crawler("Googlebot")),
            ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", crawler("bingbot")),
            ("Mozilla/5.0 (compatible; NobodyKnows/1.0; +https://nobody.example/)", crawler("declared crawler")),
            ("Mozilla/5.0 (compatible; NobodysSpider/0.9)", crawler("declared crawler")),
            ("nobodysbot/2.0", crawler("declared crawler")),
        ] {
            assert_eq!(recognize(header).kind, kind, "{header}");
        }
    }

    #[test]
    fn apps_and_inventions_are_unknown() {
        for (header, name) in [
            ("ShopApp/3.1.4 (com.example.shop; build:12; iOS 17.5.1) Alamofire/5.9.1", "ShopApp on iOS"),
            ("Shop/8.2 CFNetwork/1496.0.7 Darwin/23.5.0", "Shop"),
            ("Shop/3.1 (Android 14) okhttp/4.12.0", "Shop on Android"),
            ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240405.002)", "Dalvik on Android"),
            ("Mozilla/5.0", "Mozilla"),
            ("\u{1f600}", ""),
            ("<script>alert(1)</script>", ""),
        ] {
            let agent = recognize(header);
            assert_eq!((&agent.kind, &*agent.name), (&AgentKind::Unknown, name), "{header}");
        }
    }

    #[test]
    fn names_for_people() {
        assert_eq!(&*recognize("curl/8.10.1").name, "curl");
        assert_eq!(&*recognize("python-requests/2.31 Linux/6.1").name, "python-requests on Linux");
        assert_eq!(
            &*recognize("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)").name,
            "Googlebot"
        );
    }

    #[test]
    fn nothing_and_blanks_are_absent() {
        let agents = Agents::default();
        for header in [None, Some(""), Some("   \t ")] {
            let agent = agents.recognize(header);
            assert_eq!((&agent.kind, &*agent.name), (&AgentKind::Absent, ""));
        }
    }

    #[test]
    fn a_header_is_parsed_once() {
        let agents = Agents::default();
        let first = agents.recognize(Some("curl/8.10.1"));
        assert!(Arc::ptr_eq(&first, &agents.recognize(Some("curl/8.10.1"))));
        assert!(Arc::ptr_eq(&first, &agents.recognize(Some("  curl/8.10.1 "))), "blanks around it do not count");
    }

    #[test]
    fn megabytes_are_cut() {
        let agents = Agents::default();
        let long = "Mozilla/5.0 (X11; Linux x86_64) ".to_owned() + &"A\u{fc}".repeat(1 << 19);
        let agent = agents.recognize(Some(&long));
        assert!(agent.name.len() <= 64);
        let behind = "x".repeat(LONGEST) + " Googlebot/2.1";
        assert_eq!(agents.recognize(Some(&behind)).kind, AgentKind::Unknown);
        for cut in 500..530 {
            agents.recognize(Some(&("x".repeat(cut) + "\u{1f600}\u{1f600}")));
        }
    }

    proptest! {
        #[test]
        fn any_header_has_a_harmless_name(header in "\\PC{0,600}") {
            let agent = recognize(&header);
            prop_assert!(agent.name.len() <= 80);
            let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/!:'()+&,@".contains(c);
            prop_assert!(agent.name.chars().all(plain), "{:?}", agent.name);
        }
    }
}
