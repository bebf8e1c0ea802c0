//! Where the items of `routes` stand in a text, told by its lines alone.
//!
//! A cut is a guess that costs one pass: it knows nothing of quotes, flow collections and block scalars. It is never
//! acted on before the tree that the real parser made has agreed with it ([`Cut::entries`]).
//!
//! That agreement is worth this: an entry of a block sequence begins with a `-` behind its indentation, on a line of its
//! own, and every such line between `routes:` and the next key is taken for the beginning of an item. So the entries of
//! the sequence begin on some of these lines; if there are as many entries as lines, on all of them. Where an entry
//! begins, nothing is open: no quote, no flow collection, no block scalar, and the parser stands at the same indentation
//! each time. And where the last one ends a key of the file has to begin, or nothing may follow. Tabs, carriage returns and the rarer line breaks of Unicode are left to the full reading.

use crate::config::tree::{Kind, NodeId, Tree};
use std::ops::Range;

/// Byte offsets of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Where the line `routes:` begins.
    key: u32,
    /// Where each item's line begins. Never empty.
    items: Vec<u32>,
    /// Where what follows the last one begins.
    end: u32,
    /// Whether nothing follows.
    ends_text: bool,
    /// Of the items, spaces.
    pub indent: usize,
}

impl Cut {
    /// `None`: no `routes:` with a block sequence under it, or characters that lines are not certain with.
    pub fn of(text: &str) -> Option<Cut> {
        if u32::try_from(text.len()).is_err() || !has_plain_lines(text) {
            return None;
        }
        let (mut key, mut items, mut indent, mut end) = (None, Vec::new(), 0, None);
        let mut next = 0;
        for line in text.split_inclusive('\n') {
            let at = next;
            next += line.len();
            // A directive can change what a tag means, in lines that stay as they are.
            if line.starts_with('%') {
                return None;
            }
            if end.is_some() {
                continue;
            }
            let spaces = line.bytes().take_while(|&byte| byte == b' ').count();
            let rest = &line.as_bytes()[spaces..];
            let begins_item = matches!(rest, [b'-'] | [b'-', b' ' | b'\n', ..]);
            let says_nothing = matches!(rest, [] | [b'\n' | b'#', ..]);
            if key.is_none() {
                key = is_key(line).then_some(at as u32);
            } else if items.is_empty() {
                if begins_item {
                    indent = spaces;
                    items.push(at as u32);
                } else if !says_nothing {
                    return None;
                }
            } else if begins_item && spaces == indent {
                items.push(at as u32);
            } else if spaces == 0 && !says_nothing {
                end = Some(at as u32);
            }
        }
        let ends_text = end.is_none();
        let end = end.unwrap_or(text.len() as u32);
        let key = key?;
        (!items.is_empty()).then_some(Cut { key, items, end, ends_text, indent })
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// An item with all lines up to the next, comments as well.
    pub fn item(&self, place: usize) -> Range<usize> {
        let at = |place: usize| self.items.get(place).map_or(self.end, |at| *at) as usize;
        at(place)..at(place + 1)
    }

    /// Where the first item begins, and where the last one ends.
    pub fn all(&self) -> Range<usize> {
        self.item(0).start..self.end as usize
    }

    /// The entries of `routes` in the tree of this `text`, if there is one for each item, where the item is.
    pub fn entries<'t>(&self, text: &str, tree: &'t Tree) -> Option<&'t [NodeId]> {
        let of_root = tree.pairs(tree.root());
        let is_routes = |key: NodeId| tree.text(key) == Some("routes") && tree.span(key).0 == self.key as usize;
        let (_, value) = of_root.iter().find(|(key, _)| is_routes(*key))?;
        let Kind::Sequence(entries) = tree.kind(*value) else { return None };
        // What ends the list for the lines might be the middle of a quote for the parser.
        let end = self.end as usize;
        if !self.ends_text && !of_root.iter().any(|(key, _)| tree.span(*key).0 == end) {
            return None;
        }
        // An entry begins right behind the dash of its item.
        let agrees = |(place, &entry): (usize, &NodeId)| {
            let item = self.item(place);
            let between = text.get(item.start + self.indent + 1..tree.span(entry).0);
            tree.span(entry).0 <= item.end && between.is_some_and(says_nothing)
        };
        (entries.len() == self.len() && entries.iter().enumerate().all(agrees)).then_some(entries)
    }

    /// How many nodes each of these entries is made of. Only without aliases.
    pub fn sizes(tree: &Tree, entries: &[NodeId]) -> Vec<u32> {
        let last = entries.last().map_or(0, |entry| entry.0);
        let keys = tree.pairs(tree.root()).iter().map(|(key, _)| key.0);
        let behind = keys.filter(|key| *key > last).min().unwrap_or(tree.len() as u32);
        let ends = entries.iter().skip(1).map(|entry| entry.0).chain([behind]);
        entries.iter().zip(ends).map(|(entry, end)| end.saturating_sub(entry.0)).collect()
    }
}

/// `routes:` at the beginning of a line, and nothing but a comment behind it.
fn is_key(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("routes:") else { return false };
    rest.trim().is_empty() || (rest.starts_with(' ') && rest.trim_start().starts_with('#'))
}

/// Whether there are only blanks, comments and ends of lines.
fn says_nothing(text: &str) -> bool {
    text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'))
}

fn has_plain_lines(text: &str) -> bool {
    let control = |byte: u8| byte < b' ' && byte != b'\n';
    let controls = text.bytes().filter(|&byte| control(byte)).count();
    controls == 0 && (text.is_ascii() || !text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']))
}
