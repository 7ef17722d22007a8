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
        Self::with(programs, None).await
    }

    /// The same with sentinels that only this user may ask. The servers themselves are open.
    pub async fn guarded(programs: &Programs, user: &str, password: &str) -> Self {
        Self::with(programs, Some((user, password))).await
    }

    async fn with(programs: &Programs, guard: Option<(&str, &str)>) -> Self {
        let primary = Plan::plain(programs).start().await;
        let replica = Plan::replica_of(programs, &primary).start().await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(sentinel(programs, primary.port(), guard).start().await);
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

fn sentinel(programs: &Programs, primary: u16, guard: Option<(&str, &str)>) -> Plan {
    let plan = Plan::bare(programs);
    let mut text = format!(
        "port {port}\nbind 127.0.0.1\ndir {folder}\n\
         sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {SERVICE} 500\n\
         sentinel failover-timeout {SERVICE} 3000\n",
        port = plan.port,
        folder = plan.folder.path().display(),
    );
    if let Some((user, password)) = guard {
        // Sentinels ask each other as well.
        text.push_str(&format!(
            "user default off\nuser {user} on >{password} ~* &* +@all\n\
             sentinel sentinel-user {user}\nsentinel sentinel-pass {password}\n"
        ));
    }
    let (plan, configuration) = plan.file("sentinel.conf", &text);
    let plan = match guard {
        Some((user, password)) => plan.cli(&["--user", user, "--pass", password]),
        None => plan,
    };
    plan.with_path(&configuration.into_os_string())
        .with(&["--sentinel"])
}
