//! What a server's refusal means for the gate.
//!
//! An operator who is woken at night must know from one word whether the store is slow, gone, in the middle of a
//! fail-over, full, or set up wrongly, so every error of the client is one of [`StoreError`]'s. Servers before 7.0 wrap
//! what a script met in an error of their own; the code is then looked for inside.

use crate::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Codes that a server may wrap.
const CODES: [&str; 10] = [
    "OOM",
    "READONLY",
    "MISCONF",
    "NOREPLICAS",
    "LOADING",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MASTERDOWN",
    "NOPERM",
    "NOAUTH",
];

/// Said of a command inside a script, as "The user executing the script can't run this command or subcommand".
const NO_RIGHT: &str = "The user executing the script can't";

/// `what` was to be stored.
pub fn of(error: &RedisError, what: &'static str) -> StoreError {
    let said: Box<str> = error.to_string().into();
    match error.kind() {
        ErrorKind::Io => return StoreError::Down(said),
        ErrorKind::ClusterConnectionNotFound => {
            return StoreError::Down("no node of the cluster can be reached".into());
        }
        ErrorKind::AuthenticationFailed => return StoreError::Refused(said),
        ErrorKind::InvalidClientConfig | ErrorKind::Client => return StoreError::Refused(said),
        _ => {}
    }
    let code = error.code().filter(|code| *code != "ERR").or_else(|| {
        let inside = error.detail()?;
        CODES.into_iter().find(|code| inside.contains(&format!("-{code} ")))
    });
    match code {
        Some("OOM") => StoreError::Full(what),
        Some("READONLY" | "MISCONF" | "NOREPLICAS") => StoreError::ReadOnly(said),
        Some("LOADING" | "CLUSTERDOWN" | "TRYAGAIN" | "MASTERDOWN" | "MOVED" | "ASK") => StoreError::FailingOver(said),
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => StoreError::Refused(said),
        // What a script may not do has no code of its own.
        _ if said.contains(NO_RIGHT) => StoreError::Refused(said),
        _ => StoreError::Broken(said),
    }
}

/// Whether the connection is of no more use, or leads to a server that another has taken over from.
pub fn ends_the_connection(error: &RedisError) -> bool {
    let kind = error.kind();
    error.is_unrecoverable_error()
        || matches!(kind, ErrorKind::Io | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading))
}

/// Whether the server does not know a script (any more).
pub fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_has_one_name() {
        for (said, name) in [
            ("-OOM command not allowed when used memory > 'maxmemory'.", "full"),
            (
                "-ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed when used memory",
                "full",
            ),
            ("-READONLY You can't write against a read only replica.", "read_only"),
            ("-MISCONF Redis is configured to save RDB snapshots", "read_only"),
            ("-NOREPLICAS Not enough good replicas to write.", "read_only"),
            ("-LOADING Redis is loading the dataset in memory", "failing_over"),
            ("-CLUSTERDOWN Hash slot not served", "failing_over"),
            ("-TRYAGAIN Multiple keys request during rehashing of slot", "failing_over"),
            ("-MASTERDOWN Link with MASTER is down", "failing_over"),
            ("-MOVED 3999 127.0.0.1:6381", "failing_over"),
            ("-NOAUTH Authentication required.", "refused"),
            ("-WRONGPASS invalid username-password pair", "refused"),
            ("-NOPERM this user has no permissions", "refused"),
            ("-ERR The user executing the script can't run this command or subcommand script: 1", "refused"),
            ("-WRONGTYPE Operation against a key holding the wrong kind of value", "broken"),
            ("-ERR something else", "broken"),
        ] {
            let value = redis::parse_redis_value(format!("{said}\r\n").as_bytes()).unwrap();
            let error = value.extract_error().unwrap_err();
            assert_eq!(of(&error, "token").name(), name, "{said}");
        }
        let gone = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!(of(&gone, "token").name(), "down");
        assert!(ends_the_connection(&gone));
    }
}
