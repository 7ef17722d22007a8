use super::*;
use crate::filter::{DEVELOPERS, Filter, REPOSITORIES, Table};
use crate::store::testing::assert_exact_ages;

const SPAN: i64 = 1 << 31;

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }

    /// Around the borders of a few buckets, before 1970 too, with many ties; some have none.
    fn time(&mut self) -> Option<Moment> {
        let time = (self.below(9) - 3) * SPAN + self.below(4) - 2;
        (self.below(4) > 0).then_some(Moment::from_milliseconds(time))
    }
}

fn created(github_id: i64, created_at: Option<Moment>) -> DeveloperRecord {
    DeveloperRecord {
        detail: Some(DeveloperDetail {
            created_at,
            ..DeveloperDetail::default()
        }),
        ..listed(github_id, &format!("d{github_id}"))
    }
}

fn repository(github_id: i64, created_at: Option<Moment>) -> RepositoryRecord {
    RepositoryRecord {
        github_id,
        owner_github_id: 1,
        name: "r".to_owned(),
        full_name: format!("d1/r{github_id}"),
        created_at,
        ..RepositoryRecord::default()
    }
}

async fn same_pages(store: &Store, table: &'static Table, count: i64) {
    for size in [1, 7, 30, count + 5] {
        let step = usize::try_from(size.max(3)).unwrap();
        for offset in (0..count).step_by(step) {
            let limit = size.min(count - offset);
            let by_age = store.ids_by_age(table, count, offset, limit);
            let filter = Filter::default();
            let skipping = store.ids_by_skipping(table, &filter, count, offset, limit);
            let (by_age, skipping) = tokio::join!(by_age, skipping);
            assert_eq!(by_age.unwrap(), Some(skipping.unwrap()), "{offset} {limit}");
        }
    }
    // Something was stored after the rows were counted.
    let found = store.ids_by_age(table, count - 1, 0, 5).await;
    assert_eq!(found.unwrap(), None);
}

pub(super) async fn every_page_by_age_is_the_page_by_skipping(store: &Store) {
    let mut numbers = Numbers(7);
    for round in 0..8 {
        // What was seen earlier may come later, and changes nothing.
        let now = at(round + numbers.below(4));
        let developers: Vec<DeveloperRecord> = (0..40)
            .map(|_| match (numbers.below(120) + 1, numbers.below(3)) {
                (id, 0) => listed(id, &format!("d{id}")),
                (id, _) => created(id, numbers.time()),
            })
            .collect();
        store.upsert_developers(&developers, 0, now).await.unwrap();
        let repositories: Vec<RepositoryRecord> = (0..20)
            .map(|_| repository(numbers.below(60) + 1, numbers.time()))
            .collect();
        store.upsert_repositories(&repositories, now).await.unwrap();
        assert_exact_ages(store).await;
    }
    let totals = store.totals().await.unwrap();
    same_pages(store, &DEVELOPERS, totals.developers).await;
    same_pages(store, &REPOSITORIES, totals.repositories).await;
}

pub(super) async fn what_is_loaded_without_ages_is_counted_by_the_migration(store: &Store) {
    let load = "INSERT INTO developers (github_id, login, login_key, login_seen_at, created_at, depth, first_seen_at) \
         WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
         SELECT i, 'd' || i, 'd' || i, 0, CASE WHEN i % 7 = 0 THEN NULL ELSE (i / 3) * 1000000000 - 5000000000 END, 0, 0 \
         FROM n";
    let migration = include_str!("../../../migrations/sqlite/4_ages.sql");
    let (_, fill) = migration.split_once(";\n").unwrap();
    for statement in [load].into_iter().chain(fill.split_terminator(";\n")) {
        let statement = Statement::new(statement);
        store.database.execute(&statement).await.unwrap();
    }
    assert_exact_ages(store).await;
    let filter = Filter::default();
    let pages = async |offset| {
        let found = store.ids_matching(&DEVELOPERS, &filter, 3_000, offset, 10);
        let expected = store.ids_by_skipping(&DEVELOPERS, &filter, 3_000, offset, 10);
        assert_eq!(found.await.unwrap(), expected.await.unwrap(), "{offset}");
    };
    for offset in [0, 1_400, 1_500, 1_985, 2_990] {
        pages(offset).await;
    }
    // What is promised and not there is read the long way.
    let swap =
        "UPDATE ages SET items = 3000 - items WHERE list = 'developers' AND bucket = -4294967297";
    let none = "DELETE FROM ages WHERE list = 'developers' AND bucket <> -4294967297";
    let rest = "INSERT INTO ages (list, bucket, items) VALUES ('developers', -90000, 428)";
    for statement in [swap, none, rest] {
        let statement = Statement::new(statement);
        store.database.execute(&statement).await.unwrap();
    }
    let found = store.ids_by_age(&DEVELOPERS, 3_000, 1_500, 10);
    assert_eq!(found.await.unwrap(), None);
    pages(1_500).await;
}

pub(super) async fn writers_at_once_keep_the_ages_exact(store: &Store) {
    let writers = (1..=4).map(|seed| async move {
        let mut numbers = Numbers(seed);
        for round in 0..6 {
            let ids = (0..12).map(|_| numbers.below(30) + 1);
            let ids: BTreeSet<i64> = ids.collect();
            let developers: Vec<_> = ids.iter().map(|id| created(*id, numbers.time())).collect();
            let repositories = ids.iter().map(|id| repository(*id, numbers.time()));
            let repositories: Vec<_> = repositories.collect();
            let now = at(round);
            store.upsert_developers(&developers, 0, now).await.unwrap();
            store.upsert_repositories(&repositories, now).await.unwrap();
        }
    });
    futures_util::future::join_all(writers).await;
    assert_exact_ages(store).await;
}
