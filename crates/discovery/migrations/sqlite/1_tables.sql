-- Moments are milliseconds since 1970-01-01 UTC. GitHub's numeric ids are the keys.
-- Text is compared by its bytes.

CREATE TABLE developers (
    github_id         INTEGER PRIMARY KEY,
    login             TEXT NOT NULL,
    -- lower case: GitHub's logins ignore case
    login_key         TEXT NOT NULL,
    login_seen_at     BIGINT NOT NULL,
    name              TEXT,
    location          TEXT,
    bio               TEXT,
    company           TEXT,
    email             TEXT,
    created_at        BIGINT,
    updated_at        BIGINT,
    followers_count   BIGINT,
    following_count   BIGINT,
    public_gists      BIGINT,
    public_repos      BIGINT,
    -- when GitHub last described the account; null: known from lists only
    fetched_at        BIGINT,
    -- steps from the nearest seed
    depth             BIGINT NOT NULL,
    first_seen_at     BIGINT NOT NULL,
    last_full_sync_at BIGINT,
    sync_state        TEXT NOT NULL DEFAULT 'partial',
    -- null: never again
    due_at            BIGINT,
    back_off_seconds  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX developers_newest ON developers (created_at DESC, github_id);
CREATE INDEX developers_login ON developers (login);
CREATE INDEX developers_login_key ON developers (login_key);
CREATE INDEX developers_never_synced ON developers (due_at, github_id) WHERE last_full_sync_at IS NULL;
CREATE INDEX developers_synced ON developers (due_at, github_id) WHERE last_full_sync_at IS NOT NULL;

CREATE TABLE repositories (
    github_id         INTEGER PRIMARY KEY,
    owner_id          BIGINT NOT NULL,
    name              TEXT NOT NULL,
    full_name         TEXT NOT NULL,
    full_name_key     TEXT NOT NULL,
    name_seen_at      BIGINT NOT NULL,
    description       TEXT,
    homepage          TEXT,
    language          TEXT,
    created_at        BIGINT,
    updated_at        BIGINT,
    has_downloads     BOOLEAN,
    has_issues        BOOLEAN,
    has_pages         BOOLEAN,
    has_projects      BOOLEAN,
    has_wiki          BOOLEAN,
    private           BOOLEAN,
    archived          BOOLEAN,
    disabled          BOOLEAN,
    stargazers_count  BIGINT,
    -- null until the repository itself was fetched: lists do not tell it
    subscribers_count BIGINT,
    watchers_count    BIGINT,
    open_issues_count BIGINT,
    fetched_at        BIGINT,
    first_seen_at     BIGINT NOT NULL,
    last_full_sync_at BIGINT,
    sync_state        TEXT NOT NULL DEFAULT 'partial',
    due_at            BIGINT,
    back_off_seconds  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX repositories_newest ON repositories (created_at DESC, github_id);
CREATE INDEX repositories_full_name ON repositories (full_name);
CREATE INDEX repositories_full_name_key ON repositories (full_name_key);
CREATE INDEX repositories_owner ON repositories (owner_id, github_id);

-- kind: 1 follows (developer to developer), 2 stars (developer to repository), 3 owns (developer to repository)
CREATE TABLE edges (
    kind      INTEGER NOT NULL,
    from_id   BIGINT NOT NULL,
    to_id     BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    -- the tick at which it was last seen
    seen      BIGINT NOT NULL,
    PRIMARY KEY (kind, from_id, to_id)
) WITHOUT ROWID;
-- Both directions of what is there now are answered from an index alone; SQLite wants the column of the condition in it.
CREATE INDEX edges_open_from ON edges (kind, from_id, to_id, closed_at) WHERE closed_at IS NULL;
CREATE INDEX edges_open_to ON edges (kind, to_id, from_id, closed_at) WHERE closed_at IS NULL;

-- subject: developer or repository; relation: which of its lists can never match the reported count, and why
CREATE TABLE gaps (
    subject     TEXT NOT NULL,
    subject_id  BIGINT NOT NULL,
    relation    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    reported    BIGINT NOT NULL,
    stored      BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (subject, subject_id, relation)
) WITHOUT ROWID;

CREATE TABLE runs (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    target          TEXT NOT NULL,
    target_key      TEXT NOT NULL,
    depth           BIGINT NOT NULL,
    state           TEXT NOT NULL,
    attempt         BIGINT NOT NULL DEFAULT 0,
    run_after       BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    started_at      BIGINT,
    finished_at     BIGINT,
    progress_page   BIGINT NOT NULL DEFAULT 0,
    progress_pages  BIGINT,
    progress_items  BIGINT NOT NULL DEFAULT 0,
    requests        BIGINT NOT NULL DEFAULT 0,
    not_modified    BIGINT NOT NULL DEFAULT 0,
    cursor          TEXT,
    error           TEXT,
    claimed_by      TEXT,
    lease_until     BIGINT
) WITHOUT ROWID;
-- The same target is never queued twice.
CREATE UNIQUE INDEX runs_live ON runs (name, target_key) WHERE state IN ('queued', 'waiting_quota', 'running');
CREATE INDEX runs_due ON runs (run_after, id) WHERE state IN ('queued', 'waiting_quota');
CREATE INDEX runs_by_state ON runs (state, id);

-- what GitHub last said about each token's quota; the token itself is never stored
CREATE TABLE rates (
    token           TEXT PRIMARY KEY,
    masked          TEXT NOT NULL,
    rate_limit      BIGINT NOT NULL,
    rate_remaining  BIGINT NOT NULL,
    reset_at        BIGINT NOT NULL,
    blocked_until   BIGINT,
    seen_at         BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    login         TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    key_hash   TEXT PRIMARY KEY,
    login      TEXT NOT NULL REFERENCES users (login) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- exact totals, so that no page counts a table; "generation" changes with every write to what is served
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES
    ('developers', 0), ('repositories', 0), ('follows', 0), ('stars', 0), ('owns', 0), ('generation', 0), ('tick', 0);
