//! Makes the content of a repository from its plan.

use super::content::{Comment, Content, Issue, Label, Milestone, Movement, Pull, Release};
use super::git::Sha;
use super::model::{AccountIndex, Model, Plan, RepositoryIndex};
use super::random::Random;
use super::words;
use serde_json::Value;
use std::collections::BTreeMap;

/// Work in progress on one repository.
pub(crate) struct Builder<'m> {
    model: &'m Model,
    plan: Plan,
    random: Random,
    content: Content,
    owner: AccountIndex,
    created_at: i64,
    default_branch: String,
    files: BTreeMap<String, Sha>,
}

impl<'m> Builder<'m> {
    pub(crate) fn new(model: &'m Model, index: RepositoryIndex) -> Self {
        let repository = model.repository(index);
        let owner = match model.account(repository.owner).members.first() {
            Some(member) => member.user,
            None => repository.owner,
        };
        let content = Content {
            next_number: 1,
            next_id: repository.id * 10_000,
            ..Content::default()
        };
        Self {
            model,
            plan: repository.plan,
            random: Random::new(model.seed, repository.id ^ 0x0043_4F4E_5445_4E54),
            content,
            owner,
            created_at: repository.created_at,
            default_branch: repository.default_branch.clone(),
            files: BTreeMap::new(),
        }
    }

    pub(crate) fn build(mut self) -> Content {
        for (name, color, description, default) in words::LABELS {
            let id = self.content.fresh_id();
            let description = Some(description.to_owned());
            self.content.labels.push(Label {
                id,
                name: name.to_owned(),
                color: color.to_owned(),
                description,
                default,
            });
        }
        if self.plan.commits > 0 {
            self.commits();
            self.issues();
            self.releases();
            self.hooks();
        }
        self.content
    }

    fn author(&mut self) -> AccountIndex {
        let users = self.model.generated_users as usize;
        if users == 0 || self.random.chance(55) {
            self.owner
        } else {
            self.random.popular(users) as AccountIndex
        }
    }

    /// Moments spread evenly from creation to the epoch, in ascending order.
    fn moment(&self, step: u32, steps: u32) -> i64 {
        let span = self.model.epoch - 7_200 - self.created_at;
        self.created_at + span * i64::from(step) / i64::from(steps.max(1))
    }

    fn subject(&mut self) -> String {
        format!(
            "{} {}",
            self.random.pick(&words::VERBS),
            self.random.pick(&words::THINGS)
        )
    }

    fn write(&mut self, path: &str, text: String) {
        let blob = self.content.objects.add_blob(text.into_bytes());
        self.files.insert(path.to_owned(), blob);
    }

    fn commit(&mut self, parent: Option<Sha>, date: i64, message: &str) -> Sha {
        let author = self.author();
        let person = self.model.person(author, date);
        let tree = self.content.objects.add_files(&self.files);
        self.content
            .objects
            .add_commit(tree, parent.into_iter().collect(), person, message)
    }

    fn edit(&mut self) {
        const PATHS: [&str; 6] = [
            "src/main.txt",
            "src/net/client.txt",
            "src/net/server.txt",
            "docs/guide.md",
            "CHANGELOG.md",
            "README.md",
        ];
        let path = *self.random.pick(&PATHS);
        let old = self
            .files
            .get(path)
            .map(|blob| self.content.objects.text(blob))
            .unwrap_or_default();
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        let line = format!(
            "{} the {}",
            self.random.pick(&words::VERBS),
            self.random.pick(&words::NOUNS)
        );
        let at = self.random.index(lines.len() + 1);
        lines.insert(at, line);
        let gone = self.random.index(6);
        // Not the new line: an edit must change something.
        if lines.len() > 6 && gone != at && self.random.chance(40) {
            lines.remove(gone);
        }
        self.write(path, format!("{}\n", lines.join("\n")));
    }

    fn commits(&mut self) {
        self.write(
            "README.md",
            "# Read me\n\nGenerated, and stable for a given seed.\n".to_owned(),
        );
        self.write(
            "LICENSE",
            "Permission is hereby granted, free of charge.\n".to_owned(),
        );
        self.write("src/main.txt", "start\nstop\n".to_owned());
        self.write("src/net/client.txt", "connect\n".to_owned());
        let mut tip = self.commit(None, self.created_at, "Initial commit");
        let branch = format!("refs/heads/{}", self.default_branch);
        for step in 1..self.plan.commits {
            self.edit();
            let message = self.subject();
            let date = self.moment(step, self.plan.commits);
            let before = tip.clone();
            tip = self.commit(Some(tip), date, &message);
            if step + 30 > self.plan.commits {
                let (id, actor) = (self.content.fresh_id(), self.owner);
                let reference = branch.clone();
                self.content.movements.insert(
                    0,
                    Movement {
                        id,
                        reference,
                        before,
                        after: tip.clone(),
                        actor,
                        at: date,
                        kind: "push",
                    },
                );
            }
        }
        self.content
            .branches
            .insert(self.default_branch.clone(), tip.clone());
        self.content.branches.insert("develop".to_owned(), tip);
    }

