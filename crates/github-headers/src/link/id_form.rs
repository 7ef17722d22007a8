//! GitHub's id-form urls: what `Link` and redirects call a resource instead of its name.

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
            Some((team, rest)) => Some(Self::Team { organization, team, rest }),
            None => Some(Self::Organization { id: organization, rest }),
        }
    }
}

/// The path of a url, without scheme, authority, query, fragment and the `/api/v3` of enterprise-style clients.
fn path_of(path_or_url: &str) -> &str {
    let path = match path_or_url.split_once("://") {
        Some((_, after)) => after.find('/').map_or("", |slash| &after[slash..]),
        None => path_or_url,
    };
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    match path.strip_prefix("/api/v3") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// A leading segment of digits only, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let (segment, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    if !segment.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((segment.parse().ok()?, rest))
}
