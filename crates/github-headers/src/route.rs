//! GitHub's REST routes: which template a GET path belongs to, and what its answer looks like.
//!
//! The set of templates is finite, so a template is safe as a metric label or as the key of per-route knowledge, where
//! a path is not.
//! The table is generated from GitHub's OpenAPI description; see `route/table.txt`.
//!
//! Literals beat parameters, as in `/gists/public` against `/gists/{gist_id}`.
//! Parameters that hold git names or file paths may contain slashes: they take as many segments as they can while what
//! follows still fits, so `/repos/o/r/commits/heads/main/status` is `/repos/{owner}/{repo}/commits/{ref}/status`.
//! GitHub's id-form aliases ([`IdForm`]) and the `/api/v3` prefix of enterprise-style clients lead to the same templates.

mod table;

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::link::IdForm;
use crate::syntax::plain_path;

/// The route of one GET path. One word, free to copy and cheap to compare.
///
/// ```
/// use github_headers::{Route, Shape};
///
/// let route = Route::of("/repos/octocat/hello-world/issues");
/// assert_eq!(route.template(), "/repos/{owner}/{repo}/issues");
/// assert_eq!(route.shape(), Shape::List);
/// assert_eq!(Route::of("/repositories/1296269/issues"), route);
/// assert_eq!(Route::of("/no/such/path").template(), "other");
/// ```
#[derive(Clone, Copy)]
pub struct Route(&'static Entry);

/// The top level of a route's JSON answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// An array: when empty, exactly `[]`.
    List,
    /// An object, also one that wraps a list with a `total_count`.
    Object,
    /// No JSON, no body, or either of the two, as a file or a directory of `/contents`.
    Unknown,
}

/// How a route's answer is divided into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paging {
    /// Not at all.
    None,
    /// By `page`.
    Pages,
    /// By an opaque cursor: `before`, `after` or `cursor`.
    Cursor,
    /// By `since`, the last id seen.
    Since,
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    template: &'static str,
    shape: Shape,
    paging: Paging,
    default_per_page: u32,
    max_per_page: u32,
}

/// What GitHub uses where its description names no other number.
const DEFAULT_PER_PAGE: u32 = 30;
const MAX_PER_PAGE: u32 = 100;

static OTHER: Entry = Entry {
    template: "other",
    shape: Shape::Unknown,
    paging: Paging::None,
    default_per_page: DEFAULT_PER_PAGE,
    max_per_page: MAX_PER_PAGE,
};

impl Route {
    /// Any path that is not in the table.
    pub const OTHER: Self = Self(&OTHER);

    /// The route of a GET path; a query or fragment is ignored. Allocates nothing, never panics.
    pub fn of(path: &str) -> Self {
        let path = plain_path(path);
        let entry = table::TABLE.find(path).or_else(|| match IdForm::of(path)? {
            IdForm::Repository { rest, .. } => {
                table::TABLE.find_below("/repos/{owner}/{repo}", rest)
            }
            IdForm::Organization { rest, .. } => table::TABLE.find_below("/orgs/{org}", rest),
            IdForm::Team { rest, .. } => {
                table::TABLE.find_below("/orgs/{org}/teams/{team_slug}", rest)
            }
            IdForm::User { rest, .. } => table::TABLE.find_below("/users/{username}", rest),
        });
        entry.map_or(Self::OTHER, Self)
    }

    /// The template as GitHub's documentation writes it, or `other`.
    pub fn template(self) -> &'static str {
        self.0.template
    }

    /// The top level of the 200 answer, for the JSON media types.
    pub fn shape(self) -> Shape {
        self.0.shape
    }

    /// How the answer is divided into pages.
    pub fn paging(self) -> Paging {
        self.0.paging
    }

    /// How many items a page holds when the request does not say: 30, but 15 for `/events`, 50 for `/notifications`.
    pub fn default_per_page(self) -> u32 {
        self.0.default_per_page
    }

    /// The largest page; a larger `per_page` is silently clamped to it.
    pub fn max_per_page(self) -> u32 {
        self.0.max_per_page
    }

    /// How many items a full page holds for this `per_page` of the request.
    pub fn page_size(self, per_page: Option<u32>) -> u32 {
        per_page
            .filter(|wanted| *wanted > 0)
            .unwrap_or(self.default_per_page())
            .min(self.max_per_page())
    }

    /// Every route of the table, in its order, without [`OTHER`](Self::OTHER).
    pub fn all() -> impl Iterator<Item = Self> {
        table::TABLE.entries().map(Self)
    }
}

/// Two routes are one when they are the same line of the table.
impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.0, state);
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Route({})", self.0.template)
    }
}

#[cfg(test)]
mod tests;
