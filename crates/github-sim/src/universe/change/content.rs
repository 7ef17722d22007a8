//! Changes inside a repository: issues, comments, commits, releases.

use super::{Change, done};
use crate::universe::Universe;
use crate::universe::actions::{IssueState, NewIssue, add_label};
use crate::universe::content::{Movement, Release, ZERO};
use crate::universe::object::object;
use serde_json::Value;

pub(super) fn apply(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    let missing = |number: u64| format!("there is no issue {number}");
    match change {
        Change::AddIssue {
            repo,
            title,
            author,
            labels,
        } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.author(index, author.as_deref())?;
            let title = title.unwrap_or_else(|| format!("Found at {now}"));
            let new = NewIssue {
                title,
                labels,
                ..NewIssue::default()
            };
            let number = universe.open_issue(index, author, new, now);
            Ok(
                object! { "number": number, "id": universe.model.repository(index).id * 10_000 + number },
            )
        }
        Change::CloseIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .set_issue_state(index, number, IssueState::Closed, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "number": number })
        }
        Change::ReopenIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .set_issue_state(index, number, IssueState::Open, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "number": number })
        }
        Change::RemoveIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .remove_issue(index, number)
                .ok_or_else(|| missing(number))?;
            Ok(done())
        }
        Change::AddComment {
            repo,
            number,
            author,
            body,
        } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.author(index, author.as_deref())?;
            let body = body.unwrap_or_else(|| "Me too.".to_owned());
            let id = universe
                .add_comment(index, number, author, &body, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "id": id })
        }
        Change::AddLabel { repo, name, color } => {
            let index = universe.repository_named(&repo)?;
            let added = add_label(
                universe.edit(index),
                &name,
                color.as_deref().unwrap_or("ededed"),
                None,
            );
            if added {
                Ok(object! { "name": name })
            } else {
                Err(format!("label {name} exists already"))
            }
        }
        Change::PushCommit {
            repo,
            branch,
            path,
            content,
            message,
        } => {
            let index = universe.repository_named(&repo)?;
            let branch =
                branch.unwrap_or_else(|| universe.model.repository(index).default_branch.clone());
            let path = path.unwrap_or_else(|| "CHANGELOG.md".to_owned());
            let content =
                content.unwrap_or_else(|| format!("changed at {now}, {}\n", universe.revision));
            let actor = universe.somebody(index);
            let message = message.unwrap_or_else(|| format!("Update {path}"));
            let sha = universe.push(
                index,
                &branch,
                actor,
                &[(path, Some(content.into_bytes()))],
                &message,
                now,
            );
            Ok(object! { "sha": sha, "ref": format!("refs/heads/{branch}") })
        }
        Change::DeleteBranch { repo, branch } => {
            let index = universe.repository_named(&repo)?;
            let actor = universe.somebody(index);
            let content = universe.edit(index);
            let before = content
                .branches
                .remove(&branch)
                .ok_or_else(|| format!("there is no branch {branch}"))?;
            let (id, reference) = (content.fresh_id(), format!("refs/heads/{branch}"));
            let after = ZERO.to_owned();
            let kind = "branch_deletion";
            content.movements.insert(
                0,
                Movement {
                    id,
                    reference,
                    before,
                    after,
                    actor,
                    at: now,
                    kind,
                },
            );
            universe.happen("DeleteEvent", actor, index, 0, now);
            Ok(done())
        }
        Change::AddRelease { repo, tag } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.somebody(index);
            let tagger = universe.model.person(author, now);
            let branch = universe.model.repository(index).default_branch.clone();
            let content = universe.edit(index);
            let commit = content
                .branches
                .get(&branch)
                .cloned()
                .ok_or("the repository is empty")?;
            if content.tags.contains_key(&tag) {
                return Err(format!("tag {tag} exists already"));
            }
            let object = content
                .objects
                .add_tag(&tag, commit.clone(), tagger, &format!("{tag}\n"));
            content.tags.insert(tag.clone(), (object, commit.clone()));
            let id = content.fresh_id();
            let release = Release {
                id,
                tag,
                author,
                prerelease: false,
                created_at: now,
                assets: 1,
                downloads: 0,
            };
            content.releases.insert(0, release);
            universe.happen("ReleaseEvent", author, index, 0, now);
            Ok(object! { "id": id, "sha": commit })
        }
        other => Err(format!("{other:?} is no change of a repository's content")),
    }
}
