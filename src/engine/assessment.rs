//! From readings to scores: three scorecards in log-odds, and the chance that at least one of them is right.
//!
//! A scorecard is a sum, so each signal's share can be shown, argued with and tuned, and the shares add up to the score
//! exactly. Every number in the sum comes from the table of signals or from the operator; this file has none. Only what
//! fired is kept: judging a visitor of whom nothing is to be said allocates nothing.

use super::evidence::Evidence;
use super::signals::{INTERCEPTS, Override, Reading, SIGNALS, SignalId, SignalSet, WEIGHT_RANGE, Weights};
use std::collections::BTreeMap;

/// The three models. `risk` is derived from them and has no weights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScoreName {
    Bot,
    AccountTakeover,
    AccountAbuse,
}

impl ScoreName {
    pub const ALL: [ScoreName; 3] = [ScoreName::Bot, ScoreName::AccountTakeover, ScoreName::AccountAbuse];

    /// As published in records, metrics and policies.
    pub fn name(self) -> &'static str {
        match self {
            ScoreName::Bot => "bot",
            ScoreName::AccountTakeover => "account_takeover",
            ScoreName::AccountAbuse => "account_abuse",
        }
    }
}

/// The table of signals with the operator's overrides applied: parameters, weights, intercepts. Built once per
/// configuration.
#[derive(Debug)]
pub struct Model {
    /// Log-odds of each score with no signal fired.
    pub intercepts: Weights,
    /// By place in `SIGNALS`.
    pub signals: Vec<Tuned>,
}

/// One signal as this configuration runs it.
#[derive(Debug)]
pub struct Tuned {
    pub enabled: bool,
    pub weights: Weights,
    /// In the order of the signal's `parameters`.
    pub parameters: Vec<f64>,
}

impl Model {
    /// The table as it is, changed where `overrides` (by signal place) say so. Ranges were checked by the loader; what is
    /// out of range all the same is brought into it, and what is no number is ignored, because a score must be one.
    pub fn new(overrides: &BTreeMap<SignalId, Override>) -> Model {
        let untouched = Override::default();
        let tuned = SignalId::all().zip(SIGNALS).map(|(id, signal)| {
            let set = overrides.get(&id).unwrap_or(&untouched);
            let weight =
                |own: Option<f64>, table: f64| in_range(own, table, *WEIGHT_RANGE.start(), *WEIGHT_RANGE.end());
            Tuned {
                enabled: set.enabled.unwrap_or(true),
                weights: Weights {
                    bot: weight(set.bot, signal.weights.bot),
                    account_takeover: weight(set.account_takeover, signal.weights.account_takeover),
                    account_abuse: weight(set.account_abuse, signal.weights.account_abuse),
                },
                parameters: signal
                    .parameters
                    .iter()
                    .map(|p| in_range(set.parameters.get(p.name).copied(), p.default, p.min, p.max))
                    .collect(),
            }
        });
        Model { intercepts: INTERCEPTS, signals: tuned.collect() }
    }
}

/// The table as it is.
impl Default for Model {
    fn default() -> Model {
        Model::new(&BTreeMap::new())
    }
}

fn in_range(own: Option<f64>, table: f64, min: f64, max: f64) -> f64 {
    own.filter(|number| !number.is_nan()).map_or(table, |number| number.clamp(min, max))
}

/// Percent, 0 to 100, two decimals when printed; high is risky.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub risk: f64,
    pub bot: f64,
    pub account_takeover: f64,
    pub account_abuse: f64,
    /// The range that missing evidence leaves to `risk`: each blind signal might have been quiet, or have fired, whichever
    /// lowers (`risk_low`) or raises (`risk_high`) each score most. Equal to `risk` where nothing was blind.
    pub risk_low: f64,
    pub risk_high: f64,
}

/// What was read, and what it comes to.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub scores: Scores,
    pub fired: SignalSet,
    pub blind: SignalSet,
    /// Findings of the fired signals, in table order.
    pub readings: Vec<(SignalId, Reading)>,
}

