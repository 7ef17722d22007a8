//! When a request may be sent a second time.
//!
//! GitHub closes idle connections; a request that is sent just then finds the door shut (RFC 9112 §9.3.1).
//! Such a request is repeated once, if repeating it cannot do harm: GET and HEAD without a body, on a connection that had
//! served before, with no byte of an answer.
//!
//! **A write is sent exactly once.**
//! This module never repeats one, and hyper-util's own `retry_canceled_requests`, which stays on, repeats only what was
//! never begun: it needs the whole request back from hyper, and hyper gives a request back only while it still lies in
//! the connection's queue. From there it is taken out before its first byte is encoded or its body polled, and from
//! then on every error comes without it. So a body that has begun to flow cannot flow twice, and a write on a
//! connection that is known to be dead still gets its one try.

use std::error::Error as StdError;
use std::io;

use http::{HeaderMap, Method, Request, Uri};
use http_body::Body;
use hyper_util::client::legacy::Error as ClientError;

use crate::dial::Past;
use crate::observer::ConnectionUse;
use crate::request_body::RequestBody;

/// A request that may be sent again: its head, since hyper keeps the one that is sent.
#[derive(Debug)]
pub(crate) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    /// The spare of a read without a body; nothing else has one.
    pub(crate) fn of(request: &Request<RequestBody>) -> Option<Self> {
        let repeatable = matches!(*request.method(), Method::GET | Method::HEAD)
            && request.body().is_end_stream();
        repeatable.then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    pub(crate) fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::default());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// What a failed exchange allows a read to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The connection was found gone.
    Once,
    /// No connection came about: GitHub is not there, and asking again at once would not bring it back.
    NeverConnected,
    /// The connection was made for this request: this is no accident of timing.
    FreshConnection,
    /// An answer had begun.
    AnswerBegun,
    /// What went wrong is not a lost connection.
    OtherFailure,
}

impl Repeat {
    pub(crate) fn after(error: &ClientError) -> Self {
        if error.is_connect() {
            return Self::NeverConnected;
        }
        let mut extras = http::Extensions::new();
        if let Some(connection) = error.connect_info() {
            connection.get_extras(&mut extras);
        }
        match extras.get::<Past>() {
            Some(past) => Self::decide(past.connection_use(), past, is_lost_connection(error)),
            None => Self::OtherFailure,
        }
    }

    fn decide(connection: ConnectionUse, past: &Past, lost: bool) -> Self {
        match connection {
            _ if !lost => Self::OtherFailure,
            ConnectionUse::New => Self::FreshConnection,
            ConnectionUse::Reused if !past.is_silent() => Self::AnswerBegun,
            // Frames of other streams say nothing about this one, whose head has not arrived or there were no error.
            ConnectionUse::Reused | ConnectionUse::Shared => Self::Once,
        }
    }
}

/// Did the connection go away, as opposed to: did something wrong arrive on it?
fn is_lost_connection(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed() || error.is_canceled())
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // RFC 9113 §6.8, §8.7: a stream refused, or beyond the last one of a GOAWAY, was not processed.
            return error.is_io()
                || matches!(
                    error.reason(),
                    Some(h2::Reason::NO_ERROR | h2::Reason::REFUSED_STREAM)
                );
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::NotConnected
                    | io::ErrorKind::UnexpectedEof
            );
        }
        cause = error.source();
    }
    false
}
