//! A body that is recorded while it streams, read by everybody who waits for it.
//!
//! A task of its own pumps the upstream body into the recording, so a client that is slow or goes away harms neither
//! the recording nor its other readers.
//! While the body stays within its limits every chunk is *kept*: readers may join at any time, and at the clean end the
//! whole is committed to the store, before the last reader can see the end.
//! When it outgrows them the recording only *passes* chunks on: nobody joins any more, chunks are dropped once all have
//! read them, and the pump waits for the slowest reader, so memory stays flat.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::error::BodyError;

pub(crate) mod pump;

/// Bytes that a passing recording buffers for its slowest reader.
const PASSING_WINDOW_BYTES: usize = 256 << 10;

/// The memory that all recordings of an engine may hold together.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            used: Arc::default(),
            limit,
        }
    }

    /// Takes so many bytes, or tells that they are not to be had.
    fn take(&self, bytes: usize) -> Option<()> {
        let taken = self.used.fetch_add(bytes, Ordering::Relaxed);
        if taken + bytes <= self.limit {
            return Some(());
        }
        self.give_back(bytes);
        None
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A recording in progress or complete. Clones are the same recording.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    budget: Budget,
    max_bytes: usize,
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Position of the first chunk that is still here.
    first: usize,
    /// Bytes taken from the budget.
    held: usize,
    received: u64,
    readers: Vec<Option<Place>>,
    pump: Option<Waker>,
    mode: Mode,
    end: Option<Result<(), BodyError>>,
}

#[derive(Debug)]
struct Place {
    /// Position of the next chunk to read.
    next: usize,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Keeping,
    Passing,
}

