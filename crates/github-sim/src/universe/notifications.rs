//! `/notifications`: the one list that is validated by `Last-Modified` alone.

use super::content::Issue;
use super::model::RepositoryIndex;
use super::object::object;
use super::reply::{Adjust, Reply, json, not_found, requires_authentication};
use super::time::iso;
use super::view::View;
use crate::answer::TagRule;
use serde_json::Value;

const DOCS: &str = "/activity/notifications#list-notifications-for-the-authenticated-user";
/// Threads per watched repository; enough for several pages of a busy user.
const PER_REPOSITORY: usize = 5;

impl View<'_> {
    fn thread(&self, index: RepositoryIndex, issue: &Issue) -> Value {
        let id = self.model.repository(index).id * 10_000 + issue.number;
        let read = self
            .caller
            .user()
            .is_some_and(|user| self.model.read_threads.contains(&(user, id)));
        let directory = if issue.pull.is_some() {
            "pulls"
        } else {
            "issues"
        };
        let subject = format!(
            "{}/{directory}/{}",
            self.repository_url(index),
            issue.number
        );
        object! {
            "id": id.to_string(),
            "unread": !read,
            "reason": "subscribed",
            "updated_at": iso(issue.updated_at),
            "last_read_at": read.then(|| iso(issue.updated_at)),
            "subject": object! {
                "title": issue.title.as_str(),
                "url": subject.as_str(),
                "latest_comment_url": subject.as_str(),
                "type": if issue.pull.is_some() { "PullRequest" } else { "Issue" },
            },
            "repository": self.bare_repository(index),
            "url": self.url(&format!("/notifications/threads/{id}")),
            "subscription_url": self.url(&format!("/notifications/threads/{id}/subscription")),
        }
    }

    fn threads(&self, only: Option<RepositoryIndex>) -> Vec<(RepositoryIndex, &Issue)> {
        let Some(user) = self.caller.user() else {
            return Vec::new();
        };
        let watched = &self.model.account(user).watching;
        let mut threads = Vec::new();
        for index in watched
            .iter()
            .filter(|index| only.is_none_or(|only| only == **index) && self.sees(**index))
        {
            let mut issues: Vec<&Issue> = self.model.content(*index).issues.iter().collect();
            issues.sort_by_key(|issue| std::cmp::Reverse((issue.updated_at, issue.number)));
            threads.extend(
                issues
                    .into_iter()
                    .take(PER_REPOSITORY)
                    .map(|issue| (*index, issue)),
            );
        }
        threads.sort_by_key(|(index, issue)| {
            std::cmp::Reverse((issue.updated_at, *index, issue.number))
        });
        threads
    }

    pub(crate) fn notification_endpoints(
        &self,
        only: Option<RepositoryIndex>,
        rest: &[&str],
    ) -> Reply {
        let Some(user) = self.caller.user() else {
            return Err(requires_authentication(DOCS));
        };
        let id_of = |index: RepositoryIndex, issue: &Issue| {
            self.model.repository(index).id * 10_000 + issue.number
        };
        let mut threads = self.threads(only);
        match rest {
            [] => {
                let all = self.parameter("all") == Some("true");
                threads.retain(|(index, issue)| {
                    all || !self
                        .model
                        .read_threads
                        .contains(&(user, id_of(*index, issue)))
                });
                let newest = threads.iter().map(|(_, issue)| issue.updated_at).max();
                let mut found = self.page(&threads, |(index, issue)| self.thread(*index, issue))?;
                found.tag = TagRule::None;
                // The tag is there and empty (behaviour notes 1.4): only the date validates.
                found.headers.push(("etag", "W/\"\"".to_owned()));
                found.last_modified = newest.or(Some(self.model.epoch));
                found.poll_interval = Some(60);
                Ok(found)
            }
            ["threads", id] => {
                let wanted = |(index, issue): &&(RepositoryIndex, &Issue)| {
                    id_of(*index, issue).to_string() == **id
                };
                let (index, issue) = threads.iter().find(wanted).ok_or_else(|| not_found(DOCS))?;
                Ok(json(self.thread(*index, issue)).modified(issue.updated_at))
            }
            _ => Err(not_found(DOCS)),
        }
    }
}
