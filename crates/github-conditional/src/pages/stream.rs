//! The streams themselves: one page is asked for at a time, when somebody waits for it.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use github_headers::link::page_of;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;

use super::list;
use super::walk::{Step, Successor, Told, Walk};
use super::{Ask, Asking, Drift, Page, PageOptions, next_of};
use crate::fetch::Whole;
use crate::read_error::{Kind, ReadError};

/// The pages of a list; made by [`Paginator::pages`](super::Paginator::pages).
///
/// Ends after the last page, or after the first error.
///
/// # Cancel safety
/// A page that is being asked for belongs to the stream: dropping the future of `next()` loses nothing, and the next
/// one goes on waiting for the same page. Dropping the stream ends its request.
pub struct Pages {
    ask: Ask,
    first: Uri,
    options: PageOptions,
    walk: Walk,
    state: State,
}

enum State {
    Idle(Uri),
    Asking(Uri, Asking),
    /// The limit is reached: what remains to be said is that there would be more.
    TooMany,
    Done,
}

impl Pages {
    pub(super) fn new(ask: Ask, first: Uri, options: PageOptions) -> Self {
        Self {
            ask,
            walk: Walk::new(options.drift, options.max_pages),
            state: State::Idle(first.clone()),
            first,
            options,
        }
    }

    /// What an answer is in the list; `None` when the list is begun again.
    fn arrived(&mut self, uri: &Uri, whole: Whole) -> Result<Option<Page>, ReadError> {
        let (next, links) = next_of(&whole.headers, uri)?;
        let (last, successor) = match &next {
            Some(_) => (links.find("last").and_then(page_of), Successor::Exists),
            None => (page_of(&uri.to_string()), Successor::None),
        };
        // GitHub's tag of a page does not cover its links: what a 304 confirms may count the pages of another day.
        let counted_now = whole
            .report
            .as_ref()
            .is_none_or(|report| report.upstream_status == Some(StatusCode::OK));
        let told = Told {
            last: last.filter(|_| counted_now),
            successor,
        };
        let items = match self.options.drift {
            Drift::Ignore => Vec::new(),
            Drift::Report | Drift::Restart { .. } => list::items(&whole.body)?,
        };
        let step = self
            .walk
            .step(told, items.iter().map(|item| &item.identity));
        drop(items);
        let (place, state) = match (step, next) {
            (Step::Drifted(drifted), _) => return Err(Kind::Drifted(drifted).into()),
            (Step::Restart, _) => {
                self.state = State::Idle(self.first.clone());
                return Ok(None);
            }
            (Step::TooMany(place), _) => (place, State::TooMany),
            (Step::Go(place), Some(next)) => (place, State::Idle(next)),
            (Step::Go(place) | Step::End(place), _) => (place, State::Done),
        };
        self.state = state;
        Ok(Some(Page {
            number: place.number,
            round: place.round,
            headers: whole.headers,
            report: whole.report,
            body: whole.body,
        }))
    }
}

impl Stream for Pages {
    type Item = Result<Page, ReadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Done => return Poll::Ready(None),
                State::TooMany => {
                    this.state = State::Done;
                    let limit = this.options.max_pages.get();
                    return Poll::Ready(Some(Err(Kind::TooManyPages(limit).into())));
                }
                State::Idle(uri) => {
                    let asking = (this.ask)(uri.clone(), this.options);
                    this.state = State::Asking(std::mem::take(uri), asking);
                }
                State::Asking(uri, asking) => {
                    let answer = ready!(asking.as_mut().poll(context));
                    let uri = std::mem::take(uri);
                    // Whatever goes wrong from here on ends the stream.
                    this.state = State::Done;
                    match answer.and_then(|whole| this.arrived(&uri, whole)) {
                        Ok(Some(page)) => return Poll::Ready(Some(Ok(page))),
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

impl FusedStream for Pages {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("path", &self.first.path())
            .field("walk", &self.walk)
            .finish_non_exhaustive()
    }
}

/// The items of a list; made by [`Paginator::items`](super::Paginator::items).
///
/// Ends after the last item, or after the first error.
///
/// # Cancel safety
/// As [`Pages`]: dropping the future of `next()` loses no item.
pub struct Items<T> {
    pages: Pages,
    waiting: VecDeque<T>,
    /// Hashes of what was yielded before a restart.
    yielded: HashSet<u64>,
    hasher: RandomState,
}

impl<T: DeserializeOwned> Items<T> {
    pub(super) fn new(pages: Pages) -> Self {
        Self {
            pages,
            waiting: VecDeque::new(),
            yielded: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    fn take(&mut self, page: &Page) -> Result<(), ReadError> {
        for item in list::items(&page.body)? {
            let is_new = match self.pages.options.drift {
                Drift::Restart { .. } => self.yielded.insert(self.hasher.hash_one(&item.identity)),
                Drift::Ignore | Drift::Report => true,
            };
            if is_new {
                self.waiting.push_back(list::read(item.json)?);
            }
        }
        Ok(())
    }
}

// An item is handed out whole, so the stream may be moved whatever its items are.
impl<T> Unpin for Items<T> {}

impl<T: DeserializeOwned> Stream for Items<T> {
    type Item = Result<T, ReadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.waiting.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(Pin::new(&mut this.pages).poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(page)) => {
                    if let Err(error) = this.take(&page) {
                        this.waiting.clear();
                        this.pages.state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }
}

impl<T: DeserializeOwned> FusedStream for Items<T> {
    fn is_terminated(&self) -> bool {
        self.waiting.is_empty() && self.pages.is_terminated()
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("pages", &self.pages)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
