//! Three ways to see what is saved: the report of an answer, GitHub's own count, and an observer of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use embedding::{Fallible, github, show, stored, used};
use github_conditional::{Client, Cost, Event};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let kept = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&kept);
    let client = Client::builder()
        .base_url(github.url())
        .token(github.user_token("octocat"))
        .observer(move |event: &Event<'_>| {
            if let Event::Committed { bytes } = event {
                counting.fetch_add(*bytes, Relaxed);
            }
        })
        .build()?;

    let mut paid = 0;
    for round in 1..=6 {
        if round == 4 {
            github.change(json!({"change": "touch_user", "login": "hubot"}))?;
        }
        let answer = client.get::<Value>("/users/hubot").await?;
        stored(&*client.service().inspect()).await;
        let quota = answer.rate_limit().ok_or("GitHub tells its quota")?;
        paid += u32::from(answer.cost() == Cost::OneRequest);
        println!(
            "read {round}: {:<13} {} of {} left",
            answer.cost().as_str(),
            quota.remaining,
            quota.limit
        );
    }
    println!("{} bytes were stored", kept.load(Relaxed));
    show("six reads of two versions cost two requests", || paid == 2)?;
    show("which is what GitHub counted", || used(&github) == paid)?;
    show("the observer saw what was stored", || {
        kept.load(Relaxed) > 0
    })
}
