//! A curl command, as browsers copy it ("Copy as cURL (bash)") and people write it: what curl would send for it.
//!
//! One table says which options shape the request and which only concern the transfer; an option in neither is named
//! rather than guessed at, since whether it takes a value decides how all that follows is read. Files that an option
//! names are not opened: the command may come from anybody.

use super::source::{Kind, Parts, Source, SourceError, address};
use super::words::{self, Word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What an option means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Method,
    Header,
    /// `@file` is a file.
    Data,
    DataRaw,
    DataUrlencode,
    Json,
    Form,
    /// `@` and `<` are letters.
    FormString,
    Cookie,
    User,
    Agent,
    Referer,
    Url,
    Get,
    Head,
    Http1,
    Http2,
    Old,
    AsIs,
    /// Of the transfer, and not of the request.
    Ignored,
}

/// Letter (blank: none), name, whether a value follows, meaning.
static OPTIONS: &[(char, &str, bool, Means)] = &[
    ('X', "request", true, Means::Method),
    ('H', "header", true, Means::Header),
    ('d', "data", true, Means::Data),
    (' ', "data-ascii", true, Means::Data),
    (' ', "data-binary", true, Means::Data),
    (' ', "data-raw", true, Means::DataRaw),
    (' ', "data-urlencode", true, Means::DataUrlencode),
    (' ', "json", true, Means::Json),
    ('F', "form", true, Means::Form),
    (' ', "form-string", true, Means::FormString),
    ('b', "cookie", true, Means::Cookie),
    ('u', "user", true, Means::User),
    ('A', "user-agent", true, Means::Agent),
    ('e', "referer", true, Means::Referer),
    (' ', "url", true, Means::Url),
    ('G', "get", false, Means::Get),
    ('I', "head", false, Means::Head),
    ('0', "http1.0", false, Means::Old),
    (' ', "http1.1", false, Means::Http1),
    (' ', "http2", false, Means::Http2),
    (' ', "http2-prior-knowledge", false, Means::Http2),
    (' ', "path-as-is", false, Means::AsIs),
    (' ', "basic", false, Means::Ignored),
    (' ', "compressed", false, Means::Ignored),
    ('k', "insecure", false, Means::Ignored),
    ('L', "location", false, Means::Ignored),
    (' ', "location-trusted", false, Means::Ignored),
    ('s', "silent", false, Means::Ignored),
    ('S', "show-error", false, Means::Ignored),
    ('v', "verbose", false, Means::Ignored),
    ('i', "include", false, Means::Ignored),
    (' ', "show-headers", false, Means::Ignored),
    ('f', "fail", false, Means::Ignored),
    (' ', "fail-with-body", false, Means::Ignored),
    ('g', "globoff", false, Means::Ignored),
    ('N', "no-buffer", false, Means::Ignored),
    ('#', "progress-bar", false, Means::Ignored),
    ('O', "remote-name", false, Means::Ignored),
    ('J', "remote-header-name", false, Means::Ignored),
    ('4', "ipv4", false, Means::Ignored),
    ('6', "ipv6", false, Means::Ignored),
    ('q', "disable", false, Means::Ignored),
    (' ', "no-progress-meter", false, Means::Ignored),
    (' ', "no-keepalive", false, Means::Ignored),
    (' ', "tcp-nodelay", false, Means::Ignored),
    (' ', "ssl-no-revoke", false, Means::Ignored),
    (' ', "tlsv1.2", false, Means::Ignored),
    (' ', "tlsv1.3", false, Means::Ignored),
    ('m', "max-time", true, Means::Ignored),
    (' ', "connect-timeout", true, Means::Ignored),
    ('o', "output", true, Means::Ignored),
    ('D', "dump-header", true, Means::Ignored),
    ('c', "cookie-jar", true, Means::Ignored),
    ('w', "write-out", true, Means::Ignored),
    ('x', "proxy", true, Means::Ignored),
    (' ', "noproxy", true, Means::Ignored),
    (' ', "resolve", true, Means::Ignored),
    (' ', "connect-to", true, Means::Ignored),
    (' ', "interface", true, Means::Ignored),
    (' ', "cacert", true, Means::Ignored),
    (' ', "retry", true, Means::Ignored),
    (' ', "max-redirs", true, Means::Ignored),
    ('E', "cert", true, Means::Ignored),
    (' ', "key", true, Means::Ignored),
    (' ', "ciphers", true, Means::Ignored),
    (' ', "limit-rate", true, Means::Ignored),
];

