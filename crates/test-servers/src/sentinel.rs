//! A primary, a replica, and the sentinels that watch them.

use crate::{Plan, Programs, Server, until};

/// How the sentinels call the primary.
const SERVICE: &str = "mymaster";

/// A primary with one replica, and three sentinels of which two decide on a failover.
#[derive(Debug)]
pub struct Sentinels {
    /// The primary, until it is killed.
    pub primary: Server,
    /// What takes over.
    pub replica: Server,
    sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts all of them, and waits until they know each other.
    pub async fn start(programs: &Programs) -> Self {
        let primary = Plan::plain(programs).start().await;
        let replica = Plan::replica_of(programs, &primary).start().await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(sentinel(programs, primary.port()).start().await);
        }
        until("the sentinels to know each other", async || {
            let all = sentinels.iter().all(|sentinel| {
                let state = sentinel.ask(&["SENTINEL", "MASTER", SERVICE]);
                let value = |name| state.lines().skip_while(move |line| *line != name).nth(1);
                value("num-other-sentinels") == Some("2") && value("num-slaves") == Some("1")
            });
            all.then_some(())
        })
        .await;
        Self {
            primary,
            replica,
            sentinels,
        }
    }

    /// How the sentinels call the primary.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// Ports of the sentinels.
    pub fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(Server::port).collect()
    }
}

fn sentinel(programs: &Programs, primary: u16) -> Plan {
    let plan = Plan::bare(programs);
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {folder}\n\
         sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {SERVICE} 500\n\
         sentinel failover-timeout {SERVICE} 3000\n",
        port = plan.port,
        folder = plan.folder.path().display(),
    );
    let (plan, configuration) = plan.file("sentinel.conf", &text);
    plan.with_path(&configuration.into_os_string())
        .with(&["--sentinel"])
}
