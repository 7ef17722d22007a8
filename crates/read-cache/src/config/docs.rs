//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError, reference_page};
use service_runtime::settings::{KEY_DOCS, TelemetrySettings};

use super::{Config, SPEC};

const KEYS: &[KeyDoc<'static>] = &[
    KeyDoc::new("listen", "address", "Where clients connect."),
    KeyDoc::new(
        "port",
        "port",
        "Port 0 takes a free one. `--port` wins over the argument `PORT`, which wins over the variable `PORT`.",
    ),
    KeyDoc::new(
        "upstream",
        "url",
        "GitHub's API, or our mirror in front of it.",
    ),
    KeyDoc::new(
        "orgs",
        "logins, a list",
        "The organisations to keep; `--org` for each on the command line. The first is the one whose views need no name.",
    ),
    KeyDoc::new(
        "tokens",
        "secret",
        "GitHub tokens, separated by commas. The first that is not used up is used, by all nodes. Without any, GitHub is asked anonymously: 60 requests per hour, and a 304 costs one. What the token sees, every client sees.",
    ),
    KeyDoc::new(
        "admin_token",
        "secret",
        "What administrators send as `Authorization: Bearer`. Without it there are no administration routes.",
    ),
    KeyDoc::new(
        "cache.master_ttl_seconds",
        "seconds, with fractions",
        "How long data is fresh after GitHub confirmed it.",
    ),
    KeyDoc::new(
        "cache.node_ttl_seconds",
        "seconds, with fractions",
        "How often a node looks into the master cache although nobody told it of a change.",
    ),
    KeyDoc::new(
        "cache.max_stale_seconds",
        "seconds, with fractions",
        "How long data may be served after it stopped being fresh, when GitHub cannot be read. Counted from the end of `cache.master_ttl_seconds`.",
    ),
    KeyDoc::new(
        "cache.per_page",
        "items, 1 to 100",
        "Page size upstream. Smaller pages cost more requests.",
    ),
    KeyDoc::new(
        "cache.soft_timeout_milliseconds",
        "milliseconds",
        "How long a client that could have stale data waits for a refresh that this node is at. 0 = never.",
    ),
    KeyDoc::new(
        "cache.hard_timeout_milliseconds",
        "milliseconds",
        "How long a client waits where there is nothing to serve. Then 504.",
    ),
    KeyDoc::new(
        "cache.early_refresh_factor",
        "factor",
        "How much ahead of expiry a refresh begins, in multiples of what the last one took, times a random number of mean 1. 0 = at expiry.",
    ),
    KeyDoc::new(
        "cache.page_concurrency",
        "requests",
        "Pages of one list that are asked for at the same time.",
    ),
    KeyDoc::new(
        "cache.max_pages",
        "pages",
        "A list with more fails to refresh.",
    ),
    KeyDoc::new(
        "cache.max_page_bytes",
        "bytes",
        "A larger page fails the refresh.",
    ),
    KeyDoc::new(
        "cache.max_body_bytes",
        "bytes",
        "A larger flattened body fails the refresh.",
    ),
    KeyDoc::new(
        "cache.proxy_max_bytes",
        "bytes",
        "Memory for the answers of everything that is proxied.",
    ),
    KeyDoc::new(
        "master.url",
        "secret",
        "`memory`, or where the master cache is: `redis://[[user]:password@]host[:port][/database]`, `redis-sentinel://host,host[/service[/database]]`, `redis-cluster://host,host`; `rediss` for TLS. Without it `master.host` decides.",
    ),
    KeyDoc::new(
        "master.host",
        "host or host:port",
        "A Redis, where `master.url` is not set. Without both the master cache is this process's memory.",
    ),
    KeyDoc::new("master.port", "port", "The port of `master.host`."),
    KeyDoc::new(
        "master.password",
        "secret",
        "Password of Redis, where the url has none.",
    ),
    KeyDoc::new(
        "master.sentinel_username",
        "name",
        "ACL user at the sentinels, which have users of their own.",
    ),
    KeyDoc::new(
        "master.sentinel_password",
        "secret",
        "Password at the sentinels. Without it they are asked without one.",
    ),
    KeyDoc::new(
        "master.ca_file",
        "path",
        "PEM certificates that a TLS server is checked against instead of the public ones.",
    ),
    KeyDoc::new(
        "master.namespace",
        "text",
        "What every key in Redis begins with. Nodes with the same namespace are one cluster.",
    ),
    KeyDoc::new(
        "master.read_timeout_milliseconds",
        "milliseconds",
        "How long Redis may take to be read. No client waits for it unless it has nothing.",
    ),
    KeyDoc::new(
        "master.write_timeout_milliseconds",
        "milliseconds",
        "How long Redis may take to be written.",
    ),
    KeyDoc::new(
        "lease.ttl_milliseconds",
        "milliseconds",
        "How long the right to refresh outlives a node that died. It is renewed at a third of it.",
    ),
    KeyDoc::new(
        "lease.servers",
        "secret, a list",
        "Urls of several independent Redis primaries, an odd number: the right to refresh is held by whoever a majority agrees on. Without it the master cache decides alone.",
    ),
];

/// docs/read-cache-configuration.md.
///
/// # Errors
/// When a key is missing here, or documented but gone.
pub fn reference() -> Result<String, ReferenceError> {
    let sections = [KEYS, KEY_DOCS, TelemetrySettings::DOCS];
    reference_page("github-read-cache", &SPEC, &Config::default(), &sections)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_is_documented() {
        let page = super::reference().unwrap();
        assert!(
            page.contains("GITHUB_READ_CACHE_CACHE__MAX_PAGES"),
            "{page}"
        );
    }
}
