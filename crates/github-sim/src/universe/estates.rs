//! Accounts and repositories come, move and go.

use super::Universe;
use super::model::{AccountIndex, Kind, Permission, RepositoryIndex};

/// 1 to 100 letters, digits, `-`, `_` and `.`.
pub(crate) fn check_repository_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=100).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("`{name}` is not a name of a repository"))
    }
}

/// 1 to 39 letters, digits and `-`.
pub(crate) fn check_login(login: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=39).contains(&login.len()) && login.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("`{login}` is not a login"))
    }
}

impl Universe {
    /// Empty, with nothing but labels.
    pub(crate) fn create_repository(
        &mut self,
        owner: AccountIndex,
        name: &str,
        now: i64,
    ) -> RepositoryIndex {
        let index = self.model.add_repository(owner, name, now);
        self.build(index);
        let actor = self
            .model
            .account(owner)
            .members
            .first()
            .map_or(owner, |member| member.user);
        self.model.repository_mut(index).watchers.push(actor);
        self.model.account_mut(actor).watching.push(index);
        index
    }

    pub(crate) fn delete_repository(&mut self, index: RepositoryIndex) {
        let key = self.model.full_name(index).to_lowercase();
        self.model.by_name.remove(&key);
        let repository = self.model.repository_mut(index);
        repository.deleted = true;
        repository.content = None;
        let (id, owner) = (repository.id, repository.owner);
        let (stars, watchers) = (
            std::mem::take(&mut repository.stargazers),
            std::mem::take(&mut repository.watchers),
        );
        self.model.repository_by_id.remove(&id);
        self.model
            .account_mut(owner)
            .repositories
            .retain(|other| *other != index);
        for star in stars {
            self.model
                .account_mut(star.user)
                .starred
                .retain(|other| *other != index);
        }
        for watcher in watchers {
            self.model
                .account_mut(watcher)
                .watching
                .retain(|other| *other != index);
        }
    }

    /// New name or new owner; the former name moves here.
    pub(crate) fn move_repository(
        &mut self,
        index: RepositoryIndex,
        owner: AccountIndex,
        name: &str,
        now: i64,
    ) -> Result<(), String> {
        check_repository_name(name)?;
        let target = format!("{}/{name}", self.model.account(owner).login).to_ascii_lowercase();
        let old = self.model.full_name(index).to_ascii_lowercase();
        if target != old && self.model.by_name.contains_key(&target) {
            return Err(format!("{target} exists already"));
        }
        self.model.by_name.remove(&old);
        self.model.moved.insert(old, index);
        self.model.moved.remove(&target);
        self.model.by_name.insert(target, index);
        let repository = self.model.repository_mut(index);
        let before = std::mem::replace(&mut repository.owner, owner);
        repository.name = name.to_owned();
        repository.updated_at = now;
        if before != owner {
            self.model
                .account_mut(before)
                .repositories
                .retain(|other| *other != index);
            self.model.account_mut(owner).repositories.push(index);
        }
        Ok(())
    }

    /// The old login is free and answers 404; repositories under it move.
    pub(crate) fn rename_account(
        &mut self,
        index: AccountIndex,
        login: &str,
        now: i64,
    ) -> Result<(), String> {
        check_login(login)?;
        if self
            .model
            .find_account(login)
            .is_some_and(|other| other != index)
        {
            return Err(format!("{login} exists already"));
        }
        let owned = self.model.account(index).repositories.clone();
        let before: Vec<(RepositoryIndex, String)> = owned
            .into_iter()
            .map(|repository| (repository, self.model.full_name(repository).to_lowercase()))
            .collect();
        let old = self.model.account(index).login.to_ascii_lowercase();
        self.model.by_login.remove(&old);
        self.model
            .by_login
            .insert(login.to_ascii_lowercase(), index);
        let account = self.model.account_mut(index);
        (account.login, account.updated_at) = (login.to_owned(), now);
        for (repository, old) in before {
            self.model.by_name.remove(&old);
            self.model.moved.insert(old, repository);
            let new = self.model.full_name(repository).to_lowercase();
            self.model.moved.remove(&new);
            self.model.by_name.insert(new, repository);
        }
        Ok(())
    }

    /// Repositories go too; what the account wrote elsewhere becomes the ghost's.
    pub(crate) fn delete_account(&mut self, index: AccountIndex) {
        for repository in self.model.account(index).repositories.clone() {
            self.delete_repository(repository);
        }
        let account = self.model.account_mut(index);
        account.deleted = true;
        let (id, login) = (account.id, account.login.to_ascii_lowercase());
        let (followers, following) = (
            std::mem::take(&mut account.followers),
            std::mem::take(&mut account.following),
        );
        let (starred, watching) = (
            std::mem::take(&mut account.starred),
            std::mem::take(&mut account.watching),
        );
        let organizations = std::mem::take(&mut account.organizations);
        let members = std::mem::take(&mut account.members);
        self.model.by_login.remove(&login);
        self.model.account_by_id.remove(&id);
        for other in followers {
            self.model
                .account_mut(other)
                .following
                .retain(|account| *account != index);
        }
        for other in following {
            self.model
                .account_mut(other)
                .followers
                .retain(|account| *account != index);
        }
        for repository in starred {
            self.model
                .repository_mut(repository)
                .stargazers
                .retain(|star| star.user != index);
        }
        for repository in watching {
            self.model
                .repository_mut(repository)
                .watchers
                .retain(|user| *user != index);
        }
        for organization in organizations {
            let organization = self.model.account_mut(organization);
            organization.members.retain(|member| member.user != index);
            organization
                .teams
                .iter_mut()
                .for_each(|team| team.members.retain(|user| *user != index));
        }
        for member in members {
            self.model
                .account_mut(member.user)
                .organizations
                .retain(|organization| *organization != index);
        }
    }

    pub(crate) fn set_collaborator(
        &mut self,
        index: RepositoryIndex,
        user: AccountIndex,
        permission: Option<Permission>,
    ) {
        let collaborators = &mut self.model.repository_mut(index).collaborators;
        match (
            collaborators.iter_mut().find(|(other, _)| *other == user),
            permission,
        ) {
            (Some(entry), Some(permission)) => entry.1 = permission,
            (None, Some(permission)) => collaborators.push((user, permission)),
            (_, None) => collaborators.retain(|(other, _)| *other != user),
        }
    }

    /// Finds an account by login, or makes a user of that name.
    pub(crate) fn account_or_new(&mut self, login: &str, now: i64) -> AccountIndex {
        self.model
            .find_account(login)
            .unwrap_or_else(|| self.model.add_account(login, Kind::User, now))
    }
}
