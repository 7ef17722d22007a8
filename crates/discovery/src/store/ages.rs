//! How many rows of a list were created in which span of time, and what follows from it: where in the index a page
//! begins that is far from both ends of the list. Skipping half a million rows takes the databases longer than all else
//! that a page needs.

use std::collections::BTreeMap;

use super::database::{Dialect, Statement, Transaction};
use super::{Store, StoreError};
use crate::moment::Moment;

/// A bucket holds 2^31 milliseconds, about 25 days.
const BITS: u32 = 31;
const SPAN: i64 = 1 << BITS;
/// The bucket of what has no such time. Smaller than that of any time, as such rows come last.
const UNKNOWN: i64 = (i64::MIN >> BITS) - 1;

/// As `>>` does it in both databases, before 1970 too.
const fn bucket(created_at: Option<Moment>) -> i64 {
    match created_at {
        Some(at) => at.milliseconds() >> BITS,
        None => UNKNOWN,
    }
}

/// The rows of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age {
    pub(super) bucket: i64,
    pub(super) items: i64,
}

/// What a transaction changes, gathered and written at its end.
#[derive(Debug)]
pub(super) struct AgeChanges {
    list: &'static str,
    changes: BTreeMap<i64, i64>,
}

impl AgeChanges {
    pub(super) const fn of(list: &'static str) -> Self {
        Self {
            list,
            changes: BTreeMap::new(),
        }
    }

    /// A row is new, and has no time yet.
    pub(super) fn added(&mut self, rows: u64) {
        *self.changes.entry(UNKNOWN).or_default() += i64::try_from(rows).unwrap_or(i64::MAX);
    }

    /// So many rows, one or none, have another time now.
    pub(super) fn moved(&mut self, rows: u64, before: Option<Moment>, now: Option<Moment>) {
        if rows > 0 {
            *self.changes.entry(bucket(before)).or_default() -= 1;
            *self.changes.entry(bucket(now)).or_default() += 1;
        }
    }

    /// The time of a row that is there; nobody else changes it before the transaction ends.
    pub(super) async fn held(
        &self,
        transaction: &mut Transaction,
        github_id: i64,
    ) -> Result<Option<Moment>, StoreError> {
        let hold = match transaction.dialect() {
            // It has one writer.
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE",
        };
        let select = Statement::new(format!(
            "SELECT created_at FROM {} WHERE github_id = $1{hold}",
            self.list
        ));
        match transaction.first(select.bind(github_id)).await? {
            Some(row) => row.maybe_moment("created_at"),
            None => Ok(None),
        }
    }

    /// Only after [`Transaction::count`]: whoever holds the counters is alone here, so nobody waits for anybody.
    pub(super) async fn write(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let changes = self.changes.into_iter().filter(|(_, change)| *change != 0);
        let mut insert = Statement::new("INSERT INTO ages (list, bucket, items) VALUES ");
        let mut separator = "(";
        for (bucket, change) in changes {
            insert.push(separator);
            insert.push_value(self.list);
            insert.push(", ");
            insert.push_value(bucket);
            insert.push(", ");
            insert.push_value(change);
            insert.push(")");
            separator = ", (";
        }
        if insert.values().is_empty() {
            return Ok(());
        }
        insert
            .push(" ON CONFLICT (list, bucket) DO UPDATE SET items = ages.items + excluded.items");
        transaction.execute(insert).await?;
        Ok(())
    }
}

impl Store {
    /// Newest first; what has no time comes last.
    pub(super) async fn ages(&self, list: &'static str) -> Result<Vec<Age>, StoreError> {
        let select = Statement::new(
            "SELECT bucket, items FROM ages WHERE list = $1 AND items <> 0 ORDER BY bucket DESC",
        );
        let rows = self.database.all(select.bind(list)).await?;
        let age = |row: &super::Row| {
            Ok(Age {
                bucket: row.integer("bucket")?,
                items: row.integer("items")?,
            })
        };
        rows.iter().map(age).collect()
    }
}

