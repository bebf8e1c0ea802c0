//! Two corpora: requests that backends read differently, which must be flagged or refused, and requests that browsers
//! and honest clients send, which must be read and must not be.

use super::*;
use crate::gateway::form::{Unreadable, Wanted};
use crate::gateway::identity::{IdentityKey, PasswordKey};
use http::{HeaderName, HeaderValue};
use serde_json::Value;

fn keys() -> Keys {
    Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]))
}

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn source(text: &str) -> FieldSource {
    match text.split_once(':').unwrap() {
        ("form", name) => FieldSource::Form(name.into()),
        ("json", name) => FieldSource::Json(name.into()),
        ("query", name) => FieldSource::Query(name.into()),
        ("header", name) => FieldSource::Header(name.into()),
        ("cookie", name) => FieldSource::Cookie(name.into()),
        ("basic", "user") => FieldSource::BasicUser,
        ("basic", _) => FieldSource::BasicPassword,
        (other, _) => panic!("{other}"),
    }
}

fn fields(case: &Value) -> Vec<(Field, Vec<FieldSource>)> {
    let map = case["fields"].as_object().unwrap();
    let one = |(name, sources): (&String, &Value)| {
        let field = Field::ALL.into_iter().find(|field| field.name() == name).unwrap();
        (field, sources.as_array().unwrap().iter().map(|text| source(text.as_str().unwrap())).collect())
    };
    map.iter().map(one).collect()
}

fn headers(case: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    };
    if case["type"].is_string() {
        add("content-type", &case["type"]);
    }
    case["types"].as_array().into_iter().flatten().for_each(|value| add("content-type", value));
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        match value {
            Value::Array(all) => all.iter().for_each(|value| add(name, value)),
            one => add(name, one),
        }
    }
    headers
}

fn run(case: &Value) -> Result<Captured, Unreadable> {
    let (fields, headers) = (fields(case), headers(case));
    let text = case["body"].as_str().unwrap();
    // `bytes`: each character is one byte.
    let body: Vec<u8> = match case["bytes"].as_bool() {
        Some(true) => text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect(),
        _ => text.as_bytes().to_vec(),
    };
    let mut values = Values::new(&Wanted::of_fields(&fields));
    if let Some(query) = case["query"].as_str() {
        values.read_query(query.as_bytes());
    }
    values.read_body(&headers, &body)?;
    Ok(read(&fields, IdentityRules::default(), &values, &headers, &keys(), &|_| None))
}

#[test]
fn no_disagreement_between_backends_is_silent() {
    for case in cases(include_str!("../../../tests/fixtures/forms/discrepancies.json")) {
        let name = &case["name"];
        assert!(case["backends"].as_object().is_some_and(|all| !all.is_empty()), "{name} says what it is about");
        let verdict = match run(&case) {
            Err(why) => vec![format!("unreadable:{}", why.name())],
            Ok(captured) => {
                let doubts = captured.ambiguities.iter().filter(|doubt| doubt.is_about_credentials());
                doubts.map(Ambiguity::name).collect()
            }
        };
        assert!(!verdict.is_empty(), "{name} was read without a word");
        // And for the reason that the case is about.
        assert_eq!(serde_json::json!(verdict), case["verdict"], "{name}");
    }
}

#[test]
fn honest_clients_are_read_and_not_flagged() {
    for case in cases(include_str!("../../../tests/fixtures/forms/browsers.json")) {
        let name = &case["name"];
        let captured = run(&case).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(captured.ambiguities, [], "{name}");
        assert_eq!(captured.missing, [], "{name}");
        let typed = case["account"].as_str().unwrap();
        let account = identity::account(typed, IdentityRules::default()).unwrap();
        assert_eq!(captured.raw.account(), Some(account.as_str()), "{name}");
        // To the letter, which what it reads as does not tell.
        let plain = identity::spelling(typed, IdentityRules::default());
        assert_eq!(captured.identity.spelled, Some(keys().spelled(&plain, &account)), "{name}");
        let sent = case["password"].as_str().unwrap();
        assert_eq!(captured.form.password, Some(keys().password(passwords::trimmed(sent))), "{name}");
        let exactly = captured.raw.passwords().last().map(|digest| *digest.rest());
        assert_eq!(exactly, Some(*Digest::of(sent.as_bytes()).rest()), "{name}");
    }
}

