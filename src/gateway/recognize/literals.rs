//! Texts without which a pattern cannot match, read from its syntax tree.
//!
//! Thousands of patterns are too many to try, even as one set: its automaton grows with all of them. But nearly every
//! pattern holds a piece of plain text, and one pass of Aho-Corasick over a path finds every such piece of every pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Most texts of which one may be the required one; alternations with more are not looked into.
const MAX_CHOICES: usize = 16;

/// Texts of which at least one is in whatever matches. ASCII, lower case.
pub(super) type AnyOf = Vec<Vec<u8>>;

/// All requirements that the expression makes; each alone is sound.
pub(super) fn required(hir: &Hir) -> Vec<AnyOf> {
    let mut found = Vec::new();
    let mut run = Vec::new();
    collect(hir, &mut run, &mut found);
    end(&mut run, &mut found);
    found
}

/// Walks a concatenation; `run` is the plain text directly before.
fn collect(hir: &Hir, run: &mut Vec<u8>, found: &mut Vec<AnyOf>) {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().for_each(|&byte| match byte.is_ascii() {
            true => run.push(byte.to_ascii_lowercase()),
            // Letters beyond ASCII have more foldings than one.
            false => end(run, found),
        }),
        HirKind::Class(class) => match only_letter(class) {
            Some(letter) => run.push(letter),
            None => end(run, found),
        },
        HirKind::Capture(group) => collect(&group.sub, run, found),
        HirKind::Concat(parts) => parts.iter().for_each(|part| collect(part, run, found)),
        // Takes no text: what stands on both sides of it stands side by side.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Repetition(repetition) => {
            end(run, found);
            if repetition.min > 0 {
                found.extend(required(&repetition.sub));
            }
        }
        HirKind::Alternation(branches) => {
            end(run, found);
            let best = |branch: &Hir| required(branch).into_iter().max_by_key(shortest);
            let union: Option<Vec<AnyOf>> = branches.iter().map(best).collect();
            let union: AnyOf = union.into_iter().flatten().flatten().collect();
            if !union.is_empty() && union.len() <= MAX_CHOICES {
                found.push(union);
            }
        }
    }
}

fn end(run: &mut Vec<u8>, found: &mut Vec<AnyOf>) {
    if !run.is_empty() {
        found.push(vec![std::mem::take(run)]);
    }
}

/// Length of the shortest text: a requirement is worth as much.
pub(super) fn shortest(any: &AnyOf) -> usize {
    any.iter().map(Vec::len).min().unwrap_or(0)
}

/// The letter of a class that is one letter in both cases, as `(?i)` makes them.
fn only_letter(class: &Class) -> Option<u8> {
    let letters: Vec<u8> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start() == range.end()).then(|| folded(range.start())))
            .collect::<Option<Option<_>>>()??,
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start() == range.end()).then(|| range.start().to_ascii_lowercase()))
            .collect::<Option<_>>()?,
    };
    let (first, others) = letters.split_first()?;
    (first.is_ascii() && others.iter().all(|other| other == first)).then_some(*first)
}

/// As [`super::key::folded`] does, where that is one ASCII byte.
fn folded(c: char) -> Option<u8> {
    match c {
        'ſ' => Some(b's'),
        '\u{212a}' => Some(b'k'),
        c => c.is_ascii().then(|| c.to_ascii_lowercase() as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(regex: &str) -> Vec<String> {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(regex).unwrap();
        let shown = |any: AnyOf| any.iter().map(|text| String::from_utf8_lossy(text)).collect::<Vec<_>>().join("|");
        required(&hir).into_iter().map(shown).collect()
    }

    #[test]
    fn what_must_be_there_is_found() {
        for (regex, expected) in [
            ("^/shop17(?s-u:.)*/Login$", &["/shop17", "/login"][..]),
            ("^(?:/v[0-9]+/session)$", &["/v", "/session"]),
            ("^(?:/a/x|/b/y)$", &["/a/x|/b/y"]),
            ("^(?i:/Kiosk)$", &["/kiosk"]),
            ("^/(?:ab)+/c?$", &["/", "ab", "/"]),
            ("^/caf(?:é)/x$", &["/caf", "/x"]),
            ("^(?:/a|.*)$", &[]),
            ("^.*$", &[]),
        ] {
            assert_eq!(texts(regex), expected, "{regex}");
        }
    }
}
