//! Counts by a name that the file brings: labels, personas. Bounded, since a file may bring any number of names; in the order
//! in which they first came, so that the same file makes the same report.

use std::collections::HashMap;

/// Names that are told apart in one table.
pub const MOST_NAMES: usize = 500;
/// What stands for all names beyond the bound.
pub const OTHERS: &str = "(others)";

/// See the module.
#[derive(Debug)]
pub struct Named<V> {
    places: HashMap<Box<str>, usize>,
    entries: Vec<(Box<str>, V)>,
}

impl<V> Default for Named<V> {
    fn default() -> Named<V> {
        Named { places: HashMap::new(), entries: Vec::new() }
    }
}

impl<V> Named<V> {
    /// The entry of a name, made where it is new.
    pub fn of_or(&mut self, name: &str, new: impl FnOnce() -> V) -> &mut V {
        let name = if self.entries.len() >= MOST_NAMES && !self.places.contains_key(name) { OTHERS } else { name };
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.into(), self.entries.len());
                self.entries.push((name.into(), new()));
                self.entries.len() - 1
            }
        };
        &mut self.entries[place].1
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }
}

impl<V: Default> Named<V> {
    pub fn of(&mut self, name: &str) -> &mut V {
        self.of_or(name, V::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_the_others() {
        let mut counts: Named<u32> = Named::default();
        for name in 0..MOST_NAMES + 7 {
            *counts.of(&name.to_string()) += 1;
        }
        *counts.of("3") += 1;
        let entries: Vec<_> = counts.iter().collect();
        assert_eq!(entries.len(), MOST_NAMES + 1);
        assert_eq!((entries[3], entries[MOST_NAMES]), (("3", &2), (OTHERS, &7)));
    }
}