fn form(fields: &[(Field, &str)], body: &str) -> Captured {
    let fields: Vec<_> = fields.iter().map(|(field, name)| (*field, vec![FieldSource::Form((*name).into())])).collect();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let mut values = Values::new(&Wanted::of_fields(&fields));
    values.read_body(&headers, body.as_bytes()).unwrap();
    let listed = |domain: &str| (domain == "throwaway.example").then(|| "throwaway.example".into());
    read(&fields, IdentityRules::default(), &values, &headers, &keys(), &listed)
}

#[test]
fn an_address_is_one_account_on_every_route() {
    let login = form(&[(Field::Account, "login")], "login=V.ictim%2Bx%40googlemail.com");
    let register =
        form(&[(Field::Username, "name"), (Field::Email, "email")], "name=TheVictim&email=victim%40gmail.com");
    let by_name = form(&[(Field::Account, "login")], "login=thevictim");
    assert!(register.identity.aliases.contains(&login.identity.account.unwrap()));
    assert!(register.identity.aliases.contains(&by_name.identity.account.unwrap()));
    assert_eq!(login.identity.email.as_ref().map(|email| &*email.domain), Some("gmail.com"));
    assert!(by_name.identity.email.is_none());
    assert_ne!(login.identity.account, by_name.identity.account);
}

#[test]
fn a_name_counts_as_it_was_typed_and_behind_that_as_it_reads() {
    let named = |text: &str| form(&[(Field::Account, "login")], &format!("login={text}")).identity;
    let plain = named("victim%40gmail.com");
    assert_eq!((plain.spelled, plain.reading), (plain.account, None));
    assert_eq!(plain.aliases, [plain.account.unwrap()], "nearly everybody is counted once");
    let cased = named("%20Victim%40GMail.com");
    assert_eq!((cased.spelled, cased.aliases), (plain.spelled, plain.aliases.clone()), "case is no other name");
    for sibling in [
        "v.ictim%40gmail.com",
        "victim%2Bx%40gmail.com",
        "%EF%BD%96ictim%40gmail.com",
        "v%C3%ADctim%40gmail.com",
        "victim%40gm%C3%A1il.com",
        "vic%3Cb%3Etim%40gmail.com",
    ] {
        let sibling = named(sibling);
        assert_eq!((sibling.account, sibling.reading), (plain.account, plain.account));
        assert_ne!(sibling.spelled, plain.spelled);
        assert_eq!(sibling.aliases, [sibling.spelled.unwrap(), plain.account.unwrap()]);
    }
    let both = form(&[(Field::Username, "name"), (Field::Email, "email")], "name=Anna&email=A.nna%40gmail.com");
    let [name, email] = both.identity.aliases[..] else { panic!("{:?}", both.identity) };
    assert_eq!((Some(name), Some(email)), (named("anna").account, named("anna%40gmail.com").account));
}

#[test]
fn a_password_is_one_with_blanks_around_it_and_leaked_either_way() {
    let fields = [(Field::Account, "login"), (Field::Password, "pw")];
    let read = |password: &str| form(&fields, &format!("login=anna&pw={password}"));
    let leaked = |captured: &Captured, text: &str| {
        let known = Digest::of(text.as_bytes());
        captured.raw.passwords().any(|digest| (digest.prefix(), *digest.rest()) == (known.prefix(), *known.rest()))
    };
    let plain = read("password1");
    assert_eq!(plain.raw.passwords().count(), 1);
    for (sent, as_sent) in [
        ("password1+", "password1 "),
        ("%09password1%0D%0A", "\tpassword1\r\n"),
        ("%C2%A0password1%E3%80%80", "\u{a0}password1\u{3000}"),
        ("password1%00", "password1\0"),
    ] {
        let blank = read(sent);
        assert!(leaked(&blank, "password1") && leaked(&blank, as_sent), "{sent}");
        assert_eq!(blank.form.password, plain.form.password, "{sent}: a campaign with it is one");
    }
    let inner = read("pass+word1");
    assert!(!leaked(&inner, "password1") && inner.form.password != plain.form.password);
    assert_ne!(read("++").form.password, read("+").form.password, "blanks alone are what was sent");
}

