//! The operator's databases in MaxMind's format. Two schemas are about: MaxMind's own nests (`country.iso_code`), others
//! are flat (`country_code`); both are read, by structures that take what they know and skip the rest. Files are read into
//! memory and not mapped: mapping a file that somebody replaces in place is undefined behaviour. A file that cannot be used
//! is an error when it is loaded; an entry that cannot be decoded later is a value ([`Trouble`]).

use crate::engine::evidence::{Country, ProxyKind};
use crate::engine::ownership::Place;
use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// The database holds something undecodable for this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble;

/// One database, with what it is asked for.
pub(super) struct Database<Row> {
    reader: Reader<Vec<u8>>,
    row: std::marker::PhantomData<fn() -> Row>,
}

impl<Row> fmt::Debug for Database<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("type", &self.reader.metadata().database_type).finish_non_exhaustive()
    }
}

impl<Row: DatabaseRow> Database<Row> {
    /// Reads the file, and looks at its first entries: a database of something else is told now, not by silence later.
    pub(super) fn open(path: &Path) -> Result<Database<Row>, String> {
        let reader = Reader::open_readfile(path).map_err(|error| format!("cannot be used as a database: {error}"))?;
        let database = Database { reader, row: std::marker::PhantomData };
        database.probe()?;
        Ok(database)
    }

    fn probe(&self) -> Result<(), String> {
        const ENTRIES: usize = 1000;
        let networks = self.reader.networks(WithinOptions::default()).map_err(|error| error.to_string())?;
        for entry in networks.take(ENTRIES) {
            let row = entry.and_then(|found| found.decode::<Row::Raw<'_>>());
            match row {
                Ok(Some(row)) if Row::read(&row).is_some() => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(format!("has an entry that cannot be read: {error}")),
            }
        }
        Err(format!(
            "is a database of type \u{201c}{}\u{201d} and says nothing about {} in its first entries",
            self.reader.metadata().database_type,
            Row::WHAT
        ))
    }

    /// What the database says of the address; `Ok(None)` if it has no entry for it.
    pub(super) fn find(&self, ip: IpAddr) -> Result<Option<Row>, Trouble> {
        let ip = ip.to_canonical();
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(ip).map_err(|_| Trouble)?;
        let raw = found.decode::<Row::Raw<'_>>().map_err(|_| Trouble)?;
        Ok(raw.and_then(|raw| Row::read(&raw)))
    }
}

/// What one kind of database tells about an address.
pub(super) trait DatabaseRow: Sized {
    /// For messages.
    const WHAT: &'static str;
    type Raw<'de>: Deserialize<'de>;
    /// `None` if the entry says nothing of this kind.
    fn read(raw: &Self::Raw<'_>) -> Option<Self>;
}

/// From a country database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CountryRow(pub Country);

impl DatabaseRow for CountryRow {
    const WHAT: &'static str = "countries";
    type Raw<'de> = RawPlace<'de>;

    fn read(raw: &RawPlace<'_>) -> Option<CountryRow> {
        raw.country().map(CountryRow)
    }
}

/// From a city database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CityRow {
    pub country: Option<Country>,
    /// `Frankfurt, HE, DE`: what is known of city, subdivision and country.
    pub location: Option<Box<str>>,
    pub place: Option<Place>,
}

impl DatabaseRow for CityRow {
    const WHAT: &'static str = "cities or countries";
    type Raw<'de> = RawPlace<'de>;

    fn read(raw: &RawPlace<'_>) -> Option<CityRow> {
        let country = raw.country();
        let city = raw.city.name.filter(|name| !name.is_empty());
        if country.is_none() && city.is_none() {
            return None;
        }
        let subdivision = raw.subdivisions.0.name.or(raw.state1).or(raw.region).filter(|name| !name.is_empty());
        let location = city.map(|city| {
            let parts = [Some(city), subdivision, country.as_ref().map(Country::as_str)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ").into()
        });
        let place = raw.place().filter(|_| location.is_some());
        Some(CityRow { country, location, place })
    }
}

/// From an ASN database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AsnRow {
    pub asn: u32,
    pub org: Option<Arc<str>>,
}

impl DatabaseRow for AsnRow {
    const WHAT: &'static str = "autonomous systems";
    type Raw<'de> = RawAsn<'de>;

