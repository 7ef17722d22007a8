//! What changed between two trees: file lists, unified diffs and mail patches.

use super::git::{Commit, Objects, Sha};
use super::time::mail;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Added,
    Removed,
    Modified,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) status: Status,
    pub(crate) old: Option<Sha>,
    pub(crate) new: Option<Sha>,
    /// From the first `@@`; what GitHub calls `patch`.
    pub(crate) hunk: String,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
}

/// Files that differ, ascending by path. An empty id stands for the empty tree.
pub(crate) fn changes(objects: &Objects, old: &str, new: &str) -> Vec<Change> {
    let (before, after) = (objects.files(old), objects.files(new));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        let status = match (old, new) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(_), Some(_)) => Status::Modified,
            (None, _) => Status::Added,
            (Some(_), None) => Status::Removed,
        };
        let text = |sha: Option<&Sha>| sha.map(|sha| objects.text(sha)).unwrap_or_default();
        let (hunk, additions, deletions) = hunk(&text(old), &text(new));
        let (path, old, new) = (path.clone(), old.cloned(), new.cloned());
        found.push(Change {
            path,
            status,
            old,
            new,
            hunk,
            additions,
            deletions,
        });
    }
    found
}

/// One hunk from the first to the last difference: valid for every tool, if not the shortest.
fn hunk(old: &str, new: &str) -> (String, usize, usize) {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - head;
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let (from, context) = (head.saturating_sub(3), tail.min(3));
    let (a_end, b_end) = (a.len() - tail, b.len() - tail);
    let range = |from: usize, lines: usize| match lines {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        lines => format!("{},{lines}", from + 1),
    };
    let (a_lines, b_lines) = (a_end + context - from, b_end + context - from);
    let mut text = format!("@@ -{} +{} @@", range(from, a_lines), range(from, b_lines));
    for line in &a[from..head] {
        text.push_str(&format!("\n {line}"));
    }
    for line in &a[head..a_end] {
        text.push_str(&format!("\n-{line}"));
    }
    for line in &b[head..b_end] {
        text.push_str(&format!("\n+{line}"));
    }
    for line in &a[a_end..a_end + context] {
        text.push_str(&format!("\n {line}"));
    }
    (text, b_end - head, a_end - head)
}

fn short(sha: Option<&Sha>) -> &str {
    sha.and_then(|sha| sha.get(..7)).unwrap_or("0000000")
}

/// As `git diff` prints it.
pub(crate) fn unified(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let path = &change.path;
        let (old, new) = (short(change.old.as_ref()), short(change.new.as_ref()));
        text.push_str(&format!("diff --git a/{path} b/{path}\n"));
        let (from, to) = match change.status {
            Status::Added => {
                text.push_str(&format!("new file mode 100644\nindex {old}..{new}\n"));
                ("/dev/null".to_owned(), format!("b/{path}"))
            }
            Status::Removed => {
                text.push_str(&format!("deleted file mode 100644\nindex {old}..{new}\n"));
                (format!("a/{path}"), "/dev/null".to_owned())
            }
            Status::Modified => {
                text.push_str(&format!("index {old}..{new} 100644\n"));
                (format!("a/{path}"), format!("b/{path}"))
            }
        };
        text.push_str(&format!("--- {from}\n+++ {to}\n{}\n", change.hunk));
    }
    text
}

/// As `git format-patch` prints it.
pub(crate) fn patch(commit: &Commit, changes: &[Change]) -> String {
    let mut text = format!(
        "From {} Mon Sep 17 00:00:00 2001\nFrom: {} <{}>\nDate: {}\nSubject: [PATCH] {}\n\n---\n",
        commit.sha,
        commit.author.name,
        commit.author.email,
        mail(commit.author.date),
        commit.message
    );
    let (mut additions, mut deletions) = (0, 0);
    for change in changes {
        additions += change.additions;
        deletions += change.deletions;
        let marks = "+".repeat(change.additions.min(30)) + &"-".repeat(change.deletions.min(30));
        text.push_str(&format!(
            " {} | {} {marks}\n",
            change.path,
            change.additions + change.deletions
        ));
    }
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    text.push_str(&format!(" {} changed", plural(changes.len(), "file")));
    if additions > 0 {
        text.push_str(&format!(", {}(+)", plural(additions, "insertion")));
    }
    if deletions > 0 {
        text.push_str(&format!(", {}(-)", plural(deletions, "deletion")));
    }
    text.push_str("\n\n");
    text.push_str(&unified(changes));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        assert_eq!(hunk(old, new).0, expected);
    }

    #[test]
    fn hunks() {
        check("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b");
        check("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b");
        check(
            "1\n2\n3\n4\n5\n",
            "1\n2\n3\n4\nx\n5\n",
            "@@ -2,4 +2,5 @@\n 2\n 3\n 4\n+x\n 5",
        );
        check("same\n", "other\n", "@@ -1 +1 @@\n-same\n+other");
    }
}