/// Rows that are read in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range,
    pub(super) skip: i64,
    pub(super) limit: i64,
}

/// Which rows of a list, newest first, and from which of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// Created no later, from the newest on.
    Until(i64),
    /// Created no earlier, from the oldest on.
    Since(i64),
    /// Without a time, from the first on.
    Unknown,
    /// Without a time, from the last on.
    UnknownBackwards,
}

impl Range {
    pub(super) const fn is_backwards(self) -> bool {
        match self {
            Self::Until(_) | Self::Unknown => false,
            Self::Since(_) | Self::UnknownBackwards => true,
        }
    }
}

/// Where to read `limit` rows from `offset` on (pure). `None` if the ages are not those of `count` rows: something has
/// changed since the rows were counted.
pub(super) fn pieces(ages: &[Age], count: i64, offset: i64, limit: i64) -> Option<Vec<Piece>> {
    let total: i64 = ages.iter().map(|age| age.items).sum();
    if total != count || offset < 0 || ages.iter().any(|age| age.items < 0) {
        return None;
    }
    let unknown = ages.iter().filter(|age| age.bucket == UNKNOWN);
    let unknown: i64 = unknown.map(|age| age.items).sum();
    let known = count - unknown;
    let end = offset.saturating_add(limit.max(0)).min(count);
    let mut pieces = Vec::new();
    if offset < end.min(known) {
        pieces.push(known_piece(ages, offset, end.min(known))?);
    }
    if offset.max(known) < end {
        let (first, after) = (offset.max(known) - known, end - known);
        let (range, skip) = if first <= unknown - after {
            (Range::Unknown, first)
        } else {
            (Range::UnknownBackwards, unknown - after)
        };
        let limit = after - first;
        pieces.push(Piece { range, skip, limit });
    }
    Some(pieces)
}

