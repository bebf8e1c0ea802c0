//! The pieces of a request contradict each other: it is not from the browser that it names.
//!
//! # What it reads
//! Of an attempt whose User-Agent claims a browser (`device.agent.claims`), how the other headers look
//! (`client.appearance`): client hints, `Sec-Fetch-*`, `Accept`, `Accept-Encoding`, `Accept-Language`, what a form brings
//! with it, and over HTTP/1 the order and case of the names, where no proxy wrote between. Each row of the table of
//! contradictions below names two pieces that no version of that browser sends together, and what that is worth.
//!
//! # How it counts
//! The worths add up to a share of the weight, 1 at most. What no browser does is worth all of it; what a browser behind an
//! odd proxy, or with an extension, may do is worth from six tenths down to one. It is said to have fired from `share` on: one
//! proof, or several smaller pieces. A single smaller piece moves the score a little and is shown, and asks nobody anything.
//!
//! # Why it matters
//! Whoever guesses passwords from a list changes the User-Agent first, because every filter looks there; few get the rest
//! right, and fewer keep it right from version to version. A headless browser under another name still tells its own in the
//! client hints.
//!
//! # Who trips it innocently
//! People who change their User-Agent with an extension: that is a forgery, even if a private one, and costs them a proof
//! of work where `standard` rules. Browsers inside applications mix what they like, so nothing is concluded from what they
//! leave out. Safari and Firefox send no client hints, Chrome sends neither hints nor `Sec-Fetch-*` to a page over plain
//! HTTP, old browsers send less of everything, antivirus programs and company proxies rewrite `Accept-Encoding`, fall back
//! to HTTP/1 or add `Via`: each is worth nothing or little. A delivery network that strips `Sec-Fetch-*` or `Origin` on the
//! way makes every visitor look so: let it pass them on, or switch the signal off.
//!
//! # Parameters
//! `share`: how much must have come together for it to be said to have fired.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::appearance::{Appearance, Claims, Engine, FetchMode, System};
use crate::engine::attempt::{AgentKind, HeaderFacts};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "spoofed_device",
    summary: "the pieces of the request contradict each other: User-Agent, client hints, what browsers send with a form",
    weights: Weights { bot: 4.0, account_takeover: 0.8, account_abuse: 0.8 },
    parameters: &[Parameter {
        name: "share",
        summary: "how much of the weight must have come together for it to be said to have fired",
        default: 0.9,
        min: 0.1,
        max: 1.0,
    }],
    needs: "the request's headers",
    findings: &[
        ("claims", "the User-Agent claims: {}"),
        ("contradictions", "pieces that do not go together: {}"),
        ("share", "share {} of the weight"),
    ],
    read,
};

/// No browser does it.
const PROOF: f64 = 1.0;
/// Nearly none does; what rewrites requests on their way might.
const STRONG: f64 = 0.6;
/// Some do, for reasons of their own.
const WEAK: f64 = 0.3;
/// So does one in ten.
const TRIFLE: f64 = 0.1;

/// One attempt's pieces.
#[derive(Clone, Copy)]
struct Pieces<'e> {
    claims: Claims,
    seen: &'e Appearance,
    headers: &'e HeaderFacts,
    http: &'static str,
    bytes: u64,
}