/// The version that a command without `-A` is taken to be sent by.
const AGENT: &str = "curl/8.5.0";
/// Stands between the parts of a form.
const BOUNDARY: &str = "------------------------7d2f1c6b90ae4835";
/// What `--data-urlencode` leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the request that a command sends.
pub fn read(text: &[u8]) -> Result<Source, SourceError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if memchr::memmem::find(text, b"^\"").is_some() && memchr::memmem::find(text, b" '").is_none() {
        let help = "copy it with \"Copy as cURL (bash)\"";
        return Err(SourceError::at(1, "this command is written for the shell of Windows", help));
    }
    let (words, more) = words::split(text)?;
    let mut words = words.into_iter().peekable();
    words.next_if(|word| word.text == b"$");
    match words.next() {
        Some(word) if matches!(&word.text[..], b"curl" | b"curl.exe") => {}
        other => {
            let line = other.map_or(0, |word| word.line);
            return Err(SourceError::at(line, "this is no curl command", "begin it with `curl`"));
        }
    }
    let mut command = Command::default();
    if more {
        command.notes.push("what follows the command (after a line, `|`, `;`, `&`, `<` or `>`) is left out".to_owned());
    }
    while let Some(word) = words.next() {
        command.take(&word, &mut words)?;
    }
    command.finish()
}

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<(String, usize)>,
    headers: Vec<(String, Vec<u8>)>,
    /// Headers that the command takes away from those curl sends by itself.
    without: Vec<String>,
    data: Option<Vec<u8>>,
    json: bool,
    form: Option<Vec<u8>>,
    cookies: Vec<Vec<u8>>,
    user: Option<Vec<u8>>,
    get: bool,
    head: bool,
    http2: Option<bool>,
    as_is: bool,
    notes: Vec<String>,
}

