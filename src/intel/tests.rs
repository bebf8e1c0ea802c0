//! Snapshots as a whole: what the embedded data say by themselves, and what the operator's files change. The few public
//! addresses here are those of registries and large providers; if one fails after a rebuild of the data, look whether the
//! data are still right, then take another.

use super::lists::tests::{added, lower, nobody, source};
use super::mmdb::tests::{Anonymous, FlatCountry, NumberAndName, database, frankfurt};
use super::*;
use crate::config::settings::ListOf;
use tempfile::NamedTempFile;

fn load(files: &IntelFiles) -> Intel {
    Intel::load(files, &[], &lower).unwrap()
}

fn at(ip: &str) -> Subject<'static> {
    Subject { ip: ip.parse().unwrap(), ..nobody() }
}

fn look(intel: &Intel, ip: &str) -> Evidence {
    let (evidence, degraded) = intel.look_up(&at(ip), &added());
    assert!(degraded.is_empty(), "{degraded:?}");
    evidence
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn embedded_data_know_countries() {
    let intel = load(&IntelFiles::default());
    for (ip, country) in [
        ("8.8.8.8", Some("US")),
        ("193.0.6.139", Some("NL")),   // RIPE NCC
        ("202.12.29.205", Some("AU")), // APNIC
        ("196.216.2.6", Some("ZA")),   // AFRINIC
        ("200.3.14.10", Some("UY")),   // LACNIC
        ("2001:67c:2e8:22::c100:68b", Some("NL")),
        ("::ffff:193.0.6.139", Some("NL")),
        ("127.0.0.1", None),
        ("10.1.2.3", None),
        ("::1", None),
        ("fe80::1", None),
        ("0.0.0.0", None),
        ("255.255.255.255", None),
    ] {
        assert_eq!(look(&intel, ip).country.as_ref().map(Country::as_str), country, "{ip}");
    }
}

#[test]
fn embedded_data_know_datacenters_and_leave_people_alone() {
    let intel = load(&IntelFiles::default());
    let aws = look(&intel, "3.5.140.1");
    assert_eq!(aws.datacenter, Known::Yes(Arc::from("Amazon AWS")));
    assert_eq!((aws.vpn, aws.tor_exit, aws.relay), (Known::No, Known::No, false));
    assert_eq!(look(&intel, "23.144.160.67").vpn, Known::Yes(Arc::from("Mullvad")));
    assert_eq!(look(&intel, "5.2.67.226").tor_exit, Known::Yes(()));
    for ip in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "203.0.113.7", "84.57.0.1"] {
        let evidence = look(&intel, ip);
        assert_eq!((evidence.datacenter, evidence.vpn, evidence.tor_exit), (Known::No, Known::No, Known::No), "{ip}");
        assert_eq!(evidence.location, None, "{ip}");
        let org = evidence.org.as_deref();
        match ip {
            "84.57.0.1" => assert_eq!((evidence.asn, org), (Some(3209), Some("Vodafone GmbH"))),
            _ => assert_eq!((evidence.asn, org), (None, None), "{ip}"),
        }
    }
}

#[test]
fn a_private_relay_is_a_relay_and_nothing_worse() {
    let relay = "104.28.28.1";
    let anonymous = database(
        "GeoIP2-Anonymous-IP",
        &[("104.28.28.0/24", Anonymous { is_anonymous_vpn: true, is_hosting_provider: true, ..Anonymous::default() })],
    );
    let files = IntelFiles { anonymous: Some(anonymous.path().into()), ..IntelFiles::default() };
    for intel in [load(&IntelFiles::default()), load(&files)] {
        let evidence = look(&intel, relay);
        assert!(evidence.relay);
        assert_eq!((evidence.datacenter, evidence.vpn), (Known::No, Known::No));
    }
}

