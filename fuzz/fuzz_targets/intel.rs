//! Any text as a User-Agent, as an entry of each kind of list, and as an e-mail domain: the same answer with and without
//! a memory, names that are safe to print, an entry that is taken is found again, and a refusal does not repeat it.

#![no_main]

use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::LazyLock;
use tollgate::config::settings::{IdentityRules, IntelFiles, ListOf, ListSource};
use tollgate::engine::evidence::ListEffect;
use tollgate::gateway::identity::{account, domain, email};
use tollgate::engine::time::Timestamp;
use tollgate::intel::{Agents, Intel, IntelProblem, Subject};
use tollgate::lists::Book;

static INTEL: LazyLock<Intel> =
    LazyLock::new(|| Intel::load(&IntelFiles::default(), &[], &canonical).expect("embedded"));

/// All that a refused entry may be told: lists name people, and what stands in a log is the same for all of them.
static REFUSALS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let wrong = ["", ".", "+", "::/999", "1.2.3.4-", "1.2.3.4-::1", "1.2.3.4-1.2.3.3"];
    let refuse = |of, entry: &&str| load(of, entry).err().into_iter().flatten().map(|problem| problem.to_string());
    ListOf::ALL.iter().flat_map(|of| wrong.iter().flat_map(|entry| refuse(*of, entry))).collect()
});

fn load(of: ListOf, entry: &str) -> Result<Intel, Vec<IntelProblem>> {
    let entries = vec![entry.to_owned()];
    let source = ListSource { name: "list".into(), effect: ListEffect::Deny, of, file: None, entries };
    Intel::load(&IntelFiles::default(), &[source], &canonical)
}

/// As the gateway canonicalises.
fn canonical(of: ListOf, text: &str) -> Option<String> {
    let rules = IdentityRules::default();
    match of {
        ListOf::Account => account(text, rules).map(|found| found.as_str().to_owned()),
        ListOf::Email => email(text, rules).map(|found| found.as_str().to_owned()),
        ListOf::Domain => domain(text),
        _ => None,
    }
}

fuzz_target!(|text: &str| {
    agent(text);
    disposable(text);
    for of in ListOf::ALL {
        entry(of, text);
    }
});

fn agent(header: &str) {
    let seen = INTEL.agent(Some(header));
    assert_eq!(*seen, *Agents::default().recognize(Some(header)));
    assert!(seen.name.len() <= 128 && !seen.name.chars().any(char::is_control), "{:?}", seen.name);
}

fn disposable(domain: &str) {
    if let Some(entry) = INTEL.disposable(domain) {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let rest = domain.strip_suffix(&*entry).expect("the entry or something below it");
        assert!(rest.is_empty() || rest.ends_with('.'), "{domain} by {entry}");
        // What is below is no better.
        assert!(domain.len() > 250 || INTEL.disposable(&format!("x.{domain}")).is_some());
    }
}

fn entry(of: ListOf, text: &str) {
    let intel = match load(of, text) {
        Ok(intel) => intel,
        Err(problems) => {
            assert!(problems.iter().all(|problem| REFUSALS.contains(&problem.to_string())), "{problems:?}");
            let address = text.trim().parse::<IpAddr>().is_ok() || text.trim().parse::<IpNet>().is_ok();
            assert!(of != ListOf::Ip || !address, "{text:?} refused");
            return;
        }
    };
    let text = text.trim();
    let own = canonical(of, text);
    let mut subject = Subject {
        at: Timestamp(0),
        ip: IpAddr::from([192, 0, 2, 1]),
        account: None,
        account_key: None,
        email: None,
        email_key: None,
        domain: None,
        device: None,
        fingerprint: 0,
        card_bin: None,
    };
    match of {
        ListOf::Ip => match (text.parse::<IpAddr>(), text.parse::<IpNet>()) {
            (Ok(ip), _) => subject.ip = ip,
            (_, Ok(net)) => subject.ip = net.network(),
            // A span.
            _ => return,
        },
        ListOf::Account => subject.account = own.as_deref(),
        ListOf::Email => subject.email = own.as_deref(),
        ListOf::Domain => subject.domain = own.as_deref(),
        ListOf::CardBin => subject.card_bin = Some(text),
        ListOf::Device | ListOf::Fingerprint | ListOf::Asn | ListOf::Country => return,
    }
    let (evidence, _) = intel.look_up(&subject, &Book::new(0));
    assert_eq!(evidence.lists.len(), 1, "{of:?} {text:?}");
}
