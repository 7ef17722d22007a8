//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError, reference_page};
use service_runtime::settings::{KEY_DOCS, TelemetrySettings};

use super::{Config, SPEC};

const fn doc<'a>(key: &'a str, unit: &'a str, meaning: &'a str) -> KeyDoc<'a> {
    KeyDoc { key, unit, meaning }
}

const KEYS: &[KeyDoc<'static>] = &[
    doc(
        "host",
        "address",
        "Where clients connect. Anything but loopback needs `api_keys`: the program refuses to start without.",
    ),
    doc("port", "port", "Port 0 takes a free one."),
    doc(
        "upstream",
        "url",
        "GitHub's API, or our mirror in front of it.",
    ),
    doc(
        "token",
        "secret",
        "GitHub token. Without one GitHub is asked anonymously: 60 requests per hour, and a 304 costs one.",
    ),
    doc(
        "organization_token",
        "secret",
        "Used instead of `token` while that is limited; alone, it is the token.",
    ),
    doc(
        "repositories",
        "owner/name or urls, a list",
        "Added at the start where they are not known yet. Beyond `max_active` they are added inactive, with a warning.",
    ),
    doc(
        "api_keys",
        "secret",
        "Keys of clients, separated by commas, sent as `X-API-Key` or `Authorization: Bearer`. Without any, everybody on this machine is let in.",
    ),
    doc(
        "webhook_secret",
        "secret",
        "What GitHub signs deliveries with. Without it every delivery is refused.",
    ),
    doc(
        "max_active",
        "repositories",
        "How many may be polled. Activating one more is a 409.",
    ),
    doc(
        "max_request_body_bytes",
        "bytes",
        "A larger body, of a webhook or of a list of repositories, is a 413.",
    ),
    doc(
        "database.url",
        "secret",
        "`postgres://user:password@host/database` when several processes share it; `sqlite:///abs/path` or a plain path. Empty: the SQLite file `github-events.sqlite3` in the working directory.",
    ),
    doc(
        "database.max_connections",
        "connections",
        "To the database, at the same time.",
    ),
    doc(
        "database.retention_days",
        "days",
        "Events older than this are removed. 0 = none ever is.",
    ),
    doc(
        "window.days",
        "days",
        "How far the statistics reach back, unless a request says otherwise.",
    ),
    doc(
        "window.events",
        "events",
        "The newest so many of them count, all types together, unless a request says otherwise.",
    ),
    doc(
        "polling.policy",
        "sqrt, average, fixed, budget",
        "How the requests are spread over the repositories; see [the page](events.md#policies).",
    ),
    doc(
        "polling.requests_per_hour",
        "requests per hour",
        "For `sqrt` and `average`, all repositories together. `budget` spends what the token has left, but not more than this.",
    ),
    doc(
        "polling.fixed_interval_seconds",
        "seconds, with fractions",
        "For `fixed`: the interval of each repository. GitHub's `X-Poll-Interval` is obeyed nevertheless.",
    ),
    doc(
        "polling.max_interval_seconds",
        "seconds, with fractions",
        "No interval is longer, however quiet a repository is.",
    ),
    doc(
        "polling.max_page_bytes",
        "bytes",
        "A larger page of a feed fails the poll.",
    ),
    doc(
        "stream.max_clients",
        "clients",
        "Of `/api/stream`, at the same time. Above it: 503 with `Retry-After`.",
    ),
    doc(
        "stream.replay_messages",
        "messages",
        "How many are kept for clients that come back with `Last-Event-ID`. A client that falls so far behind is dropped.",
    ),
    doc(
        "stream.heartbeat_seconds",
        "seconds",
        "After so long without a message a comment is sent, so that a dead connection is noticed.",
    ),
];

/// docs/events-configuration.md.
///
/// # Errors
/// When a key is missing here, or documented but gone.
pub fn reference() -> Result<String, ReferenceError> {
    let sections = [KEYS, KEY_DOCS, TelemetrySettings::DOCS];
    reference_page("github-events", &SPEC, &Config::default(), &sections)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_is_documented() {
        let page = super::reference().unwrap();
        assert!(page.contains("GITHUB_EVENTS_POLLING__POLICY"), "{page}");
    }
}
