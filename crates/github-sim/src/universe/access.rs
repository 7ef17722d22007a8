//! Who may see and do what.

use super::model::{AccountIndex, Kind, Model, Permission, RepositoryIndex};
use crate::answer::Viewer;

/// The caller, found in this universe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Anonymous,
    User(AccountIndex),
    /// A token of a user whom this universe does not have, an App's JWT, an installation that does not exist:
    /// authenticated, with no rights of its own.
    Stranger,
    Installation(u64),
}

impl Caller {
    pub(crate) fn of(model: &Model, viewer: &Viewer) -> Self {
        match viewer {
            Viewer::Anonymous => Self::Anonymous,
            Viewer::User { login } => model.find_account(login).map_or(Self::Stranger, Self::User),
            Viewer::Installation { id } if model.installations.contains_key(id) => {
                Self::Installation(*id)
            }
            Viewer::Installation { .. } | Viewer::App { .. } => Self::Stranger,
        }
    }

    pub(crate) fn user(self) -> Option<AccountIndex> {
        match self {
            Self::User(index) => Some(index),
            _ => None,
        }
    }
}

impl Model {
    /// The caller's role; `None` = the repository does not exist for this caller.
    pub(crate) fn permission(&self, caller: Caller, index: RepositoryIndex) -> Option<Permission> {
        let repository = self.repository(index);
        if repository.deleted {
            return None;
        }
        let public = (!repository.private).then_some(Permission::Pull);
        let own = match caller {
            Caller::Anonymous | Caller::Stranger => None,
            Caller::User(user) => self.role(user, index),
            Caller::Installation(id) => self.installations.get(&id).and_then(|installation| {
                let selected = installation
                    .selected
                    .as_ref()
                    .is_none_or(|list| list.contains(&index));
                (installation.account == repository.owner && selected).then_some(Permission::Push)
            }),
        };
        own.max(public)
    }

    /// What a user has by ownership, membership, team or invitation, without what everybody has.
    pub(crate) fn role(&self, user: AccountIndex, index: RepositoryIndex) -> Option<Permission> {
        let repository = self.repository(index);
        let owner = self.account(repository.owner);
        if repository.owner == user {
            return Some(Permission::Admin);
        }
        let invited = repository
            .collaborators
            .iter()
            .filter(|(other, _)| *other == user)
            .map(|(_, permission)| *permission)
            .max();
        let member = owner
            .members
            .iter()
            .find(|member| member.user == user)
            .map(|member| {
                // The organisation's base permission is read.
                if member.admin {
                    Permission::Admin
                } else {
                    Permission::Pull
                }
            });
        let by_team = owner
            .teams
            .iter()
            .filter(|team| team.members.contains(&user) && team.repositories.contains(&index))
            .map(|team| team.permission)
            .max();
        invited.max(member).max(by_team)
    }

    pub(crate) fn is_member(&self, caller: Caller, organization: AccountIndex) -> bool {
        match caller {
            Caller::User(user) => self
                .account(organization)
                .members
                .iter()
                .any(|member| member.user == user),
            Caller::Installation(id) => self
                .installations
                .get(&id)
                .is_some_and(|installation| installation.account == organization),
            Caller::Anonymous | Caller::Stranger => false,
        }
    }

    pub(crate) fn is_organization_admin(&self, caller: Caller, organization: AccountIndex) -> bool {
        caller.user().is_some_and(|user| {
            self.account(organization)
                .members
                .iter()
                .any(|member| member.user == user && member.admin)
        })
    }

    /// `author_association` of an author in a repository.
    pub(crate) fn association(&self, author: AccountIndex, index: RepositoryIndex) -> &'static str {
        let repository = self.repository(index);
        let owner = self.account(repository.owner);
        if repository.owner == author {
            "OWNER"
        } else if owner.kind == Kind::Organization
            && owner.members.iter().any(|member| member.user == author)
        {
            "MEMBER"
        } else if repository
            .collaborators
            .iter()
            .any(|(user, _)| *user == author)
        {
            "COLLABORATOR"
        } else {
            "NONE"
        }
    }
}
