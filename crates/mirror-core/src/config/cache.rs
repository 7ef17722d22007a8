//! Where entries live, and how much they may take.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::settings::at_least_one;

use super::ConfigProblem;

/// The section `cache`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    #[serde(rename = "type")]
    pub kind: CacheKind,
    pub max_bytes: u64,
    pub memory_compression: MemoryCompression,
    pub max_cacheable_body_bytes: usize,
    pub max_recording_bytes: usize,
    pub disk_path: Option<PathBuf>,
    pub disk_max_bytes: u64,
}

/// Where entries live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    InMemory,
    Redis,
    Disk,
    Tiered,
}

/// What bodies in this process's memory are compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryCompression {
    None,
    Zstd,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            kind: CacheKind::InMemory,
            max_bytes: 256 << 20,
            memory_compression: MemoryCompression::None,
            max_cacheable_body_bytes: 8 << 20,
            max_recording_bytes: 256 << 20,
            disk_path: None,
            disk_max_bytes: 4 << 30,
        }
    }
}

impl CacheConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        if self.kind == CacheKind::Disk && self.disk_path.is_none() {
            let problem = "needed with cache.type disk";
            return Err(ConfigProblem::new("cache.disk_path", problem));
        }
        at_least_one(&[
            ("cache.max_bytes", self.max_bytes),
            ("cache.disk_max_bytes", self.disk_max_bytes),
            (
                "cache.max_cacheable_body_bytes",
                self.max_cacheable_body_bytes as u64,
            ),
            ("cache.max_recording_bytes", self.max_recording_bytes as u64),
        ])
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "cache.type",
        "in-memory, redis, disk, tiered",
        "Where entries live: in this process; in Redis, shared by all mirrors that use it, with this process's memory while Redis is away; on disk, so that a restart keeps them; memory over Redis (over the disk where `cache.disk_path` is set), for the lowest latency.",
    ),
    KeyDoc::new(
        "cache.disk_path",
        "path",
        "The file for `cache.type` disk, and for tiered without Redis.",
    ),
    KeyDoc::new(
        "cache.disk_max_bytes",
        "bytes",
        "What entries on disk together may take. Beyond it the oldest are evicted.",
    ),
    KeyDoc::new(
        "cache.max_bytes",
        "bytes",
        "What all entries together may take. Beyond it what was used longest ago is evicted.",
    ),
    KeyDoc::new(
        "cache.memory_compression",
        "none, zstd",
        "What bodies in this process's memory are compressed with: several times as many fit into `cache.max_bytes`, for 4 microseconds of processor time for each KiB that is stored, and 1 for each that is sent. Redis and disk always compress.",
    ),
    KeyDoc::new(
        "cache.max_recording_bytes",
        "bytes",
        "What bodies that are being received may take together, until they are stored. Beyond it answers stream through without being stored.",
    ),
    KeyDoc::new(
        "cache.max_cacheable_body_bytes",
        "bytes",
        "Bodies up to this size are stored. Larger ones stream through in flat memory.",
    ),
];
