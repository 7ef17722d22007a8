//! The page in a real browser: its script shows what is new, and nothing is against its own policy.

use serde_json::json;
use test_servers::Browser;

use super::served::Served;

const LONG: &[&str] = &["--virtual-time-budget=10000"];

#[tokio::test]
async fn a_browser_shows_the_page_live_within_its_own_policy() {
    let Some(browser) = Browser::found() else {
        return;
    };
    let served = Served::with_events(3).await;
    let page = browser.show(&format!("{}/", served.url), LONG).await;
    assert!(
        page.dom.contains("class=\"on\""),
        "the script does not listen: {}",
        page.dom
    );
    assert!(
        !page.said.contains("Content Security Policy"),
        "{}",
        page.said
    );
    for part in [
        "octo/r",
        "Time between events",
        "Events by type",
        "All types",
        "complete",
        "Requests left",
    ] {
        assert!(page.dom.contains(part), "no {part} in {}", page.dom);
    }
}

#[tokio::test]
async fn with_keys_the_page_is_a_shell_without_data() {
    let Some(browser) = Browser::found() else {
        return;
    };
    let served = Served::start(|config| {
        config.api_keys = "key".into();
        config.repositories = vec!["octo/secret-name".into()];
    })
    .await;
    let page = browser.show(&format!("{}/", served.url), LONG).await;
    assert!(page.dom.contains("API key"), "{}", page.dom);
    assert!(!page.dom.contains("secret-name"), "{}", page.dom);
    assert!(
        !page.said.contains("Content Security Policy"),
        "{}",
        page.said
    );
}

#[tokio::test]
async fn the_explorer_shows_every_route() {
    let Some(browser) = Browser::found() else {
        return;
    };
    let served = Served::start(|_| {}).await;
    let page = browser
        .show(&format!("{}/api/docs/", served.url), LONG)
        .await;
    assert!(
        !page.said.contains("Content Security Policy"),
        "{}",
        page.said
    );
    let api = served.get("/api/openapi.json").await.json();
    for path in api["paths"].as_object().unwrap().keys() {
        let shown = json!(path).as_str().unwrap().to_owned();
        assert!(
            page.dom.contains(&format!("data-path=\"{shown}\"")),
            "no {shown} in {}",
            page.dom
        );
    }
}
