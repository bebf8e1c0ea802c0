//! Where things stood in a file that was read, for what is found wrong afterwards.
//!
//! The loader is done when it has the settings; whether a certificate has expired or a port is taken is asked later, by
//! parts that know nothing of YAML. They name a key as an operator would (`listen[0].tls.key`), and this finds the line.

use super::report::{Inside, Problem};
use super::tree::{Kind, NodeId, Tree};

/// A configuration file as it was read.
#[derive(Debug)]
pub struct Places {
    name: String,
    source: String,
    tree: Tree,
}

impl Places {
    pub(super) fn new(name: &str, source: String, tree: Tree) -> Places {
        Places { name: name.to_owned(), source, tree }
    }

    /// The file's name as reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Something is wrong at a key, or at the nearest one above it that was written.
    pub fn problem(&self, key: &str, message: impl Into<String>, help: Option<String>) -> Problem {
        let node = self.find(key);
        let (start, end) = self.tree.span(node);
        let end = match self.tree.kind(node) {
            Kind::Scalar { .. } | Kind::Refused => end,
            _ => end.min(start + 1),
        };
        let mut problem = Problem::at(&self.source, start, end, self.tree.path(node), message.into());
        problem.help = help;
        problem
    }

    /// As [`Places::problem`], for what is wrong inside the file that the key names.
    pub fn problem_inside(&self, key: &str, file: &str, line: Option<usize>, message: &str) -> Problem {
        let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        let mut problem = self.problem(key, format!("{place}: {message}"), None);
        problem.inside = Some(Inside { file: file.to_owned(), line });
        problem
    }

    /// The node of `listen[0].tls.key`. An index over a value that stands alone (`upstream[0]`) is that value.
    fn find(&self, key: &str) -> NodeId {
        let mut at = self.tree.root();
        for part in key.split('.') {
            let (name, indices) = part.split_once('[').unwrap_or((part, ""));
            let Some(&(_, value)) =
                self.tree.pairs(at).iter().find(|(key, _)| self.tree.text(*key).is_some_and(|text| text == name))
            else {
                return at;
            };
            at = value;
            for index in indices.split('[').filter_map(|index| index.strip_suffix(']')?.parse::<usize>().ok()) {
                if let Kind::Sequence(entries) = self.tree.kind(at)
                    && let Some(&entry) = entries.get(index)
                {
                    at = entry;
                }
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::build;

    #[test]
    fn a_key_is_found_where_it_stands() {
        let source = "listen:\n  - { address: a, tls: { key: k } }\nupstream: { servers: one }\n";
        let (tree, _) = build(source, &|_| None);
        let places = Places::new("a.yaml", source.to_owned(), tree.unwrap());
        for (key, line, column, path) in [
            ("listen[0].tls.key", 2, 31, "listen[0].tls.key"),
            ("listen[0].tls.certificate", 2, 24, "listen[0].tls"),
            ("upstream[0].servers[0]", 3, 22, "upstream.servers"),
            ("admin.address", 1, 1, ""),
        ] {
            let problem = places.problem(key, "m", None);
            assert_eq!((problem.line, problem.column, &*problem.path), (line, column, path), "{key}");
        }
        let inside = places.problem_inside("listen[0].tls.key", "k.pem", Some(3), "wrong");
        assert_eq!(inside.message, "k.pem:3: wrong");
    }
}
