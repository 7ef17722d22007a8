//! Stars, watches, follows and memberships.

use super::Change;
use crate::universe::Universe;
use crate::universe::model::Membership;
use serde_json::Value;

pub(super) fn apply(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    let user = match change {
        Change::Star { repo, login } => {
            let index = universe.repository_named(&repo)?;
            let user = universe.account_or_new(&login, now);
            universe.star(user, index, now);
            user
        }
        Change::Unstar { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe.model.unstar(user, index);
            user
        }
        Change::Watch { repo, login } => {
            let index = universe.repository_named(&repo)?;
            let user = universe.account_or_new(&login, now);
            if !universe.model.account(user).watching.contains(&index) {
                universe.model.account_mut(user).watching.push(index);
                universe.model.repository_mut(index).watchers.push(user);
            }
            user
        }
        Change::Unwatch { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe
                .model
                .account_mut(user)
                .watching
                .retain(|other| *other != index);
            universe
                .model
                .repository_mut(index)
                .watchers
                .retain(|other| *other != user);
            user
        }
        Change::Follow { login, target } => {
            let target = universe.account_named(&target)?;
            let user = universe.account_or_new(&login, now);
            universe.model.follow(user, target);
            user
        }
        Change::Unfollow { login, target } => {
            let (user, target) = (
                universe.account_named(&login)?,
                universe.account_named(&target)?,
            );
            universe.model.unfollow(user, target);
            user
        }
        Change::AddMember {
            org,
            login,
            private,
        } => {
            let organization = universe.organization_named(&org)?;
            let user = universe.account_or_new(&login, now);
            let members = &mut universe.model.account_mut(organization).members;
            if !members.iter().any(|member| member.user == user) {
                members.push(Membership {
                    user,
                    public: !private,
                    admin: false,
                });
                universe
                    .model
                    .account_mut(user)
                    .organizations
                    .push(organization);
            }
            user
        }
        Change::RemoveMember { org, login } => {
            let (organization, user) = (
                universe.organization_named(&org)?,
                universe.account_named(&login)?,
            );
            let account = universe.model.account_mut(organization);
            account.members.retain(|member| member.user != user);
            account
                .teams
                .iter_mut()
                .for_each(|team| team.members.retain(|other| *other != user));
            universe
                .model
                .account_mut(user)
                .organizations
                .retain(|other| *other != organization);
            user
        }
        other => return Err(format!("{other:?} is no change of a relation")),
    };
    Ok(universe.describe_account(user))
}
