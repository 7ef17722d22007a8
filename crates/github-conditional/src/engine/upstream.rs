//! The upstream request of a read, and its way through the wrapped client.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use github_headers::EntityTag;
use http::header::{ACCEPT_ENCODING, IF_MODIFIED_SINCE, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower_service::Service;

use crate::error::{BoxError, SharedError, classify};
use crate::outcome::Trouble;
use crate::policy::limits::READ_WHOLE_BYTES;

/// The upstream call failed before an answer arrived.
#[derive(Clone, Debug)]
pub(crate) struct CallFailure {
    pub(crate) trouble: Trouble,
    pub(crate) source: SharedError,
}

/// Sends one request.
///
/// Written out, because an `async fn` would keep room for the request twice.
pub(crate) fn send<S, ReqB, ResB>(
    inner: &mut S,
    request: Request<ReqB>,
) -> impl Future<Output = Result<Response<ResB>, CallFailure>>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    let failure = |error: S::Error| {
        let error: BoxError = error.into();
        CallFailure {
            trouble: classify(&*error),
            source: SharedError::new(error),
        }
    };
    async move {
        poll_fn(|context| inner.poll_ready(context))
            .await
            .map_err(failure)?;
        inner.call(request).await.map_err(failure)
    }
}

/// Agents for which GitHub pretty-prints, after it has computed the tag over the compact form.
const PRETTY_PRINTED: [&[u8]; 4] = [b"curl", b"Wget", b"Safari", b"Firefox"];

/// Makes the headers of a read fit for the cache: what is stored is the plain body that the tag describes.
pub(crate) fn normalise(headers: &mut HeaderMap, plain_user_agent: &str) {
    headers.remove(ACCEPT_ENCODING);
    let pretty = headers.get(USER_AGENT).is_some_and(|agent| {
        PRETTY_PRINTED.iter().any(|name| {
            agent
                .as_bytes()
                .windows(name.len())
                .any(|window| window == *name)
        })
    });
    if pretty && let Ok(plain) = HeaderValue::from_str(plain_user_agent) {
        headers.insert(USER_AGENT, plain);
    }
}

/// Asks about one tag. The client's own validators have been taken out, so exactly one is sent.
pub(crate) fn ask_for_tag(headers: &mut HeaderMap, tag: &EntityTag) {
    headers.insert(IF_NONE_MATCH, tag.to_header_value());
}

/// Asks about one date.
pub(crate) fn ask_for_date(headers: &mut HeaderMap, date: &HeaderValue) {
    headers.insert(IF_MODIFIED_SINCE, date.clone());
}

/// The whole of a small body, which has to be understood before anything is answered.
///
/// # Errors
/// Why there is no whole body: it stalled, broke off, or is far larger than any message of GitHub's. Then there is no
/// answer either: half of one must not look like all of it.
pub(crate) async fn read_whole<B>(body: B, patience: Duration) -> Result<Bytes, CallFailure>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let limited = Box::pin(Limited::new(body, READ_WHOLE_BYTES));
    match tokio::time::timeout(patience, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(CallFailure {
            trouble: classify(&*error),
            source: SharedError::new(error),
        }),
        Err(elapsed) => Err(CallFailure {
            trouble: Trouble::Timeout,
            source: SharedError::new(elapsed.into()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_that_get_pretty_json_are_replaced() {
        #[track_caller]
        fn check(agent: &'static str, expected: &str) {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(agent));
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br"));
            normalise(&mut headers, "plain/1");
            assert_eq!(headers[USER_AGENT], expected);
            assert!(!headers.contains_key(ACCEPT_ENCODING));
        }
        check("curl/8.5.0", "plain/1");
        check("Mozilla/5.0 (X11) Gecko/20100101 Firefox/140.0", "plain/1");
        check("PyGithub/Python", "PyGithub/Python");
        check("octokit.js/22", "octokit.js/22");
    }
}
