//! Any text as a configuration: refused with problems that point into it and stay small, or accepted; the same twice; and
//! never does a report show what an environment variable holds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tollgate::config::{Problem, parse};

const SECRET: &str = "hush-7f3a9c";

fuzz_target!(
    init: {
        // Before any other thread runs.
        unsafe { std::env::set_var("TOLLGATE_FUZZ", SECRET) }
    },
    |text: &str| {
        // Files that a configuration names are not there: below a file nothing is.
        let read = || parse("fuzz.yaml", text, Path::new("/dev/null"));
        match (read(), read()) {
            (Ok((_, warnings)), Ok((_, again))) => {
                assert_eq!(warnings, again);
                check(text, &warnings);
            }
            (Err(report), Err(again)) => {
                assert_eq!(report, again);
                assert!(!report.problems.is_empty());
                assert!(report.problems.len() <= 101);
                check(text, &report.problems);
                assert!(text.contains(SECRET) || !report.to_string().contains(SECRET), "{report}");
            }
            _ => panic!("accepted or not, as it likes"),
        }
    }
);

fn check(text: &str, problems: &[Problem]) {
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let shown = problem.render("fuzz.yaml", "error");
        assert!(shown.len() < 8 * 1024, "{} bytes: {shown}", shown.len());
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        if problem.line > 0 {
            let line = lines.get(problem.line - 1).unwrap_or_else(|| panic!("line {}: {shown}", problem.line));
            assert!((1..=line.chars().count() + 1).contains(&problem.column), "column {}: {shown}", problem.column);
        }
    }
}
