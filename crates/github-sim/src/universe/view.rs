//! One request's look at the model: who asks, under which base url, in which version.

use super::access::Caller;
use super::feed::Feed;
use super::model::{AccountIndex, Model, RepositoryIndex};
use super::paging::{Paging, encode_path, parameter};
use super::reply::{Adjust, Reply, json};
use crate::answer::Ask;
use base64::Engine as _;
use serde_json::Value;

#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) model: &'a Model,
    pub(crate) feed: &'a Feed,
    pub(crate) ask: &'a Ask<'a>,
    pub(crate) caller: Caller,
    /// The path in id form, for `Link`.
    pub(crate) identity: &'a str,
}

impl View<'_> {
    /// An absolute API url.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ask.base)
    }

    pub(crate) fn login(&self, index: AccountIndex) -> &str {
        &self.model.account(index).login
    }

    pub(crate) fn repository_url(&self, index: RepositoryIndex) -> String {
        format!("{}/repos/{}", self.ask.base, self.model.full_name(index))
    }

    pub(crate) fn html_url(&self, index: RepositoryIndex) -> String {
        format!("https://github.com/{}", self.model.full_name(index))
    }

    pub(crate) fn sees(&self, index: RepositoryIndex) -> bool {
        self.model.permission(self.caller, index).is_some()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(self.ask, name)
    }

    /// True for `direction=asc`/`order=asc`, or when ascending is this list's default and nothing else is asked.
    pub(crate) fn ascending(&self, name: &str, default: &str) -> bool {
        self.parameter(name)
            .unwrap_or(default)
            .eq_ignore_ascii_case("asc")
    }

    /// A page of a list, each element rendered only when it is on the page.
    pub(crate) fn page<T>(&self, items: &[T], render: impl FnMut(&T) -> Value) -> Reply {
        let paging = Paging::of(self.ask);
        let body: Vec<Value> = paging.slice(items).iter().map(render).collect();
        Ok(json(Value::from(body)).linked(paging.link(self.ask, self.identity, items.len())))
    }

    /// A page inside an envelope: `{"total_count": n, "<key>": [...]}`.
    pub(crate) fn counted_page<T>(
        &self,
        key: &str,
        items: &[T],
        render: impl FnMut(&T) -> Value,
    ) -> Reply {
        let paging = Paging::of(self.ask);
        let body: Vec<Value> = paging.slice(items).iter().map(render).collect();
        let mut envelope = serde_json::Map::new();
        envelope.insert("total_count".to_owned(), items.len().into());
        envelope.insert(key.to_owned(), body.into());
        Ok(json(envelope.into()).linked(paging.link(self.ask, self.identity, items.len())))
    }
}

/// The global node id in its older, readable form: base64 of `04:User1`.
pub(crate) fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{:02}:{kind}{id}", kind.len()))
}

/// A query value or path tail for a url of the web site.
pub(crate) fn tail(path: &str) -> String {
    encode_path(path)
}
