//! The layer around hyper-util's client, and what a second read costs.

use bytes::Bytes;
use embedding::{Fallible, github, options, show, stored, used};
use github_conditional::{ConditionalLayer, Report, hyper::https_client};
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let layer = ConditionalLayer::builder()
        .options(options(&github))
        .build()?;
    let service = layer.layer(https_client()?);

    let url = format!("{}/repos/octocat/Hello-World", github.url());
    let token = format!("Bearer {}", github.user_token("octocat"));
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let request = Request::get(&url)
            .header("authorization", &token)
            .header("user-agent", "with-hyper")
            .body(Full::<Bytes>::default())?;
        let answer = service.clone().oneshot(request).await?;
        let report = answer.extensions().get::<Report>().ok_or("no report")?;
        println!(
            "{} costs {:?}",
            report.cache_status("example"),
            report.cost()
        );
        bodies.push(answer.into_body().collect().await?.to_bytes());
        stored(&*layer.inspect()).await;
    }
    show("both reads give the same bytes", || bodies[0] == bodies[1])?;
    show("together they cost one request", || used(&github) == 1)
}
