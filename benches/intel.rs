//! What intelligence costs one request: the look-up of an address and a person in everything, a User-Agent that was seen
//! before and one that was not, and a password among leaked ones.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tollgate::config::settings::{IntelFiles, ListOf, ListSource};
use tollgate::engine::attempt::Pseudonym;
use tollgate::engine::evidence::ListEffect;
use tollgate::engine::time::Timestamp;
use tollgate::intel::passwords::{Builder, Digest, Leaked, find};
use tollgate::intel::{Intel, Subject};
use tollgate::lists::networks::Cidr;
use tollgate::lists::{Book, Change, Entry, Key, Refused};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn list(name: &str, of: ListOf, entries: impl Iterator<Item = String>) -> ListSource {
    ListSource { name: name.into(), effect: ListEffect::Note, of, file: None, entries: entries.collect() }
}

fn intel(lists: &[ListSource]) -> Intel {
    match Intel::load(&IntelFiles::default(), lists, &|_, text| Some(text.to_owned())) {
        Ok(intel) => intel,
        Err(problems) => panic!("{problems:?}"),
    }
}

fn subject(ip: IpAddr) -> Subject<'static> {
    Subject {
        at: Timestamp(0),
        ip,
        account: Some("account-500001"),
        account_key: Some(Pseudonym([7; 16])),
        email: Some("bob@example.com"),
        email_key: Some(Pseudonym([8; 16])),
        domain: Some("mail.example.com"),
        device: None,
        fingerprint: 7,
        card_bin: Some("41111111"),
    }
}

/// Addresses all over the space, in no order.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761)
}

fn look_up(criterion: &mut Criterion) {
    let (bare, none) = (intel(&[]), Book::new(0));
    let million = (0..1_000_000u32).map(|number| format!("account-{number}"));
    let addresses = (0..1_000_000u32).map(|number| Ipv4Addr::from(spread(number)).to_string());
    let accounts = intel(&[list("accounts", ListOf::Account, million)]);
    let addresses = intel(&[list("addresses", ListOf::Ip, addresses)]);
    let mut number = 0u32;
    let mut four = || {
        number = number.wrapping_add(1);
        IpAddr::V4(Ipv4Addr::from(spread(number)))
    };
    let mut group = criterion.benchmark_group("look_up");
    group.bench_function("embedded, IPv4", |bench| bench.iter(|| black_box(bare.look_up(&subject(four()), &none))));
    group.bench_function("with a list of a million accounts", |bench| {
        bench.iter(|| black_box(accounts.look_up(&subject(four()), &none)));
    });
    group.bench_function("with a list of a million addresses", |bench| {
        bench.iter(|| black_box(addresses.look_up(&subject(four()), &none)));
    });
    let mut place = 0u64;
    group.bench_function("embedded, IPv6", |bench| {
        bench.iter(|| {
            place = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let ip = Ipv6Addr::from((0x2000u128 << 112) | (u128::from(place) << 60));
            black_box(bare.look_up(&subject(ip.into()), &none))
        });
    });
    group.bench_function("disposable domain", |bench| bench.iter(|| black_box(bare.disposable("mail.example.co.uk"))));
    group.finish();
}

