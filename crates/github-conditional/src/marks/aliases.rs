//! GitHub's second names: `/repositories/{id}/x` for `/repos/{owner}/{name}/x`, and the like.
//!
//! `Link` headers name pages by number, so what a client has paged through is stored under numbers, and a write by name
//! must mark that too.
//! Which number belongs to which name is learned from those same headers; where it is not known, a write by name
//! touches the resource of every number: a question too many, which costs nothing, never one too few.

use std::collections::HashMap;

use http::HeaderMap;
use http::header::LINK;
use parking_lot::RwLock;

use crate::paths::{End, PathPattern, Segment, canonical, split};

/// Names that are remembered; when full, all are learned anew.
const MAX_ALIASES: usize = 8192;

/// A kind of resource that GitHub knows by name and by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Repository,
    Organisation,
    User,
}

const KINDS: [Kind; 3] = [Kind::Repository, Kind::Organisation, Kind::User];

impl Kind {
    /// The first segment of a path by name, and how many segments the name has.
    const fn named(self) -> (&'static str, usize) {
        match self {
            Self::Repository => ("repos", 2),
            Self::Organisation => ("orgs", 1),
            Self::User => ("users", 1),
        }
    }

    /// The first segment of a path by number.
    const fn numbered(self) -> &'static str {
        match self {
            Self::Repository => "repositories",
            Self::Organisation => "organizations",
            Self::User => "user",
        }
    }
}

/// Which number belongs to which name.
#[derive(Debug, Default)]
pub(super) struct Aliases(RwLock<HashMap<(Kind, Box<str>), u64>>);

impl Aliases {
    /// The other names of a path.
    pub(super) fn of(&self, path: &PathPattern) -> Vec<PathPattern> {
        let mut literals = Vec::new();
        for segment in path.segments() {
            match segment {
                Segment::Literal(text) => literals.push(&**text),
                Segment::Any => return Vec::new(),
            }
        }
        let Some((first, rest)) = literals.split_first() else {
            return Vec::new();
        };
        for kind in KINDS {
            let (named, length) = kind.named();
            if *first == named && rest.len() >= length {
                let (name, rest) = rest.split_at(length);
                let number = self.number(kind, &name.join("/"));
                let mut segments = vec![literal(kind.numbered()), number];
                segments.extend(below(kind, rest));
                return vec![PathPattern::new(segments, End::Nothing)];
            }
            if *first == kind.numbered()
                && let Some((number, rest)) = rest.split_first()
                && let Ok(number) = number.parse()
            {
                let mut segments = vec![literal(named)];
                segments.extend(self.name(kind, number, length));
                segments.extend(rest.iter().map(|text| match (kind, *text) {
                    (Kind::Organisation, "team") => literal("teams"),
                    (_, text) => literal(text),
                }));
                return vec![PathPattern::new(segments, End::Nothing)];
            }
        }
        Vec::new()
    }

    fn number(&self, kind: Kind, name: &str) -> Segment {
        match self.0.read().get(&(kind, name.into())) {
            Some(number) => literal(&number.to_string()),
            None => Segment::Any,
        }
    }

    fn name(&self, kind: Kind, number: u64, length: usize) -> Vec<Segment> {
        let known = self.0.read();
        let name = known
            .iter()
            .find(|((of, _), known)| *of == kind && **known == number);
        match name {
            Some(((_, name), _)) => name.split('/').map(literal).collect(),
            None => vec![Segment::Any; length],
        }
    }

