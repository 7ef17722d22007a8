//! Which deliveries have been taken in: GitHub sends one again under the same number.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;

/// A number is a UUID; a longer one is not remembered.
const MAX_NUMBER_BYTES: usize = 64;

/// The numbers of the last deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    known: Mutex<Known>,
    most: usize,
}

#[derive(Debug, Default)]
struct Known {
    numbers: HashSet<Box<str>>,
    /// The oldest first.
    order: VecDeque<Box<str>>,
}

/// Whether a delivery came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Repeated,
}

impl Deliveries {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            known: Mutex::default(),
            most,
        }
    }

    /// Remembers a delivery; one without a usable number is always new.
    pub(crate) fn note(&self, number: Option<&str>) -> Novelty {
        let Some(number) = number.filter(|number| number.len() <= MAX_NUMBER_BYTES) else {
            return Novelty::New;
        };
        let mut known = self.known.lock();
        if known.numbers.contains(number) {
            return Novelty::Repeated;
        }
        if known.order.len() >= self.most
            && let Some(oldest) = known.order.pop_front()
        {
            known.numbers.remove(&oldest);
        }
        known.numbers.insert(number.into());
        known.order.push_back(number.into());
        Novelty::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_new_once_while_it_is_remembered() {
        let deliveries = Deliveries::new(2);
        assert_eq!(deliveries.note(Some("a")), Novelty::New);
        assert_eq!(deliveries.note(Some("a")), Novelty::Repeated);
        assert_eq!(deliveries.note(Some("b")), Novelty::New);
        assert_eq!(deliveries.note(Some("c")), Novelty::New);
        assert_eq!(deliveries.note(Some("b")), Novelty::Repeated);
        assert_eq!(deliveries.note(Some("a")), Novelty::New, "forgotten");
        assert_eq!(deliveries.known.lock().numbers.len(), 2);
    }

    #[test]
    fn without_a_usable_number_it_is_always_new() {
        let deliveries = Deliveries::new(2);
        let long = "x".repeat(65);
        for number in [None, None, Some(long.as_str()), Some(long.as_str())] {
            assert_eq!(deliveries.note(number), Novelty::New);
        }
        assert!(deliveries.known.lock().order.is_empty());
    }
}
