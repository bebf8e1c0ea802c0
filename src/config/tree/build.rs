//! From YAML events to the tree, within budgets.
//!
//! The parser under `serde-saphyr` is used directly: it is safe Rust, keeps byte positions, and leaves what a duplicate
//! key, an alias or a tag means to us. A file may be hostile (a pull request is checked before a person reads it), so
//! depth, nodes and copies by alias are bounded; nothing here recurses deeper than the depth.

use super::expand::{Environment, expand};
use super::{Kind, Node, NodeId, Step, Tree, trap};
use crate::config::report::Problem;
use granit_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Nesting of collections. The deepest place that the schema knows has seven.
const DEPTH: usize = 48;
/// Keys, values and collections of one file: 10,000 routes have about 400,000.
pub(in crate::config) const NODES: usize = 1_000_000;
/// Nodes that aliases may copy. Far above honest sharing, far below a bomb.
const COPIES: usize = 20_000;

/// The tree of a file. Problems are the ones that YAML itself has; with a syntax error there is no tree.
pub(in crate::config) fn build(source: &str, environment: Environment<'_>) -> (Option<Tree>, Vec<Problem>) {
    let mut builder = Builder {
        source,
        environment,
        tree: Tree::default(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        copies: 0,
        problems: Vec::new(),
        done: false,
    };
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
    };
    for event in Parser::new_from_str_with_options(source, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err(Box::new(trap::syntax_problem(source, &error))),
        };
        if let Err(problem) = step {
            builder.problems.push(*problem);
            return (None, builder.problems);
        }
    }
    let tree = (!builder.tree.nodes.is_empty()).then_some(builder.tree);
    (tree, builder.problems)
}

struct Builder<'s, 'e> {
    source: &'s str,
    environment: Environment<'e>,
    tree: Tree,
    stack: Vec<Open>,
    /// Complete anchored nodes, by the parser's number.
    anchors: HashMap<usize, NodeId>,
    copies: usize,
    problems: Vec<Problem>,
    /// A document was read to its end.
    done: bool,
}

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    anchor: usize,
    children: Children,
}

enum Children {
    Sequence(Vec<NodeId>),
    Mapping { pairs: Vec<(NodeId, NodeId)>, seen: Seen, key: Key },
}

/// The keys of a mapping that were met. Most have a handful, which comparing finds sooner than hashing does; a hostile one
/// has thousands.
#[derive(Default)]
struct Seen {
    few: Vec<NodeId>,
    many: HashMap<Box<str>, NodeId>,
}

impl Seen {
    const FEW: usize = 16;

    /// Takes a key down; if it was met before, where.
    fn first(&mut self, key: NodeId, text: &str, tree: &Tree) -> Option<NodeId> {
        let known = self.few.iter().copied().find(|id| tree.text(*id) == Some(text));
        if let Some(known) = known.or_else(|| self.many.get(text).copied()) {
            return Some(known);
        }
        match self.few.len() {
            Seen::FEW => drop(self.many.insert(text.into(), key)),
            _ => self.few.push(key),
        }
        None
    }
}

/// What the next node of a mapping is.
#[derive(Clone, Copy)]
enum Key {
    /// The next key.
    Wanted,
    /// The value of this key.
    Of(NodeId),
    /// The value of a key that was refused.
    Refused,
}

