//! Which paths an event touches, and which paths are touched by events only: the rows, applied to what a payload says.

use std::time::Duration;

use github_conditional::{Freshness, PathPattern, RoutePolicy, RouteTable};

use super::facts::{Facts, Repository};

mod rows;

use rows::{COVERED, NOT_COVERED, ROWS};

/// Which paths events tell of, whoever's they are: `Some(())` where the first rule says so.
pub(crate) fn told_of() -> RouteTable<Told> {
    let mut table = RouteTable::default();
    let rules = NOT_COVERED
        .iter()
        .map(|path| (path, Told::Partly))
        .chain(COVERED.iter().map(|path| (path, Told::Wholly)));
    for (path, told) in rules {
        for root in ["/repos/*/*", "/repositories/*"] {
            if let Ok(pattern) = below(root, path).parse() {
                table.add(pattern, &[], told);
            }
        }
    }
    table
}

/// Whether events tell of all that happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Wholly,
    Partly,
}

/// What is served unasked because events would tell.
pub(crate) fn covered_policy(max_age: Duration) -> RoutePolicy {
    RoutePolicy::Freshness(Freshness::UntilMarked(max_age))
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// These paths.
    Paths(Vec<PathPattern>),
    /// Nothing that is stored here.
    Nothing,
}

/// What an event touches.
pub(crate) fn touched(event: &str, facts: &Facts) -> Touched {
    let mut paths = Vec::new();
    for row in ROWS.iter().filter(|row| row.events.contains(&event)) {
        if row.needs_repository() && facts.repository().is_none() {
            // GitHub has changed its payloads: better to ask too much.
            paths.push(PathPattern::everything());
        }
        for path in row.paths {
            place(path, facts, &mut paths);
        }
    }
    // An issue that went elsewhere is new there.
    if event == "issues" && facts.action() == "transferred" {
        for repository in facts.other_repositories() {
            below_repository(&repository, "issues/**", &mut paths);
            below_repository(&repository, "", &mut paths);
        }
    }
    match paths.is_empty() {
        true => Touched::Nothing,
        false => Touched::Paths(paths),
    }
}

/// The table's own word for an event, if it knows it: a name that is safe to count by.
pub(crate) fn known_name(event: &str) -> Option<&'static str> {
    ROWS.iter()
        .flat_map(|row| row.events)
        .find(|known| **known == event)
        .copied()
}

fn place(path: &str, facts: &Facts, paths: &mut Vec<PathPattern>) {
    let Some((place, rest)) = path.split_once(':') else {
        paths.extend(path.parse());
        return;
    };
    let rest = match facts.number() {
        Some(number) => rest.replace("{number}", &number.to_string()),
        // It cannot be told which one, so all are.
        None => rest.replace("{number}", "*"),
    };
    let mut add = |root: String| paths.extend(below(&root, &rest).parse());
    match place {
        "repo" => {
            if let Some(repository) = facts.repository() {
                below_repository(&repository, &rest, paths);
            }
        }
        "owner" => {
            let (login, number) = facts.owner();
            if let Some(login) = login {
                add(format!("/users/{login}"));
                add(format!("/orgs/{login}"));
            }
            if let Some(number) = number {
                add(format!("/user/{number}"));
                add(format!("/organizations/{number}"));
            }
        }
        "org" => {
            let (logins, number) = facts.organisation();
            logins
                .into_iter()
                .for_each(|login| add(format!("/orgs/{login}")));
            number
                .into_iter()
                .for_each(|number| add(format!("/organizations/{number}")));
        }
        "org-repositories" => {
            let (logins, _) = facts.organisation();
            for login in logins {
                paths.extend(format!("/repos/{login}/**").parse());
            }
            // Which numbers are this organisation's is not told.
            paths.extend("/repositories/**".parse());
        }
        "team" => {
            if let Some(number) = facts.team_number() {
                add(format!("/teams/{number}"));
            }
        }
        "me" => {
            let (login, number) = facts.sender();
            login
                .into_iter()
                .for_each(|login| add(format!("/users/{login}")));
            number
                .into_iter()
                .for_each(|number| add(format!("/user/{number}")));
        }
        "other-repositories" => {
            for repository in facts.other_repositories() {
                below_repository(&repository, "**", paths);
            }
        }
        "installation-repositories" => {
            if let Some(login) = facts.installation_account() {
                paths.extend(format!("/repos/{login}/**").parse());
                paths.extend("/repositories/**".parse());
            }
        }
        _ => unreachable!("the table has no other places"),
    }
}

fn below_repository(repository: &Repository, rest: &str, paths: &mut Vec<PathPattern>) {
    for name in &repository.names {
        paths.extend(below(&format!("/repos/{name}"), rest).parse());
    }
    if let Some(number) = repository.number {
        paths.extend(below(&format!("/repositories/{number}"), rest).parse());
    }
}

fn below(root: &str, rest: &str) -> String {
    match rest {
        "" => root.to_owned(),
        rest => format!("{root}/{rest}"),
    }
}

#[cfg(test)]
mod tests;
