//! What a device cookie is worth, and to whom.

use super::*;
use crate::config::settings::DeviceCookie;
use crate::secrets::testing::{Counted, secrets};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_338_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SEEN: Standing = Standing { succeeded: false, succeeded_now: false, copied: false };
const SUCCEEDED: Standing = Standing { succeeded: true, succeeded_now: true, copied: false };

fn settings() -> DeviceCookie {
    DeviceCookie { name: "tollgate_device".into(), max_age: 400 * DAY, domain: None }
}

fn devices_with(secrets: Secrets, settings: &DeviceCookie) -> Devices {
    Devices::new(Some(settings), std::iter::empty(), Arc::new(secrets))
}

fn devices() -> Devices {
    devices_with(secrets(), &settings())
}

fn read(devices: &Devices, cookies: &[&str], secure: bool, now: Timestamp) -> Brought {
    let mut headers = HeaderMap::new();
    for line in cookies {
        headers.append(COOKIE, line.parse().unwrap());
    }
    devices.read(&headers, secure, now)
}

/// Name and value, as a browser sends them back.
fn sent_back(set: &str) -> String {
    set.split(';').next().unwrap().to_owned()
}

/// What a browser without a cookie gets over TLS.
fn given(devices: &Devices) -> String {
    sent_back(&devices.answer(&read(devices, &[], true, NOW), SEEN, NOW).unwrap())
}

#[test]
fn a_cookie_is_locked_down_and_its_host_s_own() {
    let devices = devices();
    let over = |secure| devices.answer(&read(&devices, &[], secure, NOW), SEEN, NOW).unwrap();
    let attributes = |set: &str| set.split_once("; ").unwrap().1.to_owned();
    let tls = over(true);
    assert!(tls.starts_with("__Host-tollgate_device="), "{tls}");
    assert_eq!(attributes(&tls), "Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax; Secure");
    let plain = over(false);
    assert!(plain.starts_with("tollgate_device="), "{plain}");
    assert_eq!(attributes(&plain), "Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax");
    let value = sent_back(&plain).len() - "tollgate_device=".len();
    assert!((100..=LONGEST).contains(&value), "{value}");

    let shared = DeviceCookie { domain: Some("shop.example".into()), ..settings() };
    let devices = devices_with(secrets(), &shared);
    let set = devices.answer(&read(&devices, &[], true, NOW), SEEN, NOW).unwrap();
    assert!(set.starts_with("tollgate_device=") && set.ends_with("; Secure; Domain=shop.example"), "{set}");
}

#[test]
fn what_was_given_is_known_again_and_left_alone_until_it_is_due() {
    let devices = devices();
    let cookie = given(&devices);
    let brought = read(&devices, &["a=1", &cookie], true, NOW.after(DAY));
    assert_eq!(brought.finding, Finding::Fresh);
    let token = brought.token.unwrap();
    assert_eq!((token.issued, token.renewed, token.generation), (NOW, NOW, 0));
    assert_eq!(devices.answer(&brought, SEEN, NOW.after(DAY)), None);

    let later = NOW.after(RENEWED_AFTER);
    let again = devices.answer(&read(&devices, &[&cookie], true, later), SEEN, later).unwrap();
    let token_again = read(&devices, &[&sent_back(&again)], true, later).token.unwrap();
    assert_eq!(token_again, Token { renewed: later, generation: 1, ..token }, "the id and its first day stay");
}

#[test]
fn a_success_is_written_into_the_cookie_at_once_and_once() {
    let devices = devices();
    let fresh = read(&devices, &[&given(&devices)], true, NOW);
    let proven = sent_back(&devices.answer(&fresh, SUCCEEDED, NOW).unwrap());
    let brought = read(&devices, &[&proven], true, NOW);
    assert_eq!(brought.finding, Finding::Proven);
    assert_eq!(devices.answer(&brought, SUCCEEDED, NOW.after(SETTLING - DAY / 86_400)), None, "just renewed");
    assert!(devices.answer(&brought, SUCCEEDED, NOW.after(SETTLING)).is_some());
    // What the answer's head did not tell, the store knows by the next time.
    let known = Standing { succeeded: true, ..SEEN };
    let proven = devices.answer(&fresh, known, NOW).unwrap();
    assert_eq!(read(&devices, &[&sent_back(&proven)], true, NOW).finding, Finding::Proven);
    // A renewal loses nothing of it.
    let later = NOW.after(4 * DAY);
    let again = devices.answer(&brought, SEEN, later).unwrap();
    assert_eq!(read(&devices, &[&sent_back(&again)], true, later).finding, Finding::Proven);
}

