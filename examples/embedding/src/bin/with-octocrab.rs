//! octocrab over the cache: a list of several pages, and what reading it again costs.

use embedding::{Fallible, github, options, show, stored, used};
use github_conditional::{ConditionalLayer, hyper::https_client, octocrab::builder};
use octocrab::AuthState;

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let layer = ConditionalLayer::builder()
        .options(options(&github))
        .build()?;
    let token = format!("Bearer {}", github.user_token("octocat")).parse()?;
    let octocrab = builder(https_client()?, &layer, Some(token))?
        .with_auth(AuthState::None)
        .build()?;

    let mut titles = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..2 {
        let before = used(&github);
        let issues = octocrab.issues("octocat", "Hello-World");
        let page = issues.list().per_page(10).send().await?;
        let issues = octocrab.all_pages(page).await?;
        titles.push(
            issues
                .into_iter()
                .map(|issue| issue.title)
                .collect::<Vec<_>>(),
        );
        costs.push(used(&github) - before);
        stored(&*layer.inspect()).await;
    }
    println!("{} issues; cost {costs:?}", titles[0].len());
    show("both reads give the same issues", || titles[0] == titles[1])?;
    show(
        "the first costs a request a page, the second nothing",
        || costs[0] > 1 && costs[1] == 0,
    )
}
