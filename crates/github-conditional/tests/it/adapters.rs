//! Real clients over real sockets: each gives the same answers with the cache as without, and the second time for free.

use bytes::Bytes;
use futures_util::FutureExt;
use github_conditional::hyper::{HttpsClient, https_client};
use github_conditional::octocrab::builder as cached_octocrab;
use github_conditional::reqwest::ReqwestService;
use github_conditional::reqwest_middleware::ConditionalMiddleware;
use github_conditional::stores::MemoryStore;
use github_conditional::{
    BypassReason, Client, ConditionalLayer, Entry, Outcome, Report, ValidatorKind,
};
use github_sim::{FaultKind, FaultRule, Simulator};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use octocrab::{AuthState, Octocrab};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

use crate::real::{HELLO, github, layer, settled, used};

fn plain(github: &Simulator, token: &str) -> Octocrab {
    Octocrab::builder()
        .base_uri(github.url())
        .unwrap()
        .personal_token(token)
        .build()
        .unwrap()
}

fn cached(layer: &ConditionalLayer<MemoryStore<Entry>>, token: &str) -> Octocrab {
    let token = format!("Bearer {token}").parse().unwrap();
    cached_octocrab(https_client().unwrap(), layer, Some(token))
        .unwrap()
        .with_auth(AuthState::None)
        .build()
        .unwrap()
}

/// What a program reads with octocrab: typed values, lists of several pages, and a refusal.
async fn read(octocrab: &Octocrab) -> Value {
    let repository = octocrab
        .repos("octocat", "Hello-World")
        .get()
        .await
        .unwrap();
    let page = octocrab
        .issues("octocat", "Hello-World")
        .list()
        .per_page(10)
        .send()
        .await
        .unwrap();
    let issues = octocrab.all_pages(page).await.unwrap();
    assert!(issues.len() > 10, "several pages");
    let profile = octocrab.users("hubot").profile().await.unwrap();
    let missing = octocrab.repos("octocat", "nothing-here").get().await;
    let octocrab::Error::GitHub { source, .. } = missing.unwrap_err() else {
        panic!("GitHub's own refusal")
    };
    let issues: Vec<_> = issues.into_iter().map(|issue| issue.title).collect();
    json!([repository, issues, profile, source.status_code.as_u16()])
}

