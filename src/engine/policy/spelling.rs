//! What a misspelt name may have meant, in rules and everywhere else in the configuration. Names are short and the tables small, so the textbook distance does; the engine
//! takes no crate for it.

/// The candidate nearest to `word`, if it is near enough to be a slip of the finger.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    const LONGEST: usize = 64;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *candidate != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Single-letter edits and exchanged neighbours between two words, without regard to case (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| -> Vec<char> { word.chars().flat_map(char::to_lowercase).collect() };
    let (a, b) = (letters(a), letters(b));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before[j - 2] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_inventions_are_not() {
        let names = ["brute_force", "tor_exit", "vpn_ip"];
        for (word, meant) in [
            ("brute_froce", Some("brute_force")),
            ("tor_exits", Some("tor_exit")),
            ("Tor_Exit", Some("tor_exit")),
            ("vpni_p", Some("vpn_ip")),
            ("vpnip", Some("vpn_ip")),
            ("brute-force", Some("brute_force")),
            ("weather", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), meant, "{word}");
        }
    }
}
