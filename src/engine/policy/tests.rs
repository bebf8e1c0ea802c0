mod reach;
mod report;
mod trace;

use super::*;
use crate::engine::assessment::Scores;
use crate::engine::attempt::{Field, Pseudonym};
use crate::engine::clearance::{ChallengeKind, Clearance};
use crate::engine::decision::tests::{assessment, evidence, model};
use crate::engine::event::Event;
use crate::engine::evidence::{Country, ListEffect, ListHit};
use crate::engine::holder::Holder;
use crate::engine::signals::{SignalId, SignalSet};
use crate::engine::time::Timestamp;
use proptest::prelude::*;

/// The names that the built-in policy and these tests use; the catalogue has more.
const SOME_SIGNALS: [&str; 15] = [
    "http_client_library",
    "web_crawler",
    "invalid_email",
    "disposable_email_domain",
    "datacenter_ip",
    "tor_exit",
    "vpn_ip",
    "brute_force",
    "credential_stuffing",
    "high_activity_ip",
    "card_testing",
    "deny_listed",
    "allow_listed",
    "password_spraying",
    "reset_flood",
];

fn names() -> Names {
    Names {
        signals: SOME_SIGNALS.to_vec(),
        lists: vec!["blocked".into(), "office".into(), "big-spenders".into()],
        routes: vec!["sign-in".into(), "sign-up".into()],
        parts: vec!["store", "country"],
    }
}

fn compile(when: &str) -> Result<Policy, Vec<RuleError>> {
    let rules = vec![RuleSource { name: "r".into(), when: when.into(), action: Action::Deny, ban: None }];
    let source = PolicySource {
        name: "p".into(),
        rules,
        on_success: Vec::new(),
        when_degraded: Vec::new(),
        otherwise: Action::Allow,
    };
    Policy::compile(source, &names(), model())
}

fn fired(names: &[&str]) -> SignalSet {
    let mut set = SignalSet::default();
    for name in names {
        set.insert(SignalId(SOME_SIGNALS.iter().position(|known| known == name).unwrap() as u8));
    }
    set
}

#[test]
fn rules_say_what_they_say() {
    let mut evidence = evidence();
    evidence.intel.lists = vec![ListHit { list: "blocked".into(), effect: ListEffect::Deny, of: "ip" }];
    evidence.attempt.missing = vec![Field::Phone];
    evidence.attempt.form.amount = Some(99.5);
    evidence.degraded = vec!["store"];
    let scores = Scores {
        risk: 72.0,
        bot: 49.996,
        account_takeover: 10.0,
        account_abuse: 5.25,
        risk_low: 60.0,
        risk_high: 90.0,
    };
    let assessment = Assessment { fired: fired(&["brute_force", "tor_exit"]), ..assessment(scores) };
    for (when, expected) in [
        ("true", true),
        ("fired.brute_force", true),
        ("fired.vpn_ip", false),
        ("!fired.vpn_ip == true", true),
        ("listed.blocked && !listed.office", true),
        ("\"brute_force\" in signals", true),
        ("\"vpn_ip\" in signals", false),
        ("\"blocked\" in lists", true),
        ("\"big-spenders\" in lists", false),
        ("\"phone\" in missing", true),
        ("\"store\" in degraded && !(\"country\" in degraded)", true),
        ("\"proof_of_work\" in cleared", false),
        // As the record prints it: 50.
        ("bot >= 50", true),
        ("bot > 50.0", false),
        ("40 <= risk && risk < 72.5", true),
        ("risk_high >= 90 && risk_low <= 60 && account_abuse < risk", true),
        ("severity == \"high\"", true),
        ("severity in ['low', 'critical']", false),
        ("event == \"login\" && moment == \"before\" && route == 'sign-in'", true),
        ("event in [\"custom:gift_card\", \"register\"]", false),
        ("client.country in [\"DE\", \"CH\"]", true),
        ("client.country == \"\"", false),
        ("client.ip == \"203.0.113.7\"", true),
        ("client.asn in [14061, 16509]", true),
        ("client.org.contains(\"Ocean\")", true),
        ("device.name.startsWith(\"curl\") && !device.known", true),
        ("email.domain.endsWith(\".com\")", true),
        ("currency == \"\" && campaign == \"\"", true),
        ("hour == 1", true),
        ("hour in [22, 23, 0]", false),
        ("!(\"amount\" in missing) && amount > 99", true),
        ("amount > 99 && !(\"amount\" in missing)", true),
        ("\"amount\" in missing || amount < 99", false),
        ("\"amount\" in missing ? risk > 50 : amount > 50", true),
        ("!(\"amount\" in missing || fired.vpn_ip) && amount > 50", true),
        ("size(signals) == 2 && signals.size() >= 2 && size(lists) < 2", true),
        ("signals.exists(s, s.startsWith(\"tor\"))", true),
        ("signals.all(s, s in [\"tor_exit\", \"vpn_ip\"])", false),
        ("signals.exists(s, s == \"brute_force\" && risk > 70)", true),
        ("cleared.all(c, c == \"proof_of_work\")", true),
        ("missing.exists(field, field == \"email\")", false),
        ("fired.brute_force == fired.tor_exit", true),
        ("risk > 90 ? fired.brute_force : fired.vpn_ip", false),
        ("fired . brute_force\n  && risk > 70u", true),
    ] {
        let policy = compile(when).unwrap_or_else(|errors| panic!("{when}: {errors:?}"));
        let denied = policy.rule(&evidence, &assessment).action == Action::Deny;
        assert_eq!(denied, expected, "{when}");
    }
}

