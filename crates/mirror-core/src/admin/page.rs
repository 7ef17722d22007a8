//! The web page: the status, readable without a script, renewed by one where there is one.

use std::fmt::{self, Write as _};

use crate::mirror::AdminPlace;

use super::status::{Answers, CountBy, SlotStatus, Status, UpstreamStatus};

mod format;
mod quota;
mod upstream;

use format::{Bytes, Count, Ratio, Seconds, Span, Text};

pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");

/// The chart's own units.
const CHART_WIDTH: f64 = 600.0;
const CHART_HEIGHT: f64 = 64.0;

/// The page. Everything live is inside `main`, which the script fetches again and replaces.
pub(super) fn render(status: &Status, place: AdminPlace) -> String {
    let mut page = String::with_capacity(16 << 10);
    // Writing to a string cannot fail.
    let _ = write!(page, "{}", Page(status, place));
    page
}

struct Page<'a>(&'a Status, AdminPlace);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0;
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>github-mirror</title>\n\
             <link rel=\"stylesheet\" href=\"/_mirror/page.css\">\n\
             <script src=\"/_mirror/page.js\" defer></script>\n</head>\n<body>"
        )?;
        write!(
            f,
            "<header class=\"top\"><h1>github-mirror</h1>\
             <p class=\"live\" id=\"live\" role=\"status\">as of loading</p></header>\n<main id=\"status\">"
        )?;
        self.facts(f)?;
        self.cards(f)?;
        write!(f, "{}", quota::Section(&status.quota))?;
        write!(f, "<div class=\"pair\">")?;
        write!(f, "{}", upstream::Section(status))?;
        self.store(f)?;
        write!(f, "</div>\n<div class=\"pair\">")?;
        self.routes(f)?;
        self.clients(f)?;
        write!(f, "</div>")?;
        self.prediction(f)?;
        write!(
            f,
            "</main>\n<section class=\"card explain\"><h2>Why is it cached, or not?</h2>\
             <form action=\"/_mirror/explain\" method=\"get\">\
             <label for=\"url\">A path or url of the API</label>\
             <div class=\"row\"><input id=\"url\" name=\"url\" required placeholder=\"/repos/octocat/hello-world\" \
             autocomplete=\"off\" spellcheck=\"false\"><button>Explain</button></div></form></section>\n\
             <footer>The same as JSON: <a href=\"/_mirror/status\">status</a> \u{b7} \
             {}version {}</footer>\n</body>\n</html>",
            match self.1 {
                AdminPlace::Everywhere =>
                    "for Prometheus: <a href=\"/metrics\">metrics</a> \u{b7} ",
                AdminPlace::OwnListener => "",
            },
            Text(status.version)
        )
    }
}

impl Page<'_> {
    fn facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0;
        let ready = match status.readiness {
            "ready" => "good",
            _ => "bad",
        };
        write!(
            f,
            "<p class=\"facts\"><span class=\"pill {ready}\">{}</span> \
             <span>in front of <b>{}</b></span> {}<span>up {}</span> \
             <span>{} in flight</span></p>",
            Text(status.readiness),
            Text(&status.upstream.url),
            Away(&status.upstream),
            Span(status.uptime_seconds),
            status.in_flight,
        )
    }

    fn cards(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lately = &self.0.last_minutes;
        let start = &self.0.since_start;
        let minutes = Span(lately.seconds);
        write!(f, "<div class=\"cards\">")?;
        write!(
            f,
            "<section class=\"card\"><h2>Hit ratio</h2><p class=\"big\">{}</p>\
             <p class=\"small\">last {minutes} \u{b7} {} since the start</p></section>",
            Ratio(lately.answers.hit_ratio),
            Ratio(start.hit_ratio),
        )?;
        write!(
            f,
            "<section class=\"card\"><h2>Quota saved</h2><p class=\"big\">{}</p>\
             <p class=\"small\">requests GitHub did not charge{}</p></section>",
            Count(self.0.quota.saved),
            Reasons(&self.0.quota.saved_by),
        )?;
        write!(
            f,
            "<section class=\"card\"><h2>Latency</h2><p class=\"big\">{}</p>\
             <p class=\"small\">median \u{b7} p99 {} \u{b7} mirror adds {}</p></section>",
            Seconds(lately.latency.p50_seconds),
            Seconds(lately.latency.p99_seconds),
            Seconds(lately.added_latency.p50_seconds),
        )?;
        write!(
            f,
            "<section class=\"card\"><h2>Requests</h2><p class=\"big\">{}</p>\
             <p class=\"small\">last {minutes} \u{b7} {} since the start</p></section>",
            Count(lately.answers.requests),
            Count(start.requests),
        )?;
        write!(f, "</div>")?;
        write!(
            f,
            "<section class=\"card\"><h2>Requests, last ten minutes</h2>{}\
             <p class=\"legend\"><span class=\"key hit\"></span>from the store \
             <span class=\"key rest\"></span>all others \
             <span class=\"peak\">{}</span></p></section>",
            Chart(&lately.slots),
            Peak(&lately.slots, lately.slot_seconds),
        )
    }

    fn store(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &self.0.store;
        let sick = store.levels.iter().any(|level| level.breaker == "open");
        write!(
            f,
            "<section class=\"card\"><h2>Store <span class=\"pill {}\">{}</span></h2><dl>",
            if sick { "bad" } else { "good" },
            if sick { "failing" } else { "good" },
        )?;
        pair(f, "type", &Text(store.kind))?;
        pair(f, "entries", &Count(store.entries))?;
        pair(f, "size", &Bytes(store.bytes))?;
        if let Some(waiting) = store.redis_writes_waiting {
            pair(f, "writes waiting", &waiting)?;
        }
        write!(
            f,
            "</dl><table><thead><tr><th>level<th class=\"n\">found<th class=\"n\">missed<th class=\"n\">errors<th>breaker</tr></thead><tbody>"
        )?;
        for level in &store.levels {
            write!(
                f,
                "<tr><td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n{}\">{}<td>{}</tr>",
                level.level,
                Count(level.hits),
                Count(level.misses),
                if level.errors > 0 { " warn" } else { "" },
                Count(level.errors),
                match level.breaker {
                    "none" => "\u{2013}",
                    word => word,
                },
            )?;
        }
        write!(f, "</tbody></table></section>")
    }

    fn routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<section class=\"card\"><h2>Busiest routes</h2>")?;
        let rows = self.0.routes.iter();
        table(f, "route", rows.map(|row| (row.route, &row.answers)))
    }

    fn clients(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<section class=\"card\"><h2>Busiest clients</h2>")?;
        let rows = self.0.clients.iter();
        let rows = rows.map(|row| (row.fingerprint.as_str(), &row.answers));
        table(f, "credential", rows)
    }

    fn prediction(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = &self.0.prediction_off;
        if off.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "<section class=\"card\"><h2>Tags are not predicted here</h2>\
             <p class=\"small\">GitHub's entity tags did not follow the formula; each caller is asked with its own.</p>\
             <table><thead><tr><th>route<th>media<th class=\"n\">matched<th class=\"n\">mismatched</tr></thead><tbody>"
        )?;
        for line in off {
            write!(
                f,
                "<tr><td><code>{}</code><td>{}<td class=\"n\">{}<td class=\"n\">{}</tr>",
                Text(line.route),
                line.media,
                Count(line.matched),
                Count(line.mismatched)
            )?;
        }
        write!(f, "</tbody></table></section>")
    }
}

