//! The Redis store against real servers.

mod faults;
mod forms;
mod leases;
mod shared;
mod sharing;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_backends::conformance::Sample;
use cache_backends::{Endpoint, RedisConnection, RedisDeployment, RedisOptions, RedisStore};
use test_servers::{Server, free_port, until};

pub(crate) type Store = RedisStore<Sample>;

/// Options for a server of this machine, with a read timeout that a busy test machine keeps.
fn options(deployment: RedisDeployment) -> RedisOptions {
    RedisOptions {
        deployment,
        namespace: namespace(),
        read_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        ..RedisOptions::default()
    }
}

fn standalone(server: &Server) -> RedisOptions {
    options(RedisDeployment::Standalone {
        primary: at(server.port()),
        reader: None,
    })
}

/// One that no other test uses.
fn namespace() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A store that is connected.
async fn connected(options: &RedisOptions) -> Store {
    let store = Store::new(options.clone()).unwrap();
    until("a connection", async || {
        (store.connection() == RedisConnection::Up).then_some(())
    })
    .await;
    store
}

/// A port of this machine.
fn at(port: u16) -> Endpoint {
    Endpoint::new("127.0.0.1", port)
}

/// A port where nobody listens.
fn nobody() -> Endpoint {
    at(free_port())
}
