//! The graph of GitHub developers and repositories, grown within the quota.

#[expect(dead_code, reason = "the tasks that crawl use it")]
mod crawl;
