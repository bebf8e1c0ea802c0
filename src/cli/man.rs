//! `tollgate man`: the manual pages, generated from the same texts as `--help`.

use super::{FAILED, FINE};
use clap_mangen::Man;
use std::io::Write;
use std::path::Path;

/// Writes the page of the program to standard output, or, with `directory`, that page and one for each command into it.
pub fn man(directory: Option<&Path>) -> u8 {
    let written = match directory {
        None => Man::new(super::arguments()).render(&mut std::io::stdout().lock()),
        Some(directory) => std::fs::create_dir_all(directory)
            .and_then(|()| pages().into_iter().try_for_each(|(name, page)| std::fs::write(directory.join(name), page))),
    };
    match (written, directory) {
        // A reader that went away (`| head`) is no reason to fail.
        (Ok(()), _) | (Err(_), None) => FINE,
        (Err(error), Some(directory)) => {
            let _ = writeln!(std::io::stderr(), "tollgate: {}: {error}", directory.display());
            FAILED
        }
    }
}

/// File name and text of every page.
fn pages() -> Vec<(String, Vec<u8>)> {
    let program = super::arguments();
    let mut pages = vec![page(program.clone())];
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        // Left as it is, the synopsis would read `check`, which is no program.
        let name = format!("tollgate-{}", command.get_name());
        pages.push(page(
            command.clone().name(name.clone()).display_name(name.clone()).bin_name(name.replacen('-', " ", 1)),
        ));
    }
    pages
}

fn page(command: clap::Command) -> (String, Vec<u8>) {
    let name = format!("{}.1", command.get_name());
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = Man::new(command.version(env!("CARGO_PKG_VERSION"))).render(&mut text);
    (name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_says_how_it_is_called() {
        let pages = pages();
        assert_eq!(pages.len(), 1 + crate::cli::arguments().get_subcommands().count());
        let check = pages.iter().find(|(name, _)| name == "tollgate-check.1").unwrap();
        let text = String::from_utf8(check.1.clone()).unwrap();
        assert!(text.contains("tollgate check") && text.contains("FILE"), "{text}");
    }
}
