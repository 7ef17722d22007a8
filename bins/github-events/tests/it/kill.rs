//! Killed at any moment, the program loses no event, stores none twice, and asks for nothing twice.

use std::time::Duration;

use crate::program::{Place, ids, repository, until};

const KILLS: u64 = 100;

/// The same choices in every run; where they hit the program is chance enough.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_a_hundred_times_it_loses_nothing_and_asks_nothing_twice() {
    let place = Place::new().await;
    let mut random = Random(8);
    let mut expected = place.happen(3);
    let began = place.sim.clock().now();
    for kill in 0..KILLS {
        let before = match place.database().exists() {
            true => {
                let store = place.store().await;
                let before = repository(&store).await;
                store.close().await;
                before
            }
            false => None,
        };
        let asked = place.questions().len();
        let mut program = place.serve();
        expected.extend(place.happen(random.below(3)));
        match random.below(3) {
            // Anywhere from the first instruction on.
            0 => tokio::time::sleep(Duration::from_millis(random.below(400))).await,
            // While an answer is read or stored.
            _ => {
                until("a question", async || {
                    (place.questions().len() > asked).then_some(())
                })
                .await;
                tokio::time::sleep(Duration::from_millis(random.below(25))).await;
            }
        }
        expected.extend(place.happen(random.below(3)));
        // SIGKILL.
        program.kill().await.unwrap();
        // What was stored before is what the first question names.
        if let Some(before) = before
            && let Some(question) = place.questions().get(asked)
            && before.silence.since.is_none()
        {
            assert_eq!(*question, before.etag, "after kill {kill}");
        }
    }
    let mut program = place.serve();
    let store = until("the database", async || {
        place.database().exists().then_some(())
    });
    store.await;
    let store = place.store().await;
    expected.sort();
    until("all events to be stored", async || {
        let stored = repository(&store).await?;
        (stored.events_stored >= expected.len() as u64).then_some(())
    })
    .await;
    program.kill().await.unwrap();
    let stored = repository(&store).await.unwrap();
    assert_eq!(ids(&store, &stored).await, expected);
    assert_eq!(stored.events_stored, expected.len() as u64);
    assert_eq!(store.gaps(stored.id).await.unwrap(), []);
    // Each question had begun in the store before it was asked, and none began within a second of another.
    let asked = place.questions().len() as u64;
    let begun = stored.poll_number.unsigned_abs();
    let seconds = (place.sim.clock().now() - began).unsigned_abs();
    assert!(asked <= begun, "{asked} questions, {begun} begun");
    assert!(begun <= seconds + 1, "{begun} begun in {seconds} s");
}