#[test]
fn the_operators_files_add() {
    let list = file("# ours\n127.0.0.9\n2001:db8::/48 # a lab\n");
    let files = IntelFiles {
        tor_exit: Some(list.path().into()),
        vpn: Some(list.path().into()),
        datacenter: Some(list.path().into()),
        ..IntelFiles::default()
    };
    let intel = load(&files);
    let name: Arc<str> = list.path().file_name().unwrap().to_string_lossy().into();
    for ip in ["127.0.0.9", "2001:db8::7"] {
        let evidence = look(&intel, ip);
        assert_eq!(evidence.tor_exit, Known::Yes(()));
        assert_eq!(evidence.vpn, Known::Yes(name.clone()));
        assert_eq!(evidence.datacenter, Known::Yes(name.clone()));
    }
    assert_eq!(look(&intel, "3.5.140.1").datacenter, Known::Yes(Arc::from("Amazon AWS")));
}

#[test]
fn the_operators_databases_win_over_the_embedded_country() {
    let city = database("GeoLite2-City", &[("127.0.0.0/8", frankfurt())]);
    let row = FlatCountry { country_code: "FR" };
    let country = database("flat", &[("0.0.0.0/0", row)]);
    let asn = NumberAndName { autonomous_system_number: 64500, autonomous_system_organization: "Example" };
    let asn = database("GeoLite2-ASN", &[("127.0.0.0/8", asn)]);
    let intel = load(&IntelFiles {
        city: Some(city.path().into()),
        country: Some(country.path().into()),
        asn: Some(asn.path().into()),
        ..IntelFiles::default()
    });
    let evidence = look(&intel, "127.0.0.1");
    assert_eq!(evidence.country, Country::new("DE"));
    assert_eq!(evidence.location.as_deref(), Some("Frankfurt, HE, DE"));
    assert_eq!((evidence.asn, evidence.org.as_deref()), (Some(64500), Some("Example")));
    assert_eq!(look(&intel, "8.8.8.8").country, Country::new("FR"));
    assert_eq!(look(&intel, "2001:67c:2e8:22::c100:68b").country, Country::new("NL"), "what they lack is embedded");
}

#[test]
fn an_anonymous_database_names_whom_it_can() {
    let rows = [
        ("192.0.2.0/25", Anonymous { is_anonymous_vpn: true, ..Anonymous::default() }),
        ("192.0.2.128/25", Anonymous { is_hosting_provider: true, is_tor_exit_node: true, ..Anonymous::default() }),
    ];
    let anonymous = database("GeoIP2-Anonymous-IP", &rows);
    let intel = load(&IntelFiles { anonymous: Some(anonymous.path().into()), ..IntelFiles::default() });
    let vpn = look(&intel, "192.0.2.1");
    assert_eq!((vpn.vpn, vpn.datacenter), (Known::Yes(UNNAMED.clone()), Known::No));
    assert_eq!(vpn.proxy, Known::No);
    let tor = look(&intel, "192.0.2.129");
    assert_eq!((tor.tor_exit, tor.datacenter), (Known::Yes(()), Known::Yes(UNNAMED.clone())));
}

#[test]
fn proxies_are_the_databases_and_the_operators() {
    let rows = [
        ("192.0.2.0/26", Anonymous { is_public_proxy: true, ..Anonymous::default() }),
        ("192.0.2.64/26", Anonymous { is_public_proxy: true, is_residential_proxy: true, ..Anonymous::default() }),
        ("104.28.28.0/24", Anonymous { is_public_proxy: true, ..Anonymous::default() }),
    ];
    let anonymous = database("GeoIP2-Anonymous-IP", &rows);
    let list = file("192.0.2.1\n198.51.100.0/24\n");
    let name: Arc<str> = list.path().file_name().unwrap().to_string_lossy().into();
    let intel = load(&IntelFiles {
        anonymous: Some(anonymous.path().into()),
        proxy: Some(list.path().into()),
        ..IntelFiles::default()
    });
    let proxy = |ip: &str| look(&intel, ip).proxy;
    let known = |kind, provider: &Arc<str>| Known::Yes(Proxy { kind, provider: provider.clone() });
    assert_eq!(proxy("192.0.2.1"), known(ProxyKind::Listed, &name), "the operator's word first");
    assert_eq!(proxy("198.51.100.7"), known(ProxyKind::Listed, &name));
    assert_eq!(proxy("192.0.2.2"), known(ProxyKind::Public, &UNNAMED));
    assert_eq!(proxy("192.0.2.65"), known(ProxyKind::Residential, &UNNAMED));
    assert_eq!(proxy("203.0.113.7"), Known::No);
    assert_eq!(proxy("104.28.28.1"), Known::No, "Private Relay");
}

