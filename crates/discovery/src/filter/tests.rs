//! Each filter and lookup on random data against a naive filter, in both databases.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::moment::Moment;
use crate::store::testing::{Rig, postgres, sqlite};
use crate::store::{
    DeveloperDetail, DeveloperRecord, Rate, RepositoryFlags, RepositoryRecord, Statement, Store,
};

/// What a field of an item holds, as the API shows it.
#[derive(Clone, Debug)]
enum Shown {
    Text(Option<String>),
    Integer(Option<i64>),
    Time(Option<Moment>),
    Bool(Option<bool>),
}

/// Few words, so that they meet; letters that mean something elsewhere.
fn words() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a", "A", "ab", "aB", "b%", "_a", "100%", "a_b", "é", "É", "z", "it's", "a,b", "ab c",
        "日本",
    ])
    .prop_map(str::to_owned)
}

fn maybe_words() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.7, words())
}

fn counts() -> impl Strategy<Value = i64> {
    0..6_i64
}

fn moments() -> impl Strategy<Value = Moment> {
    (0..5_i64).prop_map(|days| Moment::from_seconds(1_300_000_000 + days * 86_400))
}

prop_compose! {
    fn details()(
        texts in prop::array::uniform5(maybe_words()),
        (created, updated) in (moments(), moments()),
        numbers in prop::array::uniform4(counts()),
    ) -> DeveloperDetail {
        let [name, location, bio, company, email] = texts;
        let [followers_count, following_count, public_gists, public_repos] = numbers;
        DeveloperDetail {
            name, location, bio, company, email,
            created_at: Some(created), updated_at: Some(updated),
            followers_count, following_count, public_gists, public_repos,
        }
    }
}

prop_compose! {
    fn repositories()(
        (name, full_name, owner) in (words(), words(), 1..5_i64),
        texts in prop::array::uniform3(maybe_words()),
        (created, updated) in (moments(), moments()),
        flags in prop::array::uniform8(prop::option::of(any::<bool>())),
        numbers in prop::array::uniform4(prop::option::of(counts())),
    ) -> RepositoryRecord {
        let [description, homepage, language] = texts;
        let [has_downloads, has_issues, has_pages, has_projects, has_wiki, private, archived, disabled] = flags;
        let [stargazers_count, subscribers_count, watchers_count, open_issues_count] = numbers;
        RepositoryRecord {
            github_id: 0, owner_github_id: owner, name, full_name, description, homepage, language,
            created_at: Some(created), updated_at: Some(updated),
            flags: RepositoryFlags {
                has_downloads, has_issues, has_pages, has_projects, has_wiki, private, archived, disabled,
            },
            stargazers_count, subscribers_count, watchers_count, open_issues_count,
        }
    }
}

fn developer_field(record: &DeveloperRecord, name: &str) -> Shown {
    let detail = record.detail.clone().unwrap_or_default();
    let known = record.detail.is_some();
    match name {
        "login" => Shown::Text(Some(record.login.clone())),
        "name" => Shown::Text(detail.name),
        "bio" => Shown::Text(detail.bio),
        "location" => Shown::Text(detail.location),
        "company" => Shown::Text(detail.company),
        "email" => Shown::Text(detail.email),
        "followers_count" => Shown::Integer(known.then_some(detail.followers_count)),
        "following_count" => Shown::Integer(known.then_some(detail.following_count)),
        "public_gists" => Shown::Integer(known.then_some(detail.public_gists)),
        "public_repos" => Shown::Integer(known.then_some(detail.public_repos)),
        "created_at" => Shown::Time(detail.created_at),
        "updated_at" => Shown::Time(detail.updated_at),
        other => panic!("{other} has no naive field"),
    }
}