/// Two pieces that do not go together.
struct Contradiction {
    /// Published in evidence: the pieces.
    name: &'static str,
    worth: f64,
    holds: fn(&Pieces<'_>) -> bool,
}

macro_rules! contradictions {
    ($($name:literal $worth:ident $holds:expr;)*) => {
        &[$(Contradiction { name: $name, worth: $worth, holds: $holds }),*]
    };
}

static CONTRADICTIONS: &[Contradiction] = contradictions! {
    // Client hints are Blink's. Whoever else sends them is a Blink under another name.
    "user_agent/sec_ch_ua" PROOF |p| p.is_other_than_blink() && p.seen.hints.brands;
    // 99 was kept for sites that could not read three digits.
    "user_agent/sec_ch_ua_version" PROOF |p| p.is_blink(1) && p.claims.plain && p.claims.major != 99
        && p.seen.hints.chromium != 0 && p.seen.hints.chromium != p.claims.major;
    "user_agent/sec_ch_ua_platform" PROOF |p| p.is_blink(1) && p.other_platform() && !p.asks_for_a_desktop();
    // Only a telephone is mobile, and one that asks for a computer's page says that it is none.
    "user_agent/sec_ch_ua_mobile" PROOF |p| p.seen.hints.mobile == Some(true)
        && matches!(p.claims.system, System::Windows | System::MacOs | System::ChromeOs);
    // A driven browser under another name.
    "user_agent/sec_ch_ua_headless" PROOF |p| p.seen.hints.headless;
    "user_agent/sec_ch_ua_brand" PROOF |p| p.claims.edge && p.seen.hints.chrome && !p.seen.hints.edge;
    "sec_ch_ua/syntax" STRONG |p| p.seen.hints.malformed;
    "user_agent/sec_ch_ua_handheld" STRONG |p| p.is_blink(1) && p.claims.system == System::Android && p.claims.handheld
        && p.seen.hints.mobile == Some(false);
    "user_agent/sec_ch_ua_desktop_page" WEAK |p| p.is_blink(1) && p.other_platform() && p.asks_for_a_desktop();
    // One in ten of real browsers is so, by forks, policies and extensions.
    "sec_fetch/no_sec_ch_ua" TRIFLE |p| p.is_blink(90) && p.claims.plain && p.headers.sec_fetch && !p.headers.client_hints;
    "sec_ch_ua/no_sec_ch_ua_mobile" WEAK |p| p.is_blink(90) && p.seen.hints.brands && p.seen.hints.mobile.is_none();

    // Either all three come or none; Chrome had the third from 80 on.
    "sec_fetch/incomplete" STRONG |p| p.is_modern() && p.headers.sec_fetch
        && !(p.seen.fetch.site && p.seen.fetch.dest && p.seen.fetch.mode != FetchMode::Absent);
    "sec_fetch/syntax" STRONG |p| p.seen.fetch.invalid;
    "sec_fetch_user/sec_fetch_mode" STRONG |p| p.seen.fetch.user && p.seen.fetch.mode == FetchMode::Script;
    "sec_fetch_dest/sec_fetch_mode" WEAK |p| p.seen.fetch.dest_empty && p.seen.fetch.mode == FetchMode::Navigate;
    "user_agent/sec_fetch" STRONG |p| p.headers.sec_fetch && p.is_before_sec_fetch();
    // Every page over TLS is asked with them.
    "tls/no_sec_fetch" STRONG |p| p.is_modern() && p.claims.plain && p.seen.secure && !p.headers.sec_fetch;
    "sec_fetch_mode/upgrade_insecure_requests" WEAK |p| p.seen.fetch.mode == FetchMode::Script && p.seen.upgrade_insecure;

    "accept/sec_fetch_mode" PROOF |p| p.seen.fetch.mode == FetchMode::Navigate && !p.seen.accept.html;
    "user_agent/accept_signed_exchange" STRONG |p| p.is_other_than_blink() && p.seen.accept.signed_exchange;
    "user_agent/accept_no_webp" WEAK |p| p.is_blink(40) && p.seen.accept.page && !p.seen.accept.webp;
    "user_agent/accept_encoding" STRONG |p| p.is_any() && p.seen.encodings.odd;
    "user_agent/accept_encoding_terse" WEAK |p| p.is_any() && p.seen.encodings.terse;
    "user_agent/accept_encoding_zstd" WEAK |p| p.seen.encodings.zstd && p.claims.plain
        && (p.claims.engine == Engine::Blink && (1..110).contains(&p.claims.major)
            || p.claims.engine == Engine::Gecko && (1..120).contains(&p.claims.major));
    "user_agent/accept_encoding_br" WEAK |p| p.seen.encodings.brotli
        && (p.claims.engine == Engine::Legacy || p.claims.engine == Engine::Blink && (1..49).contains(&p.claims.major));
    // Blink and Safari step by tenths, and Firefox did otherwise for twenty years. Brave draws lots.
    "user_agent/accept_language" WEAK |p| (p.is_blink(70) && !p.seen.hints.brave || p.claims.engine == Engine::WebKit)
        && p.claims.plain && !p.seen.by_script && p.seen.second_language != 0 && p.seen.second_language != 9;

    // For years every browser names the page's origin with whatever writes, if only as `null`.
    "method/no_origin" STRONG |p| p.names_its_origin() && p.claims.plain && p.seen.writes && !p.headers.origin;
    "method/no_content_type" STRONG |p| p.is_any() && p.seen.writes && p.bytes > 0 && !p.seen.content_type;
    "pragma/no_cache_control" WEAK |p| p.is_modern() && p.seen.pragma_alone;
    "user_agent/system" STRONG |p| p.claims.invented;

    // Of a form that a page sends, because scripts put their own headers first.
    "user_agent/header_order" STRONG |p| p.has_anothers_order();
    // Whoever writes the head anew changes more than one thing of it: that is one piece, not three.
    "user_agent/header_case" WEAK |p| p.is_any() && !p.has_anothers_order() && p.seen.writing.seen
        && (p.seen.writing.lower_case || !p.seen.writing.host_first);
    "user_agent/http_version" WEAK |p| p.is_modern() && p.seen.own_tls && p.http != "2";
};

impl Pieces<'_> {
    /// A Blink of at least this version.
    fn is_blink(&self, least: u16) -> bool {
        self.claims.engine == Engine::Blink && self.claims.major >= least
    }