impl Command {
    fn take(&mut self, word: &Word, rest: &mut impl Iterator<Item = Word>) -> Result<(), SourceError> {
        let text = String::from_utf8_lossy(&word.text).into_owned();
        if let Some(name) = text.strip_prefix("--").filter(|name| !name.is_empty()) {
            let option = OPTIONS.iter().find(|(_, known, ..)| *known == name);
            let Some((_, _, valued, means)) = option else { return Err(unknown(&format!("--{name}"), word.line)) };
            return self.option(&format!("--{name}"), *means, *valued, None, word.line, rest);
        }
        let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return self.set_url(text, word.line);
        };
        for (at, letter) in letters.char_indices() {
            let option = OPTIONS.iter().find(|(known, ..)| *known == letter && letter != ' ');
            let name = format!("-{letter}");
            let Some((_, _, valued, means)) = option else { return Err(unknown(&name, word.line)) };
            if *valued {
                // What follows the letter is its value, byte for byte.
                let value = word.text.get(1 + at + letter.len_utf8()..).filter(|value| !value.is_empty());
                return self.option(&name, *means, true, value.map(<[u8]>::to_vec), word.line, rest);
            }
            self.option(&name, *means, false, None, word.line, rest)?;
        }
        Ok(())
    }

    fn option(
        &mut self,
        name: &str,
        means: Means,
        valued: bool,
        attached: Option<Vec<u8>>,
        line: usize,
        rest: &mut impl Iterator<Item = Word>,
    ) -> Result<(), SourceError> {
        let value = match attached {
            _ if !valued => Vec::new(),
            Some(value) => value,
            None => match rest.next() {
                Some(word) => word.text,
                None => {
                    return Err(SourceError::at(line, format!("`{name}` needs a value"), "the command ends after it"));
                }
            },
        };
        let text = || String::from_utf8_lossy(&value).into_owned();
        let is_file = value.first() == Some(&b'@');
        match means {
            Means::Method => self.method = Some(text()),
            Means::Header => self.header(&value, line)?,
            Means::Data | Means::Json if is_file => return Err(file(name, line)),
            Means::Data | Means::DataRaw => self.add_data(&value, b"&"),
            Means::Json => {
                self.json = true;
                self.add_data(&value, b"");
            }
            Means::DataUrlencode => self.add_encoded(&value, name, line)?,
            Means::Form | Means::FormString => self.add_part(&value, means == Means::FormString, line)?,
            Means::Cookie if !value.contains(&b'=') => {
                self.notes.push(format!("the cookies of the file after `{name}` are not read"));
            }
            Means::Cookie => self.cookies.push(value),
            Means::User => self.user = Some(value),
            Means::Agent => self.set_header("User-Agent", value),
            Means::Referer => self.set_header("Referer", value),
            Means::Url => self.set_url(text(), line)?,
            Means::Get => self.get = true,
            Means::Head => self.head = true,
            Means::Http1 => self.http2 = Some(false),
            Means::Http2 => self.http2 = Some(true),
            Means::Old => {
                self.http2 = Some(false);
                self.notes.push(format!("`{name}` is read as HTTP/1.1"));
            }
            Means::AsIs => self.as_is = true,
            Means::Ignored => {}
        }
        Ok(())
    }

    fn set_url(&mut self, url: String, line: usize) -> Result<(), SourceError> {
        match self.url {
            None => self.url = Some((url, line)),
            Some(_) => {
                let message = format!("`{}` is a second address", super::shown(url.as_bytes()));
                let help = "a value with blanks needs quotes; keep one request";
                return Err(SourceError::at(line, message, help));
            }
        }
        Ok(())
    }

    /// `Name: value`; `Name;` is sent empty, and `Name:` is not sent.
    fn header(&mut self, line_text: &[u8], line: usize) -> Result<(), SourceError> {
        if line_text.first() == Some(&b'@') {
            return Err(file("-H", line));
        }
        // A name may begin with a colon: `:authority`, which some tools copy along.
        let hidden = usize::from(line_text.first() == Some(&b':'));
        let colon = memchr::memchr(b':', &line_text[hidden..]).map(|at| at + hidden);
        let name = |end: usize| String::from_utf8_lossy(&line_text[..end]).trim().to_owned();
        match colon {
            Some(at) if line_text[at + 1..].trim_ascii().is_empty() => self.without.push(name(at)),
            Some(at) => self.headers.push((name(at), line_text[at + 1..].trim_ascii().to_vec())),
            None if line_text.ends_with(b";") => self.headers.push((name(line_text.len() - 1), Vec::new())),
            None => {
                let help = "write it as in -H 'Accept: text/html'";
                return Err(SourceError::at(line, "a header without a colon", help));
            }
        }
        Ok(())
    }

    fn set_header(&mut self, name: &str, value: Vec<u8>) {
        if value.is_empty() {
            self.without.push(name.to_owned());
        } else {
            self.headers.push((name.to_owned(), value));
        }
    }

    fn add_data(&mut self, data: &[u8], between: &[u8]) {
        match &mut self.data {
            None => self.data = Some(data.to_vec()),
            Some(all) => {
                all.extend_from_slice(between);
                all.extend_from_slice(data);
            }
        }
    }

    fn add_encoded(&mut self, data: &[u8], name: &str, line: usize) -> Result<(), SourceError> {
        let at = data.iter().position(|byte| matches!(byte, b'=' | b'@'));
        let (key, content) = match at {
            Some(at) if data[at] == b'@' => return Err(file(name, line)),
            Some(at) => (&data[..at], &data[at + 1..]),
            None => (&data[..0], data),
        };
        let mut encoded = key.to_vec();
        if !key.is_empty() {
            encoded.push(b'=');
        }
        encoded.extend(percent_encoding::percent_encode(content, UNRESERVED).to_string().into_bytes());
        self.add_data(&encoded, b"&");
        Ok(())
    }

    /// `name=value`, `name=@file`, each with `;type=…` and `;filename=…` after it.
    fn add_part(&mut self, part: &[u8], literal: bool, line: usize) -> Result<(), SourceError> {
        let Some(at) = memchr::memchr(b'=', part) else {
            return Err(SourceError::at(line, "a part of a form without `=`", "write it as in -F 'login=anna'"));
        };
        let name = String::from_utf8_lossy(&part[..at]).replace('"', "%22").replace(['\r', '\n'], " ");
        let value = &part[at + 1..];
        let is_file = !literal && matches!(value.first(), Some(b'@' | b'<'));
        let form = self.form.get_or_insert_default();
        form.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes());
        if is_file {
            let note = format!(
                "the file in the form's `{}` is not read: an empty one stands for it",
                super::shown(name.as_bytes())
            );
            self.notes.push(note);
            form.extend_from_slice(b"; filename=\"file\"\r\nContent-Type: application/octet-stream");
        }
        form.extend_from_slice(b"\r\n\r\n");
        if !is_file {
            let end = memchr::memmem::find(value, b";type=").filter(|_| !literal).unwrap_or(value.len());
            form.extend_from_slice(&value[..end]);
        }
        form.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn finish(mut self) -> Result<Source, SourceError> {
        let Some((url, line)) = self.url.take() else {
            return Err(SourceError::at(1, "the command has no address", "curl 'https://shop.example/login' …"));
        };
        let help = "write it as in https://shop.example/login";
        let wrong = || SourceError::at(line, format!("`{}` is no web address", super::shown(url.as_bytes())), help);
        let (tls, authority, target) = address(&url).ok_or_else(wrong)?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(percent_encoding::percent_decode_str(user).collect()), host),
            None => (None, authority),
        };
        let mut target = if self.as_is { target } else { without_dots(&target) };
        let mut body = self.data.take();
        if self.get
            && let Some(data) = body.take()
        {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&String::from_utf8_lossy(&data));
        }
        let mut kind = None;
        if let Some(mut form) = self.form.take() {
            form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
            kind = Some(format!("multipart/form-data; boundary={BOUNDARY}"));
            body = Some(form);
        } else if body.is_some() {
            kind = Some(if self.json { "application/json" } else { "application/x-www-form-urlencoded" }.to_owned());
        }
        let presumed = if self.head {
            "HEAD"
        } else if body.is_some() {
            "POST"
        } else {
            "GET"
        };
        let http2 = self.http2.unwrap_or(tls);
        if self.http2.is_none() && tls {
            self.notes.push("https: read as HTTP/2, which curl and browsers agree on with the gate".to_owned());
        }
        let headers = self.with_defaults(host, user, kind);
        let parts = Parts {
            method: self.method.unwrap_or_else(|| presumed.to_owned()),
            authority: host.to_owned(),
            target,
            headers,
            body: body.unwrap_or_default(),
            http2,
        };
        let message = parts.message(line, &mut self.notes)?;
        Ok(Source { kind: Kind::Curl, message, tls: Some(tls), notes: self.notes })
    }

    /// Headers in the order in which curl sends them: its own first, unless the command gives or refuses them.
    fn with_defaults(&mut self, host: &str, user: Option<Vec<u8>>, kind: Option<String>) -> Vec<(String, Vec<u8>)> {
        let own = std::mem::take(&mut self.headers);
        let told = |name: &str| {
            own.iter().map(|(known, _)| known).chain(&self.without).any(|known| known.eq_ignore_ascii_case(name))
        };
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |name: &str, value: Option<Vec<u8>>| {
            if let Some(value) = value.filter(|_| !told(name)) {
                headers.push((name.to_owned(), value));
            }
        };
        add("Host", Some(host.as_bytes().to_vec()));
        let user = self.user.take().or(user);
        add("Authorization", user.map(|user| format!("Basic {}", STANDARD.encode(user)).into_bytes()));
        add("User-Agent", Some(AGENT.as_bytes().to_vec()));
        add("Accept", Some(if self.json { b"application/json".to_vec() } else { b"*/*".to_vec() }));
        add("Cookie", (!self.cookies.is_empty()).then(|| self.cookies.join(&b"; "[..])));
        add("Content-Type", kind.map(String::into_bytes));
        headers.extend(own);
        headers
    }
}

