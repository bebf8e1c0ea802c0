//! Browsers as they are, and programs as they are: sets of headers with their order and case.
//!
//! The browsers' sets are samples of a published model of real traffic (see `conf/data/NOTICE.md`), completed by what a form
//! adds to a page's request. Per set there is a list for HTTP/2 and one for HTTP/1.1, and the same browser's next version, if
//! the sample has it: people's browsers are updated while the traffic runs. What differs from site to site and from person
//! to person has a mark in the data (`{language}`) and is filled in here. Programs are written down by hand: each is what the
//! tool sends if nobody configured it, or what its users are told to configure.

use super::chance::Chance;
use crate::attempt_file::{HttpVersion, Text};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    Windows,
    MacOs,
    Linux,
    Android,
    Ios,
}

impl System {
    pub const ALL: [System; 5] = [System::Windows, System::MacOs, System::Linux, System::Android, System::Ios];

    fn name(self) -> &'static str {
        match self {
            System::Windows => "windows",
            System::MacOs => "macos",
            System::Linux => "linux",
            System::Android => "android",
            System::Ios => "ios",
        }
    }
}

/// A browser's kind; it decides how languages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Chromium,
    Firefox,
    Safari,
}

/// One set of headers.
pub struct Browser {
    pub system: System,
    pub family: Family,
    weight: f64,
    /// The same browser in its next version.
    next: Option<usize>,
    two: Vec<(&'static str, Value)>,
    one: Vec<(&'static str, Value)>,
}

#[derive(Clone, Copy)]
enum Value {
    Literal(&'static str),
    Host,
    Type,
    Length,
    Origin,
    Referer,
    Language,
}

/// What stands in the place of the marks.
pub struct Filling<'a> {
    pub host: &'static str,
    /// Bytes of the form's body.
    pub length: usize,
    pub origin: &'static str,
    pub referer: &'static str,
    /// As `de-DE,de,en`.
    pub languages: &'a str,
}

/// The content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// A set by its number in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrowserId(usize);

static BROWSERS: LazyLock<Vec<Browser>> =
    LazyLock::new(|| parse(include_str!("../../conf/data/simulate/browsers.tsv")).unwrap_or_default());

fn parse(text: &'static str) -> Option<Vec<Browser>> {
    let (_, text) = text.split_once("\n\n")?;
    let (entries, rows) = text.split_once("\n\n")?;
    let entry = |line: &'static str| -> Option<(&'static str, Value)> {
        let (name, value) = line.split_once('\t')?;
        let value = match value {
            "{host}" => Value::Host,
            "{type}" => Value::Type,
            "{length}" => Value::Length,
            "{origin}" => Value::Origin,
            "{referer}" => Value::Referer,
            "{language}" => Value::Language,
            value => Value::Literal(value),
        };
        Some((name, value))
    };
    let entries = entries.lines().map(entry).collect::<Option<Vec<_>>>()?;
    let headers = |numbers: &str| -> Option<Vec<(&'static str, Value)>> {
        numbers.split(' ').map(|number| entries.get(number.parse::<usize>().ok()?).copied()).collect()
    };
    rows.lines()
        .map(|row| {
            let cells: Vec<&str> = row.split('\t').collect();
            let [system, family, weight, _version, next, two, one] = cells[..] else { return None };
            Some(Browser {
                system: System::ALL.into_iter().find(|known| known.name() == system)?,
                family: match family {
                    "firefox" => Family::Firefox,
                    "safari" => Family::Safari,
                    _ => Family::Chromium,
                },
                weight: weight.parse().ok()?,
                next: next.parse().ok(),
                two: headers(two)?,
                one: headers(one)?,
            })
        })
        .collect()
}

/// A browser of that system, as often as it is met.
pub fn browser_of(system: System, chance: &mut Chance) -> BrowserId {
    /// First and cumulated weights of each system's rows, which lie together.
    static BY_SYSTEM: LazyLock<Vec<(usize, Vec<f64>)>> = LazyLock::new(|| {
        let cumulated = |system: System| {
            let first = BROWSERS.iter().position(|browser| browser.system == system).unwrap_or_default();
            let rows = BROWSERS.iter().filter(|browser| browser.system == system);
            let weights = rows.scan(0.0, |sum, browser| {
                *sum += browser.weight;
                Some(*sum)
            });
            (first, weights.collect())
        };
        System::ALL.into_iter().map(cumulated).collect()
    });
    let (first, weights) = &BY_SYSTEM[system as usize];
    let at = chance.unit() * weights.last().copied().unwrap_or_default();
    BrowserId(first + weights.partition_point(|weight| *weight <= at).min(weights.len().saturating_sub(1)))
}

/// A browser of any system, as a list of popular ones has it.
pub fn popular_browser(chance: &mut Chance) -> BrowserId {
    let system = match chance.below(10) {
        0..=6 => System::Windows,
        7 => System::MacOs,
        8 => System::Android,
        _ => System::Ios,
    };
    browser_of(system, chance)
}

impl BrowserId {
    pub fn browser(self) -> &'static Browser {
        &BROWSERS[self.0]
    }

