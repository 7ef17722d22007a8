//! Files written by clients: each makes a commit.

use super::{body, required, text};
use crate::answer::Ask;
use crate::universe::Universe;
use crate::universe::model::{AccountIndex, RepositoryIndex};
use crate::universe::object::{object, without};
use crate::universe::reply::{Reply, json, not_found, not_supplied, problem, unprocessable};
use crate::universe::route::Route;
use base64::Engine as _;
use http::{Method, StatusCode};

impl Universe {
    pub(super) fn put_file(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        actor: AccountIndex,
        path: &str,
    ) -> Reply {
        let remove = *ask.method == Method::DELETE;
        let docs = "/repos/contents#create-or-update-file-contents";
        let body = body(ask)?;
        let message = required(&body, "message", docs)?;
        let branch = text(&body, "branch")
            .unwrap_or(&self.model.repository(index).default_branch)
            .to_owned();
        let content = self.model.content(index);
        let tip = content
            .branches
            .get(&branch)
            .and_then(|tip| content.objects.commits.get(tip));
        if tip.is_none() && !content.branches.is_empty() {
            return Err(problem(
                StatusCode::NOT_FOUND,
                &format!("Branch {branch} not found"),
                None,
                docs,
            ));
        }
        let old = tip.and_then(|tip| content.objects.files(&tip.tree).remove(path));
        match (&old, text(&body, "sha")) {
            (Some(_), None) => return Err(not_supplied("sha", docs)),
            (Some(old), Some(given)) if old != given => {
                let message = format!("{path} does not match {given}");
                return Err(problem(StatusCode::CONFLICT, &message, None, docs));
            }
            (None, _) if remove => return Err(not_found(docs)),
            _ => {}
        }
        let fresh = if remove {
            None
        } else {
            let encoded: String = required(&body, "content", docs)?
                .split_whitespace()
                .collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
            Some(decoded.map_err(|_| unprocessable("content is not valid Base64", docs))?)
        };
        let commit = self.push(
            index,
            &branch,
            actor,
            &[(path.to_owned(), fresh)],
            message,
            ask.now,
        );
        let view = self.view(ask, &route.identity);
        let content = self.model.content(index);
        let commit = content
            .objects
            .commits
            .get(&commit)
            .ok_or_else(|| not_found(docs))?;
        let file = content.objects.files(&commit.tree).remove(path);
        let shown = file.map(|sha| {
            let mut file = view.file(index, path, &sha, &branch);
            without(&mut file, "content");
            without(&mut file, "encoding");
            file
        });
        let mut found =
            json(object! { "content": shown, "commit": view.git_commit(index, commit) });
        if old.is_none() {
            found.status = StatusCode::CREATED;
        }
        Ok(found)
    }
}