fn unknown(name: &str, line: usize) -> SourceError {
    let message = format!("`{}` is no option that is known here", super::shown(name.as_bytes()));
    SourceError::at(line, message, "leave it out if it does not change what is sent")
}

fn file(name: &str, line: usize) -> SourceError {
    let message = format!("`{name}` names a file, and files are not opened for a command");
    SourceError::at(line, message, "write the file's content in its place")
}

/// curl resolves `.` and `..` in the path before it asks (RFC 3986, 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return target.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (place, segment) in segments.iter().enumerate() {
        let last = place + 1 == segments.len();
        match *segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::super::source::Message;
    use super::*;

    fn wire(text: &str) -> String {
        let source = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        match source.message {
            Message::Http1(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Message::Http2(http2) => panic!("{http2:?}"),
        }
    }

    #[test]
    fn what_curl_sends_is_what_is_read() {
        for (command, expected) in [
            (
                "curl http://shop.example/login -d login=anna -d 'password=a b'",
                "POST /login HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Type: \
                 application/x-www-form-urlencoded\r\nContent-Length: 23\r\n\r\nlogin=anna&password=a b",
            ),
            (
                "curl -sSkL -XPUT --json '{\"a\":1}' -H 'Accept:' -H 'X-Empty;' http://a/../x/./y?z -A me",
                "PUT /x/y?z HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Empty: \r\nUser-Agent: me\r\n\
                 Content-Length: 7\r\n\r\n{\"a\":1}",
            ),
            (
                "curl -G --data-urlencode 'q=a&b c' -b 'a=1' -b 'b=2' -e http://r -u anna:x http://a",
                "GET /?q=a%26b%20c HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YW5uYTp4\r\nUser-Agent: curl/8.5.0\r\n\
                 Accept: */*\r\nCookie: a=1; b=2\r\nReferer: http://r\r\n\r\n",
            ),
            ("curl -I a", "HEAD / HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"),
        ] {
            assert_eq!(wire(command), expected, "{command}");
        }
    }

    #[test]
    fn a_form_has_its_parts() {
        let text =
            wire("curl http://a/login -F login=anna -F 'avatar=@x.png;type=image/png' --form-string 'p=@;type=x'");
        assert!(text.contains("Content-Type: multipart/form-data; boundary="), "{text}");
        assert!(text.contains("name=\"login\"\r\n\r\nanna\r\n"), "{text}");
        assert!(text.contains("name=\"avatar\"; filename=\"file\"\r\n"), "{text}");
        assert!(text.contains("name=\"p\"\r\n\r\n@;type=x\r\n"), "{text}");
    }

    #[test]
    fn a_command_as_chrome_copies_it() {
        let command = "curl 'https://shop.example/login' \\\n  -H 'accept: text/html' \\\n  -H 'user-agent: Mozilla/5.0' \\\n  \
                       -b 'session=1' \\\n  --data-raw $'login=anna\\u0040example.com&password=it\\'s' \\\n  --compressed";
        let source = read(command.as_bytes()).unwrap();
        let Message::Http2(http2) = source.message else { panic!("HTTP/2") };
        assert_eq!((http2.method.as_str(), http2.target.as_str()), ("POST", "/login"));
        assert_eq!(&http2.body[..], b"login=anna@example.com&password=it's");
        let names: Vec<&str> = http2.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cookie", "content-type", "accept", "user-agent"]);
        assert_eq!(source.tls, Some(true));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        for (command, line, said) in [
            ("curl http://a \\\n --frobnicate x", 2, "`--frobnicate`"),
            ("curl http://a -sZ", 1, "`-Z`"),
            ("curl http://a \\\n\\\n -d @secrets.txt", 3, "`-d` names a file"),
            ("curl http://a -d", 1, "`-d` needs a value"),
            ("curl http://a http://b", 1, "second address"),
            ("curl -d a", 1, "no address"),
            ("curl ftp://a", 1, "no web address"),
            ("curl http://a -H 'no colon'", 1, "without a colon"),
            ("curl http://a -H $'A: b\\r\\nC: d'", 1, "line break"),
            ("wget http://a", 1, "no curl command"),
            ("curl ^\"http://a^\" ^\n -H ^\"a: b^\"", 1, "Windows"),
        ] {
            let error = read(command.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{command}: {error}");
            assert!(error.message.contains(said), "{command}: {error}");
        }
    }

    #[test]
    fn the_table_has_no_option_twice() {
        for (place, (letter, name, valued, _)) in OPTIONS.iter().enumerate() {
            for (other, known, with_value, _) in &OPTIONS[..place] {
                assert!(*letter == ' ' || letter != other, "-{letter} stands twice");
                assert!(name != known || valued == with_value, "--{name} stands twice");
            }
        }
    }
}
