//! The fields of each resource and the lookups of each field.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A number that the API shows as text.
    Id,
    Integer,
    Bool,
    /// A moment, in milliseconds.
    Time,
    /// A moment that the API shows as seconds since 1970, kept in milliseconds.
    Epoch,
}

/// What is asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Exact,
    Lte,
    Gte,
    IsNull,
    Contains,
    In,
    IContains,
    StartsWith,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// As the API names it.
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
    pub(crate) lookups: &'static [Lookup],
}

/// What can be asked of the items of one resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// What follows `FROM`.
    pub(crate) source: &'static str,
    pub(crate) fields: &'static [Field],
    /// Columns that `search=` looks into.
    pub(crate) search: &'static [&'static str],
}

impl Lookup {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Lte => "lte",
            Self::Gte => "gte",
            Self::IsNull => "isnull",
            Self::Contains => "contains",
            Self::In => "in",
            Self::IContains => "icontains",
            Self::StartsWith => "startswith",
        }
    }
}

impl Field {
    /// The parameter of a lookup; `exact` may be left out.
    pub(crate) fn parameter(&self, lookup: Lookup) -> String {
        match lookup {
            Lookup::Exact => self.name.to_owned(),
            lookup => format!("{}__{}", self.name, lookup.as_str()),
        }
    }
}

impl Table {
    pub(crate) fn find(&self, parameter: &str) -> Option<(&'static Field, Lookup)> {
        let (name, lookup) = parameter.split_once("__").unwrap_or((parameter, "exact"));
        let field = self.fields.iter().find(|field| field.name == name)?;
        let lookup = field
            .lookups
            .iter()
            .find(|known| known.as_str() == lookup)?;
        Some((field, *lookup))
    }
}

use Lookup::{Contains, Exact, Gte, IContains, In, IsNull, Lte, StartsWith};

const RANGE: &[Lookup] = &[Exact, Lte, Gte, In];
const TEXT: &[Lookup] = &[Exact, Lte, Gte, In, IContains, StartsWith];
const MAYBE_TEXT: &[Lookup] = &[Exact, Lte, Gte, IsNull, In, IContains, StartsWith];
const PROSE: &[Lookup] = &[Exact, Lte, Gte, IsNull, Contains, In, IContains, StartsWith];
const NAME: &[Lookup] = &[Exact, In, IContains, StartsWith];
const MAYBE_NAME: &[Lookup] = &[Exact, IsNull, In, IContains, StartsWith];
const DESCRIPTION: &[Lookup] = &[Exact, IsNull, Contains, In, IContains, StartsWith];
const ID: &[Lookup] = &[Exact, In];
const FLAG: &[Lookup] = &[Exact];

const fn field(name: &'static str, kind: Kind, lookups: &'static [Lookup]) -> Field {
    Field {
        name,
        column: name,
        kind,
        lookups,
    }
}

pub(crate) static DEVELOPERS: Table = Table {
    source: "developers",
    fields: &[
        field("login", Kind::Text, TEXT),
        field("name", Kind::Text, PROSE),
        field("bio", Kind::Text, PROSE),
        field("location", Kind::Text, MAYBE_TEXT),
        field("company", Kind::Text, MAYBE_TEXT),
        field("email", Kind::Text, MAYBE_TEXT),
        field("followers_count", Kind::Integer, RANGE),
        field("following_count", Kind::Integer, RANGE),
        field("public_gists", Kind::Integer, RANGE),
        field("public_repos", Kind::Integer, RANGE),
        field("created_at", Kind::Time, RANGE),
        field("updated_at", Kind::Time, RANGE),
    ],
    search: &["login", "name", "bio", "location", "company", "email"],
};

pub(crate) static REPOSITORIES: Table = Table {
    source: "repositories",
    fields: &[
        Field {
            name: "owner_github_id",
            column: "owner_id",
            kind: Kind::Id,
            lookups: ID,
        },
        field("name", Kind::Text, NAME),
        field("full_name", Kind::Text, NAME),
        field("description", Kind::Text, DESCRIPTION),
        field("homepage", Kind::Text, MAYBE_NAME),
        field("language", Kind::Text, MAYBE_NAME),
        field("created_at", Kind::Time, RANGE),
        field("updated_at", Kind::Time, RANGE),
        field("has_downloads", Kind::Bool, FLAG),
        field("has_issues", Kind::Bool, FLAG),
        field("has_pages", Kind::Bool, FLAG),
        field("has_projects", Kind::Bool, FLAG),
        field("has_wiki", Kind::Bool, FLAG),
        field("private", Kind::Bool, FLAG),
        field("archived", Kind::Bool, FLAG),
        field("disabled", Kind::Bool, FLAG),
        field("stargazers_count", Kind::Integer, RANGE),
        field("subscribers_count", Kind::Integer, RANGE),
        field("watchers_count", Kind::Integer, RANGE),
        field("open_issues_count", Kind::Integer, RANGE),
    ],
    search: &["full_name", "description", "homepage", "language"],
};

/// One row, or none before GitHub said anything: all tokens together.
pub(crate) static RATE_LIMIT: Table = Table {
    source: "(SELECT CAST(sum(rate_limit) AS BIGINT) AS rate_limit, \
             CAST(sum(rate_remaining) AS BIGINT) AS rate_remaining, min(reset_at) AS rate_reset \
             FROM rates HAVING count(*) > 0) AS sums",
    fields: &[
        field("rate_limit", Kind::Integer, RANGE),
        field("rate_remaining", Kind::Integer, RANGE),
        Field {
            name: "rate_reset_raw",
            column: "rate_reset",
            kind: Kind::Epoch,
            lookups: RANGE,
        },
        field("rate_reset", Kind::Time, RANGE),
    ],
    search: &[],
};
