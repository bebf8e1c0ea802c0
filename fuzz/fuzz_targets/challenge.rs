//! Whatever a visitor writes into a challenge's URL, form and cookies: nothing that is not the gate's own opens anything,
//! every wrong ticket gets the same page, and no address leaves the site or changes its meaning.

#![no_main]

use bytes::Bytes;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use std::future::{Future, ready};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tollgate::challenge::cookies::without_own;
use tollgate::challenge::{Challenges, HeldAnswer, Order, PREFIX, ReturnPath, Solution, Spend, Spent, Visit};
use tollgate::config::settings::{self, ProofOfWork};
use tollgate::engine::clearance::ChallengeKind;
use tollgate::engine::evidence::Moment;
use tollgate::engine::time::Timestamp;
use tollgate::secrets::{NoRandomness, Randomness, Secrets};
use url::Url;

const VISIT: Visit = Visit { now: Timestamp(1_795_309_323_000), secure: true, wants_html: true };
const ROUTE: &str = "sign-in";

/// The same keys and nonces in every run.
struct Sevens;

impl Randomness for Sevens {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        buffer.fill(7);
        Ok(())
    }
}

/// A store in which nothing was spent yet.
struct Fresh;

impl Spend for Fresh {
    fn spend(&self, _: [u8; 16], _: Duration, _: Timestamp) -> impl Future<Output = Spent> + Send {
        ready(Spent::First)
    }
}

static CHALLENGES: LazyLock<Challenges> = LazyLock::new(|| {
    let settings = settings::Challenges {
        // Nobody solves this by chance.
        proof_of_work: ProofOfWork { difficulty: 28 },
        ticket_lifetime: Duration::from_secs(300),
        clearance_lifetime: Duration::from_secs(60),
        default_kind: ChallengeKind::ProofOfWork,
    };
    Challenges::new(settings, Arc::new(Secrets::ephemeral(Arc::new(Sevens)).expect("keys")))
});

/// A ticket of ours, as it stands in the URL.
static TICKET: LazyLock<String> = LazyLock::new(|| {
    let return_to = ReturnPath::new("/login").expect("a path");
    let order =
        Order { kind: ChallengeKind::ProofOfWork, route: ROUTE, account: None, moment: Moment::Before, return_to };
    let issued = CHALLENGES.issue(order, &VISIT).expect("a ticket");
    issued.location.strip_prefix(PREFIX).expect("the prefix").to_owned()
});

fuzz_target!(|written: &[u8]| {
    if let Ok(text) = std::str::from_utf8(written) {
        refused_like_any_other(text);
        return_path(text);
    }
    refused_like_any_other(&altered(&TICKET, written));
    let solution = block_on(CHALLENGES.solve(&TICKET, written, &[written], &VISIT, &Fresh));
    assert!(matches!(solution, Solution::Refuse { .. }), "solved by {}", written.escape_ascii());
    cookies(written);
    held(written);
});

fn refused_like_any_other(ticket: &str) {
    if ticket == *TICKET {
        return;
    }
    assert_eq!(CHALLENGES.page(ticket, &VISIT), CHALLENGES.page("x", &VISIT), "{ticket:?}");
    let solve = |ticket| match block_on(CHALLENGES.solve(ticket, b"", &[], &VISIT, &Fresh)) {
        Solution::Refuse { reply, .. } => reply,
        _ => panic!("solved: {ticket:?}"),
    };
    assert_eq!(solve(ticket), solve("x"), "{ticket:?}");
}

/// The ticket with some of its characters exchanged: pairs of a place and a character.
fn altered(ticket: &str, edits: &[u8]) -> String {
    let mut bytes = ticket.as_bytes().to_vec();
    for edit in edits.chunks_exact(2) {
        let place = usize::from(edit[0]) % bytes.len();
        bytes[place] = edit[1] & 0x7f;
    }
    String::from_utf8(bytes).expect("ASCII")
}

fn return_path(text: &str) {
    let Some(path) = ReturnPath::new(text) else { return };
    let base = Url::parse("https://shop.example/.tollgate/challenge/x").expect("an address");
    let target = base.join(path.as_str()).expect("a reference");
    assert_eq!(target.origin(), base.origin(), "{text:?}");
}

fn cookies(header: &[u8]) {
    let named = [b"tollgate_clearance=", header].concat();
    assert!(CHALLENGES.clearance(&[header, &named], ROUTE, None, VISIT.now).is_none());
    for header in [header, &named] {
        let kept = without_own(header);
        assert_eq!(kept.is_none(), !names(header).any(is_own), "{}", header.escape_ascii());
        if let Some(kept) = kept {
            assert!(!names(&kept).any(is_own), "{}", kept.escape_ascii());
            assert!(written(&kept).eq(written(header).filter(|part| !is_own(part))), "{}", header.escape_ascii());
        }
    }
}

fn parts(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|byte| *byte == b';')
}

/// The parts with something in them.
fn written(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    parts(header).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

/// Names as lenient readers have them: whatever stands before `=`, without white space around it.
fn names(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    parts(header).map(|part| part.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii())
}

fn is_own(name: &[u8]) -> bool {
    name.starts_with(b"tollgate_")
}

/// A held answer means at the challenge's address what it meant at the form's.
fn held(value: &[u8]) {
    // What HTTP lets into a header.
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') || value.trim_ascii() != value {
        return;
    }
    let asked = Url::parse("https://shop.example/accounts/login").expect("an address");
    let challenge = Url::parse("https://shop.example/.tollgate/challenge/x").expect("an address");
    let headers = [("location", value), ("set-cookie", value)];
    let held = HeldAnswer::new("/accounts/login", 302, headers, Bytes::new()).expect("small");
    let [(_, location), (_, cookie)] = held.headers.as_slice() else { panic!("{} headers", held.headers.len()) };
    if let (Ok(before), Ok(after)) = (std::str::from_utf8(value), std::str::from_utf8(location)) {
        // An empty reference is no redirect.
        assert!(before.is_empty() || asked.join(before) == challenge.join(after), "{before:?} became {after:?}");
    }
    assert!(cookie.starts_with(value));
    let path = cookie_path(cookie);
    assert_eq!(path, Some(cookie_path(value).unwrap_or(b"/accounts")), "{}", value.escape_ascii());
}

/// The `Path` of a `Set-Cookie` header that counts (RFC 6265, section 5.2.4).
fn cookie_path(cookie: &[u8]) -> Option<&[u8]> {
    let attributes = parts(cookie).skip(1).map(|part| match part.iter().position(|byte| *byte == b'=') {
        Some(equals) => (part[..equals].trim_ascii(), part[equals + 1..].trim_ascii()),
        None => (part.trim_ascii(), &[][..]),
    });
    let last = attributes.filter(|(name, _)| name.eq_ignore_ascii_case(b"path")).last();
    last.map(|(_, value)| value).filter(|value| value.starts_with(b"/"))
}
