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
    assessment.fired.insert(find("tor_exit").unwrap());
    assert!(assessment.teaches(), "who comes from where is no activity");
    assessment.fired.insert(find("high_activity_ip").unwrap());
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
            e.attempt.client.headers = HeaderFacts { user_agent: true, accept_encoding: true, ..Default::default() };
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
    assert_eq!(names(&guessed), ["high_activity_account", "brute_force"]);
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
        [
            "credential_stuffing",
            "password_spraying",
            "high_activity_ip",
            "high_activity_device",
            "high_activity_account",
            "multiple_accounts_per_device",
            "tor_exit",
            "brute_force"
        ]
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
            Override { parameters: BTreeMap::from([("per_minute", 5.0), ("per_hour", -3.0)]), ..Override::default() },
        ),
    ]);
    let model = Model::new(&overrides);
    let tuned = |name| &model.signals[usize::from(id(name).0)];
    assert_eq!(tuned("high_activity_ip").parameters, [5.0, 10.0, 12.0, 0.001], "below the range is its lower end");
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
            ..Source::default()
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
            ..Account::default()
        },
    );
    (source(), source(), account).prop_map(|(network, device, account)| History {
        network,
        device,
        account,
        holder: None,
        velocities: Vec::new(),
    })
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
            let blind = |name: &str| assessment.blind.names().any(|blind| blind == name);
            prop_assert!(!contributions.iter().any(|(name, _)| blind(name)), "neither innocent nor guilty");
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
        let none: f64 = ScoreName::ALL.iter().map(|score| 1.0 - scores.of(*score) / 100.0).product();
        prop_assert!((scores.risk - 100.0 * (1.0 - none)).abs() < 1e-9, "the chance that at least one is true");
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
