//! An open transaction: values, ages and totals are changed in step.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{ReadableTable, Table};

use super::super::counters::{Counters, Recency};
use super::{Failure, Limits, PAGE_BYTES, footprint};
use crate::envelope;
use crate::{Dictionaries, Persist, StoreKey};

/// Values dropped in one transaction at most, so that no batch of writes waits long.
const MAX_EVICTIONS: usize = 4096;
/// Values given another round in one transaction at most: each is written again.
const MAX_SECOND_ROUNDS: usize = 256;

/// An open transaction.
pub(in crate::disk) struct Batch<'transaction> {
    pub(super) values: Table<'transaction, &'static [u8; 32], (u64, &'static [u8])>,
    pub(super) ages: Table<'transaction, u64, &'static [u8; 32]>,
    pub(super) bytes: u64,
    pub(super) next_stamp: u64,
    pub(super) limits: Limits,
    pub(super) written_bytes: u64,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) enum Merged {
    Stored,
    /// The outcome is what was stored already; nothing was written.
    Unchanged,
    TooLarge,
    /// The value type panicked; nothing was written.
    Refused,
}

/// Whether the values fit into their budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) enum Room {
    Enough,
    /// More must be dropped than one transaction should.
    Wanting,
}

enum Prepared {
    Write(Vec<u8>),
    Unchanged,
    TooLarge,
}

impl Batch<'_> {
    pub(in crate::disk) fn merge<V: Persist>(
        &mut self,
        key: &StoreKey,
        arriving: V,
        dictionaries: &Dictionaries,
    ) -> Result<Merged, Failure> {
        let limits = self.limits;
        let stored = self.values.get(key.as_bytes())?;
        let prepared = {
            let sealed = stored.as_ref().map(|stored| stored.value().1);
            catch_unwind(AssertUnwindSafe(|| {
                prepare_value(sealed, arriving, limits, dictionaries)
            }))
        };
        drop(stored);
        Ok(match prepared {
            Err(_) => Merged::Refused,
            Ok(Prepared::Unchanged) => Merged::Unchanged,
            Ok(Prepared::TooLarge) => {
                self.remove(key)?;
                Merged::TooLarge
            }
            Ok(Prepared::Write(sealed)) => {
                self.put(key.as_bytes(), &sealed)?;
                Merged::Stored
            }
        })
    }

    pub(in crate::disk) fn remove(&mut self, key: &StoreKey) -> Result<(), Failure> {
        let gone = self.values.remove(key.as_bytes())?.map(|gone| {
            let (stamp, sealed) = gone.value();
            (stamp, footprint(sealed.len()))
        });
        if let Some((stamp, bytes)) = gone {
            self.ages.remove(stamp)?;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.written_bytes += PAGE_BYTES as u64;
        }
        Ok(())
    }

    /// Removes the value if it is still the one that was written with this stamp.
    pub(in crate::disk) fn discard(&mut self, key: &StoreKey, stamp: u64) -> Result<(), Failure> {
        let stored = self.values.get(key.as_bytes())?;
        let is_same = stored.is_some_and(|stored| stored.value().0 == stamp);
        if is_same { self.remove(key) } else { Ok(()) }
    }

    /// Drops what was written longest ago until the rest fits.
    pub(in crate::disk) fn evict(&mut self, counters: &Counters) -> Result<Room, Failure> {
        let mut second_rounds = 0;
        for _ in 0..MAX_EVICTIONS {
            if self.bytes <= self.limits.budget_bytes() {
                return Ok(Room::Enough);
            }
            let Some(key) = self.ages.pop_first()?.map(|(_, key)| *key.value()) else {
                // Nothing is left: whatever was counted is not there.
                self.bytes = 0;
                return Ok(Room::Enough);
            };
            let was_read = counters.take_read(&StoreKey::new(key)) == Recency::ReadSince;
            if was_read && second_rounds < MAX_SECOND_ROUNDS {
                second_rounds += 1;
                counters.second_rounds.increment();
                let kept = self.values.get(&key)?.map(|kept| kept.value().1.to_vec());
                if let Some(kept) = kept {
                    self.put(&key, &kept)?;
                }
            } else {
                counters.evicted.increment();
                self.remove(&StoreKey::new(key))?;
            }
        }
        Ok(Room::Wanting)
    }

    fn put(&mut self, key: &[u8; 32], sealed: &[u8]) -> Result<(), Failure> {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        let replaced = self.values.insert(key, (stamp, sealed))?.map(|replaced| {
            let (stamp, sealed) = replaced.value();
            (stamp, footprint(sealed.len()))
        });
        if let Some((stamp, bytes)) = replaced {
            self.ages.remove(stamp)?;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        self.ages.insert(stamp, key)?;
        let bytes = footprint(sealed.len());
        self.bytes += bytes;
        // However small the value, its page is written anew.
        self.written_bytes += bytes.max(PAGE_BYTES as u64);
        Ok(())
    }
}

fn prepare_value<V: Persist>(
    sealed: Option<&[u8]>,
    arriving: V,
    limits: Limits,
    dictionaries: &Dictionaries,
) -> Prepared {
    let stored = sealed.and_then(|sealed| envelope::open(sealed, dictionaries).value());
    let merged = match stored.as_deref().and_then(V::decode) {
        Some(stored) => V::merge(&stored, arriving),
        None => arriving,
    };
    let mut plain = Vec::with_capacity(merged.weight_bytes().min(limits.max_entry_bytes));
    merged.encode(&mut plain);
    drop(merged);
    if stored.as_deref() == Some(plain.as_slice()) {
        return Prepared::Unchanged;
    }
    if plain.len() > limits.max_entry_bytes {
        return Prepared::TooLarge;
    }
    let sealed = envelope::seal(&mem::take(&mut plain), dictionaries);
    if footprint(sealed.len()) > limits.max_bytes / 8 {
        return Prepared::TooLarge;
    }
    Prepared::Write(sealed)
}
