//! What is wrong around a sound configuration: inside the files that it names, and with the addresses that it wants.
//!
//! The loader reads one file and opens the others; this reads them as `run` would, and says what is wrong at the key that
//! names each, with the line in the file itself. Content is never repeated: lists name people, and keys are keys.

use crate::config::settings::{IntelFiles, Settings, Tls};
use crate::config::{Places, Problem, Warning, printable};
use crate::engine::time::Timestamp;
use crate::gateway::tls::{Certificate, validity};
use crate::gateway::{client_ca, live};
use crate::intel::{Intel, IntelProblem};
use crate::secrets::Secrets;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What was found, errors and warnings apart.
#[derive(Debug, Default)]
pub struct Found {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    /// What a probe met, a line each.
    pub answered: Vec<String>,
    /// What files of intelligence say of themselves, a line each.
    pub data: Vec<String>,
}

/// How long before its end a certificate is warned of, days.
const SOON: i64 = 14;
const DAY: i64 = 86_400;

/// Reads the files that the settings name.
pub fn files(settings: &Settings, places: &Places, now: Timestamp) -> Found {
    let mut found = contents(settings, places, now, None);
    if let Some(log) = &settings.decision_log
        && let Some(folder) = missing_folder(&log.path)
        // The directory itself is made at start.
        && folder.parent().is_none_or(|place| !place.as_os_str().is_empty() && !place.is_dir())
    {
        let folder = folder.display();
        let help = format!("make it first: mkdir -p {folder}");
        found.problems.push(places.problem("decision_log.path", format!("there is no directory {folder}"), Some(help)));
    }
    secrets(&settings.secret_file, places, &mut found);
    found
}

/// Reads the lists, databases and certificates that the settings name, and looks at nothing else on this machine. What
/// `earlier` has of a file that did not change is not read again: it may be larger than what memory is left.
pub fn contents(settings: &Settings, places: &Places, now: Timestamp, earlier: Option<&Intel>) -> Found {
    let mut found = Found::default();
    match Intel::load_after(earlier, &settings.intel, &settings.lists, &live::canonical) {
        Ok(intel) => found.data.extend(passwords(&settings.intel, &intel)),
        Err(problems) => {
            found.problems.extend(problems.iter().map(|problem| of_intelligence(settings, places, problem)));
        }
    }
    for (place, listener) in settings.listen.iter().enumerate() {
        if let Some(tls) = &listener.tls {
            certificate(tls, &format!("listen[{place}].tls"), places, now, &mut found);
        }
    }
    if let Some(tls) = &settings.admin.tls {
        certificate(&tls.files, "admin.tls", places, now, &mut found);
        if let Some(Err(error)) = tls.client_ca.as_deref().map(client_ca::read) {
            let problem = places.problem_inside("admin.tls.client_ca", error.file(), None, error.reason());
            found.problems.push(problem);
        }
    }
    found
}

/// How old the operator's leaked passwords are, and how many.
fn passwords(files: &IntelFiles, intel: &Intel) -> Option<String> {
    let (about, bytes) = intel.passwords.about()?;
    let name = files.passwords.as_deref()?.display().to_string();
    let made = Timestamp::from_secs(about.made).to_string();
    let date = made.split('T').next().unwrap_or_default();
    let megabytes = bytes.div_ceil(1 << 20);
    Some(format!("{}: {} leaked passwords of {date}, {megabytes} MiB in memory", printable(&name), about.passwords))
}

/// The key that a problem of a list or database belongs to.
fn of_intelligence(settings: &Settings, places: &Places, problem: &IntelProblem) -> Problem {
    let named = |path: &Option<std::path::PathBuf>| {
        path.as_deref().is_some_and(|path| *path.to_string_lossy() == *problem.file)
    };
    let files = &settings.intel;
    let databases = [
        ("country", &files.country),
        ("city", &files.city),
        ("asn", &files.asn),
        ("anonymous", &files.anonymous),
        ("tor_exit", &files.tor_exit),
        ("vpn", &files.vpn),
        ("datacenter", &files.datacenter),
        ("proxy", &files.proxy),
        ("disposable", &files.disposable),
        ("passwords.file", &files.passwords),
    ];
    let of_list = settings.lists.iter().find(|list| named(&list.file)).map(|list| format!("lists.{}.file", list.name));
    let of_file = databases.iter().find(|(_, path)| named(path)).map(|(key, _)| format!("intel.{key}"));
    match of_list.or(of_file) {
        Some(key) => places.problem_inside(&key, &problem.file, problem.line, &problem.message),
        // An entry in the configuration itself: the problem is named after the list.
        None => {
            let entry = problem.message.strip_prefix("entry ").and_then(|rest| rest.split_once(": "));
            let (number, message) = entry.unwrap_or(("1", &problem.message));
            let index = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
            places.problem(&format!("{}.entries[{index}]", problem.file), message, None)
        }
    }
}

