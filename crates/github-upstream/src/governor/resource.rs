//! What a request will be charged, before GitHub has said so.

use github_headers::Resource;
use http::Method;

/// Which points a request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    Rest,
    Graphql,
}

impl Api {
    pub(crate) fn of(path: &str) -> Self {
        if path == "/graphql" {
            Self::Graphql
        } else {
            Self::Rest
        }
    }

    /// "Rate limits for the REST API", section "Calculating points for the secondary rate limit". Whether a GraphQL request
    /// mutates is in its body, which is not read here: it is taken for a query, as most are.
    pub(crate) fn points(self, method: &Method) -> u32 {
        match self {
            Self::Graphql => 1,
            Self::Rest => match Intent::of(method, self) {
                Intent::Read => 1,
                Intent::Write => 5,
            },
        }
    }
}

/// Whether a request changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Intent {
    Read,
    Write,
}

impl Intent {
    /// A GraphQL request is taken for a query; see [`Api::points`].
    pub(crate) fn of(method: &Method, api: Api) -> Self {
        match *method {
            _ if api == Api::Graphql => Self::Read,
            Method::GET | Method::HEAD | Method::OPTIONS => Self::Read,
            _ => Self::Write,
        }
    }
}

/// The bucket that GitHub charges for a path. A wrong guess is put right by the answer: the ledger goes by its headers.
pub(crate) fn resource_of(path: &str) -> Resource {
    if !path.starts_with("/repos/") {
        return match path {
            "/graphql" => Resource::Graphql,
            _ if path.starts_with("/search/code") => Resource::CodeSearch,
            _ if path.starts_with("/search/") => Resource::Search,
            _ if path.starts_with("/app-manifests/") => Resource::IntegrationManifest,
            _ if path.starts_with("/scim/") => Resource::Scim,
            _ if path.ends_with("/audit-log") => Resource::AuditLog,
            _ => Resource::Core,
        };
    }
    match path {
        _ if path.ends_with("/dependency-graph/sbom") => Resource::DependencySbom,
        _ if path.ends_with("/dependency-graph/snapshots") => Resource::DependencySnapshots,
        _ if path.ends_with("/code-scanning/sarifs") => Resource::CodeScanningUpload,
        _ => Resource::Core,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_by_path() {
        for (path, expected) in [
            ("/repos/o/r", Resource::Core),
            ("/user", Resource::Core),
            ("/search/issues", Resource::Search),
            ("/search/code", Resource::CodeSearch),
            ("/repos/search/code", Resource::Core),
            ("/graphql", Resource::Graphql),
            ("/repos/o/r/dependency-graph/sbom", Resource::DependencySbom),
            (
                "/app-manifests/c/conversions",
                Resource::IntegrationManifest,
            ),
        ] {
            assert_eq!(resource_of(path), expected, "{path}");
        }
    }

    #[test]
    fn reads_cost_one_point_and_writes_five() {
        for (path, method, points) in [
            ("/user", Method::GET, 1),
            ("/user", Method::HEAD, 1),
            ("/user", Method::PATCH, 5),
            ("/user", Method::DELETE, 5),
            ("/graphql", Method::POST, 1),
        ] {
            assert_eq!(Api::of(path).points(&method), points, "{method} {path}");
        }
    }
}
