//! The scripts that count, and the calls that run them.
//!
//! A call names a script by its digest; a server that does not know it (a new one, one that was restarted, one that
//! took over) says so, and is told the whole script once, by `EVAL` to the key's own node: that needs no other right
//! and no other route than counting itself. So a fleet needs no installation step, and survives `SCRIPT FLUSH` and
//! fail-overs.

use super::keys::Source;
use crate::engine::attempt::Pseudonym;
use crate::engine::holder::FORGOTTEN_AFTER;
use crate::engine::time::Timestamp;
use crate::store::Presented;
use crate::store::memory::decay::Change;
use redis::{Cmd, Script};
use std::sync::LazyLock;
use std::time::Duration;

/// What a source did is negligible after a day without an attempt: an hour's counts have halved 24 times, and distinct
/// accounts are told apart over two hours.
const SOURCE: Duration = Duration::from_secs(24 * 3600);
/// The same for anything else of an attempt, of which a day's count has halved seven times by then.
const VELOCITY: Duration = Duration::from_secs(7 * 24 * 3600);
/// The same for an account: what counts there halves in ten minutes.
const ACCOUNT: Duration = Duration::from_secs(24 * 3600);
/// How long an account's known sources are remembered after its last attempt: who comes back from their holidays should
/// not be a stranger, and nothing is kept about anybody for longer than that takes.
const KNOWN: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long what is usual for something is remembered after its last attempt: by then a day weighs a sixteenth.
const LEARNED: Duration = Duration::from_secs(28 * 24 * 3600);

static SOURCE_SCRIPT: LazyLock<Counting> = LazyLock::new(|| {
    Counting::new(concat!(include_str!("counting.lua"), include_str!("distinct.lua"), include_str!("source.lua")))
});
static VELOCITY_SCRIPT: LazyLock<Counting> = LazyLock::new(|| {
    Counting::new(concat!(include_str!("counting.lua"), include_str!("distinct.lua"), include_str!("velocity.lua")))
});
static ACCOUNT_SCRIPT: LazyLock<Counting> =
    LazyLock::new(|| Counting::new(concat!(include_str!("counting.lua"), include_str!("account.lua"))));
static HOLDER_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("holder.lua")));
static ATTEMPT_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("attempt.lua")));

static ORDER_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("order.lua")));

static BURN_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("burn.lua")));

static PROFILE_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("profile.lua")));

static VALUE_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("value.lua")));

static LISTS_SCRIPT: LazyLock<Counting> = LazyLock::new(|| Counting::new(include_str!("lists.lua")));

struct Counting {
    code: &'static str,
    digest: Box<str>,
}

impl Counting {
    fn new(code: &'static str) -> Counting {
        Counting { code, digest: Script::new(code).get_hash().into() }
    }
}

/// One command for the server, on one key.
pub struct Call {
    does: Does,
    key: Vec<u8>,
    arguments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Does {
    Command(&'static str),
    Script(&'static Counting),
}

/// How an attempt arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Now,
    /// It arrived while the store could not be asked.
    Late,
}

/// Whether, and how, the application answered an attempt on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    No,
    Otherwise,
    Failed,
}

impl Answered {
    fn letter(self) -> &'static str {
        match self {
            Answered::No => "",
            Answered::Otherwise => "a",
            Answered::Failed => "f",
        }
    }
}

/// What is to change at a source when an attempt takes another standing.
#[derive(Clone, Copy, Debug)]
pub struct TurnAtSource {
    pub change: Change,
    /// It was in flight until now.
    pub landed: bool,
    pub answered: Answered,
    /// It was lawful, and may teach.
    pub teaches: bool,
}

/// The same at an account.
#[derive(Clone, Copy, Debug)]
pub struct TurnAtAccount {
    pub change: Change,
    pub landed: bool,
    pub refused: bool,
    pub forgiven: bool,
    pub known: bool,
    pub teaches: bool,
}

