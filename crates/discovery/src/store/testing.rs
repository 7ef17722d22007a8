//! Databases that end with the test.

use super::Store;

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
