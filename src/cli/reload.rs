//! `tollgate reload`: asks the running gate to load its configuration again, and says what became of it.
//!
//! The gate does the work, so that what is printed is what it runs on. Where it listens is read from the same file that it
//! will read, also when other parts of that file are broken: those are then told by the gate, in the report of `check`.
//! One request by hand over loopback needs no HTTP client.

use super::check::CONFIGURATION;
use super::progress::Progress;
use super::{FAILED, FINE};
use crate::admin::pages::RELOAD;
use crate::config;
use crate::secrets::AdminToken;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
/// A list of many million entries takes its seconds.
const ANSWER: Duration = Duration::from_secs(300);
/// Largest answer that is read.
const MOST: u64 = 4 * 1024 * 1024;

/// Asks for a reload and returns the exit code.
pub fn reload(file: &Path) -> u8 {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let reading = config::read(file);
    let (address, token) = match (
        reading.admin.as_ref().map(|admin| (admin.address, &admin.token_file)),
        reading.result,
    ) {
        (Some((Some(address), Some(token))), _) => (address, token.clone()),
        (_, Err(report)) => {
            let _ = write!(err, "{report}");
            let _ = writeln!(err, "tollgate: the gate was not asked: where it listens cannot be read from this file");
            return CONFIGURATION;
        }
        (_, Ok(_)) => {
            let _ = writeln!(
                err,
                "tollgate: {}: this needs the admin listener and its token: write `admin: {{ address: 127.0.0.1:9900, \
                 token_file: /var/lib/tollgate/admin.token }}` and restart, or send the gate SIGHUP",
                config::printable(&file.display().to_string())
            );
            return CONFIGURATION;
        }
    };
    let progress = Progress::of("the gate is loading".to_owned());
    let answered = AdminToken::read(&token)
        .map_err(|error| error.to_string())
        .and_then(|token| ask(address, &token).map_err(|error| format!("{address}: {error}")));
    drop(progress);
    let (status, body) = match answered {
        Ok(answered) => answered,
        Err(error) => {
            let _ = writeln!(err, "tollgate: the gate could not be asked: {error}");
            return FAILED;
        }
    };
    let outcome: Value = serde_json::from_str(&body).unwrap_or_default();
    // A reader that went away (`| head`) is no reason to fail.
    match (status, outcome["result"].as_str()) {
        (200, Some("loaded")) => {
            for warning in texts(&outcome, "warnings") {
                let _ = writeln!(err, "{}\n", warning.trim_end());
            }
            let _ = write!(out, "{}", loaded(&outcome));
            FINE
        }
        (422, Some("refused")) => {
            let _ = write!(err, "{}", outcome["report"].as_str().unwrap_or_default());
            let _ = writeln!(err, "not reloaded: the configuration before stays in force");
            CONFIGURATION
        }
        _ => {
            let said = body.lines().next().unwrap_or_default();
            let _ = writeln!(err, "tollgate: {address} answered {status}: {}", said.escape_debug());
            FAILED
        }
    }
}

/// What changed, for people.
fn loaded(outcome: &Value) -> String {
    let text = |key: &str| outcome[key].as_str().unwrap_or_default().to_owned();
    let (config, previous) = (text("config"), text("previous"));
    let mut said = match config == previous {
        true => format!("reloaded in {} ms: configuration {config}, as before\n", outcome["milliseconds"]),
        false => format!("reloaded in {} ms: configuration {config} instead of {previous}\n", outcome["milliseconds"]),
    };
    said.extend(texts(outcome, "changed").map(|changed| format!("  changed: {changed}\n")));
    said.extend(texts(outcome, "restart").map(|needed| format!("  needs a restart: {needed}\n")));
    said
}

fn texts<'o>(outcome: &'o Value, key: &str) -> impl Iterator<Item = &'o str> {
    outcome[key].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// One request and its answer: status and body.
fn ask(address: SocketAddr, token: &str) -> std::io::Result<(u16, String)> {
    // Who listens on every address is asked on this machine's own.
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let mut socket = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), CONNECT)?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.set_write_timeout(Some(CONNECT))?;
    let head = format!("POST {RELOAD} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer ");
    socket.write_all(head.as_bytes())?;
    socket.write_all(token.as_bytes())?;
    socket.write_all(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.take(MOST).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| std::io::Error::other("no answer in HTTP came"))
}

/// The admin listener answers with a length and closes: what follows the head is the body.
fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_in_lines() {
        let outcome = serde_json::json!({
            "result": "loaded", "config": "bbb", "previous": "aaa", "milliseconds": 12.5,
            "changed": ["blocked.txt"], "restart": ["log: still text"], "warnings": [],
        });
        assert_eq!(
            loaded(&outcome),
            "reloaded in 12.5 ms: configuration bbb instead of aaa\n  changed: blocked.txt\n  needs a restart: log: still text\n"
        );
    }

    #[test]
    fn answers_are_read_and_nonsense_is_none() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\na: b\r\n\r\n{}\n"), Some((200, "{}\n".into())));
        for nonsense in ["", "HTTP/1.1 200 OK", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 x\r\n\r\n"] {
            assert_eq!(parse(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn a_file_that_tells_no_listener_is_the_configurations_fault() {
        assert_eq!(reload(Path::new("no/such/file.yaml")), CONFIGURATION);
    }
}