    /// The same browser after an update; the same if there is none.
    pub fn updated(self) -> BrowserId {
        BrowserId(self.browser().next.unwrap_or(self.0))
    }

    /// Its headers with a form.
    pub fn headers(self, http: HttpVersion, filling: &Filling<'_>) -> Vec<(Text, Text)> {
        let browser = self.browser();
        let list = if http == HttpVersion::Http2 { &browser.two } else { &browser.one };
        let mut headers = Vec::with_capacity(list.len());
        for (name, value) in list {
            let value = match value {
                Value::Literal(value) => Cow::Borrowed(*value),
                Value::Host => Cow::Borrowed(filling.host),
                Value::Type => Cow::Borrowed(FORM),
                Value::Length => Cow::Owned(filling.length.to_string()),
                Value::Origin => Cow::Borrowed(filling.origin),
                Value::Referer => Cow::Borrowed(filling.referer),
                Value::Language => Cow::Borrowed(accept_language(filling.languages, browser.family)),
            };
            headers.push((Cow::Borrowed(*name), value));
        }
        headers
    }
}

/// `Accept-Language` as the browser writes it: Chromium and Safari step by 0.1, Firefox spreads evenly. There are as many
/// texts as there are lists in the table of places, so each is made once and kept.
fn accept_language(languages: &str, family: Family) -> &'static str {
    static MADE: Mutex<BTreeMap<(String, bool), &'static str>> = Mutex::new(BTreeMap::new());
    let key = (languages.to_owned(), family == Family::Firefox);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = made.get(&key) {
        return text;
    }
    let all: Vec<&str> = languages.split(',').collect();
    let mut text = String::new();
    for (place, language) in all.iter().enumerate() {
        let tenths = match family {
            Family::Firefox => 10 - ((10 * place + all.len() / 2) / all.len()).max(usize::from(place > 0)),
            _ => 10usize.saturating_sub(place).max(1),
        };
        text += &match place {
            0 => (*language).to_owned(),
            _ => format!(",{language};q=0.{tenths}"),
        };
    }
    let text: &'static str = Box::leak(text.into_boxed_str());
    made.insert(key, text);
    text
}

/// A program that is no browser.
pub struct Tool {
    pub name: &'static str,
    pub http: HttpVersion,
    /// `{host}`, `{type}`, `{length}` and `{agent}` are filled in.
    headers: &'static [(&'static str, &'static str)],
}

macro_rules! tool {
    ($name:literal, $http:ident, $($header:literal: $value:literal),*) => {
        Tool { name: $name, http: HttpVersion::$http, headers: &[$(($header, $value)),*] }
    };
}

/// Programs that log in for people who wrote them, and for people who abuse them.
pub static LIBRARIES: [Tool; 8] = [
    tool!("python-requests", Http11, "Host": "{host}", "User-Agent": "python-requests/2.32.3",
        "Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive", "Content-Length": "{length}",
        "Content-Type": "{type}"),
    tool!("go-http-client", Http2, "content-type": "{type}", "content-length": "{length}", "accept-encoding": "gzip",
        "user-agent": "Go-http-client/2.0"),
    tool!("curl", Http2, "user-agent": "curl/8.7.1", "accept": "*/*", "content-length": "{length}", "content-type": "{type}"),
    tool!("okhttp", Http2, "content-type": "{type}", "content-length": "{length}", "accept-encoding": "gzip",
        "user-agent": "okhttp/4.12.0"),
    tool!("axios", Http11, "Accept": "application/json, text/plain, */*", "Content-Type": "{type}",
        "User-Agent": "axios/1.7.9", "Content-Length": "{length}", "Accept-Encoding": "gzip, compress, deflate, br",
        "Host": "{host}", "Connection": "keep-alive"),
    tool!("java", Http11, "Content-Length": "{length}", "Content-Type": "{type}", "Host": "{host}",
        "Connection": "Keep-Alive", "User-Agent": "Apache-HttpClient/4.5.14 (Java/17.0.12)", "Accept-Encoding": "gzip,deflate"),
    tool!("aiohttp", Http11, "Host": "{host}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate",
        "User-Agent": "Python/3.12 aiohttp/3.11.11", "Content-Length": "{length}", "Content-Type": "{type}"),
    tool!("scrapy", Http11, "Content-Length": "{length}", "Content-Type": "{type}",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language": "en",
        "User-Agent": "Scrapy/2.12.0 (+https://scrapy.org)", "Accept-Encoding": "gzip, deflate, br", "Host": "{host}"),
];

/// Programs made for trying pairs: a few headers under a browser's name.
pub static CHECKERS: [Tool; 3] = [
    tool!("openbullet", Http11, "Host": "{host}", "User-Agent": "{agent}", "Pragma": "no-cache", "Accept": "*/*",
        "Content-Type": "{type}", "Content-Length": "{length}"),
    tool!("openbullet2", Http11, "Host": "{host}", "User-Agent": "{agent}", "Accept": "*/*",
        "Accept-Language": "en-US,en;q=0.8", "Accept-Encoding": "gzip, deflate", "Content-Type": "{type}",
        "Content-Length": "{length}", "Connection": "keep-alive"),
    tool!("own-checker", Http11, "Host": "{host}", "Accept-Encoding": "gzip, deflate",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Connection": "keep-alive",
        "User-Agent": "{agent}", "Accept-Language": "en-US,en;q=0.5", "Content-Length": "{length}", "Content-Type": "{type}"),
];

