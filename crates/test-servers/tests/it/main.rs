//! Servers that other tests rely on start, keep apart what they should, and end.

use test_servers::Postgres;

#[tokio::test]
async fn postgres_keeps_databases_apart_and_data_through_a_kill() {
    let mut server = Postgres::start().await;
    for name in ["one", "two"] {
        assert!(server.database(name).ends_with(name));
    }
    server.psql("one", "CREATE TABLE kept (n int)").unwrap();
    server.psql("one", "CHECKPOINT").unwrap();
    assert!(server.psql("two", "SELECT n FROM kept").is_err());
    server.kill();
    assert!(server.psql("one", "SELECT 1").is_err());
    server.start_again().await;
    server.psql("one", "INSERT INTO kept VALUES (7)").unwrap();
    assert_eq!(server.psql("one", "SELECT n FROM kept").unwrap(), "7");
}
