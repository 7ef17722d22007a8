//! Faults that a test orders: which requests they meet and what goes wrong.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The body of a [`FaultKind::Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultBody {
    /// `{"message": <reason phrase>}`; for 502 GitHub's `{"message":"Server Error"}`.
    #[default]
    Message,
    /// The HTML page "Unicorn! · GitHub", with rate-limit headers (behaviour notes 5).
    Unicorn,
    /// The load balancer's own bare page, without any GitHub header.
    LoadBalancer,
    Empty,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The answer comes later; combines with another fault.
    Delay { milliseconds: u64 },
    /// TCP reset instead of an answer.
    Reset,
    /// The connection closes after so many bytes of the body, `content-length` promising more.
    Truncate { after_bytes: usize },
    /// The body stops after so many bytes and the connection stays open.
    Stall { after_bytes: usize },
    /// Another status.
    Status {
        code: u16,
        #[serde(default)]
        body: FaultBody,
    },
    /// Bytes that are no HTTP.
    Garbage,
    /// Conditional requests are answered 304 although there is something new, as happens to event feeds; others as usual.
    StuckTag,
    /// 403 as if the primary quota were used up.
    PrimaryLimit,
    /// 403 as if a secondary limit had been hit.
    SecondaryLimit {
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// The connection is closed when it is accepted (or at the next request on a kept one).
    Outage,
}

/// Which requests a fault meets, how often, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// Glob over the path: `*` is one segment, `**` the rest; absent = every path.
    #[serde(default)]
    pub path: Option<String>,
    /// Label of the token, or `anonymous`; absent = every caller.
    #[serde(default)]
    pub token: Option<String>,
    #[serde(default)]
    pub method: Option<String>,
    /// How many such requests pass before it begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// How many requests; absent = until removed.
    #[serde(default)]
    pub times: Option<u32>,
    #[serde(flatten)]
    pub kind: FaultKind,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FaultRule {
    /// Meets every request until it is removed.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            path: None,
            token: None,
            method: None,
            skip: 0,
            times: None,
            kind,
        }
    }

    #[must_use]
    pub fn path(mut self, glob: &str) -> Self {
        self.path = Some(glob.to_owned());
        self
    }

    #[must_use]
    pub fn token(mut self, label: &str) -> Self {
        self.token = Some(label.to_owned());
        self
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn meets(&self, method: &str, path: &str, token: &str) -> bool {
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.token.as_deref().is_none_or(|wanted| wanted == token)
            && self
                .path
                .as_deref()
                .is_none_or(|glob| glob_matches(glob, path))
    }

    fn meets_everything(&self) -> bool {
        self.method.is_none() && self.token.is_none() && self.path.is_none()
    }
}

/// A fault that GitHub itself would give as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFault {
    StuckTag,
    Status { code: u16, body: FaultBody },
    PrimaryLimit,
    SecondaryLimit { retry_after: Option<u32> },
}

/// A fault of the connection under the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFault {
    Close,
    Reset,
    Garbage,
    Truncate { after_bytes: usize },
    Stall { after_bytes: usize },
}

/// What was ordered for one request: a delay, and at most one fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ordered {
    pub(crate) delay_milliseconds: u64,
    pub(crate) fault: Option<FaultKind>,
}

impl Ordered {
    pub(crate) fn answer_fault(&self) -> Option<AnswerFault> {
        match *self.fault.as_ref()? {
            FaultKind::Status { code, body } => Some(AnswerFault::Status { code, body }),
            FaultKind::StuckTag => Some(AnswerFault::StuckTag),
            FaultKind::PrimaryLimit => Some(AnswerFault::PrimaryLimit),
            FaultKind::SecondaryLimit { retry_after } => {
                Some(AnswerFault::SecondaryLimit { retry_after })
            }
            _ => None,
        }
    }

    pub(crate) fn wire_fault(&self) -> Option<WireFault> {
        match *self.fault.as_ref()? {
            FaultKind::Outage => Some(WireFault::Close),
            FaultKind::Reset => Some(WireFault::Reset),
            FaultKind::Garbage => Some(WireFault::Garbage),
            FaultKind::Truncate { after_bytes } => Some(WireFault::Truncate { after_bytes }),
            FaultKind::Stall { after_bytes } => Some(WireFault::Stall { after_bytes }),
            _ => None,
        }
    }
}

/// All rules in force, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<FaultRule>>,
}

impl Faults {
    pub(crate) fn add(&self, rule: FaultRule) {
        self.rules.lock().push(rule);
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().clear();
    }

