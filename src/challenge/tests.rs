//! The journeys of a challenge, as a visitor and as somebody who wants in without solving.

use super::testing::{Down, Ledger, at_once, block_on};
use super::*;
use crate::config::settings::ProofOfWork;
use crate::engine::clearance::Clearance;
use crate::secrets::testing::secrets;
use std::collections::HashSet;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const OWNER: Option<Pseudonym> = Some(Pseudonym([4; 16]));
const BROWSER: Visit = Visit { now: NOW, secure: true, wants_html: true };
const PROGRAM: Visit = Visit { wants_html: false, ..BROWSER };
const MINUTE: Duration = Duration::from_secs(60);

fn challenges_of(difficulty: u8, secrets: Arc<Secrets>) -> Challenges {
    let settings = settings::Challenges {
        proof_of_work: ProofOfWork { difficulty },
        ticket_lifetime: 5 * MINUTE,
        clearance_lifetime: 2 * MINUTE,
        default_kind: ChallengeKind::ProofOfWork,
    };
    Challenges::new(settings, secrets)
}

fn challenges() -> Challenges {
    challenges_of(8, Arc::new(secrets()))
}

fn order(moment: Moment) -> Order<'static> {
    Order {
        kind: ChallengeKind::ProofOfWork,
        route: "sign-in",
        account: OWNER,
        moment,
        return_to: ReturnPath::new("/login?next=/cart").unwrap(),
    }
}

/// A challenge, with all that its rightful visitor has.
struct Held {
    issued: Issued,
    cookie: String,
}

impl Held {
    fn issue(challenges: &Challenges, moment: Moment) -> Held {
        let issued = challenges.issue(order(moment), &BROWSER).unwrap();
        let cookie = issued.set_cookies.first().map(|cookie| sent(cookie)).unwrap_or_default();
        Held { issued, cookie }
    }

    fn ticket(&self) -> &str {
        self.issued.location.strip_prefix(PREFIX).unwrap()
    }

    /// What a program makes of the description alone.
    fn work(&self, challenges: &Challenges) -> String {
        let reply = challenges.page(self.ticket(), &PROGRAM);
        let task: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((task["kind"].as_str(), task["algorithm"].as_str()), (Some("proof_of_work"), Some("sha-256")));
        assert_eq!(task["submit"].as_str(), Some(self.issued.location.as_str()));
        let id = u128::from_str_radix(task["prefix"].as_str().unwrap(), 16).unwrap().to_be_bytes();
        proof_of_work::tests::solve(&Task { id, difficulty: task["difficulty"].as_u64().unwrap() as u8 })
    }

    fn solve(&self, challenges: &Challenges, form: &str, visit: &Visit, store: &impl Spend) -> Solution {
        let cookies = [self.cookie.as_bytes()];
        block_on(challenges.solve(self.ticket(), form.as_bytes(), &cookies, visit, store))
    }
}

/// The pair that a browser sends back for a `Set-Cookie`.
fn sent(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().to_owned()
}

fn refusal(solution: Solution) -> Reply {
    match solution {
        Solution::Refuse { reply, .. } => reply,
        other => panic!("not refused: {other:?}"),
    }
}

/// A form that does not solve the challenge.
fn wrong(held: &Held, challenges: &Challenges) -> String {
    let right = held.work(challenges);
    // The first solution was found by counting up from nought; what was counted before is none.
    match right.as_str() {
        "nonce=0" => panic!("the first number of all is a solution: take another seed"),
        _ => "nonce=0".to_owned(),
    }
}

#[test]
fn before_forwarding_a_solution_earns_one_cleared_attempt_and_the_way_back() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::Before);
    assert!(held.issued.set_cookies.is_empty() && held.issued.hold_id.is_none());
    let Solution::Clear { reply, .. } = held.solve(&challenges, &held.work(&challenges), &BROWSER, &ledger) else {
        panic!("not cleared")
    };
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login?next=/cart")));
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("tollgate_clearance="), "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=120; HttpOnly; SameSite=Lax; Secure"), "{set}");

    let cookie = sent(set);
    let pending = |now| challenges.clearance(&[cookie.as_bytes()], "sign-in", OWNER, now);
    assert!(pending(NOW.after(2 * MINUTE)).is_none(), "expired");
    assert!(block_on(pending(NOW).unwrap().spend(&ledger)).covers(ChallengeKind::ProofOfWork));
    assert_eq!(block_on(pending(NOW).unwrap().spend(&ledger)), Clearance::NONE, "used");
}

#[test]
fn a_program_is_cleared_by_the_same_means() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::Before);
    let Solution::Clear { reply, .. } = held.solve(&challenges, &held.work(&challenges), &PROGRAM, &ledger) else {
        panic!("not cleared")
    };
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(reply.header("set-cookie").is_some());
}

