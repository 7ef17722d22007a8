//! An axum service whose users bring their own tokens and share one cache: each is shown only what GitHub allows it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing::get};
use embedding::{Fallible, github, show, used};
use github_conditional::Client;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let client = Client::builder().base_url(github.url()).build()?;
    let app = Router::new()
        .route("/summary/{owner}/{name}", get(summary))
        .with_state(client);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let ask = async |login: &str, repository: &str| -> Fallible<StatusCode> {
        let url = format!("http://{address}/summary/octocat/{repository}");
        let token = github.user_token(login);
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send();
        Ok(answer.await?.status())
    };
    let mine = ask("octocat", "secret-plans").await?;
    show("octocat may see its own secret", || mine == StatusCode::OK)?;
    let before = used(&github);
    let again = ask("octocat", "secret-plans").await?;
    show("and again, for nothing", || {
        again == StatusCode::OK && used(&github) == before
    })?;
    let other = ask("hubot", "secret-plans").await?;
    show("hubot may not, though it is stored", || {
        other == StatusCode::NOT_FOUND
    })
}

/// What one user may know of a repository.
async fn summary(
    State(client): State<Client>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let client = client
        .with_token(token)
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    match client.get::<Value>(&format!("/repos/{owner}/{name}")).await {
        Ok(answer) => Ok(Json(json!({"stars": answer.value["stargazers_count"]}))),
        Err(error) if error.is_retryable() => Err(StatusCode::SERVICE_UNAVAILABLE),
        Err(error) => Err(error.status().unwrap_or(StatusCode::BAD_GATEWAY)),
    }
}