    fn read(raw: &RawAsn<'_>) -> Option<AsnRow> {
        let asn = raw.autonomous_system_number.or(raw.asn)?.0;
        Some(AsnRow { asn, org: raw.autonomous_system_organization.or(raw.as_name).map(Arc::from) })
    }
}

/// From a database of anonymising services.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AnonymousRow {
    pub hosting: bool,
    pub vpn: bool,
    pub tor: bool,
    pub proxy: Option<ProxyKind>,
    pub provider: Option<Arc<str>>,
}

impl DatabaseRow for AnonymousRow {
    const WHAT: &'static str = "anonymous addresses";
    type Raw<'de> = RawAnonymous<'de>;

    fn read(raw: &RawAnonymous<'_>) -> Option<AnonymousRow> {
        let says = |value: Option<Truth>| value.is_some_and(|truth| truth.0);
        let row = AnonymousRow {
            hosting: says(raw.is_hosting_provider.or(raw.hosting)),
            vpn: says(raw.is_anonymous_vpn.or(raw.vpn)),
            tor: says(raw.is_tor_exit_node.or(raw.tor)),
            // Where both are said, the home is what counts: its address is a person's as well.
            proxy: match (says(raw.is_residential_proxy), says(raw.is_public_proxy.or(raw.proxy))) {
                (true, _) => Some(ProxyKind::Residential),
                (false, true) => Some(ProxyKind::Public),
                (false, false) => None,
            },
            provider: raw.provider_name.filter(|name| !name.is_empty()).map(Arc::from),
        };
        let any = row.hosting || row.vpn || row.tor || row.proxy.is_some();
        (any || says(raw.is_anonymous)).then_some(row)
    }
}

/// Country and city entries, nested and flat.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawPlace<'a> {
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Named<'a>,
    #[serde(borrow)]
    city: Named<'a>,
    #[serde(borrow)]
    subdivisions: First<'a>,
    state1: Option<&'a str>,
    region: Option<&'a str>,
    location: Option<RawPosition>,
    latitude: Option<Degrees>,
    longitude: Option<Degrees>,
}

/// As MaxMind nests it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct RawPosition {
    latitude: Option<f64>,
    longitude: Option<f64>,
    accuracy_radius: Option<f64>,
}

/// A number, or, as flat databases have it, the same as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Degrees {
    Number(f64),
    Text(String),
}

impl Degrees {
    fn number(&self) -> Option<f64> {
        match self {
            Degrees::Number(number) => Some(*number),
            Degrees::Text(text) => text.parse().ok(),
        }
    }
}

/// What a city's position is taken to be off by where the database does not say.
const CITY_RADIUS_KM: f64 = 50.0;

impl RawPlace<'_> {
    fn place(&self) -> Option<Place> {
        let nested = self.location.as_ref();
        let flat = |degrees: &Option<Degrees>| degrees.as_ref().and_then(Degrees::number);
        let lat = nested.and_then(|position| position.latitude).or_else(|| flat(&self.latitude))?;
        let lon = nested.and_then(|position| position.longitude).or_else(|| flat(&self.longitude))?;
        Place::new(lat, lon, nested.and_then(|position| position.accuracy_radius).unwrap_or(CITY_RADIUS_KM))
    }

    fn country(&self) -> Option<Country> {
        [self.country_code, self.country.code, self.country.name].into_iter().flatten().find_map(Country::new)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawAsn<'a> {
    autonomous_system_number: Option<Asn>,
    autonomous_system_organization: Option<&'a str>,
    asn: Option<Asn>,
    as_name: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawAnonymous<'a> {
    is_anonymous: Option<Truth>,
    is_anonymous_vpn: Option<Truth>,
    is_hosting_provider: Option<Truth>,
    is_public_proxy: Option<Truth>,
    is_residential_proxy: Option<Truth>,
    is_tor_exit_node: Option<Truth>,
    provider_name: Option<&'a str>,
    hosting: Option<Truth>,
    vpn: Option<Truth>,
    tor: Option<Truth>,
    proxy: Option<Truth>,
}