    /// Takes the number out of the `Link` of an answer to a question by name.
    pub(super) fn learn(&self, path: &str, headers: &HeaderMap) {
        let Some(link) = headers.get(LINK).and_then(|link| link.to_str().ok()) else {
            return;
        };
        let path = canonical(path);
        let mut segments = split(&path);
        let first = segments.next().unwrap_or_default();
        let Some(kind) = KINDS.into_iter().find(|kind| kind.named().0 == first) else {
            return;
        };
        let name: Vec<_> = segments.take(kind.named().1).collect();
        if name.len() < kind.named().1 {
            return;
        }
        let marker = format!("/{}/", kind.numbered());
        let number = link.split_once(&marker).and_then(|(_, rest)| {
            let end = rest.find(|character: char| !character.is_ascii_digit())?;
            rest[..end].parse::<u64>().ok()
        });
        let Some(number) = number else {
            return;
        };
        let key = (kind, name.join("/").into_boxed_str());
        if self.0.read().get(&key) == Some(&number) {
            return;
        }
        let mut known = self.0.write();
        if known.len() >= MAX_ALIASES {
            known.clear();
        }
        known.insert(key, number);
    }
}

fn literal(text: &str) -> Segment {
    Segment::Literal(text.into())
}

/// What stands behind the number: an organisation's team has a number there as well, which nobody tells.
fn below(kind: Kind, rest: &[&str]) -> Vec<Segment> {
    match (kind, rest) {
        (Kind::Organisation, ["teams", _slug, rest @ ..]) => [literal("team"), Segment::Any]
            .into_iter()
            .chain(rest.iter().copied().map(literal))
            .collect(),
        _ => rest.iter().copied().map(literal).collect(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(aliases: &Aliases, path: &str, expected: &[&str]) {
        let found: Vec<_> = aliases
            .of(&PathPattern::exactly(path))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected, "{path}");
    }

    fn learn(aliases: &Aliases, path: &str, link: &'static str) {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static(link));
        aliases.learn(path, &headers);
    }

    #[test]
    fn what_is_not_known_is_anyone() {
        let aliases = Aliases::default();
        check(
            &aliases,
            "/repos/O/r/issues/5",
            &["/repositories/*/issues/5"],
        );
        check(&aliases, "/repositories/7/issues", &["/repos/*/*/issues"]);
        check(
            &aliases,
            "/orgs/o/teams/t/members",
            &["/organizations/*/team/*/members"],
        );
        check(&aliases, "/orgs/o/teams", &["/organizations/*/teams"]);
        check(&aliases, "/users/u", &["/user/*"]);
        check(&aliases, "/user/7/repos", &["/users/*/repos"]);
        check(&aliases, "/user/repos", &[]);
        check(&aliases, "/repos/o", &[]);
        check(&aliases, "/graphql", &[]);
        check(&aliases, "/", &[]);
    }

    #[test]
    fn numbers_are_learned_from_link() {
        let aliases = Aliases::default();
        let link = "<https://api.github.com/repositories/7/issues?page=2>; rel=\"next\"";
        learn(&aliases, "/repos/O/R/issues", link);
        check(&aliases, "/repos/o/r/pulls", &["/repositories/7/pulls"]);
        check(&aliases, "/repositories/7/pulls", &["/repos/o/r/pulls"]);
        check(&aliases, "/repos/o/other", &["/repositories/*"]);
        // Renamed, and another one has taken the name.
        learn(
            &aliases,
            "/repos/o/r/tags",
            "<https://x/repositories/8/tags?page=2>; rel=\"next\"",
        );
        check(&aliases, "/repos/o/r/pulls", &["/repositories/8/pulls"]);
        // Not about this path's owner.
        learn(
            &aliases,
            "/users/u/repos",
            "<https://x/repositories/9/tags?page=2>; rel=\"next\"",
        );
        check(&aliases, "/users/u", &["/user/*"]);
        learn(
            &aliases,
            "/orgs/o/repos",
            "<https://x/organizations/99999999999999999999999/r>; rel=\"next\"",
        );
        check(&aliases, "/orgs/o", &["/organizations/*"]);
    }

    #[test]
    fn they_are_bounded() {
        let aliases = Aliases::default();
        for number in 0..20_000 {
            let path = format!("/repos/o/r{number}/issues");
            learn(
                &aliases,
                &path,
                "<https://x/repositories/7/issues?page=2>; rel=\"next\"",
            );
        }
        assert!(aliases.0.read().len() <= MAX_ALIASES);
    }
}
