//! The signals: one file a member, one table. Help texts, metrics, the README's table and the schema are loops over
//! [`SIGNALS`].
//!
//! A signal is a pure function of facts that were gathered before. It looks at the evidence through its own few
//! parameters and says that it saw nothing, that it could not look, or what it saw, with the numbers; it never says what
//! that is worth. The worth is in the table (`weights`), where an operator sees and changes it, and `assessment` adds up.
//! Order is the order of the documentation, and the order in which records print.

mod allow_listed;
mod ambiguous_request;
mod bot_behavior;
mod brute_force;
mod card_testing;
mod credential_stuffing;
mod datacenter_ip;
mod deny_listed;
mod disposable_email_domain;
mod dormant_account;
mod generated_email;
mod high_activity_account;
mod high_activity_device;
mod high_activity_ip;
mod http_client_library;
mod impossible_travel;
mod invalid_device_data;
mod invalid_email;
mod leaked_password;
mod low_quality_email;
mod missing_device_data;
mod multiple_accounts_per_device;
mod new_device;
mod new_location;
mod new_network;
mod password_spraying;
mod proxy_ip;
mod reset_flood;
mod spoofed_device;
mod takeover_likelihood;
mod takeover_success;
mod tor_exit;
mod vpn_ip;
mod web_crawler;

use super::evidence::{Evidence, Intel, Known, ListEffect, Usual};
use super::usual::Expected;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The catalogue. At most 64, so that a [`SignalSet`] is one word.
pub static SIGNALS: &[&Signal] = &[
    &bot_behavior::SIGNAL,
    &credential_stuffing::SIGNAL,
    &password_spraying::SIGNAL,
    &high_activity_ip::SIGNAL,
    &high_activity_device::SIGNAL,
    &high_activity_account::SIGNAL,
    &multiple_accounts_per_device::SIGNAL,
    &impossible_travel::SIGNAL,
    &http_client_library::SIGNAL,
    &web_crawler::SIGNAL,
    &spoofed_device::SIGNAL,
    &missing_device_data::SIGNAL,
    &invalid_device_data::SIGNAL,
    &generated_email::SIGNAL,
    &low_quality_email::SIGNAL,
    &disposable_email_domain::SIGNAL,
    &invalid_email::SIGNAL,
    &vpn_ip::SIGNAL,
    &proxy_ip::SIGNAL,
    &tor_exit::SIGNAL,
    &datacenter_ip::SIGNAL,
    &ambiguous_request::SIGNAL,
    &leaked_password::SIGNAL,
    &brute_force::SIGNAL,
    &reset_flood::SIGNAL,
    &takeover_success::SIGNAL,
    &takeover_likelihood::SIGNAL,
    &new_device::SIGNAL,
    &new_location::SIGNAL,
    &new_network::SIGNAL,
    &dormant_account::SIGNAL,
    &card_testing::SIGNAL,
    &allow_listed::SIGNAL,
    &deny_listed::SIGNAL,
];

/// Those whose weights count by a share between −1 and 1, and not whole or not at all: they speak for and against, or more
/// and less. Others whose weights count by a share (`Reading::Weighed`) only speak for it.
pub static GRADED: &[&Signal] =
    &[&takeover_likelihood::SIGNAL, &new_device::SIGNAL, &new_location::SIGNAL, &new_network::SIGNAL];

/// Those that fire on whoever guesses at passwords.
pub static GUESSING: &[&Signal] = &[&credential_stuffing::SIGNAL, &password_spraying::SIGNAL, &brute_force::SIGNAL];

/// Log-odds of each score when no signal fires: about 4 in 100 for `bot`, 1 in 100 for the others. By judgement, as all
/// weights in this folder are, until they are calibrated on recorded attempts.
pub static INTERCEPTS: Weights = Weights { bot: -3.1, account_takeover: -4.5, account_abuse: -4.5 };

/// What an operator may set as a weight: ten in log-odds is 22,000 to one, as good as certain.
pub const WEIGHT_RANGE: RangeInclusive<f64> = -10.0..=10.0;

/// What a signal says about one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Looked, and saw nothing.
    Quiet,
    /// Saw what it is named after.
    Fired(Findings),
    /// Looked, and saw something that speaks more or less for it, or, of one of [`GRADED`], against.
    Weighed {
        /// Of the weights, between 0 and 1; of [`GRADED`] ones between −1 and 1.
        share: f64,
        /// Whether that much is called by the signal's name.
        fires: bool,
        findings: Findings,
    },
    /// Could not look: what it needs was not to be had. Neither innocent nor guilty.
    Blind,
}

