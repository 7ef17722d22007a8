//! Leases on real servers.

use std::time::Duration;

use cache_backends::{Attempt, Lease, LeaseOptions, Leases, RedisDeployment, Standing};
use test_servers::{Cluster, Plan, Programs, until};

use super::{options, standalone};

const SHORT: LeaseOptions = LeaseOptions {
    ttl: Duration::from_millis(1500),
    timeout: Duration::from_millis(300),
};

/// Waits until it can be had; meanwhile it is held, or the servers are not reached yet.
async fn taken(leases: &Leases) -> Lease {
    until("the lease", async || match leases.attempt("work").await {
        Ok(Attempt::Taken(lease)) => Some(lease),
        Ok(Attempt::Held) | Err(_) => None,
    })
    .await
}

async fn held(leases: &Leases) {
    until("an answer", async || match leases.attempt("work").await {
        Ok(Attempt::Taken(lease)) => panic!("two holders: {lease:?}"),
        Ok(Attempt::Held) => Some(()),
        Err(_) => None,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_holder_at_a_time() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let one = Leases::on(form.clone(), LeaseOptions::default()).unwrap();
    let other = Leases::on(form, LeaseOptions::default()).unwrap();
    let lease = taken(&one).await;
    held(&other).await;
    held(&one).await;
    let number = lease.fencing();
    lease.release().await;
    let next = taken(&other).await;
    assert!(next.fencing() > number);
    drop(next);
    taken(&one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_renewed_and_lost_with_the_server() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let leases = Leases::on(form, SHORT).unwrap();
    let mut lease = taken(&leases).await;
    let number = lease.fencing();
    let name = server.ask(&["KEYS", "*:lease:{work}"]);
    // A key that lived only once would be gone by then.
    let renewed = "3 renewals";
    let mut last = i64::MAX;
    let mut renewals = 0;
    until(renewed, async || {
        let lives: i64 = server.ask(&["PTTL", &name]).parse().unwrap();
        assert!(lives > 0, "held throughout");
        renewals += i32::from(lives > last);
        last = lives;
        (renewals >= 3).then_some(())
    })
    .await;
    assert_eq!(lease.standing(), Standing::Held);

    server.kill();
    assert_eq!(lease.lost().await, Standing::Expired);
    assert_eq!(lease.standing(), Standing::Expired);
    // The server comes back with nothing in its memory, and still numbers onwards.
    server.start().await;
    assert!(taken(&leases).await.fencing() > number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_majority_of_independent_servers() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Plan::plain(&programs).start().await);
    }
    let forms: Vec<_> = servers.iter().map(standalone).collect();
    let one = Leases::on_majority_of(forms.clone(), SHORT).unwrap();
    let other = Leases::on_majority_of(forms, SHORT).unwrap();
    let lease = taken(&one).await;
    held(&other).await;
    servers[0].kill();
    held(&other).await;
    assert_eq!(lease.standing(), Standing::Held);
    let number = lease.fencing();
    lease.release().await;
    let mut lease = taken(&other).await;
    assert!(lease.fencing() > number);
    servers[1].freeze();
    assert_eq!(lease.lost().await, Standing::Expired);
    assert!(one.attempt("work").await.is_err(), "nobody can know");
    servers[1].thaw();
    taken(&one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_cluster() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    let form = options(RedisDeployment::Cluster {
        seeds: super::forms::nodes(&cluster),
    });
    let leases = Leases::on(form, LeaseOptions::default()).unwrap();
    let lease = taken(&leases).await;
    held(&leases).await;
    lease.release().await;
    taken(&leases).await;
}
