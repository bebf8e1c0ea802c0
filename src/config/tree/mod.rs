//! The configuration file as a tree whose every node knows where it stands in the file and how it is addressed.
//!
//! Serde alone forgets places and stops at the first mistake. Here the file is parsed once into this tree; decoding
//! ([`super::decode`]) and resolving ([`super::resolve`]) both point at its nodes, so an error that is found late, such
//! as a policy that does not exist, is shown as exactly as a misplaced comma. Nodes live in one vector and are named by
//! a number, which makes a mark cheap to keep beside every value and the path of a value computable from its parents.

mod build;
mod expand;
mod trap;

pub(super) use build::{NODES, build};
pub(super) use expand::Environment;

/// One node of a [`Tree`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(pub u32);

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Whether something has a name (`&name`) that other places could repeat.
    pub anchored: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    parent: Option<NodeId>,
    step: Step,
    pub kind: Kind,
    /// Byte range in the source. Of a collection: its first line's worth is what reports show.
    pub span: (u32, u32),
}

/// How a node is reached from its parent.
#[derive(Clone, Copy, Debug)]
enum Step {
    Root,
    /// By the key at this node; a key is reached by itself.
    Key(NodeId),
    Index(u32),
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar {
        text: Box<str>,
        /// Not quoted: may be a number, a boolean or empty.
        plain: bool,
        /// An environment variable was put in: the text must not be shown.
        expanded: bool,
    },
    /// A scalar whose fault is reported already: a tag, a variable that is not set.
    Refused,
    Sequence(Vec<NodeId>),
    /// In the order of the file.
    Mapping(Vec<(NodeId, NodeId)>),
}

impl Tree {
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// How many nodes there are. They are numbered as they begin in the file, but for copies by alias.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Every id was handed out by this tree; a foreign one reads as an empty scalar.
    pub fn kind(&self, id: NodeId) -> &Kind {
        static NOTHING: std::sync::LazyLock<Kind> =
            std::sync::LazyLock::new(|| Kind::Scalar { text: "".into(), plain: true, expanded: false });
        self.nodes.get(id.0 as usize).map_or(&NOTHING, |node| &node.kind)
    }

    pub fn span(&self, id: NodeId) -> (usize, usize) {
        self.nodes.get(id.0 as usize).map_or((0, 0), |node| (node.span.0 as usize, node.span.1 as usize))
    }

    /// The text of a scalar.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match self.kind(id) {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether nothing at all was written where a value is expected: `lists:` with only comments below.
    pub fn is_empty(&self, id: NodeId) -> bool {
        matches!(self.kind(id), Kind::Scalar { text, plain: true, expanded: false } if text.is_empty())
    }

    /// Whether a variable of the environment was put into this scalar, or into an entry of this list.
    pub fn is_expanded(&self, id: NodeId) -> bool {
        match self.kind(id) {
            Kind::Scalar { expanded, .. } => *expanded,
            Kind::Sequence(entries) => entries.iter().any(|entry| self.is_expanded(*entry)),
            Kind::Refused | Kind::Mapping(_) => false,
        }
    }

    /// The pairs of a mapping; of anything else none.
    pub fn pairs(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match self.kind(id) {
            Kind::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// How an operator would name the node: `routes[1].match.path`.
    pub fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = Some(id);
        while let Some(node) = at.and_then(|id| self.nodes.get(id.0 as usize)) {
            steps.push(node.step);
            at = node.parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) => {
                    let text = self.text(key).unwrap_or("?");
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if !text.chars().all(plain) || text.is_empty() {
                        let shown: String = text.chars().take(60).collect();
                        path.push_str(&format!("[{shown:?}]"));
                    } else {
                        if !path.is_empty() {
                            path.push('.');
                        }
                        path.push_str(text);
                    }
                }
            }
        }
        path
    }
}
