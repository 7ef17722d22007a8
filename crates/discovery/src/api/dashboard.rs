//! The page for people: progress, queue, quota, newest finds, and a picture of the graph drawn here.
//!
//! The shell is open and holds nothing; the data is a fragment that needs credentials.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::State;
use http::{HeaderValue, Response, header};

use super::docs::{STYLE, escaped};
use super::{Outcome, Served, Shared, answer};
use crate::filter::{DEVELOPERS, Filter};
use crate::moment::Moment;
use crate::store::{Developer, EdgeKind, Run, RunState};

/// How many of each list are shown.
const SHOWN: i64 = 10;
/// How many developers the picture has.
const DRAWN: i64 = 40;

pub(super) async fn shell() -> Response<Body> {
    let page = include_str!("pages/dashboard.html").replace("/*style*/", STYLE);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
                  connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";
    answer::told(
        "dashboard",
        Ok(answer::file(page, "text/html; charset=utf-8", policy)),
    )
}

pub(super) async fn script() -> Response<Body> {
    let script = include_str!("pages/dashboard.js");
    let kind = "text/javascript; charset=utf-8";
    answer::told(
        "dashboard",
        Ok(answer::file(script, kind, "default-src 'none'")),
    )
}

pub(super) async fn data(State(shared): Served) -> Response<Body> {
    answer::told("dashboard", fragment(&shared).await)
}

async fn fragment(shared: &Shared) -> Outcome {
    let store = &shared.store;
    let now = shared.now();
    let mut page = String::new();
    print_totals(&mut page, shared).await?;
    let live = [RunState::Running, RunState::WaitingQuota, RunState::Queued];
    page.push_str("<div class=pair><section>");
    print_runs(&mut page, "Queue", &store.runs_in(&live, 0, SHOWN).await?);
    page.push_str("</section><section>");
    print_quota(&mut page, shared, now).await?;
    page.push_str("</section></div>");
    let ended = [RunState::Dead, RunState::Failed];
    print_runs(&mut page, "Failed", &store.runs_in(&ended, 0, SHOWN).await?);
    let count = store.totals().await?.developers;
    let ids = store
        .ids_matching(&DEVELOPERS, &Filter::default(), count, 0, DRAWN)
        .await?;
    let developers = store.developers_of(&ids).await?;
    print_newest(&mut page, &developers);
    print_graph(&mut page, shared, &developers).await?;
    let mut answer = answer::file(page, "text/html; charset=utf-8", "default-src 'none'");
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

type Printed = Result<(), crate::problem::Problem>;

async fn print_totals(page: &mut String, shared: &Shared) -> Printed {
    let stats = super::stats::read(shared).await?;
    page.push_str("<div class=cards>");
    for (name, value) in [
        ("developers", stats.developers),
        ("repositories", stats.repositories),
        ("follows", stats.follows),
        ("stars", stats.stars),
        ("due", stats.due),
        ("running", stats.tasks.running),
        ("queued", stats.tasks.queued + stats.tasks.waiting_quota),
        ("dead letters", stats.tasks.dead),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(page, "<div><b>{}</b>{name}</div>", grouped(value));
    }
    page.push_str("</div>");
    Ok(())
}

fn print_runs(page: &mut String, title: &str, (count, runs): &(i64, Vec<Run>)) {
    let _ = write!(page, "<h2>{title}: {}</h2>", grouped(*count));
    if runs.is_empty() {
        page.push_str("<p class=note>None.</p>");
        return;
    }
    page.push_str(
        "<table><thead><tr><th>Task<th>State<th class=number>Page<th class=number>Requests</thead><tbody>",
    );
    for run in runs {
        let target = match run.target.text() {
            target if target.is_empty() => run.target.task().as_str().to_owned(),
            target => escaped(&target),
        };
        let state = run.state.as_str();
        let progress = match run.progress.pages {
            Some(pages) => format!("{} of {pages}", run.progress.page),
            None => run.progress.page.to_string(),
        };
        let error = run.error.as_deref().map(escaped).unwrap_or_default();
        let _ = write!(
            page,
            "<tr><td>{target}<td><span class={state}>{}</span> {error}<td class=number>{progress}<td class=number>{}",
            state.replace('_', " "),
            grouped(run.cost.requests)
        );
    }
    page.push_str("</tbody></table>");
}

async fn print_quota(page: &mut String, shared: &Shared, now: Moment) -> Printed {
    page.push_str("<h2>Quota</h2>");
    let rates = shared.store.rates().await?;
    if rates.is_empty() {
        page.push_str("<p class=note>GitHub was not asked yet.</p>");
        return Ok(());
    }
    page.push_str(
        "<table><thead><tr><th>Token<th class=number>Left<th class=number>Reset</thead><tbody>",
    );
    for rate in rates {
        let minutes = rate.reset_at.since(now).as_secs().div_ceil(60);
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td class=number>{} of {}<td class=number>{minutes} min",
            escaped(&rate.masked),
            grouped(rate.remaining),
            grouped(rate.limit)
        );
    }
    page.push_str("</tbody></table>");
    Ok(())
}

fn print_newest(page: &mut String, developers: &[Developer]) {
    page.push_str("<h2>Newest developers</h2>");
    if developers.is_empty() {
        page.push_str("<p class=note>Nobody yet.</p>");
        return;
    }
    page.push_str("<table><thead><tr><th>Login<th>Since<th class=number>Followers</thead><tbody>");
    for developer in developers.iter().take(10) {
        let detail = developer.detail.as_ref();
        let since = detail.and_then(|detail| detail.created_at);
        let since = since.map(|since| since.to_string());
        let since = since.as_deref().and_then(|since| since.get(..10));
        let followers = detail.map(|detail| grouped(detail.followers_count));
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td class=number>{}",
            escaped(&developer.login),
            since.unwrap_or("–"),
            followers.unwrap_or("–".to_owned())
        );
    }
    page.push_str("</tbody></table>");
}

/// The newest developers on a circle, and who of them follows whom.
async fn print_graph(page: &mut String, shared: &Shared, developers: &[Developer]) -> Printed {
    if developers.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = developers.iter().map(|one| one.github_id).collect();
    let edges = shared.store.edges_among(EdgeKind::Follows, &ids).await?;
    let count = developers.len() as f64;
    let place = |at: usize, radius: f64| {
        let angle = TAU * at as f64 / count;
        (
            400.0 + radius * 1.35 * angle.cos(),
            260.0 + radius * angle.sin(),
        )
    };
    let places: HashMap<i64, (f64, f64)> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| (*id, place(at, 200.0)))
        .collect();
    page.push_str(
        "<h2>Who follows whom among them</h2><svg viewBox='0 0 800 520' role=img aria-label='A graph of followers'>",
    );
    for (from, to) in &edges {
        let (Some((x1, y1)), Some((x2, y2))) = (places.get(from), places.get(to)) else {
            continue;
        };
        let _ = write!(
            page,
            "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}'/>"
        );
    }
    for (at, developer) in developers.iter().enumerate() {
        let (x, y) = place(at, 200.0);
        let (label_x, label_y) = place(at, 214.0);
        let anchor = if label_x < 400.0 { "end" } else { "start" };
        let _ = write!(
            page,
            "<circle cx='{x:.1}' cy='{y:.1}' r='4'/><text x='{label_x:.1}' y='{:.1}' text-anchor='{anchor}'>{}</text>",
            label_y + 4.0,
            escaped(&developer.login)
        );
    }
    page.push_str("</svg>");
    Ok(())
}

/// `12 345`, with a narrow space.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (-1_234_567, "-1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
