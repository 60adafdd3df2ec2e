//! A set of fields.

use super::{Element, Path};

/// A set of fields of one object: a trie, each level sorted. A field can be a member without its parent
/// being one, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Sorted by element, without doubles; each is a member or has children.
    pub(super) nodes: Vec<Node>,
}

/// A field, and what of its parts is in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub element: Element,
    /// The field itself is in the set.
    pub is_member: bool,
    pub children: Set,
}

impl Node {
    /// A member without parts.
    pub fn member(element: Element) -> Self {
        Self {
            element,
            is_member: true,
            children: Set::default(),
        }
    }

    /// Whether it says anything.
    pub fn is_needed(&self) -> bool {
        self.is_member || !self.children.is_empty()
    }
}

impl Set {
    /// The set of these paths.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(path);
        }
        set
    }

    /// A level from its nodes in any order. Nodes of the same field become one.
    pub(crate) fn from_nodes(nodes: Vec<Node>) -> Self {
        let mut nodes = nodes;
        if nodes
            .windows(2)
            .all(|pair| pair[0].element < pair[1].element)
        {
            return Self { nodes };
        }
        nodes.sort_by(|a, b| a.element.cmp(&b.element));
        let mut joined: Vec<Node> = Vec::with_capacity(nodes.len());
        for node in nodes {
            match joined.last_mut() {
                Some(last) if last.element == node.element => {
                    last.is_member |= node.is_member;
                    last.children = last.children.union(&node.children);
                }
                _ => joined.push(node),
            }
        }
        Self { nodes: joined }
    }

    /// The level's nodes, sorted by element.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The level's nodes, to make members of them or not; each must stay needed and in its place.
    pub(crate) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut()
    }

    /// The level's nodes, sorted by element.
    pub(crate) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// Adds a field, but not its parents. The empty path adds nothing: nobody owns a whole object.
    pub fn insert(&mut self, path: &Path) {
        let Some((last, parents)) = path.0.split_last() else {
            return;
        };
        let mut level = self;
        for element in parents {
            level = &mut level.node(element).children;
        }
        level.node(last).is_member = true;
    }

    fn node(&mut self, element: &Element) -> &mut Node {
        let found = self
            .nodes
            .binary_search_by(|node| node.element.cmp(element));
        let at = found.unwrap_or_else(|at| {
            let node = Node {
                is_member: false,
                ..Node::member(element.clone())
            };
            self.nodes.insert(at, node);
            at
        });
        &mut self.nodes[at]
    }

    /// What the set says of the field at this level and its parts.
    pub(crate) fn get(&self, element: &Element) -> Option<&Node> {
        let found = self
            .nodes
            .binary_search_by(|node| node.element.cmp(element));
        found.ok().map(|at| &self.nodes[at])
    }

    /// Whether the field is in the set.
    pub fn has(&self, path: &Path) -> bool {
        let Some((last, parents)) = path.0.split_last() else {
            return false;
        };
        let mut level = self;
        for element in parents {
            match level.get(element) {
                Some(node) => level = &node.children,
                None => return false,
            }
        }
        level.get(last).is_some_and(|node| node.is_member)
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        let sizes = self.nodes.iter();
        sizes
            .map(|node| usize::from(node.is_member) + node.children.len())
            .sum()
    }

    /// Every member: at each level first the members, then the parts of each field. Conflicts are
    /// listed in this order.
    pub fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        self.collect(&mut Vec::new(), &mut found);
        found
    }

    fn collect(&self, prefix: &mut Vec<Element>, found: &mut Vec<Path>) {
        for node in self.nodes.iter().filter(|node| node.is_member) {
            let mut path = prefix.clone();
            path.push(node.element.clone());
            found.push(Path(path));
        }
        for node in &self.nodes {
            prefix.push(node.element.clone());
            node.children.collect(prefix, found);
            prefix.pop();
        }
    }
}
