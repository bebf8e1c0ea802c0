//! A browser's recording (HAR 1.2): a whole file, one of its entries, or just the request of one.
//!
//! Browsers leave things out of recordings (cookies and `Authorization`, unless "with sensitive data" was chosen) and
//! write some down decoded. What that means for the explanation is noted.

use super::source::{Kind, Parts, Source, SourceError, address};
use serde_json::Value;

/// Most entries of a long recording that an error lists.
const MOST_LISTED: usize = 20;
const SHAPE: &str =
    "export it from the browser's network panel: \"Save all as HAR\", or \"Copy as HAR\" of one request";

/// Reads a request from a recording. `entry` counts from 1.
pub fn read(text: &[u8], entry: Option<usize>) -> Result<Source, SourceError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let root: Value = serde_json::from_slice(text)
        .map_err(|error| SourceError::at(error.line(), format!("this is no JSON: {}", told(&error)), SHAPE))?;
    let (place, request) = choose(&root, entry)?;
    let missing = |what: &str| {
        let whose = place.map_or_else(|| "the request".to_owned(), |place| format!("the request of entry {place}"));
        SourceError::at(0, format!("{whose} has no `{what}`"), SHAPE)
    };
    let field = |name: &'static str| request[name].as_str().ok_or_else(|| missing(name));
    let (method, url) = (field("method")?, field("url")?);
    let Some((tls, authority, target)) = address(url) else { return Err(missing("url` that begins with `http")) };
    let mut notes = Vec::new();
    let version = request["httpVersion"].as_str().unwrap_or_default().to_ascii_lowercase();
    if version.contains("h3") || version.contains("http/3") || version.contains("quic") {
        notes.push("recorded over HTTP/3, which the gate does not speak: read as HTTP/2".to_owned());
    }
    let mut parts = Parts {
        method: method.to_owned(),
        authority: authority.rsplit('@').next().unwrap_or_default().to_owned(),
        target,
        http2: ["h2", "h3", "http/2", "http/3", "quic"].iter().any(|name| version.contains(name)),
        ..Parts::default()
    };
    for header in request["headers"].as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (header["name"].as_str(), header["value"].as_str()) {
            if name.eq_ignore_ascii_case(":authority") {
                parts.authority = value.to_owned();
            }
            parts.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }
    parts.body = body(&request["postData"], &mut parts.headers, &mut notes);
    let cookies = request["cookies"].as_array().is_some_and(|cookies| !cookies.is_empty());
    if !cookies && !parts.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
        notes.push("the recording has no cookies: browsers leave them out unless asked for sensitive data".to_owned());
    }
    let message = parts.message(0, &mut notes)?;
    Ok(Source { kind: Kind::Har, message, tls: Some(tls), notes })
}

/// The entry's number, if it has one, and its request.
fn choose(root: &Value, entry: Option<usize>) -> Result<(Option<usize>, &Value), SourceError> {
    if root["request"].is_object() {
        return Ok((None, &root["request"]));
    }
    if root["method"].is_string() && root["url"].is_string() {
        return Ok((None, root));
    }
    let Some(entries) = root["log"]["entries"].as_array() else {
        return Err(SourceError::at(0, "this JSON holds no `log.entries`, and no `request`", SHAPE));
    };
    match (entry, entries.len()) {
        (_, 0) => Err(SourceError::at(0, "the recording is empty", SHAPE)),
        (None, 1) => Ok((Some(1), &entries[0]["request"])),
        (Some(place), count) => match place.checked_sub(1).and_then(|place| entries.get(place)) {
            Some(chosen) => Ok((Some(place), &chosen["request"])),
            None => {
                let message = format!("there is no entry {place}: the recording has 1 to {count}");
                Err(SourceError::usage(message, list(entries)))
            }
        },
        (None, count) => {
            let message = format!("the recording has {count} requests: choose one with `--entry N`");
            Err(SourceError::usage(message, list(entries)))
        }
    }
}

