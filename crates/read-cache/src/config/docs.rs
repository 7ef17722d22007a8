//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError};
use service_runtime::settings::KEY_DOCS;

use super::{Config, SPEC};

const fn doc<'a>(key: &'a str, unit: &'a str, meaning: &'a str) -> KeyDoc<'a> {
    KeyDoc { key, unit, meaning }
}

const KEYS: &[KeyDoc<'static>] = &[
    doc("listen", "address", "Where clients connect."),
    doc(
        "port",
        "port",
        "Port 0 takes a free one. `--port` wins over the argument `PORT`, which wins over the variable `PORT`.",
    ),
    doc(
        "upstream",
        "url",
        "GitHub's API, or our mirror in front of it.",
    ),
    doc(
        "orgs",
        "logins, a list",
        "The organisations to keep; `--org` for each on the command line. The first is the one whose views need no name.",
    ),
    doc(
        "tokens",
        "secret",
        "GitHub tokens, separated by commas. The first that is not used up is used, by all nodes. Without any, GitHub is asked anonymously: 60 requests per hour, and a 304 costs one. What the token sees, every client sees.",
    ),
    doc(
        "admin_token",
        "secret",
        "What administrators send as `Authorization: Bearer`. Without it there are no administration routes.",
    ),
    doc(
        "cache.master_ttl_seconds",
        "seconds, with fractions",
        "How long data is fresh after GitHub confirmed it.",
    ),
    doc(
        "cache.node_ttl_seconds",
        "seconds, with fractions",
        "How often a node looks into the master cache although nobody told it of a change.",
    ),
    doc(
        "cache.max_stale_seconds",
        "seconds, with fractions",
        "How long data may be served after it stopped being fresh, when GitHub cannot be read. Counted from the end of `cache.master_ttl_seconds`.",
    ),
    doc(
        "cache.per_page",
        "items, 1 to 100",
        "Page size upstream. Smaller pages cost more requests.",
    ),
    doc(
        "cache.soft_timeout_milliseconds",
        "milliseconds",
        "How long a client that could have stale data waits for a refresh that this node is at. 0 = never.",
    ),
    doc(
        "cache.hard_timeout_milliseconds",
        "milliseconds",
        "How long a client waits where there is nothing to serve. Then 504.",
    ),
    doc(
        "cache.early_refresh_factor",
        "factor",
        "How much ahead of expiry a refresh begins, in multiples of what the last one took, times a random number of mean 1. 0 = at expiry.",
    ),
    doc(
        "cache.page_concurrency",
        "requests",
        "Pages of one list that are asked for at the same time.",
    ),
    doc(
        "cache.max_pages",
        "pages",
        "A list with more fails to refresh.",
    ),
    doc(
        "cache.max_page_bytes",
        "bytes",
        "A larger page fails the refresh.",
    ),
    doc(
        "cache.max_body_bytes",
        "bytes",
        "A larger flattened body fails the refresh.",
    ),
    doc(
        "cache.proxy_max_bytes",
        "bytes",
        "Memory for the answers of everything that is proxied.",
    ),
    doc(
        "master.url",
        "secret",
        "`memory`, or where the master cache is: `redis://[[user]:password@]host[:port][/database]`, `redis-sentinel://host,host[/service[/database]]`, `redis-cluster://host,host`; `rediss` for TLS. Without it `master.host` decides.",
    ),
    doc(
        "master.host",
        "host or host:port",
        "A Redis, where `master.url` is not set. Without both the master cache is this process's memory.",
    ),
    doc("master.port", "port", "The port of `master.host`."),
    doc(
        "master.password",
        "secret",
        "Password of Redis, where the url has none.",
    ),
    doc(
        "master.ca_file",
        "path",
        "PEM certificates that a TLS server is checked against instead of the public ones.",
    ),
    doc(
        "master.namespace",
        "text",
        "What every key in Redis begins with. Nodes with the same namespace are one cluster.",
    ),
    doc(
        "master.read_timeout_milliseconds",
        "milliseconds",
        "How long Redis may take to be read. No client waits for it unless it has nothing.",
    ),
    doc(
        "master.write_timeout_milliseconds",
        "milliseconds",
        "How long Redis may take to be written.",
    ),
    doc(
        "lease.ttl_milliseconds",
        "milliseconds",
        "How long the right to refresh outlives a node that died. It is renewed at a third of it.",
    ),
    doc(
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
    let keys = [KEYS, KEY_DOCS].concat();
    let table = service_runtime::config::reference(&SPEC, &Config::default(), &keys)?;
    Ok(format!(
        "# Configuration of github-read-cache\n\n\
         Generated by `cargo xtask docs`; do not edit.\n\n\
         One TOML file (`--config FILE`), then environment variables, then flags: the later wins.\n\
         `github-read-cache --print-config` shows the result and where each value comes from.\n\
         A wrong key or value is an error that names the key; the exit code is 64.\n\n{table}"
    ))
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
