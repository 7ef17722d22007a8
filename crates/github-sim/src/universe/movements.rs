//! What moved: the activity log, webhooks and their deliveries, in cursor pages.

use super::model::{Permission, RepositoryIndex};
use super::object::object;
use super::paging::{Paging, page_url};
use super::reply::{Adjust, Reply, json, not_found};
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

impl View<'_> {
    pub(crate) fn hook(&self, index: RepositoryIndex, id: u64, events: &Value) -> Value {
        let repository = self.model.repository(index);
        let url = format!("{}/hooks/{id}", self.repository_url(index));
        object! {
            "type": "Repository",
            "id": id,
            "name": "web",
            "active": true,
            "events": events.clone(),
            "config": object! {
                "content_type": "json",
                "insecure_ssl": "0",
                "url": "https://hooks.example.com/github",
            },
            "updated_at": iso(repository.created_at),
            "created_at": iso(repository.created_at),
            "url": url.as_str(),
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": object! { "code": 200, "status": "active", "message": "OK" },
        }
    }

    pub(crate) fn hook_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/repos/webhooks#get-a-repository-webhook";
        if self.model.permission(self.caller, index) < Some(Permission::Admin) {
            return Err(not_found(docs));
        }
        let content = self.model.content(index);
        let Some(id) = rest.first() else {
            return self.page(&content.hooks, |(id, events)| self.hook(index, *id, events));
        };
        let hook = content
            .hooks
            .iter()
            .find(|(own, _)| own.to_string() == *id)
            .ok_or_else(|| not_found(docs))?;
        match rest.get(1..).unwrap_or_default() {
            [] => {
                let at = self.model.repository(index).created_at;
                Ok(json(self.hook(index, hook.0, &hook.1)).modified(at))
            }
            ["deliveries"] => self.deliveries(index, hook.0),
            _ => Err(not_found(docs)),
        }
    }

    /// One delivery per push, newest first, in cursor pages (`cursor=v1_<id>`).
    pub(crate) fn deliveries(&self, index: RepositoryIndex, hook: u64) -> Reply {
        let movements = &self.model.content(index).movements;
        let paging = Paging::of(self.ask);
        let after = self
            .parameter("cursor")
            .and_then(|cursor| cursor.strip_prefix("v1_"))
            .and_then(|id| id.parse().ok());
        let from = after.map_or(0, |after: u64| {
            movements
                .iter()
                .take_while(|movement| movement.id >= after)
                .count()
        });
        let page = &movements[from..(from + paging.per_page).min(movements.len())];
        let body: Vec<Value> = page
            .iter()
            .map(|movement| {
                object! {
                    "id": movement.id,
                    "guid": format!("{:08x}-0000-4000-8000-{:012x}", hook & 0xffff_ffff, movement.id),
                    "delivered_at": iso(movement.at + 2),
                    "redelivery": false,
                    "duration": 0.27,
                    "status": "OK",
                    "status_code": 200,
                    "event": "push",
                    "action": (),
                    "installation_id": (),
                    "repository_id": self.model.repository(index).id,
                    "throttled_at": (),
                }
            })
            .collect();
        let more = from + page.len() < movements.len();
        let next = page.last().filter(|_| more).map(|last| {
            (
                "next",
                page_url(
                    self.ask,
                    self.identity,
                    &[("cursor", format!("v1_{}", last.id))],
                ),
            )
        });
        Ok(json(body.into()).linked(next.into_iter().collect()))
    }

    /// `/activity`: movements of refs, newest first, in `before`/`after` cursor pages.
    pub(crate) fn activity(&self, index: RepositoryIndex) -> Reply {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let decode = |name: &str| -> Option<u64> {
            let bytes = engine.decode(self.parameter(name)?).ok()?;
            String::from_utf8(bytes).ok()?.parse().ok()
        };
        let branch = self.parameter("ref").map(|name| {
            if name.starts_with("refs/") {
                name.to_owned()
            } else {
                format!("refs/heads/{name}")
            }
        });
        let kind = self.parameter("activity_type");
        let mut movements: Vec<_> = self
            .model
            .content(index)
            .movements
            .iter()
            .filter(|movement| {
                branch
                    .as_deref()
                    .is_none_or(|branch| movement.reference == branch)
            })
            .filter(|movement| kind.is_none_or(|kind| movement.kind == kind))
            .collect();
        if self.ascending("direction", "desc") {
            movements.reverse();
        }
        let per_page = Paging::of(self.ask).per_page;
        let place = |id: u64| movements.iter().position(|movement| movement.id == id);
        let (from, to) = match (
            decode("after").and_then(place),
            decode("before").and_then(place),
        ) {
            (Some(after), _) => (after + 1, (after + 1 + per_page).min(movements.len())),
            (None, Some(before)) => (before.saturating_sub(per_page), before),
            (None, None) => (0, per_page.min(movements.len())),
        };
        let page = &movements[from..to];
        let body: Vec<Value> = page
            .iter()
            .map(|movement| {
                object! {
                    "id": movement.id,
                    "node_id": node_id("RepositoryActivity", movement.id),
                    "before": movement.before.as_str(),
                    "after": movement.after.as_str(),
                    "ref": movement.reference.as_str(),
                    "timestamp": iso(movement.at),
                    "activity_type": movement.kind,
                    "actor": self.simple_user(movement.actor),
                }
            })
            .collect();
        let cursor = |id: u64| engine.encode(id.to_string());
        let url = |name: &str, other: &str, id: u64| {
            let url = page_url(self.ask, self.identity, &[(name, cursor(id))]);
            strip(&url, other)
        };
        let mut link = Vec::new();
        if let Some(last) = page.last().filter(|_| to < movements.len()) {
            link.push(("next", url("after", "before", last.id)));
        }
        if let Some(first) = page.first().filter(|_| from > 0) {
            link.push(("prev", url("before", "after", first.id)));
        }
        Ok(json(body.into()).linked(link))
    }
}

/// Removes one parameter from a url.
pub(crate) fn strip(url: &str, name: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(name))
        .collect();
    format!("{path}?{}", kept.join("&"))
}
