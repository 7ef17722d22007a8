//! Builds, before a request is answered, the insides of exactly those repositories that the answer will show.

use super::access::Caller;
use super::feed::{Feed, Scope};
use super::model::{Model, RepositoryIndex};
use super::paging::{Paging, parameter};
use super::route::{Place, Route};
use super::search::Query;
use super::view::View;
use crate::answer::Ask;

/// A search without `repo:` looks into this many repositories, most starred first.
const SEARCHED: usize = 60;

pub(crate) fn search_scope(model: &Model, caller: Caller, query: &Query) -> Vec<RepositoryIndex> {
    let of = |names: [&str; 2]| -> Vec<&str> {
        let wanted = query
            .qualifiers
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        wanted.map(|(_, value)| value.as_str()).collect()
    };
    let (repositories, owners) = (of(["repo", "repo"]), of(["user", "org"]));
    let mut scope: Vec<RepositoryIndex> = if repositories.is_empty() {
        (0..model.repositories.len() as u32)
            .filter(|index| {
                let login = &model.account(model.repository(*index).owner).login;
                owners.is_empty() || owners.iter().any(|owner| owner.eq_ignore_ascii_case(login))
            })
            .collect()
    } else {
        repositories
            .iter()
            .filter_map(|name| model.find_repository(name))
            .collect()
    };
    scope.retain(|index| model.permission(caller, *index).is_some());
    scope.sort_by_key(|index| {
        (
            std::cmp::Reverse(model.repository(*index).stargazers.len()),
            *index,
        )
    });
    scope.truncate(SEARCHED);
    scope
}

/// Which feed a route is, if it is one.
pub(crate) fn scope(model: &Model, route: &Route) -> Option<Scope> {
    let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
    Some(match (&route.place, rest.as_slice()) {
        (Place::Other, ["events"]) => Scope::Everything,
        (Place::Repository(index), ["events"]) => Scope::Repository(*index),
        (Place::Network(index), ["events"]) => Scope::Network(*index),
        (Place::Organization(index), ["events"]) => Scope::Organization(*index),
        (Place::User(index), ["events"]) => Scope::By(*index),
        (Place::User(index), ["events", "public"]) => Scope::ByPublic(*index),
        (Place::User(index), ["events", "orgs", name]) => {
            Scope::ByIn(*index, model.find_account(name)?)
        }
        (Place::User(index), ["received_events"]) => Scope::Received(*index),
        (Place::User(index), ["received_events", "public"]) => Scope::ReceivedPublic(*index),
        _ => return None,
    })
}

/// The repositories whose content the answer needs.
pub(crate) fn needed(
    model: &Model,
    feed: &Feed,
    caller: Caller,
    route: &Route,
    ask: &Ask<'_>,
) -> Vec<RepositoryIndex> {
    if let Some(scope) = scope(model, route) {
        let paging = Paging::with_default(ask, if scope == Scope::Everything { 15 } else { 30 });
        let key = View::feed_key(ask.path);
        let events = feed.show(model, caller, scope, &key, ask.now);
        return paging
            .slice(&events)
            .iter()
            .map(|event| event.repository)
            .collect();
    }
    let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
    let watched = || {
        caller
            .user()
            .map(|user| model.account(user).watching.clone())
            .unwrap_or_default()
    };
    let owned = |account: u32| model.account(account).repositories.clone();
    match (&route.place, rest.as_slice()) {
        (Place::Repository(index), [_, ..]) => vec![*index],
        (Place::Organization(index), ["issues"]) => owned(*index),
        (Place::Own, ["issues"]) => caller.user().map(owned).unwrap_or_default(),
        (Place::Other, ["issues"]) => own_issue_scope(model, caller),
        (Place::Other, ["notifications", ..]) => watched(),
        (Place::Other, ["search", "issues" | "code" | "commits"]) => search_scope(
            model,
            caller,
            &Query::parse(parameter(ask, "q").unwrap_or_default()),
        ),
        _ => Vec::new(),
    }
}

/// `/issues` goes over what the caller owns, and what the organisations of the caller own.
pub(crate) fn own_issue_scope(model: &Model, caller: Caller) -> Vec<RepositoryIndex> {
    let Some(user) = caller.user() else {
        return Vec::new();
    };
    let account = model.account(user);
    let organizations = account
        .organizations
        .iter()
        .flat_map(|organization| &model.account(*organization).repositories);
    account
        .repositories
        .iter()
        .chain(organizations)
        .copied()
        .collect()
}
