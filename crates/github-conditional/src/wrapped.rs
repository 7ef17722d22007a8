//! What is asked of an HTTP client that a cache is put around, said once.
//!
//! Nothing has to be implemented: whatever fits has these traits.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::error::BoxError;

/// An HTTP client as a tower service.
pub trait HttpService<Sent>:
    Service<
        Request<Sent>,
        Response = Response<<Self as HttpService<Sent>>::Body>,
        Error: Into<BoxError>,
        Future: Send,
    > + Clone
    + Send
{
    /// The body of its answers.
    type Body: ReceivedBody;
}

impl<S, Sent, Received> HttpService<Sent> for S
where
    S: Service<Request<Sent>, Response = Response<Received>> + Clone + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    Received: ReceivedBody,
{
    type Body = Received;
}

/// A request's body; its default is none.
pub trait SentBody: Body + Default + Send + 'static {}

impl<B: Body + Default + Send + 'static> SentBody for B {}

/// An answer's body.
pub trait ReceivedBody: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B> ReceivedBody for B
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
}
