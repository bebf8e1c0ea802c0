//! What a signal found, as a sentence for people. The words stand in the table, beside the code that makes the findings, so
//! that whoever adds one is asked for them; a finding that has none prints as its name and value, and nothing is left out.

use super::signals::{Finding, Findings, Signal};
use std::fmt::Write;

impl Signal {
    /// The findings in words: `the User-Agent names curl`.
    pub fn in_words(&self, findings: &Findings) -> String {
        let parts: Vec<String> = findings.0.iter().map(|(name, finding)| self.say(name, finding)).collect();
        parts.join(", ")
    }

    fn say(&self, name: &str, finding: &Finding) -> String {
        let words = self.findings.iter().find(|(known, _)| *known == name).map(|(_, words)| *words);
        match (words, finding) {
            (Some(words), Finding::Flag(flag)) => {
                let (when_true, when_false) = words.split_once('|').unwrap_or((words, words));
                if *flag { when_true.to_owned() } else { when_false.to_owned() }
            }
            (Some(words), finding) => words.replacen("{}", &text(finding), 1),
            (None, finding) => format!("{name} {}", text(finding)),
        }
    }
}

fn text(finding: &Finding) -> String {
    match finding {
        Finding::Count(count) => count.to_string(),
        Finding::Number(number) => number.to_string(),
        Finding::Flag(flag) => flag.to_string(),
        Finding::Text(text) => text.to_string(),
        Finding::Texts(texts) => texts.iter().enumerate().fold(String::new(), |mut all, (place, text)| {
            // Writing into a string cannot fail.
            let _ = write!(all, "{}{text}", if place == 0 { "" } else { ", " });
            all
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use crate::engine::signals::{Reading, SIGNALS, find};
    use std::collections::BTreeSet;

    /// The product code of a signal's file.
    fn code(name: &str) -> String {
        let file = format!("{}/src/engine/signals/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut code = source.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        if code.contains("Activity::FINDINGS") {
            // What these signals share.
            let shared = include_str!("signals/mod.rs").split("impl Activity {").nth(1).unwrap();
            code.push_str(shared.split("\n}\n").next().unwrap());
        }
        if code.contains("of_campaign(") && !code.contains("fn of_campaign(") {
            let shared = include_str!("signals/credential_stuffing.rs").split("fn of_campaign(").nth(1).unwrap();
            code.push_str(shared.split("\n}\n").next().unwrap());
        }
        code
    }

    /// The names of the findings that this code makes.
    fn made(code: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for maker in [".count(\"", ".number(\"", ".flag(\"", ".text(\"", ".texts(\"", ".probability(\""] {
            names.extend(code.split(maker).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
        if code.contains("of_lists") {
            names.extend(["list", "entity", "also"].map(str::to_owned));
        }
        names
    }

    #[test]
    fn every_finding_has_its_words_and_every_word_its_finding() {
        for signal in SIGNALS {
            let told: BTreeSet<String> = signal.findings.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(told.len(), signal.findings.len(), "{} tells of a finding twice", signal.name);
            assert_eq!(told, made(&code(signal.name)), "{}: `findings` and the code name different ones", signal.name);
            assert!(
                signal.needs.len() > 8 && !signal.needs.ends_with('.'),
                "{} does not say what it needs",
                signal.name
            );
            let code = code(signal.name);
            for (name, words) in signal.findings {
                let flag = code.contains(&format!(".flag(\"{name}\""));
                let value = ["count", "number", "text", "texts", "probability"];
                let valued = value.iter().any(|maker| code.contains(&format!(".{maker}(\"{name}\"")));
                let listed = code.contains("of_lists");
                assert_eq!(words.contains("{}"), valued || listed, "{}.{name}: `{words}`", signal.name);
                assert_eq!(words.contains('|'), flag, "{}.{name} is a flag, or is none: `{words}`", signal.name);
            }
        }
    }

    #[test]
    fn evidence_reads_as_a_sentence() {
        let evidence = fixture::stuffing();
        let mut said = Vec::new();
        for signal in SIGNALS {
            let parameters: Vec<f64> = signal.parameters.iter().map(|parameter| parameter.default).collect();
            if let Reading::Fired(findings) = (signal.read)(&evidence, &parameters) {
                said.push(format!("{}: {}", signal.name, signal.in_words(&findings)));
            }
        }
        assert!(said.iter().any(|line| line.starts_with("http_client_library: the User-Agent names ")), "{said:?}");
        assert!(said.iter().any(|line| line.contains("distinct accounts tried")), "{said:?}");
        assert!(said.iter().all(|line| !line.contains("{}") && !line.contains('|')), "{said:?}");
    }

    #[test]
    fn what_has_no_words_is_printed_all_the_same() {
        let findings = Findings::new().count("new", 3u32).flag("listed", true);
        let tor = find("tor_exit").unwrap().signal().unwrap();
        assert_eq!(tor.in_words(&findings), "new 3, the address is on the list");
    }
}