/// A word at the top of the page while the upstream is away.
struct Away<'a>(&'a UpstreamStatus);

impl fmt::Display for Away<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.standing {
            "online" => Ok(()),
            _ => write!(
                f,
                "<span>{} for {}</span> ",
                upstream::Pill(self.0),
                Span(self.0.standing_seconds)
            ),
        }
    }
}

fn pair(f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    write!(f, "<div><dt>{name}</dt><dd>{value}</dd></div>")
}

fn table<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    rows: impl Iterator<Item = (&'a str, &'a Answers)>,
) -> fmt::Result {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return write!(f, "<p class=\"none\">Nobody has asked yet.</p></section>");
    }
    write!(
        f,
        "<div class=\"scroll\"><table><thead><tr><th>{what}<th class=\"n\">requests<th class=\"n\">hits<th class=\"n\">saved</tr></thead><tbody>"
    )?;
    for (name, answers) in rows {
        write!(
            f,
            "<tr><td><code>{}</code><td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}</tr>",
            Text(name),
            Count(answers.requests),
            Ratio(answers.hit_ratio),
            Count(answers.quota_saved),
        )?;
    }
    write!(f, "</tbody></table></div></section>")
}

/// What quota was saved by, most first.
struct Reasons<'a>(&'a [CountBy]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reason in self.0.iter().take(2) {
            write!(f, " \u{b7} {} {}", reason.by, Count(reason.requests))?;
        }
        Ok(())
    }
}

/// Requests per slot, the part from the store below. An attribute per point: the policy forbids inline styles.
struct Chart<'a>(&'a [SlotStatus]);

impl fmt::Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = crate::tally::SLOTS as f64;
        let most = self.0.iter().map(|slot| slot.requests).max();
        let most = most.unwrap_or_default().max(1) as f64;
        let width = CHART_WIDTH / slots;
        let first = slots - self.0.len() as f64;
        write!(
            f,
            "<svg class=\"chart\" viewBox=\"0 0 {CHART_WIDTH} {CHART_HEIGHT}\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-label=\"requests per ten seconds\">\
             <line class=\"base\" x1=\"0\" x2=\"{CHART_WIDTH}\" y1=\"{0}\" y2=\"{0}\"/>",
            CHART_HEIGHT - 0.5
        )?;
        for (place, slot) in self.0.iter().enumerate() {
            let x = (first + place as f64) * width + 1.0;
            let all = slot.requests as f64 / most * (CHART_HEIGHT - 2.0);
            let hits = slot.hits as f64 / most * (CHART_HEIGHT - 2.0);
            for (class, top, height) in [("rest", all, all - hits), ("hit", hits, hits)] {
                if height > 0.0 {
                    write!(
                        f,
                        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                        CHART_HEIGHT - 1.0 - top,
                        width - 2.0,
                    )?;
                }
            }
        }
        f.write_str("</svg>")
    }
}

/// The highest column in words.
struct Peak<'a>(&'a [SlotStatus], u64);

impl fmt::Display for Peak<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.0.iter().map(|slot| slot.requests).max();
        let most = most.unwrap_or_default() as f64;
        write!(f, "peak {:.1} a second", most / self.1 as f64)
    }
}
