//! GitHub's id-form urls: what `Link` and redirects call a resource instead of its name.

use crate::syntax::plain_path;

/// A url whose owner is named by number.
///
/// `Link` on `/repos/o/r/x` points to `https://api.github.com/repositories/{id}/x`, on `/orgs/o/x` to
/// `/organizations/{id}/x`, on `/orgs/o/teams/t` to `/organizations/{id}/team/{id}`, on `/users/u/x` to `/user/{id}/x`;
/// renamed repositories redirect to the same form.
/// The id form survives a rename, and has the body, hence the `ETag`, of the name form.
///
/// ```
/// use github_headers::IdForm;
///
/// assert_eq!(
///     IdForm::of("https://api.github.com/repositories/1296269/issues?page=2"),
///     Some(IdForm::Repository { id: 1296269, rest: "/issues" }),
/// );
/// assert_eq!(IdForm::of("/user/repos"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdForm<'a> {
    /// `/repositories/{id}{rest}`, the same as `/repos/{owner}/{repo}{rest}`.
    Repository {
        /// The repository's number.
        id: u64,
        /// The path after the number: empty, or with its leading slash; no query.
        rest: &'a str,
    },
    /// `/organizations/{id}{rest}`, the same as `/orgs/{org}{rest}`.
    Organization {
        /// The organisation's number.
        id: u64,
        /// The path after the number: empty, or with its leading slash; no query.
        rest: &'a str,
    },
    /// `/organizations/{organization}/team/{team}{rest}`, the same as `/orgs/{org}/teams/{team_slug}{rest}`.
    Team {
        /// The organisation's number.
        organization: u64,
        /// The team's number.
        team: u64,
        /// The path after the number: empty, or with its leading slash; no query.
        rest: &'a str,
    },
    /// `/user/{id}{rest}`, the same as `/users/{username}{rest}`.
    User {
        /// The user's number.
        id: u64,
        /// The path after the number: empty, or with its leading slash; no query.
        rest: &'a str,
    },
}

impl<'a> IdForm<'a> {
    /// Recognises the id form in a path or a complete url; query and fragment are ignored.
    ///
    /// `None` for a name form, and for `/user/...` paths of the authenticated user.
    pub fn of(path_or_url: &'a str) -> Option<Self> {
        let path = path_of(path_or_url);
        if let Some(tail) = path.strip_prefix("/repositories/") {
            let (id, rest) = number(tail)?;
            return Some(Self::Repository { id, rest });
        }
        if let Some(tail) = path.strip_prefix("/user/") {
            let (id, rest) = number(tail)?;
            return Some(Self::User { id, rest });
        }
        let (organization, rest) = number(path.strip_prefix("/organizations/")?)?;
        match rest.strip_prefix("/team/").and_then(number) {
            Some((team, rest)) => Some(Self::Team {
                organization,
                team,
                rest,
            }),
            None => Some(Self::Organization {
                id: organization,
                rest,
            }),
        }
    }
}

/// The path of a url, without scheme, authority and the rest that [`plain_path`] cuts off.
fn path_of(path_or_url: &str) -> &str {
    plain_path(match path_or_url.split_once("://") {
        Some((_, after)) => after.find('/').map_or("", |slash| &after[slash..]),
        None => path_or_url,
    })
}

/// A leading segment of digits only, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let (segment, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    if !segment.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((segment.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_forms_are_told_from_name_forms() {
        use IdForm::{Organization, Repository, Team, User};
        for (url, expected) in [
            (
                "https://api.github.com/repositories/40763577",
                Some(Repository {
                    id: 40763577,
                    rest: "",
                }),
            ),
            (
                "https://api.github.com/repositories/1/issues?page=2",
                Some(Repository {
                    id: 1,
                    rest: "/issues",
                }),
            ),
            (
                "/repositories/1/contents/a%2Fb/c",
                Some(Repository {
                    id: 1,
                    rest: "/contents/a%2Fb/c",
                }),
            ),
            ("/repositories/1/", Some(Repository { id: 1, rest: "/" })),
            (
                "/organizations/9/public_members/u",
                Some(Organization {
                    id: 9,
                    rest: "/public_members/u",
                }),
            ),
            (
                "/organizations/9/teams",
                Some(Organization {
                    id: 9,
                    rest: "/teams",
                }),
            ),
            (
                "/organizations/9/team/8/members",
                Some(Team {
                    organization: 9,
                    team: 8,
                    rest: "/members",
                }),
            ),
            (
                "/organizations/9/team/8",
                Some(Team {
                    organization: 9,
                    team: 8,
                    rest: "",
                }),
            ),
            (
                "/organizations/9/team/core",
                Some(Organization {
                    id: 9,
                    rest: "/team/core",
                }),
            ),
            (
                "/user/583231/repos?per_page=1",
                Some(User {
                    id: 583231,
                    rest: "/repos",
                }),
            ),
            (
                "http://127.0.0.1:8080/api/v3/user/583231",
                Some(User {
                    id: 583231,
                    rest: "",
                }),
            ),
            ("https://api.github.com/user/repos", None),
            ("https://api.github.com/repos/o/r", None),
            ("https://api.github.com/repositories", None),
            ("https://api.github.com/repositories?since=46", None),
            ("https://api.github.com/repositories/", None),
            ("https://api.github.com/repositories/+1", None),
            (
                "https://api.github.com/repositories/99999999999999999999",
                None,
            ),
            (
                "https://api.github.com/organizations/github/settings/billing/usage",
                None,
            ),
            ("https://api.github.com/orgs/1/repos", None),
            ("https://api.github.com", None),
            ("", None),
        ] {
            assert_eq!(IdForm::of(url), expected, "{url}");
        }
    }
}
