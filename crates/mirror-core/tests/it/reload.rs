//! New settings for a running mirror, asked for over its administration.

use std::sync::{Arc, Mutex, OnceLock};

use http::Method;
use mirror_core::config::{CredentialConfig, CredentialKind};
use mirror_core::{Administration, Config};
use serde_json::json;
use service_runtime::logs::{self, Format, LogLevel, Logs};

use crate::rig::{Reply, Rig};

/// A process logs once.
fn log_level() -> LogLevel {
    static LOGS: OnceLock<Logs> = OnceLock::new();
    LOGS.get_or_init(|| logs::start(Format::Text, "off").unwrap())
        .level()
}

/// The settings of a rig, in place of the file that a program would read.
#[derive(Clone)]
struct Written(Arc<Mutex<Config>>);

impl Written {
    fn of(rig: &Rig) -> Self {
        let written = Self(Arc::new(Mutex::new(Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: rig.sim.url(),
            ..Config::default()
        })));
        let read = written.clone();
        let administration =
            Administration::new(log_level(), move || Ok(read.0.lock().unwrap().clone()));
        rig.mirror.administer(administration);
        written
    }

    fn change(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.0.lock().unwrap());
    }
}

async fn reload(rig: &Rig) -> Reply {
    rig.send(Method::POST, "/_mirror/reload", &[], "").await
}

async fn check_applied(rig: &Rig, applied: &[&str], needs_restart: &[&str]) {
    let reply = reload(rig).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let expected = json!({"applied": applied, "needs_restart": needs_restart});
    assert_eq!(reply.json(), expected);
}

fn token_of(file: &std::path::Path) -> CredentialConfig {
    CredentialConfig {
        kind: CredentialKind::Pat,
        name: Some("ci".to_owned()),
        token_file: Some(file.to_owned()),
        app_id: None,
        installation_id: None,
        private_key_file: None,
        reserve: 7,
    }
}

#[tokio::test]
async fn new_users_hold_at_once() {
    let rig = Rig::new().await;
    let written = Written::of(&rig);
    let (ann, ben) = (rig.user("ann"), rig.user("ben"));
    let statuses = async || {
        let replies = [
            rig.get("/user", &ann).await,
            rig.get("/user", &ben).await,
            rig.anonymous("/user").await,
        ];
        replies.map(|reply| reply.status.as_u16())
    };
    assert_eq!(statuses().await, [200, 200, 200], "open to everybody");
    check_applied(&rig, &[], &[]).await;
    written.change(|config| {
        config.users.allowed = Some(vec!["Ann".to_owned()]);
        config.drain_seconds = 5;
    });
    check_applied(&rig, &["users.allowed"], &["drain_seconds"]).await;
    assert_eq!(statuses().await, [200, 403, 401]);
    written.change(|config| config.users.allowed = Some(vec!["ben".to_owned()]));
    check_applied(&rig, &["users.allowed"], &["drain_seconds"]).await;
    assert_eq!(statuses().await, [403, 200, 401]);
    // What is wrong changes nothing.
    written.change(|config| {
        config.users.allowed = Some(vec!["ann".to_owned()]);
        config.limits.max_connections = 0;
    });
    let refused = reload(&rig).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("limits.max_connections"), "{message}");
    assert_eq!(statuses().await, [403, 200, 401]);
}

#[tokio::test]
async fn new_credentials_hold_at_once_and_show() {
    let rig = Rig::new().await;
    let written = Written::of(&rig);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (first, second) = (rig.user("first"), rig.user("second"));
    let login = async || rig.anonymous("/user").await.json()["login"].clone();
    assert_eq!(login().await, json!(null));

    std::fs::write(&file, format!("{first}\n")).unwrap();
    written.change(|config| config.credentials = vec![token_of(&file)]);
    check_applied(&rig, &["credentials"], &[]).await;
    assert_eq!(login().await, "first");
    let status = rig.anonymous("/_mirror/status").await.json();
    let pooled = &status["quota"]["credentials"][0];
    let expected = json!({
        "name": "ci", "kind": "pat", "reserve": 7,
        "token_expires_at": null, "rests_until": null, "rests_seconds": null,
    });
    assert_eq!(pooled["pool"], expected, "{status:#}");
    assert_eq!(pooled["buckets"][0]["charged"], json!(1), "{status:#}");
    let page = rig.anonymous("/_mirror/").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("<b>ci</b>"), "{page}");
    assert!(!page.contains(&first) && !status.to_string().contains(&first));

    // The same file with another token in it.
    std::fs::write(&file, format!("{second}\n")).unwrap();
    check_applied(&rig, &["credentials"], &[]).await;
    assert_eq!(login().await, "second");
    let pooled = rig.mirror.quota().pool;
    assert_eq!(pooled.len(), 1, "the first one has left the pool");

    // A file that is gone is told of, and what was there stays, the other settings as well.
    std::fs::remove_file(&file).unwrap();
    written.change(|config| config.users.allowed = Some(vec!["ann".to_owned()]));
    let refused = reload(&rig).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("credentials[].token_file"), "{message}");
    assert_eq!(login().await, "second");

    written.change(|config| {
        config.users.allowed = None;
        config.credentials = Vec::new();
    });
    check_applied(&rig, &["credentials"], &[]).await;
    assert_eq!(login().await, json!(null));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_leaves_everything_else_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let rig = Rig::configured(|config| {
        config.tls.cert_file = Some(chain.clone());
        config.tls.key_file = Some(key.clone());
    })
    .await;
    let (first, second) = (rig.user("first"), rig.user("second"));
    let token = folder.path().join("token");
    std::fs::write(&token, &first).unwrap();
    let mut config = Config {
        upstream: rig.sim.url(),
        credentials: vec![token_of(&token)],
        ..Config::default()
    };
    config.tls.cert_file = Some(chain.clone());
    config.tls.key_file = Some(key.clone());
    rig.mirror.reload(&config).unwrap();
    let in_use = || {
        let lines = rig.mirror.quota().pool;
        assert_eq!(lines.len(), 1);
        lines[0].caller
    };
    let before = in_use();

    std::fs::write(&token, &second).unwrap();
    std::fs::write(&chain, "no certificate").unwrap();
    config.pacing.max_wait_seconds = 1;
    let problem = rig.mirror.reload(&config).unwrap_err();
    assert_eq!(problem.key, "tls.cert_file");
    assert_eq!(in_use(), before, "the first token stays in use");

    std::fs::write(&chain, made.cert.pem()).unwrap();
    let reloaded = rig.mirror.reload(&config).unwrap();
    let expected = ["pacing.max_wait_seconds", "credentials", "tls.cert_file"];
    assert_eq!(reloaded.applied, expected);
    assert_ne!(in_use(), before, "the second has taken its place");
}

#[tokio::test]
async fn a_level_that_is_none_leaves_everything_else_untouched() {
    let rig = Rig::new().await;
    let written = Written::of(&rig);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, rig.user("first")).unwrap();
    written.change(|config| {
        config.log.level = "loud".to_owned();
        config.credentials = vec![token_of(&file)];
        config.users.allowed = Some(vec!["ann".to_owned()]);
    });
    let refused = reload(&rig).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("log.level"), "{message}");
    assert!(rig.mirror.quota().pool.is_empty());
    let ben = rig.user("ben");
    assert_eq!(rig.get("/user", &ben).await.status, 200);
}
