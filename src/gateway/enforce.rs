//! From a decision to what the visitor gets. The only way to the application leads through a [`Permit`], and only an
//! `Allow`, monitor mode, a cleared challenge (which is an `Allow` by then), or the lot of
//! [exploration](crate::engine::exploration) makes one.

use super::reply;
use crate::challenge::{Order, Reply, ReturnPath};
use crate::config::settings::{DenyAnswer, Mode, Route, TooLarge, Unreadable};
use crate::engine::clearance::ChallengeKind;
use crate::engine::decision::{Action, Decision};
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::record::Enforcement;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};

/// The right to forward one request. Cannot be made outside this module.
#[derive(Debug)]
pub struct Permit(());

/// What to do with a judged request.
#[derive(Debug)]
pub enum Course {
    Forward(Permit, Enforcement),
    Challenge(ChallengeKind),
    Deny,
}

/// The mode that holds for a route: the gate's `monitor` wins over the policy's own mode.
pub fn mode(gate: Mode, route: &Route) -> Mode {
    match gate {
        Mode::Monitor => Mode::Monitor,
        Mode::Enforce => route.policy.mode,
    }
}

/// Turns a decision into a course. Monitor mode differs from enforce here and nowhere else.
pub fn course(decision: &Decision, mode: Mode) -> Course {
    match (decision.ruling.action, mode) {
        (Action::Allow, _) => Course::Forward(Permit(()), Enforcement::Forwarded),
        // By lot, to learn what it was. Never after a success: there it would be somebody's account.
        (Action::Challenge(_), Mode::Enforce) if decision.explored.is_some() && decision.moment == Moment::Before => {
            Course::Forward(Permit(()), Enforcement::Forwarded)
        }
        (action @ (Action::Challenge(_) | Action::Deny), Mode::Monitor) => {
            Course::Forward(Permit(()), Enforcement::Monitored(action))
        }
        (Action::Challenge(kind), Mode::Enforce) => Course::Challenge(kind),
        (Action::Deny, Mode::Enforce) => Course::Deny,
    }
}

/// The challenge that a visitor is sent to at the evidence's moment.
pub fn order<'r>(kind: ChallengeKind, route: &'r Route, evidence: &Evidence) -> Order<'r> {
    Order {
        kind,
        route: &route.name,
        // As typed: solved for a sibling of the name, it proves nothing.
        account: evidence.attempt.identity.spelled,
        moment: evidence.moment,
        return_to: return_path(route),
    }
}

/// Whether a body that is too large to be held is refused; else it is forwarded without being judged.
pub fn refuses_too_large(route: &Route, monitors: bool) -> bool {
    !monitors && route.too_large == TooLarge::Refuse
}

/// Whether a body that cannot be read is refused; else it is forwarded without being judged.
pub fn refuses_unreadable(route: &Route, monitors: bool) -> bool {
    !monitors && route.unreadable == Unreadable::Refuse
}

/// A request that the operator chose to forward without judging it (`too_large: forward_unscored` and the like).
pub fn unscored() -> Permit {
    Permit(())
}

/// What a refused visitor reads. `reference` is the attempt's id: it lets support find the record and tells nothing else.
pub fn denial(route: &Route, headers: &HeaderMap, reference: &str) -> Reply {
    let page = reply::wants_page(headers);
    let redirect = |to: &str| Reply {
        status: 303,
        headers: vec![(LOCATION.as_str(), to.to_owned()), (CACHE_CONTROL.as_str(), "no-store".to_owned())],
        body: Bytes::new(),
    };
    match &route.policy.deny {
        DenyAnswer::RedirectToPage if page => redirect(return_page(route)),
        DenyAnswer::Redirect(to) if page => redirect(to),
        DenyAnswer::RedirectToPage | DenyAnswer::Redirect(_) => refused(403, page, reference),
        DenyAnswer::Respond { status, html: Some(html), .. } if page => Reply {
            status: *status,
            headers: vec![(CONTENT_TYPE.as_str(), "text/html; charset=utf-8".to_owned())],
            body: Bytes::from(html.to_string()),
        },
        DenyAnswer::Respond { status, json: Some(json), .. } if !page => Reply {
            status: *status,
            headers: vec![(CONTENT_TYPE.as_str(), "application/json".to_owned())],
            body: Bytes::from(json.to_string()),
        },
        DenyAnswer::Respond { status, .. } => refused(*status, page, reference),
    }
}

