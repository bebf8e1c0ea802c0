//! Headers in which a front end tells an application what was asked for: never honoured here, and removed before
//! forwarding, since an application that honours them would be led past the gate (`X-Original-URL: /login` on a request
//! for `/`).

use super::method::is_spelt;
use http::HeaderMap;
use http::header::HeaderName;

/// Headers from which some server or framework takes the path, the host or the method. Always removed. Lower case, sorted.
///
/// `script_name` and `path_info` are WSGI variables: gunicorn takes them from a header if its peer is the local host,
/// which the gate is.
pub const OVERRIDE_HEADERS: &[&str] = &[
    "path-info",
    "script-name",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-forwarded-url",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-path-override",
    "x-ms-original-url",
    "x-original-host",
    "x-original-method",
    "x-original-path",
    "x-original-uri",
    "x-original-url",
    "x-override-path",
    "x-override-uri",
    "x-override-url",
    "x-path-info",
    "x-real-uri",
    "x-real-url",
    "x-request-path",
    "x-request-uri",
    "x-request-url",
    "x-rewrite-path",
    "x-rewrite-uri",
    "x-rewrite-url",
    "x-waws-unencoded-url",
];

/// Headers that say where an application is mounted. A balancer that strips a prefix needs them for links and redirects
/// to be right, so they pass from a trusted proxy; from anybody else they are removed as well: some frameworks cut the
/// mount point off the path before they route.
pub const MOUNT_HEADERS: &[&str] = &["x-forwarded-prefix", "x-script-name"];

/// The headers of this request to remove before forwarding, underscored spellings included.
pub fn headers_to_remove(headers: &HeaderMap, from_trusted_proxy: bool) -> impl Iterator<Item = &HeaderName> {
    headers.keys().filter(move |name| {
        let name = name.as_str();
        // Nearly every header is told apart by its first bytes.
        let suspicious = name.starts_with(['x', 's', 'p'])
            && matches!(name.as_bytes().get(1), Some(second) if matches!(second, b'c' | b'a') || !second.is_ascii_alphanumeric());
        suspicious
            && (OVERRIDE_HEADERS.iter().any(|known| is_spelt(name, known))
                || (!from_trusted_proxy && MOUNT_HEADERS.iter().any(|known| is_spelt(name, known))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_header_goes_in_every_spelling_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for name in OVERRIDE_HEADERS.iter().chain(MOUNT_HEADERS) {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), "/x".parse().unwrap());
            for separator in ["_", ".", "~"] {
                let spelt = name.replace('-', separator);
                headers.insert(HeaderName::from_bytes(spelt.as_bytes()).unwrap(), "/x".parse().unwrap());
            }
        }
        let listed = headers.len();
        for name in
            ["x-forwarded-for", "x-requested-with", "x-real-ip", "cookie", "pragma", "sec-fetch-mode", "x-csrf-token"]
        {
            headers.insert(name, "1".parse().unwrap());
        }
        assert_eq!(headers_to_remove(&headers, false).count(), listed);
        assert_eq!(headers_to_remove(&headers, true).count(), listed - 4 * MOUNT_HEADERS.len());
    }
}