#[test]
fn in_an_application_of_its_own_a_name_is_another_and_doubted_as_the_same() {
    let named = |text: &str| form(&[(Field::Account, "login")], &format!("login={text}")).identity;
    let keys = keys();
    let (plain, dotted) = (named("boss%40gmail.com"), named("b.oss%40gmail.com"));
    let [here, there] = ["app.example", "backoffice.example"].map(|realm| in_realm(realm, plain.clone(), &keys));
    assert_eq!((here.account, here.reading), (plain.account, None));
    assert!(here.spelled != plain.spelled && here.spelled != there.spelled);
    assert_eq!(here.aliases, [here.spelled.unwrap(), plain.account.unwrap()]);
    let sibling = in_realm("app.example", dotted, &keys);
    assert_eq!(sibling.reading, here.spelled, "what it reads as is the plain name of this application");
    assert_eq!(sibling.aliases, [sibling.spelled.unwrap(), plain.account.unwrap(), here.spelled.unwrap()]);
}

#[test]
fn a_checkout_becomes_facts() {
    let captured = form(
        &[
            (Field::Email, "email"),
            (Field::Phone, "phone"),
            (Field::Amount, "total"),
            (Field::Currency, "currency"),
            (Field::CardBin, "card"),
            (Field::CardLast4, "last4"),
            (Field::Order, "order"),
        ],
        "email=a%40throwaway.example&phone=%2B49+170+1234567&total=1.234%2C50&currency=eur&card=4111111111111111&last4=1111",
    );
    assert_eq!(captured.form.amount, Some(1234.5));
    assert_eq!(captured.form.currency.as_deref(), Some("EUR"));
    assert_eq!(captured.form.card_bin.as_deref(), Some("41111111"));
    assert_eq!(captured.form.card, Some(keys().card("41111111", "1111")));
    assert_eq!(captured.form.phone, Some(keys().phone("+491701234567")));
    let email = captured.identity.email.unwrap();
    assert_eq!(email.disposable.as_deref(), Some("throwaway.example"));
    assert_eq!(captured.raw.domain(), Some("throwaway.example"));
    assert_eq!(captured.missing, [Field::Order]);
}

#[test]
fn what_cannot_be_read_is_missing() {
    let fields = [
        (Field::Amount, "total"),
        (Field::Currency, "currency"),
        (Field::CardBin, "bin"),
        (Field::CardLast4, "last4"),
        (Field::Phone, "phone"),
    ];
    let missing = |body: &str| form(&fields, body).missing;
    let all = fields.map(|(field, _)| field);
    assert_eq!(missing("total=abc&currency=euros&bin=41&last4=12&phone=x"), all);
    assert_eq!(missing("total=-5&currency=EUR&bin=411111&last4=1111&phone=%2B491701234567"), [Field::Amount]);
    assert_eq!(missing(""), all, "and what was not sent, once");
}

#[test]
fn a_cards_number_where_none_belongs_is_no_fact() {
    let fields = [
        (Field::Phone, "phone"),
        (Field::ShippingAddress, "street"),
        (Field::BillingAddress, "billing"),
        (Field::Amount, "total"),
        (Field::Currency, "currency"),
    ];
    let number = "4111+1111+1111+1111";
    let body: Vec<String> = fields.iter().map(|(_, name)| format!("{name}={number}")).collect();
    let form = form(&fields, &body.join("&")).form;
    assert_eq!((form.phone, form.address, form.billing_address), (None, None, None));
    assert_eq!((form.amount, form.currency), (None, None));
}