#[test]
fn a_cookie_in_two_places_is_taken_from_both() {
    let devices = devices();
    let proven = devices.answer(&read(&devices, &[&given(&devices)], true, NOW), SUCCEEDED, NOW).unwrap();
    let brought = read(&devices, &[&sent_back(&proven)], true, NOW);
    let copied = Standing { succeeded: true, succeeded_now: true, copied: true };
    let other = devices.answer(&brought, copied, NOW).unwrap();
    let other = read(&devices, &[&sent_back(&other)], true, NOW);
    assert_eq!(other.finding, Finding::Fresh);
    assert_ne!(other.token.unwrap().id, brought.token.unwrap().id);
}

#[test]
fn forged_cut_and_oversized_cookies_are_nobody_s() {
    let devices = devices();
    let cookie = given(&devices);
    let start = cookie.find('=').unwrap() + 1;
    for place in start..cookie.len() {
        let other = if &cookie[place..=place] == "A" { "B" } else { "A" };
        let forged = format!("{}{other}{}", &cookie[..place], &cookie[place + 1..]);
        let brought = read(&devices, &[&forged], true, NOW);
        // Base64 has spare bits at the end; ours are zero, and others are refused.
        assert_eq!(brought.finding, Finding::Forged, "at {place}");
        assert!(brought.token.is_none());
    }
    for cut in start + 1..cookie.len() {
        assert_eq!(read(&devices, &[&cookie[..cut]], true, NOW).finding, Finding::Forged, "cut at {cut}");
    }
    let long = format!("{cookie}{}", "A".repeat(100_000));
    assert_eq!(read(&devices, &[&long], true, NOW).finding, Finding::Forged);
    assert_eq!(
        read(
            &devices,
            &[&given(&self::devices_with(Secrets::ephemeral(Arc::new(Salted)).unwrap(), &settings()))],
            true,
            NOW
        )
        .finding,
        Finding::Forged,
        "another installation's"
    );
    // Who brings one gets a good one.
    assert!(devices.answer(&read(&devices, &[&long], true, NOW), SEEN, NOW).is_some());
    // A forged one beside a good one hides nothing.
    let beside = read(&devices, &["__Host-tollgate_device=x", &cookie, "__Host-tollgate_device=y"], true, NOW);
    assert_eq!(beside.finding, Finding::Fresh);
}

/// Other bytes than those of the other tests.
struct Salted;

impl crate::secrets::Randomness for Salted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), crate::secrets::NoRandomness> {
        Counted::default().fill(buffer)?;
        buffer.iter_mut().for_each(|byte| *byte ^= 0x5a);
        Ok(())
    }
}

#[test]
fn of_two_devices_in_one_request_neither_counts() {
    let devices = devices();
    let (one, two) = (given(&devices), given(&devices));
    for cookies in [&[&*one, &*two][..], &[&two, &one], &[&format!("{one}; {two}")], &[&one, "a=b", &two, &one]] {
        let brought = read(&devices, cookies, true, NOW);
        assert_eq!(brought.finding, Finding::Contested);
        assert!(brought.token.is_none());
        assert_eq!(devices.answer(&brought, SUCCEEDED, NOW), None, "a third would not decide");
    }
    // One device twice is one device, and the newer cookie counts, wherever it stands.
    let later = NOW.after(RENEWED_AFTER);
    let newer = sent_back(&devices.answer(&read(&devices, &[&one], true, later), SEEN, later).unwrap());
    for cookies in [[&*one, &*newer], [&newer, &one]] {
        assert_eq!(read(&devices, &cookies, true, later).token.unwrap().generation, 1);
    }
}

#[test]
fn over_tls_only_what_the_host_itself_set_is_read() {
    let devices = devices();
    let plain = sent_back(&devices.answer(&read(&devices, &[], false, NOW), SEEN, NOW).unwrap());
    assert_eq!(read(&devices, &[&plain], false, NOW).finding, Finding::Fresh);
    assert_eq!(read(&devices, &[&plain], true, NOW).finding, Finding::None, "a sister host can set that name");
    assert_eq!(read(&devices, &[&given(&devices)], false, NOW).finding, Finding::None);
}

#[test]
fn what_is_too_old_is_replaced() {
    let devices = devices();
    let cookie = given(&devices);
    for (age, finding) in [(400 * DAY, Finding::Fresh), (401 * DAY, Finding::Expired)] {
        let now = NOW.after(age);
        let brought = read(&devices, &[&cookie], true, now);
        assert_eq!(brought.finding, finding);
        let next = read(&devices, &[&sent_back(&devices.answer(&brought, SEEN, now).unwrap())], true, now);
        assert_eq!(next.token.unwrap().issued == NOW, finding == Finding::Fresh);
    }
    // A gate whose clock lags takes what another just gave.
    assert_eq!(read(&devices, &[&cookie], true, Timestamp(NOW.0 - 60_000)).finding, Finding::Fresh);
}

