//! What the generated reference page says about each key.

use service_runtime::config::{KeyDoc, ReferenceError};

use super::{Config, SPEC};

const fn doc<'a>(key: &'a str, unit: &'a str, meaning: &'a str) -> KeyDoc<'a> {
    KeyDoc { key, unit, meaning }
}

const KEYS: &[KeyDoc<'static>] = &[
    doc(
        "listen",
        "address:port",
        "Where clients connect over TCP. Port 0 takes a free one.",
    ),
    doc(
        "unix",
        "path",
        "A Unix socket to listen on as well, for `gh config set http_unix_socket`.",
    ),
    doc(
        "upstream",
        "url",
        "The API behind the mirror. A path in it is put before every request's path.",
    ),
    doc(
        "public_url",
        "url",
        "The mirror's own url as clients see it, for rewritten links. Without it the request's `Host` is used.",
    ),
    doc(
        "rewrite_bodies",
        "true, false",
        "Whether urls in JSON bodies are rewritten to the mirror. Without it clients that follow `*_url` fields go past the mirror.",
    ),
    doc(
        "anonymous_policy",
        "rfc9111, revalidate",
        "Requests without `Authorization`: served unasked while fresh, because GitHub charges them for a 304; or asked about every time.",
    ),
    doc(
        "credentials_for",
        "none, loopback, any, networks; a list",
        "Whose requests without `Authorization` are sent with a credential of `[[credentials]]`: `loopback` is this host and the Unix socket, a network is written `10.0.0.0/8`. The connection's own peer counts: behind a proxy on this host everybody is `loopback`.",
    ),
    doc(
        "default_policy",
        "github, rfc9111",
        "How answers are cached: as GitHub's, by conditional requests and predicted tags; or as any HTTP server's (RFC 9111), which makes the mirror a plain reverse-proxy cache that rewrites nothing unless `public_url` is set.",
    ),
    doc(
        "rfc9111.max_variants",
        "answers",
        "Answers kept for one url beside each other, for requests that differ in what `Vary` names. Beyond it the oldest goes.",
    ),
    doc(
        "rfc9111.heuristic_percent",
        "percent",
        "Freshness of an answer that states none, as a part of the time since it was last modified. 0 = no guessing.",
    ),
    doc(
        "rfc9111.max_heuristic_seconds",
        "seconds",
        "The most that is guessed.",
    ),
    doc(
        "rfc9111.stale_if_unreachable_seconds",
        "seconds",
        "How long after its freshness an answer stands in for an upstream that cannot be reached, unless it forbids that. 0 = never.",
    ),
    doc(
        "rfc9111.stale_if_error_seconds",
        "seconds",
        "The same for an upstream that answers 500, 502, 503 or 504. 0 = only where the answer or the request says `stale-if-error`.",
    ),
    doc(
        "rfc9111.surrogate_name",
        "name",
        "Announces the mirror to the upstream as a surrogate of this name, and lets `Surrogate-Control` count more than `Cache-Control`.",
    ),
    doc(
        "drain_seconds",
        "seconds",
        "After SIGTERM: how long requests in flight may take before they are cut off.",
    ),
    doc(
        "drain_grace_seconds",
        "seconds",
        "After SIGTERM: how long the listeners still accept while `/readyz` already fails, so that a load balancer can leave.",
    ),
    doc(
        "log.format",
        "text, json",
        "The form of log lines. The path is shown, never the query.",
    ),
    doc(
        "log.level",
        "off, error, warn, info, debug, trace",
        "How much is logged besides the line per request.",
    ),
    doc(
        "tls.cert_file",
        "path",
        "PEM certificate chain: the TCP listener speaks TLS (HTTP/1.1 and HTTP/2).",
    ),
    doc(
        "tls.key_file",
        "path",
        "PEM private key of `tls.cert_file`.",
    ),
    doc(
        "cache.type",
        "in-memory, redis, disk, tiered",
        "Where entries live: in this process; in Redis, shared by all mirrors that use it, with this process's memory while Redis is away; on disk, so that a restart keeps them; memory over Redis (over the disk where `cache.disk_path` is set), for the lowest latency.",
    ),
    doc(
        "cache.disk_path",
        "path",
        "The file for `cache.type` disk, and for tiered without Redis.",
    ),
    doc(
        "cache.disk_max_bytes",
        "bytes",
        "What entries on disk together may take. Beyond it the oldest are evicted.",
    ),
    doc(
        "redis.primary",
        "host or host:port",
        "The server that takes the writes.",
    ),
    doc(
        "redis.reader",
        "host or host:port",
        "The endpoint of the replicas; reads go there.",
    ),
    doc(
        "redis.port",
        "port",
        "The port of servers that are given without one.",
    ),
    doc(
        "redis.username",
        "name",
        "ACL user; without it the password is that of the default user.",
    ),
    doc(
        "redis.password",
        "secret",
        "Password. `REDIS_PASSWORD` wins over `REDIS_TOKEN`.",
    ),
    doc(
        "redis.database",
        "number",
        "The database; a cluster has no other than 0.",
    ),
    doc(
        "redis.tls",
        "true, false",
        "Whether connections are encrypted.",
    ),
    doc(
        "redis.ca_file",
        "path",
        "PEM certificates that servers are checked against instead of the public ones.",
    ),
    doc(
        "redis.client_cert_file",
        "path",
        "PEM certificate that the mirror shows to Redis.",
    ),
    doc(
        "redis.client_key_file",
        "path",
        "PEM private key of `redis.client_cert_file`.",
    ),
    doc(
        "redis.sentinel",
        "host or host:port, a list",
        "Sentinels to ask for the primary; port 26379 where none is given. `redis.primary` is not used then.",
    ),
    doc(
        "redis.sentinel_service",
        "name",
        "The primary's name at the sentinels.",
    ),
    doc(
        "redis.cluster",
        "host or host:port, a list",
        "Nodes of a cluster; one that answers is enough. `redis.primary` is not used then.",
    ),
    doc(
        "redis.namespace",
        "text",
        "What every key begins with. Mirrors with the same namespace and password share entries.",
    ),
    doc(
        "redis.read_timeout_milliseconds",
        "milliseconds",
        "The most that a sick Redis may add to a request; after it the read is a miss.",
    ),
    doc(
        "redis.write_queue",
        "entries",
        "Writes go behind the answers; when so many wait, further ones are dropped and counted.",
    ),
    doc(
        "redis.ttl_seconds",
        "seconds",
        "How long an entry stays after it was last written, or read in the second half of that time.",
    ),
    doc(
        "redis.ttl_jitter",
        "part of 1",
        "By how much of it the time is shortened at random, so that entries do not expire together.",
    ),
    doc(
        "cache.max_bytes",
        "bytes",
        "What all entries together may take. Beyond it the least valuable are evicted.",
    ),
    doc(
        "cache.max_recording_bytes",
        "bytes",
        "What bodies that are being received may take together, until they are stored. Beyond it answers stream through without being stored.",
    ),
    doc(
        "cache.max_cacheable_body_bytes",
        "bytes",
        "Bodies up to this size are stored. Larger ones stream through in flat memory.",
    ),
    doc(
        "upstream_http.connect_timeout_seconds",
        "seconds",
        "How long a connection to the upstream may take, TLS included.",
    ),
    doc(
        "upstream_http.response_timeout_seconds",
        "seconds",
        "How long the upstream may take until its answer begins. GitHub itself gives up after 10 s.",
    ),
    doc(
        "upstream_http.body_idle_timeout_seconds",
        "seconds",
        "How long the upstream may pause within a body. After that the answer is broken off and not stored.",
    ),
    doc(
        "upstream_http.ca_file",
        "path",
        "PEM certificates to trust for the upstream besides the public ones.",
    ),
    doc(
        "limits.max_header_bytes",
        "bytes",
        "Request line and headers. Above it: 431.",
    ),
    doc(
        "limits.header_read_timeout_seconds",
        "seconds",
        "How long a client may take for a request's head; idle connections close after it.",
    ),
    doc(
        "limits.body_idle_timeout_seconds",
        "seconds",
        "How long a client may take nothing of its answer, or pause within a request's body, before its connection ends.",
    ),
    doc(
        "limits.max_connections",
        "connections",
        "Above it new connections wait to be accepted.",
    ),
    doc(
        "admin.token",
        "secret",
        "What `Authorization: Bearer` must hold for `/_mirror/`; at least 16 characters. Without one only this machine may administer the mirror.",
    ),
    doc(
        "admin.listen",
        "address:port",
        "A listener for `/_mirror/` alone; the others then answer 404 there.",
    ),
    doc(
        "telemetry.otlp_endpoint",
        "url",
        "An OpenTelemetry collector, `http://host:port`: traces and metrics are sent there too, as OTLP over HTTP. Without one nothing is sent.",
    ),
    doc(
        "telemetry.otlp_interval_seconds",
        "seconds",
        "How often metrics are sent.",
    ),
    doc(
        "telemetry.trace_ratio",
        "part of 1",
        "Which part of the traces that begin here is sent. A client that sends `traceparent` decides for its own.",
    ),
    doc(
        "pacing.mode",
        "adaptive, strict, off",
        "When requests wait for their turn: after GitHub has signalled a secondary limit, or when `pacing.max_concurrent` requests of a credential are under way; always, so that no secondary limit is met; never. Limits that GitHub has stated are obeyed in each mode.",
    ),
    doc(
        "pacing.points_per_minute",
        "points",
        "Of one credential, where it is paced. A read costs 1, a write 5, a 304 as much as any answer.",
    ),
    doc(
        "pacing.graphql_points_per_minute",
        "points",
        "The same for GraphQL, which is counted on its own.",
    ),
    doc(
        "pacing.writes_per_minute",
        "requests",
        "REST writes of one credential, where it is paced.",
    ),
    doc(
        "pacing.max_concurrent",
        "requests",
        "Of one credential, under way to GitHub at a time.",
    ),
    doc(
        "pacing.max_wait_seconds",
        "seconds",
        "How long a request may wait for its turn. One that would wait longer gets at once what is stored, if it may see it, else 429 with `Retry-After`. 0: nothing waits.",
    ),
    doc(
        "pacing.max_waiting",
        "requests",
        "Of one credential, waiting. Beyond it the client with the most of them loses its newest one.",
    ),
    doc(
        "pacing.watch_seconds",
        "seconds",
        "Mode adaptive: how long a credential is paced after a secondary limit.",
    ),
    doc(
        "pacing.not_found_per_minute",
        "answers",
        "Mode adaptive: so many 404 in a minute to one credential have it paced while they last, because GitHub limits who polls for what is not there.",
    ),
    doc(
        "priorities[].match",
        "path pattern",
        "Where requests wait: which ones the rule is for; `*` is one segment, `**` the rest. Default: all. The first rule that fits decides.",
    ),
    doc(
        "priorities[].clients",
        "loopback, any, networks; a list",
        "Whose requests the rule is for. Default: everybody's.",
    ),
    doc(
        "priorities[].level",
        "high, normal, low",
        "Of 13 turns with all waiting, 8 are of high, 4 of normal, 1 of low priority.",
    ),
    doc(
        "credentials[].kind",
        "pat, oauth-app, github-app",
        "A credential of the operator's own, for reads that bring none: a token that is sent as it is; an OAuth app in its own name (public data); an installation of a GitHub App, whose tokens the mirror mints and renews.",
    ),
    doc(
        "credentials[].name",
        "text",
        "What it is called in reports and logs. Default: kind and position, such as `pat-1`.",
    ),
    doc(
        "credentials[].token_file",
        "path",
        "Kind pat: the token. Kind oauth-app: the client secret.",
    ),
    doc(
        "credentials[].app_id",
        "number or text",
        "Kind github-app: the app's id or client id. Kind oauth-app: the client id.",
    ),
    doc(
        "credentials[].installation_id",
        "number",
        "Kind github-app: the installation whose repositories are read.",
    ),
    doc(
        "credentials[].private_key_file",
        "path",
        "Kind github-app: the app's private key, PEM.",
    ),
    doc(
        "credentials[].reserve",
        "requests",
        "Of each window, left for others who use the credential. Default 0.",
    ),
    doc(
        "limits.max_in_flight",
        "requests",
        "Above it: 503 with `Retry-After`.",
    ),
    doc(
        "users.allowed",
        "logins",
        "Who may use the mirror, by the login that GitHub says a token belongs to. Not set: everybody. Set: no token 401, another login 403.",
    ),
    doc(
        "users.trust_seconds",
        "seconds",
        "How long a token's login is believed before GitHub is asked again, at no quota. A revoked token may be used for that long for what is served unasked.",
    ),
    doc(
        "users.refusal_seconds",
        "seconds",
        "How long a token that GitHub refused is refused without asking.",
    ),
    doc(
        "users.outage_trust_seconds",
        "seconds",
        "How long after GitHub last named it a token's login counts while GitHub cannot be asked. 0: in an outage nobody is served.",
    ),
    doc(
        "users.max_remembered_tokens",
        "tokens",
        "Tokens (as fingerprints) whose logins are remembered; the oldest give way and are asked about again.",
    ),
    doc(
        "offline.window_seconds",
        "seconds",
        "How far back upstream calls count towards offline mode.",
    ),
    doc(
        "offline.min_samples",
        "calls",
        "Upstream calls within the window below which offline mode does not begin.",
    ),
    doc(
        "offline.error_ratio",
        "part of 1",
        "Share of failed upstream calls (no answer, or 5xx) from which offline mode begins.",
    ),
    doc(
        "offline.probe_seconds",
        "seconds",
        "Pause between the probes (`HEAD /rate_limit`) that end offline mode.",
    ),
    doc(
        "offline.return_reads_per_second",
        "reads",
        "Reads sent up in the first second after an outage, twice as many in each second after, until nobody is held back. Who is held back is answered as in offline mode.",
    ),
    doc(
        "status.url",
        "url",
        "A status page's components document. `major_outage` of its component \"API Requests\" makes `offline.min_samples` 1, and nothing more. Empty: off. The default is asked only if the upstream is api.github.com.",
    ),
    doc(
        "status.interval_seconds",
        "seconds",
        "Pause between two questions to the status page.",
    ),
    doc(
        "status.timeout_seconds",
        "seconds",
        "How long the status page may take. Its failure changes nothing.",
    ),
    doc(
        "routes[].match",
        "pattern",
        "Which paths a rule is for: `*` one segment, `**` the rest; case is ignored. The first rule that matches counts.",
    ),
    doc(
        "routes[].methods",
        "GET, HEAD, a list",
        "Which methods a rule is for; both if not given. Nothing else is ever stored.",
    ),
    doc(
        "routes[].policy",
        "revalidate, rfc9111, ttl, immutable, negative, deny",
        "When a stored body is served without asking GitHub, always only to a caller whom GitHub confirmed it for: never; while `Cache-Control` calls it fresh; for `ttl_seconds`; for ever. `negative` remembers a 404 or 410 for `ttl_seconds`, `deny` stores nothing.",
    ),
    doc(
        "routes[].ttl_seconds",
        "seconds",
        "For `ttl`, and for `negative` (10 if not given).",
    ),
    doc(
        "webhook.secret",
        "secret",
        "The secret that GitHub signs its webhooks with. With it `POST /_mirror/webhook` takes deliveries in; without it there is no such page.",
    ),
    doc(
        "webhook.covered",
        "patterns, a list",
        "Which paths' repositories send their events here, as `/repos/acme/**`. What events tell of is then served without asking GitHub until one touches it.",
    ),
    doc(
        "webhook.covered_max_age_seconds",
        "seconds",
        "After which even a covered resource is asked about: GitHub does not repeat a delivery that failed.",
    ),
    doc(
        "webhook.settle_seconds",
        "seconds",
        "How long after an event GitHub's answers may still be from before it; what is confirmed in that time is asked about again.",
    ),
    doc(
        "webhook.max_body_bytes",
        "bytes",
        "The largest payload; GitHub sends up to 25 MiB. Above it: 413.",
    ),
    doc(
        "webhook.max_concurrent_deliveries",
        "deliveries",
        "Payloads that are read at the same time; each may hold `max_body_bytes`. Further ones wait.",
    ),
    doc(
        "webhook.max_remembered_deliveries",
        "deliveries",
        "So many of the last deliveries are recognised when GitHub sends them again.",
    ),
    doc(
        "webhook.receive_timeout_seconds",
        "seconds",
        "How long a payload may take to arrive, waiting included. GitHub itself gives up after 10 s.",
    ),
];

/// docs/configuration.md.
///
/// # Errors
/// When a key is missing here, or documented but gone.
pub fn reference() -> Result<String, ReferenceError> {
    let table = service_runtime::config::reference(&SPEC, &Config::default(), KEYS)?;
    Ok(format!(
        "# Configuration of github-mirror\n\n\
         Generated by `cargo xtask docs`; do not edit.\n\n\
         One TOML file (`--config FILE`), then environment variables, then flags: the later wins.\n\
         `github-mirror --print-config` shows the result and where each value comes from.\n\
         A wrong key or value is an error that names the key; the exit code is 64.\n\n{table}"
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_is_documented() {
        let page = super::reference().unwrap();
        assert!(page.contains("GITHUB_MIRROR_CACHE__MAX_BYTES"), "{page}");
    }
}
