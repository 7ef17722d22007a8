//! The stores against what they really meet: servers, files, other processes.

#![cfg_attr(
    any(feature = "disk", feature = "redis"),
    expect(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

#[cfg(feature = "disk")]
mod disk;
#[cfg(all(
    feature = "disk",
    feature = "guarded",
    feature = "memory",
    feature = "tiered"
))]
mod levels;
#[cfg(feature = "redis")]
mod redis;