#[test]
fn keys_rotate_without_making_a_stranger_of_anybody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let before = Secrets::load_or_create(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\nsign ", &format!("\nsign 00000001 {}\nsign ", "17".repeat(32)))).unwrap();
    let after = before.rotated(&path).unwrap();
    let (before, after) = (devices_with(before, &settings()), devices_with(after, &settings()));
    let cookie = given(&before);
    let brought = read(&after, &[&cookie], true, NOW);
    assert_eq!(brought.finding, Finding::Fresh);
    let again = sent_back(&after.answer(&brought, SEEN, NOW).unwrap());
    let renewed = read(&after, &[&again], true, NOW);
    assert_eq!(renewed.token.unwrap().id, brought.token.unwrap().id);
    assert_eq!(after.answer(&renewed, SEEN, NOW), None, "under the new key");
    assert_eq!(read(&before, &[&again], true, NOW).finding, Finding::Forged);
}

#[test]
fn switched_off_nothing_is_read_or_given() {
    let cookie = given(&devices());
    let off = Devices::new(None, std::iter::empty(), Arc::new(secrets()));
    let brought = read(&off, &[&cookie], true, NOW);
    assert_eq!(brought.finding, Finding::Off);
    assert_eq!(off.answer(&brought, SUCCEEDED, NOW), None);
}

#[test]
fn without_randomness_nobody_gets_one_and_nobody_minds() {
    let dry = devices_with(Secrets::ephemeral(Arc::new(RunsDry::default())).unwrap(), &settings());
    assert_eq!(dry.answer(&read(&dry, &[], true, NOW), SEEN, NOW), None);
}

/// Enough for the keys and then nothing.
#[derive(Default)]
struct RunsDry(std::sync::atomic::AtomicUsize);

impl crate::secrets::Randomness for RunsDry {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), crate::secrets::NoRandomness> {
        let given = self.0.fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
        if given >= 64 { Err(crate::secrets::NoRandomness) } else { Counted::default().fill(buffer) }
    }
}

#[test]
fn a_token_shows_its_id_to_nobody() {
    let token = Token::fresh(&secrets(), NOW).unwrap();
    assert!(!format!("{token:?}").contains("id:"), "{token:?}");
}

#[test]
fn a_proxy_may_say_that_the_visitor_came_over_tls() {
    for (said, expected) in
        [("https", true), ("HTTPS, http", true), ("http", false), ("http, https", false), ("", false)]
    {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("x-forwarded-proto"), said.parse().unwrap())]);
        assert_eq!(says_https(&headers), expected, "{said}");
    }
    assert!(!says_https(&HeaderMap::new()));
}

proptest! {
    #[test]
    fn hostile_cookies_are_survived(line in proptest::collection::vec(0x20u8..0x7f, 0..300), prefix: bool) {
        let line = String::from_utf8(line).unwrap();
        let line = if prefix { format!("__Host-tollgate_device={line}") } else { line };
        prop_assert!(read(&devices(), &[&line], true, NOW).token.is_none());
    }
}

#[test]
fn a_form_that_another_site_sends_takes_nobody_s_cookie_away() {
    let devices = devices();
    let sent = |origin: &'static str, site: &'static str, cookie: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("origin", origin), ("sec-fetch-site", site)].into_iter().filter(|(_, value)| !value.is_empty())
        {
            headers.insert(name, value.parse().unwrap());
        }
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie.parse().unwrap());
        }
        let brought = devices.read(&headers, true, NOW);
        (brought.finding, devices.answer(&brought, SEEN, NOW).is_some())
    };
    assert_eq!(sent("https://evil.example", "cross-site", None), (Finding::Withheld, false));
    assert_eq!(sent("null", "cross-site", None), (Finding::Withheld, false));
    assert_eq!(sent("https://shop.example", "same-origin", None), (Finding::None, true), "its own form");
    assert_eq!(sent("", "cross-site", None), (Finding::None, true), "a link: it would have brought one");
    assert_eq!(sent("https://old.example", "", None), (Finding::None, true), "a browser that does not say");
    let cookie = given(&devices);
    assert_eq!(sent("https://evil.example", "cross-site", Some(&cookie)), (Finding::Fresh, false), "it came along");
}
