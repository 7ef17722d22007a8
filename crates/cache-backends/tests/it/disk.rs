//! The disk store on real files: restarts, kills, damage, bounds.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cache_backends::conformance::{self, Sample, key};
use cache_backends::{
    CacheStore, CacheValue, Dictionary, DiskError, DiskOptions, DiskStore, Opened, Persist,
    Unusable, Written,
};
use tempfile::TempDir;

/// A value that cannot be compressed and that shows by itself whether it is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Noise(Arc<[u8]>);

impl Noise {
    fn new(number: u64, length: usize) -> Self {
        let mut bytes = number.to_le_bytes().to_vec();
        let mut state = number;
        while bytes.len() < length {
            state = step(state);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        Self(bytes.into())
    }

    fn number(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().unwrap())
    }

    fn is_whole(&self) -> bool {
        *self == Self::new(self.number(), self.0.len())
    }
}

fn step(state: u64) -> u64 {
    let state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    state ^ (state >> 29)
}

impl CacheValue for Noise {
    fn weight_bytes(&self) -> usize {
        self.0.len()
    }
    fn merge(stored: &Self, arriving: Self) -> Self {
        if stored.number() > arriving.number() {
            stored.clone()
        } else {
            arriving
        }
    }
}

impl Persist for Noise {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    /// Takes any bytes: the tests look at what comes out, see [`Noise::is_whole`].
    fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= 8).then(|| Self(bytes.into()))
    }
}

fn options(directory: &Path) -> DiskOptions {
    DiskOptions::new(directory.join("cache.redb"))
}

fn open<V: Persist>(directory: &Path) -> (DiskStore<V>, Opened) {
    DiskStore::open(options(directory)).expect("opens")
}

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passes_the_conformance_suite() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    conformance::run(|| {
        number += 1;
        let (store, opened) = open(&directory.path().join(number.to_string()));
        assert_eq!(opened, Opened::Created);
        async { store }
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_everything_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..3_u64 {
        let (store, opened) = open::<Noise>(directory.path());
        let expected = if run == 0 {
            Opened::Created
        } else {
            Opened::Existing
        };
        assert_eq!(opened, expected);
        assert_eq!(store.usage().entries, run * 100);
        for number in 0..run * 100 {
            let found = store.load(&key(number)).await.unwrap();
            assert_eq!(found, Some(Noise::new(number, 700)), "run {run}, {number}");
        }
        for number in run * 100..run * 100 + 100 {
            let written = store.merge(&key(number), Noise::new(number, 700)).await;
            assert_eq!(written.unwrap(), Written::Stored);
        }
        // Not flushed: dropping the last clone writes the rest.
        drop(store);
        assert_eq!(files(directory.path()), ["cache.redb"]);
    }
}

#[tokio::test]
async fn writes_become_durable_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.commit_interval = Duration::from_millis(5);
    let (store, _) = DiskStore::open(options).unwrap();
    let before = store.stats().commits;
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    let commit = async {
        while store.stats().commits == before {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, commit).await.unwrap();
}

#[tokio::test]
async fn values_beyond_their_bound_are_not_kept_and_take_the_old_one_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.max_bytes = 4 << 20;
    options.max_entry_bytes = 1 << 20;
    let (store, _) = DiskStore::open(options).unwrap();
    for too_large in [900 << 10, 2 << 20] {
        let written = store.merge(&key(1), Noise::new(1, 1000)).await.unwrap();
        assert_eq!(written, Written::Stored);
        let written = store.merge(&key(1), Noise::new(2, too_large)).await;
        assert_eq!(written.unwrap(), Written::TooLarge);
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
    }
}

#[cfg(unix)]
fn occupied(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(path).unwrap()) * 512
}

/// Writes twice what fits, and looks at what the file occupies all along.
#[cfg(unix)]
#[track_caller]
fn check_stays_within(max_bytes: u64, lengths: &[usize]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.max_bytes = max_bytes;
    let path = options.path.clone();
    let (store, _) = DiskStore::open(options).unwrap();
    let (mut written, mut most, mut state, mut number) = (0, 0, 7_u64, 0_u64);
    runtime.block_on(async {
        while written < max_bytes * 2 {
            let mut batch = tokio::task::JoinSet::new();
            for _ in 0..200 {
                state = step(state);
                let length = lengths[(state >> 33) as usize % lengths.len()];
                written += length as u64;
                // One in four replaces an earlier one.
                number += u64::from(!state.is_multiple_of(4));
                let (store, number) = (store.clone(), number - (state >> 40) % (number / 3 + 1));
                batch.spawn(async move {
                    let value = Noise::new(number, length);
                    store.merge(&key(number), value).await.unwrap();
                });
            }
            batch.join_all().await;
            most = most.max(occupied(&path));
        }
        store.flush().await.unwrap();
    });
    most = most.max(occupied(&path));
    let usage = store.usage();
    assert!(
        most <= max_bytes,
        "{lengths:?}: {most} bytes of {max_bytes}"
    );
    assert!(usage.bytes > max_bytes / 2, "{lengths:?}: {usage:?}");
    assert!(store.stats().evicted > 0);
}

