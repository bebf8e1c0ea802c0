//! Paths and queries: what follows the host in a request's first line, read once and strictly.
//!
//! There is one reading of each: a segment or a value is decoded once, must be UTF-8 without control characters, and a name
//! may come once. What could be read in two ways is refused rather than repaired. In a query `+` is a space, as every
//! library that writes queries has it; a plus is `%2B`.

use super::problem::{Kind, Problem};
use percent_encoding::percent_decode;

/// Most bytes of a query, and most parameters in it.
const LONGEST_QUERY: usize = 8 * 1024;
const MOST_PARAMETERS: usize = 32;
/// Most segments of a path.
const MOST_SEGMENTS: usize = 16;

/// The decoded segments of a path that begins with `/`.
pub fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let Some(path) = path.strip_prefix('/') else { return Err(malformed("the path does not begin with a slash")) };
    if path.split('/').count() > MOST_SEGMENTS {
        return Err(malformed("the path has too many segments"));
    }
    path.split('/').map(|segment| decoded(segment.as_bytes())).collect()
}

/// The names and values of a query, each name once.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    if query.len() > LONGEST_QUERY {
        return Err(malformed("the query is too long"));
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let spaced = |text: &str| decoded(text.replace('+', " ").as_bytes());
        let (name, value) = (spaced(name)?, spaced(value)?);
        if pairs.iter().any(|(known, _)| *known == name) {
            let detail = format!("`{}` is there twice", name.escape_debug());
            return Err(Problem::new(Kind::Parameter, detail).with("parameter", name));
        }
        if pairs.len() >= MOST_PARAMETERS {
            return Err(malformed("the query has too many parameters"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decoded(text: &[u8]) -> Result<String, Problem> {
    let is_escape = |at: usize| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if text.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(at)) {
        return Err(malformed("a `%` is not followed by two hexadecimal digits"));
    }
    let decoded: Vec<u8> = percent_decode(text).collect();
    let text = String::from_utf8(decoded).map_err(|_| malformed("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(malformed("it holds control characters"));
    }
    Ok(text)
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_decoded_segment_by_segment() {
        assert_eq!(segments("/api/v1/a%2Fb/%C3%BC").unwrap(), ["api", "v1", "a/b", "ü"]);
        assert_eq!(segments("/api/").unwrap(), ["api", ""]);
        assert_eq!(segments("/a+b").unwrap(), ["a+b"], "only in a query is it a space");
        for wrong in ["", "api", "/%", "/%4", "/%zz", "/a%4", "/%ff", "/%00", "/a%0a", "/%c3%28", &"/a".repeat(17)] {
            assert_eq!(segments(wrong).unwrap_err().name(), "malformed", "{wrong}");
        }
    }

    #[test]
    fn queries_have_each_name_once() {
        let read = |query| pairs(query).unwrap();
        assert_eq!(
            read("a=1&b=x%2By+z&&c"),
            [("a", "1"), ("b", "x+y z"), ("c", "")].map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!(read("a=b=c"), [("a".to_owned(), "b=c".to_owned())]);
        assert!(read("").is_empty());
        for (wrong, name) in
            [("a=1&a=1", "parameter"), ("a=%", "malformed"), ("a=%f", "malformed"), ("%00=1", "malformed")]
        {
            assert_eq!(pairs(wrong).unwrap_err().name(), name, "{wrong}");
        }
        let many: String = (0..40).map(|number| format!("p{number}=1&")).collect();
        assert_eq!(pairs(&many).unwrap_err().name(), "malformed");
        assert_eq!(pairs(&"a".repeat(9_000)).unwrap_err().name(), "malformed");
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "\\PC{0,80}", bytes in "[%a-f0-9&=+/]{0,60}") {
            for text in [&text, &bytes] {
                let _ = pairs(text);
                let _ = segments(&format!("/{text}"));
            }
        }

        #[test]
        fn what_is_read_is_what_a_library_reads(text in "[a-z%0-9&=+]{0,40}") {
            if let Ok(read) = pairs(&text) {
                let other: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
                prop_assert_eq!(read, other);
            }
        }

        #[test]
        fn what_was_encoded_is_read(name in "[a-z]{1,9}", value in "[^\\p{Cc}]{0,30}") {
            let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(&pairs(&format!("{name}={encoded}")).unwrap()[0].1, &value);
            prop_assert_eq!(segments(&format!("/{encoded}")).unwrap(), [value]);
        }
    }
}
