//! The page's part about the upstream.

use std::fmt;

use super::format::{Both, Count, Span, Text};
use super::pair;
use crate::admin::status::{Health, Status, UpstreamStatus};

pub(super) struct Section<'a>(pub(super) &'a Status);

impl fmt::Display for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upstream = &self.0.upstream;
        let lately = &self.0.last_minutes;
        write!(
            f,
            "<section class=\"card\"><h2>Upstream {}</h2><dl>",
            Pill(upstream)
        )?;
        pair(
            f,
            "standing",
            &format_args!(
                "{} for {}",
                upstream.standing,
                Span(upstream.standing_seconds)
            ),
        )?;
        pair(
            f,
            "in the window, answered / failed",
            &format_args!(
                "{} / {}",
                Count(upstream.window.answered),
                Count(upstream.window.failed)
            ),
        )?;
        if upstream.status_page != "nothing" {
            pair(f, "its status page says", &upstream.status_page)?;
        }
        if upstream.probes > 0 {
            pair(f, "probes", &Count(upstream.probes))?;
        }
        pair(f, "latency, median / p99", &Both(&lately.upstream_latency))?;
        pair(f, "calls in flight", &upstream.calls_in_flight)?;
        pair(f, "answers", &Count(upstream.answers))?;
        pair(
            f,
            "failures, lately / all",
            &format_args!(
                "{} / {}",
                Count(lately.upstream_failures),
                Count(upstream.failures)
            ),
        )?;
        if let (Some(reason), Some(ago)) =
            (upstream.last_failure, upstream.last_failure_seconds_ago)
        {
            pair(
                f,
                "last failure",
                &format_args!("{} ({} ago)", Text(reason), Span(ago)),
            )?;
        }
        if let (Some(code), Some(ago)) = (
            upstream.last_answer_status,
            upstream.last_answer_seconds_ago,
        ) {
            pair(
                f,
                "last answer",
                &format_args!("{code} ({} ago)", Span(ago)),
            )?;
        }
        write!(f, "</dl></section>")
    }
}

/// The standing where it is out of the ordinary, else what the last call says.
pub(super) struct Pill<'a>(pub(super) &'a UpstreamStatus);

impl fmt::Display for Pill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, word) = match (self.0.standing, self.0.health) {
            ("offline", _) => ("bad", "offline"),
            ("returning", _) => ("low", "returning"),
            (_, health @ Health::Good) => ("good", health.as_str()),
            (_, health @ Health::Failing) => ("bad", health.as_str()),
            (_, health @ Health::Unknown) => ("quiet", health.as_str()),
        };
        write!(f, "<span class=\"pill {mark}\">{word}</span>")
    }
}
