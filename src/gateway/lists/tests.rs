use super::*;
use crate::gateway::identity::{IdentityKey, PasswordKey};
use crate::gateway::live::canonical;
use proptest::prelude::*;

fn keys() -> Keys {
    Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]))
}

fn one(list: &str, of: ListOf, text: &str) -> Result<Key, String> {
    read(list, of, text, &OwnNames(&keys())).map(|mut all| all.remove(0))
}

#[test]
fn what_an_operator_types_is_the_account_that_a_visitor_types() {
    let visitor = identity::account("v.ictim+spam@googlemail.com", IdentityRules::default()).unwrap();
    let hash = keys().account(&visitor);
    assert_eq!(one("people", ListOf::Account, "  Victim@Gmail.com"), Ok(Key::Account(hash)));
    assert_eq!(one("mail", ListOf::Email, "Victim@Gmail.com"), Ok(Key::Email(hash)));
    assert_eq!(one("people", ListOf::Account, &format!("hash:{hash}")), Ok(Key::Account(hash)));
    assert_ne!(one("people", ListOf::Account, "victim"), Ok(Key::Account(hash)));
    assert_eq!(one("domains", ListOf::Domain, "MÜLLER.de").unwrap().to_string(), "xn--mller-kva.de");
}

#[test]
fn the_list_of_bans_holds_addresses_and_accounts_by_their_hash() {
    let hash = "hash:00112233445566778899aabbccddeeff";
    assert_eq!(one(BANNED, ListOf::Ip, hash).unwrap().of(), ListOf::Account);
    assert_eq!(one(BANNED, ListOf::Ip, "2001:db8::/64").unwrap().of(), ListOf::Ip);
    assert!(one(BANNED, ListOf::Ip, "anna").is_err(), "a name would not be found again");
}

proptest! {
    /// Nobody can add by command what a file would refuse, nor the other way round; and what is checked without the key is
    /// what the gate checks with it.
    #[test]
    fn commands_take_what_files_take(of in 0usize..9, text in "[ -~]{0,24}|\\PC{0,12}") {
        let (of, text) = (ListOf::ALL[of], text.trim());
        let own = read("list", of, text, &OwnNames(&keys())).map(|all| all.len());
        prop_assert_eq!(&own, &read("list", of, text, &AnyNames).map(|all| all.len()));
        if matches!(of, ListOf::Account | ListOf::Domain) && !text.starts_with(key::HASH) && !text.starts_with("*.") {
            let filed = canonical(of, text).filter(|found| of == ListOf::Account || found.contains('.'));
            // A file takes what looks like a domain, however odd; what is added has to be one.
            prop_assert!(own.is_err() || filed.is_some(), "{:?}", text);
            prop_assert!(of == ListOf::Domain || own.is_ok() == filed.is_some());
        }
    }
}
