//! How users, organisations, memberships and teams look.

use super::model::{AccountIndex, Kind, Permission, Team};
use super::object::{extend, object};
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

impl View<'_> {
    pub(crate) fn avatar(&self, index: AccountIndex) -> String {
        format!(
            "https://avatars.githubusercontent.com/u/{}?v=4",
            self.model.account(index).id
        )
    }

    /// The short form of an account that stands inside other resources; a deleted one is the ghost.
    pub(crate) fn simple_user(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        let (login, id) = if account.deleted {
            ("ghost", 10_137)
        } else {
            (account.login.as_str(), account.id)
        };
        let user = self.url(&format!("/users/{login}"));
        let kind = match account.kind {
            Kind::User => "User",
            Kind::Organization => "Organization",
        };
        object! {
            "login": login,
            "id": id,
            "node_id": node_id(kind, id),
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
            "gravatar_id": "",
            "url": user.as_str(),
            "html_url": format!("https://github.com/{login}"),
            "followers_url": format!("{user}/followers"),
            "following_url": format!("{user}/following{{/other_user}}"),
            "gists_url": format!("{user}/gists{{/gist_id}}"),
            "starred_url": format!("{user}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{user}/subscriptions"),
            "organizations_url": format!("{user}/orgs"),
            "repos_url": format!("{user}/repos"),
            "events_url": format!("{user}/events{{/privacy}}"),
            "received_events_url": format!("{user}/received_events"),
            "type": kind,
            "user_view_type": "public",
            "site_admin": false,
        }
    }

    /// `/users/{u}`, and `/user` with the private part.
    pub(crate) fn full_user(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        let profile = self.model.profile(index);
        let public = |repository: &&u32| {
            let repository = self.model.repository(**repository);
            !repository.private && !repository.deleted
        };
        let mut user = self.simple_user(index);
        extend(
            &mut user,
            object! {
                "name": profile.name,
                "company": profile.company,
                "blog": profile.blog,
                "location": profile.location,
                // Only signed-in callers see addresses.
                "email": profile.email.filter(|_| self.caller != super::access::Caller::Anonymous),
                "hireable": profile.hireable,
                "bio": profile.bio,
                "twitter_username": (),
                "public_repos": account.repositories.iter().filter(public).count(),
                "public_gists": super::gists::count(account.id),
                "followers": account.followers.len(),
                "following": account.following.len(),
                "created_at": iso(account.created_at),
                "updated_at": iso(account.updated_at),
            },
        );
        user
    }

    pub(crate) fn private_user(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        let private = account.repositories.iter().filter(|repository| {
            let repository = self.model.repository(**repository);
            repository.private && !repository.deleted
        });
        let private = private.count();
        let mut user = self.full_user(index);
        if let Some(kind) = user.get_mut("user_view_type") {
            *kind = "private".into();
        }
        extend(
            &mut user,
            object! {
                "private_gists": 0,
                "total_private_repos": private,
                "owned_private_repos": private,
                "disk_usage": 10_000 + account.id,
                "collaborators": 2,
                "two_factor_authentication": true,
                "plan": object! { "name": "free", "space": 976_562_499, "collaborators": 0, "private_repos": 10_000 },
            },
        );
        user
    }

    pub(crate) fn simple_organization(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        let url = self.url(&format!("/orgs/{}", account.login));
        object! {
            "login": account.login.as_str(),
            "id": account.id,
            "node_id": node_id("Organization", account.id),
            "url": url.as_str(),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": self.avatar(index),
            "description": self.model.profile(index).bio,
        }
    }

    pub(crate) fn full_organization(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        let profile = self.model.profile(index);
        let (mut public, mut private) = (0, 0);
        for repository in &account.repositories {
            let repository = self.model.repository(*repository);
            match (repository.deleted, repository.private) {
                (true, _) => {}
                (false, true) => private += 1,
                (false, false) => public += 1,
            }
        }
        let mut organization = self.simple_organization(index);
        extend(
            &mut organization,
            object! {
                "name": profile.name,
                // The description wants strings here, though real answers may hold null.
                "company": account.login.as_str(),
                "blog": format!("https://{}.example.com", account.login),
                "location": profile.location,
                "email": format!("{}@example.com", account.login),
                "twitter_username": (),
                "is_verified": true,
                "has_organization_projects": true,
                "has_repository_projects": true,
                "public_repos": public,
                "public_gists": 0,
                "followers": account.followers.len(),
                "following": 0,
                "html_url": format!("https://github.com/{}", account.login),
                "created_at": iso(account.created_at),
                "updated_at": iso(account.updated_at),
                "archived_at": (),
                "type": "Organization",
            },
        );
        if self.model.is_member(self.caller, index) {
            extend(
                &mut organization,
                object! {
                    "total_private_repos": private,
                    "owned_private_repos": private,
                    "private_gists": 0,
                    "disk_usage": 10_000,
                    "collaborators": 3,
                    "default_repository_permission": "read",
                    "members_can_create_repositories": true,
                    "two_factor_requirement_enabled": true,
                    "web_commit_signoff_required": false,
                },
            );
        }
        organization
    }

    /// Without the keys that only the list has (`parent`) or only the detail has (counts).
    pub(crate) fn team(&self, organization: AccountIndex, team: &Team) -> Value {
        let account = self.model.account(organization);
        let url = self.url(&format!("/organizations/{}/team/{}", account.id, team.id));
        object! {
            "name": team.name.as_str(),
            "id": team.id,
            "node_id": node_id("Team", team.id),
            "slug": team.slug.as_str(),
            "description": format!("{} of {}", team.name, account.login),
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "url": url.as_str(),
            "html_url": format!("https://github.com/orgs/{}/teams/{}", account.login, team.slug),
            "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"),
            "type": "organization",
            "organization_id": account.id,
            "permission": team.permission.as_str(),
            "parent": (),
        }
    }

    pub(crate) fn full_team(&self, organization: AccountIndex, team: &Team) -> Value {
        let mut full = self.team(organization, team);
        extend(
            &mut full,
            object! {
                "created_at": iso(team.created_at),
                "updated_at": iso(team.created_at),
                "members_count": team.members.len(),
                "repos_count": team.repositories.len(),
                "organization": self.full_organization(organization),
            },
        );
        full
    }

    pub(crate) fn collaborator(&self, user: AccountIndex, permission: Permission) -> Value {
        let mut collaborator = self.simple_user(user);
        extend(
            &mut collaborator,
            object! { "permissions": permissions(permission), "role_name": permission.role() },
        );
        collaborator
    }
}

/// The five booleans, strongest first, as GitHub prints them.
pub(crate) fn permissions(permission: Permission) -> Value {
    object! {
        "admin": permission >= Permission::Admin,
        "maintain": permission >= Permission::Maintain,
        "push": permission >= Permission::Push,
        "triage": permission >= Permission::Triage,
        "pull": true,
    }
}
