//! What GitHub said is not there, to whom, and when: so that a storm of questions for one missing thing costs one.
//!
//! Only where the route says so ([`RoutePolicy::Negative`](crate::RoutePolicy)), only for the caller who was told (a 404
//! may be a matter of rights), and only in this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache_backends::{KeyHasherBuilder, StoreKey};
use http::StatusCode;
use parking_lot::Mutex;

use crate::engine::answer::Head;
use crate::fingerprint::Fingerprint;
use crate::policy::admission::Read;
use crate::policy::directives::Directives;

/// One variant and one caller.
pub(crate) type AbsenceKey = (StoreKey, Fingerprint);

/// Cost of one absence beside its body and headers.
const ABSENCE_BYTES: usize = 512;
/// A slot of the header map.
const HEADER_BYTES: usize = 104;

/// An answer that says that there is nothing.
#[derive(Clone, Debug)]
pub(crate) struct Absence {
    pub(crate) head: Arc<Head>,
    /// `None` = GitHub was asked with HEAD, so its words for a GET are not known.
    pub(crate) body: Option<Bytes>,
    /// When GitHub was asked.
    pub(crate) at: SystemTime,
    /// The last write that was known then: any later one ends the absence.
    pub(crate) written: u64,
}

/// Whether a status says that there is nothing.
pub(crate) fn is_absence(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

impl Absence {
    /// Seconds for which it may still be told unasked; `None` = ask.
    pub(crate) fn ttl_seconds(
        &self,
        read: Read,
        lasts: Duration,
        written: u64,
        directives: &Directives,
        now: SystemTime,
    ) -> Option<i64> {
        if self.written != written || (read == Read::Get && self.body.is_none()) {
            return None;
        }
        let age = now.duration_since(self.at).unwrap_or(Duration::ZERO);
        let left = lasts.checked_sub(age).filter(|left| !left.is_zero())?;
        let wanted = Duration::from_secs(directives.min_fresh.unwrap_or(0));
        if !directives.accept_age(age) || left < wanted {
            return None;
        }
        Some(i64::try_from(left.as_secs()).unwrap_or(i64::MAX))
    }

    fn weight_bytes(&self) -> usize {
        let headers = &self.head.headers;
        let text: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        let body = self.body.as_ref().map_or(0, Bytes::len);
        ABSENCE_BYTES + body + text + headers.len() * HEADER_BYTES
    }
}

/// The absences that are remembered.
#[derive(Debug)]
pub(crate) struct Absences {
    state: Mutex<State>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<AbsenceKey, (u64, Absence), KeyHasherBuilder>,
    /// By age: the oldest goes first.
    order: BTreeMap<u64, AbsenceKey>,
    next: u64,
    bytes: usize,
}

impl Absences {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            max_bytes,
        }
    }

    pub(crate) fn find(&self, key: &AbsenceKey) -> Option<Absence> {
        let state = self.state.lock();
        state.known.get(key).map(|(_, absence)| absence.clone())
    }

    pub(crate) fn note(&self, key: AbsenceKey, absence: Absence) {
        let weight = absence.weight_bytes();
        let mut state = self.state.lock();
        state.forget(&key);
        if weight > self.max_bytes {
            return;
        }
        while state.bytes + weight > self.max_bytes {
            let Some((_, oldest)) = state.order.pop_first() else {
                break;
            };
            state.forget(&oldest);
        }
        let number = state.next;
        state.next += 1;
        state.bytes += weight;
        state.order.insert(number, key);
        state.known.insert(key, (number, absence));
    }

    /// GitHub has said otherwise.
    pub(crate) fn forget(&self, key: &AbsenceKey) {
        self.state.lock().forget(key);
    }
}

impl State {
    fn forget(&mut self, key: &AbsenceKey) {
        if let Some((number, absence)) = self.known.remove(key) {
            self.order.remove(&number);
            self.bytes -= absence.weight_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderMap;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn absence(body: Option<&'static str>) -> Absence {
        Absence {
            head: Arc::new(Head {
                status: StatusCode::NOT_FOUND,
                headers: HeaderMap::new(),
            }),
            body: body.map(|body| Bytes::from_static(body.as_bytes())),
            at: at(100),
            written: 3,
        }
    }

    #[test]
    fn how_long_it_may_be_told() {
        #[track_caller]
        fn check(read: Read, written: u64, directives: Directives, now: u64, left: Option<i64>) {
            let lasts = Duration::from_secs(10);
            let absence = absence(Some("{}"));
            let found = absence.ttl_seconds(read, lasts, written, &directives, at(now));
            assert_eq!(found, left, "{read:?} {written} {directives:?} {now}");
        }
        let none = Directives::default();
        check(Read::Get, 3, none, 100, Some(10));
        check(Read::Head, 3, none, 109, Some(1));
        check(Read::Get, 3, none, 110, None);
        check(Read::Get, 3, none, 50, Some(10));
        check(Read::Get, 4, none, 100, None);
        let fresh = Directives {
            min_fresh: Some(6),
            ..none
        };
        check(Read::Get, 3, fresh, 104, Some(6));
        check(Read::Get, 3, fresh, 105, None);
        let young = Directives {
            max_age: Some(4),
            ..none
        };
        check(Read::Get, 3, young, 104, Some(6));
        check(Read::Get, 3, young, 105, None);
        check(
            Read::Get,
            3,
            Directives {
                no_cache: true,
                ..none
            },
            100,
            None,
        );

        let lasts = Duration::from_secs(10);
        let of_head = absence(None);
        assert_eq!(
            of_head.ttl_seconds(Read::Get, lasts, 3, &none, at(100)),
            None
        );
        assert_eq!(
            of_head.ttl_seconds(Read::Head, lasts, 3, &none, at(100)),
            Some(10)
        );
    }

    #[test]
    fn the_oldest_make_room() {
        let absences = Absences::new(3 * (ABSENCE_BYTES + 2));
        let key = |number: u8| (StoreKey::new([number; 32]), Fingerprint::ANONYMOUS);
        for number in 0..10 {
            absences.note(key(number), absence(Some("{}")));
            absences.note(key(number), absence(Some("{}")));
        }
        let known: Vec<_> = (0..10)
            .filter(|number| absences.find(&key(*number)).is_some())
            .collect();
        assert_eq!(known, [7, 8, 9]);
        absences.forget(&key(8));
        absences.note(key(1), absence(Some("{}")));
        assert!(absences.find(&key(7)).is_some());
        let state = absences.state.lock();
        assert_eq!((state.known.len(), state.order.len()), (3, 3));
        assert_eq!(state.bytes, 3 * (ABSENCE_BYTES + 2));
    }

    #[test]
    fn one_that_is_too_large_is_not_kept_and_replaces_what_was() {
        let absences = Absences::new(ABSENCE_BYTES + 2);
        let key = (StoreKey::new([1; 32]), Fingerprint::ANONYMOUS);
        absences.note(key, absence(Some("{}")));
        absences.note(key, absence(Some("{..}")));
        assert!(absences.find(&key).is_none());
    }
}