impl Recording {
    pub(crate) fn new(max_bytes: usize, budget: Budget) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            first: 0,
            held: 0,
            received: 0,
            readers: Vec::new(),
            pump: None,
            mode: Mode::Keeping,
            end: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            budget,
            max_bytes,
        }))
    }

    /// A reader from the first byte on; `None` when the first bytes are gone.
    pub(crate) fn attach(&self) -> Option<Reader> {
        let mut state = self.0.state.lock();
        if state.mode == Mode::Passing {
            return None;
        }
        let place = Some(Place {
            next: 0,
            waker: None,
        });
        let free = state.readers.iter().position(Option::is_none);
        let index = match free {
            Some(index) => {
                state.readers[index] = place;
                index
            }
            None => {
                state.readers.push(place);
                state.readers.len() - 1
            }
        };
        Some(Reader {
            recording: self.clone(),
            index,
        })
    }

    /// Adds a chunk, from the pump.
    pub(crate) fn push(&self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        let mut state = self.0.state.lock();
        state.received += chunk.len() as u64;
        if state.mode == Mode::Keeping {
            let fits = state.held + chunk.len() <= self.0.max_bytes;
            if fits && self.0.budget.take(chunk.len()).is_some() {
                state.held += chunk.len();
            } else {
                // What is here stays on the budget until the slowest reader has taken it.
                state.mode = Mode::Passing;
            }
        }
        state.chunks.push_back(chunk);
        state.drop_read_chunks(&self.0.budget);
        state.wake_readers();
    }

    /// Waits until there is room for another chunk; `None` when nobody wants the rest any more.
    pub(crate) async fn room(&self) -> Option<()> {
        poll_fn(|context| {
            let mut state = self.0.state.lock();
            if state.mode == Mode::Keeping {
                return Poll::Ready(Some(()));
            }
            if state.readers.iter().all(Option::is_none) {
                return Poll::Ready(None);
            }
            state.drop_read_chunks(&self.0.budget);
            let buffered: usize = state.chunks.iter().map(Bytes::len).sum();
            if buffered <= PASSING_WINDOW_BYTES {
                return Poll::Ready(Some(()));
            }
            state.pump = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The whole body, if all of it was kept and the last chunk fits too.
    pub(crate) fn kept_with(&self, last: Option<&Bytes>) -> Option<Bytes> {
        let state = self.0.state.lock();
        let last: &[u8] = last.map_or(&[], |chunk| chunk);
        if state.mode == Mode::Passing || state.held + last.len() > self.0.max_bytes {
            return None;
        }
        // Always a copy: a chunk may be a small window of a large read buffer, which it would keep alive.
        let mut whole = Vec::with_capacity(state.held + last.len());
        for chunk in &state.chunks {
            whole.extend_from_slice(chunk);
        }
        whole.extend_from_slice(last);
        Some(whole.into())
    }

    pub(crate) fn is_keeping(&self) -> bool {
        self.0.state.lock().mode == Mode::Keeping
    }

    pub(crate) fn received(&self) -> u64 {
        self.0.state.lock().received
    }

    /// Lets readers see the end, clean or not.
    pub(crate) fn finish(&self, end: Result<(), BodyError>) {
        let mut state = self.0.state.lock();
        if state.end.is_none() {
            state.end = Some(end);
            state.wake_readers();
        }
    }
}

impl State {
    fn wake_readers(&mut self) {
        for place in self.readers.iter_mut().flatten() {
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
    }

    fn drop_read_chunks(&mut self, budget: &Budget) {
        if self.mode == Mode::Keeping {
            return;
        }
        let slowest = self.readers.iter().flatten().map(|place| place.next).min();
        let slowest = slowest.unwrap_or(self.first + self.chunks.len());
        while self.first < slowest
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.first += 1;
            let held = self.held.min(chunk.len());
            self.held -= held;
            budget.give_back(held);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let held = self.state.get_mut().held;
        self.budget.give_back(held);
    }
}

/// One client's place in a recording.
#[derive(Debug)]
pub(crate) struct Reader {
    recording: Recording,
    index: usize,
}

impl Reader {
    pub(crate) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut guard = self.recording.0.state.lock();
        let state = &mut *guard;
        let Some(place) = state.readers[self.index].as_mut() else {
            return Poll::Ready(None);
        };
        if let Some(chunk) = state.chunks.get(place.next - state.first) {
            let chunk = chunk.clone();
            place.next += 1;
            if state.mode == Mode::Passing
                && let Some(pump) = state.pump.take()
            {
                pump.wake();
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => {
                let error = error.clone();
                // Told once; after that the body is over.
                state.readers[self.index] = None;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                place.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Whether nothing is left to read and the end was clean.
    pub(crate) fn is_finished(&self) -> bool {
        let state = self.recording.0.state.lock();
        let Some(Some(place)) = state.readers.get(self.index) else {
            return true;
        };
        matches!(state.end, Some(Ok(()))) && place.next == state.first + state.chunks.len()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.recording.0.state.lock();
        state.readers[self.index] = None;
        state.drop_read_chunks(&self.recording.0.budget);
        if let Some(pump) = state.pump.take() {
            pump.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::error::BodyFailure;

    fn read(reader: &mut Reader) -> Option<Option<Result<Bytes, BodyError>>> {
        poll_fn(|context| reader.poll_chunk(context)).now_or_never()
    }

    fn chunk(reader: &mut Reader) -> Bytes {
        read(reader)
            .expect("ready")
            .expect("not the end")
            .expect("no error")
    }

    #[test]
    fn every_reader_sees_every_byte_whenever_it_joins() {
        let recording = Recording::new(100, Budget::new(100));
        let mut early = recording.attach().unwrap();
        assert!(read(&mut early).is_none(), "nothing yet");
        recording.push(Bytes::from_static(b"ab"));
        assert_eq!(chunk(&mut early), "ab");
        let mut late = recording.attach().unwrap();
        recording.push(Bytes::from_static(b"cd"));
        recording.finish(Ok(()));
        assert_eq!(
            (chunk(&mut late), chunk(&mut late)),
            ("ab".into(), "cd".into())
        );
        assert_eq!(chunk(&mut early), "cd");
        assert!(read(&mut early).unwrap().is_none() && early.is_finished());
        assert_eq!(recording.kept_with(None).unwrap(), "abcd");
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error_to_all() {
        let recording = Recording::new(100, Budget::new(100));
        let mut readers = [recording.attach().unwrap(), recording.attach().unwrap()];
        recording.push(Bytes::from_static(b"ab"));
        recording.finish(Err(BodyError(BodyFailure::Truncated)));
        for reader in &mut readers {
            assert_eq!(chunk(reader), "ab");
            assert!(read(reader).unwrap().unwrap().is_err());
            assert!(read(reader).unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn beyond_its_size_it_passes_on_in_flat_memory() {
        let budget = Budget::new(usize::MAX >> 1);
        let recording = Recording::new(1000, budget.clone());
        let mut reader = recording.attach().unwrap();
        for _ in 0..4 {
            recording.push(Bytes::from(vec![7; 100 << 10]));
        }
        assert!(
            budget.used() <= 1000,
            "nothing beyond its size was put on the budget"
        );
        assert!(recording.attach().is_none() && recording.kept_with(None).is_none());
        assert!(
            recording.room().now_or_never().is_none(),
            "the window is full"
        );
        for _ in 0..2 {
            chunk(&mut reader);
        }
        assert_eq!(recording.room().now_or_never(), Some(Some(())));
        assert!(recording.0.state.lock().chunks.len() <= 2);
        drop(reader);
        assert_eq!(
            recording.room().now_or_never(),
            Some(None),
            "nobody is left"
        );
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = Budget::new(10);
        let first = Recording::new(100, budget.clone());
        first.push(Bytes::from_static(b"12345678"));
        let second = Recording::new(100, budget.clone());
        let _reader = second.attach().unwrap();
        second.push(Bytes::from_static(b"123"));
        assert!(second.kept_with(None).is_none(), "no room for the second");
        assert_eq!(first.kept_with(None).unwrap(), "12345678");
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
