//! reqwest in both ways: as the client below the layer, and with the cache among its middlewares.

use embedding::{Fallible, github, options, show, stored, used};
use github_conditional::ConditionalLayer;
use github_conditional::reqwest::ReqwestService;
use github_conditional::reqwest_middleware::ConditionalMiddleware;
use tower::Layer;

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let layer = ConditionalLayer::builder()
        .options(options(&github))
        .build()?;
    let client = reqwest::Client::builder()
        .user_agent("with-reqwest")
        .build()?;
    let url = format!("{}/repos/octocat/Hello-World", github.url());
    let token = github.user_token("octocat");

    // Below the layer: `execute` takes and gives what reqwest's own does.
    let service = layer.layer(ReqwestService::new(client.clone()));
    let request = client.get(&url).bearer_auth(&token).build()?;
    let first = service.execute(request).await?.error_for_status()?;
    let first = first.bytes().await?;
    stored(&*layer.inspect()).await;

    // Among middlewares, and with the same cache.
    let chain = reqwest_middleware::ClientBuilder::new(client)
        .with(ConditionalMiddleware::new(&layer))
        .build();
    let second = chain.get(&url).bearer_auth(&token).send().await?;
    let second = second.error_for_status()?.bytes().await?;

    show("both ways give the same bytes", || first == second)?;
    show("together they cost one request", || used(&github) == 1)
}
