//! Byte-faithful both ways: methods, headers, queries, bodies, redirects; and no way to any other host.

use github_sim::answer::Answer;
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::Rig;

#[tokio::test]
async fn targets_go_up_byte_for_byte() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("a");
    let targets = [
        "/search/issues?q=a+b%20c%2Fd&q=again&empty=&flag",
        "/repos/octo/hello/contents/a%2Fb%20c?ref=x%26y",
        "/repos/octo/hello/labels?per_page=100&page=2&page=3",
        "/repos/octo/hello/issues?labels=bug,help%20wanted&x=%C3%BC",
        "//double/slash",
        "/repos/octo/hello?",
    ];
    for target in targets {
        rig.get(target, &token).await;
        let seen = rig.sim.requests();
        assert_eq!(seen.last().unwrap().target, target);
    }
}

#[tokio::test]
async fn headers_go_up_unchanged_but_for_what_is_the_mirrors_business() {
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello", &json!({}));
    let token = format!("Bearer {}", rig.sim.user_token("a"));
    let headers = [
        ("authorization", token.as_str()),
        ("accept", "application/vnd.github.v3.full+json"),
        ("x-github-api-version", "2022-11-28"),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("time-zone", "Europe/Amsterdam"),
        ("connection", "x-hop"),
        ("x-hop", "gone"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic secret"),
    ];
    for method in [Method::GET, Method::PATCH] {
        rig.send(method, "/repos/octo/hello", &headers, "").await;
        let seen = rig.sim.requests().pop().unwrap();
        for (name, value) in [
            headers[0],
            headers[1],
            headers[2],
            headers[5],
            ("user-agent", "rig"),
        ] {
            assert_eq!(seen.headers[name], value);
        }
        assert_eq!(seen.headers.get_all("x-twice").iter().count(), 2);
        for name in ["x-hop", "te", "proxy-authorization"] {
            assert!(!seen.headers.contains_key(name), "{name} is hop-by-hop");
        }
        assert_eq!(seen.headers["host"], rig.sim.addr().to_string().as_str());
    }
}

#[tokio::test]
async fn writes_go_up_with_their_body_and_are_never_answered_from_the_cache() {
    let rig = Rig::new().await;
    rig.shelf
        .put("/repos/octo/hello/issues", &json!({"number": 7}));
    let token = format!("token {}", rig.sim.user_token("a"));
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json; x=y"),
    ];
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let reply = rig
            .send(
                method.clone(),
                "/repos/octo/hello/issues",
                &headers,
                "{\"title\": \"ü\"}",
            )
            .await;
        reply.check(
            201,
            "ONLINE_MISS",
            "fwd=method; fwd-status=201; detail=method",
        );
        let seen = rig.sim.requests().pop().unwrap();
        assert_eq!(
            (seen.method, &seen.body[..]),
            (method, "{\"title\": \"ü\"}".as_bytes())
        );
        assert_eq!(seen.headers["content-type"], "application/json; x=y");
    }
}

#[tokio::test]
async fn redirects_are_passed_on_and_not_followed() {
    let rig = Rig::new().await;
    let location = "https://api.github.com/repositories/1/issues".to_owned();
    rig.shelf
        .answer("/repos/old/name/issues", Answer::Moved { location });
    let target = "https://codeload.github.com/octo/hello/legacy.tar.gz/main".to_owned();
    rig.shelf.answer(
        "/repos/octo/hello/tarball",
        Answer::Redirect {
            location: target.clone(),
        },
    );
    let token = rig.sim.user_token("a");
    let moved = rig.get("/repos/old/name/issues", &token).await;
    assert_eq!(moved.status, 301);
    assert_eq!(
        moved.header("location"),
        format!("{}/repositories/1/issues", rig.url)
    );
    let elsewhere = rig.get("/repos/octo/hello/tarball", &token).await;
    assert_eq!(
        (elsewhere.status.as_u16(), elsewhere.header("location")),
        (302, target.as_str())
    );
    assert_eq!(rig.sim.counters().total, 2);
}

