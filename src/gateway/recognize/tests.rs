//! Stories of disguised requests, and the two promises: no disguise leaves a route, no ordinary address enters one.

use super::specimen::route;
use super::*;
use crate::config::settings::*;
use crate::engine::attempt::Ambiguity;
use crate::engine::pattern::Globs;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;

fn matching(methods: &[&str], path: PathPattern) -> Matching {
    let methods = methods.iter().map(|method| Box::from(*method)).collect();
    Matching { methods, path, hosts: None, values: Vec::new() }
}

fn post(path: &str) -> Matching {
    matching(&["POST"], PathPattern::Exact(path.into()))
}

fn when(mut matching: Matching, place: ValuePlace, name: &str, accept: &[&str]) -> Matching {
    matching.values.push(ValueCondition { place, name: name.into(), accept: Globs::new(accept), concealed: false });
    matching
}

fn on_hosts(mut matching: Matching, hosts: &[&str]) -> Matching {
    matching.hosts = Some(Globs::new(hosts));
    matching
}

#[derive(Default)]
struct Body {
    form: BTreeMap<&'static str, Vec<&'static str>>,
    json: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Body {
    fn form(name: &'static str, values: &[&'static str]) -> Body {
        Body { form: BTreeMap::from([(name, values.to_vec())]), ..Body::default() }
    }

    fn json(pointer: &'static str, values: &[&'static str]) -> Body {
        Body { json: BTreeMap::from([(pointer, values.to_vec())]), ..Body::default() }
    }
}

impl BodyValues for Body {
    fn form(&self, name: &str) -> Vec<Cow<'_, str>> {
        self.form.get(name).into_iter().flatten().map(|value| Cow::Borrowed(*value)).collect()
    }

    fn json(&self, pointer: &str) -> Vec<Cow<'_, str>> {
        self.json.get(pointer).into_iter().flatten().map(|value| Cow::Borrowed(*value)).collect()
    }
}

fn ask(routes: &Routes, method: &str, target: &[u8], headers: &[(&str, &str)]) -> Option<Candidates> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let has_body = !matches!(method, "GET" | "HEAD");
    routes.candidates(&Head { method, target, authority: None, headers: &map, has_body, peer_is_trusted: false })
}

