use super::*;
use http::HeaderValue;
use proptest::prelude::*;

const OPEN: Way = Way { secure: false, own_tls: false, direct: true };
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&str, &str)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn of(lines: &[(&str, &str)]) -> Appearance {
    appearance(&Method::POST, Version::HTTP_11, &map(lines), None, OPEN, CLIENT)
}

#[test]
fn brands_are_read_with_the_made_up_one_among_them() {
    for list in [
        r#""Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24""#,
        r#""\\Not\"A;Brand";v="99", "Chromium";v="131", "Google Chrome";v="131""#,
        r#"" Not A;Brand";v="99","Chromium" ; v="131","Google Chrome";v="131""#,
    ] {
        let hints = of(&[("sec-ch-ua", list)]).hints;
        assert_eq!(hints, Hints { brands: true, chromium: 131, chrome: true, ..Hints::default() }, "{list}");
    }
    for (list, expected) in [
        (r#""Chromium";v="99", "HeadlessChrome";v="99""#, Hints { headless: true, ..Hints::default() }),
        (r#""Chromium";v="99", "Microsoft Edge WebView2";v="99""#, Hints { edge: true, ..Hints::default() }),
        (r#""Brave";v="99", "Chromium";v="99""#, Hints { brave: true, ..Hints::default() }),
    ] {
        let hints = of(&[("sec-ch-ua", list)]).hints;
        assert_eq!(hints, Hints { brands: true, chromium: 99, ..expected }, "{list}");
    }
}

#[test]
fn hints_that_say_nothing_are_none_and_what_is_no_list_is_malformed() {
    for lines in [&[][..], &[("sec-ch-ua", "")], &[("sec-ch-ua-platform", "\"\""), ("sec-ch-ua-mobile", "")]] {
        assert_eq!(of(lines).hints, Hints::default(), "{lines:?}");
    }
    for list in
        ["Chromium", "\"Chromium", r#""Chromium";v=131"#, r#""Chromium";v="131","#, r#""Chromium";v="131" x"#, "\"\\"]
    {
        assert!(of(&[("sec-ch-ua", list)]).hints.malformed, "{list}");
    }
    assert!(of(&[("sec-ch-ua", &format!("\"{}\"", "x".repeat(600)))]).hints.malformed);
    assert!(of(&[("sec-ch-ua-mobile", "0")]).hints.malformed);
    assert!(of(&[("sec-ch-ua-platform", "Windows")]).hints.malformed);
    assert!(of(&[("sec-ch-ua-mobile", "?0"), ("sec-ch-ua-mobile", "?1")]).hints.malformed);
}

#[test]
fn mobile_and_platform() {
    let hints = of(&[("sec-ch-ua-mobile", "?1"), ("sec-ch-ua-platform", "\"Android\"")]).hints;
    assert_eq!((hints.mobile, hints.platform, hints.malformed), (Some(true), System::Android, false));
    assert_eq!(of(&[("sec-ch-ua-platform", "\"Fuchsia\"")]).hints, Hints::default());
}

#[test]
fn what_the_fetch_says() {
    let all = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let fetch = of(&all).fetch;
    assert_eq!(fetch, Fetch { mode: FetchMode::Navigate, site: true, dest: true, ..Fetch::default() });
    let script = of(&[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]).fetch;
    assert_eq!(script, Fetch { mode: FetchMode::Script, dest: true, dest_empty: true, ..Fetch::default() });
    for wrong in [("sec-fetch-mode", "Navigate"), ("sec-fetch-site", "same_origin"), ("sec-fetch-user", "1")] {
        assert!(of(&[wrong]).fetch.invalid, "{wrong:?}");
    }
    assert!(!of(&[("sec-fetch-mode", "websocket")]).fetch.invalid);
}

#[test]
fn encodings_languages_and_types() {
    let encodings = |text| of(&[("accept-encoding", text)]).encodings;
    assert_eq!(encodings("gzip, deflate, br, zstd"), Encodings { brotli: true, zstd: true, ..Encodings::default() });
    for usual in ["", "gzip, deflate", "gzip, deflate, br", "identity", "*", "gzip, deflate, sdch"] {
        assert!(!encodings(usual).odd && !encodings(usual).terse, "{usual}");
    }
    for odd in ["gzip, compress, deflate, br", "deflate, gzip", "br", "br;q=1.0, gzip;q=0.8"] {
        assert!(encodings(odd).odd, "{odd}");
    }
    assert!(encodings("gzip").terse && encodings("gzip,deflate").terse);

    let weight = |text| of(&[("accept-language", text)]).second_language;
    for (text, expected) in [
        ("de", 0),
        ("de-DE,de;q=0.9,en;q=0.8", 9),
        ("en-US,en;q=0.5", 5),
        ("en-US, en; q=0.8", 8),
        ("a,b;q=1", 0),
        ("a,b;q=0.55", 0),
    ] {
        assert_eq!(weight(text), expected, "{text}");
    }

    let accept = of(&[("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8")]).accept;
    assert_eq!(accept, Accept { html: true, page: true, webp: true, signed_exchange: false });
    assert_eq!(of(&[("accept", "text/html, */*; q=0.01")]).accept, Accept { html: true, ..Accept::default() });
}

#[test]
fn a_page_over_tls_is_told_by_what_only_tls_has() {
    assert!(!of(&[("origin", "http://shop.example"), ("accept-encoding", "gzip, deflate")]).secure);
    assert!(of(&[("origin", "https://shop.example")]).secure);
    assert!(of(&[("referer", "https://shop.example/login")]).secure);
    assert!(of(&[("accept-encoding", "gzip, deflate, br")]).secure);
    let two = appearance(&Method::POST, Version::HTTP_2, &HeaderMap::new(), None, OPEN, CLIENT);
    assert!(two.secure && two.writes);
    let behind = Way { own_tls: true, direct: false, secure: true };
    assert!(!appearance(&Method::GET, Version::HTTP_11, &HeaderMap::new(), None, behind, CLIENT).own_tls);
}

#[test]
fn forwarding_headers_count_only_of_who_is_no_proxy_of_the_operators() {
    let spray =
        [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "198.51.100.9"), ("client-ip", "x"), ("via", "1.1 squid")];
    assert_eq!(of(&spray).forwarding, Forwarding { via: true, addresses: 3, public: true });
    let behind = Way { direct: false, ..OPEN };
    let trusted = appearance(&Method::POST, Version::HTTP_11, &map(&spray), None, behind, CLIENT);
    assert_eq!(trusted.forwarding, Forwarding::default());
    for (value, public) in [
        ("203.0.113.7", false),
        ("192.168.1.4, 100.64.0.9", false),
        ("unknown, 198.51.100.9", true),
        ("for=\"[2001:db8::1]\";proto=https", true),
        ("fe80::1", false),
        ("\u{a0}", false),
    ] {
        assert_eq!(of(&[("forwarded", value)]).forwarding.public, public, "{value}");
    }
}

#[test]
fn order_and_case_are_the_clients_only_where_nobody_wrote_between() {
    let head =
        b"POST / HTTP/1.1\r\nHost: h\r\nuser-agent: x\r\nAccept-Language: de\r\nAccept-Encoding: gzip\r\n\r\nHost: no";
    let see = |lines: &[(&str, &str)], way| {
        appearance(&Method::POST, Version::HTTP_11, &map(lines), Some(head), way, CLIENT).writing
    };
    let expected = Writing { seen: true, host_first: true, languages_first: Some(true), lower_case: true };
    assert_eq!(see(&[], OPEN), expected);
    assert_eq!(see(&[("via", "1.1 squid")], OPEN), Writing::default());
    assert_eq!(see(&[("x-forwarded-for", "10.0.0.1")], OPEN), Writing::default());
    assert_eq!(see(&[], Way { direct: false, ..OPEN }), Writing::default());
    assert_eq!(of(&[]).writing, Writing::default(), "HTTP/2 shows neither");
}

proptest! {
    #[test]
    fn any_bytes_have_an_appearance(
        name in prop::sample::select(vec!["sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "accept-language", "accept-encoding",
            "accept", "sec-fetch-mode", "forwarded", "x-forwarded-for", "origin"]),
        value in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b';'), Just(b','), Just(b'='), 32u8..=255], 0..700),
        head in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(name, value);
        }
        let _ = appearance(&Method::POST, Version::HTTP_11, &headers, Some(&head), OPEN, CLIENT);
    }

    #[test]
    fn whatever_is_a_list_of_brands_is_read_back(brands in prop::collection::vec(("[ -~]{1,12}", 1u16..1000), 1..6)) {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let list: Vec<String> =
            brands.iter().map(|(brand, version)| format!("\"{}\";v=\"{version}\"", quoted(brand))).collect();
        let list = format!("{}, \"Chromium\";v=\"77\"", list.join(", "));
        let hints = of(&[("sec-ch-ua", &list)]).hints;
        prop_assert!(hints.brands && !hints.malformed && hints.chromium == 77, "{list}");
    }
}
