//! Playing against a gate: what is asked on the command line, and the table of what came of it.

use super::{Options, labels};
use crate::cli::check::CONFIGURATION;
use crate::cli::{FAILED, USAGE, output};
use crate::config::{self, printable};
use crate::simulate::play::{self, Answers, Play, Played, Speed};
use crate::simulate::{Mix, Simulation};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Without a wish of the operator's.
const RATE: f64 = 20.0;

/// Does it, and gives the exit code.
pub fn play(options: &Options, mix: Mix, url: &str, config: &Path) -> u8 {
    let usage = |message: String| {
        eprintln!("tollgate: {message}");
        USAGE
    };
    let (gate, authority) = match address(url) {
        Ok(found) => found,
        Err(message) => return usage(message),
    };
    let speed = match (options.rate, options.speed) {
        (_, Some(factor)) => Speed::Factor(factor),
        (rate, None) => Speed::Rate(rate.unwrap_or(RATE)),
    };
    let (Speed::Factor(number) | Speed::Rate(number)) = speed;
    if !(number > 0.0 && number <= 1e6) {
        return usage(format!("{number} is no speed: write a number above 0, up to 1000000"));
    }
    let name = &options.client_ip_header;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return usage(format!("--client-ip-header: `{}` is no name of a header", printable(name)));
    }
    let settings = match config::load_elsewhere(config) {
        Ok((settings, _)) => settings,
        Err(report) => {
            eprint!("{report}");
            return CONFIGURATION;
        }
    };
    let attempts = Simulation::new(mix, options.seed);
    let attempts = attempts.take(options.limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
    let play = Play { gate, authority, client_ip_header: name.clone(), speed };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tollgate: {error}");
            return FAILED;
        }
    };
    let interrupted = async {
        // Without signals it can only be ended by force.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let played = runtime.block_on(play::play(play, &settings, attempts, interrupted));
    let text = if options.json { json(&played) } else { text(&played) };
    let printed = output::print(&text);
    for left_out in &played.left_out {
        eprintln!("tollgate: route `{}` was not played: {}", printable(&left_out.route), printable(&left_out.why));
    }
    let failed = played.by_label.values().map(|answers| answers.failed).sum::<u64>();
    if let Some(failure) = &played.first_failure {
        eprintln!("tollgate: {failed} attempts were not answered; the first: {}: {}", url, printable(failure));
    }
    if played.by_label.is_empty() {
        eprintln!("tollgate: nothing was sent: {} has no route that could be played", config.display());
        return FAILED;
    }
    // A few lost attempts are in the table; a gate that is not there is a failure.
    let sent = played.by_label.values().map(|answers| answers.sent).sum::<u64>();
    if failed == sent { FAILED } else { printed }
}

/// Where a URL points, and what its `Host` is.
fn address(url: &str) -> Result<(SocketAddr, String), String> {
    let wrong =
        || format!("--against: `{}`: write the gate's listener without TLS, as http://127.0.0.1:8080", printable(url));
    let parsed = url::Url::parse(url).map_err(|_| wrong())?;
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.username().is_empty();
    if parsed.scheme() != "http" || !bare {
        return Err(wrong());
    }
    let (host, port) = (parsed.host_str().ok_or_else(wrong)?, parsed.port().unwrap_or(80));
    let found = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()
        .map_err(|error| format!("--against: {host}: {error}"))?;
    let authority = parsed.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    Ok((found.into_iter().next().ok_or_else(wrong)?, authority))
}

fn rows(played: &Played) -> impl Iterator<Item = (&'static str, Answers)> {
    labels().filter_map(|label| played.by_label.get(label).map(|answers| (label, *answers)))
}

fn text(played: &Played) -> String {
    let mut text = format!(
        "{:<28} {:>8} {:>9} {:>11} {:>8} {:>8}\n",
        "label", "sent", "allowed", "challenged", "denied", "failed"
    );
    for (label, Answers { sent, allowed, challenged, denied, failed }) in rows(played) {
        text += &format!("{label:<28} {sent:>8} {allowed:>9} {challenged:>11} {denied:>8} {failed:>8}\n");
    }
    if played.without_route > 0 {
        text += &format!("{} attempts were of events that the configuration has no route for.\n", played.without_route);
    }
    text
}

fn json(played: &Played) -> String {
    let rows = rows(played).map(|(label, answers)| {
        let Answers { sent, allowed, challenged, denied, failed } = answers;
        let row = serde_json::json!({
            "sent": sent, "allowed": allowed, "challenged": challenged, "denied": denied, "failed": failed,
        });
        (label.to_owned(), row)
    });
    let labels: serde_json::Map<String, serde_json::Value> = rows.collect();
    format!("{}\n", serde_json::json!({"labels": labels, "without_route": played.without_route}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_named_by_its_plain_address() {
        let (gate, authority) = address("http://127.0.0.1:8080").unwrap();
        assert_eq!((gate.to_string(), &*authority), ("127.0.0.1:8080".to_owned(), "127.0.0.1:8080"));
        assert_eq!(address("http://[::1]").unwrap().0.to_string(), "[::1]:80");
        for wrong in ["https://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1/login", "http://a:b@127.0.0.1"] {
            assert!(address(wrong).unwrap_err().contains("http://127.0.0.1:8080"), "{wrong}");
        }
    }
}
