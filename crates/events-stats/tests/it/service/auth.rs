//! Who is let in where.

use http::Method;
use serde_json::json;

use super::served::Served;

const GUARDED: [(Method, &str); 15] = [
    (Method::GET, "/dashboard"),
    (Method::GET, "/metrics"),
    (Method::GET, "/api/stream"),
    (Method::GET, "/api/stats/"),
    (Method::GET, "/api/repos/"),
    (Method::POST, "/api/repos"),
    (Method::GET, "/api/repos/active/"),
    (Method::GET, "/api/repos/octo/r"),
    (Method::DELETE, "/api/repos/octo/r"),
    (Method::POST, "/api/repos/octo/r/activate"),
    (Method::POST, "/api/repos/octo/r/deactivate"),
    (Method::POST, "/api/repos/octo/r/poll"),
    (Method::GET, "/api/repos/octo/r/events/"),
    (Method::GET, "/api/repos/octo/r/events/stats/"),
    (Method::GET, "/api/repos/octo/r/events/stats.svg"),
];

const OPEN: [&str; 7] = [
    "/",
    "/page.js",
    "/healthcheck",
    "/api/docs",
    "/api/docs/",
    "/api/docs/swagger-ui.css",
    "/api/openapi.json",
];

#[tokio::test]
async fn all_data_needs_a_key_and_nothing_else_does() {
    let served = Served::start(|config| config.api_keys = "one,two".into()).await;
    for (method, path) in GUARDED {
        for headers in [
            &[][..],
            &[("x-api-key", "three")],
            &[("authorization", "Bearer three")],
            &[("authorization", "Basic one")],
        ] {
            let reply = served.send(method.clone(), path, headers, "").await;
            assert_eq!(reply.status, 401, "{method} {path}");
            assert_eq!(reply.json(), json!({"message": "Requires authentication"}));
        }
        if path == "/api/stream" {
            continue;
        }
        for headers in [[("x-api-key", "one")], [("authorization", "bearer two")]] {
            let reply = served.send(method.clone(), path, &headers, "").await;
            assert_ne!(reply.status, 401, "{method} {path}");
        }
    }
    for path in OPEN {
        assert_eq!(served.get(path).await.status, 200, "{path}");
    }
    // Its own signature is what it needs.
    let reply = served.post("/api/webhook", "{}").await;
    assert_eq!(reply.status, 401);
    assert_ne!(reply.json(), json!({"message": "Requires authentication"}));
    let shell = served.get("/").await;
    assert!(shell.text().contains("API key"), "{}", shell.text());
}

#[tokio::test]
async fn without_keys_everybody_on_this_machine_is_let_in() {
    let served = Served::with_events(1).await;
    assert_eq!(served.get("/api/repos").await.status, 200);
    let page = served.get("/").await;
    // Readable without a script.
    assert!(page.text().contains("octo/r"), "{}", page.text());
    assert!(page.text().contains("<svg"), "{}", page.text());
}