#[tokio::test]
async fn octocrab_reads_the_same_and_the_second_time_for_nothing() {
    let github = github().await;
    let token = github.user_token("octocat");
    let layer = layer(&github);
    let without = read(&plain(&github, &token)).await;
    let octocrab = cached(&layer, &token);
    assert_eq!(read(&octocrab).await, without);
    settled(&*layer.inspect()).await;
    let (before, missed) = (used(&github), github.counters().count_status(404));
    assert_eq!(read(&octocrab).await, without);
    // What does not exist cannot be confirmed, and costs each time.
    let refused = u32::try_from(github.counters().count_status(404) - missed).unwrap();
    let cost = |used: &std::collections::BTreeMap<String, u32>| used.values().sum::<u32>();
    assert_eq!(cost(&used(&github)) - cost(&before), refused);
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn what_octocrab_writes_is_read() {
    let github = github().await;
    let octocrab = cached(&layer(&github), &github.user_token("octocat"));
    let issue = octocrab
        .issues("octocat", "Hello-World")
        .create("through the cache")
        .send()
        .await
        .unwrap();
    let read = octocrab
        .issues("octocat", "Hello-World")
        .get(issue.number)
        .await
        .unwrap();
    assert_eq!(read.title, "through the cache");
}

#[tokio::test]
async fn two_tokens_share_what_both_may_see_and_nothing_else() {
    let github = github().await;
    let layer = layer(&github);
    let alice = cached(&layer, &github.user_token("octocat"));
    let bob = cached(&layer, &github.user_token("hubot"));
    // A public profile: one body, paid for once.
    let seen = alice.users("monalisa").profile().await.unwrap();
    settled(&*layer.inspect()).await;
    let again = bob.users("monalisa").profile().await.unwrap();
    assert_eq!(json!(again), json!(seen));
    let cost = |login: &str| {
        let bucket = format!("user:{login}/core");
        used(&github).get(&bucket).copied().unwrap_or(0)
    };
    assert_eq!((cost("octocat"), cost("hubot")), (1, 0));

    // A private repository: refused, however warm the cache.
    let secret = "secret-plans";
    let repository = alice.repos("octocat", secret).get().await.unwrap();
    assert_eq!(repository.private, Some(true));
    settled(&*layer.inspect()).await;
    let refused = bob.repos("octocat", secret).get().await.unwrap_err();
    let octocrab::Error::GitHub { source, .. } = refused else {
        panic!("GitHub's own refusal")
    };
    assert_eq!(source.status_code, StatusCode::NOT_FOUND);
    // What GitHub shows each of them differently: each sees its own.
    let me = |octocrab: Octocrab| async move { octocrab.current().user().await.unwrap().login };
    assert_eq!(me(alice.clone()).await, "octocat");
    settled(&*layer.inspect()).await;
    assert_eq!(me(bob.clone()).await, "hubot");
    assert_eq!(me(alice).await, "octocat");
}

fn report(extensions: &http::Extensions) -> Report {
    extensions
        .get::<Report>()
        .expect("every answer has one")
        .clone()
}

const OWN: Outcome = Outcome::Revalidated(ValidatorKind::OwnTag);

#[tokio::test]
async fn hyper_needs_no_adapter() {
    let github = github().await;
    let layer = layer(&github);
    let client: HttpsClient = https_client().unwrap();
    let service = layer.layer(client);
    let url = format!("{}{HELLO}", github.url());
    let token = format!("Bearer {}", github.user_token("octocat"));
    let ask = || {
        Request::get(&url)
            .header("authorization", &token)
            .header("user-agent", "tests")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let first = service.clone().oneshot(ask()).await.unwrap();
    let first = first.into_body().collect().await.unwrap().to_bytes();
    settled(&*layer.inspect()).await;
    let before = used(&github);
    let second = service.oneshot(ask()).await.unwrap();
    assert_eq!(report(second.extensions()).outcome, OWN);
    assert_eq!(
        second.into_body().collect().await.unwrap().to_bytes(),
        first
    );
    assert_eq!(used(&github), before);
}

fn plain_reqwest() -> reqwest::Client {
    reqwest::Client::builder()
        .user_agent("tests")
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

fn ask(github: &Simulator, path: &str, token: &str) -> reqwest::Request {
    plain_reqwest()
        .get(format!("{}{path}", github.url()))
        .bearer_auth(token)
        .build()
        .unwrap()
}

#[tokio::test]
async fn reqwest_asks_and_is_answered_in_its_own_words() {
    let github = github().await;
    let layer = layer(&github);
    let token = github.user_token("octocat");
    let ask = || ask(&github, HELLO, &token);
    let without = plain_reqwest().execute(ask()).await.unwrap();
    let without = without.bytes().await.unwrap();
    let service = layer.layer(ReqwestService::new(plain_reqwest()));
    let first = service.execute(ask()).await.unwrap();
    assert_eq!(first.url().path(), HELLO);
    assert_eq!(first.bytes().await.unwrap(), without);
    settled(&*layer.inspect()).await;
    let before = used(&github);
    let second = service.execute(ask()).await.unwrap();
    assert_eq!(report(second.extensions()).outcome, OWN);
    assert_eq!(second.bytes().await.unwrap(), without);
    assert_eq!(used(&github), before);
    for seen in github.requests() {
        assert!(!seen.headers.contains_key("transfer-encoding"), "{seen:?}");
    }
}

#[tokio::test]
async fn reqwest_middleware_has_a_place_in_the_chain() {
    let github = github().await;
    let layer = layer(&github);
    let token = github.user_token("octocat");
    let client = reqwest_middleware::ClientBuilder::new(plain_reqwest())
        .with(ConditionalMiddleware::new(&layer))
        .build();
    let read = async || {
        let url = format!("{}{HELLO}", github.url());
        client.get(url).bearer_auth(&token).send().await.unwrap()
    };
    let first = read().await;
    assert_eq!(first.url().path(), HELLO);
    let first: Value = serde_json::from_slice(&first.bytes().await.unwrap()).unwrap();
    assert_eq!(first["full_name"], "octocat/Hello-World");
    settled(&*layer.inspect()).await;
    let before = used(&github);
    let second = read().await;
    assert_eq!(report(second.extensions()).outcome, OWN);
    let second: Value = serde_json::from_slice(&second.bytes().await.unwrap()).unwrap();
    assert_eq!((second, used(&github)), (first, before));
}

#[tokio::test]
async fn reqwest_tells_of_time_and_connections() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    let url = format!("http://{address}/user?q=confidential");
    let mut options = github_conditional::Options::default();
    options.origin = format!("http://{address}");
    let layer = ConditionalLayer::builder()
        .options(options)
        .build()
        .unwrap();
    let impatient = reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_millis(20))
        .build()
        .unwrap();
    let chain = reqwest_middleware::ClientBuilder::new(impatient.clone())
        .with(ConditionalMiddleware::new(&layer))
        .build();
    let service = layer.layer(ReqwestService::new(impatient));
    let request = Request::get(&url).body(Full::<Bytes>::default()).unwrap();
    // The socket listens, but nobody answers.
    let error = service.clone().oneshot(request.clone()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let told = format!("{error:?} {:?}", chain.get(&url).send().await.unwrap_err());
    assert!(
        told.contains("Timeout") && !told.contains("confidential"),
        "{told}"
    );
    drop(gone);
    let error = service.oneshot(request).await.unwrap_err();
    assert!(error.is_connection(), "{error:?}");
}

/// Two ask together, the one who asks GitHub leaves, and the other one is answered all the same.
async fn leave<A>(
    github: &Simulator,
    first: impl Future<Output = A>,
    second: impl Future<Output = A>,
) -> A {
    github.fault(FaultRule::new(FaultKind::Delay { milliseconds: 50 }));
    let mut leader = Box::pin(first);
    let mut follower = Box::pin(second);
    assert!((&mut leader).now_or_never().is_none());
    assert!((&mut follower).now_or_never().is_none());
    // Until GitHub has been asked.
    while github.requests().is_empty() {
        assert!((&mut leader).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(leader);
    github.clear_faults();
    follower.await
}

#[tokio::test]
async fn who_leaves_harms_nobody() {
    let hello = async |answer: reqwest::Response| {
        let body = answer.bytes().await.unwrap();
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["full_name"], "octocat/Hello-World");
    };
    // reqwest below the layer.
    let github = github().await;
    let token = github.user_token("octocat");
    let service = layer(&github).layer(ReqwestService::new(plain_reqwest()));
    let ask = || service.execute(ask(&github, HELLO, &token));
    hello(leave(&github, ask(), ask()).await.unwrap()).await;

    // The middleware.
    let github = crate::real::github().await;
    let token = github.user_token("octocat");
    let client = reqwest_middleware::ClientBuilder::new(plain_reqwest())
        .with(ConditionalMiddleware::new(&layer(&github)))
        .build();
    let url = format!("{}{HELLO}", github.url());
    let ask = || client.get(&url).bearer_auth(&token).send();
    hello(leave(&github, ask(), ask()).await.unwrap()).await;

    // The small client.
    let github = crate::real::github().await;
    let client = Client::builder()
        .base_url(github.url())
        .token(github.user_token("octocat"))
        .build()
        .unwrap();
    let ask = || client.get::<Value>(HELLO);
    let answer = leave(&github, ask(), ask()).await.unwrap();
    assert_eq!(answer.value["full_name"], "octocat/Hello-World");
    settled(&*client.service().inspect()).await;
}

#[tokio::test]
async fn another_host_is_asked_and_not_remembered() {
    let (github, other) = (github().await, github().await);
    let layer = layer(&github);
    let service = layer.layer(https_client().unwrap());
    let token = format!("Bearer {}", other.user_token("octocat"));
    for _ in 0..2 {
        let request = Request::get(format!("{}{HELLO}", other.url()))
            .header("authorization", &token)
            .header("user-agent", "tests")
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        let expected = Outcome::Bypassed(BypassReason::OtherOrigin);
        assert_eq!(report(answer.extensions()).outcome, expected);
    }
    assert_eq!(other.counters().count_status(200), 2);
    assert_eq!(github.counters().total, 0);
    assert_eq!(layer.inspect().usage().entries, 0);
}
