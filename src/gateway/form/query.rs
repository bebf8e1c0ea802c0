//! One parameter of a query string, for recognition: found as [`Values`](super::Values) finds it, by the same names and
//! the same separators, but without keeping anything, because most requests are on no route.

use super::urlencoded::{Key, pieces};
use super::wanted::{Kin, Place, Want};

/// A parameter's name with its look-alikes.
pub struct QueryParameter(Want);

/// One value under the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<'q> {
    /// As sent: escapes in place.
    pub raw: &'q [u8],
    /// The very name, where every backend reads it, and not a spelling that some take for it.
    pub exact: bool,
    /// Whether it is seen where only `&` separates, and where `;` does too.
    pub seen: [bool; 2],
}

impl QueryParameter {
    pub fn new(name: &str) -> QueryParameter {
        QueryParameter(Want::new(Place::Query, name))
    }

    /// Every value in the order of the query.
    pub fn each<'q>(&self, query: &'q [u8], mut found: impl FnMut(Given<'q>)) {
        let mut key = Key::default();
        pieces(query, 0, |piece, separated, sure| {
            let raw = key.read(piece);
            if let Some(kin) = key.kin(&self.0, Place::Query) {
                found(Given { raw, exact: sure && kin == Kin::Exact, seen: separated.seen() });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Values, Wanted};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Recognition and capture read the same parameters of the same query.
        #[test]
        fn both_readers_find_the_same_values(query in "(a|%61|A|a\\[\\]|b|c| a|=|&|;|x|\\+|%2|!){0,12}") {
            let mut values = Values::new(&Wanted::new([(Place::Query, "a")]));
            values.read_query(query.as_bytes());
            let captured: Vec<(&str, bool)> = values
                .query("a")
                .iter()
                .filter(|reading| reading.kin() != Kin::Joined)
                .map(|reading| (reading.as_ref(), reading.kin() == Kin::Exact))
                .collect();
            let mut recognised = Vec::new();
            QueryParameter::new("a").each(query.as_bytes(), |given| {
                // What stands between semicolons is a look-alike to capture.
                recognised.push((super::super::decoded(given.raw), given.exact && given.seen[0]));
            });
            let recognised: Vec<(&str, bool)> = recognised.iter().map(|(text, exact)| (&**text, *exact)).collect();
            prop_assert_eq!(captured, recognised, "{}", query);
        }
    }
}
