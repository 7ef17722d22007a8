//! The page for people: pictures, statistics, gaps and the state of polls of every watched repository.
//!
//! The server writes all of it; the script puts a newer copy in its place when the stream says that something is new.
//! Where keys are needed the page begins as a shell that asks for one.

use std::fmt::{self, Display, Write as _};

use axum::body::Body;
use axum::extract::State;
use http::{HeaderValue, Response, header};

use super::Monitor;
use super::answer::Answer;
use crate::Timestamp;
use crate::picture::{Escaped, Kind, draw, duration};
use crate::problem::Problem;
use crate::service::Shared;
use crate::statistics::Statistics;
use crate::store::{Page, Repository};
use crate::window::LimitedBy;
use crate::windowed::Windowed;

const STYLE: &str = include_str!("dashboard.css");
const SCRIPT: &str = include_str!("dashboard.js");

/// Repositories on the page at most; the active ones come first.
const SHOWN: u32 = 100;

/// Gaps of one repository on the page at most.
const GAPS_SHOWN: usize = 5;

const COLUMNS: [&str; 8] = [
    "Events", "Mean gap", "Median", "p90", "Shortest", "Longest", "Per hour", "Last",
];

/// The whole page; where keys are needed, without any data.
pub(super) async fn page(State(shared): Monitor) -> Answer {
    let content = match shared.keys {
        Some(_) => String::new(),
        None => print(&shared).await?,
    };
    let form = match shared.keys {
        Some(_) => {
            "<form id=entry><label for=key>API key</label><input id=key type=password autocomplete=current-password required>\
                    <button>Show</button><p role=alert id=refused hidden>This key is not known.</p></form>\
                    <noscript><p>Data needs an API key, which only a script can send from a page: see the \
                    <a href=/api/docs>interface</a>.</p></noscript>"
        }
        None => "",
    };
    Ok(html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>github-events</title><link rel=icon href='data:,'><style>{STYLE}</style><main>\
         <header><h1>github-events</h1><p><span id=live class=off>not live</span>\
         <a href=/api/docs>interface</a> <a href=/healthcheck>health</a></p></header>\
         {form}<div id=content>{content}</div></main><script src=/page.js></script></html>"
    )))
}

/// What is inside the page.
pub(super) async fn fragment(State(shared): Monitor) -> Answer {
    Ok(html(print(&shared).await?))
}

pub(super) async fn script() -> Response<Body> {
    let mut answer = Response::new(Body::from(SCRIPT));
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/javascript; charset=utf-8"),
    );
    answer
}

fn html(text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; form-action 'none'",
        ),
    );
    answer
}

async fn print(shared: &Shared) -> Result<String, Problem> {
    let now = shared.now();
    let page = Page {
        number: 1,
        size: SHOWN,
    };
    let (mut repositories, total) = shared.desk.store.repositories(page).await?;
    repositories.sort_by_key(|one| !one.standing.is_active());
    let active = shared.desk.store.active().await?.len();
    let mut text = format!(
        "<p class=summary>{active} of at most {} active, {total} in all. Times are UTC.{}</p>",
        shared.desk.max_active,
        quota(shared)
    );
    if repositories.is_empty() {
        text.push_str(
            "<p>Nothing is watched yet. Add a repository with <code>github-events add OWNER/REPO</code> or \
             <code>POST /api/repos</code>.</p>",
        );
    }
    for repository in &repositories {
        print_repository(&mut text, shared, repository, now).await?;
    }
    Ok(text)
}

/// What GitHub has said last, one number for each credential.
fn quota(shared: &Shared) -> String {
    let windows = shared.quota();
    let parts = windows
        .iter()
        .map(|(remaining, limit)| format!("{remaining} of {limit}"));
    match windows.is_empty() {
        true => String::new(),
        false => format!(" Requests left: {}.", parts.collect::<Vec<_>>().join(", ")),
    }
}

async fn print_repository(
    text: &mut String,
    shared: &Shared,
    repository: &Repository,
    now: Timestamp,
) -> Result<(), Problem> {
    let windowed = shared.window(repository, shared.extent).await?;
    let name = Escaped(repository.full_name.as_str());
    let state = match (repository.standing.is_active(), &repository.last_error) {
        (false, _) => "inactive",
        (true, Some(_)) => "failing",
        (true, None) => "active",
    };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<section><h2>{name} <span class='state {state}'>{state}</span></h2>"
    );
    if let Some(error) = &repository.last_error {
        let _ = write!(text, "<p class=error>{}</p>", Escaped(error));
    }
    print_polls(text, repository, now);
    print_window(text, &windowed);
    if windowed.report().events > 0 {
        text.push_str("<div class=pictures>");
        for kind in Kind::ALL {
            let svg = windowed.scene(&[], |scene| draw(kind, scene));
            let _ = write!(text, "<figure>{svg}</figure>");
        }
        text.push_str("</div>");
        print_statistics(text, &windowed, now);
    }
    text.push_str("</section>");
    Ok(())
}

