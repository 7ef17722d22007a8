//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError};
use service_runtime::settings::KEY_DOCS;

use super::{Config, SPEC};

const fn doc<'a>(key: &'a str, unit: &'a str, meaning: &'a str) -> KeyDoc<'a> {
    KeyDoc { key, unit, meaning }
}

const KEYS: &[KeyDoc<'static>] = &[
    doc(
        "listen",
        "address:port",
        "Where clients connect. Port 0 takes a free one.",
    ),
    doc(
        "upstream",
        "url",
        "GitHub's API, or our mirror in front of it.",
    ),
    doc(
        "database.url",
        "secret",
        "`sqlite:///absolute/path`, a plain path, or `postgres://`. PostgreSQL shares data and tasks between any number of processes. Empty: `github-discovery.db` in the working directory.",
    ),
    doc(
        "database.max_connections",
        "connections",
        "Of this process. A SQLite file has one writer besides.",
    ),
    doc(
        "github.user",
        "login",
        "The account that `github.key` belongs to; for your own records, GitHub does not need it.",
    ),
    doc("github.key", "secret", "One GitHub token."),
    doc(
        "github.tokens",
        "secret",
        "GitHub tokens, separated by commas, besides `github.key`. Without any, GitHub is asked anonymously: 60 requests per hour, and a 304 costs one.",
    ),
    doc(
        "github.stop_threshold",
        "requests",
        "No request is made with a token that has no more left than this.",
    ),
    doc(
        "github.quota_share",
        "0 to 1",
        "The part of each token's quota that may be used.",
    ),
    doc(
        "discovery.count",
        "developers",
        "How many developers one `discovery_scraper` picks.",
    ),
    doc(
        "discovery.interval_seconds",
        "seconds",
        "How often `discovery_scraper` is queued; first one interval after the start. 0: never.",
    ),
    doc(
        "discovery.heartbeat_interval_seconds",
        "seconds",
        "How often `ping` is logged. 0: never.",
    ),
    doc(
        "discovery.max_depth",
        "steps",
        "Developers farther from a seed are stored and not synced by themselves. Unset: all are. Tasks made by hand are not bound by it.",
    ),
    doc(
        "discovery.max_users",
        "developers",
        "No more developers are stored; lists that would need more have a gap `not_fetched`. Unset: no bound.",
    ),
    doc(
        "discovery.user_max_age_seconds",
        "seconds",
        "A neighbour fetched more recently is not fetched again; a developer synced longer ago is synced again.",
    ),
    doc(
        "discovery.max_list_pages",
        "pages",
        "Of a longer list the rest is a gap `upstream_limit`.",
    ),
    doc(
        "retry.max_attempts",
        "attempts",
        "A task that failed so often is a dead letter.",
    ),
    doc(
        "retry.base_milliseconds",
        "milliseconds",
        "The wait before the second attempt; it doubles each time.",
    ),
    doc(
        "worker.concurrency",
        "tasks",
        "How many tasks one process runs at once.",
    ),
    doc(
        "worker.lease_seconds",
        "seconds",
        "How long a task outlives a worker that died, before another takes it over.",
    ),
    doc(
        "worker.poll_milliseconds",
        "milliseconds",
        "How often an idle worker looks for a task.",
    ),
    doc(
        "api.page_size",
        "items",
        "Items of a page, unless `page_size` asks for another number.",
    ),
    doc("api.max_page_size", "items", "`page_size` is cut to it."),
    doc(
        "api.base_url",
        "url",
        "What hyperlinks begin with. Empty: `http://` and the request's `Host`.",
    ),
    doc(
        "api.trust_forwarded_headers",
        "true, false",
        "Whether `X-Forwarded-Proto` and `X-Forwarded-Host` say what hyperlinks begin with. Only behind a proxy that sets both.",
    ),
    doc(
        "api.max_relations_per_page",
        "hyperlinks",
        "A page with more is refused with 400, which tells to ask for `relations=count`, `relations=none` or a smaller page.",
    ),
    doc(
        "api.graph_max_depth",
        "steps",
        "`depth` of `graph/neighbors` is cut to it, and no path of `graph/path` is longer.",
    ),
    doc(
        "api.graph_max_nodes",
        "developers",
        "A graph search looks at no more; an answer that is cut off says so.",
    ),
    doc(
        "api.max_body_bytes",
        "bytes",
        "Bodies of requests. Above it: 413.",
    ),
    doc(
        "api.max_filter_values",
        "values",
        "Of one `__in`, and of all filters of a request. Above it: 400.",
    ),
    doc(
        "api.failed_logins_per_minute",
        "attempts",
        "Wrong passwords of all clients. Above it: 429, and nobody who is not remembered can log in with a password.",
    ),
    doc(
        "api.password_cache_seconds",
        "seconds",
        "How long a password that was right is remembered, so that not every request costs an argon2.",
    ),
    doc(
        "github.max_body_bytes",
        "bytes",
        "A larger page of GitHub's is an error.",
    ),
    doc(
        "cache.max_bytes",
        "bytes",
        "Of GitHub's answers in the database, compressed, for conditional requests. Beyond it those that were confirmed longest ago go; each of them costs a request of quota the next time.",
    ),
];

/// docs/discovery-configuration.md.
///
/// # Errors
/// When a key is missing here, or documented but gone.
pub fn reference() -> Result<String, ReferenceError> {
    let table =
        service_runtime::config::reference(&SPEC, &Config::default(), &[KEYS, KEY_DOCS].concat())?;
    Ok(format!(
        "# Configuration of github-discovery\n\n\
         Generated by `cargo xtask docs`; do not edit.\n\n\
         One TOML file (`--config FILE`), then environment variables, then flags: the later wins.\n\
         `github-discovery --print-config` shows the result and where each value comes from.\n\
         A wrong key or value is an error that names the key; the exit code is 64.\n\
         `DISCOVERY_INTERVAL`, `HEARTBEAT_INTERVAL` and `USER_MAX_AGE` are seconds, or numbers with `s`, `m`, `h` or `d`: `7d`.\n\n{table}"
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_is_documented() {
        let page = super::reference().unwrap();
        assert!(
            page.contains("GITHUB_DISCOVERY_API__MAX_PAGE_SIZE"),
            "{page}"
        );
    }
}