#[cfg(unix)]
#[test]
fn the_file_stays_within_its_bytes() {
    check_stays_within(16 << 20, &[300, 700, 1500]);
    check_stays_within(16 << 20, &[2_000, 3_000, 9_000]);
    check_stays_within(16 << 20, &[300, 5_000, 40_000, 300_000]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_lower_bound_makes_the_file_smaller_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.max_bytes = 64 << 20;
    let (store, _) = DiskStore::open(options.clone()).unwrap();
    for number in 0..3_000 {
        let value = Noise::new(number, 10_000);
        store.merge(&key(number), value).await.unwrap();
    }
    drop(store);
    let before = occupied(&options.path);
    options.max_bytes = 8 << 20;
    let (store, opened) = DiskStore::<Noise>::open(options.clone()).unwrap();
    assert_eq!(opened, Opened::Existing);
    let after = occupied(&options.path);
    assert!(before > 30 << 20 && after <= 8 << 20, "{before}, {after}");
    assert!(store.usage().entries > 100);
    let found = store.load(&key(2_999)).await.unwrap();
    assert_eq!(found, Some(Noise::new(2_999, 10_000)), "the newest is kept");
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open::<Sample>(directory.path());
    let error = DiskStore::<Sample>::open(options(directory.path())).unwrap_err();
    assert!(matches!(error, DiskError::InUse { .. }));
    let path = directory.path().join("cache.redb");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    drop(store);
    open::<Sample>(directory.path());
}

#[test]
fn what_no_file_can_be_made_of_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "in the way").unwrap();
    for path in ["file/cache.redb", "."] {
        let path = directory.path().join(path);
        let error = DiskStore::<Sample>::open(DiskOptions::new(&path)).unwrap_err();
        assert!(matches!(error, DiskError::Io { .. }));
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_moved_aside_and_the_last_two_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache.redb");
    for number in 1..5 {
        std::fs::write(&path, format!("this is no database, {number}")).unwrap();
        let (store, opened) = open::<Sample>(directory.path());
        let moved_to = directory
            .path()
            .join(format!("cache.redb.corrupt-{number}"));
        let reason = Unusable::Damaged;
        let expected = Opened::SetAside {
            moved_to: moved_to.clone(),
            reason,
        };
        assert_eq!(opened, expected);
        assert_eq!(store.stats().files_set_aside, 1);
        let kept = std::fs::read_to_string(moved_to).unwrap();
        assert_eq!(kept, format!("this is no database, {number}"));
        store.merge(&key(1), Sample::new(1, 1)).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_some());
    }
    let names = ["cache.redb", "cache.redb.corrupt-3", "cache.redb.corrupt-4"];
    assert_eq!(files(directory.path()), names);
}

/// A file of 200 values, and its bytes.
async fn a_file() -> (TempDir, PathBuf, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open::<Noise>(directory.path());
    for number in 0..200 {
        let value = Noise::new(number, 300 + number as usize * 20);
        store.merge(&key(number), value).await.unwrap();
    }
    drop(store);
    let path = directory.path().join("cache.redb");
    let bytes = std::fs::read(&path).unwrap();
    (directory, path, bytes)
}