impl Builder<'_, '_> {
    /// An error ends the reading: the budget is spent, or what follows could not be placed.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Box<Problem>> {
        let range = range(span);
        match event {
            Event::DocumentStart(..) if self.done => {
                Err(self.problem(range, "a second document begins here: a configuration file is one document".into()))
            }
            Event::DocumentEnd => {
                self.done = true;
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some(&original) = self.anchors.get(&anchor) else {
                    return Err(self.problem(range, "this alias stands inside of what it refers to".into()));
                };
                let copy = self.copy(original, self.stack.len(), range)?;
                self.place(copy, range)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let problems = self.problems.len();
                self.refuse_tag(tag.as_deref(), span);
                if anchor != 0 && self.source.get(..range.0).is_some_and(|before| before.trim_end().ends_with("&&")) {
                    // `when: && bot > 3` would lose its beginning, and look like a rule.
                    self.problems.push(trap::anchor_problem(self.source, range));
                }
                let plain = style == ScalarStyle::Plain;
                let is_key = matches!(
                    self.stack.last(),
                    Some(Open { children: Children::Mapping { key: Key::Wanted, .. }, .. })
                );
                // The parser writes `~` for nothing at all.
                let text = if plain && range.0 == range.1 { "".into() } else { text };
                let (text, expanded) = if is_key { (text, false) } else { self.expanded(text, range) };
                let refused = self.problems.len() > problems && !is_key;
                let kind = if refused { Kind::Refused } else { Kind::Scalar { text: text.into(), plain, expanded } };
                let id = self.add(kind, range)?;
                self.anchor(anchor, id);
                self.place(id, range)?;
                // Only now it is known where in the tree this is. Hardly any value has a problem, and a path costs more
                // than all the rest of a value.
                if self.problems.len() > problems {
                    let path = self.tree.path(id);
                    self.problems[problems..].iter_mut().for_each(|problem| problem.path.clone_from(&path));
                }
                Ok(())
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let id = self.add(Kind::Sequence(Vec::new()), range)?;
                self.open(id, anchor, Children::Sequence(Vec::new()), range)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let id = self.add(Kind::Mapping(Vec::new()), range)?;
                let children = Children::Mapping { pairs: Vec::new(), seen: Seen::default(), key: Key::Wanted };
                self.open(id, anchor, children, range)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { id, anchor, children }) = self.stack.pop() else { return Ok(()) };
                if let Some(node) = self.tree.nodes.get_mut(id.0 as usize) {
                    node.span.1 = node.span.1.max(range.1 as u32);
                    node.kind = match children {
                        Children::Sequence(children) => Kind::Sequence(children),
                        Children::Mapping { pairs, .. } => Kind::Mapping(pairs),
                    };
                }
                self.anchor(anchor, id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn expanded<'t>(
        &mut self,
        text: std::borrow::Cow<'t, str>,
        range: (usize, usize),
    ) -> (std::borrow::Cow<'t, str>, bool) {
        if !text.contains("${") {
            return (text, false);
        }
        match expand(&text, self.environment) {
            Ok(expanded) => (expanded.into_owned().into(), true),
            Err(message) => {
                let mut problem = self.problem(range, message);
                problem.help = Some("`$${` writes a literal `${`".to_owned());
                self.problems.push(*problem);
                (text, false)
            }
        }
    }

    fn refuse_tag(&mut self, tag: Option<&granit_parser::Tag>, span: &Span) {
        let Some(tag) = tag else { return };
        if tag.is_yaml_core_schema() {
            return;
        }
        let at = span.tag_span().map_or(range(span), |span| range(&span));
        let problem = trap::tag_problem(self.source, at);
        self.problems.push(problem);
    }

    fn anchor(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.tree.anchored = true;
            self.anchors.insert(anchor, id);
        }
    }

    fn add(&mut self, kind: Kind, range: (usize, usize)) -> Result<NodeId, Box<Problem>> {
        if self.tree.nodes.len() >= NODES {
            return Err(self.problem(range, format!("the file holds more than {NODES} values")));
        }
        let id = NodeId(self.tree.nodes.len() as u32);
        self.tree.nodes.push(Node { parent: None, step: Step::Root, kind, span: (range.0 as u32, range.1 as u32) });
        Ok(id)
    }

    /// A collection has begun. It is placed at once, so that what is wrong inside of it has a path.
    fn open(
        &mut self,
        id: NodeId,
        anchor: usize,
        children: Children,
        range: (usize, usize),
    ) -> Result<(), Box<Problem>> {
        if self.stack.len() >= DEPTH {
            return Err(self.problem(range, format!("this is nested deeper than {DEPTH} levels")));
        }
        self.place(id, range)?;
        self.stack.push(Open { id, anchor, children });
        Ok(())
    }

