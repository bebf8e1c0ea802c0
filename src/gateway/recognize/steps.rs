//! What servers do to a path before they route by it, as a table of rewriting steps.
//!
//! No single canonical form is right: `/a%2f..%2flogin` is `/login` to a server that decodes before it resolves dots and
//! something else to one that does not. So a step is one thing that some server, framework or proxy in front of an
//! application does, and [`super::readings`] follows every order of them. A step that has nothing to do returns `None`,
//! which it must find out cheaply; letter case and trailing slashes are no steps, since the index folds them.

use memchr::{memchr, memchr2, memmem};
use unicode_normalization::UnicodeNormalization;

/// One rewriting that some server applies.
pub(super) struct Step {
    /// Published in the record as a reading's name: never changed.
    pub name: &'static str,
    /// When it may be applied.
    pub scope: Scope,
    /// The path rewritten, or `None` if the step leaves it as it is.
    pub apply: fn(&[u8]) -> Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Another spelling of the same path: applied to configured paths as well.
    Spelling,
    /// As `Spelling`, and may be applied a few times over.
    Decoding,
    /// Throws a part of the path away: applied to requests only, or `/index.php/login` would protect `/index.php`.
    Cutting,
    /// As `Cutting`, but only where the method changes something: `/login.js` is fetched innocently.
    Unsafe,
}

/// The table. At most 24 entries (see [`super::readings::Names`]).
pub(super) static STEPS: &[Step] = &[
    Step { name: "decoded", scope: Scope::Decoding, apply: decode },
    Step { name: "decoded_segments", scope: Scope::Decoding, apply: decode_segments },
    Step { name: "overlong", scope: Scope::Spelling, apply: overlong },
    Step { name: "compatible", scope: Scope::Spelling, apply: compatible },
    Step { name: "backslash", scope: Scope::Spelling, apply: backslash },
    Step { name: "dots", scope: Scope::Spelling, apply: dots },
    Step { name: "slashes", scope: Scope::Spelling, apply: slashes },
    Step { name: "segment_ends", scope: Scope::Spelling, apply: segment_ends },
    Step { name: "rooted", scope: Scope::Spelling, apply: rooted },
    Step { name: "controls", scope: Scope::Cutting, apply: controls },
    Step { name: "nul", scope: Scope::Cutting, apply: |path| cut(path, memchr(0, path)) },
    Step { name: "fragment", scope: Scope::Cutting, apply: |path| cut(path, memchr(b'#', path)) },
    Step { name: "question_mark", scope: Scope::Cutting, apply: |path| cut(path, memchr(b'?', path)) },
    Step { name: "parameters", scope: Scope::Cutting, apply: parameters },
    Step { name: "parameters_cut", scope: Scope::Cutting, apply: |path| cut(path, memchr(b';', path)) },
    Step { name: "authority", scope: Scope::Cutting, apply: authority },
    Step { name: "path_info", scope: Scope::Cutting, apply: |path| cut(path, script_end(path)) },
    Step { name: "format", scope: Scope::Unsafe, apply: |path| cut(path, format_start(path)) },
];

fn cut(path: &[u8], at: Option<usize>) -> Option<Vec<u8>> {
    at.map(|at| path[..at].to_vec())
}

/// Percent-decoding of everything, and IIS's `%uXXXX`.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    decode_where(path, |_| true)
}

/// Percent-decoding that keeps what delimits: servers which decode segment by segment, and `%2e%2e` as dot segments.
fn decode_segments(path: &[u8]) -> Option<Vec<u8>> {
    decode_where(path, |byte| !matches!(byte, b'/' | b'\\' | b'%' | b'?' | b'#' | b';'))
}