#[test]
fn amounts_in_cents_are_read_as_their_currency_has_them() {
    use crate::config::settings::{Amounts, Matching, PathPattern, Route};
    let matching = Matching { methods: Vec::new(), path: PathPattern::Any, hosts: None, values: Vec::new() };
    let field = |field, name: &str| (field, vec![FieldSource::Form(name.into())]);
    let route = Route {
        fields: vec![field(Field::Amount, "total"), field(Field::Currency, "currency")],
        amounts: Amounts::Minor,
        ..(*crate::gateway::recognize::specimen::route("pay", matching)).clone()
    };
    for (body, expected) in [
        ("total=1999&currency=EUR", Some(19.99)),
        ("total=1999&currency=JPY", Some(1999.0)),
        ("total=1999&currency=KWD", Some(1.999)),
        ("total=1999", Some(19.99)),
        ("currency=EUR", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut values = Values::new(&Wanted::of_fields(&route.fields));
        values.read_body(&headers, body.as_bytes()).unwrap();
        let captured = capture(&route, &values, &headers, &keys(), &|_| None);
        assert_eq!(captured.form.amount, expected, "{body}");
    }
}

#[test]
fn a_card_is_told_by_what_the_form_has_of_it() {
    let whole = form(&[(Field::CardBin, "number"), (Field::CardLast4, "number")], "number=4111+1111+1111+1234").form;
    assert_eq!(whole.card_bin.as_deref(), Some("41111111"));
    assert_eq!(whole.card, Some(keys().card("41111111", "1234")));
    let first = form(&[(Field::CardBin, "number")], "number=4111+1111+1111+1234").form;
    assert_eq!(first.card, Some(keys().card("41111111", "")), "nothing else of the number travels");
    let last = form(&[(Field::CardLast4, "last4")], "last4=1234").form;
    assert_eq!((last.card, last.card_bin), (Some(keys().card("", "1234")), None));
    assert_eq!(form(&[(Field::CardBin, "number")], "number=pm_1N2").form.card, None);
}

#[test]
fn nothing_that_travels_betrays_the_visitor() {
    let captured = form(
        &[(Field::Account, "login"), (Field::Email, "email"), (Field::Password, "password"), (Field::Phone, "phone")],
        "login=canaryname&email=canarymail%40example.com&password=canarypass&phone=0170555555",
    );
    let shown = format!("{:?}{:?}{:?}", captured.identity, captured.form, captured.ambiguities);
    for secret in ["canary", "0170555555"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn doubt_about_other_fields_is_no_ambiguity() {
    let captured = form(&[(Field::Account, "login"), (Field::Name, "name")], "login=alice&name=a&name=b");
    assert_eq!(captured.ambiguities, []);
}

#[test]
fn a_trap_is_sprung_by_anything_but_blanks() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let sources = ["form:website", "json:/website", "query:website"].map(source).to_vec();
    let of = |kind: &str, body: &str, query: &str| {
        let mut values = Values::new(&Wanted::of_fields(&[(Field::Name, sources.clone())]));
        let mut headers = HeaderMap::new();
        headers.append("content-type", HeaderValue::from_str(kind).unwrap());
        values.read_query(query.as_bytes());
        values.read_body(&headers, body.as_bytes()).unwrap();
        trap(&sources, &values)
    };
    for (body, expected) in [
        ("login=anna&website=", Trap::Empty),
        ("login=anna&website", Trap::Empty),
        ("login=anna&website=+%20%09", Trap::Empty),
        ("login=anna", Trap::LeftOut),
        ("login=anna&Website=x", Trap::Filled),
        ("website=&login=anna&website=x", Trap::Filled),
    ] {
        assert_eq!(of(FORM, body, ""), expected, "{body}");
    }
    assert_eq!(of("application/json", r#"{"login":"anna","website":""}"#, ""), Trap::Empty);
    assert_eq!(of("application/json", r#"{"login":"anna","website":"x"}"#, ""), Trap::Filled);
    assert_eq!(of(FORM, "login=anna&website=", "website=x"), Trap::Filled, "wherever it is filled in");
    assert_eq!(trap(&[], &Values::new(&Wanted::of_fields(&[]))), Trap::None);
}
