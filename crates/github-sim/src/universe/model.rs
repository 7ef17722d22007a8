//! What exists: accounts, repositories and the relations between them, in compact form.
//!
//! Accounts and repositories live in two tables and are named by their position, which never changes; a deleted one
//! stays as a tombstone. What is inside a repository is in [`super::content`] and is made when it is first asked for.

use super::content::Content;
use super::random::{Random, mix};
use super::words;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Position in [`Model::accounts`].
pub(crate) type AccountIndex = u32;
/// Position in [`Model::repositories`].
pub(crate) type RepositoryIndex = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Organization,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) blog: String,
    pub(crate) location: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) hireable: Option<bool>,
    pub(crate) bio: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) user: AccountIndex,
    pub(crate) public: bool,
    pub(crate) admin: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Team {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) members: Vec<AccountIndex>,
    pub(crate) repositories: Vec<RepositoryIndex>,
    pub(crate) permission: Permission,
    pub(crate) created_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) kind: Kind,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) deleted: bool,
    /// Set once somebody edits it; before, it is a function of the id.
    pub(crate) edited: Option<Box<Profile>>,
    pub(crate) repositories: Vec<RepositoryIndex>,
    pub(crate) followers: Vec<AccountIndex>,
    pub(crate) following: Vec<AccountIndex>,
    pub(crate) starred: Vec<RepositoryIndex>,
    pub(crate) watching: Vec<RepositoryIndex>,
    /// Organisations of a user.
    pub(crate) organizations: Vec<AccountIndex>,
    /// Members and teams of an organisation.
    pub(crate) members: Vec<Membership>,
    pub(crate) teams: Vec<Team>,
}

/// The ladder of repository roles; the order is the order of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    Pull,
    Triage,
    Push,
    Maintain,
    Admin,
}

impl Permission {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Triage => "triage",
            Self::Push => "push",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The name in `role_name`.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Pull => "read",
            Self::Push => "write",
            other => other.as_str(),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pull" | "read" => Self::Pull,
            "triage" => Self::Triage,
            "push" | "write" => Self::Push,
            "maintain" => Self::Maintain,
            "admin" => Self::Admin,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Star {
    pub(crate) user: AccountIndex,
    pub(crate) at: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: AccountIndex,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) archived: bool,
    pub(crate) deleted: bool,
    pub(crate) has_issues: bool,
    pub(crate) description: Option<String>,
    pub(crate) homepage: Option<String>,
    pub(crate) language: Option<&'static str>,
    pub(crate) license: Option<usize>,
    pub(crate) topics: Vec<String>,
    pub(crate) default_branch: String,
    pub(crate) size: u64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) pushed_at: i64,
    pub(crate) parent: Option<RepositoryIndex>,
    pub(crate) forks: Vec<RepositoryIndex>,
    pub(crate) stargazers: Vec<Star>,
    pub(crate) watchers: Vec<AccountIndex>,
    pub(crate) collaborators: Vec<(AccountIndex, Permission)>,
    /// Kept beside the content so that lists of repositories need not build it.
    pub(crate) open_issues: u32,
    /// How much the first build of the content makes; 0 issues and 0 commits for a repository made by a client.
    pub(crate) plan: Plan,
    pub(crate) content: Option<Box<Content>>,
    /// Content differs from what the plan would build, so it must not be dropped.
    pub(crate) content_edited: bool,
}

/// Amounts of generated content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) commits: u32,
    pub(crate) open_issues: u32,
    pub(crate) closed_issues: u32,
    pub(crate) pulls: u32,
    pub(crate) releases: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) account: AccountIndex,
    /// `None` = all repositories of the account.
    pub(crate) selected: Option<Vec<RepositoryIndex>>,
}

/// Everything that exists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) seed: u64,
    pub(crate) epoch: i64,
    /// Users with an index below this were generated; content picks its authors from them.
    pub(crate) generated_users: u32,
    pub(crate) accounts: Vec<Account>,
    pub(crate) repositories: Vec<Repository>,
    /// Lower-case login.
    pub(crate) by_login: HashMap<String, AccountIndex>,
    pub(crate) account_by_id: HashMap<u64, AccountIndex>,
    /// Lower-case `owner/name`.
    pub(crate) by_name: HashMap<String, RepositoryIndex>,
    pub(crate) repository_by_id: HashMap<u64, RepositoryIndex>,
    /// Former lower-case `owner/name`.
    pub(crate) moved: HashMap<String, RepositoryIndex>,
    pub(crate) installations: BTreeMap<u64, Installation>,
    pub(crate) next_account_id: u64,
    pub(crate) next_repository_id: u64,
    pub(crate) read_threads: BTreeSet<(AccountIndex, u64)>,
}

impl Model {
    pub(crate) fn account(&self, index: AccountIndex) -> &Account {
        &self.accounts[index as usize]
    }

    pub(crate) fn account_mut(&mut self, index: AccountIndex) -> &mut Account {
        &mut self.accounts[index as usize]
    }

    pub(crate) fn repository(&self, index: RepositoryIndex) -> &Repository {
        &self.repositories[index as usize]
    }

    pub(crate) fn repository_mut(&mut self, index: RepositoryIndex) -> &mut Repository {
        &mut self.repositories[index as usize]
    }

    pub(crate) fn find_account(&self, login: &str) -> Option<AccountIndex> {
        self.by_login.get(&login.to_ascii_lowercase()).copied()
    }

    pub(crate) fn find_repository(&self, full_name: &str) -> Option<RepositoryIndex> {
        self.by_name.get(&full_name.to_ascii_lowercase()).copied()
    }

