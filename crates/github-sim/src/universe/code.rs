//! Files, directories, readme and licence, and the raw git data: refs, commits, trees, blobs, tags.

use super::commits::{person, verification};
use super::git::{Commit, Entry};
use super::model::RepositoryIndex;
use super::object::{extend, object};
use super::reply::{Adjust, Reply, json, not_found, text};
use super::view::{View, node_id, tail};
use crate::answer::Media;
use base64::Engine as _;
use serde_json::Value;

const DOCS: &str = "/repos/contents#get-repository-content";
const GIT_DOCS: &str = "/git/refs#get-a-reference";
/// Refs change often and are polled: GitHub asks for five minutes here.
const REF_POLL_SECONDS: u32 = 300;

/// Base64 in lines of 60, as GitHub wraps it.
fn wrapped(body: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(body);
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 60 + 1);
    for line in encoded.as_bytes().chunks(60) {
        // Base64 is ASCII.
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text
}

enum Node<'c> {
    File(&'c str),
    Directory(&'c [Entry]),
}

impl View<'_> {
    fn locate(&self, index: RepositoryIndex, commit: &Commit, path: &str) -> Option<Node<'_>> {
        let objects = &self.model.content(index).objects;
        let mut entries = objects.trees.get(&commit.tree)?.as_slice();
        let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            let entry = entries.iter().find(|entry| entry.name == name)?;
            if entry.directory {
                entries = objects.trees.get(&entry.sha)?;
            } else {
                return names.peek().is_none().then_some(Node::File(&entry.sha));
            }
        }
        Some(Node::Directory(entries))
    }

    fn content_entry(
        &self,
        index: RepositoryIndex,
        path: &str,
        sha: &str,
        kind: &str,
        reference: &str,
    ) -> Value {
        let (base, html_url, encoded) =
            (self.repository_url(index), self.html_url(index), tail(path));
        let content = self.model.content(index);
        let file = kind == "file";
        let url = format!(
            "{base}/contents/{encoded}?ref={}",
            super::paging::encode(reference)
        );
        let (web, git) = if file {
            ("blob", "blobs")
        } else {
            ("tree", "trees")
        };
        let web_url = format!("{html_url}/{web}/{reference}/{encoded}");
        let git_url = format!("{base}/git/{git}/{sha}");
        let raw = format!(
            "https://raw.githubusercontent.com/{}/{reference}/{encoded}",
            self.model.full_name(index)
        );
        object! {
            "name": path.rsplit('/').next().unwrap_or(path),
            "path": path,
            "sha": sha,
            "size": content.objects.blobs.get(sha).map_or(0, Vec::len),
            "url": url.as_str(),
            "html_url": web_url.as_str(),
            "git_url": git_url.as_str(),
            "download_url": file.then_some(raw),
            "type": kind,
            "_links": object! { "self": url.as_str(), "git": git_url.as_str(), "html": web_url.as_str() },
        }
    }

    pub(crate) fn file(
        &self,
        index: RepositoryIndex,
        path: &str,
        sha: &str,
        reference: &str,
    ) -> Value {
        let mut body = self.content_entry(index, path, sha, "file", reference);
        let links = body
            .as_object_mut()
            .and_then(|body| body.shift_remove("_links"));
        let blob = self.model.content(index).objects.blobs.get(sha);
        let content = wrapped(blob.map(Vec::as_slice).unwrap_or_default());
        extend(
            &mut body,
            object! { "content": content, "encoding": "base64", "_links": links },
        );
        body
    }

    /// `ref` of the query, or the default branch.
    fn asked_reference(&self, index: RepositoryIndex) -> &str {
        let default = self.model.repository(index).default_branch.as_str();
        self.parameter("ref")
            .filter(|name| !name.is_empty())
            .unwrap_or(default)
    }

    pub(crate) fn contents(&self, index: RepositoryIndex, path: &str) -> Reply {
        let reference = self.asked_reference(index);
        let commit = self
            .resolve(index, reference)
            .map_err(|_| not_found(DOCS))?;
        match self
            .locate(index, commit, path)
            .ok_or_else(|| not_found(DOCS))?
        {
            Node::File(sha) => Ok(self
                .file_in_media(index, path, sha, reference)?
                .git_object(sha)
                .modified(commit.author.date)),
            Node::Directory(entries) => {
                let prefix = path.trim_matches('/');
                let listing: Vec<Value> = entries
                    .iter()
                    .map(|entry| {
                        let path = if prefix.is_empty() {
                            entry.name.clone()
                        } else {
                            format!("{prefix}/{}", entry.name)
                        };
                        let kind = if entry.directory { "dir" } else { "file" };
                        self.content_entry(index, &path, &entry.sha, kind, reference)
                    })
                    .collect();
                // The tag of every directory is the root tree of the commit (behaviour notes 1.3).
                Ok(json(listing.into())
                    .git_object(&commit.tree)
                    .modified(commit.author.date))
            }
        }
    }

    fn file_in_media(
        &self,
        index: RepositoryIndex,
        path: &str,
        sha: &str,
        reference: &str,
    ) -> Reply {
        let content = || self.model.content(index).objects.text(sha);
        Ok(match self.ask.media {
            Media::Raw => text("application/vnd.github.raw; charset=utf-8", content()),
            Media::Html => {
                let escaped = content()
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                let html = format!(
                    "<div id=\"file\" class=\"md\" data-path=\"{path}\"><article><pre>{escaped}</pre></article></div>"
                );
                text("application/vnd.github.html; charset=utf-8", html)
            }
            _ => json(self.file(index, path, sha, reference)),
        })
    }

    /// The readme: blob tag for plain and raw, formula for html (behaviour notes 1.3).
    pub(crate) fn readme(&self, index: RepositoryIndex) -> Reply {
        let docs = "/repos/contents#get-a-repository-readme";
        let reference = self.asked_reference(index);
        let commit = self
            .resolve(index, reference)
            .map_err(|_| not_found(docs))?;
        let Some(Node::File(sha)) = self.locate(index, commit, "README.md") else {
            return Err(not_found(docs));
        };
        let found = self
            .file_in_media(index, "README.md", sha, reference)?
            .modified(commit.author.date);
        Ok(if self.ask.media == Media::Html {
            found
        } else {
            found.git_object(sha)
        })
    }

    pub(crate) fn license_file(&self, index: RepositoryIndex) -> Reply {
        let docs = "/licenses/licenses#get-the-license-for-a-repository";
        let repository = self.model.repository(index);
        let commit = self.resolve(index, "HEAD").map_err(|_| not_found(docs))?;
        let Some(Node::File(sha)) = self
            .locate(index, commit, "LICENSE")
            .filter(|_| repository.license.is_some())
        else {
            return Err(not_found(docs));
        };
        let mut body = self.file(index, "LICENSE", sha, &repository.default_branch);
        extend(
            &mut body,
            object! { "license": self.license(repository.license) },
        );
        Ok(json(body).modified(commit.author.date))
    }

    fn reference(&self, index: RepositoryIndex, name: &str, sha: &str) -> Value {
        let base = self.repository_url(index);
        let tag = self.model.content(index).objects.tags.contains_key(sha);
        let (kind, directory) = if tag {
            ("tag", "tags")
        } else {
            ("commit", "commits")
        };
        object! {
            "ref": format!("refs/{name}"),
            "node_id": node_id("Ref", format!("{}:refs/{name}", self.model.repository(index).id)),
            "url": format!("{base}/git/refs/{}", tail(name)),
            "object": object! { "sha": sha, "type": kind, "url": format!("{base}/git/{directory}/{sha}") },
        }
    }

    /// All refs as `heads/main`, `tags/v1`, with what they point to, ascending.
    fn references(&self, index: RepositoryIndex) -> Vec<(String, &str)> {
        let content = self.model.content(index);
        let heads = content
            .branches
            .iter()
            .map(|(name, sha)| (format!("heads/{name}"), sha.as_str()));
        let tags = content
            .tags
            .iter()
            .map(|(name, (object, _))| (format!("tags/{name}"), object.as_str()));
        heads.chain(tags).collect()
    }

    /// `GET /repos/{o}/{r}/git/...`; `rest` begins behind `git`.
    pub(crate) fn git_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        let pushed_at = self.model.repository(index).pushed_at;
        match rest {
            ["ref", name @ ..] if !name.is_empty() => {
                let name = name.join("/");
                let references = self.references(index);
                let found = references
                    .iter()
                    .find(|(own, _)| *own == name)
                    .ok_or_else(|| not_found(GIT_DOCS))?;
                let mut found = json(self.reference(index, &found.0, found.1)).modified(pushed_at);
                found.poll_interval = Some(REF_POLL_SECONDS);
                Ok(found)
            }
            ["refs", prefix @ ..] | ["matching-refs", prefix @ ..] => {
                let prefix = prefix.join("/");
                let references: Vec<_> = self
                    .references(index)
                    .into_iter()
                    .filter(|(name, _)| name.starts_with(&prefix))
                    .collect();
                let mut found = self
                    .page(&references, |(name, sha)| self.reference(index, name, sha))?
                    .modified(pushed_at);
                found.poll_interval = Some(REF_POLL_SECONDS);
                Ok(found)
            }
            ["commits", sha] => {
                let docs = "/git/commits#get-a-commit-object";
                let commit = content
                    .objects
                    .commits
                    .get(*sha)
                    .ok_or_else(|| not_found(docs))?;
                Ok(json(self.git_commit(index, commit)).modified(commit.author.date))
            }
            ["trees", name @ ..] if !name.is_empty() => self.tree(index, &name.join("/")),
            ["blobs", sha] => {
                let blob = content
                    .objects
                    .blobs
                    .get(*sha)
                    .ok_or_else(|| not_found("/git/blobs#get-a-blob"))?;
                if self.ask.media == Media::Raw {
                    let body = String::from_utf8_lossy(blob).into_owned();
                    return Ok(text("application/vnd.github.raw; charset=utf-8", body));
                }
                Ok(json(object! {
                    "sha": *sha,
                    "node_id": node_id("Blob", format!("{}:{sha}", self.model.repository(index).id)),
                    "size": blob.len(),
                    "url": format!("{}/git/blobs/{sha}", self.repository_url(index)),
                    "content": wrapped(blob),
                    "encoding": "base64",
                }))
            }
            ["tags", sha] => {
                let tag = content
                    .objects
                    .tags
                    .get(*sha)
                    .ok_or_else(|| not_found("/git/tags#get-a-tag"))?;
                let base = self.repository_url(index);
                let body = object! {
                    "node_id": node_id("Tag", format!("{}:{sha}", self.model.repository(index).id)),
                    "sha": tag.sha.as_str(),
                    "url": format!("{base}/git/tags/{sha}"),
                    "tagger": person(&tag.tagger),
                    "object": object! {
                        "sha": tag.target.as_str(),
                        "type": "commit",
                        "url": format!("{base}/git/commits/{}", tag.target),
                    },
                    "tag": tag.name.as_str(),
                    "message": tag.message.as_str(),
                    "verification": verification(),
                };
                Ok(json(body).modified(tag.tagger.date))
            }
            _ => Err(not_found("/git")),
        }
    }

    pub(crate) fn git_commit(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let (base, html_url, sha) = (
            self.repository_url(index),
            self.html_url(index),
            &commit.sha,
        );
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| {
                object! {
                    "sha": parent.as_str(),
                    "url": format!("{base}/git/commits/{parent}"),
                    "html_url": format!("{html_url}/commit/{parent}"),
                }
            })
            .collect();
        object! {
            "sha": sha.as_str(),
            "node_id": node_id("Commit", format!("{}:{sha}", self.model.repository(index).id)),
            "url": format!("{base}/git/commits/{sha}"),
            "html_url": format!("{html_url}/commit/{sha}"),
            "author": person(&commit.author),
            "committer": person(&commit.author),
            "tree": object! { "sha": commit.tree.as_str(), "url": format!("{base}/git/trees/{}", commit.tree) },
            "message": commit.message.as_str(),
            "parents": parents,
            "verification": verification(),
        }
    }

    fn tree(&self, index: RepositoryIndex, name: &str) -> Reply {
        let docs = "/git/trees#get-a-tree";
        let objects = &self.model.content(index).objects;
        let sha = if objects.trees.contains_key(name) {
            name.to_owned()
        } else {
            self.resolve(index, name)
                .map_err(|_| not_found(docs))?
                .tree
                .clone()
        };
        let mut listing = Vec::new();
        let depth = if self.parameter("recursive").is_some() {
            usize::MAX
        } else {
            1
        };
        self.walk(index, &sha, "", depth, &mut listing);
        let body = object! {
            "sha": sha.as_str(),
            "url": format!("{}/git/trees/{sha}", self.repository_url(index)),
            "tree": listing,
            "truncated": false,
        };
        Ok(json(body).modified(self.model.repository(index).pushed_at))
    }

    /// Appends the entries below a tree, down to `depth` levels.
    fn walk(
        &self,
        index: RepositoryIndex,
        sha: &str,
        prefix: &str,
        depth: usize,
        listing: &mut Vec<Value>,
    ) {
        let objects = &self.model.content(index).objects;
        let base = self.repository_url(index);
        for entry in objects
            .trees
            .get(sha)
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            let path = format!("{prefix}{}", entry.name);
            let (kind, directory) = if entry.directory {
                ("tree", "trees")
            } else {
                ("blob", "blobs")
            };
            let mut body = object! { "path": path.as_str(), "mode": entry.mode(), "type": kind, "sha": entry.sha.as_str() };
            if let Some(blob) = objects.blobs.get(&entry.sha) {
                extend(&mut body, object! { "size": blob.len() });
            }
            extend(
                &mut body,
                object! { "url": format!("{base}/git/{directory}/{}", entry.sha) },
            );
            listing.push(body);
            if entry.directory && depth > 1 {
                self.walk(index, &entry.sha, &format!("{path}/"), depth - 1, listing);
            }
        }
    }
}
