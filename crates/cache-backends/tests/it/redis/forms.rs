//! Every form in which Redis is run passes the suite, and carries values from one process to another.

use std::path::Path;

use cache_backends::conformance::{self, Sample, key};
use cache_backends::{
    CacheStore, Endpoint, RedisDeployment, RedisOptions, RedisTls, Secret, Sentinel, TlsIdentity,
};

use test_servers::{Cluster, Plan, Programs, Sentinels, Server, until};

use super::{at, connected, namespace, nobody, options, standalone};

/// The suite, and then what it cannot see: that the values were in Redis and not only in the queue.
async fn check(form: &RedisOptions) {
    conformance::run(|| async {
        let mut options = form.clone();
        options.namespace = namespace();
        connected(&options).await
    })
    .await;

    let (one, other) = (connected(form).await, connected(form).await);
    for number in 0..50 {
        one.merge(&key(number), Sample::new(number, 2000))
            .await
            .unwrap();
    }
    one.flush().await;
    let stats = one.stats();
    assert_eq!(
        (stats.writes_done, stats.writes_dropped),
        (50, 0),
        "{stats:?}"
    );
    for number in 0..50 {
        until("the other one to find it", async || {
            let found = other.load(&key(number)).await.unwrap();
            (found == Some(Sample::new(number, 2000))).then_some(())
        })
        .await;
    }
    // The user of a server with access control may do this too.
    until("the expiries to be looked at", async || {
        (other.stats().expiries_checked == 50).then_some(())
    })
    .await;
    assert_eq!(other.stats().expiry_errors, 0);
    one.remove(&key(1)).await.unwrap();
    one.flush().await;
    until("the other one to miss it", async || {
        other.load(&key(1)).await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn standalone_with_database_and_namespace() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        database: 3,
        ..standalone(&server)
    };
    check(&form).await;
    let keyspace = server.ask(&["INFO", "keyspace"]);
    assert!(
        keyspace.contains("db3:") && !keyspace.contains("db0:"),
        "{keyspace}"
    );
    let name = server.ask(&["-n", "3", "RANDOMKEY"]);
    let (prefix, digest) = name.split_once(':').unwrap();
    assert!(prefix.starts_with("test-") && digest.len() == 64, "{name}");
    let lives: i64 = server.ask(&["-n", "3", "TTL", &name]).parse().unwrap();
    let week = 7 * 24 * 3600;
    assert!(lives > week * 9 / 10 - 60 && lives <= week, "{lives}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_password() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs)
        .with(&["--requirepass", "open sesame"])
        .cli(&["-a", "open sesame"])
        .start()
        .await;
    let form = RedisOptions {
        password: Some(Secret::new("open sesame")),
        ..standalone(&server)
    };
    check(&form).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_an_acl_user_who_may_do_no_more_than_documented() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let rules = [
        "ACL",
        "SETUSER",
        "mirror",
        "on",
        ">s3cret",
        "~test-*",
        "+get",
        "+set",
        "+getrange",
        "+unlink",
        "+eval",
        "+evalsha",
        "+ping",
        "+info",
        "+dbsize",
        "+client|id",
        "+pttl",
        "+pexpire",
    ];
    assert_eq!(server.ask(&rules), "OK");
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "off"]), "OK");
    let form = RedisOptions {
        username: Some("mirror".to_owned()),
        password: Some(Secret::new("s3cret")),
        ..standalone(&server)
    };
    check(&form).await;
}

struct Certificates {
    authority: String,
    server: (String, String),
    client: (String, String),
}