#[test]
fn after_a_success_a_solution_releases_the_held_answer() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::After);
    let headers = [("Location", &b"/account"[..]), ("Set-Cookie", b"session=1; Path=/")];
    let answer = HeldAnswer::new("/login", 302, headers, Bytes::new()).unwrap();
    let sealed = challenges.seal(&held.issued, &answer).unwrap().unwrap();

    let Solution::Release(release) = held.solve(&challenges, &held.work(&challenges), &BROWSER, &ledger) else {
        panic!("not released")
    };
    assert_eq!(Some(release.hold_id()), held.issued.hold_id);
    assert_eq!((release.solved().route(), release.solved().account()), ("sign-in", OWNER));
    let released = challenges.release(release, Some(&sealed), &BROWSER).unwrap();
    assert_eq!((released.status, &released.headers[..2], &released.body), (302, &answer.headers[..], &answer.body));
    let removal = String::from_utf8(released.headers[2].1.to_vec()).unwrap();
    assert_eq!(
        removal,
        format!("tollgate_hold=; Path={}; Max-Age=0; HttpOnly; SameSite=Lax; Secure", held.issued.location)
    );
}

#[test]
fn an_answer_that_is_gone_or_somebody_elses_is_not_released() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let answer = HeldAnswer::new("/login", 302, [], Bytes::new()).unwrap();
    let other = Held::issue(&challenges, Moment::After);
    let others = challenges.seal(&other.issued, &answer).unwrap().unwrap();
    for taken in [None, Some(&others[..]), Some(&b"garbage"[..])] {
        let held = Held::issue(&challenges, Moment::After);
        let Solution::Release(release) = held.solve(&challenges, &held.work(&challenges), &BROWSER, &ledger) else {
            panic!("not released")
        };
        assert_eq!(challenges.release(release, taken, &BROWSER).unwrap_err().status, 410);
    }
}

#[test]
fn the_url_of_a_held_answer_is_worth_nothing_without_its_cookie() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::After);
    let form = held.work(&challenges);
    let another = Held::issue(&challenges, Moment::After).cookie;
    let unknown = refusal(block_on(challenges.solve("garbage", b"", &[], &BROWSER, &ledger)));
    for cookie in ["", "tollgate_hold=", "tollgate_hold=x", &another, &held.cookie.to_uppercase(), &held.cookie[1..]] {
        let cookies = [cookie.as_bytes()];
        let solution = block_on(challenges.solve(held.ticket(), form.as_bytes(), &cookies, &BROWSER, &ledger));
        assert_eq!(refusal(solution), unknown, "{cookie}");
    }
    assert_eq!(ledger.len(), 0, "trying does not use the ticket up");
    // Beside another of the name, the right one still counts.
    let both = format!("{another}; a=b; {}", held.cookie);
    let solution = block_on(challenges.solve(held.ticket(), form.as_bytes(), &[both.as_bytes()], &BROWSER, &ledger));
    assert!(matches!(solution, Solution::Release(_)));
}

#[test]
fn the_hold_cookie_is_for_its_own_ticket_only() {
    let challenges = challenges();
    let issued = challenges.issue(order(Moment::After), &BROWSER).unwrap();
    let [cookie] = &issued.set_cookies[..] else { panic!("one cookie") };
    let attributes = format!("; Path={}; Max-Age=300; HttpOnly; SameSite=Lax; Secure", issued.location);
    assert!(cookie.starts_with("tollgate_hold=") && cookie.ends_with(&attributes), "{cookie}");
    let plain = challenges.issue(order(Moment::After), &Visit { secure: false, ..BROWSER }).unwrap();
    assert!(!plain.set_cookies[0].contains("Secure"));
    assert!(issued.location.len() <= 1024, "browsers ignore longer cookie attributes");
}

#[test]
fn a_solution_works_once() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    for moment in [Moment::Before, Moment::After] {
        let held = Held::issue(&challenges, moment);
        let form = held.work(&challenges);
        assert!(!matches!(held.solve(&challenges, &form, &BROWSER, &ledger), Solution::Refuse { .. }));
        let reply = refusal(held.solve(&challenges, &form, &BROWSER, &ledger));
        assert_eq!((reply.status, reply.header("set-cookie")), (410, None));
    }
}

#[test]
fn of_sixty_four_threads_with_one_solution_one_has_it() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    for moment in [Moment::Before, Moment::After] {
        let held = Held::issue(&challenges, moment);
        let form = held.work(&challenges);
        let solved =
            at_once(64, || !matches!(held.solve(&challenges, &form, &BROWSER, &ledger), Solution::Refuse { .. }));
        assert_eq!(solved, 1, "{moment:?}");
    }
}

