//! What happens, as it happens: server-sent events.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, header};
use service_runtime::Shutdown;
use tokio::sync::OwnedSemaphorePermit;

use super::Monitor;
use super::answer::Answer;
use super::described::NoKey;
use super::shapes::ErrorObject;
use crate::herald::Listener;
use crate::problem::Problem;

/// What a browser waits before it comes back, in the words of the protocol; and something to see at once.
const GREETING: &[u8] = b"retry: 3000\n: listening\n\n";

/// A comment, so that a dead connection is noticed.
const HEARTBEAT: &[u8] = b": still here\n\n";

struct Connection {
    listener: Listener,
    heartbeat: Duration,
    shutdown: Shutdown,
    greeted: Greeted,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeted {
    Yes,
    No,
}

/// New events, changed statistics and gaps, as they come.
///
/// `event:` is `event`, `stats` or `gap`; `data:` is GitHub's JSON, a statistics object or a gap with its `repository`.
/// A client that falls too far behind is disconnected; with `Last-Event-ID` it gets what it has missed, from whichever
/// process it comes back to. Statistics are those of the moment in which they are sent.
#[utoipa::path(
    get, path = "/api/stream", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The last `id:` that was seen: what came after it is sent first")),
    responses(
        (status = 200, description = "Server-sent events without end", body = String, content_type = "text/event-stream"),
        NoKey,
        (status = 503, description = "Too many clients listen, or the database does not answer", body = ErrorObject),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn listen(State(shared): Monitor, asked: HeaderMap) -> Answer {
    let place = std::sync::Arc::clone(&shared.listeners).try_acquire_owned();
    let place = place.map_err(|_| Problem::TooManyListeners)?;
    let last = asked.get("last-event-id").map(HeaderValue::as_bytes);
    let last = last.map(String::from_utf8_lossy);
    let connection = Connection {
        listener: shared.herald.listen(last.as_deref()).await?,
        heartbeat: shared.heartbeat,
        shutdown: shared.shutdown.clone(),
        greeted: Greeted::No,
        _place: place,
    };
    let frames = stream::unfold(connection, |mut connection| async move {
        let frame = connection.next().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), connection))
    });
    let mut answer = Response::new(Body::from_stream(frames));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers would collect for ever.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

impl Connection {
    /// None for one who fell too far behind, and when the process ends.
    async fn next(&mut self) -> Option<Bytes> {
        if self.greeted == Greeted::No {
            self.greeted = Greeted::Yes;
            return Some(Bytes::from_static(GREETING));
        }
        tokio::select! {
            message = self.listener.next() => {
                Some(Bytes::copy_from_slice(message?.text.as_bytes()))
            }
            () = self.shutdown.requested() => None,
            () = tokio::time::sleep(self.heartbeat) => Some(Bytes::from_static(HEARTBEAT)),
        }
    }
}
