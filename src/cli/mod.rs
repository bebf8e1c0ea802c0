//! The command line: one file a command, one table. `--help` texts are the docs of these types.

mod asking;
pub mod check;
mod completions;
mod evaluate;
mod explain;
mod export;
mod forget;
mod label;
mod lists;
mod man;
mod output;
mod progress;
mod reload;
mod run;
mod schema;
mod simulate;
mod tune;
mod upgrade;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
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
#[command(
    name = "tollgate",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "The first hour:\n  \
                  tollgate check tollgate.yaml            what is wrong with it\n  \
                  tollgate run --config tollgate.yaml     serve\n  \
                  tollgate explain --request login.txt    why a visitor was challenged\n\n\
                  Exit codes: 0 fine, 1 failed, 64 wrong usage, 78 a mistake in the configuration."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, until SIGTERM (running requests finish) or SIGINT. SIGHUP loads the configuration again, with every file it
    /// names, and reopens the decision log; changed files are noticed without it. SIGUSR2 has the program that is installed
    /// now take over.
    #[command(after_help = "Exit codes: 0 stopped in order, 1 failed (a port in use, a file that cannot be read), \
                            64 wrong usage, 78 a mistake in the configuration.\n\n\
                            Examples:\n  tollgate run --config /etc/tollgate/tollgate.yaml\n  \
                            RUST_LOG=debug tollgate run --config conf/minimal.yaml")]
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
    /// Have the running gate load its configuration again, with every file it names: all of it, or nothing if anything is
    /// wrong. Prints what changed and what needs a restart, or the report of `check`.
    #[command(
        after_help = "Needs `admin.address` and `admin.token_file` in the configuration, and the right to read the \
                            token; or a certificate, where `admin.tls.client_ca` asks for one.\n\nExit codes: 0 reloaded, 1 the gate could not be asked, 64 wrong usage, 78 \
                            mistakes found: the configuration before stays in force.\n\nExample:\n  tollgate reload \
                            --config /etc/tollgate/tollgate.yaml"
    )]
    Reload(asking::Running),
    /// Print everything that the running gate keeps of one account, as JSON (GDPR, article 15).
    #[command(
        after_help = "Needs what `tollgate reload` needs.\n\nExit codes: 0 all of it, 1 the gate could not be asked, or \
                            has more than it could say, 64 wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  \
                            tollgate export anna --alias anna@example.com\n  \
                            tollgate export - --output anna.json < name.txt"
    )]
    Export {
        #[command(flatten)]
        person: asking::Person,
        /// A new file for it, readable for you only; without this it goes to standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        running: asking::Running,
    },
    /// Have the running gate forget one account for good (GDPR, article 17): its counters and known devices, and who it was
    /// in every record. Says what is left to do by hand.
    #[command(
        after_help = "Needs what `tollgate reload` needs.\n\nExit codes: 0 forgotten, 1 the gate could not be asked, or \
                            it was not meant, 64 wrong usage, 78 a mistake in the configuration.\n\nExamples:\n  \
                            tollgate forget anna --alias anna@example.com\n  \
                            tollgate forget --yes - < name.txt"
    )]
    Forget {
        #[command(flatten)]
        person: asking::Person,
        /// Do not ask whether this is meant.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        running: asking::Running,
    },
    /// Show the operator's lists, and add to them, take from them, import and export while the gate runs.
    #[command(
        arg_required_else_help = true,
        disable_help_subcommand = true,
        after_help = "Needs `admin.address` and `admin.token_file` in the configuration, as `reload` does.\n\n\
        Exit codes: 0 fine, 1 the gate could not be asked or refused, 64 wrong usage, 78 a mistake in the configuration or in \
        an imported file.\n\nExamples:\n  tollgate lists show\n  \
        tollgate lists add blocked 203.0.113.0/24 --reason scraping --for 7d\n  tollgate lists remove banned 203.0.113.7\n  \
        tollgate lists import blocked feed.txt --dry-run\n  tollgate lists export blocked > added.txt"
    )]
    Lists(lists::Options),
    /// Have the program that is installed now take over from the one that runs, without a visitor noticing: it is started
    /// beside it with the same arguments, gets ready, and is handed the listeners and all that was learned. If it does not
    /// get ready, the one that runs goes on.
    #[command(
        after_help = "Also for settings that need a restart. Needs what `tollgate reload` needs; SIGUSR2 to the main process \
                            does the same, and its log says what became of it.\n\nExit codes: 0 upgraded, 1 not upgraded \
                            (the gate goes on as it is) or not to be asked, 64 wrong usage, 78 a mistake in the \
                            configuration.\n\nExample:\n  tollgate upgrade --config /etc/tollgate/tollgate.yaml"
    )]
    Upgrade(asking::Running),
    /// Say what the gate makes of one request, and why: route, signals, scores, rules, and the answer it would get. Nothing
    /// is sent, counted or written.
    Explain(explain::Options),
    Evaluate(evaluate::Options),
    Simulate(simulate::Options),
    Label(label::Options),
    Tune(tune::Options),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Editors that speak it complete keys and explain them. In a file's first line:\n  \
                            # yaml-language-server: $schema=schema.json\n\n\
                            Exit codes: 0 fine, 64 wrong usage.\n\n\
                            Example:\n  tollgate schema > conf/schema.json")]
    Schema,
    /// Print the completions of commands and options for a shell.
    #[command(after_help = "Exit codes: 0 fine, 64 wrong usage.\n\nExamples:\n  \
                            tollgate completions bash > /etc/bash_completion.d/tollgate\n  \
                            tollgate completions zsh > \"${fpath[1]}/_tollgate\"\n  \
                            tollgate completions fish > ~/.config/fish/completions/tollgate.fish")]
    Completions {
        /// Whose.
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands into a directory.
    #[command(after_help = "Exit codes: 0 fine, 1 a page could not be written, 64 wrong usage.\n\nExamples:\n  \
                            tollgate man | man -l -\n  \
                            tollgate man --directory /usr/local/share/man/man1")]
    Man {
        /// Where the pages go: tollgate.1, and tollgate-check.1 and so on. It is made if it is missing.
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}

/// The whole command line, for what is generated from it.
fn arguments() -> clap::Command {
    Arguments::command()
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
        Command::Reload(running) => reload::reload(&running),
        Command::Export { person, output, running } => export::export(&running, &person, output.as_deref()),
        Command::Forget { person, yes, running } => forget::forget(&running, &person, yes),
        Command::Lists(options) => lists::lists(&options),
        Command::Upgrade(running) => upgrade::upgrade(&running),
        Command::Explain(options) => explain::explain(&options),
        Command::Evaluate(options) => evaluate::evaluate(&options),
        Command::Simulate(options) => simulate::simulate(&options),
        Command::Label(options) => label::label(&options),
        Command::Tune(options) => tune::tune(&options),
        Command::Check { file, json, show, probe } => check::check(&file, check::Asked { json, show, probe }),
        Command::Schema => schema::schema(),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { directory } => man::man(directory.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_sound() {
        arguments().debug_assert();
    }

    /// Every command with its name, those below another included: `lists add`.
    fn every_command() -> Vec<(String, clap::Command)> {
        let mut all = Vec::new();
        for command in arguments().get_subcommands() {
            let name = command.get_name().to_owned();
            let below = command.get_subcommands();
            all.extend(below.map(|below| (format!("{name} {}", below.get_name()), below.clone())));
            all.push((name, command.clone()));
        }
        all
    }

    /// A line as a shell cuts it, as far as the examples need one.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for character in line.chars() {
            match character {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                other => word.push(other),
            }
        }
        words.push(word);
        words.into_iter().filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn every_command_says_what_it_does_how_it_ends_and_how_it_is_called() {
        for (name, command) in every_command() {
            assert!(command.get_about().is_some(), "{name} does not say what it does");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Exit codes: 0"), "{name} does not say how it ends");
            let example = after.split_once("Example").map_or("", |(_, example)| example);
            assert!(example.contains(&format!("tollgate {name}")), "{name} has no example");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {} is not explained", argument.get_id());
            }
        }
    }

    /// The examples in the texts are commands that the program takes.
    #[test]
    fn the_examples_are_taken() {
        let commands = every_command();
        let texts: Vec<String> =
            commands.iter().filter_map(|(_, command)| command.get_after_help().map(ToString::to_string)).collect();
        let mut tried = 0;
        for line in texts.iter().flat_map(|text| text.lines()) {
            let Some(start) = line.find("tollgate ").filter(|_| line.starts_with("  ")) else { continue };
            let words = words(&line[start..]).into_iter();
            let words = words.take_while(|word| !["|", ">", "<", "&&", "#"].contains(&word.as_str()));
            let taken = Arguments::try_parse_from(words);
            assert!(taken.is_ok(), "{line}: {}", taken.err().map(|error| error.to_string()).unwrap_or_default());
            tried += 1;
        }
        assert!(tried >= commands.len(), "every command has an example to try");
    }
}
