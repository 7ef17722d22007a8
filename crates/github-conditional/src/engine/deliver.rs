//! After any other answer: it goes to whoever waits, and is recorded where that is of use.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::CacheStore;
use http::Response;
use http_body::Body;

use super::answer::{Head, Landed, content_length};
use super::call::{Call, Led};
use super::commit::Commit;
use super::prepare::Sent;
use crate::entry::Entry;
use crate::error::BoxError;
use crate::outcome::{Outcome, Storing};
use crate::recording::Recording;
use crate::recording::pump::Recorder;

/// The body of an answer.
pub(super) enum Content<B> {
    /// It is still arriving.
    Arriving(B),
    /// It is here: it had to be read to understand the answer.
    Here(Bytes),
}

impl<S, St: CacheStore<Entry>> Call<'_, S, St> {
    /// GitHub's answer goes to the client, and to all who wait for the same.
    pub(super) fn deliver<B>(
        mut self,
        sent: Sent,
        outcome: Outcome,
        head: Head,
        content: Content<B>,
        requested_at: SystemTime,
    ) -> Led<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body = match content {
            Content::Arriving(body) => body,
            Content::Here(body) => {
                let head = Arc::new(head);
                return self.land(Landed::Whole {
                    outcome,
                    head,
                    body,
                });
            }
        };
        let storing = match outcome {
            Outcome::Fetched(storing) | Outcome::Changed(storing) => storing,
            _ => Storing::Status,
        };
        let announced = content_length(&head.headers);
        let limit = self.engine.options.max_cacheable_body_bytes;
        let too_large = announced.is_some_and(|length| length > limit as u64);
        let alone = matches!(
            storing,
            Storing::TooLarge | Storing::Encoded | Storing::Forbidden
        );
        let lead = self.lead.take().filter(|lead| {
            let shared = !alone && !too_large;
            if !shared {
                lead.land(Landed::Unshared);
            }
            shared
        });
        let Some(lead) = lead else {
            let mut response = Response::new(body);
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
            return Led::Relayed(Box::new((outcome, response)));
        };
        let head = Arc::new(head);
        if body.is_end_stream() && storing != Storing::Recorded {
            self.lead = Some(lead);
            let body = Bytes::new();
            return self.land(Landed::Whole {
                outcome,
                head,
                body,
            });
        }
        let commit = (storing == Storing::Recorded).then(|| {
            let head = Arc::clone(&head);
            Commit::new(
                Arc::clone(&self.engine),
                self.request,
                sent.found,
                &sent.salt,
                sent.uri,
                head,
                requested_at,
            )
            .awaited(self.cold.take())
        });
        // Whoever waits for a first fetch need not wait for a body that will not be stored.
        self.cold = None;
        let recording = Recording::new(limit, self.engine.budget.clone());
        let landed = Landed::Streaming {
            outcome,
            head: Arc::clone(&head),
            recording: recording.clone(),
        };
        // The leader's own place, taken before the pump can get ahead of it.
        let Some(reader) = recording.attach() else {
            unreachable!("a recording that has not begun has lost nothing");
        };
        lead.land_passing(landed);
        let recorder = Recorder {
            recording,
            keep: commit,
            announced,
            idle_timeout: self.engine.options.body_idle_timeout,
            observer: Arc::clone(&self.engine.observer),
            lead,
        };
        tokio::spawn(recorder.run(body));
        Led::Streaming {
            outcome,
            head,
            reader,
        }
    }
}