    pub(crate) fn list(&self) -> Vec<FaultRule> {
        self.rules.lock().clone()
    }

    /// Is there an outage, so that connections are looked at before they are welcome?
    pub(crate) fn outage(&self) -> bool {
        let rules = self.rules.lock();
        rules
            .iter()
            .any(|rule| rule.kind == FaultKind::Outage && rule.meets_everything())
    }

    /// Is a new connection to be closed at once?
    pub(crate) fn refuses_connection(&self) -> bool {
        let mut rules = self.rules.lock();
        let wanted = |rule: &FaultRule| rule.kind == FaultKind::Outage && rule.meets_everything();
        let Some(index) = rules.iter().position(wanted) else {
            return false;
        };
        use_up(&mut rules, index);
        true
    }

    /// Uses up the rules that meet this request.
    pub(crate) fn ordered(&self, method: &str, path: &str, token: &str) -> Ordered {
        let mut rules = self.rules.lock();
        let mut ordered = Ordered::default();
        let mut index = 0;
        while index < rules.len() {
            let rule = &mut rules[index];
            if rule.skip > 0 && rule.meets(method, path, token) {
                rule.skip -= 1;
                index += 1;
                continue;
            }
            let delay = match rule.kind {
                FaultKind::Delay { milliseconds } => Some(milliseconds),
                _ => None,
            };
            let wanted =
                rule.meets(method, path, token) && (delay.is_some() || ordered.fault.is_none());
            if !wanted {
                index += 1;
                continue;
            }
            match delay {
                Some(milliseconds) => ordered.delay_milliseconds += milliseconds,
                None => ordered.fault = Some(rule.kind.clone()),
            }
            let before = rules.len();
            use_up(&mut rules, index);
            index += usize::from(rules.len() == before);
        }
        ordered
    }
}

fn use_up(rules: &mut Vec<FaultRule>, index: usize) {
    match &mut rules[index].times {
        None => {}
        Some(times) if *times > 1 => *times -= 1,
        Some(_) => {
            rules.remove(index);
        }
    }
}

fn glob_matches(glob: &str, path: &str) -> bool {
    let mut wanted = glob.trim_matches('/').split('/');
    let mut given = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (Some("**"), _) => return true,
            (None, None) => return true,
            (Some(pattern), Some(segment)) if pattern == "*" || pattern == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, path: &str, expected: bool) {
        assert_eq!(glob_matches(glob, path), expected, "{glob} on {path}");
    }

    #[test]
    fn globs() {
        check("/repos/*/*", "/repos/o/r", true);
        check("/repos/*/*", "/repos/o/r/issues", false);
        check("/repos/**", "/repos/o/r/issues", true);
        check("/repos/**", "/users/o", false);
        check("**", "/", true);
        check("/user", "/users", false);
    }

    #[test]
    fn a_delay_combines_with_one_fault_and_both_are_used_up() {
        let faults = Faults::default();
        faults.add(FaultRule::new(FaultKind::Delay { milliseconds: 5 }).times(1));
        faults.add(FaultRule::new(FaultKind::Reset).path("/a").times(2));
        faults.add(FaultRule::new(FaultKind::Garbage));
        let first = faults.ordered("GET", "/a", "anonymous");
        assert_eq!(
            first,
            Ordered {
                delay_milliseconds: 5,
                fault: Some(FaultKind::Reset)
            }
        );
        assert_eq!(
            faults.ordered("GET", "/b", "x").fault,
            Some(FaultKind::Garbage)
        );
        assert_eq!(
            faults.ordered("GET", "/a", "x").fault,
            Some(FaultKind::Reset)
        );
        assert_eq!(
            faults.ordered("GET", "/a", "x").fault,
            Some(FaultKind::Garbage)
        );
    }

    #[test]
    fn some_requests_may_pass_first() {
        let faults = Faults::default();
        faults.add(FaultRule::new(FaultKind::Reset).path("/a").skip(1).times(1));
        let reset = |path| faults.ordered("GET", path, "x").fault.is_some();
        assert!(!reset("/b"));
        assert!(!reset("/a"));
        assert!(reset("/a"));
        assert!(!reset("/a"));
    }

    #[test]
    fn rules_are_flat_json() {
        let rule: FaultRule = serde_json::from_value(serde_json::json!({
            "path": "/user", "times": 2, "kind": "status", "code": 503, "body": "unicorn"
        }))
        .unwrap();
        let kind = FaultKind::Status {
            code: 503,
            body: FaultBody::Unicorn,
        };
        assert_eq!(rule, FaultRule::new(kind).path("/user").times(2));
    }
}