fn certificate(tls: &Tls, key: &str, places: &Places, now: Timestamp, found: &mut Found) {
    if let Err(error) = Certificate::load(tls) {
        let at = if error.file() == tls.key.to_string_lossy() { "key" } else { "certificate" };
        found.problems.push(places.problem_inside(&format!("{key}.{at}"), error.file(), None, error.reason()));
        return;
    }
    if let Ok(of_key) = tls.key.metadata()
        && of_key.mode() & 0o004 != 0
    {
        let (mode, file) = (of_key.mode() & 0o7777, tls.key.display());
        let message = format!("every user of this machine may read this private key (mode {mode:04o})");
        let help = format!("run: chmod o-rwx {file}; the gate's user must still be able to read it (LoadCredential)");
        found.warnings.push(places.problem(&format!("{key}.key"), message, Some(help)));
    }
    let Some((from, until)) = validity(&tls.certificate) else { return };
    let now = (now.0 / 1000) as i64;
    let days = |seconds: i64| match seconds / DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let message = if until < now {
        format!("this certificate expired {} ago: browsers will refuse it", days(now - until))
    } else if from > now {
        format!("this certificate is valid only in {}: browsers will refuse it until then", days(from - now))
    } else if until - now < SOON * DAY {
        format!("this certificate expires in {}", days(until - now))
    } else {
        return;
    };
    let help = "renew it; a running gate takes it over as soon as it has changed".to_owned();
    found.warnings.push(places.problem(&format!("{key}.certificate"), message, Some(help)));
}

/// The directory of a file that will be written, if it is not there.
fn missing_folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}

/// The keys, if they were made already. Whoever checks need not be the gate's user, who alone may read them.
fn secrets(path: &Path, places: &Places, found: &mut Found) {
    // Asked before opening: opening a named pipe would wait for a writer.
    let is_file = || path.metadata().map_or(true, |found| found.is_file());
    let readable = match is_file().then(|| std::fs::File::open(path)).transpose() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // The directory itself is made by the service's unit.
            if let Some(folder) = missing_folder(path).filter(|folder| !folder.parent().is_some_and(Path::is_dir)) {
                let folder = folder.display();
                let message = format!("there is no directory {folder} to make the keys in");
                let help = format!("make it first, for the gate's user: mkdir -p {folder}");
                found.warnings.push(places.problem("secret_file", message, Some(help)));
            }
            false
        }
        Err(_) => false,
    };
    if readable && let Err(error) = Secrets::load_or_create(path) {
        found.problems.push(places.problem("secret_file", error.to_string(), None));
    }
}

/// Every address that is listened on, with its key.
pub fn addresses(settings: &Settings) -> Vec<(String, SocketAddr)> {
    let visitors =
        settings.listen.iter().enumerate().map(|(place, one)| (format!("listen[{place}].address"), one.address));
    visitors.chain(settings.admin.address.map(|address| ("admin.address".to_owned(), address))).collect()
}

