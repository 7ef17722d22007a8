use super::*;

const LEASE: Duration = Duration::from_secs(60);

fn profile(login: &str, run_after: Moment) -> NewRun {
    NewRun {
        target: RunTarget::Developer(login.to_owned()),
        depth: 0,
        run_after,
    }
}

async fn queue(store: &Store, login: &str) -> Queued {
    store
        .queue_run(&profile(login, at(0)), at(0))
        .await
        .unwrap()
}

pub(super) async fn a_target_is_queued_once_while_it_lives(store: &Store) {
    let Queued::New(id) = queue(store, "Ada").await else {
        panic!("it was not there");
    };
    assert_eq!(queue(store, "aDA").await, Queued::Already(id));
    let held = store
        .claim_run(id, "w", LEASE, at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(queue(store, "ada").await, Queued::Already(id));
    let until = at(100);
    let end = RunEnd::WaitingQuota { until };
    assert_eq!(
        store.finish_run(&held, &end, at(1)).await.unwrap(),
        Finish::Written
    );
    assert_eq!(queue(store, "ada").await, Queued::Already(id));
    let held = store
        .claim_run(id, "w", LEASE, until)
        .await
        .unwrap()
        .unwrap();
    store.finish_run(&held, &RunEnd::Done, until).await.unwrap();
    assert!(matches!(queue(store, "ada").await, Queued::New(new) if new != id));
    assert!(matches!(
        store
            .queue_run(
                &NewRun {
                    target: RunTarget::Everything,
                    depth: 0,
                    run_after: at(0)
                },
                at(0)
            )
            .await
            .unwrap(),
        Queued::New(_)
    ));
}

pub(super) async fn a_run_is_held_by_one_worker_and_taken_over_at_its_cursor(store: &Store) {
    let id = queue(store, "ada").await.id();
    let mut held = store
        .claim_next_run("first", LEASE, at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((held.id, held.state), (id, RunState::Running));
    assert_eq!(
        store.claim_next_run("second", LEASE, at(59)).await.unwrap(),
        None
    );
    held.cursor = Some("page 3".to_owned());
    held.progress = Progress {
        page: 3,
        pages: Some(9),
        items: 300,
    };
    held.cost = Cost {
        requests: 3,
        not_modified: 1,
    };
    assert_eq!(
        store.renew_run(&held, at(100)).await.unwrap(),
        Finish::Written
    );
    assert_eq!(
        store.claim_next_run("second", LEASE, at(99)).await.unwrap(),
        None
    );
    assert_eq!(store.next_run_at().await.unwrap(), Some(at(100)));
    let taken = store
        .claim_next_run("second", LEASE, at(100))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.cursor.as_deref(), Some("page 3"));
    assert_eq!((taken.progress, taken.cost), (held.progress, held.cost));
    // The first comes back from the dead.
    assert_eq!(
        store.renew_run(&held, at(900)).await.unwrap(),
        Finish::NotYours
    );
    assert_eq!(
        store
            .finish_run(&held, &RunEnd::Done, at(101))
            .await
            .unwrap(),
        Finish::NotYours
    );
    assert_eq!(
        store.run(id).await.unwrap().unwrap().state,
        RunState::Running
    );
}

pub(super) async fn the_ends_of_a_run(store: &Store) {
    let id = queue(store, "ada").await.id();
    let retry = RunEnd::Retry {
        at: at(50),
        error: "GitHub answered 502".to_owned(),
    };
    let held = store
        .claim_run(id, "w", LEASE, at(0))
        .await
        .unwrap()
        .unwrap();
    store.finish_run(&held, &retry, at(1)).await.unwrap();
    let waiting = store.run(id).await.unwrap().unwrap();
    assert_eq!(
        (waiting.state, waiting.attempt, waiting.run_after),
        (RunState::Queued, 1, at(50))
    );
    assert_eq!(store.claim_run(id, "w", LEASE, at(49)).await.unwrap(), None);
    let held = store
        .claim_run(id, "w", LEASE, at(50))
        .await
        .unwrap()
        .unwrap();
    let dead = RunEnd::Dead("GitHub answered 502".to_owned());
    store.finish_run(&held, &dead, at(51)).await.unwrap();
    let (count, letters) = store.runs_in(&[RunState::Dead], 0, 10).await.unwrap();
    assert_eq!((count, letters[0].id, letters[0].attempt), (1, id, 2));
    assert_eq!(letters[0].finished_at, Some(at(51)));
    // Another run for the same target is enough.
    let other = queue(store, "ada").await.id();
    assert_eq!(
        store.requeue_run(id, at(60)).await.unwrap(),
        Finish::NotYours
    );
    assert_eq!(
        store.cancel_run(other, at(60)).await.unwrap(),
        Finish::Written
    );
    assert_eq!(
        store.cancel_run(other, at(60)).await.unwrap(),
        Finish::NotYours
    );
    assert_eq!(
        store.requeue_run(id, at(61)).await.unwrap(),
        Finish::Written
    );
    assert_eq!(
        store.run(id).await.unwrap().unwrap().state,
        RunState::Queued
    );
    assert_eq!(
        store.cancel_run(uuid::Uuid::nil(), at(0)).await.unwrap(),
        Finish::NotFound
    );
}

/// Claims of workers that die at once, each when the lease of the one before has lapsed.
async fn die_at(store: &Store, id: uuid::Uuid, from: i64, workers: i64) -> Run {
    let mut last = None;
    for worker in 0..workers {
        let now = at(from + 100 * worker);
        last = store.claim_run(id, "mortal", LEASE, now).await.unwrap();
    }
    last.unwrap()
}

pub(super) async fn a_takeover_counts_until_the_run_gets_on(store: &Store) {
    let id = queue(store, "ada").await.id();
    let held = die_at(store, id, 0, 4).await;
    assert_eq!((held.attempt, held.takeovers), (3, 3));
    // It gives up its quota, is given back and fails, and has not got on.
    let until = at(1_000);
    for (end, attempt) in [
        (RunEnd::WaitingQuota { until }, 3),
        (RunEnd::Released { at: until }, 3),
        (
            RunEnd::Retry {
                at: until,
                error: "GitHub answered 502".to_owned(),
            },
            4,
        ),
    ] {
        let held = match store.run(id).await.unwrap().unwrap() {
            run if run.state == RunState::Running => run,
            _ => die_at(store, id, 1_000, 1).await,
        };
        store.finish_run(&held, &end, at(900)).await.unwrap();
        let run = store.run(id).await.unwrap().unwrap();
        assert_eq!((run.attempt, run.takeovers), (attempt, 3), "{end:?}");
    }
    // A step forward takes back what the dead have counted, and not the error.
    let mut held = die_at(store, id, 1_000, 2).await;
    assert_eq!((held.attempt, held.takeovers), (5, 4));
    held.got_on();
    store.renew_run(&held, at(2_000)).await.unwrap();
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!((run.attempt, run.takeovers), (1, 0));
    // And the next death counts anew.
    let held = die_at(store, id, 2_000, 1).await;
    assert_eq!((held.attempt, held.takeovers), (2, 1));
    let end = RunEnd::GivenUp("its worker ended".to_owned());
    store.finish_run(&held, &end, at(2_001)).await.unwrap();
    let (_, letters) = store.runs_in(&[RunState::Dead], 0, 10).await.unwrap();
    assert_eq!((letters[0].id, letters[0].attempt), (id, 2));
    store.requeue_run(id, at(2_002)).await.unwrap();
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!((run.attempt, run.takeovers), (0, 0));
}

pub(super) async fn many_workers_never_hold_the_same_run(store: &Store) {
    let logins: Vec<NewRun> = (0..20).map(|n| profile(&format!("d{n}"), at(0))).collect();
    store.queue_runs(&logins, at(0)).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            while let Some(run) = store
                .claim_next_run(&worker.to_string(), LEASE, at(0))
                .await
                .unwrap()
            {
                mine.push(run.id);
            }
            mine
        });
    }
    let all: Vec<_> = workers.join_all().await.concat();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (20, 20));
}
