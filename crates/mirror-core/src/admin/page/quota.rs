//! The page's part about quota and pacing.

use std::fmt;

use super::format::{Count, Optional, Span, Text};
use crate::admin::status::{Bucket, CountBy, CredentialStatus, Quota};

/// Credentials that are shown; the JSON has them all.
const SHOWN: usize = 40;

pub(super) struct Section<'a>(pub(super) &'a Quota);

impl fmt::Display for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quota {
            credentials,
            paced,
            held_back,
            ..
        } = self.0;
        write!(
            f,
            "<section class=\"card\"><h2>Quota and pacing by credential</h2>"
        )?;
        if credentials.is_empty() {
            return write!(
                f,
                "<p class=\"none\">GitHub has not spoken of quota yet.</p></section>"
            );
        }
        write!(
            f,
            "<div class=\"scroll\"><table class=\"quota\"><thead><tr><th>credential<th>resource\
             <th class=\"wide\">remaining<th class=\"n\">free<th class=\"n\">charged<th class=\"n\">refused\
             <th class=\"n\">renewed in</tr></thead>"
        )?;
        for credential in credentials.iter().take(SHOWN) {
            rows(f, credential)?;
        }
        write!(f, "</table></div><p class=\"small\">")?;
        if let Some(more) = credentials.len().checked_sub(SHOWN + 1) {
            write!(f, "{} more in the JSON \u{b7} ", Count(more as u64 + 1))?;
        }
        write!(
            f,
            "waited for a turn: {} \u{b7} not sent because of a limit: {}</p></section>",
            Sum(paced),
            Sum(held_back)
        )
    }
}

/// One credential: who it is and how it stands on the left, a row for each bucket on the right.
fn rows(f: &mut fmt::Formatter<'_>, credential: &CredentialStatus) -> fmt::Result {
    let height = credential.buckets.len().max(1);
    write!(
        f,
        "<tbody><tr><td class=\"who\" rowspan=\"{height}\">{}{}</td>",
        Name(credential),
        State(credential)
    )?;
    let mut buckets = credential.buckets.iter();
    match buckets.next() {
        Some(first) => cells(f, first)?,
        None => write!(
            f,
            "<td colspan=\"6\"><span class=\"quiet\">GitHub has not spoken of its quota yet</span></td>"
        )?,
    }
    write!(f, "</tr>")?;
    for bucket in buckets {
        write!(f, "<tr>")?;
        cells(f, bucket)?;
        write!(f, "</tr>")?;
    }
    write!(f, "</tbody>")
}

fn cells(f: &mut fmt::Formatter<'_>, bucket: &Bucket) -> fmt::Result {
    write!(
        f,
        "<td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n{}\">{}</td><td class=\"n\">{}</td>",
        Text(bucket.resource.as_deref().unwrap_or("\u{2013}")),
        Remaining(bucket),
        Count(bucket.free),
        Count(bucket.charged),
        if bucket.rejected > 0 { " warn" } else { "" },
        Count(bucket.rejected),
        Optional(bucket.reset_in_seconds.map(Span)),
    )
}

struct Name<'a>(&'a CredentialStatus);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = Text(&self.0.fingerprint);
        match &self.0.pool {
            Some(pool) => write!(
                f,
                "<b>{}</b> <span class=\"quiet\">{} <code>{fingerprint}</code></span>",
                Text(&pool.name),
                pool.kind
            ),
            None => write!(f, "<code>{fingerprint}</code>"),
        }
    }
}

/// What is out of the ordinary.
struct State<'a>(&'a CredentialStatus);

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = self.0;
        if let Some(cooling) = &credential.cooling {
            write!(
                f,
                " <span class=\"pill bad\">cooling {} \u{b7} {}</span>",
                Span(cooling.seconds),
                cooling.cause
            )?;
        }
        if let Some(seconds) = credential.pool.as_ref().and_then(|pool| pool.rests_seconds) {
            write!(
                f,
                " <span class=\"pill bad\">refused, rests {}</span>",
                Span(seconds)
            )?;
        }
        match credential.pace {
            // The cool-down says it already.
            "limited" if credential.cooling.is_none() => {
                write!(f, " <span class=\"pill bad\">limited</span>")?;
            }
            "paced" => write!(f, " <span class=\"pill low\">paced</span>")?,
            _ => {}
        }
        if credential.waiting > 0 {
            write!(
                f,
                " <span class=\"pill low\">{} waiting</span>",
                credential.waiting
            )?;
        }
        if credential.in_flight > 0 {
            write!(
                f,
                " <span class=\"pill quiet\">{} in flight</span>",
                credential.in_flight
            )?;
        }
        Ok(())
    }
}

/// A number and what it is made of.
struct Sum<'a>(&'a [CountBy]);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.iter().map(|count| count.requests).sum();
        write!(f, "{}", Count(all))?;
        for (place, count) in self.0.iter().enumerate() {
            let before = if place == 0 { " (" } else { ", " };
            write!(f, "{before}{} {}", count.by, Count(count.requests))?;
        }
        f.write_str(if self.0.is_empty() { "" } else { ")" })
    }
}

/// A meter, and the numbers for those who cannot see it.
struct Remaining<'a>(&'a Bucket);

impl fmt::Display for Remaining<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(limit), Some(remaining)) = (self.0.limit, self.0.remaining) else {
            return f.write_str("<span class=\"quiet\">not metered</span>");
        };
        write!(
            f,
            "<meter min=\"0\" max=\"{limit}\" low=\"{}\" high=\"{}\" optimum=\"{limit}\" value=\"{remaining}\"></meter> \
             <span class=\"of\">{} of {}</span>",
            limit / 10,
            limit / 4,
            Count(remaining),
            Count(limit),
        )
    }
}