#[tokio::test]
async fn requests_that_vary_by_more_than_the_caller_bypass_the_cache() {
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = format!("token {}", rig.sim.user_token("a"));
    for (name, value, detail) in [
        ("cookie", "a=b", "cookie"),
        ("x-github-otp", "123456", "one-time-password"),
        ("range", "bytes=0-3", "range"),
    ] {
        let headers = [("authorization", token.as_str()), (name, value)];
        let reply = rig
            .send(Method::GET, "/repos/octo/hello", &headers, "")
            .await;
        assert!(
            reply
                .header("cache-status")
                .contains(&format!("fwd=bypass; fwd-status=200; detail={detail}")),
            "{reply:?}"
        );
        assert_eq!(rig.sim.requests().pop().unwrap().headers[name], value);
    }
    assert_eq!(rig.mirror.inspect().usage().entries, 0);
}

#[tokio::test]
async fn accept_and_api_version_are_part_of_the_key() {
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = format!("token {}", rig.sim.user_token("a"));
    for (name, value) in [
        ("accept", "application/vnd.github+json"),
        ("accept", "application/vnd.github.v3+json"),
        ("x-github-api-version", "2022-11-28"),
        ("x-github-api-version", "2026-03-10"),
    ] {
        let headers = [("authorization", token.as_str()), (name, value)];
        let miss = rig
            .send(Method::GET, "/repos/octo/hello", &headers, "")
            .await;
        assert_eq!(miss.header("x-cache"), "ONLINE_MISS", "{name}: {value}");
        let hit = rig
            .send(Method::GET, "/repos/octo/hello", &headers, "")
            .await;
        assert_eq!(hit.header("x-cache"), "ONLINE_HIT", "{name}: {value}");
    }
}

/// Sends raw bytes and gives what comes back until the connection closes.
async fn raw(rig: &Rig, request: &str) -> String {
    let mut socket = TcpStream::connect(rig.url.trim_start_matches("http://"))
        .await
        .unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn no_target_reaches_any_host_but_the_upstream() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let evil = elsewhere.local_addr().unwrap();
    let rig = Rig::new().await;
    let upstream = rig.sim.addr().to_string();
    for target in [
        format!("http://{evil}/x"),
        format!("//{evil}/x"),
        format!("/http://{evil}/x"),
        format!("/@{evil}/x"),
        format!("/%2F%2F{evil}/x"),
        format!("http://{evil}"),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {evil}\r\nuser-agent: r\r\nx-forwarded-host: {evil}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&rig, &request).await;
        assert!(answer.contains("server: github.com"), "{target}: {answer}");
        let seen = rig.sim.requests().pop().unwrap();
        assert_eq!(seen.headers["host"], upstream.as_str(), "{target}");
    }
    for (target, expected) in [("/a/../b", "400"), ("/%2e%2e/b", "400")] {
        let answer = raw(
            &rig,
            &format!("GET {target} HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n"),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}")),
            "{target}: {answer}"
        );
    }
    let connect = raw(
        &rig,
        &format!("CONNECT {evil} HTTP/1.1\r\nhost: {evil}\r\nconnection: close\r\n\r\n"),
    )
    .await;
    assert!(connect.starts_with("HTTP/1.1 400"), "{connect}");
    let nobody_came = tokio::time::timeout(std::time::Duration::ZERO, elsewhere.accept()).await;
    assert!(nobody_came.is_err(), "somebody connected to {evil}");
}

#[tokio::test]
async fn a_curl_user_agent_does_not_spoil_the_cache() {
    let rig = Rig::new().await;
    rig.shelf
        .put("/repos/octo/hello", &json!({"id": 1, "list": [1, 2]}));
    let token = format!("token {}", rig.sim.user_token("a"));
    let headers = [
        ("authorization", token.as_str()),
        ("user-agent", "curl/8.5.0"),
    ];
    let mut request = http::Request::get(format!("{}/repos/octo/hello", rig.url));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = rig
        .client
        .request(request.body(Default::default()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.headers()["x-cache"], "ONLINE_MISS");
    let other = rig.sim.user_token("b");
    rig.get("/repos/octo/hello", &other).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=predicted",
    );
}