/// The numbers and names that made a signal fire, in the order an operator should read them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings(pub Vec<(&'static str, Finding)>);

impl Findings {
    pub fn new() -> Findings {
        Findings::default()
    }

    pub fn count(self, name: &'static str, count: impl Into<u64>) -> Findings {
        self.with(name, Finding::Count(count.into()))
    }

    /// Rounded to three decimals: more would print noise.
    pub fn number(self, name: &'static str, number: f64) -> Findings {
        self.with(name, Finding::number(number))
    }

    /// Rounded to three significant digits: one that is small enough to fire would print as nothing.
    pub fn probability(self, name: &'static str, probability: f64) -> Findings {
        let rounded = format!("{probability:.2e}").parse().unwrap_or(probability);
        self.with(name, Finding::Number(rounded))
    }

    pub fn flag(self, name: &'static str, flag: bool) -> Findings {
        self.with(name, Finding::Flag(flag))
    }

    pub fn text(self, name: &'static str, text: &str) -> Findings {
        self.with(name, Finding::Text(text.into()))
    }

    pub fn texts(self, name: &'static str, texts: impl IntoIterator<Item = impl Into<Box<str>>>) -> Findings {
        self.with(name, Finding::Texts(texts.into_iter().map(Into::into).collect()))
    }

    pub fn get(&self, name: &str) -> Option<&Finding> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, finding)| finding)
    }

    fn with(mut self, name: &'static str, finding: Finding) -> Findings {
        self.0.push((name, finding));
        self
    }
}

impl Reading {
    /// Whether the operator's lists of this effect match: the first with what it matched, the others by name.
    fn of_lists(evidence: &Evidence, effect: ListEffect) -> Reading {
        let mut matching = evidence.intel.lists.iter().filter(|hit| hit.effect == effect);
        let Some(first) = matching.next() else { return Reading::Quiet };
        let findings = Findings::new().text("list", &first.list).text("entity", first.of);
        let also: Vec<Box<str>> = matching.map(|hit| hit.list.as_ref().into()).collect();
        Reading::Fired(if also.is_empty() { findings } else { findings.texts("also", also) })
    }

    /// What a look-up found; blind where there was nothing to look in.
    fn of_known<T>(known: &Known<T>, findings: impl FnOnce(&T) -> Findings) -> Reading {
        match known {
            Known::Yes(found) => Reading::Fired(findings(found)),
            Known::No => Reading::Quiet,
            Known::Unknown => Reading::Blind,
        }
    }

    /// As [`Reading::of_known`], of an address: a relay that hides ordinary people by default never fires, whatever a
    /// database says of its addresses.
    fn of_address<T>(intel: &Intel, known: &Known<T>, findings: impl FnOnce(&T) -> Findings) -> Reading {
        if intel.relay { Reading::Quiet } else { Reading::of_known(known, findings) }
    }
}

/// An entity's activity over one window, for the signals that compare it with what is usual.
struct Activity {
    /// Half-life of the count, seconds.
    window: u32,
    observed: f64,
    usual: Usual,
    /// Less is never called high.
    floor: f64,
}

impl Activity {
    const PROBABILITY: Parameter = Parameter {
        name: "probability",
        summary: "share of days on which activity rises as high, below which it is unusual",
        default: 0.001,
        min: 1e-12,
        max: 0.1,
    };

    const FINDINGS: &[(&str, &str)] = &[
        ("observed", "{} attempts observed"),
        ("expected", "a day's peak is expected at {}"),
        ("days", "from {} days that were learned (older ones count less)"),
        ("p", "a day reaches as much with probability {}"),
        ("window_s", "half-life {} s"),
    ];

    /// Fires on the first that has reached its floor and is less probable than `probability`.
    fn judge<const N: usize>(windows: [Activity; N], probability: f64) -> Reading {
        for Activity { window, observed, usual, floor } in windows {
            if observed < floor {
                continue;
            }
            let expected = Expected::of(&usual, floor);
            let p = expected.probability(observed);
            if p < probability {
                return Reading::Fired(
                    Findings::new()
                        .number("observed", observed)
                        .number("expected", expected.mean)
                        .number("days", usual.days)
                        .probability("p", p)
                        .count("window_s", window),
                );
            }
        }
        Reading::Quiet
    }
}

