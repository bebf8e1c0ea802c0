//! Any text as an account: no panic, and the canonical form is a fixed point.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::config::settings::IdentityRules;
use std::sync::LazyLock;
use tollgate::gateway::identity::{IdentityKey, Keys, PasswordKey, account, composition, email, phone, problem};

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32])));

fuzz_target!(|text: &str| {
    let (fold_case, merge_gmail, strip_tags) = (text.len() % 2 == 0, text.len() % 3 != 0, text.len() % 5 == 0);
    let rules = IdentityRules { fold_case, merge_gmail, strip_tags };
    if let Some(once) = account(text, rules) {
        let twice = account(once.as_str(), rules).map(|found| found.as_str().to_owned());
        assert_eq!(twice.as_deref(), Some(once.as_str()));
    }
    if let Some(address) = email(text, rules) {
        let _verdict = problem(text, address.domain());
    }
    if let Some(local) = text.split('@').next() {
        let _weakness = tollgate::intel::weakness(local);
        assert!(tollgate::intel::likelihood(local).is_none_or(f64::is_finite));
    }
    if let Some(address) = email(text, rules) {
        let _made = composition(text, &address, &KEYS);
    }
    let _number = phone(text);
});
