//! Who may come in, and what everybody sees.

use super::*;

#[tokio::test]
async fn who_may_come_in() {
    let rig = rig().await;
    let basic = |password: &str| {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("ada:{password}"));
        format!("Basic {pair}")
    };
    let (right, wrong) = (basic(PASSWORD), basic("wrong"));
    let bearer = format!("Bearer {}", rig.key);
    let missing = r#"{"detail":"Authentication credentials were not provided."}"#;
    let invalid = r#"{"detail":"Invalid username/password."}"#;
    for path in [
        "/github/developers/",
        "/github/nothing/",
        "/dashboard/data/",
        "/other",
    ] {
        let (status, _, body) = rig.send(Request::get(path), "").await;
        assert_eq!((status, body.as_str()), (403, missing), "{path}");
    }
    for path in [
        "/health/",
        "/metrics",
        "/github/",
        "/github/swagger/",
        "/github/redoc/",
        "/github/swagger.json",
        "/github/openapi.json",
        "/dashboard/",
        "/dashboard/script.js",
        "/github/swagger/swagger-ui.css",
    ] {
        let (status, _, body) = rig.send(Request::get(path), "").await;
        assert_eq!(status, 200, "{path}: {body}");
        let (status, _, _) = rig
            .send(Request::get(path).header("authorization", &wrong), "")
            .await;
        assert_eq!(status, 200, "{path}");
    }
    for header in [&right, &bearer, &right] {
        let request = Request::get("/github/developers/").header("authorization", header);
        assert_eq!(rig.send(request, "").await.0, 200);
    }
    for header in ["Bearer x", "Basic !", "Digest x", "x"] {
        let request = Request::get("/github/developers/").header("authorization", header);
        assert_eq!(rig.send(request, "").await.0, 403, "{header}");
    }
    for _ in 0..2 {
        let request = Request::get("/github/developers/").header("authorization", &wrong);
        let (status, _, body) = rig.send(request, "").await;
        assert_eq!((status, body.as_str()), (403, invalid));
    }
    let request = Request::get("/github/developers/").header("authorization", &wrong);
    assert_eq!(rig.send(request, "").await.0, 429);
    // Who is remembered is not locked out by others.
    let request = Request::get("/github/developers/").header("authorization", &right);
    assert_eq!(rig.send(request, "").await.0, 200);
    let (status, headers, _) = rig.send(Request::get("/"), "").await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (302, "/github/")
    );
    assert_eq!(rig.send(Request::get("/health/"), "").await.2, "ok");
}

#[tokio::test]
async fn nobody_is_a_user_until_one_is_added() {
    let database = sqlite().await;
    assert_eq!(database.store.password_hash("admin").await.unwrap(), None);
    let now = std::time::UNIX_EPOCH;
    let key = crate::add_user(&database.store, "ada", PASSWORD, now)
        .await
        .unwrap();
    let hash = database.store.password_hash("ada").await.unwrap().unwrap();
    assert!(hash.starts_with("$argon2id$") && !hash.contains(PASSWORD));
    assert_eq!(
        database.store.key_owner(&key).await.unwrap(),
        None,
        "a key is stored as it is"
    );
    let again = crate::add_user(&database.store, "ada", PASSWORD, now).await;
    assert!(matches!(again, Err(UserError::Taken)));
    let short = crate::add_user(&database.store, "bob", "short", now).await;
    assert!(matches!(short, Err(UserError::Password)));
}

#[tokio::test]
async fn an_unexpected_host_is_not_repeated() {
    let rig = rig().await;
    let request = Request::get("/github/").header("host", "a\"><script>");
    let answer = rig.api.answer(request.body(Body::empty()).unwrap()).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("script"));
}