/// What was added while the gate runs: a million networks and a million accounts, looked up and changed.
fn added(criterion: &mut Criterion) {
    let change =
        |key| Change { list: "added".into(), key, entry: Some(Entry::new(None, Timestamp(0), Default::default())) };
    let made = |book: &Book, changes: &[Change]| book.change::<Refused>(changes, || Ok(())).is_ok();
    let filled = |keys: &mut dyn Iterator<Item = Key>| {
        let book = Book::new(8_000_000);
        let all: Vec<Change> = keys.map(change).collect();
        assert!(made(&book, &all));
        book
    };
    // As feeds are: mostly addresses, and networks of many lengths.
    let network = |number: u32| {
        let length = if number.is_multiple_of(4) { 16 + (number / 4 % 16) as u8 } else { 32 };
        Key::Network(Cidr::new(Ipv4Addr::from(spread(number)).into(), length))
    };
    let name = |number: u64| {
        Pseudonym((u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes())
    };
    let networks = filled(&mut (0..1_000_000).map(network));
    let accounts = filled(&mut (0..1_000_000).map(|number| Key::Account(name(number))));
    let of_addresses = intel(&[list("added", ListOf::Ip, std::iter::empty())]);
    let of_accounts = intel(&[list("added", ListOf::Account, std::iter::empty())]);
    let mut number = 0u32;
    let mut four = || {
        number = number.wrapping_add(1);
        IpAddr::V4(Ipv4Addr::from(spread(number.wrapping_mul(3))))
    };
    let mut group = criterion.benchmark_group("added");
    group.bench_function("look-up with a million networks", |bench| {
        bench.iter(|| black_box(of_addresses.look_up(&subject(four()), &networks)));
    });
    let mut person = 0u64;
    group.bench_function("look-up with a million accounts", |bench| {
        bench.iter(|| {
            person += 1;
            let subject = Subject { account_key: Some(name(person % 2_000_000)), ..subject(four()) };
            black_box(of_accounts.look_up(&subject, &accounts))
        });
    });
    group.bench_function("with nothing added", |bench| {
        let none = Book::new(0);
        bench.iter(|| black_box(of_addresses.look_up(&subject(four()), &none)));
    });
    // Two million addresses are not among the million: each is added, and each is taken away.
    let mut changed = 1_000_000u32;
    group.bench_function("add one to a million networks and take it away", |bench| {
        bench.iter(|| {
            changed = 1_000_000 + (changed + 1) % 2_000_000;
            let one = change(network(changed));
            let gone = Change { entry: None, ..one.clone() };
            assert!(made(&networks, &[one]) && made(&networks, &[gone]));
        });
    });
    group.finish();
}

fn agent(criterion: &mut Criterion) {
    let intel = intel(&[]);
    let mut group = criterion.benchmark_group("agent");
    group.bench_function("seen", |bench| bench.iter(|| black_box(intel.agent(Some(CHROME)))));
    let mut number = 0u64;
    group.bench_function("new", |bench| {
        bench.iter(|| {
            number += 1;
            black_box(intel.agent(Some(&format!("{CHROME} {number}"))))
        });
    });
    group.bench_function("new, 512 hostile bytes", |bench| {
        bench.iter(|| {
            number += 1;
            black_box(intel.agent(Some(&format!("{}{number}", "Googlebo +http:/ SSL Lab Spider ".repeat(15)))))
        });
    });
    group.finish();
}

/// A password looked up as each attempt's is: in the commonest, and in a file of seven million.
fn passwords(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("passwords");
    let mut number = 0u64;
    group.bench_function("SHA-1", |bench| bench.iter(|| black_box(Digest::of(black_box(b"correct horse battery")))));
    group.bench_function("among the commonest, not there", |bench| {
        bench.iter(|| {
            number += 1;
            black_box(find(None, &Digest::of(&number.to_le_bytes())))
        });
    });
    let mut builder = Builder::new(&std::env::temp_dir());
    for number in 0..7_000_000u64 {
        if let Err(error) = builder.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            panic!("{error}");
        }
    }
    let mut file = Cursor::new(Vec::new());
    let built = builder.finish(0, &mut file);
    let file = file.into_inner();
    let (Ok(_), Ok(leaked)) = (built, Leaked::read(&file[..], file.len() as u64)) else { panic!("cannot be built") };
    group.bench_function("in a file of seven million, not there", |bench| {
        bench.iter(|| {
            number += 1;
            black_box(find(Some(&leaked), &Digest::of(&number.to_le_bytes())))
        });
    });
    group.finish();
}

/// What a start and a reload cost. The embedded tables are decoded by the first alone.
fn load(criterion: &mut Criterion) {
    criterion.bench_function("load without files", |bench| bench.iter(|| black_box(intel(&[]))));
}

criterion_group!(benches, look_up, added, agent, passwords, load);
criterion_main!(benches);