#[test]
fn a_wrong_solution_is_refused_and_costs_nothing() {
    let (challenges, ledger) = (challenges_of(12, Arc::new(secrets())), Ledger::default());
    let held = Held::issue(&challenges, Moment::Before);
    let right = held.work(&challenges);
    let long = format!("{right}&pad={}", "x".repeat(MOST_FORM));
    for form in
        [wrong(&held, &challenges).as_str(), "", "nonce=", "{\"nonce\":1}", "nonce=99999999999999999999999", &long]
    {
        assert_eq!(refusal(held.solve(&challenges, form, &BROWSER, &ledger)).status, 410, "{form}");
    }
    assert_eq!(ledger.len(), 0);
    assert!(matches!(held.solve(&challenges, &right, &BROWSER, &ledger), Solution::Clear { .. }));
}

#[test]
fn the_work_for_one_ticket_does_nothing_for_another() {
    let (challenges, ledger) = (challenges_of(12, Arc::new(secrets())), Ledger::default());
    let form = Held::issue(&challenges, Moment::Before).work(&challenges);
    let cleared = (0..64)
        .map(|_| Held::issue(&challenges, Moment::Before).solve(&challenges, &form, &BROWSER, &ledger))
        .filter(|solution| !matches!(solution, Solution::Refuse { .. }))
        .count();
    assert!(cleared <= 1, "one in 4096 by chance, {cleared} of 64 found");
}

#[test]
fn a_ticket_keeps_the_difficulty_it_was_issued_with() {
    let secrets = Arc::new(secrets());
    let (hard, easy, ledger) = (challenges_of(28, secrets.clone()), challenges_of(1, secrets), Ledger::default());
    let held = Held::issue(&hard, Moment::Before);
    let task: Value = serde_json::from_slice(&easy.page(held.ticket(), &PROGRAM).body).unwrap();
    assert_eq!(task["difficulty"], 28);
    for nonce in 0..64 {
        assert_eq!(refusal(held.solve(&easy, &format!("nonce={nonce}"), &BROWSER, &ledger)).status, 410);
    }
}

#[test]
fn tickets_expire() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::Before);
    let form = held.work(&challenges);
    let late = Visit { now: NOW.after(5 * MINUTE), ..BROWSER };
    assert_eq!(refusal(held.solve(&challenges, &form, &late, &ledger)).status, 410);
    assert_eq!(challenges.page(held.ticket(), &late).status, 410);
    let just_in_time = Visit { now: Timestamp(late.now.0 - 1), ..BROWSER };
    assert_eq!(challenges.page(held.ticket(), &just_in_time).status, 200);
    assert!(matches!(held.solve(&challenges, &form, &just_in_time, &ledger), Solution::Clear { .. }));
}

#[test]
fn a_store_that_cannot_tell_solves_nothing_and_loses_nothing() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    for moment in [Moment::Before, Moment::After] {
        let held = Held::issue(&challenges, moment);
        let form = held.work(&challenges);
        let reply = refusal(held.solve(&challenges, &form, &BROWSER, &Down));
        assert_eq!((reply.status, reply.header("set-cookie")), (503, None));
        assert!(!matches!(held.solve(&challenges, &form, &BROWSER, &ledger), Solution::Refuse { .. }));
    }
}

#[test]
fn whatever_is_wrong_with_a_ticket_the_visitor_reads_the_same() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let mine = Held::issue(&challenges, Moment::Before);
    let foreign = Held::issue(
        &challenges_of(8, Arc::new(Secrets::ephemeral(Arc::new(crate::secrets::SystemRandomness)).unwrap())),
        Moment::Before,
    );
    let used = mine.work(&challenges);
    let _ = mine.solve(&challenges, &used, &BROWSER, &ledger);
    let late = Visit { now: NOW.after(6 * MINUTE), ..BROWSER };

    let opened: HashSet<Bytes> = [
        refusal(mine.solve(&challenges, &used, &BROWSER, &ledger)),
        refusal(mine.solve(&challenges, "nonce=", &BROWSER, &ledger)),
        refusal(mine.solve(&challenges, &used, &late, &ledger)),
        challenges.page(mine.ticket(), &late),
    ]
    .map(|reply| reply.body)
    .into();
    assert_eq!(opened.len(), 1);

    let long = "A".repeat(100_000);
    for ticket in ["", "A", "../../etc/passwd", "%00", "é", foreign.ticket(), &mine.ticket()[1..], &long] {
        let shown = challenges.page(ticket, &BROWSER);
        let posted = refusal(block_on(challenges.solve(ticket, b"nonce=1", &[], &BROWSER, &ledger)));
        assert_eq!((shown.status, &shown), (404, &posted), "{ticket}");
        assert_eq!(challenges.page(ticket, &PROGRAM).status, 404);
    }
}