    fn is_other_than_blink(&self) -> bool {
        matches!(self.claims.engine, Engine::Gecko | Engine::WebKit | Engine::Legacy)
    }

    fn is_any(&self) -> bool {
        self.claims.engine != Engine::Unknown
    }

    /// One that sends `Sec-Fetch-*` over TLS. Not every Safari does.
    fn is_modern(&self) -> bool {
        match self.claims.engine {
            Engine::Blink => self.claims.major >= 80,
            Engine::Gecko => self.claims.major >= 90,
            Engine::Unknown | Engine::WebKit | Engine::Legacy => false,
        }
    }

    /// Safari has done so since it could; its guests on iOS are as new as the system.
    fn names_its_origin(&self) -> bool {
        self.is_modern()
            || (self.claims.engine == Engine::WebKit && (self.claims.major == 0 || self.claims.major >= 12))
    }

    fn is_before_sec_fetch(&self) -> bool {
        match self.claims.engine {
            Engine::Blink => (1..76).contains(&self.claims.major),
            Engine::Gecko => (1..90).contains(&self.claims.major),
            Engine::WebKit => (1..15).contains(&self.claims.major),
            Engine::Legacy => true,
            Engine::Unknown => false,
        }
    }

    fn has_anothers_order(&self) -> bool {
        let languages_first = self.seen.writing.languages_first;
        self.seen.accept.page
            && !self.seen.by_script
            && match self.claims.engine {
                Engine::Blink => languages_first == Some(true),
                Engine::Gecko => languages_first == Some(false),
                Engine::Unknown | Engine::WebKit | Engine::Legacy => false,
            }
    }

    fn other_platform(&self) -> bool {
        let (said, hinted) = (self.claims.system, self.seen.hints.platform);
        said != System::Unknown && hinted != System::Unknown && said != hinted
    }