/// Each text with, per error: the marked bytes, part of the message, the suggestion.
#[test]
fn errors_name_the_place_the_fault_and_the_cure() {
    type Expected = (&'static str, &'static str, Option<&'static str>);
    #[rustfmt::skip]
    let cases: &[(&str, &[Expected])] = &[
        ("fired.brute_froce", &[("fired.brute_froce", "no signal `brute_froce`", Some("fired.brute_force"))]),
        ("fired.weather", &[("fired.weather", "no signal", None)]),
        ("listed.bloked", &[("listed.bloked", "no list", Some("listed.blocked"))]),
        ("listed.big-spenders", &[("listed.big-spenders", "dash", Some("\"big-spenders\" in lists"))]),
        ("brute_force", &[("brute_force", "is a signal", Some("fired.brute_force"))]),
        ("blocked", &[("blocked", "is a list", Some("listed.blocked"))]),
        ("rsik > 50", &[("rsik", "no variable", Some("risk"))]),
        ("client.contry == 'DE'", &[("client.contry", "no variable", Some("client.country"))]),
        ("client", &[("client", "has parts: `client.ip`", None)]),
        ("fired", &[("fired", "a member for each signal", None)]),
        ("client.ip.version == 4", &[("client.ip.version", "no variable", None)]),
        ("risk", &[("risk", "is a number; a rule wants true or false", Some("risk >= 50"))]),
        ("email.domain && true", &[("email.domain", "is a text", Some("email.domain != \"\""))]),
        ("signals", &[("signals", "is a list", Some("size(signals) > 0"))]),
        ("risk > 70 || bot + 1 > 3 || account_abuse - bot > 1", &[("+", "do not calculate", None), ("-", "do not calculate", None)]),
        ("risk > 120", &[("120", "0 to 100", None)]),
        ("risk >= -1", &[("-1", "0 to 100", None)]),
        ("-1 < risk", &[("-1", "0 to 100", None)]),
        ("risk == 70", &[("risk == 70", "hardly ever equal", None)]),
        ("risk in [70]", &[("risk", "hardly ever equal", None)]),
        ("hour >= 24", &[("24", "hour", None)]),
        ("hour > 9.5", &[("9.5", "hour", None)]),
        ("client.asn == -5", &[("-5", "network's number", None)]),
        ("risk > hour", &[("risk > hour", "compares a score with an hour", None)]),
        ("1 < 2", &[("1 < 2", "constants", None)]),
        ("\"a\" == \"b\"", &[("\"a\" == \"b\"", "constants", None)]),
        ("risk > \"70\"", &[("risk > \"70\"", "compares a number with a text", None)]),
        ("0 < risk < 50", &[("0 < risk < 50", "compares true or false with a number", None)]),
        ("severity == \"hihg\"", &[("\"hihg\"", "no severity", Some("\"high\""))]),
        ("severity >= \"high\"", &[("severity >= \"high\"", "not ordered", Some("severity in [\"high\", \"critical\"]"))]),
        ("event == \"$login\"", &[("\"$login\"", "no event", Some("\"login\""))]),
        ("event == \"signin\"", &[("\"signin\"", "no event", None)]),
        ("moment in [\"before\", \"aftr\"]", &[("\"aftr\"", "no moment", Some("\"after\""))]),
        ("route == \"sign-on\"", &[("\"sign-on\"", "no route", Some("\"sign-in\""))]),
        ("\"tor_exits\" in signals", &[("\"tor_exits\"", "no signal", Some("\"tor_exit\""))]),
        ("\"ofice\" in lists", &[("\"ofice\"", "no list", Some("\"office\""))]),
        ("\"telephone\" in missing", &[("\"telephone\"", "no field", None)]),
        ("\"totp\" in cleared", &[("\"totp\"", "not available yet", None)]),
        ("\"proof_of_wrk\" in cleared", &[("\"proof_of_wrk\"", "no challenge", Some("\"proof_of_work\""))]),
        ("\"clock\" in degraded", &[("\"clock\"", "no part", None)]),
        ("event in signals", &[("event", "never in that list", None)]),
        ("risk in signals", &[("risk", "lists hold texts", None)]),
        ("event == severity", &[("event == severity", "never equal", None)]),
        ("client.country == \"de\"", &[("\"de\"", "upper case", Some("\"DE\""))]),
        ("client.country == \"Germany\"", &[("\"Germany\"", "two letters", None)]),
        ("client.ip == \"::ffff:203.0.113.7\"", &[("\"::ffff:203.0.113.7\"", "is written", Some("\"203.0.113.7\""))]),
        ("client.ip == \"203.0.113.0/24\"", &[("\"203.0.113.0/24\"", "list of ip", None)]),
        ("email.domain == \"a@Example.com\"", &[("\"a@Example.com\"", "after the `@`", Some("\"example.com\""))]),
        ("currency == 'eur'", &[("'eur'", "upper case", Some("\"EUR\""))]),
        ("amount > 100", &[("amount", "may be missing", Some("!(\"amount\" in missing) && amount"))]),
        ("!(\"amount\" in missing) || amount > 100", &[("amount", "may be missing", None)]),
        ("\"amount\" in missing ? amount > 1 : true", &[("amount", "may be missing", None)]),
        ("client.country in []", &[("[]", "empty list", None)]),
        ("client.country in [\"DE\", 7]", &[("7", "constants", None)]),
        ("client.country in \"DE\"", &[("\"DE\"", "wants a list", None)]),
        ("fired.tor_exit in [true]", &[("fired.tor_exit", "texts or numbers", None), ("true", "constants", None)]),
        ("\"DE\" in [\"DE\"]", &[("\"DE\"", "variable stands to the left", None)]),
        ("[1, 2]", &[("[1, 2]", "to the right of `in`", None)]),
        ("signals[0] == \"tor_exit\"", &[("[", "not by place", None)]),
        ("has(client.country)", &[("has", "always has a value", None)]),
        ("device.name.matches(\"a+\")", &[("matches", "regular expressions", None)]),
        ("signals.map(s, s == \"x\")", &[("map", "not offered", None)]),
        ("signals.exist(s, true)", &[("exist", "no function", Some("exists"))]),
        ("lower(device.name) == \"x\"", &[("lower", "no function", None)]),
        ("signals.exists(s)", &[("exists", "written like", None)]),
        ("signals.exists(\"s\", true)", &[("\"s\"", "a name for the element", None)]),
        ("signals.exists(risk, risk == \"x\")", &[("risk", "variable already", None)]),
        ("signals.exists(s, lists.exists(l, l == s))", &[("l", "inside one another", None)]),
        ("signals.exists(s, s == \"tor\")", &[("\"tor\"", "no signal", None)]),
        ("signals.exists(s, true) && s == \"tor\"", &[("s", "no variable `s`", None)]),
        ("event.exists(e, true)", &[("event", "asks lists", None)]),
        ("size(event) > 2", &[("event", "wants a list", None)]),
        ("device.name.contains(\"\")", &[("\"\"", "empty text", None)]),
        ("device.name.contains(7)", &[("7", "wants a text", None)]),
        ("risk.contains(\"7\")", &[("risk", "asks texts", None)]),
        ("client.country == null", &[("null", "ever null", None)]),
        ("device.name == b\"x\"", &[("b", "plain quotes", None)]),
        ("signals == lists", &[("signals == lists", "not compared", None)]),
        ("fired.tor_exit > 1", &[("fired.tor_exit > 1", "compares true or false with a number", None)]),
        ("client.org == \"ä\" && rsik > 1", &[("rsik", "no variable", Some("risk"))]),
        // What the parser says.
        ("fired.tor_exit &&", &[("", "still missing", None)]),
        ("fired.tor_exit fired.vpn_ip", &[("fired.vpn_ip", "&& or ||", None)]),
        ("client.org == \"ä\"\n && > 3", &[(">", "cannot be read", None)]),
        (".risk > 5", &[(".risk", "no variable", Some("risk"))]),
    ];
    for (when, expected) in cases {
        let errors = compile(when).map(|_| ()).expect_err(when);
        let found: Vec<_> = errors.iter().map(|error| &when[error.offset..error.offset + error.len]).collect();
        assert_eq!(found, expected.iter().map(|(marked, ..)| *marked).collect::<Vec<_>>(), "{when}: {errors:#?}");
        for (error, (_, says, suggestion)) in errors.iter().zip(*expected) {
            assert!(error.message.contains(says), "{when}: {}", error.message);
            if suggestion.is_some() {
                assert_eq!(error.suggestion.as_deref(), *suggestion, "{when}");
            }
        }
    }
}

#[test]
fn the_built_in_policy_compiles_for_every_event_and_does_what_it_says() {
    let custom: Event = "custom:gift_card".parse().unwrap();
    for event in Event::NAMED.into_iter().chain([custom]) {
        let policy =
            Policy::compile(standard(&event), &names(), model()).unwrap_or_else(|errors| panic!("{event}: {errors:?}"));
        assert_eq!(policy.otherwise, Action::Allow);
    }
    let proof = Action::Challenge(ChallengeKind::ProofOfWork);
    let policy = Policy::compile(standard(&Event::Login), &names(), model()).unwrap();
    for (signals, bot, expected) in [
        (&[][..], 5.0, Action::Allow),
        (&[], 50.0, proof),
        (&["brute_force"], 5.0, proof),
        (&["credential_stuffing"], 89.0, proof),
        (&["credential_stuffing"], 90.0, Action::Deny),
        (&["deny_listed"], 5.0, Action::Deny),
        (&["deny_listed", "allow_listed"], 5.0, Action::Allow),
        (&["credential_stuffing", "allow_listed"], 99.0, Action::Allow),
    ] {
        let assessment = Assessment { fired: fired(signals), ..assessment(Scores { bot, ..Scores::default() }) };
        assert_eq!(policy.rule(&evidence(), &assessment).action, expected, "{signals:?} at bot {bot}");
    }
}

/// The worst that the scan lets through, for the parser's stack and the checker's.
#[test]
fn the_longest_chains_end_in_an_answer() {
    let many = |text: &str, joint: &str, times: usize| vec![text; times].join(joint);
    for when in [
        many("risk", " + ", 500),
        many("fired.tor_exit", " && ", 240),
        many("(risk)", " == ", 200),
        many("fired.tor_exit", " in ", 200),
        format!("{}true{}", "(".repeat(text::DEEPEST), ")".repeat(text::DEEPEST)),
        format!("{}true{}", "!(".repeat(text::DEEPEST), ")".repeat(text::DEEPEST)),
        format!("client.country in [{}]", many("\"DE\"", ",", 500)),
        format!("risk{}", ".size()".repeat(200)),
        format!("{}risk{}", "-(".repeat(text::DEEPEST), ")".repeat(text::DEEPEST)),
        format!("{}{}", "[".repeat(text::DEEPEST), "]".repeat(text::DEEPEST)),
        format!("{}risk{}", "size(".repeat(text::DEEPEST), ")".repeat(text::DEEPEST)),
        many("true ? true", " : ", 8) + " : true",
    ] {
        let start = &when[..when.len().min(60)];
        match compile(&when) {
            Ok(policy) => drop(policy),
            Err(errors) => assert!(!errors.is_empty() && errors.len() <= 1024, "{start}"),
        }
    }
    assert!(compile(&many("fired.tor_exit", " && ", 200)).is_ok());
}

fn token() -> impl Strategy<Value = String> {
    let fixed = [
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "?",
        ":",
        "+",
        "-",
        "*",
        "%",
        "=",
        "risk",
        "bot",
        "fired",
        "tor_exit",
        "signals",
        "missing",
        "amount",
        "exists",
        "all",
        "size",
        "s",
        "true",
        "false",
        "null",
        "7",
        "0.5",
        "1e400",
        "99999999999999999999",
        "0x",
        "'x'",
        "\"amount\"",
        "r'",
        "{",
        "}",
        "`",
        "\\",
        "\n",
        "ä",
        "b''",
        "u",
        "as",
        "has",
        "\u{0}",
    ];
    prop_oneof![9 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Errors always point into the text, whatever the text is.
    #[test]
    fn no_text_breaks_the_compiler(tokens in proptest::collection::vec(token(), 0..40), spaced: bool) {
        let when = tokens.join(if spaced { " " } else { "" });
        if let Err(errors) = compile(&when) {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(when.get(error.offset..error.offset + error.len).is_some(), "{when:?}: {error:?}");
            }
        }
    }

    #[test]
    fn no_characters_break_the_compiler(when in "\\PC{0,80}") {
        if let Err(errors) = compile(&when) {
            for error in errors {
                prop_assert!(when.get(error.offset..error.offset + error.len).is_some(), "{when:?}: {error:?}");
            }
        }
    }

    /// The typed tree and cel's own interpreter agree, and neither errs.
    #[test]
    fn a_checked_rule_means_what_cel_means(when in rule(), facts in facts()) {
        let policy = compile(&when).map_err(|errors| TestCaseError::fail(format!("{when}: {errors:?}")))?;
        let (evidence, assessment) = facts.scene();
        let denied = policy.rule(&evidence, &assessment).action == Action::Deny;
        let said = std::thread::scope(|scope| {
            let ask = || facts.ask_cel(&when);
            std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, ask).unwrap().join().unwrap()
        });
        prop_assert_eq!(said, Ok(denied), "{}", when);
    }
}