#[test]
fn hosts_are_known_by_their_networks_numbers() {
    let row = |autonomous_system_number, autonomous_system_organization| NumberAndName {
        autonomous_system_number,
        autonomous_system_organization,
    };
    // Contabo, whose ranges are not embedded; a telephone company; Akamai, which carries Private Relay.
    let rows = [
        ("5.189.128.0/17", row(51167, "Contabo GmbH")),
        ("84.57.0.0/16", row(3209, "Vodafone GmbH")),
        ("2.16.0.0/13", row(36183, "Akamai")),
    ];
    let asn = database("GeoLite2-ASN", &rows);
    let intel = load(&IntelFiles { asn: Some(asn.path().into()), ..IntelFiles::default() });
    assert_eq!(look(&intel, "5.189.160.1").datacenter, Known::Yes(Arc::from("Contabo GmbH")));
    for people in ["84.57.0.1", "2.16.0.1", "203.0.113.7"] {
        assert_eq!(look(&intel, people).datacenter, Known::No, "{people}");
    }
}

#[test]
fn a_broken_entry_is_degraded_and_unknown() {
    #[derive(serde::Serialize)]
    struct Bad {
        is_anonymous_vpn: Vec<u32>,
    }
    let mut writer = mmdb_writer::Writer::new("GeoIP2-Anonymous-IP");
    let good = Anonymous { is_anonymous_vpn: true, ..Anonymous::default() };
    writer.insert("1.0.0.0/8".parse::<ipnet::IpNet>().unwrap(), &good).unwrap();
    writer.insert("192.0.2.0/24".parse::<ipnet::IpNet>().unwrap(), &Bad { is_anonymous_vpn: vec![1] }).unwrap();
    let anonymous = NamedTempFile::new().unwrap();
    std::fs::write(anonymous.path(), writer.to_bytes().unwrap()).unwrap();
    let intel = load(&IntelFiles { anonymous: Some(anonymous.path().into()), ..IntelFiles::default() });
    let (evidence, degraded) = intel.look_up(&at("192.0.2.7"), &added());
    assert_eq!(degraded, ["anonymous"]);
    assert_eq!(
        (evidence.vpn, evidence.datacenter, evidence.tor_exit),
        (Known::Unknown, Known::Unknown, Known::Unknown)
    );
    assert_eq!(evidence.proxy, Known::Unknown);
}

#[test]
fn lists_see_what_was_found_out() {
    let asn = NumberAndName { autonomous_system_number: 64500, autonomous_system_organization: "Example" };
    let asn = database("GeoLite2-ASN", &[("193.0.6.0/24", asn)]);
    let lists = [
        source("network", ListOf::Asn, &["AS64500"]),
        source("country", ListOf::Country, &["NL"]),
        source("office", ListOf::Ip, &["193.0.6.139"]),
    ];
    let files = IntelFiles { asn: Some(asn.path().into()), ..IntelFiles::default() };
    let intel = Intel::load(&files, &lists, &lower).unwrap();
    let names = |ip: &str| -> Vec<String> { look(&intel, ip).lists.iter().map(|hit| hit.list.to_string()).collect() };
    assert_eq!(names("::ffff:193.0.6.139"), ["network", "country", "office"]);
    assert!(names("8.8.8.8").is_empty());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let half_bad = file("192.0.2.1\nnonsense\n192.0.2.2\n");
    let no_database = file("text");
    let files = IntelFiles {
        tor_exit: Some(half_bad.path().into()),
        city: Some(no_database.path().into()),
        vpn: Some("/nonexistent/vpn.txt".into()),
        disposable: Some(file("com\n").path().into()),
        ..IntelFiles::default()
    };
    let problems = Intel::load(&files, &[source("mine", ListOf::Asn, &["x"])], &lower).unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:#?}");
    let bad_line = problems.iter().find(|problem| problem.line == Some(2)).unwrap();
    assert_eq!(*bad_line.file, *half_bad.path().to_string_lossy());
    assert!(problems.iter().any(|problem| &*problem.file == "/nonexistent/vpn.txt" && problem.line.is_none()));
}

#[test]
fn a_snapshot_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Intel>();
}