/// The rows from `first` to before `after`, all of which have a time, from the nearer border of a bucket.
fn known_piece(ages: &[Age], first: i64, after: i64) -> Option<Piece> {
    let mut begin = 0;
    let (mut forwards, mut backwards) = (None, None);
    for age in ages {
        let end = begin + age.items;
        if (begin..end).contains(&first) {
            // The last millisecond of the bucket: the first of the next may be more than there are.
            forwards = Some((
                Range::Until((age.bucket << BITS) | (SPAN - 1)),
                first - begin,
            ));
        }
        if (begin..end).contains(&(after - 1)) {
            backwards = Some((Range::Since(age.bucket << BITS), end - after));
        }
        begin = end;
    }
    let (forwards, backwards) = (forwards?, backwards?);
    let (range, skip) = if forwards.1 <= backwards.1 {
        forwards
    } else {
        backwards
    };
    let limit = after - first;
    Some(Piece { range, skip, limit })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn age(bucket: i64, items: i64) -> Age {
        Age { bucket, items }
    }

    #[test]
    fn the_bucket_of_what_has_no_time_is_that_of_the_migration() {
        assert_eq!(UNKNOWN, -4_294_967_297);
        assert!(bucket(Some(Moment::from_milliseconds(i64::MIN))) > UNKNOWN);
        assert_eq!(bucket(Some(Moment::from_milliseconds(-1))), -1);
        assert_eq!(bucket(Some(Moment::from_milliseconds(SPAN))), 1);
    }

    #[test]
    fn pages_begin_at_the_nearer_border() {
        let ages = [age(7, 10), age(5, 4), age(-1, 6), age(UNKNOWN, 20)];
        let until = |bucket: i64| Range::Until(bucket * SPAN + SPAN - 1);
        let since = |bucket: i64| Range::Since(bucket * SPAN);
        #[track_caller]
        fn check(ages: &[Age], offset: i64, limit: i64, expected: &[(Range, i64, i64)]) {
            let found = pieces(ages, 40, offset, limit).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|piece| (piece.range, piece.skip, piece.limit))
                .collect();
            assert_eq!(found, expected, "{offset} {limit}");
        }
        check(&ages, 0, 3, &[(until(7), 0, 3)]);
        check(&ages, 9, 1, &[(since(7), 0, 1)]);
        check(&ages, 10, 1, &[(until(5), 0, 1)]);
        // Across the border of two buckets.
        check(&ages, 9, 2, &[(since(5), 3, 2)]);
        check(&ages, 8, 7, &[(since(-1), 5, 7)]);
        // Across the border to what has no time, and within that.
        let both = [(since(-1), 0, 2), (Range::Unknown, 0, 3)];
        check(&ages, 18, 5, &both);
        check(&ages, 20, 1, &[(Range::Unknown, 0, 1)]);
        check(&ages, 29, 1, &[(Range::Unknown, 9, 1)]);
        check(&ages, 30, 1, &[(Range::UnknownBackwards, 9, 1)]);
        check(&ages, 35, 10, &[(Range::UnknownBackwards, 0, 5)]);
        // Beyond the end, and nothing at all.
        check(&ages, 40, 10, &[]);
        check(&ages, 0, 0, &[]);
    }

    #[test]
    fn ages_of_other_rows_say_nothing() {
        assert_eq!(pieces(&[age(1, 2), age(0, 2)], 5, 0, 1), None);
        assert_eq!(pieces(&[age(1, 5), age(0, -1)], 4, 0, 1), None);
        assert_eq!(pieces(&[], 0, 0, 10), Some(Vec::new()));
    }

    /// As a database reads it: rows newest first, none last.
    fn read(rows: &[(Option<i64>, usize)], piece: Piece) -> Vec<usize> {
        let passes = |time: Option<i64>| match piece.range {
            Range::Until(last) => time.is_some_and(|time| time <= last),
            Range::Since(first) => time.is_some_and(|time| time >= first),
            Range::Unknown | Range::UnknownBackwards => time.is_none(),
        };
        let ids = rows.iter().filter(|row| passes(row.0)).map(|row| row.1);
        let mut ids: Vec<usize> = ids.collect();
        let backwards = piece.range.is_backwards();
        if backwards {
            ids.reverse();
        }
        let [skip, limit] = [piece.skip, piece.limit].map(|number| number.try_into().unwrap());
        let mut ids: Vec<usize> = ids.into_iter().skip(skip).take(limit).collect();
        if backwards {
            ids.reverse();
        }
        ids
    }

    proptest! {
        #[test]
        fn pieces_are_the_page(
            times in prop::collection::vec(prop::option::weighted(0.8, -4_i64..4), 0..60),
            offset in 0_i64..70,
            limit in 0_i64..30,
        ) {
            // Around the borders of buckets, with many ties.
            let time = |at: i64| at.div_euclid(2) * SPAN - at.rem_euclid(2);
            let mut times: Vec<Option<i64>> = times.into_iter().map(|at| at.map(time)).collect();
            times.sort_by_key(|time| std::cmp::Reverse(*time));
            let rows: Vec<_> = times.iter().copied().zip(0..).collect();
            let mut items = BTreeMap::new();
            for time in &times {
                *items.entry(bucket(time.map(Moment::from_milliseconds))).or_insert(0) += 1;
            }
            let ages: Vec<Age> = items.into_iter().rev().map(|(bucket, items)| age(bucket, items)).collect();
            let count = i64::try_from(rows.len()).unwrap();
            let pieces = pieces(&ages, count, offset, limit).unwrap();
            let found: Vec<usize> = pieces.into_iter().flat_map(|piece| read(&rows, piece)).collect();
            let all = 0..rows.len();
            let expected: Vec<usize> = all
                .skip(offset.try_into().unwrap())
                .take(limit.try_into().unwrap())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
