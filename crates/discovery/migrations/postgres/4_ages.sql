-- How many rows of each list were created in each span of 2^31 milliseconds, exactly, so that no page in the middle of
-- a list is found by counting. What has no such time is in the smallest bucket.
CREATE TABLE ages (
    list   TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    items  BIGINT NOT NULL,
    PRIMARY KEY (list, bucket)
);
INSERT INTO ages (list, bucket, items)
SELECT 'developers', COALESCE(created_at >> 31, -4294967297), count(*) FROM developers GROUP BY 2;
INSERT INTO ages (list, bucket, items)
SELECT 'repositories', COALESCE(created_at >> 31, -4294967297), count(*) FROM repositories GROUP BY 2;
