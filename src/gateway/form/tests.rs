//! Properties of the parsers: what was encoded is read, and no bytes make them panic or dawdle.

use super::*;
use crate::gateway::recognize::BodyValues;
use http::HeaderValue;
use proptest::prelude::*;

fn wanted() -> Wanted {
    let names = ["login", "password", "user[login]"].map(|name| (Place::Form, name));
    let pointers = ["/login", "/password", "/user/login", "/list/0"].map(|pointer| (Place::Json, pointer));
    Wanted::new(names.into_iter().chain(pointers))
}

fn typed(content_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    headers
}

fn read(content_type: &str, body: &[u8]) -> Result<Values, Unreadable> {
    let mut values = Values::new(&wanted());
    values.read_body(&typed(content_type), body).map(|()| values)
}

fn texts(readings: &[Reading]) -> Vec<&str> {
    readings.iter().map(AsRef::as_ref).collect()
}

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";
const JSON: &str = "application/json";

#[test]
fn duplicates_give_every_reading_in_order() {
    let values = read(FORM, b"login=a&x=1&login=b&login[]=c").ok().unwrap();
    assert_eq!(texts(values.form("login")), ["a", "b", "c", "a,b,c"]);
    let values = read(JSON, br#"{"login":"a","user":{"login":"u"},"login":["b","c"],"list":[7]}"#).ok().unwrap();
    assert_eq!(texts(values.json("/login")), ["a", "", "b", "c", "a,,b,c"]);
    assert_eq!(texts(values.json("/user/login")), ["u"]);
    assert_eq!(texts(values.json("/list/0")), ["7"]);
    assert_eq!(texts(values.form("user[login]")), ["u"]);
}

#[test]
fn crowds_keep_the_first_and_the_last() {
    let values = read(FORM, ["login=x&".repeat(500).as_str(), "login=last"].concat().as_bytes()).ok().unwrap();
    let readings = texts(values.form("login"));
    assert_eq!((readings[0], readings[MAX_READINGS - 1]), ("x", "last"));
    assert!(readings.len() <= MAX_READINGS + 1);
}

/// What some backends never get to, or see otherwise, is not there for certain.
#[test]
fn what_only_some_backends_read_does_not_stand() {
    let standing = |content_type: &str, body: &[u8]| {
        let values = read(content_type, body).ok().unwrap();
        (values.form_standing("login"), values.odd())
    };
    let late = |fields: usize| format!("{}login=x", "j=1&".repeat(fields));
    let (found, odd) = standing(FORM, late(999).as_bytes());
    assert!(found.present && !found.replaced && odd.is_empty());
    let (found, odd) = standing(FORM, late(1000).as_bytes());
    assert!(!found.present && odd.contains(Oddity::Crowd));
    let part = |head: &str| format!("--XX\r\n{head}\r\n\r\nx\r\n");
    let named = |name: &str| part(&format!("Content-Disposition: form-data; name=\"{name}\""));
    let whole = |parts: String| parts + "--XX--\r\n";
    let (found, odd) = standing(PARTS, whole(named("j").repeat(999) + &named("login")).as_bytes());
    assert!(found.present && odd.is_empty());
    let (found, odd) = standing(PARTS, whole(named("j").repeat(1000) + &named("login")).as_bytes());
    assert!(!found.present && odd.contains(Oddity::Crowd));
    for head in [
        "Content-Disposition : form-data; name=\"login\"",
        "Content-Disposition: form-data; name=\"login\"\r\nContent-Disposition: form-data; name=\"x\"",
        "Content-Disposition: form-data; name='login'",
    ] {
        let values = read(PARTS, whole(named("login") + &part(head)).as_bytes()).ok().unwrap();
        let found = values.form_standing("login");
        assert!(!found.present && found.replaced && values.hides(), "{head}");
    }
    let (found, _) = standing(FORM, b"login=a&login[]=a");
    assert!(found.replaced);
    let (found, odd) = standing(FORM, "login=a&".repeat(MAX_READINGS + 1).as_bytes());
    assert!(found.crowded && odd.contains(Oddity::Crowd));
    let (found, odd) = standing(FORM, "login=a&".repeat(MAX_READINGS).as_bytes());
    assert!(!found.crowded && odd.is_empty());
}

/// Tomcat counts the fields of query and form together.
#[test]
fn fields_of_the_query_count_before_those_of_the_body() {
    let mut values = Values::new(&wanted());
    values.read_query("j=1&".repeat(900).as_bytes());
    values.read_body(&typed(FORM), format!("{}login=x", "j=1&".repeat(200)).as_bytes()).ok().unwrap();
    assert!(!values.form_standing("login").present && values.odd().is_empty());
}

#[test]
fn reasons_for_refusal() {
    for (content_type, body, expected) in [
        (FORM, "a=1&".repeat(MAX_FIELDS + 1), Unreadable::TooManyFields),
        (FORM, format!("login={}", "a".repeat(MAX_VALUE + 1)), Unreadable::ValueTooLong),
        ("application/x-www-form-urlencoded; charset=utf-16", "login=a".into(), Unreadable::Charset),
        ("text/csv", "login".into(), Unreadable::MediaType),
        ("multipart/form-data", "--x".into(), Unreadable::Boundary),
        ("multipart/form-data; boundary=\"\"", "--x".into(), Unreadable::Boundary),
        (PARTS, "no boundary".into(), Unreadable::Syntax),
        (JSON, "{".into(), Unreadable::Syntax),
        (JSON, "[".repeat(65), Unreadable::Depth),
        ("a/b, c/d", "x".into(), Unreadable::ContentType),
    ] {
        assert_eq!(read(content_type, body.as_bytes()).err(), Some(expected), "{content_type}");
    }
    // A picture of any size under another name is no reason.
    let picture =
        format!("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--XX--", "a".repeat(1 << 20));
    assert!(read(PARTS, picture.as_bytes()).is_ok());
    assert!(read("text/csv", b"").is_ok());
}

#[test]
fn a_body_that_no_route_asks_for_is_no_trouble() {
    let wanted = Wanted::new([(Place::Query, "login")]);
    let mut values = Values::new(&wanted);
    assert!(values.read_body(&typed("text/xml"), b"<login/>").is_ok());
    assert!(values.read_body(&HeaderMap::new(), b"%zz=1").is_ok());
    assert!(values.odd().is_empty());
}

#[test]
fn crowded_arrays_and_odd_names_stay_cheap() {
    let wide = format!("[{}1]", "1,".repeat(100_000));
    let unwanted = format!(r#"{{"other":{wide},"login":"alice"}}"#);
    assert_eq!(texts(read(JSON, unwanted.as_bytes()).ok().unwrap().json("/login")), ["alice"]);
    let wanted = format!(r#"{{"login":{wide}}}"#);
    assert_eq!(read(JSON, wanted.as_bytes()).err(), Some(Unreadable::TooManyFields));
    let names = format!("{}=1&login=alice", "é".repeat(100_000));
    assert_eq!(texts(read(FORM, names.as_bytes()).ok().unwrap().form("login")), ["alice"]);
}

#[test]
fn json_that_strict_readers_take() {
    for body in [
        "0",
        "-0.5e+10",
        "[]",
        "{}",
        " [1 , {\"a\" : [ ] }, null, true ,false] ",
        r#""\u00e9\n\/\"""#,
        "\"\u{7f}é\"",
        &format!("{}{}", "[".repeat(64), "]".repeat(64)),
    ] {
        assert!(read(JSON, body.as_bytes()).is_ok(), "{body}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
    }
}

/// A text as hostile bytes are: mostly grammar, sometimes anything.
fn soup(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        6 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

const WORDS: &[&str] = &[
    "login",
    "password",
    "=",
    "&",
    ";",
    "%",
    "%6c",
    "%00",
    "+",
    "[",
    "]",
    "a",
    "\r\n",
    "\n",
    "--XX",
    "--",
    "\r\n--XX\r\n",
    "Content-Disposition: form-data; name=\"login\"",
    "\r\n\r\n",
    "; filename=\"a\"",
    "\"",
    "\\",
    "{",
    "}",
    ":",
    ",",
    "\"login\"",
    "\"user\"",
    "null",
    "1",
    "\\ud800",
    "\"x\"",
    "[[[[",
    "{\"login\":",
    "é",
    "\u{feff}",
];

proptest! {
    #[test]
    fn hostile_bytes_are_read_in_linear_time(body in soup(WORDS)) {
        for content_type in [FORM, PARTS, JSON] {
            let mut values = Values::new(&wanted());
            let _any = values.read_body(&typed(content_type), &body);
            // Pairs with `;` are read twice, and a value once for each want of its name and each copy of it.
            prop_assert!(values.steps <= 8 * body.len() + 64, "{} steps for {} bytes", values.steps, body.len());
        }
    }

    #[test]
    fn json_is_refused_exactly_where_strict_parsers_refuse(body in soup(WORDS)) {
        let strict = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        match read(JSON, &body) {
            Ok(values) => prop_assert!(
                body.is_empty() || strict || values.odd().contains(Oddity::ByteOrderMark)
                    || memchr::memmem::find(&body, b"\\ud").is_some()
            ),
            Err(why) => prop_assert!(!strict, "{why:?}"),
        }
    }

    #[test]
    fn forms_round_trip(login in "\\PC{1,30}", password in "(\\PC|[&=+%;\n]){1,30}") {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        let body = pairs.append_pair("csrf", "x").append_pair("login", &login).append_pair("password", &password).finish();
        let values = read(FORM, body.as_bytes()).ok().unwrap();
        prop_assert_eq!(texts(values.form("login")), [login.as_str()]);
        prop_assert_eq!(texts(values.form("password")), [password.as_str()]);
        prop_assert!(values.odd().is_empty() && values.form("password")[0].odd().is_empty());
    }

    #[test]
    fn json_round_trips(login in ".{1,30}", password in "(.|[\"\\\\/\n\t]){1,30}") {
        prop_assume!(!login.contains('\0') && !password.contains('\0'));
        let body = serde_json::json!({"password": password, "user": {"login": login, "login2": 1}}).to_string();
        let values = read(JSON, body.as_bytes()).ok().unwrap();
        prop_assert_eq!(texts(values.json("/user/login")), [login.as_str()]);
        prop_assert_eq!(texts(values.json("/password")), [password.as_str()]);
        prop_assert!(values.odd().is_empty() && values.json("/password")[0].odd().is_empty());
    }

    #[test]
    fn parts_round_trip(login in "(\\PC|\r\n|-){1,30}", picture in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assume!(!login.contains("--XX") && memchr::memmem::find(&picture, b"--XX").is_none());
        let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"p\"; filename=\"p.png\"\r\n\r\n".to_vec();
        body.extend_from_slice(&picture);
        body.extend_from_slice(b"\r\n--XX\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\n");
        body.extend_from_slice(login.as_bytes());
        body.extend_from_slice(b"\r\n--XX--\r\n");
        let values = read(PARTS, &body).ok().unwrap();
        prop_assert_eq!(texts(values.form("login")), [login.as_str()]);
        prop_assert!(values.odd().is_empty(), "{:?}", values.odd());
    }
}

#[test]
fn an_apostrophe_that_quotes_for_php_is_odd() {
    let part = |disposition: &str| {
        format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\na\r\n--XX--\r\n").into_bytes()
    };
    for (disposition, odd) in [
        ("name='login'", true),
        ("namE=\"login\"", true),
        ("name=a'b; name=\"login\"", true),
        ("x='; name=\"login\"; y='", true),
        ("x'='; name=\"login\"", true),
        ("name=\"login\"; filename*=utf-8''a'b", true),
        ("name=\"login\"", false),
        ("name=\"o'clock\"", false),
        ("name=\"picture\"; filename=\"it's me.png\"", false),
        ("name=\"picture\"; filename*=utf-8''me.png", false),
    ] {
        let values = read(PARTS, &part(disposition)).ok().unwrap();
        assert_eq!(values.odd().contains(Oddity::MultipartHeader), odd, "{disposition}");
    }
}

#[test]
fn brackets_around_a_name_hide_nothing() {
    for body in ["x=1&[login]=a", "x=1&%5Blogin%5D=a", "x=1&[login]b=a", "x=1&[login][]=a", "login[=a", "x=1&login[b=a"]
    {
        let values = read(FORM, body.as_bytes()).ok().unwrap();
        let readings = values.form("login");
        assert_eq!(texts(readings), ["a"], "{body}");
        assert!(readings.iter().all(|reading| reading.kin() == Kin::Lookalike), "{body}");
    }
}
