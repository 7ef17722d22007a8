//! What a payload says about whom and what it concerns.
//!
//! Fields come and go in GitHub's payloads, so each is looked for by itself and none is required; what is of another
//! type than expected is as good as absent.

use serde::Deserialize;
use serde_json::Value;

/// The parts of a payload that decide what it touches.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    action: Option<Value>,
    repository: Option<Value>,
    organization: Option<Value>,
    sender: Option<Value>,
    issue: Option<Value>,
    pull_request: Option<Value>,
    number: Option<Value>,
    team: Option<Value>,
    installation: Option<Value>,
    changes: Option<Value>,
    repositories: Option<Value>,
    repositories_added: Option<Value>,
    repositories_removed: Option<Value>,
}

/// A repository, by everything it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repository {
    /// `owner/name`, now and before.
    pub(crate) names: Vec<String>,
    pub(crate) number: Option<u64>,
}

impl Facts {
    /// # Errors
    /// When the payload is no JSON object.
    pub(crate) fn of(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    pub(crate) fn action(&self) -> &str {
        self.action
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The repository that the event is about.
    pub(crate) fn repository(&self) -> Option<Repository> {
        let repository = self.repository.as_ref()?;
        let name = full_name(repository)?;
        let mut names = vec![name.to_owned()];
        // Renamed: what the name was; transferred: who owned it.
        let before = |pointer| self.changes.as_ref()?.pointer(pointer)?.as_str();
        let (owner, short) = name.split_once('/')?;
        let old_name = before("/repository/name/from");
        let old_owner =
            before("/owner/from/user/login").or_else(|| before("/owner/from/organization/login"));
        if old_name.is_some() || old_owner.is_some() {
            let old = [old_owner.unwrap_or(owner), old_name.unwrap_or(short)].join("/");
            names.push(old);
        }
        Some(Repository {
            names,
            number: number(repository, "/id"),
        })
    }

    /// Repositories that an installation gained or lost, or that an issue went to.
    pub(crate) fn other_repositories(&self) -> Vec<Repository> {
        let lists = [
            &self.repositories,
            &self.repositories_added,
            &self.repositories_removed,
        ];
        let listed = lists
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten();
        let moved = self
            .changes
            .iter()
            .filter_map(|changes| changes.pointer("/new_repository"));
        listed
            .chain(moved)
            .filter_map(|repository| {
                Some(Repository {
                    names: vec![full_name(repository)?.to_owned()],
                    number: number(repository, "/id"),
                })
            })
            .collect()
    }

    /// Login and number of the owner of the repository.
    pub(crate) fn owner(&self) -> (Option<&str>, Option<u64>) {
        account(self.repository.as_ref().and_then(|it| it.get("owner")))
    }

    /// Logins and number of the organisation; where it was renamed, also what it was.
    pub(crate) fn organisation(&self) -> (Vec<&str>, Option<u64>) {
        let (login, number) = account(self.organization.as_ref());
        let before = self
            .changes
            .as_ref()
            .and_then(|changes| changes.pointer("/login/from")?.as_str());
        (login.into_iter().chain(before).collect(), number)
    }

    /// Who did it.
    pub(crate) fn sender(&self) -> (Option<&str>, Option<u64>) {
        account(self.sender.as_ref())
    }

    /// Whose installation it is.
    pub(crate) fn installation_account(&self) -> Option<&str> {
        self.installation
            .as_ref()?
            .pointer("/account/login")?
            .as_str()
    }

    /// The number of the issue or pull request.
    pub(crate) fn number(&self) -> Option<u64> {
        let of = |it: &Option<Value>| number(it.as_ref()?, "/number");
        of(&self.issue)
            .or_else(|| of(&self.pull_request))
            .or_else(|| self.number.as_ref()?.as_u64())
    }

    pub(crate) fn team_number(&self) -> Option<u64> {
        number(self.team.as_ref()?, "/id")
    }
}

fn full_name(repository: &Value) -> Option<&str> {
    let name = repository.get("full_name")?.as_str()?;
    // Anything else than two segments would touch the wrong paths.
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '?', '#', '*']);
    let (owner, short) = name.split_once('/')?;
    (plain(owner) && plain(short)).then_some(name)
}

fn account(account: Option<&Value>) -> (Option<&str>, Option<u64>) {
    let login = account
        .and_then(|account| account.get("login")?.as_str())
        .filter(|login| !login.is_empty() && !login.contains(['/', '?', '#', '*']));
    (login, account.and_then(|account| number(account, "/id")))
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}
