//! One file while it is being read: its text, its tree, and what was found wrong so far.
//!
//! Decoding and resolving both report here and go on; nobody returns early. What a caller gets back is `None` or a
//! default whose fault is already in the list, so a follow-up is never reported for a value that is known to be broken.

use super::report::{MOST_PROBLEMS, Problem, Report, Warning};
use super::tree::{Environment, Kind, NodeId, Tree, build};
use super::url;
use std::cell::{Cell, RefCell};

pub(super) struct Document<'s> {
    name: &'s str,
    source: &'s str,
    pub tree: Tree,
    /// Empty entries of lists that stand for something which is known already, in order.
    known: Vec<NodeId>,
    problems: RefCell<Vec<Problem>>,
    more: Cell<usize>,
    warnings: RefCell<Vec<Warning>>,
}

impl<'s> Document<'s> {
    /// Parses the text. What YAML itself refuses is a report at once: without a tree there is nothing to go on with.
    pub fn parse(name: &'s str, source: &'s str, environment: Environment<'_>) -> Result<Document<'s>, Report> {
        let (tree, problems) = build(source, environment);
        let Some(tree) = tree.filter(|tree| !tree.is_empty(tree.root())) else {
            return Err(if problems.is_empty() {
                Report::of_file(name, "the file is empty".into(), Some("conf/minimal.yaml is a beginning".into()))
            } else {
                Report { file: name.to_owned(), problems, more: 0 }
            });
        };
        let (problems, warnings) = (RefCell::new(problems), RefCell::default());
        let known = Vec::new();
        Ok(Document { name, source, tree, known, problems, more: Cell::new(0), warnings })
    }

    /// These empty entries of lists are no mistakes.
    pub fn know(&mut self, mut entries: Vec<NodeId>) {
        entries.sort_unstable_by_key(|entry| entry.0);
        self.known = entries;
    }

    /// Whether an empty entry stands for something that is known already.
    pub fn is_known(&self, entry: NodeId) -> bool {
        self.known.binary_search_by_key(&entry.0, |known| known.0).is_ok()
    }

    /// Something is wrong with the value at `node`.
    pub fn error(&self, node: NodeId, message: impl Into<String>, help: impl Into<Option<String>>) {
        if self.is_full() {
            return;
        }
        let (start, end) = self.marked(node);
        self.push(self.problem(node, start, end, message.into(), help.into()));
    }

    /// As [`Document::error`], at `length` bytes from `offset` on in the text of a scalar: a place in a rule. Where the
    /// text stands differently in the file (escapes, folding, environment variables), the whole value is marked.
    pub fn error_within(&self, node: NodeId, offset: usize, length: usize, message: String, help: Option<String>) {
        if self.is_full() {
            return;
        }
        let (start, end) = self.marked(node);
        let verbatim = match self.tree.kind(node) {
            Kind::Scalar { text, expanded: false, .. } if !text.is_empty() && offset <= text.len() => {
                self.source.get(start..self.tree.span(node).1).and_then(|raw| raw.find(&**text))
            }
            _ => None,
        };
        let (start, end) = match verbatim {
            Some(skipped) => (start + skipped + offset, start + skipped + offset + length),
            None => (start, end),
        };
        self.push(self.problem(node, start, end, message, help));
    }

    /// The line a value begins in, from 1.
    pub fn line(&self, node: NodeId) -> usize {
        self.source.bytes().take(self.tree.span(node).0).filter(|&byte| byte == b'\n').count() + 1
    }

    /// The configuration is accepted, and yet.
    pub fn warn(&self, node: NodeId, message: impl Into<String>, help: impl Into<Option<String>>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < MOST_PROBLEMS {
            let (start, end) = self.marked(node);
            warnings.push(self.problem(node, start, end, message.into(), help.into()));
        }
    }

    /// Whether nothing was found wrong with a value or inside of it: what has a fault may be another thing when it is
    /// mended, and is not compared with others.
    pub fn is_sound(&self, node: NodeId) -> bool {
        let problems = self.problems.borrow();
        if problems.is_empty() {
            return true;
        }
        let path = self.tree.path(node);
        let inside =
            |at: &str| at.strip_prefix(&*path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.more.get() == 0 && !problems.iter().any(|problem| inside(&problem.path))
    }

    /// What was read, with the tree it was read from, unless something was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>, Tree), Report> {
        let mut problems = self.problems.into_inner();
        let mut warnings = self.warnings.into_inner();
        let place = |problem: &Problem| (problem.line, problem.column);
        problems.sort_by_key(place);
        warnings.sort_by_key(place);
        match value {
            Some(value) if problems.is_empty() => Ok((value, warnings, self.tree)),
            _ => Err(Report { file: self.name.to_owned(), problems, more: self.more.get() }),
        }
    }

    /// Whether the next problem is only counted. Asked before one is made: that costs a pass over the file.
    pub fn is_full(&self) -> bool {
        let full = self.problems.borrow().len() >= MOST_PROBLEMS;
        self.more.set(self.more.get() + usize::from(full));
        full
    }

    fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    fn problem(&self, node: NodeId, start: usize, end: usize, message: String, help: Option<String>) -> Problem {
        let shown = |text: String| match self.tree.kind(node) {
            // What came from the environment may be a secret: the report shows the variable instead.
            Kind::Scalar { text: value, expanded: true, .. } if !value.is_empty() => {
                let (from, to) = self.tree.span(node);
                text.replace(&**value, self.source.get(from..to).unwrap_or("${…}").trim_matches(['"', '\'']))
            }
            _ => text,
        };
        let mut problem = Problem::at(self.source, start, end, self.tree.path(node), shown(message));
        problem.help = help.map(|help| url::starred(shown(help)));
        problem
    }

    /// The bytes to underline: a value whole, a collection's first line as far as it goes.
    fn marked(&self, node: NodeId) -> (usize, usize) {
        let (start, end) = self.tree.span(node);
        match self.tree.kind(node) {
            Kind::Scalar { .. } | Kind::Refused => (start, end),
            _ => (start, end.min(start + 1)),
        }
    }
}