/// The requests that change something, or all if there is none.
fn list(entries: &[Value]) -> String {
    let line = |(place, entry): (usize, &Value)| {
        let request = &entry["request"];
        let url = request["url"].as_str().unwrap_or("?");
        // Without the query, which may carry anything.
        let url = super::shown(url.split('?').next().unwrap_or_default().as_bytes());
        format!("--entry {}: {} {url}", place + 1, super::shown(request["method"].as_str().unwrap_or("?").as_bytes()))
    };
    let writes =
        |(_, entry): &(usize, &Value)| !matches!(entry["request"]["method"].as_str(), Some("GET" | "HEAD" | "OPTIONS"));
    let mut lines: Vec<String> = entries.iter().enumerate().filter(writes).map(line).collect();
    if lines.is_empty() {
        lines = entries.iter().enumerate().map(line).collect();
    }
    let more = lines.len().saturating_sub(MOST_LISTED);
    lines.truncate(MOST_LISTED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

fn body(data: &Value, headers: &mut Vec<(String, Vec<u8>)>, notes: &mut Vec<String>) -> Vec<u8> {
    let kind = data["mimeType"].as_str().unwrap_or_default();
    if !kind.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), kind.as_bytes().to_vec()));
    }
    if let Some(text) = data["text"].as_str().filter(|text| !text.is_empty()) {
        return text.as_bytes().to_vec();
    }
    let Some(params) = data["params"].as_array().filter(|params| !params.is_empty()) else { return Vec::new() };
    let encode = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> =
        params.iter().map(|param| format!("{}={}", encode(&param["name"]), encode(&param["value"]))).collect();
    notes.push("the recording has the form's fields and not its text: encoded anew".to_owned());
    if !kind.starts_with("application/x-www-form-urlencoded") {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        headers.push(("content-type".to_owned(), b"application/x-www-form-urlencoded".to_vec()));
    }
    pairs.join("&").into_bytes()
}

/// serde's words without its place, which stands before them.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::source::Message;
    use super::*;
    use serde_json::json;

    fn entry(method: &str, url: &str, version: &str) -> Value {
        json!({ "request": {
            "method": method, "url": url, "httpVersion": version, "cookies": [],
            "headers": [
                { "name": "Host", "value": "shop.example" }, { "name": "User-Agent", "value": "x" },
                { "name": "Content-Length", "value": "9" },
            ],
            "postData": { "mimeType": "application/x-www-form-urlencoded", "text": "a=b" },
        }})
    }

    fn read_value(value: &Value, entry: Option<usize>) -> Result<Source, SourceError> {
        read(value.to_string().as_bytes(), entry)
    }

    #[test]
    fn an_entry_becomes_what_was_sent() {
        let source = read_value(&entry("POST", "http://shop.example/login?x=1", "HTTP/1.1"), None).unwrap();
        let Message::Http1(text) = source.message else { panic!("HTTP/1") };
        assert_eq!(
            String::from_utf8_lossy(&text),
            "POST /login?x=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: x\r\nContent-Length: 3\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\na=b"
        );
        assert_eq!(source.tls, Some(false));
        assert!(source.notes.iter().any(|note| note.contains("Content-Length")), "{:?}", source.notes);

        let source = read_value(&entry("POST", "https://shop.example/login", "h2"), None).unwrap();
        let Message::Http2(http2) = source.message else { panic!("HTTP/2") };
        assert_eq!((http2.authority.as_str(), http2.target.as_str()), ("shop.example", "/login"));
        assert_eq!(source.tls, Some(true));
    }

    #[test]
    fn a_long_recording_wants_a_choice() {
        let get = entry("GET", "https://shop.example/", "h2");
        let post = entry("POST", "https://shop.example/login?token=geheim", "h2");
        let file = json!({ "log": { "entries": [get, post] } });
        let error = read_value(&file, None).unwrap_err();
        assert!(error.is_usage);
        assert_eq!(error.help, "--entry 2: POST https://shop.example/login");
        assert!(read_value(&file, Some(2)).is_ok());
        assert!(read_value(&file, Some(3)).unwrap_err().message.contains("1 to 2"));
        assert!(read_value(&file, Some(0)).is_err());
    }

    #[test]
    fn what_is_no_recording_is_told_with_its_line() {
        let error = read(b"{\n  \"log\": \n}", None).unwrap_err();
        assert_eq!(error.line, 3);
        assert!(read(b"{}", None).unwrap_err().message.contains("log.entries"));
        let lacking = json!({ "log": { "entries": [{ "request": { "method": "POST" } }] } });
        assert!(read_value(&lacking, None).unwrap_err().message.contains("entry 1 has no `url`"));
    }
}
