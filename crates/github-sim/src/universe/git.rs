//! Git objects with their true ids, so that a client which computes SHA-1s itself finds them here.

use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, HashMap};

/// 40 hex digits.
pub(crate) type Sha = String;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) sha: Sha,
    pub(crate) directory: bool,
}

impl Entry {
    pub(crate) fn mode(&self) -> &'static str {
        if self.directory { "040000" } else { "100644" }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// Index of the account; `None` for an address that belongs to nobody.
    pub(crate) account: Option<u32>,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) date: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) sha: Sha,
    pub(crate) tree: Sha,
    pub(crate) parents: Vec<Sha>,
    pub(crate) author: Person,
    pub(crate) message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagObject {
    pub(crate) sha: Sha,
    pub(crate) name: String,
    pub(crate) target: Sha,
    pub(crate) tagger: Person,
    pub(crate) message: String,
}

/// The object database of one repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    pub(crate) blobs: HashMap<Sha, Vec<u8>>,
    pub(crate) trees: HashMap<Sha, Vec<Entry>>,
    pub(crate) commits: HashMap<Sha, Commit>,
    pub(crate) tags: HashMap<Sha, TagObject>,
}

/// `sha1("<kind> <length>\0" + body)`, as `git hash-object` computes it.
pub(crate) fn object_id(kind: &str, body: &[u8]) -> Sha {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", body.len()));
    hash.update(body);
    hex::encode(hash.finalize())
}

fn signature(person: &Person) -> String {
    format!("{} <{}> {} +0000", person.name, person.email, person.date)
}

impl Objects {
    pub(crate) fn add_blob(&mut self, body: Vec<u8>) -> Sha {
        let sha = object_id("blob", &body);
        self.blobs.insert(sha.clone(), body);
        sha
    }

    fn add_tree(&mut self, mut entries: Vec<Entry>) -> Sha {
        // Git sorts directories as if their name ended in a slash.
        entries.sort_by_cached_key(|entry| {
            if entry.directory {
                format!("{}/", entry.name)
            } else {
                entry.name.clone()
            }
        });
        let mut body = Vec::new();
        for entry in &entries {
            let mode = if entry.directory { "40000" } else { "100644" };
            body.extend_from_slice(format!("{mode} {}\0", entry.name).as_bytes());
            // Ids are made by `object_id` only, so they always decode.
            body.extend_from_slice(&hex::decode(&entry.sha).unwrap_or_default());
        }
        let sha = object_id("tree", &body);
        self.trees.insert(sha.clone(), entries);
        sha
    }

    /// Builds all trees for `path -> blob` and returns the root.
    pub(crate) fn add_files(&mut self, files: &BTreeMap<String, Sha>) -> Sha {
        let mut here = Vec::new();
        let mut below: BTreeMap<&str, BTreeMap<String, Sha>> = BTreeMap::new();
        for (path, sha) in files {
            match path.split_once('/') {
                Some((directory, rest)) => {
                    below
                        .entry(directory)
                        .or_default()
                        .insert(rest.to_owned(), sha.clone());
                }
                None => here.push(Entry {
                    name: path.clone(),
                    sha: sha.clone(),
                    directory: false,
                }),
            }
        }
        for (name, files) in below {
            let sha = self.add_files(&files);
            here.push(Entry {
                name: name.to_owned(),
                sha,
                directory: true,
            });
        }
        self.add_tree(here)
    }

    pub(crate) fn add_commit(
        &mut self,
        tree: Sha,
        parents: Vec<Sha>,
        author: Person,
        message: &str,
    ) -> Sha {
        let mut body = format!("tree {tree}\n");
        for parent in &parents {
            body.push_str(&format!("parent {parent}\n"));
        }
        let by = signature(&author);
        body.push_str(&format!("author {by}\ncommitter {by}\n\n{message}"));
        let sha = object_id("commit", body.as_bytes());
        let commit = Commit {
            sha: sha.clone(),
            tree,
            parents,
            author,
            message: message.to_owned(),
        };
        self.commits.insert(sha.clone(), commit);
        sha
    }

    pub(crate) fn add_tag(
        &mut self,
        name: &str,
        target: Sha,
        tagger: Person,
        message: &str,
    ) -> Sha {
        let body = format!(
            "object {target}\ntype commit\ntag {name}\ntagger {}\n\n{message}",
            signature(&tagger)
        );
        let sha = object_id("tag", body.as_bytes());
        let tag = TagObject {
            sha: sha.clone(),
            name: name.to_owned(),
            target,
            tagger,
            message: message.to_owned(),
        };
        self.tags.insert(sha.clone(), tag);
        sha
    }

    /// All files below a tree, by path.
    pub(crate) fn files(&self, tree: &str) -> BTreeMap<String, Sha> {
        let mut found = BTreeMap::new();
        self.collect(tree, "", &mut found);
        found
    }

    fn collect(&self, tree: &str, prefix: &str, found: &mut BTreeMap<String, Sha>) {
        for entry in self.trees.get(tree).map_or(&[][..], Vec::as_slice) {
            let path = format!("{prefix}{}", entry.name);
            if entry.directory {
                self.collect(&entry.sha, &format!("{path}/"), found);
            } else {
                found.insert(path, entry.sha.clone());
            }
        }
    }

    /// First-parent history, newest first.
    pub(crate) fn history(&self, tip: &str) -> Vec<&Commit> {
        let mut found = Vec::new();
        let mut next = self.commits.get(tip);
        while let Some(commit) = next {
            found.push(commit);
            next = commit
                .parents
                .first()
                .and_then(|parent| self.commits.get(parent));
        }
        found
    }

    pub(crate) fn text(&self, blob: &str) -> String {
        self.blobs
            .get(blob)
            .map(|body| String::from_utf8_lossy(body).into_owned())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_hash_as_git_does() {
        // `git hash-object` of the empty file and of "hello\n" / "test content\n" (Pro Git, 10.2).
        assert_eq!(
            object_id("blob", b""),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        assert_eq!(
            object_id("blob", b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(
            object_id("blob", b"test content\n"),
            "d670460b4b4aece5915caf5c68d12f560a9fe3e4"
        );
        assert_eq!(
            object_id("tree", b""),
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
    }

    #[test]
    fn trees_and_commits_hash_as_git_does() {
        let mut objects = Objects::default();
        let mut files = BTreeMap::new();
        files.insert(
            "test.txt".to_owned(),
            objects.add_blob(b"version 1\n".to_vec()),
        );
        let tree = objects.add_files(&files);
        // Pro Git, 10.2: the first tree of its example.
        assert_eq!(tree, "d8329fc1cc938780ffdd9f94e0d364e0ea74f579");
        let author = Person {
            account: None,
            name: "Scott Chacon".into(),
            email: "schacon@gmail.com".into(),
            date: 1_243_040_974,
        };
        let commit = objects.add_commit(tree, vec![], author, "first commit\n");
        // The same commit in UTC, made with `git commit-tree`.
        assert_eq!(commit, "8cee4dcf86984af25b068d81451ac3d289fb5fce");
    }

    #[test]
    fn a_directory_sorts_as_if_it_ended_in_a_slash() {
        let mut objects = Objects::default();
        let blob = objects.add_blob(b"x".to_vec());
        let files: BTreeMap<String, Sha> = ["a.txt", "a/b", "a0"]
            .iter()
            .map(|path| ((*path).to_owned(), blob.clone()))
            .collect();
        let tree = objects.add_files(&files);
        let names: Vec<&str> = objects.trees[&tree]
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["a.txt", "a", "a0"]);
        assert_eq!(objects.files(&tree), files);
    }
}
