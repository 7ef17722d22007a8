-- Moments are seconds since 1970, UTC.

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- GitHub's number; not known before the first answer that names it.
    github_id BIGINT UNIQUE,
    full_name TEXT NOT NULL,
    -- full_name in lower case.
    name_key TEXT NOT NULL UNIQUE,
    active BOOLEAN NOT NULL,
    added_at BIGINT NOT NULL,
    activated_at BIGINT,
    last_poll_at BIGINT,
    next_poll_at BIGINT,
    -- Before this moment GitHub wants no poll.
    allowed_at BIGINT,
    -- When the whole feed was read last.
    swept_at BIGINT,
    -- Counts polls: what an overtaken one brings is not taken.
    poll_number BIGINT NOT NULL DEFAULT 0,
    interval_seconds DOUBLE PRECISION,
    policy TEXT,
    poll_interval_seconds BIGINT,
    etag TEXT,
    silent_since BIGINT,
    silence_doubted BIGINT NOT NULL DEFAULT 0,
    -- Since when all events are known, but for gaps.
    covered_from BIGINT,
    events_stored BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);

CREATE TABLE former_names (
    name_key TEXT PRIMARY KEY,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE
);

CREATE TABLE events (
    -- GitHub's number of the event.
    id INTEGER PRIMARY KEY,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- The JSON, byte for byte.
    raw TEXT NOT NULL
);

-- Holds all that a window needs.
CREATE INDEX events_in_order ON events (repository, created_at, id, kind);

CREATE TABLE gaps (
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    missed_at_least BIGINT NOT NULL,
    PRIMARY KEY (repository, from_at, to_at, reason)
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    received_at BIGINT NOT NULL
);

CREATE INDEX deliveries_by_age ON deliveries (received_at);

-- Which process polls a repository; milliseconds since 1970 by the database's clock.
CREATE TABLE leases (
    repository BIGINT PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);
