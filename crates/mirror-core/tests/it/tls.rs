//! The TLS listener: HTTP/1.1 and HTTP/2, rewritten urls are https.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn both_versions_of_http_and_https_urls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("mirror-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let rig = Rig::configured(|config| {
        config.tls.cert_file = Some(certificate);
        config.tls.key_file = Some(key);
    })
    .await;
    rig.shelf.put(
        "/users/octo",
        &json!({"url": "https://api.github.com/users/octo"}),
    );
    let token = rig.sim.user_token("a");
    let url = rig.url.replace("http://127.0.0.1", "https://localhost");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = |config| {
        HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
    };
    let cases = [
        (
            Version::HTTP_11,
            connector(config.clone()).enable_http1().build(),
            "ONLINE_MISS",
        ),
        (
            Version::HTTP_2,
            connector(config).enable_http2().build(),
            "ONLINE_HIT",
        ),
    ];
    for (version, connector, x_cache) in cases {
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let request = Request::get(format!("{url}/users/octo"))
            .header("user-agent", "rig")
            .header("authorization", format!("token {token}"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(response.headers()["x-cache"], x_cache);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["url"], format!("{url}/users/octo"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}
