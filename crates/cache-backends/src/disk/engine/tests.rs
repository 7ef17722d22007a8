//! Transactions on a small file: what goes first, what gets a second round, what is not written twice.

use super::*;
use crate::conformance::{Sample, key};
use crate::disk::DiskOptions;

struct Desk {
    database: Database,
    counters: Counters,
    limits: Limits,
}

impl Desk {
    fn new(budget_bytes: u64) -> Self {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).unwrap();
        prepare(&database).unwrap();
        let limits = Limits {
            max_bytes: budget_bytes / 7 * 10,
            ..Limits::of(&DiskOptions::new("unused"))
        };
        Self {
            database,
            counters: Counters::default(),
            limits,
        }
    }

    fn merge(&self, number: u64, version: u64) -> Merged {
        let merge = |batch: &mut Batch<'_>| {
            let merged = batch.merge(
                &key(number),
                Sample::new(version, 100),
                &Dictionaries::default(),
            )?;
            batch.evict(&self.counters)?;
            Ok(merged)
        };
        let committed = write(&self.database, Sync::Later, self.limits, merge).unwrap();
        assert!(committed.usage.bytes <= self.limits.budget_bytes());
        assert_eq!(committed.usage, usage(&self.database).unwrap());
        committed.outcome
    }

    fn holds(&self, number: u64) -> bool {
        let transaction = self.database.begin_read().unwrap();
        let values = transaction.open_table(VALUES).unwrap();
        let ages = transaction.open_table(AGES).unwrap();
        assert_eq!(values.len().unwrap(), ages.len().unwrap(), "in step");
        let stored = values.get(key(number).as_bytes()).unwrap();
        stored.is_some_and(|stored| {
            let (stamp, _) = stored.value();
            let age = ages.get(stamp).unwrap().expect("every value has an age");
            *age.value() == *key(number).as_bytes()
        })
    }
}

/// Room for this many samples.
fn room_for(samples: u64) -> Desk {
    let mut plain = Vec::new();
    Sample::new(1, 100).encode(&mut plain);
    Desk::new(footprint(envelope::seal(&plain, &Dictionaries::default()).len()) * samples + 8)
}

#[test]
fn what_was_written_longest_ago_goes_first() {
    let desk = room_for(10);
    for number in 0..10 {
        assert_eq!(desk.merge(number, 1), Merged::Stored);
    }
    desk.merge(10, 1);
    assert!(!desk.holds(0) && desk.holds(1) && desk.holds(10));
    assert_eq!(desk.counters.stats().evicted, 1);
}

#[test]
fn what_was_read_since_gets_one_more_round() {
    let desk = room_for(10);
    for number in 0..10 {
        desk.merge(number, 1);
    }
    desk.counters.mark_read(&key(0));
    desk.merge(10, 1);
    assert!(desk.holds(0) && !desk.holds(1));
    for number in 11..19 {
        desk.merge(number, 1);
    }
    assert!(desk.holds(0), "its age is that of its second round");
    desk.merge(19, 1);
    assert!(desk.holds(0), "among ten, as the last");
    desk.merge(20, 1);
    assert!(!desk.holds(0), "one round, not for ever");
    assert_eq!(desk.counters.stats().second_rounds, 1);
}

#[test]
fn what_changes_nothing_is_not_written() {
    let desk = room_for(10);
    assert_eq!(desk.merge(1, 5), Merged::Stored);
    assert_eq!(desk.merge(1, 5), Merged::Unchanged);
    assert_eq!(desk.merge(1, 6), Merged::Stored);
    assert!(desk.holds(1));
}

#[test]
fn totals_follow_every_change() {
    let desk = room_for(100);
    for round in 0..3 {
        for number in 0..20 {
            desk.merge(number, round * 100 + number);
        }
    }
    let remove_all = |batch: &mut Batch<'_>| {
        for number in 0..30 {
            batch.remove(&key(number))?;
        }
        Ok(())
    };
    let committed = write(&desk.database, Sync::Durable, desk.limits, remove_all).unwrap();
    assert_eq!(committed.usage, Usage::default());
}

#[test]
fn a_transaction_that_fails_has_not_happened() {
    let desk = room_for(10);
    desk.merge(1, 1);
    let before = usage(&desk.database).unwrap();
    let fails = |batch: &mut Batch<'_>| {
        batch.remove(&key(1))?;
        batch.merge(&key(2), Sample::new(1, 100), &Dictionaries::default())?;
        Err::<(), _>(Failure::Closed)
    };
    assert!(write(&desk.database, Sync::Durable, desk.limits, fails).is_err());
    assert!(desk.holds(1) && !desk.holds(2));
    assert_eq!(usage(&desk.database).unwrap(), before);
}

#[test]
fn only_the_damaged_writing_of_a_value_is_discarded() {
    let desk = room_for(10);
    desk.merge(1, 1);
    let discard = |stamp| move |batch: &mut Batch<'_>| batch.discard(&key(1), stamp);
    write(&desk.database, Sync::Later, desk.limits, discard(9)).unwrap();
    assert!(desk.holds(1));
    write(&desk.database, Sync::Later, desk.limits, discard(0)).unwrap();
    assert!(!desk.holds(1));
}

#[test]
fn a_panic_of_the_engine_is_damage() {
    let failure = guarded::<()>(|| panic!("page 7")).unwrap_err();
    assert!(failure.is_damage());
    assert_eq!(failure.to_string(), "the cache file is damaged: page 7");
}
