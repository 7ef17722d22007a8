//! The stream: what happens, as it happens, and once more for those who come back.

use http::{Method, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::place::{Place, over_both};
use super::served::Served;

over_both!(
    events_statistics_and_gaps_come_as_they_happen_and_again_for_who_comes_back,
    only_so_many_may_listen,
    streams_end_when_the_process_does,
);

/// One who listens.
struct Ear {
    answer: Response<Incoming>,
    heard: String,
}

#[derive(Debug)]
struct Said {
    id: String,
    event: String,
    data: Value,
}

impl Ear {
    async fn listen(served: &Served, last_id: Option<&str>) -> Self {
        let headers: Vec<(&str, &str)> = last_id
            .map(|id| ("last-event-id", id))
            .into_iter()
            .collect();
        let answer = served.open(Method::GET, "/api/stream/", &headers, "").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let mut ear = Self {
            answer,
            heard: String::new(),
        };
        // Who has been greeted misses nothing from then on.
        while !ear.heard.contains(": listening\n\n") {
            assert!(ear.more().await, "it ended before the greeting");
        }
        ear
    }

    async fn more(&mut self) -> bool {
        let Some(frame) = self.answer.body_mut().frame().await else {
            return false;
        };
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            self.heard.push_str(std::str::from_utf8(data).unwrap());
        }
        true
    }

    /// The next message, comments aside.
    async fn next(&mut self) -> Said {
        loop {
            while let Some((message, rest)) = self.heard.split_once("\n\n") {
                let lines: Vec<String> = message.lines().map(str::to_owned).collect();
                self.heard = rest.to_owned();
                let field = |name: &str| {
                    let line = lines.iter().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                if !field("data: ").is_empty() {
                    return Said {
                        id: field("id: "),
                        event: field("event: "),
                        data: serde_json::from_str(&field("data: ")).unwrap(),
                    };
                }
            }
            assert!(self.more().await, "the stream has ended");
        }
    }
}

async fn events_statistics_and_gaps_come_as_they_happen_and_again_for_who_comes_back(
    place: &Place,
) {
    let served = place.with_events(1).await;
    let mut ear = Ear::listen(&served, None).await;
    let happened = served.github.happen("r", 2, 60);
    served.pass(3_600);
    let (first, second, third) = (ear.next().await, ear.next().await, ear.next().await);
    for (said, id) in [&first, &second].into_iter().zip(&happened) {
        assert_eq!(
            (said.event.as_str(), &said.data["id"]),
            ("event", &json!(id))
        );
        assert_eq!(said.data["type"], "WatchEvent");
    }
    assert_eq!(third.event, "stats");
    assert_eq!(
        (&third.data["repository"], &third.data["all"]["count"]),
        (&json!("octo/r"), &json!(3))
    );
    drop(ear);

    // While nobody listens more comes than a feed keeps.
    served.github.happen("r", 301, 1);
    served.pass(3_600);
    served.until_polled("octo/r").await;
    let mut back = Ear::listen(&served, Some(&first.id)).await;
    assert_eq!(back.next().await.id, second.id);
    assert_eq!(back.next().await.id, third.id);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    loop {
        let said = back.next().await;
        *seen.entry(said.event.clone()).or_default() += 1;
        if said.event == "gap" {
            assert_eq!(
                (&said.data["repository"], &said.data["reason"]),
                (&json!("octo/r"), &json!("overflow"))
            );
        }
        if said.event == "stats" {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            ("event".into(), 300),
            ("gap".into(), 1),
            ("stats".into(), 1)
        ]
        .into()
    );
    served.stop().await;
}

async fn only_so_many_may_listen(place: &Place) {
    let served = place.start(|config| config.stream.max_clients = 1).await;
    let first = Ear::listen(&served, None).await;
    let refused = served.get("/api/stream").await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (503, "10")
    );
    drop(first);
    test_servers::until("the place is free", async || {
        let answer = served.open(Method::GET, "/api/stream", &[], "").await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

async fn streams_end_when_the_process_does(place: &Place) {
    let served = place.start(|_| {}).await;
    let mut ear = Ear::listen(&served, None).await;
    served.stop().await;
    while ear.more().await {}
}

/// What was said, without what each process computes by itself.
async fn heard(ear: &mut Ear, count: usize) -> Vec<(String, String, Value)> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let said = ear.next().await;
        heard.push((said.id, said.event, said.data["id"].clone()));
    }
    heard
}

fn ids(heard: &[(String, String, Value)]) -> Vec<String> {
    let events = heard.iter().filter(|(_, event, _)| event == "event");
    events
        .map(|(_, _, id)| id.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_process_tells_what_any_of_them_has_stored() {
    let place = Place::server().await;
    // The first one has the lease, and polls.
    let one = place.with_events(1).await;
    let two = one.beside().await;
    let mut at_one = Ear::listen(&one, None).await;
    let mut at_two = Ear::listen(&two, None).await;
    let happened = one.github.happen("r", 3, 60);
    one.pass(3_600);
    let first = heard(&mut at_one, 4).await;
    assert_eq!(ids(&first), happened);
    assert_eq!(first[3].1, "stats");
    // In the same order, under the same ids.
    assert_eq!(heard(&mut at_two, 4).await, first);

    // Who comes back to another process gets what was missed, once, and then what comes.
    drop(at_one);
    let missed = one.github.happen("r", 2, 60);
    one.pass(3_600);
    let second = heard(&mut at_two, 3).await;
    assert_eq!(ids(&second), missed);
    drop(at_two);
    let mut back = Ear::listen(&two, Some(&first[1].0)).await;
    let again = [&first[2..], &second[..]].concat();
    assert_eq!(heard(&mut back, 5).await, again);
    let happened = one.github.happen("r", 1, 60);
    one.pass(3_600);
    assert_eq!(ids(&heard(&mut back, 2).await), happened);

    // The one that polled ends; a process that was never listened to knows as much as the others.
    one.stop().await;
    let happened = two.github.happen("r", 2, 60);
    two.pass(3_600);
    let last = heard(&mut back, 3).await;
    assert_eq!(ids(&last), happened);
    let three = two.beside().await;
    let mut new = Ear::listen(&three, Some(&second[2].0)).await;
    assert_eq!(heard(&mut new, 5).await[2..], last);
}
