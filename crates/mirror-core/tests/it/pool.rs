//! The operator's own credentials, for clients that bring none.

use std::path::PathBuf;
use std::time::Duration;

use github_sim::{AppSpec, FaultBody, FaultKind, FaultRule, InstallationSpec, Switches, TokenSpec};
use http::Method;
use mirror_core::Config;
use mirror_core::config::{AppId, CredentialConfig, CredentialKind};
use serde_json::json;
use tempfile::TempDir;

use crate::rig::Rig;

const KEY: &str = include_str!("../../../github-upstream/tests/it/fixtures/app.pem");
const PUBLIC_KEY: &str = include_str!("../../../github-upstream/tests/it/fixtures/app.pub.pem");

/// Files with secrets in them.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn pat(&self, name: &str, token: &str) -> CredentialConfig {
        CredentialConfig {
            kind: CredentialKind::Pat,
            name: Some(name.to_owned()),
            token_file: Some(self.put(name, &format!("{token}\n"))),
            app_id: None,
            installation_id: None,
            private_key_file: None,
            reserve: 0,
        }
    }

    fn app(&self) -> CredentialConfig {
        CredentialConfig {
            kind: CredentialKind::GithubApp,
            name: Some("app".to_owned()),
            token_file: None,
            app_id: Some(AppId::Number(12_345)),
            installation_id: Some(7),
            private_key_file: Some(self.put("key.pem", KEY)),
            reserve: 0,
        }
    }
}

/// A mirror that begins without credentials, and is given them: what reload does.
async fn rig_with(switches: Switches) -> (Rig, Config) {
    let rig = Rig::with(
        |config| config.pacing.max_wait_seconds = 0,
        |sim| {
            sim.switches(Switches {
                deprecation_headers: false,
                ..switches
            })
        },
    )
    .await;
    let mut config = Config {
        upstream: rig.sim.url(),
        ..Config::default()
    };
    config.pacing.max_wait_seconds = 0;
    (rig, config)
}

fn use_credentials(rig: &Rig, config: &mut Config, credentials: Vec<CredentialConfig>) {
    config.credentials = credentials;
    rig.mirror.reload_credentials(config).unwrap();
}

fn put(rig: &Rig, number: usize) -> Vec<String> {
    let paths: Vec<String> = (0..number).map(|n| format!("/repos/octo/r{n}")).collect();
    for path in &paths {
        rig.shelf.put(path, &json!({"path": path}));
    }
    paths
}

fn installed(rig: &Rig) {
    let app = AppSpec::default().with_public_key_pem(PUBLIC_KEY).unwrap();
    rig.sim.add_app(app);
    rig.sim.add_installation(InstallationSpec {
        id: 7,
        app_id: 12_345,
        account: "octo".to_owned(),
    });
}

fn minted(rig: &Rig) -> usize {
    let requests = rig.sim.requests();
    let mints = requests
        .iter()
        .filter(|seen| seen.target.ends_with("/access_tokens"));
    mints.count()
}

