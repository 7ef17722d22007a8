//! Counting tests from what `cargo nextest` and `cargo test` print.

/// Whose summary lines are being read.
///
/// The two are never mixed: nextest repeats the output of a failed test, which holds libtest's own summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Nextest,
    Libtest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds the counts of `line` if it is a summary line of `runner`.
    pub(crate) fn read(&mut self, runner: Runner, line: &str) {
        let line = without_colours(line);
        let found = match runner {
            Runner::Nextest => nextest(&line),
            Runner::Libtest => libtest(&line),
        };
        if let Some(found) = found {
            *self = self.plus(found);
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }

    /// A run that failed without a failed test (it did not compile, it crashed) counts as one failure.
    pub(crate) fn of_failed_run(self) -> Self {
        Self {
            failed: self.failed.max(1),
            ..self
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// `Summary [ 0.1s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped`
fn nextest(line: &str) -> Option<Tally> {
    let (_, rest) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once(']')?;
    let (_, counts) = rest.split_once(" run:")?;
    Some(sum(&without_brackets(counts), ','))
}

/// `test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(sum(counts, ';'))
}

fn sum(counts: &str, separator: char) -> Tally {
    let mut tally = Tally::default();
    for part in counts.split(separator) {
        let Some((number, word)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word.trim() {
            "passed" => tally.passed += number,
            "failed" | "exec failed" | "timed out" => tally.failed += number,
            _ => {}
        }
    }
    tally
}

/// Terminals are told colours by `ESC [ .. m`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    kept
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for symbol in text.chars() {
        match symbol {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(symbol),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runner: Runner, line: &str, passed: u64, failed: u64) {
        let mut tally = Tally::default();
        tally.read(runner, line);
        assert_eq!(tally, Tally { passed, failed }, "{line}");
    }

    #[test]
    fn summaries_of_nextest() {
        let check = |line, passed, failed| check(Runner::Nextest, line, passed, failed);
        check(
            "     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped",
            5,
            0,
        );
        check(
            "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped",
            1,
            0,
        );
        check(
            "     Summary [   9.1s] 9/12 tests run: 6 passed (1 slow, 2 flaky), 1 failed, 1 exec failed, 1 timed out, 2 skipped",
            6,
            3,
        );
        check(
            "     Summary [   0.000s] 0 tests run: 0 passed, 7 skipped",
            0,
            0,
        );
        check(
            "        PASS [   0.012s] xtask tally::tests::summaries",
            0,
            0,
        );
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.012s] \u{1b}[1m5\u{1b}[0m tests run: \u{1b}[1m5\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped",
            5,
            0,
        );
        // The output of a failed test, repeated by nextest.
        check(
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
            0,
            0,
        );
    }

    #[test]
    fn summaries_of_libtest() {
        let check = |line, passed, failed| check(Runner::Libtest, line, passed, failed);
        check(
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            5,
            0,
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
            3,
            2,
        );
        check("test tally::tests::summaries ... ok", 0, 0);
        check(
            "     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped",
            0,
            0,
        );
    }

    #[test]
    fn several_summaries_add_up_and_a_broken_build_counts() {
        let mut tally = Tally::default();
        tally.read(
            Runner::Libtest,
            "test result: ok. 5 passed; 0 failed; 0 ignored",
        );
        tally.read(
            Runner::Libtest,
            "test result: ok. 2 passed; 0 failed; 0 ignored",
        );
        assert_eq!(tally.to_string(), "7 passed, 0 failed");
        assert_eq!(tally.of_failed_run().to_string(), "7 passed, 1 failed");
    }
}