/// Reads every enabled signal once and adds up.
pub fn assess(evidence: &Evidence, model: &Model) -> Assessment {
    let (mut fired, mut blind, mut readings) = (SignalSet::default(), SignalSet::default(), Vec::new());
    let mut sum = model.intercepts;
    // What blind signals could take away and add.
    let (mut down, mut up) = (Weights::default(), Weights::default());
    for ((id, signal), tuned) in SignalId::all().zip(SIGNALS).zip(&model.signals) {
        if !tuned.enabled {
            continue;
        }
        match (signal.read)(evidence, &tuned.parameters) {
            Reading::Quiet => {}
            Reading::Blind => {
                blind.insert(id);
                down = down.plus(tuned.weights.map(|weight| weight.min(0.0)));
                up = up.plus(tuned.weights.map(|weight| weight.max(0.0)));
            }
            reading @ Reading::Fired(_) => {
                fired.insert(id);
                sum = sum.plus(tuned.weights);
                readings.push((id, reading));
            }
        }
    }
    let range = (!blind.is_empty()).then_some((down, up));
    Assessment { scores: scores(sum, range), fired, blind, readings }
}

/// Scores of a sum of log-odds, and of what could be taken away from it and added to it.
pub(super) fn scores(sum: Weights, range: Option<(Weights, Weights)>) -> Scores {
    let Weights { bot, account_takeover, account_abuse } = sum.map(percent);
    let risk = risk(sum);
    let (risk_low, risk_high) = match range {
        None => (risk, risk),
        Some((down, up)) => (self::risk(sum.plus(down)).min(risk), self::risk(sum.plus(up)).max(risk)),
    };
    Scores { risk, bot, account_takeover, account_abuse, risk_low, risk_high }
}

/// The chance, in percent, that at least one of the three is true, were they independent; rounding never takes it below any
/// of them.
fn risk(sum: Weights) -> f64 {
    let Weights { bot, account_takeover, account_abuse } = sum.map(percent);
    let none = [bot, account_takeover, account_abuse].into_iter().map(|score| 1.0 - score / 100.0).product::<f64>();
    (100.0 * (1.0 - none)).max(bot).max(account_takeover).max(account_abuse)
}

/// Log-odds as a probability in percent.
fn percent(logit: f64) -> f64 {
    100.0 / (1.0 + (-logit).exp())
}

impl Assessment {
    /// Whether this attempt may teach what is usual. Not while activity is unusual (`high_activity_…`): whoever keeps it up
    /// for long enough would be usual.
    pub fn teaches(&self) -> bool {
        !self.fired.names().any(|name| name.starts_with("high_activity_"))
    }

    /// Log-odds by contributor for one score: `("intercept", …)` first, then fired signals with a weight, in table order.
    /// Added up in this order they are exactly the score's logit.
    pub fn contributions(&self, model: &Model, score: ScoreName) -> Vec<(&'static str, f64)> {
        let fired = self.fired.iter().filter_map(|id| {
            let weight = model.signals.get(usize::from(id.0))?.weights.of(score);
            (weight != 0.0).then_some((id.name(), weight))
        });
        std::iter::once(("intercept", model.intercepts.of(score))).chain(fired).collect()
    }
}

impl Scores {
    /// One of the three by name.
    pub fn of(&self, score: ScoreName) -> f64 {
        match score {
            ScoreName::Bot => self.bot,
            ScoreName::AccountTakeover => self.account_takeover,
            ScoreName::AccountAbuse => self.account_abuse,
        }
    }
}

