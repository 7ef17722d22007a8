//! Our engine in a replay: github-conditional as it is, with GitHub below it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use github_conditional::stores::MemoryStore;
use github_conditional::{Conditional, ConditionalLayer, Entry, FingerprintKey};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt};

use super::world::{Answer, Page, World};
use super::{Delivered, Next, Reads};
use crate::Fallible;

/// The engine.
#[derive(Clone)]
pub struct Ours {
    world: Arc<World>,
    service: Conditional<Wire, MemoryStore<Entry>>,
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ours")
    }
}

impl Ours {
    /// One with nothing in it.
    ///
    /// # Errors
    /// When the key is refused.
    pub fn new(world: &Arc<World>) -> Fallible<Self> {
        let clock = Arc::clone(world);
        let layer = ConditionalLayer::builder()
            .fingerprint_key(FingerprintKey::new(b"the same in each replay"))
            .clock(move || clock.now())
            .build()?;
        Ok(Self {
            world: Arc::clone(world),
            service: layer.layer(Wire(Arc::clone(world))),
        })
    }
}

impl Reads for Ours {
    async fn read(&self, page: Page, token: String) -> Option<Delivered> {
        let url = format!("https://api.github.com{}", self.world.target(page));
        let request = Request::get(url)
            .header("accept", "application/vnd.github+json")
            .header("authorization", token)
            .header("user-agent", "replay")
            .body(Full::default())
            .ok()?;
        let answer = self.service.clone().oneshot(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let next = match has_next(answer.headers()) {
            true => Next::Named,
            false => Next::None,
        };
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some(Delivered { body, next })
    }
}

fn has_next(headers: &HeaderMap) -> bool {
    let link = headers.get("link").and_then(|link| link.to_str().ok());
    link.is_some_and(|link| link.contains("rel=\"next\""))
}

/// GitHub as an HTTP client sees it.
#[derive(Clone)]
struct Wire(Arc<World>);

impl Service<Request<Full<Bytes>>> for Wire {
    type Response = Response<Full<Bytes>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future =
        Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            let target = request
                .uri()
                .path_and_query()
                .map_or("/", |target| target.as_str());
            let page = world.page(target).ok_or("there is no such page")?;
            let header = |name: &str| {
                let value = request.headers().get(name);
                value.map_or(&b""[..], |value| value.as_bytes())
            };
            let known = request.headers().get("if-none-match");
            let known = known.and_then(|known| known.to_str().ok());
            let answer = world
                .ask(page, header("accept"), header("authorization"), known)
                .await;
            let mut response = Response::new(Full::default());
            let tag = match answer {
                Answer::Down => return Err("nobody answers".into()),
                Answer::Unchanged { tag } => {
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                    tag
                }
                Answer::Whole { tag, body, next } => {
                    *response.body_mut() = Full::from(body);
                    let headers = response.headers_mut();
                    headers.insert("content-type", "application/json; charset=utf-8".parse()?);
                    if next == Next::Named {
                        let number = page.number + 1;
                        let target = world.target(Page { number, ..page });
                        let link = format!("<https://api.github.com{target}>; rel=\"next\"");
                        headers.insert("link", link.parse()?);
                    }
                    tag
                }
            };
            let headers = response.headers_mut();
            headers.insert("etag", tag.parse()?);
            headers.insert("cache-control", "private, max-age=60, s-maxage=60".parse()?);
            headers.insert(
                "vary",
                "Accept, Authorization, Cookie, X-GitHub-OTP".parse()?,
            );
            Ok(response)
        })
    }
}