/// A plain string (flat schemas), or a map with `iso_code` and `names.en` (MaxMind's). The name is the code where there
/// is a code only, as a subdivision is printed by its code.
#[derive(Clone, Copy, Default)]
struct Named<'de> {
    code: Option<&'de str>,
    name: Option<&'de str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Named<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor;
        impl<'de> Visitor<'de> for NamedVisitor {
            type Value = Named<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a map with iso_code and names")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Named<'de>, E> {
                Ok(Named { code: None, name: Some(name) })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<'de>, A::Error> {
                let mut found = Named::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "iso_code" => found.code = Some(map.next_value()?),
                        "names" => found.name = map.next_value::<Names<'de>>()?.en,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(NamedVisitor)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

/// The first of a list of subdivisions: the largest one, by its code or else its name.
#[derive(Clone, Copy, Default)]
struct First<'de>(Named<'de>);

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstVisitor;
        impl<'de> Visitor<'de> for FirstVisitor {
            type Value = First<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of subdivisions")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<First<'de>, A::Error> {
                let first = list.next_element::<Named<'de>>()?.unwrap_or_default();
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(Named { code: first.code, name: first.code.or(first.name) }))
            }
        }
        deserializer.deserialize_any(FirstVisitor)
    }
}

/// A number, of whatever width, or `AS64500`.
#[derive(Clone, Copy)]
struct Asn(u32);

impl<'de> Deserialize<'de> for Asn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsnVisitor;
        impl Visitor<'_> for AsnVisitor {
            type Value = Asn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of an autonomous system")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Asn, E> {
                u32::try_from(number).map(Asn).map_err(|_| E::custom("an autonomous system's number has 32 bits"))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Asn, E> {
                u32::try_from(number).map(Asn).map_err(|_| E::custom("an autonomous system's number has 32 bits"))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Asn, E> {
                crate::lists::key::asn(text).map(Asn).ok_or_else(|| E::custom("not the number of an autonomous system"))
            }
        }
        deserializer.deserialize_any(AsnVisitor)
    }
}