impl Weights {
    pub fn of(&self, score: ScoreName) -> f64 {
        match score {
            ScoreName::Bot => self.bot,
            ScoreName::AccountTakeover => self.account_takeover,
            ScoreName::AccountAbuse => self.account_abuse,
        }
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Weights {
        Weights { bot: f(self.bot), account_takeover: f(self.account_takeover), account_abuse: f(self.account_abuse) }
    }

    pub(super) fn plus(self, other: Weights) -> Weights {
        Weights {
            bot: self.bot + other.bot,
            account_takeover: self.account_takeover + other.account_takeover,
            account_abuse: self.account_abuse + other.account_abuse,
        }
    }
}

/// How bad the worst of it is, from `risk`: below 40 low, 60 medium, 80 high, else critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn of(risk: f64) -> Severity {
        match risk {
            r if r < 40.0 => Severity::Low,
            r if r < 60.0 => Severity::Medium,
            r if r < 80.0 => Severity::High,
            _ => Severity::Critical,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::{Agent, AgentKind, Ambiguity, EmailProblem, HeaderFacts};
    use crate::engine::counterfactual::Imagined;
    use crate::engine::evidence::{Account, Counts, History, Known, ListEffect, ListHit, Source};
    use crate::engine::fixture;
    use crate::engine::signals::find;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// The sample, changed, under the table as it is.
    fn judged(change: impl FnOnce(&mut Evidence)) -> Assessment {
        let mut evidence = fixture::evidence();
        change(&mut evidence);
        assess(&evidence, &Model::default())
    }

    fn names(assessment: &Assessment) -> Vec<&'static str> {
        assessment.fired.names().collect()
    }

    fn curl(evidence: &mut Evidence) {
        evidence.attempt.device.agent = Arc::new(fixture::library("curl"));
        evidence.attempt.client.headers = HeaderFacts { user_agent: true, accept: true, ..HeaderFacts::default() };
    }

    fn stuffed(evidence: &mut Evidence) {
        evidence.history = Some(History { account: Account::default(), ..fixture::stuffing().history.unwrap() });
    }

    fn vpn_on_a_rented_server(evidence: &mut Evidence) {
        evidence.intel.datacenter = Known::Yes(Arc::from("M247"));
        evidence.intel.vpn = Known::Yes(Arc::from("NordVPN"));
    }

    #[test]
    fn nothing_is_learnt_while_activity_is_unusual() {
        let mut assessment = assess(&fixture::evidence(), &Model::default());
        assert!(assessment.teaches());
        assessment.fired.insert(crate::engine::signals::find("tor_exit").unwrap());
        assert!(assessment.teaches(), "who comes from where is no activity");
        assessment.fired.insert(crate::engine::signals::find("high_activity_ip").unwrap());
        assert!(!assessment.teaches());
    }

    #[test]
    fn nothing_to_say_costs_nothing_and_scores_low() {
        let plain = judged(|_| {});
        assert!(plain.fired.is_empty() && plain.blind.is_empty());
        assert_eq!(plain.readings.capacity(), 0);
        let Scores { risk, bot, account_takeover, account_abuse, risk_low, risk_high } = plain.scores;
        assert!(bot < 10.0 && account_takeover < 5.0 && account_abuse < 5.0 && risk < 10.0, "{:?}", plain.scores);
        assert_eq!((risk_low, risk_high), (risk, risk));
        assert_eq!(Severity::of(risk), Severity::Low);
    }

    /// The thresholds are those of the sample policies in the documentation.
    #[test]
    fn innocents_stay_below_the_thresholds_that_policies_use() {
        type Change = fn(&mut Evidence);
        let cases: [(&str, Change); 7] = [
            ("an employee behind a cloud proxy", |e| e.intel.datacenter = Known::Yes(Arc::from("Zscaler"))),
            ("a traveller on a VPN", vpn_on_a_rented_server),
            ("a mistyped address", |e| {
                e.attempt.identity.email.as_mut().unwrap().problem = Some(EmailProblem::NoPublicSuffix);
            }),
            ("a throw-away address", |e| {
                e.attempt.identity.email.as_mut().unwrap().disposable = Some("x.example".into());
            }),
            ("a native app", |e| {
                e.attempt.device.agent = Arc::new(Agent::default());
                e.attempt.client.headers =
                    HeaderFacts { user_agent: true, accept_encoding: true, ..Default::default() };
            }),
            ("a path with two slashes", |e| e.attempt.ambiguities = vec![Ambiguity::Path(vec!["raw", "merged"])]),
            ("a busy address", |e| e.history.as_mut().unwrap().network.minute.attempts = 80.0),
        ];
        for (who, change) in cases {
            let scores = judged(change).scores;
            assert!(scores.bot < 50.0 && scores.account_takeover < 50.0, "{who}: {scores:?}");
            assert_eq!(Severity::of(scores.risk), Severity::Low, "{who}: {scores:?}");
        }
    }

