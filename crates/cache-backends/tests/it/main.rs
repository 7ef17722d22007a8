//! The stores against what they really meet: servers, files, other processes.

#[cfg(feature = "disk")]
mod disk;
#[cfg(feature = "redis")]
mod redis;