/// Tries to listen, for a moment. A port that is taken is a warning: the file is mostly checked while the gate that
/// serves it runs. `strict` takes the caller's word that it does not.
pub fn ports(settings: &Settings, places: &Places, strict: bool) -> Found {
    let mut found = Found::default();
    for (key, address) in addresses(settings) {
        let Err(error) = TcpListener::bind(address) else { continue };
        let (message, help, always) = match error.kind() {
            ErrorKind::AddrInUse => (
                format!("something listens on {address} already"),
                "perhaps the gate itself; if not, `tollgate run` will not start: stop the other, or choose another port",
                true,
            ),
            ErrorKind::AddrNotAvailable => {
                (format!("this machine has no address {}", address.ip()), "0.0.0.0 and [::] are every address", true)
            }
            ErrorKind::PermissionDenied => (
                format!("this user may not listen on port {}", address.port()),
                "ports below 1024 need CAP_NET_BIND_SERVICE; the service's unit grants it",
                false,
            ),
            _ => (format!("cannot listen on {address}: {error}"), "choose another address or port", true),
        };
        let problem = places.problem(&key, message, Some(help.to_owned()));
        match strict {
            true => found.problems.push(problem),
            false if always => found.warnings.push(problem),
            false => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::fs;
    use std::net::Ipv4Addr;

    struct Site(tempfile::TempDir);

    impl Site {
        fn new() -> Site {
            Site(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).unwrap();
        }

        /// A configuration with these lines and what every one needs.
        fn load(&self, lines: &str) -> config::Loaded {
            let mut text =
                String::from("version: 1\nmode: monitor\nupstream: { servers: [\"127.0.0.1:9000\"] }\nroutes: []\n");
            if !lines.contains("listen:") {
                text.push_str("listen: [{ address: 127.0.0.1:8080 }]\n");
            }
            if !lines.contains("secret_file:") {
                text.push_str("secret_file: secret\n");
            }
            self.write("gate.yaml", &(text + lines));
            config::load_whole(&self.0.path().join("gate.yaml")).unwrap_or_else(|report| panic!("{report}"))
        }

        fn found(&self, lines: &str, now: Timestamp) -> Found {
            let loaded = self.load(lines);
            files(&loaded.settings, &loaded.places, now)
        }
    }

    /// A certificate of one year from 2026-01-01 on, and its key.
    fn pair(site: &Site, name: &str) {
        let mut parameters = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        site.write(&format!("{name}.crt"), &parameters.self_signed(&key).unwrap().pem());
        site.write(&format!("{name}.key"), &key.serialize_pem());
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        fs::set_permissions(site.0.path().join(format!("{name}.key")), private).unwrap();
    }

    fn day(year: i64, month: i64, day: i64) -> Timestamp {
        Timestamp((crate::engine::time::days_from_civil(year, month, day) * DAY * 1000) as u64)
    }

    #[test]
    fn a_bad_line_of_a_list_is_told_at_the_key_that_names_it() {
        let site = Site::new();
        site.write("blocked.txt", "# the office\n192.0.2.0/24\nnobody\n");
        let found = site.found("lists: { blocked: { effect: deny, of: ip, file: blocked.txt } }\n", day(2026, 6, 1));
        let [problem] = &found.problems[..] else { panic!("{found:?}") };
        assert_eq!((problem.path.as_str(), problem.line), ("lists.blocked.file", 7));
        assert!(problem.message.contains("blocked.txt:3: "), "{problem:?}");
        assert_eq!(problem.inside.as_ref().unwrap().line, Some(3));
        assert!(!problem.message.contains("nobody"), "lists name people");
    }

    #[test]
    fn certificates_are_read_as_they_will_be_served() {
        let site = Site::new();
        pair(&site, "site");
        pair(&site, "other");
        let tls = |certificate: &str, key: &str| {
            format!("listen: [{{ address: 127.0.0.1:8443, tls: {{ certificate: {certificate}, key: {key} }} }}]\n")
        };
        let fine = site.found(&tls("site.crt", "site.key"), day(2026, 6, 1));
        assert!(fine.problems.is_empty() && fine.warnings.is_empty(), "{fine:?}");
        for (now, says) in [
            (day(2027, 1, 11), "expired 10 days ago"),
            (day(2026, 12, 24), "expires in 8 days"),
            (day(2025, 12, 31), "valid only in 1 day"),
        ] {
            let found = site.found(&tls("site.crt", "site.key"), now);
            assert!(found.problems.is_empty());
            assert_eq!(found.warnings[0].path, "listen[0].tls.certificate");
            assert!(found.warnings[0].message.contains(says), "{:?}", found.warnings);
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(site.0.path().join("site.key"), open).unwrap();
        let found = site.found(&tls("site.crt", "site.key"), day(2026, 6, 1));
        assert!(found.problems.is_empty());
        assert_eq!(found.warnings[0].path, "listen[0].tls.key");
        assert!(found.warnings[0].message.contains("(mode 0644)"), "{:?}", found.warnings);
        let found = site.found(&tls("site.crt", "other.key"), day(2026, 6, 1));
        assert_eq!(found.problems[0].path, "listen[0].tls.key");
        assert!(found.problems[0].message.contains("does not fit the certificate"), "{:?}", found.problems);
        site.write("torn.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let found = site.found(&tls("torn.crt", "site.key"), day(2026, 6, 1));
        assert_eq!(found.problems.len(), 1, "{found:?}");
    }

    #[test]
    fn folders_and_keys_are_looked_at_before_the_start() {
        let site = Site::new();
        let found =
            site.found("decision_log: { path: no/such/log.jsonl }\nsecret_file: no/where/secret\n", day(2026, 6, 1));
        let [problem] = &found.problems[..] else { panic!("{found:?}") };
        assert_eq!(problem.path, "decision_log.path");
        assert!(problem.message.contains("there is no directory"), "{problem:?}");
        assert_eq!(found.warnings[0].path, "secret_file");
        site.write("secret", "version 1\nnonsense\n");
        let found = site.found("", day(2026, 6, 1));
        assert_eq!(found.problems.len(), 1, "a file that others may read, or with nonsense in it: {found:?}");
        assert!(!site.0.path().join("no").exists(), "a check makes nothing");
    }

    #[test]
    fn a_port_in_use_is_a_warning_and_an_error_when_asked_strictly() {
        let site = Site::new();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let loaded = site.load(&format!("listen: [{{ address: {address} }}]\n"));
        let mild = ports(&loaded.settings, &loaded.places, false);
        assert!(mild.problems.is_empty());
        assert_eq!(mild.warnings[0].path, "listen[0].address");
        assert!(mild.warnings[0].message.contains("listens on"), "{mild:?}");
        let strict = ports(&loaded.settings, &loaded.places, true);
        assert_eq!((strict.problems.len(), strict.warnings.len()), (1, 0));
        drop(taken);
        let free = ports(&loaded.settings, &loaded.places, true);
        assert!(free.problems.is_empty(), "{free:?}");
    }
}
