//! Changes of repositories as a whole.

use super::{Change, Visibility, done};
use crate::universe::Universe;
use crate::universe::estates::check_repository_name;
use crate::universe::model::Permission;
use serde_json::Value;

pub(super) fn apply(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    match change {
        Change::AddRepository {
            repo,
            private,
            readme,
        } => {
            let (owner, name) = repo
                .split_once('/')
                .ok_or_else(|| format!("`{repo}` is not owner/name"))?;
            let owner = universe.account_named(owner)?;
            check_repository_name(name)?;
            if universe.model.find_repository(&repo).is_some() {
                return Err(format!("{repo} exists already"));
            }
            let index = universe.create_repository(owner, name, now);
            universe.model.repository_mut(index).private = private;
            if readme {
                let files = [(
                    "README.md".to_owned(),
                    Some(format!("# {name}\n").into_bytes()),
                )];
                universe.push(
                    index,
                    "main",
                    universe.somebody(index),
                    &files,
                    "Initial commit",
                    now,
                );
            }
            Ok(universe.describe_repository(index))
        }
        Change::DeleteRepository { repo } => {
            let index = universe.repository_named(&repo)?;
            universe.delete_repository(index);
            Ok(done())
        }
        Change::RenameRepository { repo, name } => {
            let index = universe.repository_named(&repo)?;
            let owner = universe.model.repository(index).owner;
            universe.move_repository(index, owner, &name, now)?;
            Ok(universe.describe_repository(index))
        }
        Change::TransferRepository { repo, owner } => {
            let index = universe.repository_named(&repo)?;
            let owner = universe.account_named(&owner)?;
            let name = universe.model.repository(index).name.clone();
            universe.move_repository(index, owner, &name, now)?;
            Ok(universe.describe_repository(index))
        }
        Change::SetVisibility { repo, visibility } => {
            let index = universe.repository_named(&repo)?;
            let repository = universe.model.repository_mut(index);
            repository.private = visibility == Visibility::Private;
            repository.updated_at = now;
            if visibility == Visibility::Public {
                let actor = universe.somebody(index);
                universe.happen("PublicEvent", actor, index, 0, now);
            }
            Ok(universe.describe_repository(index))
        }
        Change::SetArchived { repo, archived } => {
            let index = universe.repository_named(&repo)?;
            let repository = universe.model.repository_mut(index);
            (repository.archived, repository.updated_at) = (archived, now);
            Ok(universe.describe_repository(index))
        }
        Change::AddCollaborator {
            repo,
            login,
            permission,
        } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            let permission = permission.as_deref().unwrap_or("push");
            let permission = Permission::parse(permission)
                .ok_or_else(|| format!("`{permission}` is not a permission"))?;
            universe.set_collaborator(index, user, Some(permission));
            Ok(universe.describe_account(user))
        }
        Change::RemoveCollaborator { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe.set_collaborator(index, user, None);
            Ok(done())
        }
        Change::Fork { repo, owner } => {
            let (index, owner) = (
                universe.repository_named(&repo)?,
                universe.account_named(&owner)?,
            );
            let fork = universe.fork(index, owner, now);
            Ok(universe.describe_repository(fork))
        }
        other => Err(format!("{other:?} is no change of a repository")),
    }
}
