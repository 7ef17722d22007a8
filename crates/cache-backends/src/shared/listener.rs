//! Hears what is told, on a connection of its own: one that listens can do nothing else.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::SharedChange;
use crate::redis::{AbortOnDrop, Connection};

/// What a slow receiver may have waiting before it misses something.
const WAITING_CHANGES: usize = 256;

pub(super) struct Listener {
    changes: broadcast::Sender<SharedChange>,
    channel: String,
    _listening: AbortOnDrop,
}

impl Listener {
    pub(super) fn start(connection: Connection, channel: String, timeout: Duration) -> Self {
        let (changes, _) = broadcast::channel(WAITING_CHANGES);
        let listening = listen(connection, channel.clone(), timeout, changes.clone());
        Self {
            _listening: AbortOnDrop::spawn(listening),
            changes,
            channel,
        }
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<SharedChange> {
        self.changes.subscribe()
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }
}

/// Subscribes anew on every new connection.
async fn listen(
    connection: Connection,
    channel: String,
    timeout: Duration,
    changes: broadcast::Sender<SharedChange>,
) {
    let mut clients = connection.clients();
    loop {
        let client = clients.borrow_and_update().clone();
        tokio::select! {
            () = listen_to(client, &channel, timeout, &changes) => {}
            changed = clients.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// Until another client takes its place.
async fn listen_to(
    client: Client,
    channel: &str,
    timeout: Duration,
    changes: &broadcast::Sender<SharedChange>,
) {
    let mut connected = client.reconnect_rx();
    let mut messages = client.message_rx();
    // The first connection may have been made before there was anybody to hear of it.
    let mut subscribed = !client.is_connected();
    loop {
        if !subscribed {
            let subscribing = client.subscribe(channel);
            subscribed = matches!(tokio::time::timeout(timeout, subscribing).await, Ok(Ok(())));
            if subscribed {
                // Nobody may be listening yet.
                let _ = changes.send(SharedChange::Connected);
            }
        }
        tokio::select! {
            event = connected.recv() => match event {
                Ok(_) | Err(RecvError::Lagged(_)) => subscribed = false,
                Err(RecvError::Closed) => return,
            },
            message = messages.recv() => match message {
                Ok(message) => if let Some(name) = message.value.as_string() {
                    let _ = changes.send(SharedChange::Changed { name: Arc::from(name) });
                },
                // Something was missed: as after a new connection.
                Err(RecvError::Lagged(_)) => {
                    let _ = changes.send(SharedChange::Connected);
                }
                Err(RecvError::Closed) => return,
            },
            // A subscription that failed on a connection that lives is tried again.
            () = tokio::time::sleep(timeout), if !subscribed => {}
        }
    }
}