fn repository_field(record: &RepositoryRecord, name: &str) -> Shown {
    let flags = &record.flags;
    match name {
        "owner_github_id" => Shown::Text(Some(record.owner_github_id.to_string())),
        "name" => Shown::Text(Some(record.name.clone())),
        "full_name" => Shown::Text(Some(record.full_name.clone())),
        "description" => Shown::Text(record.description.clone()),
        "homepage" => Shown::Text(record.homepage.clone()),
        "language" => Shown::Text(record.language.clone()),
        "created_at" => Shown::Time(record.created_at),
        "updated_at" => Shown::Time(record.updated_at),
        "has_downloads" => Shown::Bool(flags.has_downloads),
        "has_issues" => Shown::Bool(flags.has_issues),
        "has_pages" => Shown::Bool(flags.has_pages),
        "has_projects" => Shown::Bool(flags.has_projects),
        "has_wiki" => Shown::Bool(flags.has_wiki),
        "private" => Shown::Bool(flags.private),
        "archived" => Shown::Bool(flags.archived),
        "disabled" => Shown::Bool(flags.disabled),
        "stargazers_count" => Shown::Integer(record.stargazers_count),
        "subscribers_count" => Shown::Integer(record.subscribers_count),
        "watchers_count" => Shown::Integer(record.watchers_count),
        "open_issues_count" => Shown::Integer(record.open_issues_count),
        other => panic!("{other} has no naive field"),
    }
}

/// The whole meaning of a lookup, without any of the code under test.
fn naive(shown: &Shown, lookup: &str, asked: &str) -> bool {
    if lookup == "in" {
        return asked.split(',').any(|one| naive(shown, "exact", one));
    }
    if lookup == "isnull" {
        let null = match shown {
            Shown::Text(value) => value.is_none(),
            Shown::Integer(value) => value.is_none(),
            Shown::Time(value) => value.is_none(),
            Shown::Bool(value) => value.is_none(),
        };
        return null == (asked == "true");
    }
    match shown {
        Shown::Text(None) | Shown::Integer(None) | Shown::Time(None) | Shown::Bool(None) => false,
        Shown::Text(Some(value)) => match lookup {
            "exact" => value.as_bytes() == asked.as_bytes(),
            "lte" => value.as_bytes() <= asked.as_bytes(),
            "gte" => value.as_bytes() >= asked.as_bytes(),
            "contains" => value.contains(asked),
            "icontains" => value
                .to_ascii_lowercase()
                .contains(&asked.to_ascii_lowercase()),
            "startswith" => value.starts_with(asked),
            other => panic!("{other}"),
        },
        Shown::Integer(Some(value)) => compare(*value as f64, lookup, asked.parse().unwrap()),
        Shown::Time(Some(value)) => {
            let asked = Moment::parse(asked).unwrap();
            compare(
                value.milliseconds() as f64,
                lookup,
                asked.milliseconds() as f64,
            )
        }
        Shown::Bool(Some(value)) => value.to_string() == asked,
    }
}

fn compare(value: f64, lookup: &str, asked: f64) -> bool {
    match lookup {
        "exact" => value == asked,
        "lte" => value <= asked,
        "gte" => value >= asked,
        other => panic!("{other}"),
    }
}

fn questions(kind: Kind, lookup: Lookup) -> BoxedStrategy<String> {
    let text = match (kind, lookup) {
        (_, Lookup::IsNull) | (Kind::Bool, _) => {
            any::<bool>().prop_map(|value| value.to_string()).boxed()
        }
        (Kind::Text, _) => words().boxed(),
        (Kind::Id, _) => prop_oneof![
            (0..6_i64).prop_map(|id| id.to_string()),
            Just("007".to_owned())
        ]
        .boxed(),
        (Kind::Integer | Kind::Epoch, _) => prop_oneof![
            counts().prop_map(|count| count.to_string()),
            Just("2.5".to_owned()),
            Just("-1".to_owned())
        ]
        .boxed(),
        (Kind::Time, _) => moments().prop_map(|moment| moment.to_string()).boxed(),
    };
    if lookup == Lookup::In {
        prop::collection::vec(text, 1..4)
            .prop_map(|all| all.join(","))
            .boxed()
    } else {
        text
    }
}

async fn found(store: &Store, table: &'static Table, parameters: &[(String, String)]) -> Vec<i64> {
    let filter = Filter::parse(table, parameters, 100).unwrap();
    let mut select = Statement::new(format!("SELECT github_id FROM {}", table.source));
    where_clause(&mut select, table, &filter, store.database.dialect());
    select.push(" ORDER BY github_id");
    let rows = store.database.all(select).await.unwrap();
    rows.iter()
        .map(|row| row.integer("github_id").unwrap())
        .collect()
}

fn sample<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn seeded() -> TestRunner {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(Config::default(), rng)
}

