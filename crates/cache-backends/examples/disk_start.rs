//! How fast a disk store starts, reads and writes with so many values: `cargo run --release --features disk --example
//! disk_start -- DIRECTORY [VALUES]`. Run it again on the same directory to see a start with the file there. Without
//! arguments it is a quick look.

use std::sync::Arc;
use std::time::Duration;

use cache_backends::{CacheStore, CacheValue, DiskOptions, DiskStore, Persist, StoreKey};
use tokio::time::Instant;

/// Bytes that look like a compressed answer: nothing can be saved on them.
#[derive(Clone)]
struct Answer(Arc<[u8]>);

impl CacheValue for Answer {
    fn weight_bytes(&self) -> usize {
        self.0.len()
    }
    fn merge(_: &Self, arriving: Self) -> Self {
        arriving
    }
}

impl Persist for Answer {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.into()))
    }
}

fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn key(number: u64) -> StoreKey {
    let mut digest = [0; 32];
    for (at, bytes) in (0_u64..).zip(digest.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&mix(number * 4 + at).to_le_bytes());
    }
    StoreKey::new(digest)
}

/// 300 to 1500 bytes.
fn answer(number: u64) -> Answer {
    let words = 38 + mix(number) % 150;
    let bytes = (0..words).flat_map(|at| mix(number ^ (at << 32)).to_le_bytes());
    Answer(bytes.collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    // Without a directory, a small run in one that is removed afterwards.
    let temporary = tempfile::tempdir()?;
    let (directory, default) = match arguments.next() {
        Some(directory) => (std::path::PathBuf::from(directory), 1_000_000),
        None => (temporary.path().to_owned(), 10_000),
    };
    let values: u64 = arguments.next().map_or(Ok(default), |text| text.parse())?;
    let mut options = DiskOptions::new(directory.join("cache.redb"));
    options.max_bytes = 8 << 30;

    let begun = Instant::now();
    let (store, opened) = DiskStore::<Answer>::open(options)?;
    println!("{opened:?} in {:?}: {:?}", begun.elapsed(), store.usage());

    let begun = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..64 {
        let store = store.clone();
        writers.spawn(async move {
            for number in (writer..values).step_by(64) {
                if store.merge(&key(number), answer(number)).await.is_err() {
                    return;
                }
            }
        });
    }
    writers.join_all().await;
    store.flush().await?;
    println!(
        "{values} merges in {:?}: {:?}",
        begun.elapsed(),
        store.usage()
    );

    let mut times = Vec::new();
    for number in 0..10_000 {
        let begun = Instant::now();
        let found = store.load(&key(mix(number) % values)).await?;
        times.push(begun.elapsed());
        assert!(found.is_some(), "everything fits");
    }
    times.sort();
    let percentile = |part: usize| times[times.len() * part / 100];
    println!(
        "10000 loads: median {:?}, p99 {:?}, all {:?}",
        percentile(50),
        percentile(99),
        times.iter().sum::<Duration>()
    );
    Ok(())
}
