//! Lines on their way to a slow output, without anybody waiting for it.
//!
//! Producers append to one buffer under a short lock; a thread takes the whole buffer and writes
//! it in one piece. Bounded in bytes: when the output does not keep up, lines are dropped and
//! counted, because a request is worth more than its log line.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How long lines are gathered once the output has work: a wake-up per batch, not per line.
const GATHER: Duration = Duration::from_millis(5);

/// How long a flush may take, so that a blocked output cannot keep a process from ending.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// A handle to the output. Clones share it; when the last one is gone, the rest is written and
/// the thread ends.
#[derive(Clone)]
pub struct LineWriter {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do for the thread.
    work: Condvar,
    /// Everything has been written.
    written: Condvar,
    capacity: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    thread: Thread,
    wish: Wish,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Thread {
    #[default]
    Busy,
    Idle,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Wish {
    #[default]
    Gather,
    Flush,
    End,
}

impl LineWriter {
    /// Starts a thread that writes to `output`.
    pub fn new(output: impl Write + Send + 'static, capacity_bytes: usize) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
            capacity: capacity_bytes,
            dropped: AtomicU64::new(0),
        });
        let thread = Arc::clone(&shared);
        let started = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || thread.write_all_to(output));
        if let Err(error) = started {
            // Lines will fill the buffer and then be dropped and counted.
            tracing::error!(%error, "cannot start the thread of the access log");
        }
        LineWriter {
            handle: Arc::new(Handle { shared }),
        }
    }

    /// Adds a line, which brings its own line end; or drops it.
    pub fn push(&self, line: &[u8]) {
        let shared = &self.handle.shared;
        let mut queue = shared.queue.lock();
        if queue.lines.len() + line.len() > shared.capacity {
            drop(queue);
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.lines.extend_from_slice(line);
        let thread = queue.thread;
        drop(queue);
        if thread == Thread::Idle {
            shared.work.notify_one();
        }
    }

    /// Lines that were not written.
    pub fn dropped(&self) -> u64 {
        self.handle.shared.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything pushed before is written, or a blocked output has had its time.
    pub fn flush(&self) {
        let shared = &self.handle.shared;
        let mut queue = shared.queue.lock();
        if queue.wish == Wish::Gather {
            queue.wish = Wish::Flush;
        }
        shared.work.notify_one();
        let unwritten = |queue: &mut Queue| !queue.lines.is_empty() || queue.thread == Thread::Busy;
        shared
            .written
            .wait_while_for(&mut queue, unwritten, FLUSH_LIMIT);
    }
}

impl fmt::Debug for LineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.lock().wish = Wish::End;
        self.shared.work.notify_one();
    }
}

impl Shared {
    fn write_all_to(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        let mut queue = self.queue.lock();
        loop {
            while queue.lines.is_empty() {
                if queue.wish == Wish::End {
                    return;
                }
                queue.wish = Wish::Gather;
                queue.thread = Thread::Idle;
                self.written.notify_all();
                self.work.wait(&mut queue);
                queue.thread = Thread::Busy;
            }
            if queue.wish == Wish::Gather {
                self.work.wait_for(&mut queue, GATHER);
            }
            std::mem::swap(&mut batch, &mut queue.lines);
            drop(queue);
            if output
                .write_all(&batch)
                .and_then(|()| output.flush())
                .is_err()
            {
                let lost = memchr::memchr_iter(b'\n', &batch).count();
                self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            }
            batch.clear();
            queue = self.queue.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::mpsc;

    /// An output that hands on what it gets, and that can be held up.
    struct Gate {
        open: mpsc::Receiver<()>,
        seen: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(io::Error::other)?;
            self.seen.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate(capacity: usize) -> (LineWriter, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (opener, open) = mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let writer = LineWriter::new(
            Gate {
                open,
                seen: Arc::clone(&seen),
            },
            capacity,
        );
        (writer, opener, seen)
    }

    #[test]
    fn a_flush_returns_after_the_lines_are_written() {
        let (writer, opener, seen) = gate(1024);
        for _ in 0..10 {
            opener.send(()).unwrap();
        }
        writer.push(b"one\n");
        writer.push(b"two\n");
        writer.flush();
        assert_eq!(*seen.lock(), b"one\ntwo\n");
        assert_eq!(writer.dropped(), 0);
    }

    #[test]
    fn a_blocked_output_costs_lines_and_not_time() {
        let (writer, opener, seen) = gate(8);
        for _ in 0..100 {
            writer.push(b"1234\n");
        }
        // At most one batch is in the writer's hands and one in the buffer.
        let dropped = writer.dropped();
        assert!((98..=99).contains(&dropped), "{dropped}");
        opener.send(()).unwrap();
        opener.send(()).unwrap();
        writer.flush();
        assert_eq!(seen.lock().len() as u64, (100 - dropped) * 5);
    }

    #[test]
    fn a_closed_output_is_counted() {
        let (writer, opener, _) = gate(1024);
        drop(opener);
        writer.push(b"one\ntwo\n");
        writer.flush();
        assert_eq!(writer.dropped(), 2);
    }
}