#[test]
fn people_are_redirected_and_programs_told() {
    let challenges = challenges();
    let issued = challenges.issue(order(Moment::After), &BROWSER).unwrap();
    let redirect = issued.reply(&BROWSER);
    assert_eq!((redirect.status, redirect.header("location")), (303, Some(issued.location.as_str())));
    let problem = issued.reply(&PROGRAM);
    assert_eq!((problem.status, problem.header("content-type")), (403, Some("application/problem+json")));
    let body: Value = serde_json::from_slice(&problem.body).unwrap();
    for member in ["type", "title", "status", "detail"] {
        assert!(!body[member].is_null(), "{member}");
    }
    assert_eq!(body["challenge"]["url"], issued.location.as_str());
    assert_eq!(body["challenge"]["kind"], "proof_of_work");
    for reply in [redirect, problem, challenges.page(issued.location.strip_prefix(PREFIX).unwrap(), &BROWSER)] {
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert!(reply.header("x-robots-tag").is_some());
        for (name, value) in &reply.headers {
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
        }
    }
    assert_eq!(issued.redirect().header("set-cookie"), Some(issued.set_cookies[0].as_str()));
    assert_eq!(issued.problem().header("set-cookie"), Some(issued.set_cookies[0].as_str()));
}

#[test]
fn a_clearance_cannot_pass_for_a_ticket_nor_a_ticket_for_a_clearance() {
    let (challenges, ledger) = (challenges(), Ledger::default());
    let held = Held::issue(&challenges, Moment::Before);
    let Solution::Clear { reply, .. } = held.solve(&challenges, &held.work(&challenges), &BROWSER, &ledger) else {
        panic!("not cleared")
    };
    let cookie = sent(reply.header("set-cookie").unwrap());
    assert_eq!(challenges.page(cookie.split_once('=').unwrap().1, &BROWSER).status, 404);
    let forged = format!("tollgate_clearance={}", held.ticket());
    assert!(challenges.clearance(&[forged.as_bytes()], "sign-in", OWNER, NOW).is_none());
}

#[test]
fn every_kind_is_in_the_table_once_with_a_code_of_its_own() {
    for kind in ChallengeKind::ALL {
        let entries: Vec<_> = KINDS.iter().filter(|entry| entry.kind == kind).collect();
        assert_eq!(entries.len(), 1, "{kind} must be in KINDS exactly once");
        assert!(std::ptr::eq(kind_of(kind), *entries[0]), "{kind} is found under another entry");
        assert_eq!(kind_by_code(entries[0].code).map(|entry| entry.kind), Some(kind), "{kind} shares its code");
        assert!(!entries[0].summary.is_empty());
    }
    assert_eq!(KINDS.len(), ChallengeKind::ALL.len());
}

/// The compiler keeps a `Solved` from being made outside this folder (its field is private); this keeps the rest honest.
#[test]
fn only_challenges_make_clearances_and_only_verify_makes_a_solution() {
    let (mut minted, mut solved, mut supposed) = (Vec::new(), Vec::new(), Vec::new());
    for (name, code) in sources() {
        let lines = || code.lines().filter(|line| !line.trim_start().starts_with("//"));
        minted
            .extend(lines().filter(|line| line.contains("of_solved(") && !line.contains("fn ")).map(|_| name.clone()));
        let makes = |line: &&str| {
            line.contains("Solved {") && !["fn ", "struct ", "impl "].iter().any(|word| line.contains(word))
        };
        solved.extend(lines().filter(makes).map(|_| name.clone()));
        let supposes = |line: &&str| line.contains("supposed(") && !line.contains("fn ");
        supposed.extend(lines().filter(supposes).map(|_| name.clone()));
    }
    let here = "challenge/clearance.rs";
    assert_eq!(minted, [here; 2], "a clearance is made elsewhere than where a challenge is spent, or supposed to be");
    assert_eq!(
        supposed,
        ["gateway/rehearsal/replay.rs"],
        "only on paper is anybody supposed to have solved a challenge"
    );
    assert_eq!(solved, ["challenge/mod.rs"], "a solution is made elsewhere than where it is verified");
}

/// Every source file but those that only tests compile, each without its tests at the end.
fn sources() -> Vec<(String, String)> {
    const FOR_TESTS: [&str; 3] = ["tests.rs", "testing.rs", "fixture.rs"];
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![source.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&source).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !FOR_TESTS.iter().any(|file| path.ends_with(file)) {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let code = code.split("#[cfg(test)]\npub(crate) mod tests {").next().unwrap_or_default();
                files.push((name, code.to_owned()));
            }
        }
    }
    assert!(files.len() > 20, "the sources were not found");
    files
}
