//! The command line: one file a command, one table. `--help` texts are the docs of these types.

pub mod check;
mod run;
mod schema;

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
    /// Serve, until SIGTERM (running requests finish) or SIGINT. SIGHUP reopens the decision log.
    #[command(after_help = "Exit codes: 0 stopped in order, 1 failed (a port in use, a file that cannot be read), \
                            64 wrong usage, 78 a mistake in the configuration.")]
    Run {
        /// The configuration.
        #[arg(long, short, value_name = "FILE", default_value = "conf/tollgate.yaml")]
        config: PathBuf,
    },
    /// Read a configuration as `run` would, and say all that is wrong with it.
    #[command(after_help = "Exit codes: 0 fine (warnings do not fail a check), 78 mistakes found.\n\n\
                            Examples:\n  tollgate check conf/minimal.yaml\n  \
                            tollgate check --show conf/minimal.yaml    # with every default filled in\n  \
                            tollgate check --probe conf/minimal.yaml   # before a start: are ports and servers to be had?")]
    Check {
        /// The configuration.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// One JSON object for CI instead of text for people.
        #[arg(long)]
        json: bool,
        /// Print the effective configuration, with every default and without secrets, as YAML.
        #[arg(long)]
        show: bool,
        /// Try what it names, two seconds each: listen on its ports for a moment, connect to its servers, write beside
        /// its decision log. A port in use is an error then, and not only a warning.
        #[arg(long)]
        probe: bool,
    },
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Editors that speak it complete keys and explain them. In a file's first line:\n  \
                            # yaml-language-server: $schema=schema.json\n\n\
                            Example:\n  tollgate schema > conf/schema.json")]
    Schema,
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
        Command::Check { file, json, show, probe } => check::check(&file, check::Asked { json, show, probe }),
        Command::Schema => schema::schema(),
    }
}
