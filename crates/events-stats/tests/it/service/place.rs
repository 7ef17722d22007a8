//! Where the services of a test keep what they have: in a file each, or in databases of one server.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use events_stats::Config;
use test_servers::Postgres;

use super::served::Served;

/// Makes each check a test over files, and all together one test over a server, so that a process starts only one.
macro_rules! over_both {
    ($($check:ident),+ $(,)?) => {
        mod over_files {
            use crate::service::place::Place;

            $(
                #[tokio::test]
                async fn $check() {
                    super::$check(&Place::Files).await;
                }
            )+
        }

        #[tokio::test]
        async fn all_over_a_server() {
            let place = crate::service::place::Place::server().await;
            $(
                // Names the check that fails.
                println!("{}", stringify!($check));
                Box::pin($check(&place)).await;
            )+
        }
    };
}

pub(crate) use over_both;

/// Where databases are made.
pub(crate) enum Place {
    Files,
    Server { server: Postgres, made: AtomicU32 },
}

impl Place {
    pub(crate) async fn server() -> Self {
        Self::Server {
            server: Postgres::start().await,
            made: AtomicU32::new(0),
        }
    }

    /// The address of a database that is empty.
    pub(crate) fn database(&self, folder: &Path) -> String {
        match self {
            Self::Files => folder.join("events.db").to_str().unwrap().to_owned(),
            Self::Server { server, made } => {
                let number = made.fetch_add(1, Ordering::Relaxed);
                server.database(&format!("events_{number}"))
            }
        }
    }

    /// A service over an empty database.
    pub(crate) async fn start(&self, change: impl FnOnce(&mut Config)) -> Served {
        Served::over(self, change).await
    }

    /// One that watches `octo/r`, which has events and has been polled.
    pub(crate) async fn with_events(&self, count: u32) -> Served {
        self.with(count, |_| {}).await
    }

    /// As [`with_events`](Self::with_events), with other settings.
    pub(crate) async fn with(&self, count: u32, settings: impl FnOnce(&mut Config)) -> Served {
        let served = self.start(settings).await;
        served.watch_with_events(count).await;
        served
    }
}
