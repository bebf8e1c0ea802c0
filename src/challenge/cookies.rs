//! Reading and writing the gate's own cookies.
//!
//! A `Cookie` header is what the visitor says, from any tab, subdomain or tool: several cookies may have one name, and
//! none is ours because of its name. So reading yields candidates, a bounded number of them, and whoever asks must prove
//! each. Names are compared exactly: browsers do.

/// Where a solved challenge waits for the next attempt.
pub const CLEARANCE: &str = "tollgate_clearance";
/// What ties a held answer to the browser that was logging in.
pub const HOLD: &str = "tollgate_hold";

/// Every cookie of the gate begins so; the application never sees one.
const OWN: &[u8] = b"tollgate_";
/// Most cookies of one name that are looked at.
const CANDIDATES: usize = 8;

/// The values that `headers` give for `name`, in order and of any length; at most eight.
pub fn all_of<'a>(headers: &[&'a [u8]], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .flat_map(|header| pairs(header))
        .filter(move |(found, value)| *found == name.as_bytes() && !value.is_empty())
        .map(|(_, value)| value)
        .take(CANDIDATES)
}

/// The values that `headers` (each one `Cookie` header's value) give for `name`, in order; at most eight, none longer
/// than `longest` bytes.
pub(super) fn candidates<'a>(headers: &[&'a [u8]], name: &str, longest: usize) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .flat_map(|header| pairs(header))
        .filter(move |(found, value)| *found == name.as_bytes() && !value.is_empty() && value.len() <= longest)
        .map(|(_, value)| value)
        .take(CANDIDATES)
}

/// A `Cookie` header without the gate's own cookies: `None` if it holds none and can stay as it is. What remains is
/// byte for byte what the visitor sent; an empty result means that the header is to be dropped.
pub fn without_own(header: &[u8]) -> Option<Vec<u8>> {
    let own = |part: &&[u8]| part.trim_ascii_start().starts_with(OWN);
    if !header.split(|byte| *byte == b';').any(|part| own(&part)) {
        return None;
    }
    let mut kept = Vec::with_capacity(header.len());
    for part in header.split(|byte| *byte == b';').filter(|part| !own(part)) {
        if kept.is_empty() {
            kept.extend_from_slice(part.trim_ascii_start());
        } else {
            kept.push(b';');
            kept.extend_from_slice(part);
        }
    }
    Some(kept)
}

/// A `Set-Cookie` value. Name, value and path must be plain text (they are base64, constants and our own paths).
pub fn set(name: &str, value: &str, path: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|part| {
        let part = part.trim_ascii();
        let equals = part.iter().position(|byte| *byte == b'=')?;
        let (name, value) = part.split_at_checked(equals)?;
        Some((name, value.get(1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn candidates_are_found_by_exact_name_in_order() {
        for (headers, expected) in [
            (&["n=1"][..], &["1"][..]),
            (&["a=0; n=1; b=2", "n=3"], &["1", "3"]),
            (&["n=1;n=2;  n=3 "], &["1", "2", "3"]),
            (&["N=1; nn=2; n =3; xn=4; n; =5; n="], &[]),
            (&["n=a=b"], &["a=b"]),
            (&["n=\"q\""], &["\"q\""]),
            (&["", ";;;", "=", ";=;"], &[]),
            (&["x=\"; n=1\""], &["1\""]),
            (&["n=123456789"], &[]),
        ] {
            let headers: Vec<&[u8]> = headers.iter().map(|header| header.as_bytes()).collect();
            let found: Vec<&[u8]> = candidates(&headers, "n", 8).collect();
            assert_eq!(found, expected.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{headers:?}");
        }
    }

    #[test]
    fn a_flood_of_cookies_of_one_name_is_bounded() {
        let flood = "n=1; ".repeat(10_000);
        assert_eq!(candidates(&[flood.as_bytes()], "n", 8).count(), CANDIDATES);
    }

    #[test]
    fn the_application_sees_its_cookies_and_not_ours() {
        for (header, expected) in [
            ("a=1; b=2", None),
            ("a=tollgate_hold", None),
            ("", None),
            ("tollgate_hold=x", Some("")),
            ("a=1; tollgate_hold=x; b=2", Some("a=1; b=2")),
            ("tollgate_clearance=x; a=1;b=2", Some("a=1;b=2")),
            ("a=1;tollgate_clearance", Some("a=1")),
            ("a=\" ;x\"; tollgate_clearance=x", Some("a=\" ;x\"")),
        ] {
            assert_eq!(without_own(header.as_bytes()), expected.map(|kept| kept.as_bytes().to_vec()), "{header}");
        }
    }

    proptest! {
        #[test]
        fn hostile_headers_are_survived(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = candidates(&[&header], "n", 8).count();
            if let Some(kept) = without_own(&header) {
                prop_assert!(kept.len() < header.len());
                prop_assert_eq!(without_own(&kept), None);
            }
        }
    }

    #[test]
    fn cookies_are_locked_down() {
        assert_eq!(set("n", "v", "/", 60, true), "n=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert!(!set("n", "v", "/", 60, false).contains("Secure"));
    }
}
