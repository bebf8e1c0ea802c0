//! One configuration, made ready to serve: what the settings name is loaded, indexed and connected. Immutable; a request
//! keeps one `Arc` of it from its first hook to its last. One that is made after another shares what did not change.

use super::client_ca::{self, Authority};
use super::client_ip;
use super::device::Devices;
use super::form::Wanted;
use super::identity;
use super::leaks::Ranges;
use super::mail::MailServers;
use super::recognize::{Candidates, Routes};
use super::tls;
use super::upstream::Upstreams;
use crate::admin::metrics::{Metrics, RouteMetrics};
use crate::challenge::Challenges;
use crate::config::settings::{IdentityRules, ListOf, Route, Settings};
use crate::engine::time::days_from_civil;
use crate::intel::Intel;
use crate::secrets::{AdminToken, Secrets, SecretsError};
use http::HeaderMap;
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

pub struct Live {
    pub settings: Settings,
    pub routes: Routes,
    pub upstreams: Upstreams,
    pub intel: Intel,
    /// Who is asked for leaked passwords, if somebody is.
    pub ranges: Option<Arc<Ranges>>,
    /// Who is asked about e-mail domains, if anybody is.
    pub mail: Option<Arc<MailServers>>,
    pub challenges: Challenges,
    pub devices: Devices,
    pub secrets: Arc<Secrets>,
    /// The token of the admin API, if it wants one.
    pub token: Option<AdminToken>,
    /// Who signs the certificates of those who call the admin API, if it asks for some.
    pub client_ca: Option<Arc<Authority>>,
    /// By the address of their listener; the admin listener's too.
    pub certificates: Vec<(SocketAddr, Arc<CertifiedKey>)>,
    /// By route name.
    of_routes: HashMap<Arc<str>, OfRoute>,
    /// Whether the log has told of a proxy that is not trusted.
    stranger_told: AtomicBool,
}

/// What is prepared for one route.
struct OfRoute {
    /// Made for the first request: of 10,000 routes few are asked for, and making them all would be half of a reload.
    wanted: OnceLock<Wanted>,
    metrics: Arc<RouteMetrics>,
}

impl Live {
    /// Loads what the settings name. On failure each problem is a line for the operator.
    pub fn new(settings: Settings, secrets: Arc<Secrets>, metrics: &Metrics) -> Result<Live, Vec<String>> {
        let path = settings.admin.token_file.as_deref();
        let token = path.map(AdminToken::load_or_create).transpose();
        Live::made(None, settings, Ok(secrets), token, metrics)
    }

    /// As [`Live::new`] while the gate runs: shares with `earlier` what did not change, takes rotated keys from the
    /// `secret_file`, and never makes that file.
    pub fn after(
        earlier: &Live,
        settings: Settings,
        secret_file: &Path,
        metrics: &Metrics,
    ) -> Result<Live, Vec<String>> {
        let secrets = earlier.secrets.rotated(secret_file).map(Arc::new);
        let path = settings.admin.token_file.as_deref();
        let token = match earlier.settings.admin.token_file.as_deref() {
            // Taken away: whoever did that means the token, and nothing else of the configuration.
            known if known == path => path.map_or(Ok(None), |path| match AdminToken::load(path) {
                Err(SecretsError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
                token => token.map(Some),
            }),
            // Newly configured: as at a first start.
            _ => path.map(AdminToken::load_or_create).transpose(),
        };
        Live::made(Some(earlier), settings, secrets, token, metrics)
    }

    fn made(
        earlier: Option<&Live>,
        settings: Settings,
        secrets: Result<Arc<Secrets>, SecretsError>,
        token: Result<Option<AdminToken>, SecretsError>,
        metrics: &Metrics,
    ) -> Result<Live, Vec<String>> {
        let mut faults = Vec::new();
        let intel = earlier.map(|live| &live.intel);
        let intel = Intel::load_after(intel, &settings.intel, &settings.lists, &canonical);
        let intel = intel.map_err(|problems| faults.extend(problems.iter().map(ToString::to_string)));
        let earlier_mail = earlier.and_then(|live| live.mail.as_ref());
        let mail = settings.mail_dns.as_ref().map(|dns| MailServers::after(earlier_mail, dns)).transpose();
        let mail = mail.map_err(|error| faults.push(format!("email.dns: {error}")));
        let mut certificates = Vec::new();
        for (place, listener) in settings.listen.iter().enumerate() {
            match listener.tls.as_ref().map(tls::read) {
                Some(Ok(key)) => certificates.push((listener.address, Arc::new(key))),
                Some(Err(error)) => faults.push(format!("listen[{place}].tls: {error}")),
                None => {}
            }
        }
        let mut client_ca = None;
        if let (Some(address), Some(tls)) = (settings.admin.address, &settings.admin.tls) {
            match tls::read(&tls.files) {
                Ok(key) => certificates.push((address, Arc::new(key))),
                Err(error) => faults.push(format!("admin.tls: {error}")),
            }
            match tls.client_ca.as_deref().map(client_ca::read).transpose() {
                Ok(authority) => client_ca = authority,
                Err(error) => faults.push(format!("admin.tls.client_ca: {error}")),
            }
        }
        let ranges = ranges(earlier, &settings).map_err(|error| faults.push(format!("intel.passwords.range: {error}")));
        let secrets = secrets.map_err(|error| faults.push(format!("secret_file: {error}")));
        let token = token.map_err(|error| faults.push(format!("admin.token_file: {error}")));
        let (Ok(intel), Ok(ranges), Ok(mail), Ok(secrets), Ok(token), true) =
            (intel, ranges, mail, secrets, token, faults.is_empty())
        else {
            return Err(faults);
        };
        for data in crate::intel::embedded() {
            metrics.data(data.name, made_at(data.date));
        }
        if let Some((about, _)) = intel.passwords.about() {
            metrics.data("passwords_file", about.made);
        }
        let of_route = |route: &Arc<Route>| {
            // A route that stays keeps its handles: finding the labels of thousands of routes anew takes its time.
            let known = earlier.and_then(|live| live.of_routes.get(&route.name)).map(|of| of.metrics.clone());
            let metrics = known.unwrap_or_else(|| Arc::new(metrics.route(&route.name)));
            (route.name.clone(), OfRoute { wanted: OnceLock::new(), metrics })
        };
        Ok(Live {
            routes: Routes::new(&settings.routes),
            upstreams: Upstreams::after(earlier.map(|live| &live.upstreams), &settings.upstreams),
            intel,
            ranges,
            mail,
            challenges: Challenges::new(settings.challenge.clone(), secrets.clone()),
            devices: Devices::new(
                settings.device_cookie.as_ref(),
                settings.routes.iter().flat_map(|route| &route.pages),
                secrets.clone(),
            ),
            secrets,
            token,
            client_ca,
            certificates,
            of_routes: settings.routes.iter().map(of_route).collect(),
            stranger_told: AtomicBool::new(false),
            settings,
        })
    }

    /// Whether this peer is one of the operator's own proxies.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        client_ip::is_trusted(&self.settings.client_ip, peer)
    }

