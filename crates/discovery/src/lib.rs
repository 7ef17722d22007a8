//! The graph of GitHub developers and repositories, grown within the quota.