/// Where an attempt comes from, for an account.
#[derive(Clone, Copy, Debug)]
pub struct From {
    pub network: Source,
    pub device: Source,
    pub device_is_proof: bool,
}

impl Call {
    /// Anything that is one command with its key in front.
    pub fn command(name: &'static str, key: Vec<u8>) -> Call {
        Call { does: Does::Command(name), key, arguments: Vec::new() }
    }

    pub fn arrive_at_source(
        key: Vec<u8>,
        how: Arrival,
        at: Timestamp,
        change: Change,
        account: Option<&[u8; 16]>,
    ) -> Call {
        Call::script(&SOURCE_SCRIPT, key)
            .with(mode(how))
            .with(number(at.0))
            .with(packed(change))
            .with(account.map_or(&[][..], |account| &account[..4]))
            .with(millis(SOURCE))
            .with("")
            .with("")
            .with("")
            .with(millis(LEARNED))
    }

    pub fn turn_at_source(key: Vec<u8>, at: Timestamp, turn: TurnAtSource, account: Option<&[u8; 16]>) -> Call {
        Call::script(&SOURCE_SCRIPT, key)
            .with("turn")
            .with(number(at.0))
            .with(packed(turn.change))
            .with(account.map_or(&[][..], |account| &account[..4]))
            .with(millis(SOURCE))
            .with(if turn.landed { "l" } else { "" })
            .with(turn.answered.letter())
            .with(if turn.teaches { "t" } else { "" })
            .with(millis(LEARNED))
    }

    pub fn arrive_at_velocity(
        key: Vec<u8>,
        how: Arrival,
        at: Timestamp,
        change: Change,
        account: Option<&[u8; 16]>,
    ) -> Call {
        Call::at_velocity(key, mode(how), at, change, account)
    }

    pub fn turn_at_velocity(
        key: Vec<u8>,
        at: Timestamp,
        change: Change,
        answered: Answered,
        account: Option<&[u8; 16]>,
    ) -> Call {
        Call::at_velocity(key, "turn", at, change, account).with(answered.letter())
    }

    fn at_velocity(key: Vec<u8>, mode: &str, at: Timestamp, change: Change, account: Option<&[u8; 16]>) -> Call {
        Call::script(&VELOCITY_SCRIPT, key)
            .with(mode)
            .with(number(at.0))
            .with(packed(change))
            .with(account.map_or(&[][..], |account| &account[..4]))
            .with(millis(VELOCITY))
    }

    pub fn arrive_at_account(key: Vec<u8>, how: Arrival, at: Timestamp, change: Change, from: From) -> Call {
        Call::at_account(key, mode(how), at, change, from, "")
    }

    pub fn turn_at_account(key: Vec<u8>, at: Timestamp, turn: TurnAtAccount, from: From) -> Call {
        let does =
            [(turn.landed, 'l'), (turn.refused, 'r'), (turn.forgiven, 'f'), (turn.known, 'k'), (turn.teaches, 't')];
        let does: String = does.into_iter().filter(|(does, _)| *does).map(|(_, letter)| letter).collect();
        Call::at_account(key, "turn", at, turn.change, from, &does)
    }

    /// A device cookie came with an attempt.
    pub fn present(key: Vec<u8>, at: Timestamp, cookie: &Presented) -> Call {
        Call::script(&HOLDER_SCRIPT, key)
            .with("present")
            .with(number(at.0))
            .with(millis(FORGOTTEN_AFTER))
            .with(number(cookie.generation.into()))
            .with(number(cookie.renewed.0))
    }

    /// An attempt with that cookie on this account succeeded; `logged_in`: and was no registration.
    pub fn succeed(key: Vec<u8>, at: Timestamp, account: &Pseudonym, logged_in: bool) -> Call {
        Call::script(&HOLDER_SCRIPT, key)
            .with("succeed")
            .with(number(at.0))
            .with(millis(FORGOTTEN_AFTER))
            .with(&account.0[..4])
            .with(if logged_in { "l" } else { "" })
    }