    /// Tells the operator, once a configuration, of a header that says where visitors come from, by a neighbour who is not
    /// believed: then everybody behind that proxy counts as one. From the internet anybody may send one, and it means
    /// nothing.
    pub fn note_stranger(&self, peer: IpAddr, headers: &HeaderMap) {
        let rules = &self.settings.client_ip;
        if client_ip::is_untrusted_neighbour(rules, peer, headers) && !self.stranger_told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %peer,
                "this address says where visitors come from and is no trusted proxy: all who come by it count as one \
                 visitor; if it is a proxy of yours, name it in `client_ip.trusted_proxies`"
            );
        }
    }

    /// The names to look for in a request that may be on these routes.
    pub fn wanted(&self, candidates: &Candidates) -> Wanted {
        let mut routes = candidates.routes();
        match (routes.next(), routes.next()) {
            (Some(only), None) => self.of(only).wanted.get_or_init(|| Wanted::of([&**only])).clone(),
            _ => Wanted::of(candidates.routes().map(|route| &**route)),
        }
    }

    pub fn metrics_of(&self, route: &Route) -> &RouteMetrics {
        &self.of(route).metrics
    }

    /// As [`Live::metrics_of`], if this configuration has a route of that name.
    pub fn metrics_by_name(&self, route: &str) -> Option<&RouteMetrics> {
        self.of_routes.get(route).map(|of| &*of.metrics)
    }

    fn of(&self, route: &Route) -> &OfRoute {
        // Every route of this configuration was prepared in `new`.
        &self.of_routes[&route.name]
    }
}

/// The service that the settings name: the very same, with its connections and its answers, while they name the same.
fn ranges(earlier: Option<&Live>, settings: &Settings) -> std::io::Result<Option<Arc<Ranges>>> {
    let Some(service) = &settings.intel.range else { return Ok(None) };
    let known = earlier.and_then(|live| live.ranges.as_ref()).filter(|ranges| ranges.is(service));
    match known {
        Some(ranges) => Ok(Some(ranges.clone())),
        None => Ranges::open(service.clone()).map(|ranges| Some(Arc::new(ranges))),
    }
}

/// A date of embedded data (`2026-11-22`) as seconds since the epoch; 0 if it is none.
fn made_at(date: &str) -> u64 {
    let mut parts = date.splitn(3, '-').map(|part| part.parse().ok());
    let mut next = || parts.next().flatten();
    match (next(), next(), next()) {
        (Some(year), Some(month), Some(day)) => u64::try_from(days_from_civil(year, month, day) * 86_400).unwrap_or(0),
        _ => 0,
    }
}

/// Entries of the operator's lists are written by people: they go through the same canonical form as what visitors type,
/// by the default rules of identity.
pub fn canonical(of: ListOf, text: &str) -> Option<String> {
    let rules = IdentityRules::default();
    match of {
        ListOf::Account => identity::account(text, rules).map(|account| account.as_str().to_owned()),
        ListOf::Email => identity::email(text, rules).map(|address| address.as_str().to_owned()),
        ListOf::Domain => identity::domain(text),
        ListOf::Ip | ListOf::Device | ListOf::Fingerprint | ListOf::Asn | ListOf::Country | ListOf::CardBin => None,
    }
}
