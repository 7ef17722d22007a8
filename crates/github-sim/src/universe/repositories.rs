//! How repositories look: in lists, in full, and with what each caller may know.

use super::access::Caller;
use super::accounts::permissions;
use super::model::{Kind, Permission, RepositoryIndex};
use super::object::{extend, object};
use super::time::iso;
use super::view::{View, node_id};
use super::words;
use crate::answer::ApiVersion;
use serde_json::{Map, Value};

/// `(key, template behind the repository's url)`, in GitHub's order.
const URLS: [(&str, &str); 37] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
    ("url", ""),
];

impl View<'_> {
    pub(crate) fn license(&self, license: Option<usize>) -> Value {
        match license.and_then(|index| words::LICENSES.get(index)) {
            Some((key, name, spdx)) => object! {
                "key": *key,
                "name": *name,
                "spdx_id": *spdx,
                "url": self.url(&format!("/licenses/{key}")),
                "node_id": node_id("License", key),
            },
            None => Value::Null,
        }
    }

    /// The caller's `permissions` object; anonymous callers get none.
    fn permissions(&self, index: RepositoryIndex) -> Option<Value> {
        if self.caller == Caller::Anonymous {
            return None;
        }
        self.model.permission(self.caller, index).map(permissions)
    }

    /// As lists and other resources show it, without `permissions`.
    pub(crate) fn bare_repository(&self, index: RepositoryIndex) -> Value {
        let repository = self.model.repository(index);
        let full_name = self.model.full_name(index);
        let url = self.repository_url(index);
        let html_url = self.html_url(index);
        let mut body: Value = object! {
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name.as_str(),
            "full_name": full_name.as_str(),
            "private": repository.private,
            "owner": self.simple_user(repository.owner),
            "html_url": html_url.as_str(),
            "description": repository.description.as_deref(),
            "fork": repository.parent.is_some(),
            "url": url.as_str(),
        };
        let urls: Map<String, Value> = URLS
            .iter()
            .filter(|(key, _)| *key != "url")
            .map(|(key, template)| ((*key).to_owned(), format!("{url}{template}").into()))
            .collect();
        extend(&mut body, Value::Object(urls));
        let forks = self
            .model
            .repository(index)
            .forks
            .iter()
            .filter(|fork| !self.model.repository(**fork).deleted)
            .count();
        extend(
            &mut body,
            object! {
                "created_at": iso(repository.created_at),
                "updated_at": iso(repository.updated_at),
                "pushed_at": iso(repository.pushed_at),
                "git_url": format!("git://github.com/{full_name}.git"),
                "ssh_url": format!("git@github.com:{full_name}.git"),
                "clone_url": format!("{html_url}.git"),
                "svn_url": html_url.as_str(),
                "homepage": repository.homepage.as_deref(),
                "size": repository.size,
                "stargazers_count": repository.stargazers.len(),
                "watchers_count": repository.stargazers.len(),
                "language": repository.language,
                "has_issues": repository.has_issues,
                "has_projects": true,
                "has_downloads": true,
                "has_wiki": true,
                "has_pages": false,
                "has_discussions": false,
                "forks_count": forks,
                "mirror_url": (),
                "archived": repository.archived,
                "disabled": false,
                "open_issues_count": repository.open_issues,
                "license": self.license(repository.license),
                "allow_forking": true,
                "is_template": false,
                "web_commit_signoff_required": false,
                "topics": repository.topics.clone(),
                "visibility": if repository.private { "private" } else { "public" },
                "forks": forks,
                "open_issues": repository.open_issues,
                "watchers": repository.stargazers.len(),
                "default_branch": repository.default_branch.as_str(),
            },
        );
        if self.ask.version == ApiVersion::V2026_03_10 {
            // Breaking change of 2026-03-10.
            super::object::without(&mut body, "has_downloads");
        }
        body
    }

    /// As repository lists show it: with the caller's permissions.
    pub(crate) fn minimal_repository(&self, index: RepositoryIndex) -> Value {
        let mut body = self.bare_repository(index);
        if let Some(permissions) = self.permissions(index) {
            extend(&mut body, object! { "permissions": permissions });
        }
        body
    }

    /// `/repos/{o}/{r}`.
    pub(crate) fn full_repository(&self, index: RepositoryIndex) -> Value {
        let repository = self.model.repository(index);
        let mut body = self.minimal_repository(index);
        if self.model.permission(self.caller, index) >= Some(Permission::Push) {
            extend(
                &mut body,
                object! {
                    "temp_clone_token": "",
                    "allow_squash_merge": true,
                    "allow_merge_commit": true,
                    "allow_rebase_merge": true,
                    "allow_auto_merge": false,
                    "delete_branch_on_merge": false,
                    "allow_update_branch": false,
                },
            );
            if self.ask.version == ApiVersion::V2022_11_28 {
                extend(
                    &mut body,
                    object! { "use_squash_pr_title_as_default": false },
                );
            }
        } else {
            extend(&mut body, object! { "temp_clone_token": () });
        }
        if self.model.account(repository.owner).kind == Kind::Organization {
            extend(
                &mut body,
                object! { "organization": self.simple_user(repository.owner) },
            );
        }
        if let Some(parent) = repository.parent.filter(|parent| self.sees(*parent)) {
            let rendered = self.bare_repository(parent);
            extend(
                &mut body,
                object! { "parent": rendered.clone(), "source": rendered },
            );
        }
        let network = repository.parent.map_or(repository.forks.len(), |parent| {
            self.model.repository(parent).forks.len()
        });
        extend(
            &mut body,
            object! { "network_count": network, "subscribers_count": repository.watchers.len() },
        );
        body
    }
}