/// Who reads the web for others, and sends a form when it finds one.
pub static CRAWLERS: [Tool; 6] = [
    tool!("googlebot", Http11, "Host": "{host}", "Connection": "keep-alive",
        "Accept": "text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8",
        "From": "googlebot(at)googlebot.com",
        "User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Accept-Encoding": "gzip, deflate, br", "Content-Type": "{type}", "Content-Length": "{length}"),
    tool!("bingbot", Http11, "Cache-Control": "no-cache", "Connection": "Keep-Alive", "Pragma": "no-cache", "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate, br", "Host": "{host}",
        "User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "Content-Type": "{type}",
        "Content-Length": "{length}"),
    tool!("gptbot", Http2, "accept": "*/*", "content-type": "{type}", "content-length": "{length}",
        "user-agent": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "accept-encoding": "gzip, br, deflate"),
    tool!("ahrefsbot", Http11, "Host": "{host}", "User-Agent": "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Encoding": "deflate, gzip, br",
        "Content-Type": "{type}", "Content-Length": "{length}"),
    tool!("facebook", Http2, "user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "accept": "*/*", "accept-encoding": "deflate, gzip", "content-type": "{type}", "content-length": "{length}"),
    tool!("unknown-spider", Http11, "Host": "{host}", "User-Agent": "Mozilla/5.0 (compatible; SiteSpider/0.9)", "Accept": "*/*",
        "Content-Type": "{type}", "Content-Length": "{length}"),
];

impl Tool {
    /// What it sends; `agent` is the browser whose name it takes, where it takes one.
    pub fn headers(&self, agent: BrowserId, host: &'static str, length: usize) -> Vec<(Text, Text)> {
        let fill = |value: &'static str| -> Text {
            match value {
                "{host}" => Cow::Borrowed(host),
                "{type}" => Cow::Borrowed(FORM),
                "{length}" => Cow::Owned(length.to_string()),
                "{agent}" => Cow::Borrowed(agent.agent()),
                value => Cow::Borrowed(value),
            }
        };
        self.headers.iter().map(|(name, value)| (Cow::Borrowed(*name), fill(value))).collect()
    }
}

impl BrowserId {
    /// Its User-Agent.
    pub fn agent(self) -> &'static str {
        let found = self.browser().two.iter().find_map(|(name, value)| match value {
            Value::Literal(value) if name.eq_ignore_ascii_case("user-agent") => Some(*value),
            _ => None,
        });
        found.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILLING: Filling<'_> =
        Filling { host: "h", length: 7, origin: "https://h", referer: "https://h/l", languages: "de-DE,de,en-US,en" };

    #[test]
    fn every_system_has_browsers_and_every_browser_is_whole() {
        assert!(BROWSERS.len() > 300, "{}", BROWSERS.len());
        for place in 0..BROWSERS.len() {
            let id = BrowserId(place);
            assert!(id.agent().starts_with("Mozilla/5.0"), "{place}");
            assert_eq!(id.updated().browser().system, id.browser().system);
            for http in [HttpVersion::Http11, HttpVersion::Http2] {
                let headers = id.headers(http, &FILLING);
                let names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
                for name in ["user-agent", "accept", "content-type", "content-length", "accept-language", "origin"] {
                    assert_eq!(names.iter().filter(|have| *have == name).count(), 1, "{place} {name}: {names:?}");
                }
                assert!(headers.iter().all(|(_, value)| !value.contains('{')), "{headers:?}");
                assert_eq!(names.contains(&"host".to_owned()), http == HttpVersion::Http11);
            }
        }
        let mut chance = Chance::of(1, "test", [0, 0]);
        for system in System::ALL {
            assert!((0..50).all(|_| browser_of(system, &mut chance).browser().system == system));
        }
    }

    #[test]
    fn many_browsers_have_a_next_version() {
        let with: f64 = BROWSERS.iter().filter(|browser| browser.next.is_some()).map(|browser| browser.weight).sum();
        let all: f64 = BROWSERS.iter().map(|browser| browser.weight).sum();
        assert!(with / all > 0.3, "{with} of {all}");
    }

    #[test]
    fn languages_are_written_as_each_browser_does() {
        assert_eq!(accept_language("de-DE,de,en-US,en", Family::Chromium), "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7");
        assert_eq!(accept_language("de,en-US,en", Family::Firefox), "de,en-US;q=0.7,en;q=0.3");
    }

    #[test]
    fn programs_fill_in_what_they_must() {
        for tool in LIBRARIES.iter().chain(&CHECKERS).chain(&CRAWLERS) {
            let headers = tool.headers(BrowserId(0), "h", 7);
            assert!(headers.iter().all(|(_, value)| !value.contains('{') && !value.is_empty()), "{}", tool.name);
        }
    }
}
