//! The route table as a trie over path segments, built once from `table.txt`.

use std::sync::LazyLock;

use super::{DEFAULT_PER_PAGE, Entry, MAX_PER_PAGE, Paging, Shape};

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(TEXT));

const TEXT: &str = include_str!("table.txt");

/// A node's place in [`Table::nodes`]; the root is 0.
type NodeId = u32;

#[derive(Debug)]
pub(super) struct Table {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
}

#[derive(Debug, Default)]
struct Node {
    entry: Option<u32>,
    /// Sorted by segment.
    literals: Vec<(&'static str, NodeId)>,
    parameter: Option<(Reach, NodeId)>,
}

/// How much of a path a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One non-empty segment.
    Segment,
    /// One or more segments: a git name or a file path.
    Rest,
    /// As `Rest`, and the parameter may be left out: `/contents` is the root directory.
    OptionalRest,
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut entries = Vec::new();
        let mut nodes = vec![Node::default()];
        // A test reads every line of the checked-in table; here a malformed one is no reason to panic.
        for (entry, wide) in lines(text).filter_map(read_line) {
            let node = insert(&mut nodes, entry.template, wide);
            // The table holds a few hundred lines.
            node.entry = u32::try_from(entries.len()).ok();
            entries.push(entry);
        }
        for node in &mut nodes {
            node.literals.sort_unstable();
        }
        Self { nodes, entries }
    }

    pub(super) fn entries(&'static self) -> impl Iterator<Item = &'static Entry> {
        self.entries.iter()
    }

    /// The entry for a path, which begins with a slash.
    pub(super) fn find(&'static self, path: &str) -> Option<&'static Entry> {
        let path = path.strip_prefix('/')?;
        self.entry(self.walk(0, (!path.is_empty()).then_some(path))?)
    }

    /// The entry for `rest` below the node of a template; `rest` is empty or begins with a slash.
    pub(super) fn find_below(&'static self, template: &str, rest: &str) -> Option<&'static Entry> {
        let mut at = 0;
        for segment in template.split('/').skip(1) {
            let node = self.node(at)?;
            at = match segment.starts_with('{') {
                true => node.parameter?.1,
                false => node.literal(segment)?,
            };
        }
        self.entry(self.walk(at, rest.strip_prefix('/'))?)
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn entry(&'static self, index: u32) -> Option<&'static Entry> {
        self.entries.get(index as usize)
    }

    /// Matches `rest`, the path below `id` without its leading slash; `None` is the end of the path.
    ///
    /// Recurses at most as deep as the trie.
    fn walk(&self, id: NodeId, rest: Option<&str>) -> Option<u32> {
        let node = self.node(id)?;
        let Some(rest) = rest else {
            return node.entry.or_else(|| match node.parameter {
                Some((Reach::OptionalRest, below)) => self.node(below)?.entry,
                _ => None,
            });
        };
        // Segments are short: going through them is cheaper than to set out on a search.
        let (segment, tail) = match rest.bytes().position(|byte| byte == b'/') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        if let Some(found) = node
            .literal(segment)
            .and_then(|below| self.walk(below, tail))
        {
            return Some(found);
        }
        match node.parameter? {
            (Reach::Segment, below) if !segment.is_empty() => self.walk(below, tail),
            (Reach::Segment, _) => None,
            (Reach::Rest, below) if !rest.is_empty() => self.walk_rest(below, rest),
            (Reach::Rest, _) => None,
            (Reach::OptionalRest, below) => self.walk_rest(below, rest),
        }
    }

    /// Matches a parameter of several segments: the literals that may follow it are sought from the end of the path.
    fn walk_rest(&self, below: NodeId, rest: &str) -> Option<u32> {
        /// More segments than follow such a parameter in any template; bounds the work for a long path.
        const LONGEST_SUFFIX: usize = 4;
        let node = self.node(below)?;
        if !node.literals.is_empty() || node.parameter.is_some() {
            for (at, _) in rest.rmatch_indices('/').take(LONGEST_SUFFIX) {
                let suffix = &rest[at + 1..];
                if at > 0
                    && let Some(found) = self.walk(below, Some(suffix))
                {
                    return Some(found);
                }
            }
        }
        node.entry
    }
}

impl Node {
    fn literal(&self, segment: &str) -> Option<NodeId> {
        let index = self
            .literals
            .binary_search_by(|(known, _)| (*known).cmp(segment))
            .ok()?;
        self.literals.get(index).map(|(_, id)| *id)
    }
}

/// Finds or makes the node of a template. `wide` names the parameter that may hold slashes.
fn insert<'a>(
    nodes: &'a mut Vec<Node>,
    template: &'static str,
    wide: Option<(&str, Reach)>,
) -> &'a mut Node {
    let mut at = 0usize;
    for segment in template
        .split('/')
        .skip(1)
        .filter(|segment| !segment.is_empty())
    {
        let fresh = nodes.len();
        let node = &mut nodes[at];
        let known = match parameter_name(segment) {
            Some(name) => {
                let reach = wide
                    .filter(|(wide, _)| *wide == name)
                    .map_or(Reach::Segment, |(_, reach)| reach);
                let (known, id) = node.parameter.get_or_insert((reach, fresh as NodeId));
                // Templates share the node of a parameter under several names; the widest reach wins.
                if *known == Reach::Segment {
                    *known = reach;
                }
                *id
            }
            None => match node.literals.iter().find(|(known, _)| *known == segment) {
                Some((_, id)) => *id,
                None => {
                    node.literals.push((segment, fresh as NodeId));
                    fresh as NodeId
                }
            },
        };
        if known as usize == fresh {
            nodes.push(Node::default());
        }
        at = known as usize;
    }
    &mut nodes[at]
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The lines that hold a route.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `template shape [paging] [per_page=N] [max=N] [rest=name | rest?=name]`.
fn read_line(line: &'static str) -> Option<(Entry, Option<(&'static str, Reach)>)> {
    let mut words = line.split_ascii_whitespace();
    let template = words.next().filter(|template| template.starts_with('/'))?;
    let shape = match words.next()? {
        "list" => Shape::List,
        "object" => Shape::Object,
        "unknown" => Shape::Unknown,
        _ => return None,
    };
    let mut entry = Entry {
        template,
        shape,
        paging: Paging::None,
        default_per_page: DEFAULT_PER_PAGE,
        max_per_page: MAX_PER_PAGE,
    };
    let mut wide = None;
    for flag in words {
        match flag.split_once('=') {
            None if flag == "pages" => entry.paging = Paging::Pages,
            None if flag == "cursor" => entry.paging = Paging::Cursor,
            None if flag == "since" => entry.paging = Paging::Since,
            Some(("per_page", number)) => entry.default_per_page = number.parse().ok()?,
            Some(("max", number)) => entry.max_per_page = number.parse().ok()?,
            Some(("rest", name)) => wide = Some((name, Reach::Rest)),
            Some(("rest?", name)) => wide = Some((name, Reach::OptionalRest)),
            _ => return None,
        }
    }
    Some((entry, wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let unread: Vec<_> = lines(TEXT)
            .filter(|line| read_line(line).is_none())
            .collect();
        assert_eq!(unread, [""; 0]);
        assert_eq!(TABLE.entries.len(), lines(TEXT).count());
        assert!(TABLE.entries.len() > 600, "{}", TABLE.entries.len());
    }

    #[test]
    fn malformed_lines_are_refused() {
        for line in [
            "",
            "repos list",
            "/x",
            "/x array",
            "/x list paged",
            "/x list max=many",
            "/x list rest",
        ] {
            assert_eq!(read_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_template_longer_than_the_suffix_bound_would_be_lost() {
        // walk_rest() looks at four segments behind a parameter of several segments.
        for line in lines(TEXT) {
            let Some((entry, Some((name, _)))) = read_line(line) else {
                continue;
            };
            let after = entry
                .template
                .split_once(&format!("{{{name}}}"))
                .map_or("", |(_, after)| after);
            assert!(after.matches('/').count() <= 4, "{}", entry.template);
        }
    }
}
