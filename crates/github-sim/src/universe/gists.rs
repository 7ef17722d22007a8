//! Gists: a few per user, a pure function of the owner's id.

use super::model::{AccountIndex, Kind};
use super::object::{extend, object};
use super::random::mix;
use super::reply::{Adjust, Reply, json, not_found, requires_authentication};
use super::time::iso;
use super::view::{View, node_id};
use crate::answer::ApiVersion;
use serde_json::Value;

const DOCS: &str = "/gists/gists#get-a-gist";

/// How many public gists the account with this id has.
pub(crate) fn count(account: u64) -> u64 {
    mix(account) % 4
}

/// 20 hex digits of which the first eight are the owner's id, so that a gist is found without a table.
fn gist_id(account: u64, number: u64) -> String {
    format!("{account:08x}{:012x}", mix(account ^ (number << 40)) >> 16)
}

impl View<'_> {
    fn gist(&self, owner: AccountIndex, number: u64, in_full: Part) -> Value {
        let account = self.model.account(owner);
        let id = gist_id(account.id, number);
        let url = self.url(&format!("/gists/{id}"));
        let at = account.created_at + 86_400 * (number as i64 + 1);
        let content = format!("gist {number}\n");
        let mut file = object! {
            "filename": "notes.txt",
            "type": "text/plain",
            "language": "Text",
            "raw_url": format!("https://gist.githubusercontent.com/{}/{id}/raw/notes.txt", account.login),
            "size": content.len(),
        };
        if in_full == Part::Detail {
            extend(
                &mut file,
                object! { "truncated": false, "content": content, "encoding": "utf-8" },
            );
        }
        let mut body = object! {
            "url": url.as_str(),
            "forks_url": format!("{url}/forks"),
            "commits_url": format!("{url}/commits"),
            "id": id.as_str(),
            "node_id": node_id("Gist", &id),
            "git_pull_url": format!("https://gist.github.com/{id}.git"),
            "git_push_url": format!("https://gist.github.com/{id}.git"),
            "html_url": format!("https://gist.github.com/{}/{id}", account.login),
            "files": object! { "notes.txt": file },
            "public": true,
            "created_at": iso(at),
            "updated_at": iso(at),
            "description": "Notes",
            "comments": 0,
            "user": (),
            "comments_enabled": true,
            "comments_url": format!("{url}/comments"),
            "owner": self.simple_user(owner),
            "truncated": false,
        };
        if self.ask.version == ApiVersion::V2026_03_10 {
            // Breaking changes of 2026-03-10: `owner` alone is left, without forks and history.
            super::object::without(&mut body, "user");
        } else if in_full == Part::Detail {
            extend(
                &mut body,
                object! { "forks": Vec::<Value>::new(), "history": Vec::<Value>::new() },
            );
        }
        body
    }

    fn gists_of(&self, owner: AccountIndex) -> Vec<(AccountIndex, u64)> {
        (0..count(self.model.account(owner).id))
            .rev()
            .map(|number| (owner, number))
            .collect()
    }

    pub(crate) fn user_gists(&self, owner: AccountIndex) -> Reply {
        self.page(&self.gists_of(owner), |(owner, number)| {
            self.gist(*owner, *number, Part::Entry)
        })
    }

    /// `GET /gists...`; `rest` begins behind `gists`.
    pub(crate) fn gist_endpoints(&self, rest: &[&str]) -> Reply {
        match rest {
            ["starred"] => match self.caller.user() {
                Some(_) => self.page(&[] as &[Value], Clone::clone),
                None => Err(requires_authentication("/gists/gists#list-starred-gists")),
            },
            [] | ["public"] => {
                let own = self.caller.user().filter(|_| rest.is_empty());
                let gists: Vec<(AccountIndex, u64)> = match own {
                    Some(user) => self.gists_of(user),
                    // Newest accounts first; GitHub ends this list after 3,000 entries too.
                    None => self
                        .model
                        .living(Kind::User)
                        .flat_map(|user| self.gists_of(user))
                        .take(3_000)
                        .collect(),
                };
                self.page(&gists, |(owner, number)| {
                    self.gist(*owner, *number, Part::Entry)
                })
            }
            [id, below @ ..] => {
                let account = id
                    .get(..8)
                    .and_then(|hex| u64::from_str_radix(hex, 16).ok());
                let owner = account
                    .and_then(|id| self.model.account_by_id.get(&id))
                    .ok_or_else(|| not_found(DOCS))?;
                let owner_id = self.model.account(*owner).id;
                let number = (0..count(owner_id)).find(|number| gist_id(owner_id, *number) == *id);
                let number = number
                    .filter(|_| !self.model.account(*owner).deleted)
                    .ok_or_else(|| not_found(DOCS))?;
                match below {
                    [] => {
                        let at =
                            self.model.account(*owner).created_at + 86_400 * (number as i64 + 1);
                        Ok(json(self.gist(*owner, number, Part::Detail)).modified(at))
                    }
                    ["comments" | "forks" | "commits"] => self.page(&[] as &[Value], Clone::clone),
                    _ => Err(not_found(DOCS)),
                }
            }
        }
    }
}

/// Lists leave out file contents and history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Entry,
    Detail,
}
