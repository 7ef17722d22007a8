//! A file that fails under the store: nothing hangs, nothing is lost that was durable, it comes back by itself.

use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use super::*;
use crate::conformance::{Sample, key};

/// The disk under the file, which fails when told to.
#[derive(Debug)]
struct Sick {
    file: FileBackend,
    is_sick: Arc<AtomicBool>,
}

impl Sick {
    fn healthy(&self) -> io::Result<()> {
        if self.is_sick.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Sick {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.healthy()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> Result<(), io::Error> {
        self.healthy()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.healthy()?;
        self.file.write(offset, data)
    }
}

fn on_a_sick_disk(directory: &tempfile::TempDir) -> (DiskStore<Sample>, Arc<AtomicBool>) {
    let is_sick = Arc::new(AtomicBool::new(false));
    let path = directory.path().join("cache.redb");
    let sick = Arc::clone(&is_sick);
    let refused = {
        let path = path.clone();
        move |error: &dyn ToString| DiskError::Io {
            path: path.clone(),
            source: io::Error::other(error.to_string()),
        }
    };
    let file_path = path.clone();
    let open = move |_start| {
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file_path)
            .map_err(|error| refused(&error))?;
        let backend = Sick {
            file: FileBackend::new(file).map_err(|error| refused(&error))?,
            is_sick: Arc::clone(&sick),
        };
        let database = Database::builder()
            .create_with_backend(backend)
            .map_err(|error| refused(&error))?;
        engine::prepare(&database).map_err(|error| refused(&error))?;
        Ok((database, Opened::Existing))
    };
    let options = DiskOptions::new(path);
    let limits = Limits::of(&options);
    let (store, _) = DiskStore::start(options, limits, Box::new(open)).unwrap();
    (store, is_sick)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_writes_and_the_store_comes_back_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (store, is_sick) = on_a_sick_disk(&directory);
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.flush().await.unwrap();

    is_sick.store(true, Ordering::SeqCst);
    let error = store.flush().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    // Closed by now, and not to be opened: every operation fails, none hangs.
    for _ in 0..3 {
        let error = store.merge(&key(2), Sample::new(2, 10)).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert!(store.load(&key(1)).await.is_err());
        assert!(store.remove(&key(1)).await.is_err());
    }

    is_sick.store(false, Ordering::SeqCst);
    // The store tries again within a second or two, without being asked.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let found = loop {
        match store.load(&key(1)).await {
            Ok(found) => break found,
            Err(_) => assert!(tokio::time::Instant::now() < deadline, "never came back"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(found, Some(Sample::new(1, 10)), "what was durable is there");
    store.merge(&key(2), Sample::new(3, 10)).await.unwrap();
    assert_eq!(
        store.load(&key(2)).await.unwrap().unwrap().newest(),
        3,
        "and it works as before"
    );
    let stats = store.stats();
    assert!(stats.reopened > 0 && stats.failed_batches > 0, "{stats:?}");
}

#[derive(Clone, Debug)]
struct Panicky(u8);

impl crate::CacheValue for Panicky {
    fn weight_bytes(&self) -> usize {
        1
    }
    fn merge(_: &Self, arriving: Self) -> Self {
        assert_ne!(arriving.0, 13, "the value type has a bug");
        arriving
    }
}

impl Persist for Panicky {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        assert_ne!(bytes, [7], "the value type has another bug");
        Some(Self(*bytes.first()?))
    }
}

#[tokio::test]
async fn a_value_that_panics_costs_nobody_else_anything() {
    let directory = tempfile::tempdir().unwrap();
    let options = DiskOptions::new(directory.path().join("cache.redb"));
    let (store, _) = DiskStore::<Panicky>::open(options).unwrap();
    store.merge(&key(1), Panicky(1)).await.unwrap();
    let error = store.merge(&key(1), Panicky(13)).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(store.load(&key(1)).await.unwrap().unwrap().0, 1);
    store.merge(&key(2), Panicky(7)).await.unwrap();
    assert!(store.load(&key(2)).await.unwrap().is_none(), "a miss");
    assert_eq!(store.stats().files_set_aside, 0);
    assert_eq!(store.stats().failed_batches, 0);
}

#[tokio::test]
async fn many_readers_who_find_the_same_damage_cost_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let options = DiskOptions::new(directory.path().join("cache.redb"));
    let (store, _) = DiskStore::<Sample>::open(options).unwrap();
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    for _ in 0..20 {
        store.0.send(Command::Replace { generation: 0 });
        // A batch of its own for each.
        store.merge(&key(2), Sample::new(2, 10)).await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.files_set_aside, stats.reopened), (1, 1));
    assert_eq!(store.load(&key(1)).await.unwrap(), None, "in the old file");
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 2);
}
