//! Messages of server-sent events, and the ids by which a client says what it has seen (pure).

use std::sync::Arc;

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
    pub(crate) text: Arc<str>,
}

impl Message {
    /// `json` has no line breaks outside its strings, as compact JSON has none.
    pub(super) fn new(epoch: &str, number: u64, topic: Topic, json: &str) -> Self {
        let id = format!("{epoch}-{number}");
        Self {
            text: frame(&id, topic, json).into(),
        }
    }
}

/// The number in an id; none where it is of another database, or no id at all.
pub(super) fn number_of(id: &str, epoch: &str) -> Option<u64> {
    let (of, number) = id.trim().split_once('-')?;
    (of == epoch).then(|| number.parse().ok())?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_number_in_its_own_database() {
        for (id, expected) in [
            ("ab12-7", Some(7)),
            (" ab12-7 ", Some(7)),
            ("cd34-7", None),
            ("ab12-", None),
            ("ab12-7-1", None),
            ("ab12--7", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(number_of(id, "ab12"), expected, "{id}");
        }
        let message = Message::new("ab12", 7, Topic::Gap, "{}");
        assert_eq!(&*message.text, "id: ab12-7\nevent: gap\ndata: {}\n\n");
    }

    #[test]
    fn a_line_break_is_another_line_of_data() {
        let text = frame("1", Topic::Event, "{\n\"a\":1}");
        assert_eq!(text, "id: 1\nevent: event\ndata: {\ndata: \"a\":1}\n\n");
    }
}
