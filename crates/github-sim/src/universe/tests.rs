//! Tests of the whole universe, asked as the front asks it.

mod changes;
mod feeds;
mod frozen;
mod pages;
mod reading;
mod rights;
mod writing;

use super::{DEFAULT_EPOCH, Scale, Universe, UniverseOptions};
use crate::World;
use crate::answer::{Answer, ApiVersion, Ask, Content, Found, Media, Viewer};
use http::{Method, StatusCode};
use serde_json::Value;

pub(super) const NOW: i64 = DEFAULT_EPOCH + 60;

/// A caller with a universe.
pub(super) struct Client {
    pub(super) universe: Universe,
    pub(super) viewer: Viewer,
    pub(super) media: Media,
    pub(super) version: ApiVersion,
    pub(super) now: i64,
}

pub(super) fn client() -> Client {
    Client::of(Universe::generate(&UniverseOptions::default()))
}

impl Client {
    pub(super) fn of(universe: Universe) -> Self {
        let viewer = Viewer::Anonymous;
        Self {
            universe,
            viewer,
            media: Media::Json,
            version: ApiVersion::V2022_11_28,
            now: NOW,
        }
    }

    pub(super) fn empty() -> Self {
        let options = UniverseOptions {
            scale: Scale::Empty,
            ..UniverseOptions::default()
        };
        Self::of(Universe::generate(&options))
    }

    pub(super) fn logged_in(mut self, login: &str) -> Self {
        self.log_in(login);
        self
    }

    pub(super) fn log_in(&mut self, login: &str) {
        self.viewer = Viewer::User {
            login: login.to_owned(),
        };
    }

    pub(super) fn ask(&mut self, method: &Method, target: &str, body: &[u8]) -> Answer {
        let (path, raw_query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let query: Vec<(String, String)> = raw_query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                (name.to_owned(), value.replace('+', " "))
            })
            .collect();
        self.universe.answer(&Ask {
            method,
            path,
            query: &query,
            raw_query,
            media: self.media,
            viewer: &self.viewer,
            version: self.version,
            body,
            now: self.now,
            base: "https://api.github.com",
        })
    }

    pub(super) fn get(&mut self, target: &str) -> Answer {
        self.ask(&Method::GET, target, b"")
    }

    #[track_caller]
    pub(super) fn found(&mut self, target: &str) -> Found {
        match self.get(target) {
            Answer::Found(found) => *found,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn json(&mut self, target: &str) -> Value {
        value(&self.found(target))
    }

    /// The status alone, redirects included.
    pub(super) fn status(&mut self, target: &str) -> u16 {
        status(&self.get(target))
    }

    #[track_caller]
    pub(super) fn send(&mut self, method: Method, target: &str, body: &Value) -> Found {
        match self.ask(&method, target, body.to_string().as_bytes()) {
            Answer::Found(found) => *found,
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn refused(
        &mut self,
        method: Method,
        target: &str,
        body: &str,
    ) -> (StatusCode, String, Option<Value>) {
        match self.ask(&method, target, body.as_bytes()) {
            Answer::Problem {
                status,
                message,
                errors,
                ..
            } => (status, message, errors),
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn change(&mut self, change: Value) -> Value {
        match self.universe.control(&change, self.now) {
            Ok(made) => made,
            Err(error) => panic!("{change}: {error}"),
        }
    }
}

#[track_caller]
pub(super) fn value(found: &Found) -> Value {
    match &found.content {
        Content::Json(value) => value.clone(),
        Content::JsonBytes(bytes) => serde_json::from_slice(bytes).expect("valid JSON"),
        other => panic!("no JSON: {other:?}"),
    }
}

pub(super) fn status(answer: &Answer) -> u16 {
    match answer {
        Answer::Found(found) => found.status.as_u16(),
        Answer::Moved { .. } => 301,
        Answer::Redirect { .. } => 302,
        Answer::Problem { status, .. } => status.as_u16(),
    }
}

/// The url with this relation.
pub(super) fn link<'f>(found: &'f Found, rel: &str) -> Option<&'f str> {
    found
        .link
        .iter()
        .find(|(own, _)| *own == rel)
        .map(|(_, url)| url.as_str())
}

pub(super) fn rels(found: &Found) -> Vec<&'static str> {
    found.link.iter().map(|(rel, _)| *rel).collect()
}

/// A url back to a target.
pub(super) fn target(url: &str) -> &str {
    url.strip_prefix("https://api.github.com").unwrap_or(url)
}