#[tokio::test]
async fn reads_without_credentials_get_one_and_nothing_else_does() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    let token = rig.sim.user_token("operator");
    rig.shelf
        .put_for("/user", "operator", &json!({"login": "operator"}));
    rig.shelf
        .put_for("/user", "client", &json!({"login": "client"}));
    let before = rig.anonymous("/user").await;
    assert_eq!(before.json(), json!({}), "nobody");
    use_credentials(&rig, &mut config, vec![files.pat("ci", &token)]);
    let reply = rig.anonymous("/user").await;
    assert_eq!(reply.json()["login"], "operator");
    // Of the operator's token the client learns nothing.
    for name in ["x-oauth-scopes", "github-authentication-token-expiration"] {
        assert!(!reply.headers.contains_key(name), "{name}");
    }
    assert_eq!(rig.anonymous("/user").await.header("x-cache"), "ONLINE_HIT");
    // A client's own token is the client's.
    let own = rig.sim.user_token("client");
    assert_eq!(rig.get("/user", &own).await.json()["login"], "client");
    let bad = rig.get("/user", "ghp_wrong").await;
    assert_eq!(bad.status, 401);
    // Writes are in nobody else's name.
    rig.send(Method::POST, "/user/repos", &[], "{}").await;
    let requests = rig.sim.requests();
    let write = requests
        .iter()
        .find(|seen| seen.method == Method::POST)
        .unwrap();
    assert!(!write.headers.contains_key("authorization"));
    // Nobody is admitted.
    config.credentials_for = vec!["none".to_owned()];
    rig.mirror.reload_credentials(&config).unwrap();
    assert_eq!(rig.anonymous("/user").await.json(), json!({}));
    config.credentials_for = vec!["192.0.2.0/24".to_owned()];
    rig.mirror.reload_credentials(&config).unwrap();
    assert_eq!(rig.anonymous("/user").await.json(), json!({}));
    let metrics = rig.mirror.metrics().render().unwrap();
    for (usage, count) in [("pooled", 2), ("not-allowed", 2), ("not-a-read", 1)] {
        let line = format!("github_mirror_pool_requests_total{{usage=\"{usage}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    // The token is nowhere.
    let told = format!("{metrics} {:?} {:?}", rig.mirror.quota(), config);
    assert!(!told.contains(&token));
    assert!(told.contains("\"ci\""));
}

#[tokio::test]
async fn many_tokens_are_all_used_down_to_their_reserve() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    let token = |login: &str| {
        let spec = TokenSpec::user(login).core_limit(20);
        rig.sim.add_token(spec).unwrap()
    };
    let mut b = files.pat("b", &token("b"));
    b.reserve = 5;
    let credentials = vec![files.pat("a", &token("a")), b];
    use_credentials(&rig, &mut config, credentials);
    let paths = put(&rig, 40);
    let mut statuses = Vec::new();
    for path in &paths {
        statuses.push(rig.anonymous(path).await.status.as_u16());
    }
    let served = statuses.iter().take_while(|status| **status == 200).count();
    assert_eq!(served, 35, "20 of one, 15 of the other: {statuses:?}");
    assert!(
        statuses[35..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    let counters = rig.sim.counters();
    assert_eq!(counters.total, 35, "no limit was run into");
    let used: Vec<u32> = counters.quota_used.values().copied().collect();
    assert_eq!(used.iter().sum::<u32>(), 35);
    assert_eq!(used.len(), 2, "{counters:?}");
    // What any of them has read is shown, whichever is asked first.
    for path in &paths[..35] {
        let reply = rig.anonymous(path).await;
        assert_eq!(reply.header("x-cache"), "RATE_LIMITED_HIT");
        assert_eq!(reply.json()["path"], **path);
    }
    assert_eq!(rig.sim.counters().total, 35);
}

#[tokio::test]
async fn a_credential_that_github_refuses_is_left_alone() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    let (a, b) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    let credentials = vec![files.pat("a", &a), files.pat("b", &b)];
    use_credentials(&rig, &mut config, credentials);
    let paths = put(&rig, 10);
    rig.sim.revoke_token(&a).unwrap();
    for path in &paths {
        assert_eq!(
            rig.anonymous(path).await.status,
            200,
            "the other one serves"
        );
    }
    assert_eq!(rig.sim.counters().count_status(401), 1);
    let rests = |name: &str| {
        let lines = rig.mirror.quota().pool;
        let line = lines.into_iter().find(|line| line.name == name).unwrap();
        line.rests_until.is_some()
    };
    assert!(rests("a") && !rests("b"));
    // None is left: that is the mirror's trouble, not bad credentials of the client's.
    rig.sim.revoke_token(&b).unwrap();
    let reply = rig.anonymous("/repos/octo/r0").await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap()
            .contains("credentials")
    );
}

#[tokio::test]
async fn installation_tokens_are_minted_once_and_renewed_before_they_end() {
    let switches = Switches {
        stateless_installation_tokens: true,
        ..Switches::default()
    };
    let (rig, mut config) = rig_with(switches).await;
    let files = Files::new();
    installed(&rig);
    let paths = put(&rig, 20);
    use_credentials(&rig, &mut config, vec![files.app()]);
    assert_eq!(minted(&rig), 0, "nothing is asked for before it is needed");
    let replies = paths.iter().map(|path| rig.anonymous(path));
    let replies = futures_util::future::join_all(replies).await;
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    assert_eq!(minted(&rig), 1, "coalesced");
    let requests = rig.sim.requests();
    let seen = requests
        .iter()
        .find(|seen| seen.target == paths[0])
        .unwrap();
    assert!(
        seen.headers["authorization"].len() > 500,
        "a stateless token"
    );
    let mint = requests
        .iter()
        .find(|seen| seen.target.ends_with("/access_tokens"));
    assert_eq!(mint.unwrap().method, Method::POST);
    // 54 minutes later it still lasts, 56 minutes later it is renewed while it does; all by 304s.
    let fetched = rig.upstream(200);
    rig.sim.clock().advance(Duration::from_secs(54 * 60));
    assert_eq!(
        rig.anonymous(&paths[0]).await.header("x-cache"),
        "ONLINE_HIT"
    );
    assert_eq!(minted(&rig), 1);
    rig.sim.clock().advance(Duration::from_secs(2 * 60));
    for path in &paths {
        assert_eq!(rig.anonymous(path).await.header("x-cache"), "ONLINE_HIT");
    }
    assert_eq!((minted(&rig), rig.upstream(200)), (2, fetched));
    // Quota is kept by installation, whatever the token.
    let account = rig.mirror.quota();
    let caller = account.pool[0].caller;
    let state = account
        .callers
        .iter()
        .find(|state| state.caller == caller)
        .unwrap();
    assert_eq!(state.lines.len(), 1);
    assert_eq!(state.lines[0].counts.charged, 20);
    assert!(account.pool[0].token_expires_at.is_some());
    // The new settings are the same: the token stays.
    rig.mirror.reload_credentials(&config).unwrap();
    rig.anonymous(&paths[0]).await;
    assert_eq!(minted(&rig), 2);
}