    #[test]
    fn tor_alone_refuses_nobody() {
        let scores = judged(|e| {
            e.intel.tor_exit = Known::Yes(());
            e.intel.datacenter = Known::Yes(Arc::from("OVH"));
        })
        .scores;
        assert!(scores.bot < 50.0 && scores.account_takeover < 50.0 && scores.account_abuse < 50.0, "{scores:?}");
        assert!(Severity::of(scores.risk) <= Severity::Medium, "{scores:?}");
    }

    #[test]
    fn attacks_reach_the_thresholds_that_policies_use() {
        let library = judged(curl);
        assert_eq!(names(&library), ["http_client_library"]);
        assert!(library.scores.bot >= 50.0, "{:?}", library.scores);

        let hidden = judged(stuffed).scores;
        assert!((50.0..60.0).contains(&hidden.bot), "stuffing alone is challenged, not refused: {hidden:?}");
        assert!(hidden.account_takeover >= 50.0, "{hidden:?}");

        let both = judged(|e| {
            curl(e);
            stuffed(e);
        });
        assert!(both.scores.bot >= 90.0 && both.scores.risk >= 90.0, "{:?}", both.scores);

        let guesses = Counts { attempts: 31.0, failed: 30.0, open: 1.0, ..Counts::default() };
        let guessed = judged(|e| {
            let account = Account { recent: guesses, from_here: guesses, in_flight: 1, ..Account::default() };
            e.history.as_mut().unwrap().account = account;
        });
        assert_eq!(names(&guessed), ["brute_force"]);
        assert!(guessed.scores.bot >= 50.0 && guessed.scores.account_takeover >= 50.0, "{:?}", guessed.scores);

        let listed = judged(|e| {
            e.intel.lists = vec![ListHit { list: Arc::from("blocked"), effect: ListEffect::Deny, of: "account" }];
        });
        assert!(Severity::of(listed.scores.risk) == Severity::Critical && listed.scores.bot < 10.0);
    }

    #[test]
    fn the_documented_example_adds_up() {
        let evidence = fixture::stuffing();
        let model = Model::default();
        let assessment = assess(&evidence, &model);
        assert_eq!(names(&assessment), ["credential_stuffing", "http_client_library", "datacenter_ip"]);
        assert_eq!(
            assessment.contributions(&model, ScoreName::Bot),
            [("intercept", -3.1), ("credential_stuffing", 3.3), ("http_client_library", 4.5), ("datacenter_ip", 1.2)]
        );
        assert_eq!(assessment.readings.len(), 3);
        let server = assess(&Evidence { history: fixture::evidence().history, ..evidence }, &model);
        assert_eq!(format!("{:.2}", server.scores.bot), "93.09");
    }

    #[test]
    fn rounding_takes_risk_below_no_score() {
        let hardly = Weights { bot: -40.0, account_takeover: -50.0, account_abuse: -50.0 };
        assert!(percent(hardly.bot) > 0.0);
        assert_eq!(risk(hardly), percent(hardly.bot));
        assert_eq!(risk(Weights { bot: 130.0, ..hardly }), 100.0);
    }

    #[test]
    fn what_is_missing_widens_the_range() {
        let unknown = judged(|e| {
            e.history = None;
            e.intel.tor_exit = Known::Unknown;
        });
        assert_eq!(
            unknown.blind.names().collect::<Vec<_>>(),
            ["credential_stuffing", "high_activity_ip", "tor_exit", "brute_force"]
        );
        let Scores { risk, risk_low, risk_high, .. } = unknown.scores;
        assert!(unknown.fired.is_empty() && risk < 10.0, "blind is not guilty");
        assert_eq!(risk_low, risk);
        assert!(risk_high > 95.0, "{risk_high}");
    }

