//! Changes of event feeds and of how they misbehave.

use super::{Change, done};
use crate::universe::Universe;
use crate::universe::feed::KINDS;
use crate::universe::object::object;
use crate::universe::view::View;
use serde_json::Value;

pub(super) fn apply(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    match change {
        Change::AppendEvents {
            repo,
            count,
            r#type,
            spacing,
            delay,
            actor,
        } => {
            let index = universe.repository_named(&repo)?;
            let actor = universe.author(index, actor.as_deref())?;
            let fixed = r#type
                .map(|wanted| {
                    KINDS
                        .into_iter()
                        .find(|kind| *kind == wanted)
                        .ok_or_else(|| format!("unknown event type {wanted}"))
                })
                .transpose()?;
            let mut ids: Vec<Value> = Vec::new();
            for number in 0..count.min(10_000) {
                let kind = fixed.unwrap_or(KINDS[number as usize % KINDS.len()]);
                let at = now - i64::from(count - 1 - number) * i64::from(spacing);
                let id = universe.happen(kind, actor, index, u64::from(number), at);
                if let Some(id) = id {
                    universe.feed.hold_back(id, now + i64::from(delay));
                }
                ids.extend(id.map(|id| Value::from(id.to_string())));
            }
            Ok(object! { "ids": ids })
        }
        Change::FreezeFeed { path } => {
            universe.feed.frozen.insert(View::feed_key(&path), now);
            Ok(done())
        }
        Change::ThawFeed { path } => match universe.feed.frozen.remove(&View::feed_key(&path)) {
            Some(_) => Ok(done()),
            None => Err(format!("{path} is not frozen")),
        },
        Change::PollInterval { seconds } => {
            universe.feed.poll_seconds = seconds;
            Ok(done())
        }
        Change::DropPushes { repo, drop } => {
            let index = universe.repository_named(&repo)?;
            if drop {
                universe.feed.without_pushes.insert(index);
            } else {
                universe.feed.without_pushes.remove(&index);
            }
            Ok(done())
        }
        Change::EventsLatency {
            seconds,
            public_seconds,
        } => {
            universe.feed.latency = seconds.map_or(universe.feed.latency, i64::from);
            universe.feed.public_latency =
                public_seconds.map_or(universe.feed.public_latency, i64::from);
            Ok(done())
        }
        other => Err(format!("{other:?} is no change of a feed")),
    }
}
