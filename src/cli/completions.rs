//! `tollgate completions SHELL`: what a shell needs to finish words, generated from the table of commands, so that it
//! cannot fall behind.

use super::output;
use clap_complete::Shell;

/// Writes the script for a shell to standard output.
pub fn completions(shell: Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::arguments(), "tollgate", &mut script);
    output::print_bytes(&script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut crate::cli::arguments(), "tollgate", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in crate::cli::arguments().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell} does not know {}", command.get_name());
            }
        }
    }
}
