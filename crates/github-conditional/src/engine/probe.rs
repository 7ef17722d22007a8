//! Looking behind a full last page: asks for page N+1 like any other read, through the same flights and store.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use cache_backends::CacheStore;
use http::{Extensions, HeaderMap, Request, StatusCode, Uri};
use http_body_util::BodyExt;

use super::{Engine, read};
use crate::entry::Entry;
use crate::observer::{Event, Probe};
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// Marks a request that is itself a look behind another page: it looks no further, or a list that answers every page
/// number alike would be walked for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LooksBehind;

/// What lies behind a page.
pub(crate) enum Behind {
    Nothing,
    /// The same items again: the list knows no pages.
    Same,
    /// A page with these headers.
    Page(HeaderMap),
    Unknown,
}

/// Asks for the page behind `front`; headers and extensions are those of the request for that one.
///
/// A resource that knows no pages answers any page number with the same list, which is no page behind.
///
/// The future is boxed by hand, because a read that looks behind is a read within a read.
pub(crate) fn look_behind<'s, S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    inner: S,
    (headers, extensions): (HeaderMap, Extensions),
    next: Uri,
    front: Bytes,
) -> Pin<Box<dyn Future<Output = Behind> + Send + 's>>
where
    S: HttpService<ReqB, Body = ResB> + 's,
    St: CacheStore<Entry>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    Box::pin(async move {
        let mut request = Request::new(ReqB::default());
        *request.uri_mut() = next;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        request.extensions_mut().insert(LooksBehind);
        let behind = match read::answer(Arc::clone(&engine), inner, request).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let headers = answer.headers().clone();
                match answer
                    .into_body()
                    .collect()
                    .await
                    .map(|body| body.to_bytes())
                {
                    Ok(body) if body.trim_ascii() == b"[]" => Behind::Nothing,
                    Ok(body) if body == front => Behind::Same,
                    Ok(body) if body.first() == Some(&b'[') => Behind::Page(headers),
                    Ok(_) | Err(_) => Behind::Unknown,
                }
            }
            _ => Behind::Unknown,
        };
        let probe = match behind {
            Behind::Nothing | Behind::Same => Probe::StillLast,
            Behind::Page(_) => Probe::Grown,
            Behind::Unknown => Probe::Failed,
        };
        engine.observer.observe(&Event::Probed(probe));
        behind
    })
}
