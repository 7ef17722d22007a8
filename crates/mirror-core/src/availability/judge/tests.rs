//! When GitHub counts as gone, and how it is let back.

use super::*;

const LIMITS: Limits = Limits {
    window: Duration::from_secs(10),
    min_samples: 5,
    error_ratio: 0.5,
    return_reads: 4,
};

/// A judge and the time it lives in.
struct Court {
    judge: Judge,
    now: Instant,
    hint: Hint,
}

impl Court {
    fn new() -> Self {
        let now = tokio::time::Instant::now().into_std();
        Self {
            judge: Judge::new(LIMITS, now),
            now,
            hint: Hint::Nothing,
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn note(&mut self, sample: Sample, times: usize) {
        for _ in 0..times {
            self.judge.note(sample, self.now, self.hint, self.now);
        }
    }

    /// How many of so many reads pass.
    fn reads(&mut self, count: usize) -> usize {
        (0..count)
            .filter(|_| self.judge.pass(Passenger::Read, self.now) == Passage::Pass)
            .count()
    }

    #[track_caller]
    fn stands(&mut self, expected: Standing) {
        assert_eq!(self.judge.standing(self.now), expected);
    }

    fn gone() -> Self {
        let mut court = Self::new();
        court.note(Sample::Bad, 5);
        court.stands(Standing::Offline);
        court
    }
}

#[test]
fn too_few_calls_prove_nothing() {
    let mut court = Court::new();
    court.note(Sample::Bad, 4);
    court.stands(Standing::Online);
    // Four old failures are forgotten before the fifth.
    court.wait(10_000);
    court.note(Sample::Bad, 4);
    court.stands(Standing::Online);
    court.note(Sample::Bad, 1);
    court.stands(Standing::Offline);
}

#[test]
fn failures_are_weighed_against_what_went_well() {
    let mut court = Court::new();
    court.note(Sample::Good, 10);
    court.note(Sample::Bad, 9);
    court.stands(Standing::Online);
    court.note(Sample::Bad, 1);
    court.stands(Standing::Offline);
}

#[test]
fn a_success_is_never_the_last_straw() {
    let mut court = Court::new();
    court.note(Sample::Bad, 4);
    court.note(Sample::Good, 1);
    court.stands(Standing::Online);
}

#[test]
fn the_status_page_lowers_the_number_of_calls_and_nothing_more() {
    let mut court = Court::new();
    court.hint = Hint::MajorOutage;
    court.stands(Standing::Online);
    court.note(Sample::Good, 1);
    court.stands(Standing::Online);
    // One failure among many successes is outweighed.
    court.note(Sample::Good, 5);
    court.note(Sample::Bad, 1);
    court.stands(Standing::Online);
    let mut court = Court::new();
    court.hint = Hint::MajorOutage;
    court.note(Sample::Bad, 1);
    court.stands(Standing::Offline);
    // Nor does it keep GitHub away.
    court.judge.probed(Sample::Good, court.now);
    court.stands(Standing::Returning);
    court.wait(1_000);
    court.stands(Standing::Online);
}

#[test]
fn offline_nothing_passes_until_a_probe_is_answered() {
    let mut court = Court::gone();
    assert_eq!(court.reads(100), 0);
    assert_eq!(
        court.judge.pass(Passenger::Write, court.now),
        Passage::Offline
    );
    court.wait(3_600_000);
    court.judge.probed(Sample::Bad, court.now);
    assert_eq!(court.reads(100), 0);
    court.judge.probed(Sample::Good, court.now);
    assert_eq!(court.reads(100), 4);
}

#[test]
fn the_return_lets_twice_as_many_pass_each_second() {
    let mut court = Court::gone();
    court.judge.probed(Sample::Good, court.now);
    for expected in [4, 8, 16, 32] {
        assert_eq!(court.reads(60), expected);
        court.stands(Standing::Returning);
        court.wait(1_000);
    }
    // Sixty-four may pass and sixty want to: nobody is held back, and that ends it.
    assert_eq!(court.reads(60), 60);
    court.wait(1_000);
    court.stands(Standing::Online);
    assert_eq!(court.reads(1_000), 1_000);
}

#[test]
fn writes_are_not_held_back_on_the_return() {
    let mut court = Court::gone();
    court.judge.probed(Sample::Good, court.now);
    assert_eq!(court.reads(10), 4);
    let write = court.judge.pass(Passenger::Write, court.now);
    assert_eq!(write, Passage::Pass);
    assert_eq!(
        court.judge.pass(Passenger::Read, court.now),
        Passage::HeldBack
    );
}

#[test]
fn a_return_without_a_herd_ends_after_a_second_also_if_nobody_came() {
    let mut court = Court::gone();
    court.judge.probed(Sample::Good, court.now);
    court.wait(999);
    court.stands(Standing::Returning);
    court.wait(1);
    court.stands(Standing::Online);
}

#[test]
fn a_false_return_goes_back_offline_by_the_same_rule() {
    let mut court = Court::gone();
    court.judge.probed(Sample::Good, court.now);
    court.wait(10);
    court.note(Sample::Bad, 4);
    court.stands(Standing::Returning);
    court.note(Sample::Bad, 1);
    court.stands(Standing::Offline);
}

#[test]
fn calls_from_before_the_return_say_nothing_about_it() {
    let mut court = Court::gone();
    let sent = court.now;
    court.wait(1_000);
    court.judge.probed(Sample::Good, court.now);
    for _ in 0..20 {
        // They hung while GitHub was away, and time out only now.
        court
            .judge
            .note(Sample::Bad, sent, Hint::Nothing, court.now);
    }
    court.stands(Standing::Returning);
}

#[test]
fn the_failures_that_ended_the_last_phase_are_not_counted_again() {
    let mut court = Court::gone();
    court.judge.probed(Sample::Good, court.now);
    court.wait(1_000);
    court.stands(Standing::Online);
    court.note(Sample::Bad, 4);
    court.stands(Standing::Online);
}
