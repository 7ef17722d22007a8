//! A breaker for work that is no [`CacheStore`](crate::CacheStore) operation.

use std::future::Future;

use super::{BreakerLimits, GuardStats, Guarded};
use crate::{Operation, StoreError};

/// A circuit breaker in front of one server, for whatever is asked of it.
#[derive(Debug)]
pub struct Circuit(Guarded<()>);

impl Circuit {
    /// A closed breaker.
    pub fn new(limits: BreakerLimits) -> Self {
        Self(Guarded::new((), limits))
    }

    /// The breaker's state and what it has done so far.
    pub fn stats(&self) -> GuardStats {
        self.0.stats()
    }

    /// Does the work, if the breaker lets it through, for at most [`BreakerLimits::timeout`].
    ///
    /// # Errors
    /// The work's own, a timeout, or `unavailable` at once while the breaker is open.
    ///
    /// # Cancel safety
    /// That of the work; giving up late counts as a failure.
    pub async fn run<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.0.enter() {
            None => Err(StoreError::unavailable(operation)),
            Some(passage) => self.0.within(operation, passage, work).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::BreakerState;

    #[tokio::test(start_paused = true)]
    async fn it_opens_and_closes_with_the_work() {
        let circuit = Circuit::new(BreakerLimits {
            min_failures: 2,
            probes_to_close: 1,
            ..BreakerLimits::default()
        });
        for _ in 0..2 {
            let failing = async { Err::<(), _>(StoreError::unavailable(Operation::Load)) };
            assert!(circuit.run(Operation::Load, failing).await.is_err());
        }
        assert_eq!(circuit.stats().state, BreakerState::Open);
        let untouched = async { unreachable!("the breaker is open") };
        let refused: Result<(), _> = circuit.run(Operation::Load, untouched).await;
        assert!(refused.unwrap_err().is_unavailable());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            circuit.run(Operation::Load, async { Ok(1) }).await.unwrap(),
            1
        );
        assert_eq!(circuit.stats().state, BreakerState::Closed);
        let hanging = std::future::pending::<Result<(), StoreError>>();
        assert!(
            circuit
                .run(Operation::Load, hanging)
                .await
                .unwrap_err()
                .is_timeout()
        );
    }
}