    /// Moves an attempt's record from one of the standings in `from` to `to`.
    pub fn turn(key: Vec<u8>, now: Timestamp, to: u8, from: Vec<u8>, is_final: bool, longest: Duration) -> Call {
        Call::script(&ATTEMPT_SCRIPT, key)
            .with(number(now.0))
            .with([to])
            .with(from)
            .with(if is_final { "f" } else { "" })
            .with(millis(longest))
    }

    /// `mode` of `order.lua`, on an order that is forgotten so long after `at`.
    pub fn order(key: Vec<u8>, mode: &'static str, at: Timestamp, remembered: Duration) -> Call {
        Call::script(&ORDER_SCRIPT, key)
            .with(mode)
            .with(number(at.0))
            .with(number(at.after(remembered).0))
            .with(millis(remembered))
    }

    pub fn burn(key: Vec<u8>, mark: [u8; 16], lifetime: Duration) -> Call {
        Call::script(&BURN_SCRIPT, key).with(mark).with(millis(lifetime))
    }

    /// `mode` of `lists.lua`, on the lists whose keys begin with `key`.
    pub fn lists(key: Vec<u8>, mode: &'static str) -> Call {
        Call::script(&LISTS_SCRIPT, key).with(mode)
    }

    /// `mode` of `profile.lua`, for the login with this id.
    pub fn profile(key: Vec<u8>, mode: &'static str, id: &[u8; 16], lifetime: Duration) -> Call {
        Call::script(&PROFILE_SCRIPT, key).with(mode).with(id).with(millis(lifetime))
    }

    /// Counts a login that shows a value.
    pub fn value(key: Vec<u8>, lifetime: Duration) -> Call {
        Call::script(&VALUE_SCRIPT, key).with("value").with(millis(lifetime))
    }

    /// Counts a login among all.
    pub fn sums(key: Vec<u8>, lifetime: Duration) -> Call {
        Call::script(&VALUE_SCRIPT, key).with("sums").with(millis(lifetime))
    }

    fn at_account(key: Vec<u8>, mode: &str, at: Timestamp, change: Change, from: From, does: &str) -> Call {
        Call::script(&ACCOUNT_SCRIPT, key)
            .with(mode)
            .with(number(at.0))
            .with(packed(change))
            .with(from.network.tag)
            .with(from.device.tag)
            .with(if from.device_is_proof { "p" } else { "" })
            .with(millis(ACCOUNT))
            .with(millis(KNOWN))
            .with(does)
            .with(millis(LEARNED))
    }

    fn script(script: &'static LazyLock<Counting>, key: Vec<u8>) -> Call {
        Call { does: Does::Script(script), key, arguments: Vec::with_capacity(10) }
    }

    pub fn with(mut self, argument: impl AsRef<[u8]>) -> Call {
        self.arguments.push(argument.as_ref().to_vec());
        self
    }

    /// As it is sent: `whole` with the script itself instead of its digest.
    pub fn to_command(&self, whole: bool) -> Cmd {
        let mut command = match self.does {
            Does::Command(name) => redis::cmd(name),
            Does::Script(script) if whole => {
                let mut command = redis::cmd("EVAL");
                command.arg(script.code).arg(1);
                command
            }
            Does::Script(script) => {
                let mut command = redis::cmd("EVALSHA");
                command.arg(&*script.digest).arg(1);
                command
            }
        };
        command.arg(&self.key);
        for argument in &self.arguments {
            command.arg(argument);
        }
        command
    }
}

/// A lifetime as the server wants it: never zero, which it refuses.
pub fn millis(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}

fn number(number: u64) -> String {
    number.to_string()
}

fn mode(how: Arrival) -> &'static str {
    match how {
        Arrival::Now => "arrive",
        Arrival::Late => "late",
    }
}

fn packed(change: Change) -> [u8; 4] {
    [change.attempts, change.failed, change.succeeded, change.open].map(|number| number.to_le_bytes()[0])
}