    #[test]
    fn operators_switch_off_weigh_and_tune() {
        let id = |name| find(name).unwrap();
        let overrides = BTreeMap::from([
            (id("http_client_library"), Override { enabled: Some(false), ..Override::default() }),
            (id("vpn_ip"), Override { enabled: Some(false), ..Override::default() }),
            (id("allow_listed"), Override { bot: Some(-4.0), account_abuse: Some(f64::NAN), ..Override::default() }),
            (id("deny_listed"), Override { account_abuse: Some(1e9), ..Override::default() }),
            (
                id("high_activity_ip"),
                Override {
                    parameters: BTreeMap::from([("per_minute", 5.0), ("per_hour", -3.0)]),
                    ..Override::default()
                },
            ),
        ]);
        let model = Model::new(&overrides);
        let tuned = |name| &model.signals[usize::from(id(name).0)];
        assert_eq!(tuned("high_activity_ip").parameters, [5.0, 10.0], "below the range is its lower end");
        assert_eq!(tuned("allow_listed").weights, Weights { bot: -4.0, ..Weights::default() });
        assert_eq!(tuned("deny_listed").weights.account_abuse, 10.0);
        assert_eq!(tuned("tor_exit").weights, SIGNALS[usize::from(id("tor_exit").0)].weights);

        let mut evidence = fixture::evidence();
        curl(&mut evidence);
        evidence.intel.vpn = Known::Unknown;
        evidence.intel.lists = vec![ListHit { list: Arc::from("office"), effect: ListEffect::Allow, of: "ip" }];
        evidence.history.as_mut().unwrap().network.minute.attempts = 6.0;
        let assessment = assess(&evidence, &model);
        assert_eq!(names(&assessment), ["high_activity_ip", "allow_listed"]);
        assert!(assessment.blind.is_empty(), "a signal that is switched off is not missed");
        assert!(assessment.scores.bot < 1.0);
    }

    fn known() -> impl Strategy<Value = Known<Arc<str>>> {
        prop_oneof![Just(Known::Yes(Arc::from("x"))), Just(Known::No), Just(Known::Unknown)]
    }

    fn counts() -> impl Strategy<Value = Counts> {
        (0.0..500.0, 0.0..500.0, 0.0..500.0).prop_map(|(failed, succeeded, open)| Counts {
            attempts: failed + succeeded + open,
            failed,
            succeeded,
            open,
        })
    }

    fn source() -> impl Strategy<Value = Source> {
        (counts(), counts(), 0..500u32, 0..500u32, 0..500u32, 0..200u32).prop_map(
            |(minute, hour, accounts, answered_accounts, failed_accounts, in_flight)| Source {
                minute,
                hour,
                accounts,
                answered_accounts,
                failed_accounts,
                in_flight,
            },
        )
    }

    fn history() -> impl Strategy<Value = History> {
        let account = (counts(), counts(), counts(), 0..200u32, any::<bool>()).prop_map(
            |(recent, from_here, refused_here, in_flight, known_source)| Account {
                recent,
                from_here,
                refused_here,
                in_flight,
                known_source,
            },
        );
        (source(), source(), account).prop_map(|(network, device, account)| History { network, device, account })
    }

    fn kind() -> impl Strategy<Value = AgentKind> {
        prop_oneof![
            Just(AgentKind::Browser),
            Just(AgentKind::Library("curl".into())),
            Just(AgentKind::Crawler("bot".into())),
            Just(AgentKind::Absent),
            Just(AgentKind::Unknown),
        ]
    }

    prop_compose! {
        /// Anything that signals look at, in any combination.
        fn anything()(
            kind in kind(),
            headers in any::<[bool; 4]>(),
            datacenter in known(),
            vpn in known(),
            tor in known(),
            relay in any::<bool>(),
            history in proptest::option::of(history()),
            lists in proptest::collection::vec(prop_oneof![Just(ListEffect::Allow), Just(ListEffect::Deny)], 0..3),
            disposable in any::<bool>(),
            ambiguous in any::<bool>(),
        ) -> Evidence {
            let mut evidence = fixture::evidence();
            evidence.attempt.device.agent = Arc::new(Agent { kind, ..Agent::default() });
            let [accept, accept_language, accept_encoding, sec_fetch] = headers;
            evidence.attempt.client.headers =
                HeaderFacts { accept, accept_language, accept_encoding, sec_fetch, ..HeaderFacts::default() };
            evidence.intel.datacenter = datacenter;
            evidence.intel.vpn = vpn;
            evidence.intel.tor_exit = match tor {
                Known::Yes(_) => Known::Yes(()),
                Known::No => Known::No,
                Known::Unknown => Known::Unknown,
            };
            evidence.intel.relay = relay;
            evidence.intel.lists =
                lists.into_iter().map(|effect| ListHit { list: Arc::from("list"), effect, of: "ip" }).collect();
            evidence.history = history;
            if disposable {
                evidence.attempt.identity.email.as_mut().unwrap().disposable = Some("x.example".into());
            }
            if ambiguous {
                evidence.attempt.ambiguities = vec![Ambiguity::Method];
            }
            evidence
        }
    }

