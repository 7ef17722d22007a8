//! Waiting for what another process does.

use std::time::Duration;

use tokio::time::Instant;

/// Longest wait for something that takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is_so` answers with something.
///
/// # Panics
/// When that takes too long.
pub async fn until<T>(what: &str, mut is_so: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = is_so().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
