//! An answer on its way into the store: its body streams to whoever waits, and is stored at its clean end.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use http::{HeaderMap, StatusCode};
use http_body::Body;

use super::ask::{Call, FlightLead, times};
use super::controls::Controls;
use super::engine::Engine;
use super::read::Landed;
use super::resource::Resource;
use super::selection::{Selection, Vary};
use super::stored::{Stored, Terms};
use super::update::storable_headers;
use crate::engine::answer::content_length;
use crate::error::BoxError;
use crate::observer::Event;
use crate::outcome::Outcome;
use crate::recording::Recording;
use crate::recording::pump::{Keep, Recorder};

/// The head of an answer, and when it was asked for and came.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) requested_at: SystemTime,
    pub(super) received_at: SystemTime,
}

/// What is stored when the body has ended cleanly.
pub(crate) struct Keeper<St> {
    engine: Arc<Engine<St>>,
    key: StoreKey,
    answer: Arc<Stored>,
}

impl<St: CacheStore<Resource>> Keep for Keeper<St> {
    fn update(&mut self, _chunk: &[u8]) {}

    async fn store(self, body: Bytes) {
        let bytes = body.len() as u64;
        let mut answer = Stored::clone(&self.answer);
        answer.body = body.into();
        let most = self.engine.options.max_variants;
        let resource = Resource::holding(Arc::new(answer), most);
        self.engine.save(&self.key, resource).await;
        self.engine.observer.observe(&Event::Committed { bytes });
    }
}

impl<S, St: CacheStore<Resource>> Call<S, St> {
    /// Records the body while it streams to the client, and to all who wait and may have it.
    pub(super) fn record<B>(
        mut self,
        outcome: Outcome,
        incoming: Incoming,
        body: B,
    ) -> super::Answer<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let options = &self.engine.options;
        let controls = Controls::of(&incoming.headers, options);
        let Vary::Names(names) = Vary::of(&incoming.headers) else {
            return self.relayed(outcome, incoming, body);
        };
        let headers = storable_headers(&incoming.headers, &controls);
        let answer = Arc::new(Stored {
            selection: Selection::new(&self.engine.secret, names, self.asked.headers()),
            status: incoming.status,
            times: times(
                incoming.status,
                &incoming.headers,
                &controls,
                (incoming.requested_at, incoming.received_at),
                options,
            ),
            terms: Terms::of(&controls, options),
            headers,
            body: Bytes::new().into(),
        });
        let recording =
            Recording::new(options.max_cacheable_body_bytes, self.engine.budget.clone());
        // The client's own place, taken before the pump can get ahead of it.
        let reader = recording.attach();
        self.land(Landed::Streaming {
            outcome,
            answer: Arc::clone(&answer),
            recording: recording.clone(),
        });
        let keeper = Keeper {
            engine: Arc::clone(&self.engine),
            key: self.asked.key,
            answer,
        };
        let recorder: Recorder<_, Option<FlightLead>> = Recorder {
            announced: content_length(&incoming.headers),
            recording,
            keep: Some(keeper),
            idle_timeout: options.body_idle_timeout,
            observer: Arc::clone(&self.engine.observer),
            lead: self.lead.take(),
        };
        tokio::spawn(recorder.run(body));
        self.asked.leading(outcome, incoming, reader)
    }
}
