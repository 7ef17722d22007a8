//! What is done by itself: probes while GitHub is away, and questions to its status page.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use github_upstream::{Document, RequestBody, Upstream};
use http::{HeaderValue, Method, Request, Uri, header};
use tower_service::Service;

use super::Availability;
use super::status_page;
use super::window::Sample;
use crate::metrics::Instruments;

/// What is asked to find out whether GitHub is there: it is cheap and costs no quota.
const PROBE: &str = "/rate_limit";

/// Probes GitHub while it is away.
pub(crate) async fn probe(
    availability: Arc<Availability>,
    mut upstream: Upstream,
    pause: Duration,
    agent: HeaderValue,
) -> Infallible {
    loop {
        availability.offline().await;
        tokio::time::sleep(pause).await;
        let answered = poll_fn(|context| upstream.poll_ready(context)).await;
        let answered = match answered {
            Ok(()) => upstream.call(question(&agent)).await,
            Err(error) => Err(error),
        };
        availability.probed(match answered {
            Ok(answer) if !answer.status().is_server_error() => Sample::Good,
            Ok(_) | Err(_) => Sample::Bad,
        });
    }
}

/// Without credentials: it is the mirror that asks, not one of its callers.
fn question(agent: &HeaderValue) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::default());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = Uri::from_static(PROBE);
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, agent.clone());
    request
}

/// Asks the status page again and again. Its own failure changes nothing.
pub(crate) async fn read_status_page(
    availability: Arc<Availability>,
    instruments: Arc<Instruments>,
    mut page: Document,
    interval: Duration,
) -> Infallible {
    loop {
        let result = match page.fetch().await {
            Ok(document) => match status_page::read(document) {
                Ok(hint) => {
                    availability.said(hint, interval);
                    hint.as_str()
                }
                Err(unreadable) => {
                    tracing::debug!(reason = unreadable.as_str(), "the status page says nothing");
                    "unreadable"
                }
            },
            Err(error) => {
                tracing::debug!(%error, "the status page cannot be read");
                "failed"
            }
        };
        instruments.status_page_asked(result);
        tokio::time::sleep(interval).await;
    }
}
