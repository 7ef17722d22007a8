//! What is one per process: signals and logging.

use std::process::Command;

use service_runtime::drain::Hangups;
use service_runtime::logs::{self, Format, LogError};
use service_runtime::{Failure, Shutdown, exit};

/// Sends this process a signal for which a handler is installed.
async fn signal(name: &str) {
    let own = std::process::id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &own])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn signals_begin_the_shutdown_and_hang_ups_do_not() {
    let shutdown = Shutdown::new();
    shutdown.follow_signals().unwrap();
    let mut hangups = Hangups::follow().unwrap();
    signal("HUP").await;
    hangups.next().await;
    assert_eq!(format!("{shutdown:?}"), "Shutdown { wish: Run, .. }");
    signal("TERM").await;
    shutdown.requested().await;
    signal("INT").await;
    shutdown.forced().await;
}

#[test]
fn the_level_changes_while_running_and_only_to_one_that_exists() {
    let logs = logs::start(Format::Text, "off").unwrap();
    assert!(!tracing::enabled!(tracing::Level::ERROR));
    logs.level().set("error").unwrap();
    assert!(tracing::enabled!(tracing::Level::ERROR));
    assert_eq!(logs.level().set("eror"), Err(LogError::Level));
    assert!(tracing::enabled!(tracing::Level::ERROR));
    logs.level().set("off").unwrap();
    assert!(!tracing::enabled!(tracing::Level::ERROR));
    let again = logs::start(Format::Json, "off").err();
    assert_eq!(again, Some(LogError::AlreadyStarted));
}

#[test]
fn the_exit_code_says_whose_fault_it_was() {
    let code = |end: Result<(), Failure>| format!("{:?}", exit::run("gate", || end));
    let expected = |code: u8| format!("{:?}", std::process::ExitCode::from(code));
    assert_eq!(code(Ok(())), expected(0));
    assert_eq!(code(Err(Failure::usage("wrong key"))), expected(64));
    assert_eq!(code(Err(Failure::start("no store"))), expected(1));
}
