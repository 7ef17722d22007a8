//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError, reference_page};
use service_runtime::settings::{ClientSettings, ListenerSettings, LogSettings, TelemetrySettings};

use super::{
    Config, SPEC, admin, cache, credentials, offline, pacing, priorities, redis, rfc9111, routes,
    tls, users, webhook,
};

const GENERAL: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "listen",
        "address:port",
        "Where clients connect over TCP. Port 0 takes a free one.",
    ),
    KeyDoc::new(
        "unix",
        "path",
        "A Unix socket to listen on as well, for `gh config set http_unix_socket`.",
    ),
    KeyDoc::new(
        "upstream",
        "url",
        "The API behind the mirror. A path in it is put before every request's path.",
    ),
    KeyDoc::new(
        "public_url",
        "url",
        "The mirror's own url as clients see it, for rewritten links. Without it the request's `Host` is used.",
    ),
    KeyDoc::new(
        "rewrite_bodies",
        "true, false",
        "Whether urls in JSON bodies are rewritten to the mirror. Without it clients that follow `*_url` fields go past the mirror.",
    ),
    KeyDoc::new(
        "anonymous_policy",
        "rfc9111, revalidate",
        "Requests without `Authorization`: served unasked while fresh, because GitHub charges them for a 304; or asked about every time.",
    ),
    KeyDoc::new(
        "credentials_for",
        "none, loopback, any, networks; a list",
        "Whose requests without `Authorization` are sent with a credential of `[[credentials]]`: `loopback` is this host and the Unix socket, a network is written `10.0.0.0/8`. The connection's own peer counts: behind a proxy on this host everybody is `loopback`.",
    ),
    KeyDoc::new(
        "default_policy",
        "github, rfc9111",
        "How answers are cached: as GitHub's, by conditional requests and predicted tags; or as any HTTP server's (RFC 9111), which makes the mirror a plain reverse-proxy cache that rewrites nothing unless `public_url` is set.",
    ),
    KeyDoc::new(
        "drain_seconds",
        "seconds",
        "After SIGTERM: how long requests in flight may take before they are cut off.",
    ),
    KeyDoc::new(
        "drain_grace_seconds",
        "seconds",
        "After SIGTERM: how long the listeners still accept while `/readyz` already fails, so that a load balancer can leave.",
    ),
];

/// docs/configuration.md.
///
/// # Errors
/// When a key is missing here, or documented but gone.
pub fn reference() -> Result<String, ReferenceError> {
    let sections = [
        GENERAL,
        rfc9111::DOCS,
        LogSettings::DOCS,
        tls::DOCS,
        cache::DOCS,
        redis::DOCS,
        ClientSettings::DOCS,
        ListenerSettings::DOCS,
        admin::DOCS,
        TelemetrySettings::DOCS,
        pacing::DOCS,
        priorities::DOCS,
        credentials::DOCS,
        users::DOCS,
        offline::DOCS,
        offline::STATUS_DOCS,
        routes::DOCS,
        webhook::DOCS,
    ];
    reference_page("github-mirror", &SPEC, &Config::default(), &sections)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_is_documented() {
        let page = super::reference().unwrap();
        assert!(page.contains("GITHUB_MIRROR_CACHE__MAX_BYTES"), "{page}");
    }
}