/// A JSON object with its members in order.
impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, finding) in &self.0 {
            object.serialize_entry(name, finding)?;
        }
        object.end()
    }
}

/// One value of evidence. Never an identifier in the clear.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Finding {
    Count(u64),
    /// Rounded to three decimals when made.
    Number(f64),
    Flag(bool),
    Text(Box<str>),
    Texts(Vec<Box<str>>),
}

impl Finding {
    /// A number as it is shown: three decimals.
    pub fn number(number: f64) -> Finding {
        Finding::Number((number * 1000.0).round() / 1000.0)
    }
}

/// A signal's place in [`SIGNALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u8);

impl SignalId {
    /// Every member, in table order.
    pub fn all() -> impl Iterator<Item = SignalId> {
        (0..SIGNALS.len() as u8).map(SignalId)
    }

    /// The member at this place. Ids from [`find`] and [`SignalId::all`] always have one.
    pub fn signal(self) -> Option<&'static Signal> {
        SIGNALS.get(usize::from(self.0)).copied()
    }

    /// The published name.
    pub fn name(self) -> &'static str {
        self.signal().map_or("unknown", |signal| signal.name)
    }

    /// Whether it is one of [`GRADED`].
    pub fn is_graded(self) -> bool {
        self.signal().is_some_and(|signal| GRADED.iter().any(|graded| graded.name == signal.name))
    }

    fn bit(self) -> u64 {
        1u64.checked_shl(self.0.into()).unwrap_or(0)
    }
}

/// A set of signals, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalSet(u64);

impl SignalSet {
    pub fn insert(&mut self, id: SignalId) {
        self.0 |= id.bit();
    }

    pub fn contains(self, id: SignalId) -> bool {
        self.0 & id.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In table order.
    pub fn iter(self) -> impl Iterator<Item = SignalId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let place = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            (place < u64::BITS).then_some(SignalId(place as u8))
        })
    }

    /// Names in table order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(SignalId::name)
    }
}

/// The place of a signal by its published name.
pub fn find(name: &str) -> Option<SignalId> {
    SIGNALS.iter().position(|signal| signal.name == name).map(|place| SignalId(place as u8))
}

/// One member of the catalogue.
pub struct Signal {
    /// Published in records, headers, metrics, policies: never changed.
    pub name: &'static str,
    /// One sentence for tables: when it fires.
    pub summary: &'static str,
    /// Log-odds added to each score when it fires.
    pub weights: Weights,
    /// What an operator can tune, with defaults and ranges.
    pub parameters: &'static [Parameter],
    /// What it looks at, in a few words: what was not to be had where it is blind.
    pub needs: &'static str,
    /// What each of its findings means in words, `{}` standing for the value; of a flag, what is said of true, and after a
    /// `|` what is said of false. In the order in which they are printed.
    pub findings: &'static [(&'static str, &'static str)],
    /// Pure; sees its own parameters in the order of `parameters`.
    pub read: fn(&Evidence, &[f64]) -> Reading,
}

/// Log-odds a firing signal adds, by score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    pub bot: f64,
    pub account_takeover: f64,
    pub account_abuse: f64,
}

/// A number that an operator may set under `signals.<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub summary: &'static str,
    pub default: f64,
    pub min: f64,
    pub max: f64,
}

