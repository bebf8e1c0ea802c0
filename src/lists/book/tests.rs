use super::*;
use crate::lists::ban;
use crate::lists::key::tests::Plain;
use proptest::prelude::*;
use std::collections::HashSet;

const NOW: Timestamp = Timestamp(1_795_338_000_000);

fn key(of: ListOf, text: &str) -> Key {
    Key::read(of, text, &Plain).unwrap().remove(0)
}

fn put(list: &str, key: Key, until: Option<Timestamp>) -> Change {
    Change { list: list.into(), key, entry: Some(Entry::new(until, NOW, Arc::default())) }
}

fn gone(list: &str, key: Key) -> Change {
    Change { list: list.into(), key, entry: None }
}

fn made(book: &Book, changes: &[Change]) -> Result<(), Refused> {
    book.change(changes, || Ok(()))
}

fn nobody() -> Sought<'static> {
    Sought { ip: Some(IpAddr::from([192, 0, 2, 1])), fingerprint: Some(0), ..Sought::default() }
}

#[test]
fn each_kind_matches_its_own_and_nothing_else() {
    let name = |text| Plain.pseudonym(ListOf::Account, text);
    use crate::lists::Naming;
    let cases = [
        (ListOf::Ip, "203.0.113.0/24", Sought { ip: Some(IpAddr::from([203, 0, 113, 9])), ..nobody() }),
        (ListOf::Ip, "10.0.0.0/8", Sought { ip: Some(IpAddr::from([10, 1, 2, 3])), ..nobody() }),
        (ListOf::Account, "Bob", Sought { account: name("bob"), ..nobody() }),
        (ListOf::Email, "bob@example.com", Sought { email: name("bob@example.com"), ..nobody() }),
        (ListOf::Domain, "example.com", Sought { domain: Some("mail.example.com"), ..nobody() }),
        (ListOf::Device, &"ab".repeat(16), Sought { device: Some(Pseudonym([0xab; 16])), ..nobody() }),
        (ListOf::Fingerprint, "00000000000000ff", Sought { fingerprint: Some(255), ..nobody() }),
        (ListOf::Asn, "AS64500", Sought { asn: Some(64500), ..nobody() }),
        (ListOf::Country, "DE", Sought { country: Country::new("de"), ..nobody() }),
        (ListOf::CardBin, "411111", Sought { card_bin: CardBin::new("41111123"), ..nobody() }),
    ];
    for (place, (of, text, _)) in cases.iter().enumerate() {
        let book = Book::new(100);
        made(&book, &[put("mine", key(*of, text), None)]).unwrap();
        for (other, (_, _, sought)) in cases.iter().enumerate() {
            assert_eq!(book.holds("mine", sought, NOW), place == other, "{text} and {sought:?}");
            assert_eq!(book.holds("mine", &sought.only(*of), NOW), place == other, "{text} and {sought:?}");
            assert!(!book.holds("other", sought, NOW));
        }
        let all: Vec<Key> =
            (0..=SHARDS).flat_map(|part| book.ledger("mine").unwrap().part(part)).map(|(key, _)| key).collect();
        assert_eq!(all, [key(*of, text)], "what is shown is what was added");
        made(&book, &[gone("mine", key(*of, text))]).unwrap();
        assert!(book.is_empty() && !book.holds("mine", &cases[place].2, NOW));
    }
}

#[test]
fn an_entry_ends_by_itself_and_is_tidied_away() {
    let book = Book::new(100);
    let (soon, later) = (Timestamp(NOW.0 + 1000), Timestamp(NOW.0 + 9000));
    made(
        &book,
        &[put("mine", key(ListOf::Ip, "192.0.2.1"), Some(soon)), put("mine", key(ListOf::Ip, "0.0.0.0/1"), Some(soon))],
    )
    .unwrap();
    let order = crate::engine::decision::BanOrder {
        of: crate::engine::decision::BanOf::Ip,
        length: std::time::Duration::from_secs(1),
        grow: 2,
        most: std::time::Duration::from_secs(8),
    };
    let ban = ban::change(ban::network([192, 0, 2, 1].into()), &order, None, NOW, "r").0;
    made(&book, &[ban]).unwrap();
    assert!(book.holds("mine", &nobody(), NOW) && book.holds(BANNED, &nobody(), NOW));
    assert!(!book.holds("mine", &nobody(), soon) && !book.holds(BANNED, &nobody(), soon));
    book.tidy_all(soon);
    assert_eq!(book.len(), 1, "a ban is remembered longer than it holds");
    book.tidy_all(later);
    assert!(book.is_empty());
}