    pub(crate) fn full_name(&self, index: RepositoryIndex) -> String {
        let repository = self.repository(index);
        format!(
            "{}/{}",
            self.account(repository.owner).login,
            repository.name
        )
    }

    pub(crate) fn content(&self, index: RepositoryIndex) -> &Content {
        static NOTHING: std::sync::LazyLock<Content> = std::sync::LazyLock::new(Content::default);
        self.repository(index)
            .content
            .as_deref()
            .unwrap_or(&NOTHING)
    }

    pub(crate) fn add_account(&mut self, login: &str, kind: Kind, now: i64) -> AccountIndex {
        let index = self.accounts.len() as AccountIndex;
        let id = self.next_account_id;
        self.next_account_id += 1 + mix(self.seed ^ id) % 7;
        self.by_login.insert(login.to_ascii_lowercase(), index);
        self.account_by_id.insert(id, index);
        self.accounts.push(Account {
            id,
            login: login.to_owned(),
            kind,
            created_at: now,
            updated_at: now,
            deleted: false,
            edited: None,
            repositories: Vec::new(),
            followers: Vec::new(),
            following: Vec::new(),
            starred: Vec::new(),
            watching: Vec::new(),
            organizations: Vec::new(),
            members: Vec::new(),
            teams: Vec::new(),
        });
        index
    }

    pub(crate) fn add_repository(
        &mut self,
        owner: AccountIndex,
        name: &str,
        now: i64,
    ) -> RepositoryIndex {
        let index = self.repositories.len() as RepositoryIndex;
        let id = self.next_repository_id;
        self.next_repository_id += 1 + mix(self.seed ^ id) % 11;
        let key = format!("{}/{name}", self.account(owner).login).to_ascii_lowercase();
        self.moved.remove(&key);
        self.by_name.insert(key, index);
        self.repository_by_id.insert(id, index);
        self.account_mut(owner).repositories.push(index);
        self.repositories.push(Repository {
            id,
            owner,
            name: name.to_owned(),
            private: false,
            archived: false,
            deleted: false,
            has_issues: true,
            description: None,
            homepage: None,
            language: None,
            license: None,
            topics: Vec::new(),
            default_branch: "main".to_owned(),
            size: 0,
            created_at: now,
            updated_at: now,
            pushed_at: now,
            parent: None,
            forks: Vec::new(),
            stargazers: Vec::new(),
            watchers: Vec::new(),
            collaborators: Vec::new(),
            open_issues: 0,
            plan: Plan::default(),
            content: None,
            content_edited: false,
        });
        index
    }

    pub(crate) fn star(
        &mut self,
        user: AccountIndex,
        repository: RepositoryIndex,
        at: i64,
    ) -> bool {
        if self.account(user).starred.contains(&repository) {
            return false;
        }
        self.account_mut(user).starred.push(repository);
        self.repository_mut(repository).stargazers.push(Star {
            user,
            at: at.clamp(0, i64::from(u32::MAX)) as u32,
        });
        true
    }

    pub(crate) fn unstar(&mut self, user: AccountIndex, repository: RepositoryIndex) -> bool {
        let before = self.account(user).starred.len();
        self.account_mut(user)
            .starred
            .retain(|starred| *starred != repository);
        self.repository_mut(repository)
            .stargazers
            .retain(|star| star.user != user);
        before != self.account(user).starred.len()
    }

    pub(crate) fn follow(&mut self, follower: AccountIndex, followed: AccountIndex) -> bool {
        if follower == followed || self.account(follower).following.contains(&followed) {
            return false;
        }
        self.account_mut(follower).following.push(followed);
        self.account_mut(followed).followers.push(follower);
        true
    }

    pub(crate) fn unfollow(&mut self, follower: AccountIndex, followed: AccountIndex) -> bool {
        let before = self.account(follower).following.len();
        self.account_mut(follower)
            .following
            .retain(|other| *other != followed);
        self.account_mut(followed)
            .followers
            .retain(|other| *other != follower);
        before != self.account(follower).following.len()
    }

    /// Users and organisations that still exist, ascending by id (the order of `/users`).
    pub(crate) fn living(&self, kind: Kind) -> impl Iterator<Item = AccountIndex> + '_ {
        (0..self.accounts.len() as u32)
            .filter(move |index| self.account(*index).kind == kind && !self.account(*index).deleted)
    }

    pub(crate) fn profile(&self, index: AccountIndex) -> Profile {
        let account = self.account(index);
        if let Some(edited) = &account.edited {
            return (**edited).clone();
        }
        let mut random = Random::new(self.seed, account.id ^ 0x0050_524F_4649_4C45);
        let maybe = |text: String, keep: bool| keep.then_some(text);
        let name = format!(
            "{} {}",
            random.pick(&words::FIRST),
            random.pick(&words::LAST)
        );
        let company = (*random.pick(&words::COMPANIES)).to_owned();
        let location = (*random.pick(&words::PLACES)).to_owned();
        let bio = format!(
            "{} {} maker",
            random.pick(&words::ADJECTIVES),
            random.pick(&words::NOUNS)
        );
        let login = format!("id{}", account.id);
        Profile {
            name: maybe(
                name,
                account.kind == Kind::Organization || random.chance(85),
            ),
            company: maybe(company, account.kind == Kind::User && random.chance(50)),
            blog: if random.chance(40) {
                format!("https://{login}.example.com")
            } else {
                String::new()
            },
            location: maybe(location, random.chance(60)),
            email: maybe(format!("{login}@example.com"), random.chance(30)),
            hireable: random.chance(20).then_some(true),
            bio: maybe(bio, random.chance(45)),
        }
    }
}
