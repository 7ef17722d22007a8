//! Reads `Accept` and `X-GitHub-Api-Version` (behaviour notes 5 and 1.11).

use crate::answer::{ApiVersion, Media};

/// The representation that is asked for and how GitHub names it in `X-GitHub-Media-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) media: Media,
    pub(crate) label: &'static str,
}

const JSON: Negotiated = Negotiated {
    media: Media::Json,
    label: "github.v3; format=json",
};
const UNKNOWN: Negotiated = Negotiated {
    media: Media::Json,
    label: "unknown, github.v3",
};

/// The first member of `Accept` that GitHub knows; no `Accept`, an empty one and `*/*` mean JSON.
pub(crate) fn negotiate(accept: Option<&str>) -> Negotiated {
    let Some(accept) = accept.map(str::trim).filter(|accept| !accept.is_empty()) else {
        return JSON;
    };
    accept.split(',').find_map(known).unwrap_or(UNKNOWN)
}

fn known(member: &str) -> Option<Negotiated> {
    let media_type = member.split(';').next().unwrap_or_default().trim();
    if matches!(media_type, "*/*" | "application/*" | "application/json") {
        return Some(JSON);
    }
    let vendor = media_type.strip_prefix("application/vnd.github")?;
    let name = vendor
        .strip_suffix("+json")
        .unwrap_or(vendor)
        .trim_start_matches('.');
    // A version (`v3`), a preview name or nothing may stand before the parameter.
    let parameter = name.rsplit('.').next().unwrap_or_default();
    let (media, label) = match parameter {
        "raw" => (Media::Raw, "github.v3; param=raw; format=json"),
        "html" => (Media::Html, "github.v3; param=html; format=json"),
        "full" => (Media::Full, "github.v3; param=full; format=json"),
        "text" => (Media::Json, "github.v3; param=text; format=json"),
        "diff" => (Media::Diff, "github.v3; param=diff"),
        "patch" => (Media::Patch, "github.v3; param=patch"),
        "sha" => (Media::Sha, "github.v3; param=sha"),
        "star" => (Media::Star, "github.v3; param=star; format=json"),
        _ => return Some(JSON),
    };
    Some(Negotiated { media, label })
}

/// The version that applies, or the value that is not supported.
pub(crate) fn api_version(header: Option<&str>) -> Result<ApiVersion, String> {
    match header.map(str::trim) {
        None | Some("" | "2022-11-28") => Ok(ApiVersion::V2022_11_28),
        Some("2026-03-10") => Ok(ApiVersion::V2026_03_10),
        Some(other) => Err(other.to_owned()),
    }
}

pub(crate) fn version_name(version: ApiVersion) -> &'static str {
    match version {
        ApiVersion::V2022_11_28 => "2022-11-28",
        ApiVersion::V2026_03_10 => "2026-03-10",
    }
}

/// Does the older version of this operation answer differently from 2026-03-10?
///
/// The list follows the change sets that touch reads: root, rate limit, repositories, pulls, issues and directories.
pub(crate) fn changed_in_2026(path: &str) -> bool {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    match segments.as_slice() {
        [] | ["rate_limit"] | ["repos", _, _] | ["repositories", _] => true,
        ["user" | "installation", "repos" | "repositories" | "issues"] | ["issues"] => true,
        ["users" | "orgs" | "organizations" | "user", _, "repos"] => true,
        ["repos", _, _, rest @ ..] | ["repositories", _, rest @ ..] => {
            matches!(
                rest.first(),
                Some(&("pulls" | "issues" | "contents" | "forks"))
            )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: Option<&str>, media: Media, label: &str) {
        let negotiated = negotiate(accept);
        assert_eq!(
            (negotiated.media, negotiated.label),
            (media, label),
            "{accept:?}"
        );
    }

    #[test]
    fn accept_as_real_clients_send_it() {
        let json = "github.v3; format=json";
        check(None, Media::Json, json);
        check(Some(""), Media::Json, json);
        check(Some("*/*"), Media::Json, json);
        check(Some("application/vnd.github+json"), Media::Json, json);
        check(Some("application/vnd.github.v3+json"), Media::Json, json);
        check(
            Some("application/vnd.github.mercy-preview+json"),
            Media::Json,
            json,
        );
        check(
            Some("application/vnd.github.v3.full+json; charset=utf-8"),
            Media::Full,
            "github.v3; param=full; format=json",
        );
        check(
            Some("application/vnd.github.v3.diff"),
            Media::Diff,
            "github.v3; param=diff",
        );
        check(
            Some("application/vnd.github.sha"),
            Media::Sha,
            "github.v3; param=sha",
        );
        check(
            Some("application/vnd.github.star+json"),
            Media::Star,
            "github.v3; param=star; format=json",
        );
        check(
            Some("text/plain, application/vnd.github.raw+json"),
            Media::Raw,
            "github.v3; param=raw; format=json",
        );
        check(Some("image/png"), Media::Json, "unknown, github.v3");
    }

    #[test]
    fn versions() {
        assert_eq!(api_version(None), Ok(ApiVersion::V2022_11_28));
        assert_eq!(api_version(Some("2026-03-10")), Ok(ApiVersion::V2026_03_10));
        assert_eq!(api_version(Some("v3")), Err("v3".to_owned()));
    }

    #[test]
    fn operations_that_changed() {
        for path in ["/", "/repos/o/r", "/repositories/1/pulls/2", "/user/repos"] {
            assert!(changed_in_2026(path), "{path}");
        }
        for path in ["/users/o", "/repos/o/r/commits", "/events"] {
            assert!(!changed_in_2026(path), "{path}");
        }
    }
}
