-- How often the run was taken over from a holder that was gone, since it last got on; "attempt" counts these too.
ALTER TABLE runs ADD COLUMN takeovers BIGINT NOT NULL DEFAULT 0;
