//! Paged lists as streams: every item once, changes noticed, nothing lost when somebody stops waiting.

use std::convert::Infallible;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use github_conditional::ReadError;
use github_conditional::pages::{Drift, PageOptions, Paginator};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tower::Service;

/// A list of numbers, two to a page, that changes while it is read.
#[derive(Clone, Default)]
struct List(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Default)]
struct State {
    items: Vec<u64>,
    /// What the list becomes when so many requests have been answered.
    changes: Vec<(usize, Vec<u64>)>,
    asked: Vec<String>,
    /// Answers wait until the gate is opened.
    shut: bool,
    origin: &'static str,
    status: StatusCode,
}

const HERE: &str = "https://api.github.com";

impl List {
    fn of(items: &[u64]) -> Self {
        let list = Self::default();
        list.0.state.lock().items = items.to_vec();
        list.0.state.lock().origin = HERE;
        list
    }

    fn becomes(self, after: usize, items: &[u64]) -> Self {
        self.0.state.lock().changes.push((after, items.to_vec()));
        self
    }

    fn asked(&self) -> Vec<String> {
        self.0.state.lock().asked.clone()
    }

    fn paginator(&self) -> Paginator {
        let request = Request::get(format!("{HERE}/list")).body(()).unwrap();
        Paginator::new(self.clone(), request)
    }

    async fn read(&self, drift: Drift) -> (Vec<u64>, Option<ReadError>) {
        let mut items = self.paginator().drift(drift).items::<u64>();
        let mut seen = Vec::new();
        while let Some(item) = items.next().await {
            match item {
                Ok(item) => seen.push(item),
                Err(error) => {
                    assert!(items.next().await.is_none(), "an error is the end");
                    return (seen, Some(error));
                }
            }
        }
        (seen, None)
    }
}

impl State {
    fn answer(&mut self, uri: &http::Uri) -> Response<Full<Bytes>> {
        self.asked.push(uri.to_string());
        let page = uri
            .query()
            .and_then(|query| query.strip_prefix("page="))
            .map_or(1, |page| page.parse().unwrap());
        let last = self.items.len().div_ceil(2).max(1);
        let items: Vec<_> = self
            .items
            .chunks(2)
            .nth(page - 1)
            .unwrap_or_default()
            .into();
        let mut answer = Response::new(Full::from(format!("{items:?}")));
        *answer.status_mut() = self.status;
        if page < last {
            let (origin, next) = (self.origin, page + 1);
            let link = format!(
                "<{origin}/list?page={next}>; rel=\"next\", <{origin}/list?page={last}>; rel=\"last\""
            );
            answer.headers_mut().insert("link", link.parse().unwrap());
        }
        let answered = self.asked.len();
        if let Some(at) = self
            .changes
            .iter()
            .position(|(after, _)| *after == answered)
        {
            self.items = self.changes.remove(at).1;
        }
        answer
    }
}

impl Service<Request<Full<Bytes>>> for List {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let answer = self.0.state.lock().answer(request.uri());
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            while shared.state.lock().shut {
                shared.opened.notified().await;
            }
            Ok(answer)
        })
    }
}

const RESTART: Drift = Drift::Restart { at_most: 3 };

#[tokio::test]
async fn every_item_once_and_in_order() {
    for items in [
        vec![],
        vec![1],
        vec![1, 2],
        vec![1, 2, 3],
        (1..=7).collect(),
    ] {
        for drift in [Drift::Ignore, Drift::Report, RESTART] {
            let list = List::of(&items);
            let (seen, error) = list.read(drift).await;
            assert_eq!(seen, items);
            assert!(error.is_none());
            assert_eq!(list.asked().len(), items.len().div_ceil(2).max(1));
        }
    }
}

#[tokio::test]
async fn an_item_added_meanwhile() {
    let list = || List::of(&[3, 4, 5, 6]).becomes(1, &[1, 3, 4, 5, 6]);
    let (seen, error) = list().read(Drift::Ignore).await;
    assert_eq!(
        (seen, error.is_none()),
        (vec![3, 4, 4, 5, 6], true),
        "4 came twice"
    );
    let (seen, error) = list().read(Drift::Report).await;
    assert_eq!(seen, [3, 4]);
    let error = error.unwrap();
    assert!(error.is_drift() && error.is_retryable(), "{error}");
    let (seen, error) = list().read(RESTART).await;
    assert_eq!(
        (seen, error.is_none()),
        (vec![3, 4, 1, 5, 6], true),
        "each once"
    );
}

