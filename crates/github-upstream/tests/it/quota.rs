//! The ledger behind the service: who asked, what it cost, what was said in passing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use github_headers::Resource;
use github_upstream::ledger::{Charge, CooldownCause, Counts, Standing};
use github_upstream::{CallerId, RequestBody, Upstream, UpstreamEvent, WallClock};
use http::Request;
use parking_lot::Mutex;

use crate::client::{fetch, get, options};
use crate::coding::gzip;
use crate::peer::{Act, Peer, answer};

const NOW: u64 = 1_780_000_000;
const CALLER: CallerId = CallerId([7; 16]);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn by(caller: CallerId, target: &str) -> Request<RequestBody> {
    let mut asked = get(target);
    asked.extensions_mut().insert(caller);
    asked
        .headers_mut()
        .insert("authorization", "token secret".parse().unwrap());
    asked
}

fn quota(remaining: u64) -> String {
    format!(
        "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: {remaining}\r\nx-ratelimit-used: {}\r\n\
         x-ratelimit-reset: {}\r\nx-ratelimit-resource: core\r\n",
        5000 - remaining,
        NOW + 600
    )
}

/// Serves these answers on one connection.
async fn serving(answers: Vec<Act>) -> (Peer, Upstream, Arc<Mutex<Vec<Charge>>>) {
    let script = answers.into_iter().flat_map(|answer| [Act::Read, answer]);
    let peer = Peer::start(vec![script.collect()]).await;
    let charges = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&charges);
    let upstream = Upstream::builder(options(&peer.url()))
        .clock(WallClock::new(now))
        .observer(move |event: &UpstreamEvent<'_>| {
            if let UpstreamEvent::Answered { charge, caller, .. } = event {
                assert!([CALLER, CallerId::ANONYMOUS].contains(caller));
                log.lock().push(**charge);
            }
        })
        .build()
        .unwrap();
    (peer, upstream, charges)
}

#[tokio::test]
async fn every_answer_is_entered() {
    let (_peer, upstream, charges) = serving(vec![
        answer("200 OK", &quota(4999), b"[]"),
        answer("304 Not Modified", &quota(4999), b""),
        answer("404 Not Found", &quota(4998), b"{}"),
        answer("200 OK", &quota(4998), b"{}"),
        answer("304 Not Modified", &quota(59), b""),
    ])
    .await;
    for target in ["/a", "/a", "/b", "/rate_limit"] {
        fetch(&upstream, by(CALLER, target)).await.unwrap();
    }
    // Without `Authorization` it does not matter who is meant.
    let mut anonymous = by(CALLER, "/a");
    anonymous.headers_mut().remove("authorization");
    fetch(&upstream, anonymous).await.unwrap();
    assert_eq!(
        *charges.lock(),
        [
            Charge::Charged,
            Charge::NotModified,
            Charge::Charged,
            Charge::FreeEndpoint,
            Charge::Charged,
        ]
    );
    let lines = upstream.ledger().snapshot(now());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].caller, Some(CallerId::ANONYMOUS));
    assert_eq!(lines[0].window.unwrap().remaining, 59);
    assert_eq!(lines[1].caller, Some(CALLER));
    assert_eq!(lines[1].window.unwrap().remaining, 4998);
    let counts = Counts {
        charged: 2,
        free: 2,
        ..Counts::default()
    };
    assert_eq!(lines[1].counts, counts);
    assert!(!format!("{lines:?} {upstream:?}").contains("secret"));
}

#[tokio::test]
async fn a_secondary_limit_is_heard_in_the_text_of_a_403() {
    const TEXT: &[u8] = br#"{"message":"You have exceeded a secondary rate limit. Please wait"}"#;
    let coded = format!("content-encoding: gzip\r\n{}", quota(4840));
    for refusal in [
        answer("403 Forbidden", &quota(4840), TEXT),
        answer("403 Forbidden", &coded, &gzip(TEXT)),
    ] {
        let (_peer, upstream, _) = serving(vec![refusal]).await;
        let standing = || upstream.ledger().standing(CALLER, &Resource::Search, now());
        let whole = fetch(&upstream, by(CALLER, "/search/issues"))
            .await
            .unwrap();
        assert_eq!(whole.body.unwrap(), TEXT);
        let Standing::Cooling(cooldown) = standing() else {
            panic!("{:?}", standing());
        };
        assert_eq!(cooldown.cause, CooldownCause::Text);
        assert_eq!(cooldown.until, now() + Duration::from_secs(60));
    }
}

#[tokio::test]
async fn another_403_is_no_limit() {
    let text = br#"{"message":"Resource not accessible by integration"}"#;
    let (_peer, upstream, charges) =
        serving(vec![answer("403 Forbidden", &quota(4840), text)]).await;
    fetch(&upstream, by(CALLER, "/a")).await.unwrap();
    assert_eq!(*charges.lock(), [Charge::Charged]);
    let standing = upstream.ledger().standing(CALLER, &Resource::Core, now());
    assert_eq!(standing, Standing::Open);
}

/// Whatever type the layer above tells callers apart by.
#[tokio::test]
async fn the_caller_is_found_by_the_embedders_own_mark() {
    #[derive(Clone)]
    struct Mark(u8);
    let peer = Peer::start(vec![vec![Act::Read, answer("200 OK", &quota(1), b"")]]).await;
    let upstream = Upstream::builder(options(&peer.url()))
        .caller_from(|extensions| extensions.get::<Mark>().map(|mark| CallerId([mark.0; 16])))
        .build()
        .unwrap();
    let mut asked = by(CALLER, "/a");
    asked.extensions_mut().insert(Mark(9));
    fetch(&upstream, asked).await.unwrap();
    let lines = upstream.ledger().snapshot(now());
    assert_eq!(lines[0].caller, Some(CallerId([9; 16])));
}