/// What the operator set for one signal; everything else is as in the table.
#[derive(Clone, Debug, Default)]
pub struct Override {
    pub enabled: Option<bool>,
    pub parameters: BTreeMap<&'static str, f64>,
    pub bot: Option<f64>,
    pub account_takeover: Option<f64>,
    pub account_abuse: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/engine/signals")
    }

    fn source(signal: &Signal) -> String {
        let file = folder().join(format!("{}.rs", signal.name));
        fs::read_to_string(&file)
            .unwrap_or_else(|_| panic!("{} has no file of its own: {}", signal.name, file.display()))
    }

    fn defaults(signal: &Signal) -> Vec<f64> {
        signal.parameters.iter().map(|parameter| parameter.default).collect()
    }

    #[test]
    fn the_folder_is_the_table() {
        let files: BTreeSet<String> = fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        let table: BTreeSet<String> = SIGNALS.iter().map(|signal| signal.name.to_owned()).collect();
        assert_eq!(files, table, "a file without its line in SIGNALS, or a line without its file");
        assert_eq!(table.len(), SIGNALS.len(), "two signals have one name");
        assert!(SIGNALS.len() <= 64, "a SignalSet holds 64");
    }

    #[test]
    fn names_find_their_signals() {
        for id in SignalId::all() {
            assert_eq!(find(id.name()), Some(id));
            assert!(id.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{} is no snake_case", id.name());
        }
        assert_eq!(find("credential_stufing"), None);
        assert_eq!(SignalId(200).name(), "unknown");
    }

    #[test]
    fn every_file_has_the_headings_and_its_parameters_under_them() {
        for signal in SIGNALS {
            let source = source(signal);
            let mut rest = source.as_str();
            for heading in ["What it reads", "Why it matters", "Who trips it innocently", "Parameters"] {
                let line = format!("//! # {heading}\n");
                let at =
                    rest.find(&line).unwrap_or_else(|| panic!("{}.rs lacks `{}`, or out of order", signal.name, line));
                rest = &rest[at + line.len()..];
            }
            let documented: String = rest.lines().take_while(|line| line.starts_with("//!")).collect();
            for parameter in signal.parameters {
                let name = format!("`{}`", parameter.name);
                assert!(documented.contains(&name), "{}.rs does not document {name}", signal.name);
            }
        }
    }

    #[test]
    fn every_file_tests_that_it_fires_and_its_innocents() {
        for signal in SIGNALS {
            let source = source(signal);
            assert!(source.contains("fn fires_"), "{} has no test that it fires", signal.name);
            assert!(source.contains("fn innocents_"), "{} has no test of its innocents", signal.name);
        }
    }

    #[test]
    fn parameters_and_weights_are_sane() {
        let weights = |w: &Weights| [w.bot, w.account_takeover, w.account_abuse];
        for signal in SIGNALS {
            assert!(signal.summary.len() > 20, "{} has no summary", signal.name);
            assert!(!signal.summary.ends_with('.'), "{}: summaries stand in tables, without a full stop", signal.name);
            for weight in weights(&signal.weights) {
                assert!(WEIGHT_RANGE.contains(&weight), "{} weighs {weight}", signal.name);
            }
            let names: BTreeSet<&str> = signal.parameters.iter().map(|parameter| parameter.name).collect();
            assert_eq!(names.len(), signal.parameters.len(), "{} has a parameter twice", signal.name);
            for Parameter { name, default, min, max, summary } in signal.parameters {
                assert!(min.is_finite() && max.is_finite(), "{}.{name} is unbounded", signal.name);
                assert!(min < max && min <= default && default <= max, "{}.{name}: default out of range", signal.name);
                assert!(!summary.is_empty(), "{}.{name} has no summary", signal.name);
            }
        }
        assert!(weights(&INTERCEPTS).iter().all(|weight| WEIGHT_RANGE.contains(weight)));
    }

    #[test]
    fn a_person_at_home_trips_nothing_and_blinds_nothing() {
        for signal in SIGNALS {
            let reading = (signal.read)(&fixture::evidence(), &defaults(signal));
            assert_eq!(reading, Reading::Quiet, "{}", signal.name);
        }
    }

    #[test]
    fn every_signal_reads_as_many_parameters_as_it_has() {
        for signal in SIGNALS.iter().filter(|signal| !signal.parameters.is_empty()) {
            let one_less = &defaults(signal)[1..];
            assert_eq!(
                (signal.read)(&fixture::evidence(), one_less),
                Reading::Blind,
                "{} must not judge without its parameters",
                signal.name
            );
        }
    }

    #[test]
    fn findings_are_an_object_in_order() {
        let findings = Findings::new()
            .text("name", "curl")
            .number("share", 2.0 / 3.0)
            .count("observed", 12u32)
            .flag("known", false)
            .texts("missing", ["accept"]);
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"name":"curl","share":0.667,"observed":12,"known":false,"missing":["accept"]}"#
        );
        assert_eq!(findings.get("observed"), Some(&Finding::Count(12)));
    }

    #[test]
    fn a_set_lists_its_members_in_table_order() {
        let mut set = SignalSet::default();
        for name in ["deny_listed", "tor_exit", "credential_stuffing"] {
            set.insert(find(name).unwrap());
        }
        set.insert(SignalId(64));
        assert_eq!(set.names().collect::<Vec<_>>(), ["credential_stuffing", "tor_exit", "deny_listed"]);
    }
}
