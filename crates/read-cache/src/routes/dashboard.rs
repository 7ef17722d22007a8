//! The page for people: what is kept, how old it is, and the views. Works without JavaScript.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::State;
use cache_backends::{BreakerState, RedisConnection};
use http::{HeaderValue, Response, header};
use serde_json::Value;

use super::Cache;
use super::docs::{STYLE, escaped, html};
use crate::node::{Activity, KeyNode};
use crate::order::Metric;
use crate::service::Shared;
use crate::views::{Direction, Printed};

/// How many elements of a view the page shows.
const SHOWN: usize = 5;

pub(super) async fn page(State(shared): Cache) -> Response<Body> {
    let mut answer = html(print(&shared));
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Instead of a script that would do the same.
    headers.insert(header::REFRESH, HeaderValue::from_static("10"));
    answer
}

fn print(shared: &Arc<Shared>) -> String {
    let now = shared.clock.now();
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>github-read-cache</title><style>{STYLE}</style><main><h1>github-read-cache</h1>\
         <p>Master cache: {}. <a href=/healthcheck>health</a> · <a href=/metrics>metrics</a> · \
         <a href=/api/docs>interface</a></p>\
         <table class=keys><thead><tr><th>Path<th>State<th class=number>Age<th class=number>Items<th class=number>Pages\
         <th class=number>Size<th>Next</thead><tbody>",
        master(shared)
    );
    for node in shared.nodes.iter() {
        print_key(&mut page, node, now);
    }
    page.push_str("</tbody></table>");
    for org in &shared.orgs {
        print_views(&mut page, shared, org);
    }
    page.push_str("<p class=note>This page shows itself anew every ten seconds.</p></main></html>");
    page
}

fn master(shared: &Shared) -> String {
    match shared.master.health() {
        None => "this process's memory".to_owned(),
        Some((guard, connection)) => {
            let connection = match connection {
                RedisConnection::Up => "connected",
                RedisConnection::Down => "not connected",
            };
            match guard.state {
                BreakerState::Closed => format!("Redis, {connection}"),
                state => format!("Redis, {connection}, breaker {}", state.as_str()),
            }
        }
    }
}

fn print_key(page: &mut String, node: &KeyNode, now: SystemTime) {
    let state = node.state();
    let freshness = state.freshness(now).as_str();
    let snapshot = state.copy.as_ref().map(|copy| &copy.snapshot);
    let number = |value: Option<usize>| value.map_or("–".to_owned(), |value| value.to_string());
    let age = snapshot.map_or("–".to_owned(), |snapshot| {
        duration(snapshot.times.age(now))
    });
    let next = match (state.activity, state.failure) {
        (Activity::Refreshing, _) => "refreshing now".to_owned(),
        (Activity::Idle, Some(failure)) => {
            let wait = failure.retry_at.duration_since(now).unwrap_or_default();
            format!("{}, again in {}", failure.cause.as_str(), duration(wait))
        }
        (Activity::Idle, None) => snapshot.map_or("waiting".to_owned(), |snapshot| {
            let left = snapshot
                .times
                .expires
                .duration_since(now)
                .unwrap_or_default();
            format!("within {}", duration(left))
        }),
    };
    let path = escaped(&node.key.path);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<tr><td><a href='{path}'><code>{path}</code></a><td data-name=State><span class={freshness}>{freshness}</span>\
         <td class=number data-name=Age>{age}<td class=number data-name=Items>{}<td class=number data-name=Pages>{}\
         <td class=number data-name=Size>{}<td data-name=Next>{next}",
        number(snapshot.map(|snapshot| snapshot.items())),
        number(snapshot.map(|snapshot| snapshot.pages.len())),
        snapshot.map_or("–".to_owned(), |snapshot| {
            size(snapshot.content.identity.bytes.len())
        }),
    );
}

fn print_views(page: &mut String, shared: &Shared, org: &str) {
    let name = format!("/orgs/{}/repos", org.to_ascii_lowercase());
    let Some(copy) = shared.node(&name).and_then(|node| node.state().copy) else {
        return;
    };
    let Some(views) = &copy.snapshot.content.views else {
        return;
    };
    let org = escaped(org);
    let _ = write!(page, "<h2>Views of {org}</h2><div class=views>");
    for metric in Metric::ALL {
        let Printed(parts) = views.view(metric).slice(Direction::Top, SHOWN);
        let top: Vec<(String, Value)> = serde_json::from_slice(&parts.concat()).unwrap_or_default();
        let metric = metric.as_str();
        let _ = write!(page, "<div><h3>{}</h3><table>", metric.replace('_', " "));
        for (name, value) in top {
            let short = name.rsplit('/').next().unwrap_or(&name);
            let value = value.as_str().map_or(value.to_string(), minute);
            let (short, value) = (escaped(short), escaped(&value));
            let _ = write!(page, "<tr><td>{short}<td class=number>{value}");
        }
        let _ = write!(
            page,
            "</table><p><a href='/orgs/{org}/view/top/{SHOWN}/{metric}'>top {SHOWN}</a> · \
             <a href='/orgs/{org}/view/bottom/{SHOWN}/{metric}'>bottom {SHOWN}</a></p></div>"
        );
    }
    page.push_str("</div>");
}

/// `42 s`, `3 min`, `5 h`.
fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// `2023-10-28 17:05` of a time as GitHub prints it; anything else as it is.
fn minute(time: &str) -> String {
    match (time.split_once('T'), time.len()) {
        (Some((day, clock)), 20) => format!("{day} {}", clock.get(..5).unwrap_or(clock)),
        _ => time.to_owned(),
    }
}

/// `512 B`, `2.2 KiB`, `11 MiB`.
fn size(bytes: usize) -> String {
    let scaled = |unit: f64, name| match bytes as f64 / unit {
        small @ ..10.0 => format!("{small:.1} {name}"),
        large => format!("{large:.0} {name}"),
    };
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => scaled(1_024.0, "KiB"),
        _ => scaled(1_048_576.0, "MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_for_people() {
        assert_eq!(minute("2023-10-28T17:05:04Z"), "2023-10-28 17:05");
        assert_eq!(minute("Tuesday"), "Tuesday");
        for (bytes, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (2_262, "2.2 KiB"),
            (202_159, "197 KiB"),
            (11 << 20, "11 MiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn durations() {
        for (seconds, expected) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h")] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }
}
