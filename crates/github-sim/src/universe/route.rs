//! From a path to what it names: name form and id form lead to the same place (behaviour notes 4).

use super::model::{AccountIndex, Kind, Model, RepositoryIndex};
use percent_encoding::percent_decode_str;

/// What a path names before its last words are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Repository(RepositoryIndex),
    Network(RepositoryIndex),
    User(AccountIndex),
    Organization(AccountIndex),
    /// `/user...`: the caller.
    Own,
    /// A former name of a repository.
    Moved(RepositoryIndex),
    /// `/repos`, `/users` and so on, naming nothing that exists.
    Missing,
    /// Everything else, by its words.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) place: Place,
    /// Decoded words behind the place.
    pub(crate) rest: Vec<String>,
    /// The path in the form that `Link` uses.
    pub(crate) identity: String,
}

impl Route {
    pub(crate) fn of(model: &Model, path: &str) -> Self {
        let raw: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let words: Vec<String> = raw
            .iter()
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let words_here: Vec<&str> = words.iter().map(String::as_str).collect();
        let (place, skip) = place(model, &words_here);
        let tail: String = raw
            .iter()
            .skip(skip)
            .map(|segment| format!("/{segment}"))
            .collect();
        let identity = match place {
            Place::Repository(index) | Place::Moved(index) => {
                format!("/repositories/{}{tail}", model.repository(index).id)
            }
            Place::User(index) => format!("/user/{}{tail}", model.account(index).id),
            Place::Organization(index) => {
                organization_identity(model, index, words.get(skip..).unwrap_or_default(), &tail)
            }
            Place::Network(_) | Place::Own | Place::Missing | Place::Other => {
                raw.iter().map(|segment| format!("/{segment}")).collect()
            }
        };
        Self {
            place,
            rest: words.into_iter().skip(skip).collect(),
            identity,
        }
    }
}

/// Teams stand under `/organizations/{id}/team/{team id}`.
fn organization_identity(
    model: &Model,
    index: AccountIndex,
    rest: &[String],
    tail: &str,
) -> String {
    let account = model.account(index);
    if let [teams, slug, ..] = rest
        && teams == "teams"
        && let Some(team) = account.teams.iter().find(|team| team.slug == *slug)
    {
        let below: String = tail
            .split('/')
            .skip(3)
            .map(|word| format!("/{word}"))
            .collect();
        return format!("/organizations/{}/team/{}{below}", account.id, team.id);
    }
    format!("/organizations/{}{tail}", account.id)
}

fn account_by_id(model: &Model, id: &str, kind: Kind) -> Option<AccountIndex> {
    let index = *model.account_by_id.get(&id.parse().ok()?)?;
    (model.account(index).kind == kind).then_some(index)
}

/// The place and how many words it takes.
fn place(model: &Model, words: &[&str]) -> (Place, usize) {
    let or_missing = |found: Option<Place>| found.unwrap_or(Place::Missing);
    let named = |owner: &str, name: &str| {
        let full_name = format!("{owner}/{name}");
        model
            .find_repository(&full_name)
            .map(Place::Repository)
            .or_else(|| {
                let moved = model.moved.get(&full_name.to_ascii_lowercase()).copied();
                moved
                    .filter(|index| !model.repository(*index).deleted)
                    .map(Place::Moved)
            })
    };
    let account = |login: &str, kind: Option<Kind>| {
        model
            .find_account(login)
            .filter(|index| kind.is_none_or(|kind| model.account(*index).kind == kind))
    };
    match words {
        ["repos", owner, name, ..] => (or_missing(named(owner, name)), 3),
        ["networks", owner, name, ..] => (
            or_missing(named(owner, name).map(|place| match place {
                Place::Repository(index) => Place::Network(index),
                other => other,
            })),
            3,
        ),
        ["repositories", id, ..] => {
            let index = id
                .parse()
                .ok()
                .and_then(|id: u64| model.repository_by_id.get(&id).copied());
            (or_missing(index.map(Place::Repository)), 2)
        }
        // An organisation answers under `/users/{login}` too, as a user.
        ["users", login, ..] => (or_missing(account(login, None).map(Place::User)), 2),
        ["user", id, ..] if id.bytes().all(|byte| byte.is_ascii_digit()) => {
            let index = id
                .parse()
                .ok()
                .and_then(|id: u64| model.account_by_id.get(&id).copied());
            (or_missing(index.map(Place::User)), 2)
        }
        ["user", ..] => (Place::Own, 1),
        ["orgs", login, ..] => (
            or_missing(account(login, Some(Kind::Organization)).map(Place::Organization)),
            2,
        ),
        ["organizations", id, ..] => (
            or_missing(account_by_id(model, id, Kind::Organization).map(Place::Organization)),
            2,
        ),
        _ => (Place::Other, 0),
    }
}