#[tokio::test]
async fn minting_that_fails_backs_off() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    installed(&rig);
    let paths = put(&rig, 1);
    use_credentials(&rig, &mut config, vec![files.app()]);
    let trouble = FaultKind::Status {
        code: 503,
        body: FaultBody::Unicorn,
    };
    rig.sim
        .fault(FaultRule::new(trouble).path("/app/installations/**"));
    for _ in 0..10 {
        assert_eq!(rig.anonymous(&paths[0]).await.status, 502);
    }
    assert_eq!(minted(&rig), 1);
    // Twice as long each time.
    for (pause, expected) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        rig.sim.clock().advance(Duration::from_secs(pause));
        rig.anonymous(&paths[0]).await;
        assert_eq!(minted(&rig), expected, "{pause} s later");
    }
    rig.sim.clear_faults();
    rig.sim.clock().advance(Duration::from_secs(8));
    assert_eq!(rig.anonymous(&paths[0]).await.status, 200);
    // An old token is used to its end while renewing fails.
    let trouble = FaultKind::Status {
        code: 503,
        body: FaultBody::Unicorn,
    };
    rig.sim
        .fault(FaultRule::new(trouble).path("/app/installations/**"));
    rig.sim.clock().advance(Duration::from_secs(57 * 60));
    assert_eq!(rig.anonymous(&paths[0]).await.status, 200);
}

#[tokio::test]
async fn an_oauth_app_reads_in_its_own_name() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    rig.sim.add_oauth_app("Iv1.client", "s3cret");
    let credential = CredentialConfig {
        kind: CredentialKind::OauthApp,
        app_id: Some(AppId::ClientId("Iv1.client".to_owned())),
        ..files.pat("oauth", "s3cret")
    };
    use_credentials(&rig, &mut config, vec![credential]);
    let paths = put(&rig, 1);
    let reply = rig.anonymous(&paths[0]).await;
    assert_eq!(reply.header("x-ratelimit-limit"), "5000");
    let seen = rig.sim.requests();
    let sent = seen[0].headers["authorization"].to_str().unwrap();
    assert!(sent.starts_with("Basic "), "{sent}");
}

#[tokio::test]
async fn wrong_files_name_the_key_and_change_nothing() {
    let (rig, mut config) = rig_with(Switches::default()).await;
    let files = Files::new();
    let token = rig.sim.user_token("operator");
    rig.shelf
        .put_for("/user", "operator", &json!({"login": "operator"}));
    use_credentials(&rig, &mut config, vec![files.pat("ci", &token)]);
    let mut problem = |credential: CredentialConfig| {
        config.credentials = vec![credential];
        let problem = rig.mirror.reload_credentials(&config).unwrap_err();
        service_runtime_chain(&problem)
    };
    let missing = CredentialConfig {
        token_file: Some("/nowhere/token".into()),
        ..files.pat("x", "x")
    };
    assert!(problem(missing).starts_with("credentials[].token_file: cannot read /nowhere/token"));
    let empty = files.pat("empty", "");
    assert!(problem(empty).contains("credentials[].token_file: "));
    let no_key = CredentialConfig {
        private_key_file: Some(files.put("no.pem", "ghp_s3cret")),
        ..files.app()
    };
    let told = problem(no_key);
    assert!(
        told.contains("credential app: private key cannot be used"),
        "{told}"
    );
    assert!(!told.contains("s3cret"));
    assert_eq!(rig.anonymous("/user").await.json()["login"], "operator");
}

/// An error and its causes in one line, as the program prints them.
fn service_runtime_chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