/// Route and ambiguities of a request, as `name path:… method`.
fn check(routes: &Routes, line: &str, headers: &[(&str, &str)], body: &dyn BodyValues, expected: &str) {
    let (method, target) = line.split_once(' ').unwrap();
    let found = ask(routes, method, target.as_bytes(), headers).and_then(|candidates| candidates.settle(body));
    let said = found.map_or(String::new(), |found| {
        let ambiguities = found.ambiguities.iter().map(Ambiguity::name);
        std::iter::once(found.route.name.to_string()).chain(ambiguities).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(said, expected, "{line} {headers:?}");
}

#[test]
fn a_login_is_recognised_in_every_disguise() {
    let routes = Routes::new(&[route("login", post("/accounts/login"))]);
    for (line, expected) in [
        ("POST /accounts/login", "login"),
        ("POST /accounts/login?next=/x", "login"),
        ("POST http://shop.example/accounts/login", "login"),
        ("POST /accounts/login/", "login path:trailing_slash"),
        ("POST /Accounts/LOGIN", "login path:case"),
        ("POST /accounts/log%69n", "login path:decoded"),
        ("POST /accounts/log%2569n", "login path:decoded"),
        ("POST /accounts%2flogin", "login path:decoded"),
        ("POST /accounts%5clogin", "login path:decoded+backslash"),
        ("POST /accounts\\login", "login path:backslash"),
        ("POST //accounts//login", "login path:slashes"),
        ("POST /x/../accounts/./login", "login path:dots"),
        ("POST /x/%2e%2e/accounts/login", "login path:decoded+dots"),
        ("POST /a%2f..%2faccounts/login", "login path:decoded+dots"),
        ("POST /accounts;v=1/login;jsessionid=2", "login path:parameters"),
        ("POST /x/..;/accounts/login", "login path:dots+parameters"),
        ("POST /accounts/login.", "login path:segment_ends"),
        ("POST /accounts/login%20", "login path:segment_ends"),
        ("POST /accounts/login%00.css", "login path:decoded+nul"),
        ("POST /accounts/lo%00gin", "login path:decoded+controls"),
        ("POST /accounts/lo%0d%0agin", "login path:decoded+controls"),
        ("POST /accounts%c0%aflogin", "login path:overlong"),
        ("POST /x/%c0%ae%c0%ae/accounts/login", "login path:overlong+dots"),
        ("POST /accounts/login#x", "login path:fragment"),
        ("POST /accounts/login%3fx", "login path:decoded+question_mark"),
        ("POST //shop.example/accounts/login", "login path:authority"),
        ("POST accounts/login", "login path:rooted"),
        ("POST /accounts/login.json", "login path:format"),
        ("POST /accounts/%EF%BD%8Cogin", "login path:compatible"),
        ("POST /accounts/login/%c5%bf/..", "login path:trailing_slash+dots"),
        ("POST /accounts/logins", ""),
        ("POST /accounts", ""),
        ("POST /login", ""),
        ("GET /accounts/login", ""),
    ] {
        let expected = expected.replace("trailing_slash+dots", "dots+trailing_slash");
        check(&routes, line, &[], &(), &expected);
    }
}

#[test]
fn methods_are_tunnelled() {
    let routes = Routes::new(&[
        route("login", post("/login")),
        route("change", matching(&["PUT", "PATCH"], PathPattern::Exact("/password".into()))),
    ]);
    let none = &() as &dyn BodyValues;
    check(&routes, "GET /login", &[("x-http-method-override", "POST")], none, "login method");
    check(&routes, "GET /login", &[("x_http_method", "post")], none, "login method");
    check(&routes, "GET /login", &[("x-method-override", "POST")], none, "login method");
    check(&routes, "GET /login?_method=POST", &[], none, "login method");
    check(&routes, "POST /login?_method=PUT", &[], none, "login method");
    check(&routes, "post /login", &[], none, "login method");
    check(&routes, "POST /login", &[], &Body::form("_method", &["PUT"]), "login method");
    check(&routes, "POST /password", &[], &Body::form("_method", &["put"]), "change method");
    check(&routes, "POST /password", &[], &Body::json("/_method", &["PATCH"]), "change method");
    check(&routes, "POST /password", &[], none, "");
    check(&routes, "GET /password", &[], &Body::form("_method", &["put"]), "");
    check(&routes, "PATCH /password", &[], none, "change");
    check(&routes, "DELETE /login", &[], &Body::form("_method", &["post"]), "login method");
    let form = ("content-type", "application/x-www-form-urlencoded");
    check(&routes, "PUT /login", &[form], &Body::form("_method", &["POST"]), "login method");
    let json = ("content-type", "application/json; charset=utf-8");
    check(&routes, "PUT /login", &[json], &Body::json("/_method", &["POST"]), "login method");
    check(&routes, "PUT /login", &[form], none, "");
    check(&routes, "PUT /login", &[("content-type", "image/png")], &Body::form("_method", &["POST"]), "");
    let headers = HeaderMap::new();
    let with_body = |has_body| Head {
        method: "GET",
        target: b"/login",
        authority: None,
        headers: &headers,
        has_body,
        peer_is_trusted: false,
    };
    let tunnelled = Body::form("_method", &["POST"]);
    let found = routes.candidates(&with_body(true)).unwrap().settle(&tunnelled).unwrap();
    assert_eq!((&*found.route.name, &found.ambiguities[..]), ("login", &[Ambiguity::Method][..]));
    assert!(routes.candidates(&with_body(false)).is_none(), "a page that is fetched is no business of ours");
    assert!(ask(&routes, "POST", b"/password", &[]).unwrap().needs_body());
    assert!(!ask(&routes, "POST", b"/login", &[]).unwrap().needs_body());
}

#[test]
fn hosts_are_told_apart() {
    let routes = Routes::new(&[route("shop", on_hosts(post("/login"), &["shop.example", "*.shop.example"]))]);
    let none = &() as &dyn BodyValues;
    check(&routes, "POST /login", &[("host", "SHOP.example.:8080")], none, "shop");
    check(&routes, "POST /login", &[("host", "de.shop.example")], none, "shop");
    check(&routes, "POST /login", &[("host", "blog.example")], none, "");
    check(&routes, "POST http://shop.example/login", &[("host", "blog.example")], none, "shop path:host");
    check(&routes, "POST /login", &[("host", "blog.example"), ("host", "shop.example")], none, "shop path:host");
    check(&routes, "POST /login", &[], none, "shop path:host");
}

#[test]
fn values_decide_between_routes_as_wordpress_needs() {
    let path = || post("/wp-login.php");
    let routes = Routes::new(&[
        route("login", when(path(), ValuePlace::Param, "action", &["!lostpassword", "!register"])),
        route("reset", when(path(), ValuePlace::Param, "action", &["lostpassword"])),
    ]);
    let none = &() as &dyn BodyValues;
    check(&routes, "POST /wp-login.php", &[], none, "login");
    check(&routes, "POST /wp-login.php?action=lostpassword", &[], none, "reset");
    check(&routes, "POST /wp-login.php?action=register", &[], none, "");
    check(&routes, "POST /wp-login.php", &[], &Body::form("action", &["lostpassword"]), "reset");
    check(&routes, "POST /wp-login.php?action=login", &[], &Body::form("action", &["register"]), "login");
    check(&routes, "POST /wp-login.php?action=register&action=login", &[], none, "login");
    // An array is no action to WordPress, which then shows its login.
    check(&routes, "POST /wp-login.php/x.css?action[]=lostpassword", &[], none, "login path:path_info");
    check(&routes, "POST /wp-login.php?action[]=register", &[], none, "login");
    check(&routes, "POST /wp-login.php?Action=register", &[], none, "login");
    assert!(ask(&routes, "POST", b"/wp-login.php", &[]).unwrap().needs_body());
    assert!(!ask(&routes, "POST", b"/wp-login.php?action=login", &[]).unwrap().needs_body());
    assert_eq!(&*ask(&routes, "POST", b"/wp-login.php", &[]).unwrap().presumed().name, "login");
}

#[test]
fn json_values_and_forms_need_the_body() {
    let path = || post("/api");
    let routes = Routes::new(&[
        route("login", when(path(), ValuePlace::Json, "/op", &["login*"])),
        route("form", when(path(), ValuePlace::Form, "op", &["*"])),
    ]);
    check(&routes, "POST /api", &[], &Body::json("/op", &["login2"]), "login");
    check(&routes, "POST /api", &[], &Body::form("op", &[""]), "form");
    check(&routes, "POST /api?op=login", &[], &(), "");
}

#[test]
fn headers_decide_without_the_body() {
    let api = || matching(&[], PathPattern::Prefix("/api/".into()));
    let routes = Routes::new(&[
        route("basic", when(api(), ValuePlace::Header, "authorization", &["Basic *"])),
        route("other", when(api(), ValuePlace::Header, "authorization", &["*"])),
    ]);
    let none = &() as &dyn BodyValues;
    check(&routes, "POST /api/x", &[], none, "");
    check(&routes, "POST /api/x", &[("authorization", "Basic eDp5")], none, "basic");
    check(&routes, "POST /api/x", &[("Authorization", " Bearer x")], none, "other");
    // Servers take the first or the last of several, or join them.
    check(&routes, "POST /api/x", &[("authorization", "Bearer x"), ("authorization", "Basic eDp5")], none, "basic");
    check(&routes, "GET /api/x?authorization=Basic%20x", &[("x-authorization", "Basic x")], none, "");
    let routes = Routes::new(&[route("form", when(api(), ValuePlace::Header, "content-type", &["!image/*"]))]);
    check(&routes, "POST /api/x", &[], none, "form");
    check(&routes, "POST /api/x", &[("content-type", "image/png")], none, "");
    // One that is excluded beside another hides nothing.
    check(&routes, "POST /api/x", &[("content-type", "image/png"), ("content-type", "text/plain")], none, "form");
    let routes = Routes::new(&[route("tenant", when(api(), ValuePlace::Header, "x-tenant", &["shop"]))]);
    check(&routes, "GET /api/", &[("X_Tenant", "shop")], none, "tenant");
    assert!(!ask(&routes, "POST", b"/api/", &[("x-tenant", "shop")]).unwrap().needs_body());
}

#[test]
fn more_conditions_come_first_then_the_order_of_the_file() {
    let routes = Routes::new(&[
        route("any", matching(&[], PathPattern::Any)),
        route("prefix", matching(&["POST"], PathPattern::Prefix("/a".into()))),
        route("exact", post("/a/b")),
        route("query", when(post("/a/b"), ValuePlace::Query, "x", &["1"])),
    ]);
    let none = &() as &dyn BodyValues;
    check(&routes, "POST /a/b?x=1", &[], none, "query");
    check(&routes, "POST /a/b", &[], none, "prefix");
    check(&routes, "GET /a/b", &[], none, "any");
}

#[test]
fn a_path_that_leads_elsewhere_when_read_otherwise_is_said_to() {
    let routes = Routes::new(&[route("files", matching(&["POST"], PathPattern::Prefix("/files".into()))), {
        route("login", post("/login"))
    }]);
    check(&routes, "POST /files/..%2flogin", &[], &(), "files path:decoded+dots");
    check(&routes, "POST /files/x", &[], &(), "files");
}

#[test]
fn what_cannot_be_read_is_on_a_route_whose_method_fits() {
    let routes = Routes::new(&[route("login", post("/login"))]);
    let long = format!("/{}", "x/".repeat(5000));
    assert!(ask(&routes, "GET", long.as_bytes(), &[]).is_none());
    let found = ask(&routes, "POST", long.as_bytes(), &[]).unwrap().presume();
    assert_eq!(found.ambiguities, [Ambiguity::Path(vec!["too_long"])]);
}

/// How an attacker hides a path. Each entry is undone by some server.
#[derive(Clone, Debug)]
enum Disguise {
    Escape(usize),
    EscapeSlashes,
    EscapeAll,
    Upper(usize),
    Backslash,
    DoubleSlash(usize),
    Dot(usize),
    Detour(usize),
    Parameter(usize),
    TrailingSlash,
    TrailingDot,
    Nul,
    Tab(usize),
    Overlong,
    Fragment,
}

fn disguise() -> impl Strategy<Value = Disguise> {
    prop_oneof![
        any::<usize>().prop_map(Disguise::Escape),
        Just(Disguise::EscapeSlashes),
        Just(Disguise::EscapeAll),
        any::<usize>().prop_map(Disguise::Upper),
        Just(Disguise::Backslash),
        any::<usize>().prop_map(Disguise::DoubleSlash),
        any::<usize>().prop_map(Disguise::Dot),
        any::<usize>().prop_map(Disguise::Detour),
        any::<usize>().prop_map(Disguise::Parameter),
        Just(Disguise::TrailingSlash),
        Just(Disguise::TrailingDot),
        Just(Disguise::Nul),
        any::<usize>().prop_map(Disguise::Tab),
        Just(Disguise::Overlong),
        Just(Disguise::Fragment),
    ]
}

impl Disguise {
    fn put_on(&self, path: &[u8]) -> Vec<u8> {
        let slashes: Vec<usize> = (0..path.len()).filter(|&at| path[at] == b'/').collect();
        let slash = |seed: usize| slashes.get(seed % slashes.len().max(1)).copied().unwrap_or(0);
        let insert = |at: usize, text: &[u8]| [&path[..at], text, &path[at..]].concat();
        let escape = |byte: u8| format!("%{byte:02x}").into_bytes();
        let replace = |with: &dyn Fn(u8) -> Option<Vec<u8>>| {
            path.iter().flat_map(|&byte| with(byte).unwrap_or_else(|| vec![byte])).collect::<Vec<u8>>()
        };
        match self {
            Disguise::Escape(at) => {
                let at = at % path.len();
                [&path[..at], &escape(path[at]), &path[at + 1..]].concat()
            }
            Disguise::EscapeSlashes => replace(&|byte| (byte == b'/').then(|| escape(byte))),
            Disguise::EscapeAll => replace(&|byte| Some(escape(byte))),
            Disguise::Upper(at) => {
                let mut path = path.to_vec();
                let at = at % path.len();
                path[at] = path[at].to_ascii_uppercase();
                path
            }
            Disguise::Backslash => replace(&|byte| (byte == b'/').then(|| vec![b'\\'])),
            Disguise::DoubleSlash(at) => insert(slash(*at), b"/"),
            Disguise::Dot(at) => insert(slash(*at), b"/."),
            Disguise::Detour(at) => insert(slash(*at), b"/x/.."),
            Disguise::Parameter(at) => match slashes.iter().copied().filter(|&at| at > 0).nth(at % 3) {
                Some(at) => insert(at, b";a=b"),
                None => insert(path.len(), b";a=b"),
            },
            Disguise::TrailingSlash => insert(path.len(), b"/"),
            Disguise::TrailingDot => insert(path.len(), b"."),
            Disguise::Nul => insert(path.len(), b"\0.css"),
            Disguise::Tab(at) => insert(at % path.len(), b"\t"),
            Disguise::Overlong => replace(&|byte| (byte == b'/').then(|| vec![0xc0, 0xaf])),
            Disguise::Fragment => insert(path.len(), b"#x"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_composition_of_disguises_leaves_a_route(
        segments in proptest::collection::vec("[a-z][a-z0-9_-]{0,6}", 1..4),
        disguises in proptest::collection::vec(disguise(), 0..4),
    ) {
        let path = format!("/{}", segments.join("/"));
        let routes = Routes::new(&[route("login", post(&path))]);
        // A fourth and further layers of escapes are undone by nobody.
        let mut escapes = 0;
        let disguised = disguises.iter().fold(path.clone().into_bytes(), |path, disguise| {
            escapes += usize::from(matches!(disguise, Disguise::Escape(_) | Disguise::EscapeAll | Disguise::EscapeSlashes));
            if escapes > 3 { path } else { disguise.put_on(&path) }
        });
        prop_assert!(
            ask(&routes, "POST", &disguised, &[]).is_some(),
            "{} as {} by {:?}", path, disguised.escape_ascii(), disguises
        );
    }

    #[test]
    fn nothing_that_can_be_sent_panics(target in proptest::collection::vec(any::<u8>(), 0..200), method in "[A-Za-z]{1,7}") {
        let routes = Routes::new(&[
            route("login", post("/login")),
            route("glob", matching(&[], PathPattern::Glob("/a*/b".into()))),
            route("query", when(post("/x"), ValuePlace::Param, "a", &["b"])),
        ]);
        if let Some(candidates) = ask(&routes, &method, &target, &[]) {
            candidates.settle(&());
            candidates.presume();
        }
    }
}

#[test]
fn ordinary_addresses_are_on_no_route() {
    let routes = Routes::new(&[
        route("login", matching(&[], PathPattern::Exact("/accounts/login".into()))),
        route("signin", matching(&[], PathPattern::Exact("/login".into()))),
        route("wordpress", matching(&[], PathPattern::Exact("/wp-login.php".into()))),
        route("auth", matching(&[], PathPattern::Prefix("/api/auth".into()))),
        route("checkout", matching(&[], PathPattern::Glob("/shop/*/checkout".into()))),
        route("session", matching(&[], PathPattern::Regex(regex::Regex::new("^(?:/v[0-9]+/session)$").unwrap()))),
    ]);
    let addresses = include_str!("ordinary.txt");
    let mut seen = 0;
    for address in addresses.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        seen += 1;
        assert!(ask(&routes, "GET", address.as_bytes(), &[]).is_none(), "GET {address}");
    }
    assert!(seen >= 200, "{seen} addresses");
}
