//! The operator's lists while visitors are served: entries that come, end and go, whoever is banned and who is not, and
//! what outlives a restart.

mod bans;
mod commands;
mod fleet;

use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, shop_with};
use std::net::SocketAddr;
use std::time::Duration;
use tollgate::engine::time::Timestamp;
use tollgate::gateway::lists::{self, Addition, Page, Unfulfilled};

/// The shop with lists: `blocked`, `people` and `mail` deny, `office` allows.
fn shop() -> String {
    shop_with(&[
        (
            "policies:",
            "lists:\n  blocked: { effect: deny, of: ip }\n  people: { effect: deny, of: account }\n  \
             domains: { effect: deny, of: domain }\n  office: { effect: allow, of: ip }\npolicies:",
        ),
        (
            "{ name: blocked, when: client.ip == \"203.0.113.66\", action: deny }",
            "{ name: listed, when: fired.deny_listed, action: deny }",
        ),
    ])
}

const VISITOR: &str = "198.51.100.7";

/// The status of a sign-in, with the right password, from this address.
async fn sign_in(gate: SocketAddr, ip: &str, account: &str) -> u16 {
    let headers = format!("{BROWSER}X-Forwarded-For: {ip}\r\n");
    let account: String = form_urlencoded::byte_serialize(account.as_bytes()).collect();
    send(gate, post("/login", &format!("login={account}&password=right"), &headers)).await.status
}

fn addition<'a>(list: &'a str, entry: &'a str) -> Addition<'a> {
    Addition { list, entry, reason: "a story", until: None, by: "anna" }
}

impl Gate {
    async fn add(&self, addition: Addition<'_>) -> Result<lists::Added, Unfulfilled> {
        lists::add(&self.inner, &self.inner.live.load_full(), addition).await
    }

    async fn remove(&self, list: &str, entry: &str) -> Result<lists::Removed, Unfulfilled> {
        lists::remove(&self.inner, &self.inner.live.load_full(), list, entry).await
    }

    fn page(&self, list: &str, cursor: Option<&str>, most: usize) -> Page {
        lists::page(&self.inner, &self.inner.live.load_full(), list, cursor, false, most).unwrap()
    }

    fn later(&self, span: Duration) -> Timestamp {
        self.clock.now().after(span)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_next_request_sees_what_was_added_and_what_was_taken_away() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
    for (list, entry, shown) in [
        ("blocked", VISITOR, VISITOR),
        ("blocked", "198.51.100.0/24", "198.51.100.0/24"),
        ("people", " Anna ", "hash:"),
        ("people", "anna", "hash:"),
    ] {
        let added = gate.add(addition(list, entry)).await.unwrap();
        assert!(added.entries[0].entry.starts_with(shown) && !added.kept, "{added:?}");
        assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403, "{entry}");
        gate.remove(list, &added.entries[0].entry).await.unwrap();
        assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302, "{entry}");
    }
    gate.add(addition("domains", "Example.com")).await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "anna@mail.example.com").await, 403);
    assert_eq!(sign_in(gate.address, VISITOR, "anna@example.org").await, 302);
    let record = gate.records(1).await.pop().unwrap();
    assert_eq!(record["policy"]["ban"], serde_json::Value::Null);
}

#[tokio::test]
async fn an_entry_ends_when_its_time_is_over() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    gate.add(Addition { until: Some(gate.later(15 * MINUTE)), ..addition("blocked", VISITOR) }).await.unwrap();
    gate.clock.advance(15 * MINUTE - Duration::from_millis(1));
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403);
    gate.clock.advance(Duration::from_millis(1));
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
    assert!(gate.page("blocked", None, 10).entries[0].over);
    let past = Addition { until: Some(gate.clock.now()), ..addition("blocked", VISITOR) };
    assert!(matches!(gate.add(past).await, Err(Unfulfilled::Wrong { .. })), "it would be over already");
    // Added anew it gets a new end.
    gate.add(addition("blocked", VISITOR)).await.unwrap();
    gate.clock.advance(1000 * 24 * 60 * MINUTE);
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403);
}

