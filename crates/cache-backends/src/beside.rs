//! Long computations, beside the tasks of the runtime.

/// From here on (de)compressing takes long enough to hold up what else the thread does.
const LARGE_BYTES: usize = 256 << 10;

/// Computes here, or, where it takes long, where waiting is nobody's harm; `None` when the runtime is shutting down.
pub(crate) async fn beside_large<T: Send + 'static>(
    bytes: usize,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if bytes < LARGE_BYTES {
        return Some(compute());
    }
    tokio::task::spawn_blocking(compute).await.ok()
}