/// Where people are sent back to: the first of the route's pages that is an address, or the site's root.
pub fn return_page(route: &Route) -> &str {
    route.pages.iter().map(|page| page.as_str()).find(|page| !page.contains(['*', '?'])).unwrap_or("/")
}

/// As [`return_page`], for a challenge.
pub fn return_path(route: &Route) -> ReturnPath {
    ReturnPath::new(return_page(route)).unwrap_or_else(ReturnPath::root)
}

/// The built-in refusal, for faults of the request as for denials.
pub fn refused(status: u16, page: bool, reference: &str) -> Reply {
    let (title, detail) = match status {
        400 => ("Bad request", "This request could not be read."),
        408 => ("Request timeout", "This request took too long to arrive."),
        413 => ("Too large", "This request is larger than this form accepts."),
        503 => ("Busy", "Please try again in a moment."),
        _ => ("Request refused", "This request could not be accepted."),
    };
    if !page {
        return reply::problem(status, title, detail, Some(reference));
    }
    let more = format!(
        "<p>If you believe this is a mistake, please contact the site and quote this reference: \
         <br><small><code>{reference}</code></small></p>"
    );
    document(status, title, detail, &more)
}

/// What is sent when the application could not be asked, or the gate itself is at fault.
pub fn fault(status: u16, page: bool) -> Reply {
    let (title, detail) = match status {
        502..=504 => ("Not available", "The site does not answer at the moment. Please try again in a moment."),
        500 => ("Something went wrong", "Please try again in a moment."),
        _ => ("Bad request", "This request could not be read."),
    };
    if page { document(status, title, detail, "") } else { reply::problem(status, title, detail, None) }
}

fn document(status: u16, title: &str, detail: &str, more: &str) -> Reply {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 \
         1rem;color:#222;background:#fff}}small{{color:#595959}}</style><h1>{title}</h1><p>{detail}</p>{more}"
    );
    Reply {
        status,
        headers: vec![
            (CONTENT_TYPE.as_str(), "text/html; charset=utf-8".to_owned()),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'".to_owned()),
        ],
        body: Bytes::from(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::{Assessment, Scores};
    use crate::engine::decision::Ruling;
    use crate::engine::exploration::Explored;
    use crate::engine::signals::SignalSet;

    /// A decision that says it was explored, whether it may be or not.
    fn explored(action: Action, moment: Moment) -> Decision {
        let (fired, blind) = (SignalSet::default(), SignalSet::default());
        let assessment = Assessment { scores: Scores::default(), fired, blind, readings: Vec::new() };
        let ruling = Ruling { rule: None, action, ban: None, erred: Vec::new() };
        let explored = Some(Explored { probability: 0.01, would: action });
        Decision { moment, assessment, policy: "p".into(), ruling, ban: None, explored }
    }

    #[test]
    fn a_lot_opens_nothing_but_a_challenge_before_forwarding() {
        let proof = Action::Challenge(ChallengeKind::ProofOfWork);
        let course = |action, moment| course(&explored(action, moment), Mode::Enforce);
        assert!(matches!(course(proof, Moment::Before), Course::Forward(_, Enforcement::Forwarded)));
        assert!(matches!(course(proof, Moment::After), Course::Challenge(ChallengeKind::ProofOfWork)));
        assert!(matches!(course(Action::Deny, Moment::Before), Course::Deny));
        assert!(matches!(course(Action::Deny, Moment::After), Course::Deny));
    }
}