    /// A telephone that asks for a computer's page calls itself a Linux, and may forget to in one of the two places.
    fn asks_for_a_desktop(&self) -> bool {
        let either = |system| self.claims.system == system || self.seen.hints.platform == system;
        either(System::Linux) && (either(System::Android) || either(System::ChromeOs))
    }
}

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[least] = parameters else { return Reading::Blind };
    let attempt = &evidence.attempt;
    let agent = &attempt.device.agent;
    if agent.kind != AgentKind::Browser {
        return Reading::Quiet;
    }
    let pieces = Pieces {
        claims: agent.claims,
        seen: &attempt.client.appearance,
        headers: &attempt.client.headers,
        http: attempt.request.http,
        bytes: attempt.request.bytes,
    };
    let mut found = CONTRADICTIONS.iter().filter(|row| (row.holds)(&pieces)).peekable();
    if found.peek().is_none() {
        return Reading::Quiet;
    }
    let (mut share, mut names) = (0.0, Vec::new());
    for row in found {
        share += row.worth;
        names.push(row.name);
    }
    let share = f64::min(share, 1.0);
    Reading::Weighed {
        share,
        // Tenths do not add up exactly.
        fires: share > least - 1e-9,
        findings: Findings::new().text("claims", &agent.name).texts("contradictions", names).number("share", share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::appearance::{Accept, Encodings, Fetch, Hints, Writing};
    use crate::engine::attempt::Agent;
    use crate::engine::fixture;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// The sample's Chrome, changed in what it claims and how it looks.
    fn check(change: impl FnOnce(&mut Claims, &mut Appearance, &mut HeaderFacts)) -> (Vec<Box<str>>, f64, bool) {
        let mut evidence = fixture::evidence();
        let mut agent = fixture::browser();
        let client = &mut evidence.attempt.client;
        change(&mut agent.claims, &mut client.appearance, &mut client.headers);
        evidence.attempt.device.agent = Arc::new(agent);
        said(&evidence)
    }

    fn said(evidence: &Evidence) -> (Vec<Box<str>>, f64, bool) {
        match read(evidence, &[0.9]) {
            Reading::Quiet => (Vec::new(), 0.0, false),
            Reading::Weighed { share, fires, findings } => {
                let Some(super::super::Finding::Texts(names)) = findings.get("contradictions") else {
                    panic!("no names")
                };
                (names.clone(), share, fires)
            }
            other => panic!("{other:?}"),
        }
    }

    const OLD_ACCEPT: Accept = Accept { html: true, page: true, webp: false, signed_exchange: false };

    /// A browser without hints.
    fn other(claims: &mut Claims, engine: Engine, major: u16, system: System) {
        *claims = Claims { engine, major, system, plain: true, ..Claims::default() };
    }

    fn without_hints(seen: &mut Appearance, headers: &mut HeaderFacts) {
        seen.hints = Hints::default();
        headers.client_hints = false;
    }

    fn without_fetch(seen: &mut Appearance, headers: &mut HeaderFacts) {
        seen.fetch = Fetch::default();
        headers.sec_fetch = false;
    }

    /// As requests of a page over plain HTTP are: no hints, no `Sec-Fetch`, no Brotli.
    fn plain_http(seen: &mut Appearance, headers: &mut HeaderFacts) {
        without_hints(seen, headers);
        without_fetch(seen, headers);
        seen.encodings = Encodings::default();
        (seen.secure, seen.own_tls) = (false, false);
        seen.writing = Writing { seen: true, host_first: true, languages_first: Some(false), lower_case: false };
    }

    #[test]
    fn fires_on_what_no_browser_does() {
        type Change = fn(&mut Claims, &mut Appearance);
        let proofs: [(&str, Change); 7] = [
            ("user_agent/sec_ch_ua", |claims, _| other(claims, Engine::Gecko, 133, System::Windows)),
            ("user_agent/sec_ch_ua", |claims, _| other(claims, Engine::WebKit, 18, System::MacOs)),
            ("user_agent/sec_ch_ua_version", |claims, _| claims.major = 120),
            ("user_agent/sec_ch_ua_platform", |claims, _| claims.system = System::MacOs),
            ("user_agent/sec_ch_ua_mobile", |_, seen| seen.hints.mobile = Some(true)),
            ("user_agent/sec_ch_ua_headless", |_, seen| seen.hints.headless = true),
            ("accept/sec_fetch_mode", |_, seen| seen.accept = Accept::default()),
        ];
        for (name, change) in proofs {
            let (names, share, fires) = check(|claims, seen, _| change(claims, seen));
            assert!(names.contains(&name.into()) && fires && share == 1.0, "{name}: {names:?} {share}");
        }
        let (names, ..) = check(|claims, _, _| claims.edge = true);
        assert_eq!(names, [Box::from("user_agent/sec_ch_ua_brand")]);
    }

    /// What programs send that took over a browser's name: the ones that guess passwords, and libraries as they come.
    #[test]
    fn fires_on_the_header_sets_of_programs() {
        let bare = |seen: &mut Appearance, headers: &mut HeaderFacts| {
            plain_http(seen, headers);
            headers.origin = false;
            seen.accept = Accept::default();
        };
        // A name of Chrome, languages of somebody's example, nothing that a page would add.
        let (names, _, fires) = check(|_, seen, headers| {
            bare(seen, headers);
            seen.second_language = 8;
        });
        assert!(fires, "{names:?}");
        // Firefox's page headers under Chrome's name.
        let (names, _, fires) = check(|_, seen, headers| {
            bare(seen, headers);
            (seen.accept, seen.second_language) = (OLD_ACCEPT, 5);
        });
        assert!(fires, "{names:?}");
        // All encodings that the library can read, and so Brotli, which no browser asks for in the clear.
        let (names, _, fires) = check(|_, seen, headers| {
            bare(seen, headers);
            (seen.encodings.brotli, seen.secure) = (true, true);
        });
        assert!(fires && names.contains(&"tls/no_sec_fetch".into()), "{names:?}");
        // The same under Safari's name.
        let (names, _, fires) = check(|claims, seen, headers| {
            other(claims, Engine::WebKit, 18, System::Ios);
            bare(seen, headers);
            seen.second_language = 5;
        });
        assert!(fires, "{names:?}");
        // Node's, which offers what no browser does.
        let (names, _, fires) = check(|_, seen, headers| {
            bare(seen, headers);
            seen.encodings.odd = true;
        });
        assert!(fires, "{names:?}");
    }

    #[test]
    fn one_small_piece_is_shown_and_fires_nothing() {
        type Change = fn(&mut Claims, &mut Appearance, &mut HeaderFacts);
        let pieces: [Change; 9] = [
            |_, seen, headers| without_hints(seen, headers),
            |_, _, headers| headers.origin = false,
            |_, seen, headers| without_fetch(seen, headers),
            |_, seen, _| seen.hints.malformed = true,
            |_, seen, _| seen.second_language = 5,
            |_, seen, _| seen.accept = OLD_ACCEPT,
            |_, seen, _| seen.content_type = false,
            |_, seen, _| seen.encodings.odd = true,
            |claims, _, _| claims.invented = true,
        ];
        for (place, change) in pieces.into_iter().enumerate() {
            let (names, share, fires) = check(change);
            assert!(names.len() == 1 && share > 0.05 && share < 0.7 && !fires, "{place}: {names:?} {share}");
        }
    }

    #[test]
    fn innocents_stay_quiet() {
        type Change = fn(&mut Claims, &mut Appearance, &mut HeaderFacts);
        let innocents: [(&str, Change); 17] = [
            ("Chrome over TLS", |_, _, _| {}),
            ("Chrome over plain HTTP", |_, seen, headers| plain_http(seen, headers)),
            ("a proxy that takes encodings away", |_, seen, headers| {
                seen.encodings = Encodings::default();
                headers.accept_encoding = false;
            }),
            ("Firefox", |claims, seen, headers| {
                other(claims, Engine::Gecko, 133, System::Windows);
                without_hints(seen, headers);
                (seen.accept, seen.second_language) = (OLD_ACCEPT, 5);
            }),
            ("Firefox over plain HTTP/1", |claims, seen, headers| {
                other(claims, Engine::Gecko, 133, System::Linux);
                plain_http(seen, headers);
                (seen.accept, seen.writing.languages_first) = (OLD_ACCEPT, Some(true));
            }),
            ("Safari on a Mac", |claims, seen, headers| {
                other(claims, Engine::WebKit, 18, System::MacOs);
                without_hints(seen, headers);
                without_fetch(seen, headers);
                seen.accept = OLD_ACCEPT;
            }),
            ("Chrome on an iPhone", |claims, seen, headers| {
                other(claims, Engine::WebKit, 0, System::Ios);
                without_hints(seen, headers);
                seen.accept = OLD_ACCEPT;
            }),
            ("Chrome on a phone", |claims, seen, _| {
                (claims.system, claims.handheld) = (System::Android, true);
                (seen.hints.platform, seen.hints.mobile) = (System::Android, Some(true));
            }),
            ("a tablet", |claims, seen, _| {
                claims.system = System::Android;
                seen.hints.platform = System::Android;
            }),
            ("a WebView that an application renamed", |claims, seen, headers| {
                (claims.plain, claims.major, claims.system) = (false, 90, System::Android);
                seen.hints = Hints::default();
                headers.client_hints = false;
            }),
            ("Edge", |claims, seen, _| {
                claims.edge = true;
                (seen.hints.chrome, seen.hints.edge) = (false, true);
            }),
            ("Brave, which draws lots for its languages", |_, seen, _| {
                (seen.hints.chrome, seen.hints.brave, seen.second_language) = (false, true, 6);
                seen.accept.signed_exchange = false;
            }),
            ("Chrome of ten years ago", |claims, seen, headers| {
                claims.major = 52;
                without_hints(seen, headers);
                without_fetch(seen, headers);
                (seen.second_language, seen.encodings.zstd) = (8, false);
                headers.origin = false;
            }),
            ("Internet Explorer", |claims, seen, headers| {
                other(claims, Engine::Legacy, 0, System::Windows);
                plain_http(seen, headers);
                (seen.accept, seen.second_language, headers.origin) =
                    (Accept { html: true, ..Accept::default() }, 5, false);
            }),
            ("a page's script", |_, seen, _| {
                seen.fetch =
                    Fetch { mode: FetchMode::Script, site: true, dest: true, dest_empty: true, ..Fetch::default() };
                (seen.accept, seen.by_script, seen.upgrade_insecure) = (Accept::default(), true, false);
            }),
            ("an extension that hides where one comes from", |_, _, headers| headers.referer = false),
            ("policy that froze the version at 99", |claims, seen, _| {
                (claims.major, seen.encodings.zstd) = (99, false);
            }),
        ];
        for (who, change) in innocents {
            assert_eq!(check(change), (Vec::new(), 0.0, false), "{who}");
        }
        let mut app = fixture::evidence();
        app.attempt.device.agent = Arc::new(Agent { kind: AgentKind::Unknown, ..fixture::browser() });
        app.attempt.client.appearance.hints.headless = true;
        assert_eq!(read(&app, &[0.9]), Reading::Quiet, "who claims no browser contradicts nothing");
    }

    #[test]
    fn names_are_two_pieces_and_unique() {
        for (place, row) in CONTRADICTIONS.iter().enumerate() {
            assert!(
                row.name.split_once('/').is_some_and(|(one, two)| !one.is_empty() && !two.is_empty()),
                "{}",
                row.name
            );
            assert!(CONTRADICTIONS[..place].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!((0.1..=1.0).contains(&row.worth));
        }
    }

    proptest! {
        /// More pieces never make a request less suspicious, and the share is a share.
        #[test]
        fn the_share_is_between_nothing_and_all(
            major in 0u16..200, chromium in 0u16..200, second in 0u8..10, flags in any::<u32>(), engine in 0usize..5, system in 0usize..7,
        ) {
            let flag = |place: u32| flags >> place & 1 == 1;
            let (names, share, fires) = check(|claims, seen, headers| {
                claims.engine = [Engine::Unknown, Engine::Blink, Engine::Gecko, Engine::WebKit, Engine::Legacy][engine];
                claims.system = [System::Unknown, System::Windows, System::MacOs, System::Linux, System::ChromeOs, System::Android, System::Ios][system];
                (claims.major, claims.plain, claims.edge, claims.handheld) = (major, flag(0), flag(1), flag(2));
                seen.hints = Hints { brands: flag(3), malformed: flag(4), chromium, chrome: flag(5), headless: flag(6), ..seen.hints };
                seen.fetch = Fetch { site: flag(7), dest: flag(8), dest_empty: flag(9), user: flag(10), invalid: flag(11), ..seen.fetch };
                seen.encodings = Encodings { brotli: flag(12), zstd: flag(13), odd: flag(14), terse: flag(15) };
                (seen.second_language, seen.secure, seen.own_tls, seen.content_type) = (second, flag(16), flag(17), flag(18));
                (headers.sec_fetch, headers.client_hints, headers.origin) = (flag(19), flag(20), flag(21));
            });
            prop_assert!((0.0..=1.0).contains(&share) && names.len() <= CONTRADICTIONS.len());
            prop_assert_eq!(names.is_empty(), share == 0.0);
            prop_assert!(!fires || share >= 0.9 - 1e-9);
        }
    }
}