    fn issues(&mut self) {
        let total = self.plan.open_issues + self.plan.closed_issues + self.plan.pulls;
        let (id, creator) = (1, self.owner);
        let created_at = self.created_at + 60;
        self.content.milestones.push(Milestone {
            number: id,
            title: "v1.0".into(),
            open: true,
            creator,
            created_at,
        });
        // Pulls are spread over the numbers; a fixed stride keeps this free of bookkeeping.
        let stride = (total / self.plan.pulls.max(1)).max(1);
        let (mut pulls, mut open, mut closed) = (
            self.plan.pulls,
            self.plan.open_issues,
            self.plan.closed_issues,
        );
        for step in 0..total {
            let at = self.moment(step, total);
            let pull = pulls > 0 && (step % stride == stride - 1 || open + closed == 0);
            let is_open = if pull {
                pulls -= 1;
                // Matches `describe`: the larger half of the pulls is open.
                (self.plan.pulls - pulls) % 2 == 1
            } else if closed == 0 || (open > 0 && self.random.chance(60)) {
                open -= 1;
                true
            } else {
                closed -= 1;
                false
            };
            self.issue(at, pull, is_open);
        }
    }

    fn issue(&mut self, at: i64, pull: bool, open: bool) {
        let number = self.content.next_number;
        self.content.next_number += 1;
        let (title, author) = (self.subject(), self.author());
        let closed_at = (!open).then_some(at + 1_800);
        let labels: Vec<String> = (0..self.random.below(3))
            .map(|_| self.random.pick(&words::LABELS).0.to_owned())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let pull = if pull {
            Some(self.pull(number, at, closed_at))
        } else {
            None
        };
        let mut updated_at = closed_at.unwrap_or(at);
        for comment in 0..self.random.below(4) {
            let created_at = at + 600 * (comment as i64 + 1);
            let (id, author) = (self.content.fresh_id(), self.author());
            let body = format!("I see this with {} too.", self.random.pick(&words::THINGS));
            updated_at = updated_at.max(created_at);
            self.content.comments.push(Comment {
                id,
                issue: number,
                author,
                body,
                created_at,
                updated_at: created_at,
            });
        }
        let assignee = self.random.chance(30).then_some(self.owner);
        self.content.issues.push(Issue {
            number,
            title,
            body: Some("Steps to reproduce:\n\n1. start\n2. look".to_owned()),
            author,
            assignee,
            labels,
            milestone: self.random.chance(20).then_some(1),
            locked: false,
            created_at: at,
            updated_at,
            closed_at,
            pull,
        });
    }

    fn pull(&mut self, number: u64, at: i64, closed_at: Option<i64>) -> Pull {
        let base_sha = self
            .content
            .branches
            .get(&self.default_branch)
            .cloned()
            .unwrap_or_default();
        let files = self.files.clone();
        let head = format!("patch-{number}");
        let mut tip = base_sha.clone();
        let mut commits = Vec::new();
        for step in 0..=self.random.below(2) {
            self.edit();
            let message = self.subject();
            tip = self.commit(Some(tip), at + step as i64 * 60, &message);
            commits.push(tip.clone());
        }
        self.files = files;
        if closed_at.is_none() {
            self.content.branches.insert(head.clone(), tip.clone());
        }
        let merged_at = closed_at.filter(|_| self.random.chance(75));
        Pull {
            head,
            head_sha: tip,
            base_sha,
            commits,
            merged_at,
            draft: false,
        }
    }

    fn releases(&mut self) {
        let history: Vec<Sha> = self
            .content
            .branches
            .get(&self.default_branch)
            .map(|tip| {
                self.content
                    .objects
                    .history(tip)
                    .iter()
                    .rev()
                    .map(|commit| commit.sha.clone())
                    .collect()
            })
            .unwrap_or_default();
        for number in 0..self.plan.releases {
            let step = (number + 1) * self.plan.commits / (self.plan.releases + 1);
            let Some(commit) = history.get(step as usize).cloned() else {
                continue;
            };
            let created_at = self
                .content
                .objects
                .commits
                .get(&commit)
                .map_or(self.created_at, |commit| commit.author.date);
            let tag = format!("v{}.{}.0", number / 3, number % 3 + 1);
            let tagger = self.model.person(self.owner, created_at);
            let object =
                self.content
                    .objects
                    .add_tag(&tag, commit.clone(), tagger, &format!("{tag}\n"));
            self.content.tags.insert(tag.clone(), (object, commit));
            let id = self.content.fresh_id();
            let downloads = self.random.below(5_000);
            let release = Release {
                id,
                tag,
                author: self.owner,
                prerelease: number % 4 == 3,
                created_at,
                assets: 2,
                downloads,
            };
            self.content.releases.insert(0, release);
        }
    }

    fn hooks(&mut self) {
        let id = self.content.fresh_id();
        self.content
            .hooks
            .push((id, Value::from(vec!["push", "pull_request"])));
    }
}