const ROUNDS: usize = 6;

async fn every_filter_and_lookup(rig: Rig) {
    let store = &rig.store;
    let mut runner = seeded();
    let developers: Vec<DeveloperRecord> = (1..=60)
        .map(|github_id| DeveloperRecord {
            github_id,
            login: sample(&mut runner, words()),
            detail: sample(&mut runner, prop::option::weighted(0.9, details())),
        })
        .collect();
    let repositories: Vec<RepositoryRecord> = (1..=60)
        .map(|github_id| RepositoryRecord {
            github_id,
            ..sample(&mut runner, repositories())
        })
        .collect();
    let now = Moment::from_seconds(1_700_000_000);
    store.upsert_developers(&developers, 0, now).await.unwrap();
    store.upsert_repositories(&repositories, now).await.unwrap();
    let mut asked = 0;
    for table in [&DEVELOPERS, &REPOSITORIES] {
        for field in table.fields {
            for lookup in field.lookups {
                for _ in 0..ROUNDS {
                    let text = sample(&mut runner, questions(field.kind, *lookup));
                    let parameter = field.parameter(*lookup);
                    let expected: Vec<i64> = if std::ptr::eq(table, &DEVELOPERS) {
                        let fits = |record: &&DeveloperRecord| {
                            naive(&developer_field(record, field.name), lookup.as_str(), &text)
                        };
                        developers
                            .iter()
                            .filter(fits)
                            .map(|record| record.github_id)
                            .collect()
                    } else {
                        let fits = |record: &&RepositoryRecord| {
                            naive(
                                &repository_field(record, field.name),
                                lookup.as_str(),
                                &text,
                            )
                        };
                        repositories
                            .iter()
                            .filter(fits)
                            .map(|record| record.github_id)
                            .collect()
                    };
                    let found = found(store, table, &[(parameter.clone(), text.clone())]).await;
                    assert_eq!(found, expected, "{parameter}={text}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    search(store, &developers).await;
    rate_limits(store).await;
}

async fn search(store: &Store, developers: &[DeveloperRecord]) {
    for text in ["B%", "é", "it's"] {
        let fits = |record: &&DeveloperRecord| {
            DEVELOPERS
                .search
                .iter()
                .any(|name| naive(&developer_field(record, name), "icontains", text))
        };
        let expected: Vec<i64> = developers
            .iter()
            .filter(fits)
            .map(|record| record.github_id)
            .collect();
        let found = found(
            store,
            &DEVELOPERS,
            &[("search".to_owned(), text.to_owned())],
        )
        .await;
        assert_eq!(found, expected, "{text}");
    }
}

async fn rate_limits(store: &Store) {
    let count = async |parameter: &str, text: &str| {
        let parameters = [(parameter.to_owned(), text.to_owned())];
        let filter = Filter::parse(&RATE_LIMIT, &parameters, 100).unwrap();
        let mut select = Statement::new(format!("SELECT rate_limit FROM {}", RATE_LIMIT.source));
        where_clause(&mut select, &RATE_LIMIT, &filter, store.database.dialect());
        store.database.all(select).await.unwrap().len()
    };
    assert_eq!(count("unknown", "1").await, 0);
    for (token, remaining) in [("a", 10), ("b", 20)] {
        let rate = Rate {
            token: token.to_owned(),
            masked: token.to_owned(),
            limit: 60,
            remaining,
            reset_at: Moment::from_seconds(1_300_000_000 + remaining),
            blocked_until: None,
            seen_at: Moment::from_seconds(1_300_000_000),
        };
        store.record_rate(&rate).await.unwrap();
    }
    for (parameter, text, expected) in [
        ("unknown", "1", 1),
        ("rate_limit", "120", 1),
        ("rate_limit__gte", "121", 0),
        ("rate_remaining__lte", "30", 1),
        ("rate_remaining__lte", "29.5", 0),
        ("rate_reset_raw", "1300000010", 1),
        ("rate_reset_raw__gte", "1300000011", 0),
        ("rate_reset", "2011-03-13T07:06:50Z", 1),
        ("rate_reset__lte", "2011-03-13T07:06:49Z", 0),
    ] {
        assert_eq!(count(parameter, text).await, expected, "{parameter}={text}");
    }
}

#[tokio::test]
async fn every_filter_and_lookup_in_sqlite() {
    every_filter_and_lookup(sqlite().await).await;
}

#[tokio::test]
async fn every_filter_and_lookup_in_postgres() {
    every_filter_and_lookup(postgres().await).await;
}

#[test]
fn every_filter_of_the_contract_is_there() {
    #[track_caller]
    fn check(table: &'static Table, fields: &[&str], lookups: &[&str]) {
        for (field, lookup) in fields
            .iter()
            .flat_map(|field| lookups.iter().map(move |lookup| (field, lookup)))
        {
            let found = table.find(&format!("{field}__{lookup}"));
            assert_eq!(found.map(|(field, _)| field.name), Some(*field), "{lookup}");
        }
    }
    check(&DEVELOPERS, &["login"], &["exact", "lte", "gte"]);
    check(
        &DEVELOPERS,
        &["name", "bio"],
        &["exact", "lte", "gte", "isnull", "contains"],
    );
    check(
        &DEVELOPERS,
        &["location", "company", "email"],
        &["exact", "lte", "gte", "isnull"],
    );
    let numbers = [
        "followers_count",
        "following_count",
        "public_gists",
        "public_repos",
        "created_at",
        "updated_at",
    ];
    check(&DEVELOPERS, &numbers, &["exact", "lte", "gte"]);
    check(
        &REPOSITORIES,
        &["owner_github_id", "name", "full_name"],
        &["exact"],
    );
    check(
        &REPOSITORIES,
        &["description"],
        &["exact", "isnull", "contains"],
    );
    check(
        &REPOSITORIES,
        &["homepage", "language"],
        &["exact", "isnull"],
    );
    let flags = [
        "has_downloads",
        "has_issues",
        "has_pages",
        "has_projects",
        "has_wiki",
        "private",
        "archived",
        "disabled",
    ];
    check(&REPOSITORIES, &flags, &["exact"]);
    let numbers = [
        "created_at",
        "updated_at",
        "stargazers_count",
        "subscribers_count",
        "watchers_count",
        "open_issues_count",
    ];
    check(&REPOSITORIES, &numbers, &["exact", "lte", "gte"]);
    let rates = [
        "rate_limit",
        "rate_remaining",
        "rate_reset_raw",
        "rate_reset",
    ];
    check(&RATE_LIMIT, &rates, &["exact", "lte", "gte"]);
}

#[test]
fn wrong_and_absent_values() {
    let parse = |parameters: &[(&str, &str)]| {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        Filter::parse(&DEVELOPERS, &parameters, 3)
    };
    let bad = parse(&[
        ("followers_count__gte", "many"),
        ("name__isnull", "perhaps"),
        ("created_at", "soon"),
    ]);
    let bad: Vec<String> = bad.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        bad,
        [
            "followers_count__gte: Enter a number.",
            "name__isnull: Enter a valid boolean.",
            "created_at: Enter a valid date/time.",
        ]
    );
    for absent in [
        &[("login", "")][..],
        &[("unknown", "1")],
        &[("login__contains", "a")],
        &[("page", "x")],
    ] {
        assert_eq!(parse(absent).unwrap(), Filter::default());
    }
    // The last of one name counts.
    let last = parse(&[("followers_count", "many"), ("followers_count", "1")]).unwrap();
    assert_eq!(
        last.conditions[0].operand,
        Operand::Number(Number::Whole(1))
    );
    assert!(parse(&[("login__in", "a,b,c,d")]).is_err());
}

#[test]
fn orders() {
    let order = |text: &str| {
        let parameters = [("ordering".to_owned(), text.to_owned())];
        let filter = Filter::parse(&DEVELOPERS, &parameters, 3).unwrap();
        (order_by(&filter.order), reversed(&filter.order))
    };
    let (forwards, backwards) = order("-login,followers_count,login,nothing");
    assert_eq!(
        forwards,
        "login DESC NULLS LAST, followers_count ASC NULLS LAST, github_id"
    );
    assert_eq!(
        backwards,
        "login ASC NULLS FIRST, followers_count DESC NULLS FIRST, github_id DESC"
    );
    assert_eq!(order("nothing").0, "created_at DESC NULLS LAST, github_id");
}
