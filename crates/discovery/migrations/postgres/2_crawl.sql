-- GitHub's answers as the conditional engine keeps them. "stored" is the tick of the last write: the oldest goes first.
CREATE TABLE entries (
    key    TEXT COLLATE "C" PRIMARY KEY,
    value  BYTEA NOT NULL,
    bytes  BIGINT NOT NULL,
    stored BIGINT NOT NULL
);
CREATE INDEX entries_oldest ON entries (stored);
INSERT INTO counters (name, value) VALUES ('entries', 0), ('entry_bytes', 0);

-- What of each token's running window is left, less what is under way; and what this service took of it.
CREATE TABLE windows (
    token         TEXT COLLATE "C" PRIMARY KEY,
    rate_limit    BIGINT NOT NULL,
    remaining     BIGINT NOT NULL,
    used_here     BIGINT NOT NULL,
    reset_at      BIGINT NOT NULL,
    blocked_until BIGINT
);

-- When a run was last handed to the job library.
ALTER TABLE runs ADD COLUMN delivered_at BIGINT;

-- When discovery was last started by itself, by any worker.
INSERT INTO counters (name, value) VALUES ('discovery_started_at', 0);