fn certificates() -> Certificates {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    // OpenSSL takes a certificate that is named like its issuer for one that signed itself.
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "an authority for tests");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(authority, authority_key).unwrap();
    let signed = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    Certificates {
        server: signed(&["localhost", "127.0.0.1"]),
        client: signed(&["mirror"]),
        authority: authority.pem(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_tls_with_its_own_authority_and_a_client_certificate() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let made = certificates();
    let plan = Plan::plain(&programs);
    let (plan, authority) = plan.file("authority.pem", &made.authority);
    let (plan, certificate) = plan.file("server.pem", &made.server.0);
    let (plan, server_key) = plan.file("server.key", &made.server.1);
    let (plan, client) = plan.file("client.pem", &made.client.0);
    let (plan, client_key) = plan.file("client.key", &made.client.1);
    let port = plan.port().to_string();
    let server = plan
        .with(&["--port", "0", "--tls-port", &port])
        .with(&["--tls-ca-cert-file", text(&authority)])
        .with(&["--tls-cert-file", text(&certificate)])
        .with(&["--tls-key-file", text(&server_key)])
        .cli(&["--tls", "--cacert", text(&authority)])
        .cli(&["--cert", text(&client), "--key", text(&client_key)])
        .start()
        .await;
    let tls = RedisTls {
        authorities_pem: Some(made.authority.clone().into_bytes()),
        identity: Some(TlsIdentity {
            certificates_pem: made.client.0.into_bytes(),
            key_pem: Secret::new(made.client.1),
        }),
        ..RedisTls::default()
    };
    let form = RedisOptions {
        tls: Some(tls.clone()),
        deployment: RedisDeployment::Standalone {
            primary: Endpoint::new("localhost", server.port()),
            reader: None,
        },
        ..standalone(&server)
    };
    check(&form).await;

    // Without the client certificate, and without the authority, nobody gets in.
    for tls in [
        RedisTls {
            identity: None,
            ..tls.clone()
        },
        RedisTls {
            authorities_pem: None,
            ..tls
        },
    ] {
        let store = super::Store::new(RedisOptions {
            tls: Some(tls),
            ..form.clone()
        })
        .unwrap();
        until("the refusal", async || {
            (store.stats().connection_errors > 0).then_some(())
        })
        .await;
        assert!(store.load(&key(1)).await.unwrap_err().is_unavailable());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_replica_as_reader() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let primary = Plan::plain(&programs).start().await;
    let replica = Plan::replica_of(&programs, &primary).start().await;
    until("the replica to follow", async || {
        let status = replica.info("replication", "master_link_status");
        (status.as_deref() == Some("up")).then_some(())
    })
    .await;
    let form = options(RedisDeployment::Standalone {
        primary: at(primary.port()),
        reader: Some(at(replica.port())),
    });
    check(&form).await;
    let reads = |server: &Server| server.ask(&["INFO", "commandstats"]);
    assert!(reads(&replica).contains("cmdstat_get:"), "the reader reads");
    assert!(
        !reads(&replica).contains("evalsha"),
        "and nobody writes there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_is_away_is_no_reason_to_miss() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let primary = Plan::plain(&programs).start().await;
    let form = options(RedisDeployment::Standalone {
        primary: at(primary.port()),
        reader: Some(nobody()),
    });
    check(&form).await;
}

pub(super) fn behind(sentinels: &Sentinels) -> RedisOptions {
    options(RedisDeployment::Sentinel(Sentinel {
        service: sentinels.service().to_owned(),
        nodes: sentinels.ports().into_iter().map(at).collect(),
        username: None,
        password: None,
    }))
}

pub(super) fn nodes(cluster: &Cluster) -> Vec<Endpoint> {
    cluster.nodes.iter().map(|node| at(node.port())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_sentinel() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let sentinels = Sentinels::start(&programs).await;
    check(&behind(&sentinels)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_a_cluster() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    let form = options(RedisDeployment::Cluster {
        seeds: nodes(&cluster),
    });
    check(&form).await;
    for node in &cluster.nodes {
        let keys: u64 = node.ask(&["DBSIZE"]).parse().unwrap();
        assert!(keys > 0, "every node holds some");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valkey_alone() {
    let Some(programs) = Programs::valkey() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    assert!(server.info("server", "valkey_version").is_some());
    check(&standalone(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valkey_behind_sentinel() {
    let Some(programs) = Programs::valkey() else {
        return;
    };
    let sentinels = Sentinels::start(&programs).await;
    check(&behind(&sentinels)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valkey_as_a_cluster() {
    let Some(programs) = Programs::valkey() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    check(&options(RedisDeployment::Cluster {
        seeds: nodes(&cluster),
    }))
    .await;
}