    /// Hangs a complete node under the collection that is open.
    fn place(&mut self, id: NodeId, range: (usize, usize)) -> Result<(), Box<Problem>> {
        let Builder { tree, stack, .. } = self;
        let text = tree.text(id);
        let Some(open) = stack.last_mut() else { return Ok(()) };
        let parent = open.id;
        let mut refused = None;
        let step = match &mut open.children {
            Children::Sequence(children) => {
                children.push(id);
                Step::Index(children.len() as u32 - 1)
            }
            Children::Mapping { pairs, seen, key } => match (*key, text) {
                (Key::Wanted, Some(text)) => {
                    *key = match seen.first(id, text, tree) {
                        Some(first) => {
                            refused = Some((format!("`{}` is given twice", shorten(text)), Some(first)));
                            Key::Refused
                        }
                        None => Key::Of(id),
                    };
                    Step::Key(id)
                }
                (Key::Wanted, None) => {
                    refused = Some(("a key must be a plain text, not a list or a mapping".to_owned(), None));
                    *key = Key::Refused;
                    Step::Root
                }
                (Key::Of(name), _) => {
                    pairs.push((name, id));
                    *key = Key::Wanted;
                    Step::Key(name)
                }
                (Key::Refused, _) => {
                    *key = Key::Wanted;
                    Step::Root
                }
            },
        };
        if let Some(node) = self.tree.nodes.get_mut(id.0 as usize) {
            node.parent = Some(parent);
            node.step = step;
        }
        if let Some((message, first)) = refused {
            let mut problem = self.problem(range, message);
            problem.path = self.tree.path(id);
            problem.help = first.map(|first| {
                let at = self.tree.span(first).0;
                format!("it was first given in line {}; keep one of the two", line_of(self.source, at))
            });
            self.problems.push(*problem);
            if self.problems.len() > crate::config::report::MOST_PROBLEMS {
                return Err(self.problem(range, "there are too many problems to go on".into()));
            }
        }
        Ok(())
    }

    /// A copy of a complete subtree, for an alias. Bounded in depth by [`DEPTH`] and in size by [`COPIES`].
    fn copy(&mut self, original: NodeId, depth: usize, range: (usize, usize)) -> Result<NodeId, Box<Problem>> {
        self.copies += 1;
        if self.copies > COPIES || depth > DEPTH {
            let mut problem = self.problem(range, "aliases repeat too much of the file here".into());
            problem.help = Some(format!("at most {COPIES} values may be repeated through `*name`"));
            return Err(problem);
        }
        let Some(node) = self.tree.nodes.get(original.0 as usize).cloned() else { return Ok(original) };
        let span = (node.span.0 as usize, node.span.1 as usize);
        let id = self.add(node.kind.clone(), span)?;
        let kind = match node.kind {
            scalar @ (Kind::Scalar { .. } | Kind::Refused) => scalar,
            Kind::Sequence(children) => {
                let mut copies = Vec::with_capacity(children.len());
                for (index, child) in children.into_iter().enumerate() {
                    copies.push(self.copy_under(child, id, Step::Index(index as u32), depth, range)?);
                }
                Kind::Sequence(copies)
            }
            Kind::Mapping(pairs) => {
                let mut copies = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    copies.push((key, self.copy_under(value, id, Step::Key(key), depth, range)?));
                }
                Kind::Mapping(copies)
            }
        };
        if let Some(node) = self.tree.nodes.get_mut(id.0 as usize) {
            node.kind = kind;
        }
        Ok(id)
    }

    fn copy_under(
        &mut self,
        child: NodeId,
        parent: NodeId,
        step: Step,
        depth: usize,
        range: (usize, usize),
    ) -> Result<NodeId, Box<Problem>> {
        let id = self.copy(child, depth + 1, range)?;
        if let Some(node) = self.tree.nodes.get_mut(id.0 as usize) {
            node.parent = Some(parent);
            node.step = step;
        }
        Ok(id)
    }

    fn problem(&self, range: (usize, usize), message: String) -> Box<Problem> {
        Box::new(Problem::at(self.source, range.0, range.1, String::new(), message))
    }
}

fn range(span: &Span) -> (usize, usize) {
    let start = span.start.byte_offset().unwrap_or(0);
    (start, span.end.byte_offset().unwrap_or(start).max(start))
}

fn line_of(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