/// Opens whatever is there, uses it, and never gets a damaged value.
async fn use_what_is_there(directory: &Path) -> usize {
    let (store, _) = open::<Noise>(directory);
    let mut found = 0;
    for number in 0..200 {
        if let Ok(Some(value)) = store.load(&key(number)).await {
            assert!(value.number() == number && value.is_whole(), "{number}");
            found += 1;
        }
    }
    for number in 0..20 {
        let _ = store.merge(&key(number), Noise::new(number, 900)).await;
    }
    drop(store);
    // Whatever happened: the next start is a start.
    let (store, _) = open::<Noise>(directory);
    let merged = store.merge(&key(1), Noise::new(1, 500)).await;
    assert_eq!(merged.unwrap(), Written::Stored);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_never_prevents_a_start_nor_gives_a_damaged_value() {
    let (_directory, _, bytes) = a_file().await;
    let mut state = 11;
    let mut found = 0;
    for round in 0..60 {
        let directory = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        match round % 3 {
            0 => {
                for _ in 0..20 {
                    state = step(state);
                    let at = (state >> 20) as usize % damaged.len();
                    damaged[at] ^= 1 << (state % 8);
                }
            }
            1 => {
                state = step(state);
                damaged.truncate((state >> 20) as usize % bytes.len());
            }
            _ => {
                state = step(state);
                let page = (state >> 20) as usize % (damaged.len() / 4096) * 4096;
                damaged[page..page + 4096].fill(0);
            }
        }
        std::fs::write(directory.path().join("cache.redb"), damaged).unwrap();
        found += use_what_is_there(directory.path()).await;
    }
    assert!(
        found > 1_000,
        "a little damage does not cost everything: {found}"
    );
}

#[tokio::test]
async fn a_damaged_value_is_reported_once_and_thrown_away() {
    let (directory, path, mut bytes) = a_file().await;
    let value = Noise::new(50, 300 + 50 * 20);
    let inside = &value.0[100..200];
    let mut places = bytes.windows(inside.len());
    let at = places
        .position(|window| window == inside)
        .expect("is in it");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let (store, opened) = open::<Noise>(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert!(store.load(&key(50)).await.unwrap_err().is_corrupt());
    assert_eq!(store.stats().damaged_values, 1);
    store.flush().await.unwrap();
    assert_eq!(store.load(&key(50)).await.unwrap(), None);
    assert!(store.load(&key(51)).await.unwrap().is_some());
}

/// Going back to a version without the dictionary and forth again costs misses, and nothing else.
#[tokio::test]
async fn a_value_whose_dictionary_is_not_known_is_a_miss_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let with = |number| {
        let dictionary = Dictionary::new(number, b"what values resemble").unwrap();
        DiskOptions {
            dictionaries: [dictionary].into_iter().collect(),
            ..options(directory.path())
        }
    };
    let value = Sample::new(7, 2000);
    let (store, _) = DiskStore::open(with(1)).unwrap();
    store.merge(&key(1), value.clone()).await.unwrap();
    drop(store);
    for unknowing in [options(directory.path()), with(2)] {
        let (store, _) = DiskStore::<Sample>::open(unknowing).unwrap();
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
        assert_eq!(store.stats().damaged_values, 0);
    }
    let (store, _) = DiskStore::open(with(1)).unwrap();
    assert_eq!(store.load(&key(1)).await.unwrap(), Some(value));
}

const KILLS: usize = 50;

/// Kills a process that writes, at random moments of its work, and looks at what it left.
#[test]
fn a_process_that_is_killed_leaves_a_clean_file() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut state = 3;
    let mut kept = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["disk::child_that_is_killed", "--exact"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD_PATH, directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        state = step(state);
        let lines = 1 + (state >> 33) as usize % 400;
        let mut durable = 0;
        for line in BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.contains(' '))
            .take(lines)
        {
            if let Some(number) = line.strip_prefix("durable ") {
                durable = number.parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let (store, opened) = open::<Noise>(directory.path());
        assert!(
            matches!(opened, Opened::Existing | Opened::Created),
            "kill {kill}: {opened:?}"
        );
        assert_eq!(files(directory.path()), ["cache.redb"], "kill {kill}");
        kept = runtime.block_on(async {
            let mut kept = 0;
            for number in 0..CHILD_KEYS {
                let loaded = store.load(&key(number)).await;
                let found = loaded.unwrap_or_else(|error| panic!("kill {kill}: {error}"));
                let is_whole = found.as_ref().is_none_or(Noise::is_whole);
                assert!(is_whole, "kill {kill}: value {number}");
                let version = found.map(|value| value.number());
                kept += usize::from(version.is_some());
                if number == 0 {
                    assert!(
                        version.unwrap_or(0) >= durable,
                        "kill {kill}: {version:?} {durable}"
                    );
                }
            }
            kept
        });
        assert_eq!(store.stats().damaged_values, 0);
    }
    assert!(kept > 100, "the child has written: {kept}");
}

const CHILD_KEYS: u64 = 500;

/// Where the process that is to be killed writes.
const CHILD_PATH: &str = "CACHE_BACKENDS_KILLED_CHILD_PATH";

/// Not a test of its own: the process that `a_process_that_is_killed_leaves_a_clean_file` starts, and kills.
#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD_PATH) else {
        return;
    };
    let mut options = options(Path::new(&path));
    // Small, so that it evicts as well; quick, so that kills fall into commits.
    options.max_bytes = 4 << 20;
    options.commit_interval = Duration::from_millis(1);
    let (store, _) = DiskStore::<Noise>::open(options).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let last = store.load(&key(0)).await.unwrap();
        let first = last.map_or(1, |last| last.number() + 1);
        for version in first.. {
            // Key 0 is always among the newest, so it is never evicted: it tells how far the child came.
            let value = Noise::new(version, 500);
            store.merge(&key(0), value).await.unwrap();
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..4 {
                let store = store.clone();
                let number = 1 + step(version * 4 + writer) % (CHILD_KEYS - 1);
                let length = 50 + (step(number + version) >> 40) as usize % 20_000;
                writers.spawn(async move {
                    let value = Noise::new(version, length);
                    store.merge(&key(number), value).await.unwrap();
                });
            }
            println!("version {version}");
            writers.join_all().await;
            if version.is_multiple_of(5) {
                store.flush().await.unwrap();
                println!("durable {version}");
            }
        }
    });
}
