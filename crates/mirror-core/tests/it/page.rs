//! The page in a real browser: its script renews it, and nothing is against its own policy.

use serde_json::json;
use test_servers::Browser;

use crate::rig::Rig;

#[tokio::test]
async fn a_browser_renews_the_page_within_its_own_policy() {
    let Some(browser) = Browser::found() else {
        return;
    };
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    rig.get("/repos/octo/hello", &token).await;
    rig.get("/repos/octo/hello", &token).await;
    let url = format!("{}/_mirror/", rig.url);

    let page = browser.show(&url, &["--virtual-time-budget=10000"]).await;
    let (live, said) = (page.dom, page.said);
    assert!(
        live.contains("class=\"live on\""),
        "the script did not renew the page: {live}"
    );
    assert!(!said.contains("Content Security Policy"), "{said}");

    for part in [
        "50.0\u{202f}%",
        "/repos/{owner}/{repo}",
        "4\u{202f}999 of 5\u{202f}000",
        "memory",
    ] {
        assert!(live.contains(part), "no {part} in {live}");
    }
}