    /// Any weights an operator can set, negative ones as well.
    fn model() -> impl Strategy<Value = Model> {
        let weight = || proptest::option::of(WEIGHT_RANGE);
        let one = (proptest::option::weighted(0.2, any::<bool>()), weight(), weight(), weight()).prop_map(
            |(enabled, bot, account_takeover, account_abuse)| Override {
                enabled,
                bot,
                account_takeover,
                account_abuse,
                ..Override::default()
            },
        );
        proptest::collection::vec(one, SIGNALS.len()).prop_map(|all| Model::new(&SignalId::all().zip(all).collect()))
    }

    proptest! {
        #[test]
        fn contributions_are_exactly_the_logit(evidence in anything(), model in model()) {
            let assessment = assess(&evidence, &model);
            for score in ScoreName::ALL {
                let contributions = assessment.contributions(&model, score);
                prop_assert_eq!(contributions[0].0, "intercept");
                let sum = contributions.iter().fold(0.0, |sum, (_, weight)| sum + weight);
                prop_assert_eq!(percent(sum), assessment.scores.of(score));
                // And the other way round, as far as a probability this near to 0 or 1 can tell.
                let p = assessment.scores.of(score) / 100.0;
                if (1e-6..=1.0 - 1e-6).contains(&p) {
                    prop_assert!(((p / (1.0 - p)).ln() - sum).abs() < 1e-8);
                }
            }
        }

        #[test]
        fn risk_is_a_percentage_and_below_none_of_the_three(evidence in anything(), model in model()) {
            let scores = assess(&evidence, &model).scores;
            for score in ScoreName::ALL {
                prop_assert!((0.0..=100.0).contains(&scores.of(score)));
                prop_assert!(scores.risk >= scores.of(score));
            }
            prop_assert!(scores.risk <= 100.0);
            prop_assert!(0.0 <= scores.risk_low && scores.risk_low <= scores.risk && scores.risk <= scores.risk_high);
            prop_assert!(scores.risk_high <= 100.0);
        }

        #[test]
        fn what_was_missing_never_leaves_the_range(full in anything(), model in model(), hide in any::<[bool; 4]>()) {
            let mut partial = full.clone();
            if hide[0] { partial.history = None; }
            if hide[1] { partial.intel.datacenter = Known::Unknown; }
            if hide[2] { partial.intel.vpn = Known::Unknown; }
            if hide[3] { partial.intel.tor_exit = Known::Unknown; }
            let truth = assess(&full, &model).scores.risk;
            let Scores { risk_low, risk_high, .. } = assess(&partial, &model).scores;
            prop_assert!(risk_low - 1e-9 <= truth && truth <= risk_high + 1e-9, "{truth} not in {risk_low}..{risk_high}");
        }

        #[test]
        fn what_is_imagined_unchanged_is_as_it_was(evidence in anything(), model in model()) {
            let assessment = assess(&evidence, &model);
            prop_assert_eq!(Imagined::default().of(&assessment, &model).scores, assessment.scores);
        }

        #[test]
        fn what_fired_is_kept_and_nothing_else(evidence in anything(), model in model()) {
            let assessment = assess(&evidence, &model);
            let kept: Vec<SignalId> = assessment.readings.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(kept, assessment.fired.iter().collect::<Vec<_>>());
            prop_assert!(assessment.readings.iter().all(|(_, reading)| matches!(reading, Reading::Fired(_))));
            prop_assert!(assessment.fired.iter().all(|id| !assessment.blind.contains(id)));
        }
    }
}