/// A boolean, a number, or the words that some databases write instead.
#[derive(Clone, Copy)]
struct Truth(bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TruthVisitor;
        impl Visitor<'_> for TruthVisitor {
            type Value = Truth;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Truth, E> {
                Ok(Truth(value))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Truth, E> {
                Ok(Truth(number != 0))
            }

            fn visit_str<E>(self, text: &str) -> Result<Truth, E> {
                Ok(Truth(matches!(text, "true" | "1" | "yes")))
            }
        }
        deserializer.deserialize_any(TruthVisitor)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ipnet::IpNet;
    use mmdb_writer::Writer;
    use serde::Serialize;
    use std::collections::BTreeMap;
    use tempfile::NamedTempFile;

    /// Writes a database of typed rows. (`serde_json::json!` would make every integer 64 bits wide, which readers of
    /// MaxMind's own files never meet.)
    pub fn database<T: Serialize>(kind: &str, rows: &[(&str, T)]) -> NamedTempFile {
        let mut writer = Writer::new(kind);
        for (network, row) in rows {
            writer.insert(network.parse::<IpNet>().unwrap(), row).unwrap();
        }
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), writer.to_bytes().unwrap()).unwrap();
        file
    }

    #[derive(Serialize)]
    pub struct Place {
        #[serde(skip_serializing_if = "Option::is_none")]
        pub iso_code: Option<&'static str>,
        pub geoname_id: u32,
        pub names: BTreeMap<&'static str, &'static str>,
    }

    pub fn place(iso_code: Option<&'static str>, name: &'static str) -> Place {
        Place { iso_code, geoname_id: 7, names: [("de", "anders"), ("en", name)].into() }
    }

    #[derive(Serialize)]
    pub struct NestedCity {
        pub city: Place,
        pub country: Place,
        pub location: BTreeMap<&'static str, f64>,
        pub subdivisions: Vec<Place>,
    }

    pub fn frankfurt() -> NestedCity {
        NestedCity {
            city: place(None, "Frankfurt"),
            country: place(Some("DE"), "Germany"),
            location: [("latitude", 50.1), ("longitude", 8.7)].into(),
            subdivisions: vec![place(Some("HE"), "Hesse"), place(Some("X"), "Smaller")],
        }
    }

    #[derive(Serialize)]
    pub struct FlatCountry {
        pub country_code: &'static str,
    }

    #[derive(Serialize)]
    pub struct NumberAndName {
        pub autonomous_system_number: u32,
        pub autonomous_system_organization: &'static str,
    }

    #[derive(Serialize, Default)]
    pub struct Anonymous {
        pub is_anonymous: bool,
        pub is_anonymous_vpn: bool,
        pub is_hosting_provider: bool,
        pub is_public_proxy: bool,
        pub is_residential_proxy: bool,
        pub is_tor_exit_node: bool,
    }

    fn open<Row: DatabaseRow>(file: &NamedTempFile) -> Database<Row> {
        Database::open(file.path()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nested_cities_and_countries() {
        let file = database("GeoLite2-City", &[("127.0.0.0/8", frankfurt()), ("2001:db8::/32", frankfurt())]);
        let cities = open::<CityRow>(&file);
        for inside in ["127.0.0.1", "::ffff:127.0.0.1", "2001:db8::9"] {
            let row = cities.find(ip(inside)).unwrap().unwrap();
            assert_eq!(row.location.as_deref(), Some("Frankfurt, HE, DE"));
            assert_eq!(row.country, Country::new("DE"));
        }
        assert_eq!(cities.find(ip("192.0.2.1")), Ok(None));
        assert_eq!(open::<CountryRow>(&file).find(ip("127.1.2.3")), Ok(Some(CountryRow(Country(*b"DE")))));
    }

    #[test]
    fn flat_cities_and_countries() {
        #[derive(Serialize)]
        struct FlatCity {
            city: &'static str,
            country_code: &'static str,
            latitude: f32,
            state1: &'static str,
        }
        let row = FlatCity { city: "Z\u{fc}rich", country_code: "CH", latitude: 47.4, state1: "Zurich" };
        let file = database("flat city", &[("203.0.113.0/24", row)]);
        let row = open::<CityRow>(&file).find(ip("203.0.113.9")).unwrap().unwrap();
        assert_eq!(row.location.as_deref(), Some("Z\u{fc}rich, Zurich, CH"));

        let file = database("country ipvAll", &[("203.0.113.0/24", FlatCountry { country_code: "fr" })]);
        assert_eq!(open::<CountryRow>(&file).find(ip("203.0.113.9")), Ok(Some(CountryRow(Country(*b"FR")))));
    }

    #[test]
    fn autonomous_systems_in_three_shapes() {
        #[derive(Serialize)]
        struct Text {
            asn: &'static str,
            as_name: &'static str,
        }
        #[derive(Serialize)]
        struct Wide {
            asn: u64,
        }
        let row = NumberAndName { autonomous_system_number: 64500, autonomous_system_organization: "Example" };
        let file = database("GeoLite2-ASN", &[("203.0.113.0/24", row)]);
        let expected = |org: Option<&str>| Ok(Some(AsnRow { asn: 64500, org: org.map(Arc::from) }));
        assert_eq!(open::<AsnRow>(&file).find(ip("203.0.113.9")), expected(Some("Example")));
        let file = database("text", &[("203.0.113.0/24", Text { asn: "AS64500", as_name: "Example" })]);
        assert_eq!(open::<AsnRow>(&file).find(ip("203.0.113.9")), expected(Some("Example")));
        let file = database("wide", &[("203.0.113.0/24", Wide { asn: 64500 })]);
        assert_eq!(open::<AsnRow>(&file).find(ip("203.0.113.9")), expected(None));
    }

    #[test]
    fn anonymous_addresses() {
        #[derive(Serialize)]
        struct Words {
            vpn: &'static str,
            hosting: &'static str,
        }
        let file = database(
            "GeoIP2-Anonymous-IP",
            &[
                ("192.0.2.0/25", Anonymous { is_anonymous: true, is_anonymous_vpn: true, ..Anonymous::default() }),
                (
                    "192.0.2.128/25",
                    Anonymous { is_tor_exit_node: true, is_hosting_provider: true, ..Anonymous::default() },
                ),
            ],
        );
        let anonymous = open::<AnonymousRow>(&file);
        let vpn = AnonymousRow { vpn: true, ..AnonymousRow::default() };
        assert_eq!(anonymous.find(ip("192.0.2.1")), Ok(Some(vpn.clone())));
        let tor = AnonymousRow { tor: true, hosting: true, ..AnonymousRow::default() };
        assert_eq!(anonymous.find(ip("192.0.2.200")), Ok(Some(tor)));
        assert_eq!(anonymous.find(ip("2001:db8::1")), Ok(None));
        let file = database("words", &[("192.0.2.0/24", Words { vpn: "true", hosting: "false" })]);
        assert_eq!(open::<AnonymousRow>(&file).find(ip("192.0.2.1")), Ok(Some(vpn)));
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        let file = NamedTempFile::new().unwrap();
        for bytes in [b"".as_slice(), b"not a database", &[0xff; 4096]] {
            std::fs::write(file.path(), bytes).unwrap();
            assert!(Database::<CityRow>::open(file.path()).is_err());
        }
        assert!(Database::<CityRow>::open(Path::new("/nonexistent.mmdb")).is_err());
    }

    #[test]
    fn a_database_of_something_else_is_an_error() {
        let file = database("country", &[("203.0.113.0/24", FlatCountry { country_code: "FR" })]);
        let error = Database::<AsnRow>::open(file.path()).unwrap_err();
        assert!(error.contains("autonomous systems"), "{error}");
        assert!(Database::<AnonymousRow>::open(file.path()).is_err());
    }

    #[test]
    fn an_entry_that_cannot_be_decoded_is_a_value() {
        #[derive(Serialize)]
        struct Number {
            country_code: u32,
        }
        let mut writer = Writer::new("mixed");
        writer.insert("1.0.0.0/8".parse::<IpNet>().unwrap(), &FlatCountry { country_code: "FR" }).unwrap();
        writer.insert("2.0.0.0/8".parse::<IpNet>().unwrap(), &Number { country_code: 5 }).unwrap();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), writer.to_bytes().unwrap()).unwrap();
        let countries = open::<CountryRow>(&file);
        assert_eq!(countries.find(ip("2.0.0.1")), Err(Trouble));
        assert!(countries.find(ip("1.0.0.1")).unwrap().is_some());
    }

    #[test]
    fn damage_anywhere_neither_panics_nor_hangs() {
        let file = database("GeoLite2-City", &[("1.0.0.0/8", frankfurt()), ("2001:db8::/32", frankfurt())]);
        let whole = std::fs::read(file.path()).unwrap();
        let damaged = NamedTempFile::new().unwrap();
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            std::fs::write(damaged.path(), &bytes).unwrap();
            if let Ok(cities) = Database::<CityRow>::open(damaged.path()) {
                let _ = cities.find(ip("1.2.3.4"));
                let _ = cities.find(ip("2001:db8::1"));
            }
        }
    }
}
