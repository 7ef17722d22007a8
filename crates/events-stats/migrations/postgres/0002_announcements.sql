-- What has happened, for those who listen: numbered in the order in which it was committed.

CREATE TABLE announcements (
    number BIGINT PRIMARY KEY,
    repository BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    -- event, gap or stats.
    topic TEXT NOT NULL,
    -- Which event; it may have been let go of since.
    event BIGINT,
    -- The gap as JSON.
    gap TEXT
);

-- One row: the last number that was given, and what tells the numbers of this database from those of another.
CREATE TABLE announced (
    epoch TEXT NOT NULL,
    newest BIGINT NOT NULL
);

INSERT INTO announced (epoch, newest) VALUES (substr(md5(random()::text || clock_timestamp()::text), 1, 16), 0);
