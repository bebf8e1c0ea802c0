//! The command line: one file a command, one table. `--help` texts are the docs of these types.

pub mod check;
mod reload;
mod run;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// All is well.
pub const FINE: u8 = 0;
/// Something failed at run time.
pub const FAILED: u8 = 1;
/// The command line is wrong, as `sysexits.h` numbers it.
pub const USAGE: u8 = 64;

/// A gate before web applications: it recognises logins, registrations, password resets and checkouts, scores each one
/// inline, and forwards, challenges or refuses it.
#[derive(Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, until SIGTERM (running requests finish) or SIGINT. SIGHUP loads the configuration again, with every file it
    /// names, and reopens the decision log; changed files are noticed without it.
    #[command(after_help = "Exit codes: 0 stopped in order, 1 failed (a port in use, a file that cannot be read), \
                            64 wrong usage, 78 a mistake in the configuration.")]
    Run {
        /// The configuration.
        #[arg(long, short, value_name = "FILE", default_value = "conf/tollgate.yaml")]
        config: PathBuf,
    },
    /// Read a configuration as `run` would, and say all that is wrong with it.
    #[command(after_help = "Exit codes: 0 fine, 78 mistakes found.\n\nExample:\n  tollgate check conf/minimal.yaml")]
    Check {
        /// The configuration.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// One JSON object for CI instead of text for people.
        #[arg(long)]
        json: bool,
    },
    /// Have the running gate load its configuration again, with every file it names: all of it, or nothing if anything is
    /// wrong. Prints what changed and what needs a restart, or the report of `check`.
    #[command(
        after_help = "Needs `admin.address` and `admin.token_file` in the configuration, and the right to read the \
                            token.\n\nExit codes: 0 reloaded, 1 the gate could not be asked, 64 wrong usage, 78 \
                            mistakes found: the configuration before stays in force.\n\nExample:\n  tollgate reload \
                            --config /etc/tollgate/tollgate.yaml"
    )]
    Reload {
        /// The configuration that the gate runs on: tells where it listens and where its token is.
        #[arg(long, short, value_name = "FILE", default_value = "conf/tollgate.yaml")]
        config: PathBuf,
    },
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing can only fail if nobody listens.
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { FINE };
        }
    };
    match arguments.command {
        Command::Run { config } => run::run(&config),
        Command::Check { file, json } => check::check(&file, json),
        Command::Reload { config } => reload::reload(&config),
    }
}
