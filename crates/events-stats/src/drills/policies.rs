//! Two weeks of five repositories with very different, bursty rates: how long events wait under each policy.

use crate::command::Comparison;
use crate::policy::{Allowance, Policy};
use crate::simulation::{History, Simulated, simulate};
use crate::{Event, EventId, Timestamp};

const TWO_WEEKS: f64 = 14.0 * 86_400.0;

/// Requests per hour, all five repositories together.
const BUDGET: f64 = 20.0;

/// The same numbers on every machine (SplitMix64).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Seconds until something that happens so often.
    fn wait(&mut self, per_second: f64) -> f64 {
        let chance = (self.word() >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - chance).ln() / per_second
    }
}

/// Events that come one by one most of the time, and ten times as often in bursts of half an hour, one in five hours.
fn bursty(seed: u64, per_hour: f64) -> History {
    let mut random = Random(seed);
    let quiet = per_hour / 3600.0 / 1.9;
    let (mut at, mut until, mut rate) = (0.0, 0.0, quiet);
    let mut events = Vec::new();
    while at < TWO_WEEKS {
        if at >= until {
            let burst = rate == quiet && until > 0.0;
            rate = if burst { quiet * 10.0 } else { quiet };
            until = at + random.wait(1.0 / if burst { 1_800.0 } else { 16_200.0 });
        }
        let next = at + random.wait(rate);
        at = next.min(until);
        if next <= until && at < TWO_WEEKS {
            events.push(Event {
                id: EventId(events.len() as u64 + 1),
                kind: "PushEvent".into(),
                created_at: Timestamp::from_seconds(at as i64),
                actor: "".into(),
                repository_id: seed,
                repository: "o/r".into(),
                raw: "".into(),
            });
        }
    }
    History::new(&format!("octo/{per_hour}-an-hour"), events)
}

fn skewed() -> Vec<History> {
    let rates = [40.0, 4.0, 1.5, 0.4, 0.1];
    let seeded = rates.iter().zip(1..);
    seeded.map(|(rate, seed)| bursty(seed, *rate)).collect()
}

fn allowance() -> Allowance {
    Allowance {
        requests_per_hour: BUDGET,
        fixed_seconds: 5.0 * 3600.0 / BUDGET,
        // No bound but those that GitHub and a full feed set.
        ceiling_seconds: 86_400.0,
    }
}

#[test]
fn the_root_of_the_rate_waits_least_at_the_same_cost() {
    let histories = skewed();
    let run = |policy| (policy, simulate(&histories, policy, allowance()));
    let compared = Comparison(vec![
        run(Policy::Sqrt),
        run(Policy::Average),
        run(Policy::Fixed),
    ]);
    println!("{compared}");
    let of = |policy: Policy| -> &Simulated {
        let found = compared.0.iter().find(|(other, _)| *other == policy);
        &found.unwrap().1
    };
    let (sqrt, average) = (of(Policy::Sqrt), of(Policy::Average));
    let mean = |one: &Simulated| one.mean_delay_seconds.unwrap();
    assert!(
        mean(sqrt) <= 0.6 * mean(average),
        "at least two fifths less than {}: {}",
        mean(average),
        mean(sqrt)
    );
    assert!(mean(sqrt) < mean(of(Policy::Fixed)));
    assert!(sqrt.requests <= average.requests + average.requests / 50);
    for (policy, one) in &compared.0 {
        assert_eq!(one.lost_unreported, 0, "{policy:?}");
        assert!(one.seen > 10_000, "{policy:?}");
    }
    assert_eq!(sqrt.lost, 0, "no burst of these fills half a feed unseen");
}
