//! Where a visitor goes after a challenge.
//!
//! Open redirects in other gates came from a return address in the URL. Here the address comes from the configuration,
//! travels inside the sealed ticket, and is a type that cannot leave this site: `Location` takes `//evil.example`,
//! `/\evil.example` and `/<tab>/evil.example` to another host, so none of these exists as a [`ReturnPath`].

use std::fmt;

/// A path on this site, safe to write into a `Location` header. At most 512 bytes of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(Box<str>);

impl ReturnPath {
    const LONGEST: usize = 512;

    /// `None` unless it begins with exactly one `/` and holds no backslash, space, control or non-ASCII character.
    pub fn new(path: &str) -> Option<ReturnPath> {
        let bytes = path.as_bytes();
        let plain = bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
        let on_this_site = bytes.first() == Some(&b'/') && bytes.get(1) != Some(&b'/');
        (plain && on_this_site && bytes.len() <= Self::LONGEST).then(|| ReturnPath(path.into()))
    }

    /// The front page.
    pub fn root() -> ReturnPath {
        ReturnPath("/".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_return_paths() {
        for path in ["/", "/login", "/login?next=/cart&x=%2F%2Fy", "/a//b", "/a#b", "/:@!$&'()*+,;=~", "/./x", "/%5cx"]
        {
            assert_eq!(ReturnPath::new(path).as_ref().map(ReturnPath::as_str), Some(path));
        }
        for path in [
            "",
            "login",
            "//evil.example",
            "///x",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=y",
            " /x",
            "/x y",
            "/é",
            "/\0",
            "/\u{7f}",
        ] {
            assert_eq!(ReturnPath::new(path), None, "{path:?}");
        }
        assert!(ReturnPath::new(&format!("/{}", "x".repeat(511))).is_some());
        assert!(ReturnPath::new(&format!("/{}", "x".repeat(512))).is_none());
    }
}