#[tokio::test]
async fn lines_of_a_file_have_ends_and_reasons_and_are_changed_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blocked.txt");
    let text = "# all of them\n203.0.113.0/24  until=2026-11-22T09:15:00Z  # scraped us\n198.51.100.9\n";
    std::fs::write(&file, text).unwrap();
    let yaml = shop().replace(
        "blocked: { effect: deny, of: ip }",
        &format!("blocked: {{ effect: deny, of: ip, file: \"{}\", entries: [192.0.2.1] }}", file.display()),
    );
    let origin = Origin::shop().await;
    let gate = Gate::start(&yaml, &origin).await;
    assert_eq!(sign_in(gate.address, "203.0.113.200", "anna").await, 403);
    assert_eq!(sign_in(gate.address, "198.51.100.9", "anna").await, 403);
    gate.clock.advance(15 * MINUTE);
    assert_eq!(sign_in(gate.address, "203.0.113.200", "anna").await, 302);
    assert_eq!(sign_in(gate.address, "198.51.100.9", "anna").await, 403, "the others have no end");

    gate.add(addition("blocked", "198.51.100.9")).await.unwrap();
    let page = gate.page("blocked", None, 10);
    let shown: Vec<_> = page.entries.iter().map(|shown| (shown.entry.as_str(), shown.source, shown.line)).collect();
    assert_eq!(
        shown,
        [
            ("203.0.113.0/24", "file", Some(2)),
            ("198.51.100.9", "file", Some(3)),
            ("192.0.2.1", "config", None),
            ("198.51.100.9", "added", None)
        ]
    );
    assert_eq!((page.entries[0].reason.as_str(), page.entries[0].over), ("scraped us", true));
    let removed = gate.remove("blocked", "198.51.100.9").await.unwrap();
    assert!(removed.still.unwrap().contains("blocked.txt line 3"), "it stands in the file as well");
    for (entry, place) in [("198.51.100.9", "blocked.txt line 3"), ("192.0.2.1", "lists.blocked.entries")] {
        match gate.remove("blocked", entry).await {
            Err(Unfulfilled::Filed { message, .. }) => assert!(message.contains(place), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(gate.remove("blocked", "192.0.2.77").await, Err(Unfulfilled::Unknown(_))));
}

#[tokio::test]
async fn nobodys_name_is_kept() {
    let origin = Origin::shop().await;
    let yaml = format!("store: {{ kind: memory, snapshot: \"{{dir}}/state\" }}\n{}", shop());
    let gate = Gate::start(&yaml, &origin).await;
    let added = gate.add(addition("people", "zacharias@example.com")).await.unwrap();
    assert!(added.kept);
    let shown = format!("{added:?}{:?}", gate.page("people", None, 10));
    assert!(shown.contains("hash:") && !shown.contains("zacharias"), "{shown}");
    gate.inner.store.close();
    for file in std::fs::read_dir(gate.dir().join("state")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"zacharias"));
    }
    // What is shown can be typed back, here and in a file.
    assert_eq!(sign_in(gate.address, VISITOR, "Zacharias@Example.com").await, 403);
    gate.remove("people", &added.entries[0].entry).await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "Zacharias@Example.com").await, 302);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_what_to_write() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&format!("{}limits: {{ list_entries: 1000 }}\n", shop()), &origin).await;
    let live = gate.inner.live.load_full();
    for (wish, says) in [
        (addition("blokced", VISITOR), "did you mean `blocked`"),
        (addition("blocked", "anna"), "neither an address nor a CIDR range"),
        (addition("people", ""), "not an account name"),
        (addition("people", &"x".repeat(5000)), "longer than"),
        (Addition { reason: "a\u{1b}[2Jb", ..addition("blocked", VISITOR) }, "without control characters"),
        (Addition { reason: &"x".repeat(300), ..addition("blocked", VISITOR) }, "at most 200 characters"),
        (Addition { by: "a\nb", ..addition("blocked", VISITOR) }, "`by`"),
        (addition("banned", "anna"), "neither an address nor a CIDR range"),
    ] {
        let error = gate.add(wish).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let text = "192.0.2.1\nnonsense\n192.0.2.2 until=soon\n";
    let Err(Unfulfilled::Wrong { lines, .. }) = lists::import(&gate.inner, &live, "blocked", text, 10, "", false).await
    else {
        panic!("a wrong line was taken")
    };
    assert_eq!(lines.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [12, 13]);
    assert!(gate.inner.store.lists().is_empty(), "nothing of it was added");

    // As many as there is room for, and not one more; bans have their own room.
    let many: String = (0..501).map(|number| format!("10.0.{}.{}\n", number / 256, number % 256)).collect();
    let error = lists::import(&gate.inner, &live, "blocked", &many, 0, "", false).await.unwrap_err();
    assert!(error.to_string().contains("at most 500"), "{error}");
    let fits = many.lines().skip(1).fold(String::new(), |text, line| text + line + "\n");
    let imported = lists::import(&gate.inner, &live, "blocked", &fits, 0, "", false).await.unwrap();
    assert_eq!((imported.added, gate.inner.store.lists().len()), (500, 500));
    assert!(gate.add(addition("blocked", VISITOR)).await.is_err());
    gate.add(addition("banned", VISITOR)).await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403);
}

#[tokio::test]
async fn an_import_says_what_it_will_do_and_pages_show_all_of_it() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    let live = gate.inner.live.load_full();
    let text: String = (0..3000).map(|number| format!("10.{}.{}.0/24  # feed\n", number / 256, number % 256)).collect();
    let text = format!(
        "\u{feff}# a feed\n{text}10.0.0.0/24 # the last line counts\n192.0.2.1 until=2020-01-01\n192.0.2.5-192.0.2.6\n"
    );
    let import = |dry| lists::import(&gate.inner, &live, "blocked", &text, 0, "anna", dry);
    let would = import(true).await.unwrap();
    assert_eq!((would.added, would.over, gate.inner.store.lists().len()), (3002, 1, 0));
    assert_eq!(import(false).await.unwrap().added, 3002);
    let again = import(false).await.unwrap();
    assert_eq!((again.added, again.replaced, again.unchanged), (0, 0, 3002));

    let (mut cursor, mut entries, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = gate.page("blocked", cursor.as_deref(), 100);
        assert!(page.entries.len() <= 100);
        pages += 1;
        entries.extend(page.entries);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert!(pages >= 31);
    entries.sort_by(|a, b| a.entry.cmp(&b.entry));
    entries.dedup_by(|a, b| a.entry == b.entry);
    assert_eq!(entries.len(), 3002, "each once");
    assert_eq!(entries[0].reason, "the last line counts");
    // What is exported in the grammar of files is the same list.
    let exported: String =
        entries.iter().map(|shown| tollgate::lists::line::write(&shown.entry, None, &shown.reason) + "\n").collect();
    let back = lists::import(&gate.inner, &live, "blocked", &exported, 0, "anna", true).await.unwrap();
    assert_eq!((back.added, back.replaced, back.unchanged), (0, 0, 3002));
}