/// Undoes the escapes of bytes that cannot travel unescaped. No disguise: every browser sends `%C3%A9` and `%20`.
pub(super) fn decode_wire(path: &[u8]) -> Option<Vec<u8>> {
    decode_where(path, |byte| {
        byte >= 0x80 || matches!(byte, b' ' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
    })
}

fn decode_where(path: &[u8], wanted: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let first = memchr(b'%', path)?;
    let mut out = Vec::with_capacity(path.len());
    out.extend_from_slice(&path[..first]);
    let mut changed = false;
    let mut rest = &path[first..];
    while let Some((&byte, after)) = rest.split_first() {
        match escape(rest) {
            Some((character, length)) if !character.is_ascii() || wanted(character as u8) => {
                match u8::try_from(u32::from(character)) {
                    // `%XX` is a byte, `%uXXXX` a character.
                    Ok(single) if length == 3 => out.push(single),
                    _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                changed = true;
                rest = &rest[length..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    changed.then_some(out)
}

/// The escape that `text` begins with and its length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let hex = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
    };
    match text {
        [b'%', b'u' | b'U', a, b, c, d, ..] => Some((char::from_u32(hex(&[*a, *b, *c, *d])?)?, 6)),
        [b'%', a, b, ..] => Some((char::from_u32(hex(&[*a, *b])?)?, 3)),
        _ => None,
    }
}

/// ASCII characters in more bytes than they need: `C0 AF` is `/` to a lenient decoder. The second byte of the two-byte
/// form may be anything, since old decoders only masked it (`%c1%1c`).
fn overlong(path: &[u8]) -> Option<Vec<u8>> {
    path.iter().position(|byte| matches!(byte, 0xc0 | 0xc1 | 0xe0 | 0xf0))?;
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let (decoded, length) = match *rest {
            [a @ (0xc0 | 0xc1), b, ..] => ((a & 1) << 6 | b & 0x3f, 2),
            [0xe0, b @ (0x80 | 0x81), c @ 0x80..=0xbf, ..] => ((b & 1) << 6 | c & 0x3f, 3),
            [0xf0, 0x80, c @ (0x80 | 0x81), d @ 0x80..=0xbf, ..] => ((c & 1) << 6 | d & 0x3f, 4),
            _ => (byte, 1),
        };
        out.push(decoded);
        rest = if length == 1 { after } else { &rest[length..] };
    }
    (out != path).then_some(out)
}

/// Compatibility forms: full-width letters, slashes and dots, as best-fit conversions make them plain.
fn compatible(path: &[u8]) -> Option<Vec<u8>> {
    if path.is_ascii() {
        return None;
    }
    let mut out = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        let plain = chunk.valid().nfkc().map(|c| match c {
            '\u{2044}' | '\u{2215}' => '/',
            '\u{2216}' => '\\',
            other => other,
        });
        out.extend_from_slice(plain.collect::<String>().as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    (out != path).then_some(out)
}

fn backslash(path: &[u8]) -> Option<Vec<u8>> {
    memchr(b'\\', path)?;
    Some(path.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect())
}

/// Dot segments as RFC 3986 removes them: an empty segment is one that `..` takes away.
fn dots(path: &[u8]) -> Option<Vec<u8>> {
    if !path.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let rooted = path.strip_prefix(b"/").unwrap_or(path);
    let mut last_is_dots = false;
    for segment in rooted.split(|&byte| byte == b'/') {
        last_is_dots = matches!(segment, b"." | b"..");
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if last_is_dots || out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

/// Repeated slashes as one.
fn slashes(path: &[u8]) -> Option<Vec<u8>> {
    memmem::find(path, b"//")?;
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    Some(out)
}

/// Dots and spaces at the end of a segment, which Windows drops; `.. ` becomes `..`, `...` nothing.
fn segment_ends(path: &[u8]) -> Option<Vec<u8>> {
    fn trimmed(segment: &[u8]) -> &[u8] {
        let end = segment.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
        let without_spaces = segment.trim_ascii_end();
        match &segment[..end] {
            [] if matches!(without_spaces, b"." | b"..") => without_spaces,
            shorter => shorter,
        }
    }
    let segments = || path.split(|&byte| byte == b'/');
    if segments().all(|segment| trimmed(segment).len() == segment.len()) {
        return None;
    }
    Some(segments().map(trimmed).collect::<Vec<_>>().join(&b'/'))
}

/// A path that does not begin with a slash, made to.
fn rooted(path: &[u8]) -> Option<Vec<u8>> {
    (path.first() != Some(&b'/')).then(|| [b"/", path].concat())
}

/// Control characters dropped: URL parsers of browsers and of Node drop tab, CR and LF; others all of them.
fn controls(path: &[u8]) -> Option<Vec<u8>> {
    path.iter().position(u8::is_ascii_control)?;
    Some(path.iter().copied().filter(|byte| !byte.is_ascii_control()).collect())
}

/// `;name=value` dropped from each segment, as servlet containers do.
fn parameters(path: &[u8]) -> Option<Vec<u8>> {
    memchr(b';', path)?;
    let mut out = Vec::with_capacity(path.len());
    let mut inside = false;
    for &byte in path {
        inside = byte != b'/' && (inside || byte == b';');
        if !inside {
            out.push(byte);
        }
    }
    Some(out)
}

/// `//host/path` read as a reference with an authority (`new URL(request.url, base)` does).
fn authority(path: &[u8]) -> Option<Vec<u8>> {
    let after = path.strip_prefix(b"//")?;
    Some(memchr2(b'/', b'\\', after).map_or_else(|| b"/".to_vec(), |at| after[at..].to_vec()))
}

/// Endings of files that web servers run and hand the rest of the path to.
const SCRIPTS: [&[u8]; 13] =
    [b"php", b"php5", b"php7", b"php8", b"phtml", b"cgi", b"pl", b"py", b"asp", b"aspx", b"ashx", b"asmx", b"cfm"];

/// Where a script's name ends if more of the path follows: `/wp-login.php/x` runs `/wp-login.php`.
pub(super) fn script_end(path: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'/', path).find(|&slash| {
        let segment = path[..slash].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let ending = segment.iter().rposition(|&byte| byte == b'.').map(|dot| &segment[dot + 1..]);
        ending.is_some_and(|ending| SCRIPTS.iter().any(|script| script.eq_ignore_ascii_case(ending)))
    })
}

/// Where the last segment's ending begins: frameworks that answer in several formats route `/login.json` as `/login`.
pub(super) fn format_start(path: &[u8]) -> Option<usize> {
    let dot = path.iter().rposition(|&byte| byte == b'.')?;
    let begins_segment = dot == 0 || path[dot - 1] == b'/';
    (!begins_segment && memchr(b'/', &path[dot..]).is_none()).then_some(dot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_does_what_its_name_says_and_only_that() {
        for (name, path, expected) in [
            ("decoded", &b"/l%6Fgin%2f%zz"[..], Some(&b"/login/%zz"[..])),
            ("decoded", b"/a%u002flogin", Some(b"/a/login")),
            ("decoded", b"/%e9", Some(b"/\xe9")),
            ("decoded", b"/100%", None),
            ("decoded_segments", b"/a%2fb/%2e%2e", Some(b"/a%2fb/..")),
            ("decoded_segments", b"/a%2fb", None),
            ("overlong", b"/a\xc0\xaflogin\xc0\xae\xe0\x80\xaf\xf0\x80\x80\xaf\xc1\x1c", Some(b"/a/login.//\\")),
            ("overlong", "/é\u{800}".as_bytes(), None),
            ("compatible", "/ｌｏｇｉｎ／x".as_bytes(), Some(b"/login/x")),
            ("compatible", "/café".as_bytes(), None),
            ("backslash", b"\\a\\b", Some(b"/a/b")),
            ("dots", b"/a/./b/../login", Some(b"/a/login")),
            ("dots", b"/../../login", Some(b"/login")),
            ("dots", b"/a//../login", Some(b"/a/login")),
            ("dots", b"/login/.", Some(b"/login/")),
            ("dots", b"/a/..", Some(b"/")),
            ("dots", b"/.well-known/a..b", None),
            ("slashes", b"//a///b", Some(b"/a/b")),
            ("segment_ends", b"/login. ./x", Some(b"/login/x")),
            ("segment_ends", b"/x/.. /login", Some(b"/x/../login")),
            ("segment_ends", b"/a/../.", None),
            ("rooted", b"login", Some(b"/login")),
            ("controls", b"/lo\tg\r\nin\0", Some(b"/login")),
            ("nul", b"/login\0.png", Some(b"/login")),
            ("fragment", b"/login#x", Some(b"/login")),
            ("question_mark", b"/login?x", Some(b"/login")),
            ("parameters", b"/a;x=1/login;jsessionid=2", Some(b"/a/login")),
            ("parameters_cut", b"/login;/../x", Some(b"/login")),
            ("authority", b"//host/login", Some(b"/login")),
            ("path_info", b"/wp-login.PHP/x.css", Some(b"/wp-login.PHP")),
            ("path_info", b"/wp-login.php", None),
            ("path_info", b"/v1.2/php", None),
            ("format", b"/users/sign_in.json", Some(b"/users/sign_in")),
            ("format", b"/v1.2/login", None),
            ("format", b"/.env", None),
        ] {
            let step = STEPS.iter().find(|step| step.name == name).unwrap();
            let found = (step.apply)(path);
            assert_eq!(found.as_deref(), expected, "{name} of {}", path.escape_ascii());
        }
    }

    #[test]
    fn bytes_that_must_travel_escaped_are_undone_and_no_others() {
        assert_eq!(decode_wire(b"/caf%c3%A9%20%2f%6c").as_deref(), Some(&b"/caf\xc3\xa9 %2f%6c"[..]));
        assert_eq!(decode_wire(b"/%2e"), None);
    }
}