/// A rule that the checker accepts.
fn rule() -> impl Strategy<Value = String> {
    let score =
        || proptest::sample::select(vec!["risk", "bot", "account_takeover", "account_abuse", "risk_low", "risk_high"]);
    let operator = || proptest::sample::select(vec!["<", "<=", ">", ">="]);
    let threshold = || prop_oneof![(1..=99u32).prop_map(|n| n.to_string()), (0..100u32).prop_map(|n| format!("{n}.5"))];
    let signal = || proptest::sample::select(SOME_SIGNALS.to_vec());
    let leaf = prop_oneof![
        3 => (score(), operator(), threshold()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (threshold(), operator(), score()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (score(), operator(), score()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => signal().prop_map(|s| format!("fired.{s}")),
        1 => signal().prop_map(|s| format!("\"{s}\" in signals")),
        1 => (operator(), 1..4u32).prop_map(|(op, n)| format!("size(signals) {op} {n}")),
        1 => (signal(), score(), threshold()).prop_map(|(s, a, b)| format!("signals.exists(s, s == \"{s}\" || {a} > {b})")),
        1 => signal().prop_map(|s| format!("signals.all(s, s.startsWith(\"{}\") || s in signals)", &s[..3])),
        6 => proptest::sample::select(vec![
            "listed.blocked", "\"office\" in lists", "\"big-spenders\" in lists", "lists.exists(l, l.endsWith(\"ed\"))",
            "\"phone\" in missing", "!(\"amount\" in missing) && amount >= 10.5", "\"amount\" in missing || amount < 6",
            "(\"amount\" in missing ? risk > 50 : amount == 5)", "\"proof_of_work\" in cleared", "size(cleared) == 0",
            "\"store\" in degraded", "device.known", "device.name.contains(\"url\")", "client.country in [\"DE\", \"CH\"]",
            "client.country == \"\"", "client.asn in [0, 64500]", "client.asn > 100", "hour < 12", "hour in [0, 12]",
            "event == \"login\"", "event != \"register\"", "moment == \"before\"", "severity in [\"low\", \"high\"]",
            "severity != 'critical'", "route.startsWith(\"sign\")", "email.domain.endsWith(\"e.com\")", "currency == \"EUR\"",
            "client.ip == \"203.0.113.7\"", "client.ip.startsWith(\"203.\")", "client.org != \"\"", "campaign == \"\"",
            "true", "false", "device.known == false", "device.age_days >= 3", "device.age_days < 1", "device.trust > 10.5",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) == ({b})")),
        ]
    })
}

/// What a rule can depend on.
#[derive(Clone, Debug)]
struct Facts {
    scores: [u32; 6],
    fired: u16,
    lists: u8,
    amount: Option<f64>,
    country: Option<&'static str>,
    asn: Option<u32>,
    hour: u64,
    phone_missing: bool,
    solved: bool,
    flags: u8,
}

fn facts() -> impl Strategy<Value = Facts> {
    let amount = proptest::sample::select(vec![
        None,
        Some(0.0),
        Some(5.0),
        Some(10.5),
        Some(1e12),
        Some(f64::NAN),
        Some(f64::INFINITY),
    ]);
    let country = proptest::sample::select(vec![None, Some("DE"), Some("US")]);
    let asn = proptest::sample::select(vec![None, Some(64500), Some(7)]);
    let one = (proptest::array::uniform6(0..=10_000u32), any::<u16>(), any::<u8>(), amount, country);
    let two = (asn, 0..24u64, any::<bool>(), any::<bool>(), any::<u8>());
    (one, two).prop_map(|((scores, fired, lists, amount, country), (asn, hour, phone_missing, solved, flags))| Facts {
        scores,
        fired,
        lists,
        amount,
        country,
        asn,
        hour,
        phone_missing,
        solved,
        flags,
    })
}

impl Facts {
    fn flag(&self, bit: u8) -> bool {
        self.flags & (1 << bit) != 0
    }

    fn scene(&self) -> (Evidence, Assessment) {
        let mut evidence = evidence();
        let [risk, bot, account_takeover, account_abuse, risk_low, risk_high] =
            self.scores.map(|score| f64::from(score) / 100.0);
        let mut assessment = assessment(Scores { risk, bot, account_takeover, account_abuse, risk_low, risk_high });
        (0..12).filter(|bit| self.fired & (1 << bit) != 0).for_each(|bit| assessment.fired.insert(SignalId(bit)));
        let hit = |list: &Arc<str>| ListHit { list: list.clone(), effect: ListEffect::Note, of: "ip" };
        evidence.intel.lists =
            (0..3).filter(|bit| self.lists & (1 << bit) != 0).map(|bit| hit(&names().lists[bit])).collect();
        evidence.intel.country = self.country.and_then(Country::new);
        evidence.intel.asn = self.asn;
        evidence.intel.org = self.asn.map(|_| "Example Net".into());
        evidence.attempt.form.amount = self.amount;
        evidence.attempt.form.currency = self.flag(0).then(|| "EUR".into());
        evidence.attempt.at = Timestamp::from_secs(self.hour * 3600 + 86_400 * 9);
        if self.phone_missing {
            evidence.attempt.missing.push(Field::Phone);
        }
        if self.solved {
            evidence.clearance = Clearance::of_solved(ChallengeKind::ProofOfWork);
        }
        let device = &mut evidence.attempt.device;
        device.id = self.flag(1).then_some(Pseudonym([1; 16]));
        device.issued = self.flag(1).then(|| Timestamp(evidence.attempt.at.0 - 5 * 86_400_000));
        let holder = Holder {
            last: evidence.attempt.at,
            days: 3,
            successes: 3,
            logged_in: true,
            knows_account: true,
            ..Holder::default()
        };
        evidence.history.get_or_insert_default().holder = self.flag(1).then_some(holder);
        if self.flag(2) {
            evidence.attempt.event = Event::Register;
        }
        if self.flag(3) {
            evidence.attempt.identity.email = None;
        }
        if self.flag(4) {
            evidence.degraded.push("store");
        }
        (evidence, assessment)
    }

    /// The same question to cel's interpreter, over a context with every variable in it.
    fn ask_cel(&self, when: &str) -> Result<bool, String> {
        use std::collections::HashMap;
        let (evidence, assessment) = self.scene();
        let attempt = &evidence.attempt;
        let mut context = cel::Context::default();
        let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<String>>();
        let firing: Vec<&str> = (0..12)
            .filter(|bit| assessment.fired.contains(SignalId(*bit)))
            .map(|bit| SOME_SIGNALS[bit as usize])
            .collect();
        let listed: Vec<&str> = evidence.intel.lists.iter().map(|hit| &*hit.list).collect();
        let flags = |known: Vec<&str>, set: &[&str]| {
            known.into_iter().map(|name| (name.to_owned(), set.contains(&name))).collect::<HashMap<String, bool>>()
        };
        context.add_variable_from_value("fired", flags(SOME_SIGNALS.to_vec(), &firing));
        context.add_variable_from_value("listed", flags(vec!["blocked", "office"], &listed));
        context.add_variable_from_value("signals", texts(firing));
        context.add_variable_from_value("lists", texts(listed));
        let mut missing: Vec<&str> = attempt.missing.iter().map(|field| field.name()).collect();
        let amount = self.amount.filter(|amount| amount.is_finite());
        missing.extend(amount.is_none().then_some("amount"));
        context.add_variable_from_value("missing", texts(missing));
        context.add_variable_from_value("amount", amount.unwrap_or(0.0));
        context.add_variable_from_value("degraded", texts(evidence.degraded.clone()));
        context
            .add_variable_from_value("cleared", texts(evidence.clearance.kinds().map(ChallengeKind::name).collect()));
        let scores = assessment.scores;
        for (name, score) in [
            ("risk", scores.risk),
            ("bot", scores.bot),
            ("account_takeover", scores.account_takeover),
            ("account_abuse", scores.account_abuse),
            ("risk_low", scores.risk_low),
            ("risk_high", scores.risk_high),
        ] {
            context.add_variable_from_value(name, score);
        }
        let severity = match scores.risk {
            risk if risk < 40.0 => "low",
            risk if risk < 60.0 => "medium",
            risk if risk < 80.0 => "high",
            _ => "critical",
        };
        for (name, text) in [
            ("severity", severity),
            ("event", attempt.event.name()),
            ("route", &*attempt.route),
            ("moment", "before"),
            ("campaign", ""),
            ("currency", attempt.form.currency.as_deref().unwrap_or("")),
        ] {
            context.add_variable_from_value(name, text.to_owned());
        }
        context.add_variable_from_value("hour", self.hour as i64);
        let client: HashMap<String, cel::Value> = [
            ("ip".to_owned(), attempt.client.ip.to_string().into()),
            ("country".to_owned(), self.country.unwrap_or("").into()),
            ("asn".to_owned(), i64::from(self.asn.unwrap_or(0)).into()),
            ("org".to_owned(), evidence.intel.org.as_deref().unwrap_or("").into()),
        ]
        .into();
        context.add_variable_from_value("client", client);
        let (age, trust) = if self.flag(1) { (5.0, 50.0) } else { (0.0, 0.0) };
        let device: HashMap<String, cel::Value> = [
            ("known".to_owned(), self.flag(1).into()),
            ("name".to_owned(), (&*attempt.device.agent.name).into()),
            ("age_days".to_owned(), age.into()),
            ("trust".to_owned(), trust.into()),
        ]
        .into();
        context.add_variable_from_value("device", device);
        let domain = attempt.identity.email.as_ref().map_or("", |email| &email.domain);
        context.add_variable_from_value("email", HashMap::from([("domain".to_owned(), domain.to_owned())]));
        let program = cel::Program::compile(when).map_err(|errors| errors.to_string())?;
        match program.execute(&context) {
            Ok(cel::Value::Bool(answer)) => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    }
}
