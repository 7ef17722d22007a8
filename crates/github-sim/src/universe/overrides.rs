//! What tests put over the universe: fixed answers for exact paths, and frozen lists served in pages.

use super::paging::Paging;
use super::reply;
use crate::answer::{Answer, Ask, Content, TagRule, Viewer};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use std::collections::HashMap;

/// One fixed answer.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    /// `None` = everybody; `Some("")` = anonymous callers.
    pub(crate) viewer: Option<String>,
    /// `None` = whatever the query.
    pub(crate) query: Option<String>,
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) last_modified: Option<i64>,
    pub(crate) tag: TagRule,
}

/// A list of elements whose bytes are kept.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// The path in id form, for `Link`.
    pub(crate) identity: String,
    pub(crate) elements: Vec<Bytes>,
}

/// A document of a frozen folder.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) paths: Vec<String>,
    pub(crate) shape: Shape,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Object {
        body: Bytes,
        last_modified: Option<i64>,
    },
    List(List),
}

#[derive(Debug, Default)]
pub(crate) struct Overrides {
    fixed: HashMap<String, Vec<Fixed>>,
    lists: HashMap<String, List>,
    /// id form to the path under which a list is kept.
    aliases: HashMap<String, String>,
}

/// Paths compare without case and without a slash at the end.
pub(crate) fn key(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        "/".to_owned()
    } else {
        trimmed.to_ascii_lowercase()
    }
}

impl Overrides {
    pub(crate) fn answer(&self, ask: &Ask<'_>) -> Option<Answer> {
        if !matches!(*ask.method, Method::GET | Method::HEAD) {
            return None;
        }
        let key = key(ask.path);
        if let Some(fixed) = self
            .fixed
            .get(&key)
            .and_then(|list| list.iter().find(|fixed| fixed.fits(ask)))
        {
            return Some(fixed.answer());
        }
        let key = self.aliases.get(&key).unwrap_or(&key);
        let list = self.lists.get(key)?;
        let paging = Paging::of(ask);
        let page = paging.slice(&list.elements);
        let mut body =
            Vec::with_capacity(2 + page.iter().map(|element| element.len() + 1).sum::<usize>());
        body.push(b'[');
        for (position, element) in page.iter().enumerate() {
            if position > 0 {
                body.push(b',');
            }
            body.extend_from_slice(element);
        }
        body.push(b']');
        let mut found = reply::content(Content::JsonBytes(body.into()));
        found.link = paging.link(ask, &list.identity, list.elements.len());
        Some(Answer::Found(Box::new(found)))
    }

    /// The most specific come first: caller before everybody, query before any.
    pub(crate) fn fix(&mut self, path: &str, fixed: Fixed) {
        let list = self.fixed.entry(key(path)).or_default();
        list.retain(|other| other.viewer != fixed.viewer || other.query != fixed.query);
        list.push(fixed);
        list.sort_by_key(|fixed| {
            std::cmp::Reverse((fixed.viewer.is_some(), fixed.query.is_some()))
        });
    }

    /// True when there was something.
    pub(crate) fn release(&mut self, path: &str) -> bool {
        self.fixed.remove(&key(path)).is_some()
    }

    pub(crate) fn freeze(&mut self, document: Document) {
        let Some((first, others)) = document.paths.split_first() else {
            return;
        };
        match document.shape {
            Shape::Object {
                body,
                last_modified,
            } => {
                for path in &document.paths {
                    let (body, tag) = (body.clone(), TagRule::Formula);
                    let fixed = Fixed {
                        viewer: None,
                        query: None,
                        status: StatusCode::OK,
                        body,
                        last_modified,
                        tag,
                    };
                    self.fix(path, fixed);
                }
            }
            Shape::List(list) => {
                for other in others {
                    self.aliases.insert(key(other), key(first));
                }
                self.lists.insert(key(first), list);
            }
        }
    }

    /// A frozen list, to be edited.
    pub(crate) fn list_mut(&mut self, path: &str) -> Option<&mut Vec<Bytes>> {
        let key = key(path);
        let key = self.aliases.get(&key).unwrap_or(&key);
        self.lists.get_mut(key).map(|list| &mut list.elements)
    }
}

impl Fixed {
    fn fits(&self, ask: &Ask<'_>) -> bool {
        let viewer = self.viewer.as_ref().is_none_or(|wanted| match ask.viewer {
            Viewer::Anonymous => wanted.is_empty(),
            Viewer::User { login } => login.eq_ignore_ascii_case(wanted),
            Viewer::Installation { .. } | Viewer::App { .. } => false,
        });
        viewer
            && self
                .query
                .as_ref()
                .is_none_or(|query| query == ask.raw_query.unwrap_or_default())
    }

    fn answer(&self) -> Answer {
        if self.status.is_client_error() {
            let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
            let text = |key: &str, default: &str| {
                body.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or(default)
                    .to_owned()
            };
            return Answer::Problem {
                status: self.status,
                message: text("message", self.status.canonical_reason().unwrap_or("Error")),
                errors: body.get("errors").cloned(),
                documentation_url: text("documentation_url", "https://docs.github.com/rest"),
                resource: "core",
            };
        }
        let mut found = reply::content(Content::JsonBytes(self.body.clone()));
        found.status = self.status;
        found.last_modified = self.last_modified;
        found.tag = self.tag.clone();
        Answer::Found(Box::new(found))
    }
}
