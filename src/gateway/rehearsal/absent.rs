//! Files that the configuration names and that are not on this machine: what each makes blind, and how that is said. Whoever
//! rehearses elsewhere than where the gate runs is told, and not shown a judgement as if nothing were missing.

use super::explanation::Unavailable;
use crate::config::Absent;
use crate::config::settings::Settings;
use crate::engine::evidence::{Evidence, Known};

/// What a missing file would have told is not known, and not taken for "no".
pub fn blind_where_absent(evidence: &mut Evidence, absent: &[Unavailable]) {
    fn blind<T>(known: &mut Known<T>) {
        if matches!(known, Known::No) {
            *known = Known::Unknown;
        }
    }
    let intel = &mut evidence.intel;
    for absent in absent {
        match absent.key.as_str() {
            "intel.country" => evidence.degraded.push("country"),
            "intel.city" => evidence.degraded.push("city"),
            "intel.asn" => evidence.degraded.push("asn"),
            "intel.anonymous" => {
                evidence.degraded.push("anonymous");
                blind(&mut intel.datacenter);
                blind(&mut intel.vpn);
                blind(&mut intel.proxy);
                blind(&mut intel.tor_exit);
            }
            "intel.datacenter" => blind(&mut intel.datacenter),
            "intel.vpn" => blind(&mut intel.vpn),
            "intel.proxy" => blind(&mut intel.proxy),
            "intel.tor_exit" => blind(&mut intel.tor_exit),
            "intel.passwords.file" | RANGE => blind(&mut intel.leaked),
            _ => {}
        }
    }
}

/// The key of the service for leaked passwords.
const RANGE: &str = "intel.passwords.range";

/// Takes the service for leaked passwords out of the settings: what is rehearsed asks nobody.
pub fn without_service(settings: &mut Settings, absent: &mut Vec<Unavailable>) {
    if let Some(service) = settings.intel.range.take() {
        let reason = "nobody is asked on paper".to_owned();
        absent.push(unavailable(Absent { key: RANGE.to_owned(), file: service.host.into(), reason }));
    }
}

/// As an explanation lists it, with what follows from it.
pub fn unavailable(absent: Absent) -> Unavailable {
    let Absent { key, file, reason } = absent;
    let effect = match key.as_str() {
        "intel.country" | "intel.city" => "the country may be another, and the place is not known".to_owned(),
        "intel.asn" => "the network's number and operator are not known".to_owned(),
        "intel.anonymous" => {
            "datacenter_ip, vpn_ip, proxy_ip and tor_exit are blind where the embedded data say nothing".to_owned()
        }
        "intel.datacenter" => "datacenter_ip is blind where the embedded data say nothing".to_owned(),
        "intel.proxy" => "proxy_ip is blind".to_owned(),
        "intel.vpn" => "vpn_ip is blind where the embedded data say nothing".to_owned(),
        "intel.tor_exit" => "tor_exit is blind where the embedded data say nothing".to_owned(),
        "intel.passwords.file" => "leaked_password is blind where the embedded list says nothing".to_owned(),
        RANGE => "leaked_password is blind where no list on this machine says anything".to_owned(),
        "intel.disposable" => "only the embedded list of throw-away domains is asked".to_owned(),
        key if key.starts_with("lists.") => "the list has no entries here, and does not match".to_owned(),
        key if key.starts_with("listen") => "nothing: explain does not listen".to_owned(),
        _ => "the built-in answer is shown in its place".to_owned(),
    };
    Unavailable { key, file, reason, effect }
}