#[test]
fn there_is_room_for_so_many_and_bans_take_none_of_it() {
    let book = Book::new(8);
    let address = |number: u8| key(ListOf::Ip, &format!("192.0.2.{number}"));
    let four: Vec<Change> = (0..4).map(|number| put("mine", address(number), None)).collect();
    made(&book, &four).unwrap();
    made(&book, &four).unwrap();
    assert_eq!(made(&book, &[put("mine", address(9), None)]), Err(Refused::Full { wanted: 1, there: 4, most: 4 }));
    let bans: Vec<Change> = (0..4).map(|number| put(BANNED, address(number), None)).collect();
    made(&book, &bans).unwrap();
    assert_eq!(made(&book, &[put(BANNED, address(9), None)]), Err(Refused::Bans { most: 4 }));
    let mixed = [gone("mine", address(0)), put("other", address(1), None), put("other", address(2), None)];
    assert_eq!(made(&book, &mixed), Err(Refused::Full { wanted: 2, there: 4, most: 4 }), "all or nothing");
    assert_eq!((book.len(), book.refused()), (8, 5));
    made(&book, &[gone("mine", address(0))]).unwrap();
    made(&book, &[put("other", address(1), None)]).unwrap();
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    #[derive(Debug, PartialEq)]
    struct Broken;
    impl From<Refused> for Broken {
        fn from(_: Refused) -> Broken {
            unreachable!("there is room")
        }
    }
    let book = Book::new(8);
    assert_eq!(book.change(&[put("mine", key(ListOf::Asn, "1"), None)], || Err(Broken)), Err(Broken));
    assert!(book.is_empty());
}

#[test]
fn the_book_counts_right_under_many_hands() {
    let book = Book::new(1_000_000);
    std::thread::scope(|scope| {
        for hand in 0..4u8 {
            let book = &book;
            scope.spawn(move || {
                for number in 0..250u8 {
                    made(book, &[put("mine", key(ListOf::Ip, &format!("10.{hand}.0.{number}")), None)]).unwrap();
                    assert!(book.holds(
                        "mine",
                        &Sought { ip: Some([10, hand, 0, number].into()), ..Sought::default() },
                        NOW
                    ));
                    if number % 2 == 0 {
                        made(book, &[gone("mine", key(ListOf::Ip, &format!("10.{hand}.0.{number}")))]).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(book.len(), 500);
}

#[test]
fn an_entry_takes_what_the_documentation_says() {
    assert_eq!(size_of::<(Cidr, Entry)>(), 56, "change the documentation at the head of this file too");
    assert_eq!(size_of::<(Small, Entry)>(), 56);
}

proptest! {
    #[test]
    fn any_sequence_of_changes_leaves_what_the_naive_model_has(
        steps in prop::collection::vec((0usize..2, 0u8..12, any::<bool>()), 1..60)
    ) {
        let book = Book::new(1000);
        let mut model: HashSet<(usize, u8)> = HashSet::new();
        for (list, number, adds) in steps {
            let name = ["one", "two"][list];
            let key = match number {
                0..6 => key(ListOf::Ip, &format!("192.0.{number}.0/{}", 12 + number * 4)),
                6..9 => key(ListOf::Asn, &number.to_string()),
                _ => key(ListOf::Domain, &format!("d{number}.example")),
            };
            let change = if adds { put(name, key, None) } else { gone(name, key) };
            book.change::<Refused>(&[change], || Ok(())).unwrap();
            if adds { model.insert((list, number)) } else { model.remove(&(list, number)) };
            prop_assert_eq!(book.len(), model.len());
        }
        for (list, name) in ["one", "two"].into_iter().enumerate() {
            for number in 6..12u8 {
                let domain = format!("x.d{number}.example");
                let sought = match number {
                    6..9 => Sought { asn: Some(u32::from(number)), ..Sought::default() },
                    _ => Sought { domain: Some(&domain), ..Sought::default() },
                };
                prop_assert_eq!(book.holds(name, &sought, NOW), model.contains(&(list, number)));
            }
            let sought = Sought { ip: Some(IpAddr::from([192, 0, 5, 0])), ..Sought::default() };
            // Every longer prefix is below its own address; those up to /20 of the first addresses hold others too.
            let held = (0..6u8).any(|n| model.contains(&(list, n)) && {
                let length = u32::from(12 + n * 4);
                let bits = |third: u8| u32::from_be_bytes([192, 0, third, 0]);
                bits(n) >> (32 - length) == bits(5) >> (32 - length)
            });
            prop_assert_eq!(book.holds(name, &sought, NOW), held);
        }
    }
}