#[tokio::test]
async fn an_item_removed_meanwhile() {
    let list = || List::of(&[1, 2, 3, 4, 5]).becomes(1, &[2, 3, 4, 5]);
    let (seen, _) = list().read(Drift::Ignore).await;
    assert_eq!(seen, [1, 2, 4, 5], "3 was lost");
    let (_, error) = list().read(Drift::Report).await;
    assert!(error.unwrap().is_drift());
    let (seen, error) = list().read(RESTART).await;
    assert_eq!(
        (seen, error.is_none()),
        (vec![1, 2, 3, 4, 5], true),
        "nothing lost"
    );
}

#[tokio::test]
async fn a_list_that_never_rests_is_given_up() {
    let list = (1..9).fold(List::of(&[0, 1, 2]), |list, time| {
        let items: Vec<_> = (0..3 + 2 * time as u64).collect();
        list.becomes(time, &items)
    });
    let (_, error) = list.read(Drift::Restart { at_most: 2 }).await;
    assert!(error.unwrap().is_drift());
    assert_eq!(list.asked().len(), 6, "three rounds of two pages each");
}

#[tokio::test]
async fn pages_say_where_they_stand() {
    let list = List::of(&[3, 4, 5, 6]).becomes(1, &[1, 3, 4, 5, 6]);
    let pages = list.paginator().drift(RESTART).pages();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    let places: Vec<_> = pages.iter().map(|page| (page.round, page.number)).collect();
    assert_eq!(places, [(0, 1), (1, 1), (1, 2), (1, 3)]);
    assert_eq!(pages[3].items::<u64>().unwrap(), [6]);
    assert!(pages[3].items::<String>().unwrap_err().is_decode());
}

#[tokio::test]
async fn a_list_longer_than_allowed_does_not_look_complete() {
    let list = List::of(&[1, 2, 3, 4, 5]);
    let mut options = PageOptions::default();
    options.max_pages = NonZeroU32::new(2).unwrap();
    let items = list.paginator().options(options).items::<u64>();
    let seen: Vec<_> = items.collect().await;
    let numbers: Vec<_> = seen.iter().flatten().collect();
    assert_eq!(numbers, [&1, &2, &3, &4]);
    let error = seen.last().unwrap().as_ref().unwrap_err();
    assert!(error.is_page_limit() && !error.is_retryable(), "{error}");
    assert_eq!(list.asked().len(), 2);
}

#[tokio::test]
async fn the_token_stays_on_the_host_it_is_for() {
    let list = List::of(&[1, 2, 3]);
    list.0.state.lock().origin = "https://elsewhere.example";
    let (seen, error) = list.read(Drift::Report).await;
    assert!(seen.is_empty());
    assert_eq!(
        error.unwrap().to_string(),
        "the next page is said to be on another host"
    );
    assert_eq!(list.asked(), ["https://api.github.com/list"]);
    // A target without a host means this one.
    list.0.state.lock().origin = "";
    assert_eq!(list.read(Drift::Report).await.0, [1, 2, 3]);
    assert_eq!(
        list.asked().last().unwrap(),
        "https://api.github.com/list?page=2"
    );
}

#[tokio::test]
async fn who_stops_waiting_loses_nothing() {
    let list = List::of(&[1, 2, 3]);
    let mut items = list.paginator().items::<u64>();
    list.0.state.lock().shut = true;
    for _ in 0..3 {
        assert!(items.next().now_or_never().is_none());
    }
    list.0.state.lock().shut = false;
    list.0.opened.notify_waiters();
    let seen: Vec<_> = items.try_collect().await.unwrap();
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(list.asked().len(), 2, "no page was asked for twice");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_does_not_come_is_a_timeout() {
    let list = List::of(&[1]);
    list.0.state.lock().shut = true;
    let started = tokio::time::Instant::now();
    let (_, error) = list.read(Drift::Report).await;
    let error = error.unwrap();
    assert!(error.is_timeout() && error.is_retryable(), "{error}");
    assert_eq!(started.elapsed(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_refusal_is_the_end() {
    let list = List::of(&[1]);
    list.0.state.lock().status = StatusCode::NOT_FOUND;
    let (_, error) = list.read(Drift::Report).await;
    let error = error.unwrap();
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert!(error.is_caller() && !error.is_retryable());
}
