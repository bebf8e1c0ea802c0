//! A request target taken apart, and the one question that keeps ordinary requests cheap: can this path be read in more
//! than one way?

use super::steps::script_end;
use memchr::memchr;

/// A target's parts, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Of an absolute-form target (`http://host/path`), without user information.
    pub authority: Option<&'a [u8]>,
    /// Everything before the first `?`.
    pub path: &'a [u8],
    /// Everything after it.
    pub query: &'a [u8],
}

impl<'a> Target<'a> {
    pub fn of(target: &'a [u8]) -> Target<'a> {
        let (authority, rest) = match absolute(target) {
            Some((authority, rest)) => (Some(authority), rest),
            None => (None, target),
        };
        let (path, query) = match memchr(b'?', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        Target { authority, path, query }
    }
}

/// Whether a target has one of the forms that a request's may have (RFC 9112, 3.2): a path, an `http` or `https` address with
/// a host, or `*` of a request for OPTIONS. Anything else has no reading that servers agree on: of `x:/login` some drop the
/// scheme, of `host:80/login` the host. CONNECT is no business of a gate and not asked about.
pub fn is_sound(method: &str, target: &[u8]) -> bool {
    let is_address = |scheme: &[u8]| {
        let start = target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        start && !matches!(target.get(scheme.len()), None | Some(b'/' | b'\\' | b'?' | b'#'))
    };
    match target.first() {
        Some(b'/') => true,
        Some(b'*') => target.len() == 1 && method == "OPTIONS",
        _ => is_address(b"http://") || is_address(b"https://"),
    }
}

/// Authority and rest of an absolute-form target; a backslash counts as a slash there, as URL parsers have it.
fn absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    // Nearly every target begins with a slash and is done here.
    if !target.first()?.is_ascii_alphabetic() {
        return None;
    }
    let colon = target.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'))?;
    let [b':', b'/' | b'\\', b'/' | b'\\', after @ ..] = &target[colon..] else { return None };
    let end = after.iter().position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#')).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let host = authority.rsplit(|&byte| byte == b'@').next().unwrap_or(authority);
    Some((host, rest))
}

/// Whether the path has one reading only, letter case and trailing slash aside. One pass, no memory.
pub(super) fn is_plain(path: &[u8]) -> bool {
    // Also the empty path, which is the root to whoever gives it its slash.
    if path.first() != Some(&b'/') {
        return false;
    }
    let mut previous = b'x';
    let mut dotted = false;
    for &byte in path {
        if !PLAIN[usize::from(byte)] || (byte == b'/' && matches!(previous, b'/' | b'.')) {
            return false;
        }
        dotted |= byte == b'.';
        previous = byte;
    }
    previous != b'.' && !(dotted && script_end(path).is_some())
}

/// Bytes that no step touches, wherever they stand.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'/' | b'-'
                    | b'_'
                    | b'.'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b'='
                    | b':'
                    | b'@'
                    | b'"'
                    | b'<'
                    | b'>'
                    | b'['
                    | b']'
                    | b'^'
                    | b'`'
                    | b'{'
                    | b'|'
                    | b'}'
            );
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use super::super::readings::{Author, Readings};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn targets_come_apart() {
        for (target, authority, path, query) in [
            ("/login?a=b?c", None, "/login", "a=b?c"),
            ("/login", None, "/login", ""),
            ("http://Shop.example:80/login?x", Some("Shop.example:80"), "/login", "x"),
            ("HTTPS://u:p@h/login", Some("h"), "/login", ""),
            ("http:\\\\h\\login", Some("h"), "\\login", ""),
            ("http://h?x", Some("h"), "", "x"),
            ("*", None, "*", ""),
            ("", None, "", ""),
            ("a:b", None, "a:b", ""),
        ] {
            let found = Target::of(target.as_bytes());
            assert_eq!(found.authority, authority.map(str::as_bytes), "{target}");
            assert_eq!((found.path, found.query), (path.as_bytes(), query.as_bytes()), "{target}");
        }
    }

    #[test]
    fn a_target_without_one_of_the_three_forms_is_unsound() {
        for target in ["/", "/login?x", "//h/login", "http://h", "HTTPS://h:8443/login", "http://u:p@h/?x"] {
            assert!(is_sound("POST", target.as_bytes()), "{target}");
        }
        for target in [
            "",
            "x:/login",
            "mailto:/login",
            "x:%2flogin",
            "x://h/login",
            "file:///login",
            "ws://h/login",
            "h:80/login",
            "h/login",
            "login",
            "\\login",
            "?/login",
            "#/login",
            ":/login",
            "http:/login",
            "http:login",
            "http:///login",
            "http://?/login",
            "http:\\\\h\\login",
            "http:",
            "*",
            "*login",
            " /login",
        ] {
            assert!(!is_sound("POST", target.as_bytes()), "{target}");
        }
        assert!(is_sound("OPTIONS", b"*") && !is_sound("OPTIONS", b"*x"));
    }

    proptest! {
        #[test]
        fn a_plain_path_has_one_reading(path in "/[ -~/.%;]{0,30}") {
            let readings = Readings::of(path.as_bytes(), Author::Reader);
            prop_assert!(!is_plain(path.as_bytes()) || (readings.all.len() == 1 && !readings.overflown));
        }
    }
}
