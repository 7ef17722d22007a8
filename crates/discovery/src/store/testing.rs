//! Databases that end with the test.

use super::{Statement, Store};

pub(crate) struct Rig {
    pub(crate) store: Store,
    _directory: Option<tempfile::TempDir>,
    _server: Option<test_servers::Postgres>,
}

pub(crate) async fn sqlite() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("discovery.db");
    let url = format!("sqlite://{}", path.display());
    Rig {
        store: Store::open(&url, 4).await.unwrap(),
        _directory: Some(directory),
        _server: None,
    }
}

pub(crate) async fn postgres() -> Rig {
    let server = test_servers::Postgres::start().await;
    Rig {
        store: Store::open(&server.database("discovery"), 4).await.unwrap(),
        _directory: None,
        _server: Some(server),
    }
}

/// The ages that are kept are those that a count finds.
pub(crate) async fn assert_exact_ages(store: &Store) {
    for list in ["developers", "repositories"] {
        let read = async |sql: String| -> Vec<(i64, i64)> {
            let rows = store.database.all(Statement::new(sql)).await.unwrap();
            rows.iter()
                .map(|row| {
                    (
                        row.integer("bucket").unwrap(),
                        row.integer("items").unwrap(),
                    )
                })
                .collect()
        };
        let kept = read(format!(
            "SELECT bucket, items FROM ages WHERE list = '{list}' AND items <> 0 ORDER BY bucket"
        ));
        let counted = read(format!(
            "SELECT COALESCE(created_at >> 31, -4294967297) AS bucket, count(*) AS items FROM {list} \
             GROUP BY 1 ORDER BY 1"
        ));
        assert_eq!(kept.await, counted.await, "{list}");
    }
}
