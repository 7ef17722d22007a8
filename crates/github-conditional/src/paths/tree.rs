//! Values under path patterns, found by walking a path once, however many patterns there are.

use std::collections::BTreeMap;

use super::{End, PathPattern, Segment, split};

/// Values under patterns.
#[derive(Clone, Debug)]
pub(crate) struct PathTree<T> {
    /// The first node is the root; children refer to their place here.
    nodes: Vec<Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// Mostly a few, where comparing is cheaper than hashing; and whoever asks cannot choose names that collide.
    literal: BTreeMap<Box<str>, usize>,
    any: Option<usize>,
    /// For the path that ends here.
    here: Option<T>,
    /// For the path that ends here, and all below it.
    below: Option<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literal: BTreeMap::new(),
            any: None,
            here: None,
            below: None,
        }
    }
}

impl<T> Default for PathTree<T> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl<T> PathTree<T> {
    /// The place of the value under `pattern`.
    pub(crate) fn slot(&mut self, pattern: &PathPattern) -> &mut Option<T> {
        let mut at = 0;
        for segment in pattern.segments() {
            let child = match segment {
                Segment::Any => self.nodes[at].any,
                Segment::Literal(text) => self.nodes[at].literal.get(text).copied(),
            };
            at = child.unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                match segment {
                    Segment::Any => self.nodes[at].any = Some(new),
                    Segment::Literal(text) => {
                        self.nodes[at].literal.insert(text.clone(), new);
                    }
                }
                new
            });
        }
        let node = &mut self.nodes[at];
        match pattern.end() {
            End::Nothing => &mut node.here,
            End::Anything => &mut node.below,
        }
    }

    /// Shows the values of all patterns that match a canonical path.
    pub(crate) fn visit<'t>(&'t self, canonical: &str, see: &mut impl FnMut(&'t T)) {
        self.visit_from(0, split(canonical), see);
    }

    /// As deep as the longest pattern at most.
    fn visit_from<'t, 'p>(
        &'t self,
        node: usize,
        mut rest: impl Iterator<Item = &'p str> + Clone,
        see: &mut impl FnMut(&'t T),
    ) {
        let node = &self.nodes[node];
        node.below.iter().for_each(&mut *see);
        let Some(segment) = rest.next() else {
            node.here.iter().for_each(see);
            return;
        };
        let children = [node.literal.get(segment).copied(), node.any];
        for child in children.into_iter().flatten() {
            self.visit_from(child, rest.clone(), see);
        }
    }

    /// All patterns and their values.
    pub(crate) fn into_patterns(self) -> Vec<(PathPattern, T)> {
        let mut nodes = self.nodes;
        let mut found = Vec::new();
        let mut open = vec![(0, Vec::new())];
        while let Some((at, segments)) = open.pop() {
            let node = std::mem::take(&mut nodes[at]);
            for (segment, child) in node.literal {
                let mut longer = segments.clone();
                longer.push(Segment::Literal(segment));
                open.push((child, longer));
            }
            if let Some(child) = node.any {
                let mut longer = segments.clone();
                longer.push(Segment::Any);
                open.push((child, longer));
            }
            if let Some(value) = node.here {
                found.push((PathPattern::new(segments.clone(), End::Nothing), value));
            }
            if let Some(value) = node.below {
                found.push((PathPattern::new(segments, End::Anything), value));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(patterns: &[&str]) -> PathTree<usize> {
        let mut tree = PathTree::default();
        for (number, pattern) in patterns.iter().enumerate() {
            *tree.slot(&pattern.parse().unwrap()) = Some(number);
        }
        tree
    }

    #[test]
    fn every_pattern_that_matches_is_seen() {
        let patterns = [
            "/**",
            "/repos/*/*",
            "/repos/acme/**",
            "/repos/*/*/git/commits/*",
            "/repos/acme/*/git/**",
            "/",
        ];
        let tree = tree(&patterns);
        #[track_caller]
        fn check(tree: &PathTree<usize>, path: &str, expected: &[usize]) {
            let mut seen = Vec::new();
            tree.visit(path, &mut |number| seen.push(*number));
            seen.sort_unstable();
            assert_eq!(seen, expected, "{path}");
        }
        check(&tree, "/", &[0, 5]);
        check(&tree, "/user", &[0]);
        check(&tree, "/repos/acme", &[0, 2]);
        check(&tree, "/repos/acme/r", &[0, 1, 2]);
        check(&tree, "/repos/o/r/", &[0, 1]);
        check(&tree, "/repos//o/r", &[0, 1]);
        check(&tree, "/repos/acmes", &[0]);
        check(&tree, "/repos/o/r/git/commits/abc", &[0, 3]);
        check(&tree, "/repos/acme/r/git/commits/abc", &[0, 2, 3, 4]);
        check(&tree, "/repos/o/r/git/commits", &[0]);
        check(&tree, "/repos/acme/r/git", &[0, 2, 4]);

        let mut taken: Vec<_> = tree
            .into_patterns()
            .into_iter()
            .map(|(pattern, number)| (number, pattern.to_string()))
            .collect();
        taken.sort();
        let expected: Vec<_> = patterns
            .map(str::to_owned)
            .into_iter()
            .enumerate()
            .collect();
        assert_eq!(taken, expected);
    }
}
