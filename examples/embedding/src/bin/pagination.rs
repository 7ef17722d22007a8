//! A list of several pages as a stream, what it costs to read it again, and what happens when it grows meanwhile.

use embedding::{Fallible, github, show, stored, used};
use futures_util::{StreamExt, TryStreamExt};
use github_conditional::Client;
use github_conditional::pages::Drift;
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize, PartialEq)]
struct Issue {
    number: u64,
}

const ISSUES: &str = "/repos/octocat/Hello-World/issues?state=all&per_page=10";

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let client = Client::builder().base_url(github.url());
    let client = client.token(github.user_token("octocat")).build()?;

    let first: Vec<Issue> = client.pages(ISSUES)?.items().try_collect().await?;
    stored(&*client.service().inspect()).await;
    let before = used(&github);
    let second: Vec<Issue> = client.pages(ISSUES)?.items().try_collect().await?;
    println!("{} issues", first.len());
    show("the same list again costs nothing", || {
        first == second && used(&github) == before
    })?;

    // The newest issue comes first, so everything moves while the list is read.
    let add = json!({"change": "add_issue", "repo": "octocat/Hello-World"});
    let mut issues = client.pages(ISSUES)?.items::<Issue>();
    issues.next().await.ok_or("no issue")??;
    github.change(add.clone())?;
    let end: Result<Vec<Issue>, _> = issues.try_collect().await;
    show("by default a list that changes ends with an error", || {
        end.is_err_and(|error| error.is_drift())
    })?;

    let again = client.pages(ISSUES)?.drift(Drift::Restart { at_most: 3 });
    let mut issues = again.items::<Issue>();
    let mut seen = vec![issues.next().await.ok_or("no issue")??];
    github.change(add)?;
    seen.extend(issues.try_collect::<Vec<_>>().await?);
    seen.sort_by_key(|issue| issue.number);
    seen.dedup();
    show(
        "with restarts each issue comes once, the new ones too",
        || seen.len() == first.len() + 2,
    )
}
