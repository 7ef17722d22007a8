//! What has just happened, for those who listen: numbered messages, the newest of which are kept for replay.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast::{self, Receiver, Sender};

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// An event that was not known.
    Event,
    /// The statistics of a repository have changed.
    Stats,
    /// Events of a repository may be missing.
    Gap,
}

impl Topic {
    /// The word in `event:` and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Stats => "stats",
            Self::Gap => "gap",
        }
    }
}

/// One message, in the form in which it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    number: u64,
    pub(crate) text: Arc<str>,
}

/// All messages of this process. Clones share everything.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Mutex<Inner>>);

struct Inner {
    /// Numbers of another process are not ours.
    epoch: u32,
    next: u64,
    kept: VecDeque<Message>,
    keep: usize,
    sender: Sender<Message>,
}

/// One who listens: first what was missed, then what comes.
#[derive(Debug)]
pub(crate) struct Listener {
    missed: VecDeque<Message>,
    coming: Receiver<Message>,
}

impl Hub {
    /// Keeps so many messages; who falls behind by more is dropped.
    pub(crate) fn new(keep: usize) -> Self {
        let (sender, _) = broadcast::channel(keep.max(1));
        Self(Arc::new(Mutex::new(Inner {
            epoch: getrandom::u32().unwrap_or_default(),
            next: 1,
            kept: VecDeque::new(),
            keep: keep.max(1),
            sender,
        })))
    }

    /// Tells all who listen. `json` has no line breaks outside its strings, as compact JSON has none.
    pub(crate) fn publish(&self, topic: Topic, json: &str) {
        let mut inner = self.0.lock();
        let number = inner.next;
        inner.next += 1;
        let id = format!("{:08x}-{number}", inner.epoch);
        let message = Message {
            number,
            text: frame(&id, topic, json).into(),
        };
        if inner.kept.len() == inner.keep {
            inner.kept.pop_front();
        }
        inner.kept.push_back(message.clone());
        // Nobody may be listening.
        let _ = inner.sender.send(message);
    }

    /// Begins to listen, after the message with this id if there was one.
    ///
    /// An id that is not known, of a former process or too old, gets all that is kept: rather twice than never.
    pub(crate) fn listen(&self, last_id: Option<&str>) -> Listener {
        let inner = self.0.lock();
        let after = last_id.map(|id| number_of(id, inner.epoch).unwrap_or(0));
        let missed = inner.kept.iter();
        let missed = missed.filter(|message| after.is_some_and(|after| message.number > after));
        Listener {
            missed: missed.cloned().collect(),
            // Under the same lock: nothing comes between.
            coming: inner.sender.subscribe(),
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.lock();
        f.debug_struct("Hub")
            .field("next", &inner.next)
            .finish_non_exhaustive()
    }
}

fn number_of(id: &str, epoch: u32) -> Option<u64> {
    let (of, number) = id.trim().split_once('-')?;
    (u32::from_str_radix(of, 16) == Ok(epoch)).then(|| number.parse().ok())?
}

/// A message of server-sent events. A line break within the data begins another `data:` line.
fn frame(id: &str, topic: Topic, json: &str) -> String {
    let mut text = format!("id: {id}\nevent: {}\n", topic.as_str());
    for line in json.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

impl Listener {
    /// The next message; none for one who fell too far behind.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        if let Some(message) = self.missed.pop_front() {
            return Some(message);
        }
        // It fails for those who have fallen too far behind.
        self.coming.recv().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(message: &Message) -> String {
        let line = message.text.lines().next().unwrap();
        line.strip_prefix("id: ").unwrap().to_owned()
    }

    async fn data_of(listener: &mut Listener) -> String {
        let message = listener.next().await.unwrap();
        let line = message.text.lines().nth(2).unwrap();
        line.strip_prefix("data: ").unwrap().to_owned()
    }

    #[tokio::test]
    async fn who_comes_back_gets_what_was_missed_once() {
        let hub = Hub::new(10);
        let mut listener = hub.listen(None);
        hub.publish(Topic::Event, "1");
        hub.publish(Topic::Stats, "2");
        let first = listener.next().await.unwrap();
        assert!(first.text.ends_with("event: event\ndata: 1\n\n"));
        drop(listener);
        hub.publish(Topic::Gap, "3");
        let mut again = hub.listen(Some(&id_of(&first)));
        hub.publish(Topic::Event, "4");
        for expected in ["2", "3", "4"] {
            assert_eq!(data_of(&mut again).await, expected);
        }
    }

    #[tokio::test]
    async fn an_unknown_id_gets_all_that_is_kept_and_no_id_gets_none_of_it() {
        let hub = Hub::new(2);
        for text in ["1", "2", "3"] {
            hub.publish(Topic::Event, text);
        }
        for id in ["", "x", "00000000-99-1", "zzz-1"] {
            let mut listener = hub.listen(Some(id));
            assert_eq!(data_of(&mut listener).await, "2", "{id}");
            assert_eq!(data_of(&mut listener).await, "3", "{id}");
        }
        let mut new = hub.listen(None);
        hub.publish(Topic::Event, "4");
        assert_eq!(data_of(&mut new).await, "4");
    }

    #[tokio::test]
    async fn who_falls_behind_is_dropped() {
        let hub = Hub::new(4);
        let mut slow = hub.listen(None);
        for number in 0..100 {
            hub.publish(Topic::Event, &number.to_string());
        }
        assert!(slow.next().await.is_none());
    }

    #[test]
    fn a_line_break_is_another_line_of_data() {
        let text = frame("1", Topic::Event, "{\n\"a\":1}");
        assert_eq!(text, "id: 1\nevent: event\ndata: {\ndata: \"a\":1}\n\n");
    }
}