fn print_polls(text: &mut String, repository: &Repository, now: Timestamp) {
    let next = match repository.next_poll_at {
        _ if !repository.standing.is_active() => "never".to_owned(),
        None => "as soon as possible".to_owned(),
        Some(at) if at <= now => "now".to_owned(),
        Some(at) => format!("in {}", Seconds(at.seconds_since(now))),
    };
    let last = match repository.last_poll_at {
        None => "never".to_owned(),
        Some(at) => format!("{} ago", Seconds(now.seconds_since(at).max(0))),
    };
    let interval = repository.interval_seconds.map_or("–".to_owned(), duration);
    let policy = repository.policy.map_or("–", |policy| policy.as_str());
    let _ = write!(
        text,
        "<dl><div><dt>Events stored<dd>{}</div><div><dt>Last poll<dd>{last}</div><div><dt>Next poll<dd>{next}</div>\
         <div><dt>Interval<dd>{interval}</div><div><dt>Policy<dd>{policy}</div></dl>",
        repository.events_stored
    );
}

fn print_window(text: &mut String, windowed: &Windowed) {
    let report = windowed.report();
    let why = match report.limited_by {
        LimitedBy::Age => format!("the last {} days", report.days),
        LimitedBy::Count => format!("the newest {} events", report.max_events),
        LimitedBy::History => "since the repository has been watched".to_owned(),
    };
    let complete = match report.complete {
        true => "<span class=whole>complete</span>",
        false => "<span class=partial>not complete</span>",
    };
    let _ = write!(
        text,
        "<p class=window>{} events, {why}: {complete}</p>",
        report.events
    );
    if report.gaps.is_empty() {
        return;
    }
    text.push_str("<ul class=gaps>");
    for gap in report.gaps.iter().rev().take(GAPS_SHOWN) {
        let missed = match gap.events_missed_at_least {
            0 => String::new(),
            count => format!(", at least {count}"),
        };
        let _ = write!(
            text,
            "<li>Events may be missing from {} to {} ({}{missed})",
            gap.from,
            gap.to,
            gap.reason.as_str()
        );
    }
    if let Some(more) = report
        .gaps
        .len()
        .checked_sub(GAPS_SHOWN)
        .filter(|more| *more > 0)
    {
        let _ = write!(text, "<li>and {more} older gaps");
    }
    text.push_str("</ul>");
}

fn print_statistics(text: &mut String, windowed: &Windowed, now: Timestamp) {
    let object = windowed.object(&[], now);
    text.push_str("<div class=scroll><table><thead><tr><th>Type");
    for name in COLUMNS {
        let _ = write!(text, "<th>{name}");
    }
    text.push_str("</thead><tbody>");
    for one in &object.stats {
        print_row(text, one, now);
    }
    print_row(text, &object.all, now);
    text.push_str("</tbody></table></div>");
}

#[expect(clippy::cast_precision_loss, reason = "no gap is longer than a window")]
fn print_row(text: &mut String, one: &Statistics, now: Timestamp) {
    let seconds = |value: Option<f64>| value.map_or("–".to_owned(), duration);
    let whole = |value: Option<i64>| seconds(value.map(|value| value as f64));
    let (class, name) = match &one.kind {
        Some(kind) => ("", kind.as_ref()),
        None => (" class=all", "All types"),
    };
    let last = one.last_at.map_or("–".to_owned(), |at| {
        format!("{} ago", Seconds(now.seconds_since(at).max(0)))
    });
    let cells = [
        one.count.to_string(),
        seconds(one.average_seconds),
        seconds(one.median_seconds),
        whole(one.p90_seconds),
        whole(one.min_seconds),
        whole(one.max_seconds),
        format!("{:.2}", one.rate_per_hour),
        last,
    ];
    let _ = write!(text, "<tr{class}><th scope=row>{}", Escaped(name));
    for (name, cell) in COLUMNS.iter().zip(cells) {
        // Where the page is narrow, each cell says what it is.
        let _ = write!(text, "<td data-name='{name}'>{cell}");
    }
}

struct Seconds(i64);

impl Display for Seconds {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration(self.0 as f64))
    }
}
