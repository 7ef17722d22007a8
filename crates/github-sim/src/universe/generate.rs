//! Makes the accounts, repositories and relations of a universe from a seed.

use super::model::{
    AccountIndex, Installation, Kind, Membership, Model, Permission, Plan, Repository,
    RepositoryIndex, Star, Team,
};
use super::random::Random;
use super::words;
use super::{Scale, UniverseOptions};

const DAY: i64 = 86_400;

/// How much there is of what.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    users: usize,
    organizations: usize,
    repositories: usize,
    stars: usize,
    follows: usize,
    members: usize,
}

fn amounts(scale: Scale) -> Amounts {
    match scale {
        Scale::Empty => Amounts {
            users: 0,
            organizations: 0,
            repositories: 0,
            stars: 0,
            follows: 0,
            members: 0,
        },
        Scale::Small => Amounts {
            users: 40,
            organizations: 3,
            repositories: 60,
            stars: 500,
            follows: 200,
            members: 12,
        },
        Scale::Medium => Amounts {
            users: 3_000,
            organizations: 40,
            repositories: 4_000,
            stars: 40_000,
            follows: 15_000,
            members: 30,
        },
        Scale::Large => Amounts {
            users: 100_000,
            organizations: 500,
            repositories: 120_000,
            stars: 1_000_000,
            follows: 400_000,
            members: 60,
        },
    }
}

pub(crate) fn generate(options: &UniverseOptions) -> Model {
    let amounts = amounts(options.scale);
    let mut model = Model {
        seed: options.seed,
        epoch: options.epoch,
        next_account_id: 1_000,
        next_repository_id: 1_296_269,
        ..Model::default()
    };
    let mut random = Random::new(options.seed, 1);
    users(&mut model, amounts.users, &mut random);
    organizations(&mut model, &amounts, &mut random);
    repositories(&mut model, amounts.repositories, &mut random);
    teams(&mut model, &mut random);
    follows(&mut model, amounts.follows, &mut random);
    stars(&mut model, amounts.stars, &mut random);
    model
}

/// Three well-known users first, so that examples work with every seed.
fn users(model: &mut Model, count: usize, random: &mut Random) {
    const WELL_KNOWN: [&str; 3] = ["octocat", "monalisa", "hubot"];
    for number in 0..count {
        let login = WELL_KNOWN.get(number).map_or_else(
            || {
                format!(
                    "{}-{}{number}",
                    random.pick(&words::ADJECTIVES),
                    random.pick(&words::NOUNS)
                )
            },
            |login| (*login).to_owned(),
        );
        let age = 400 + random.below(4_000) as i64;
        let index = model.add_account(&login, Kind::User, model.epoch - age * DAY);
        model.account_mut(index).updated_at = model.epoch - random.below(300 * DAY as u64) as i64;
    }
    model.generated_users = count as u32;
}

fn organizations(model: &mut Model, amounts: &Amounts, random: &mut Random) {
    const WELL_KNOWN: [&str; 1] = ["octo-org"];
    for number in 0..amounts.organizations {
        let login = WELL_KNOWN.get(number).map_or_else(
            || format!("{}-{}-{number}", random.pick(&words::NOUNS), "org"),
            |login| (*login).to_owned(),
        );
        let index = model.add_account(&login, Kind::Organization, model.epoch - 2_000 * DAY);
        model.account_mut(index).updated_at = model.epoch - random.below(300) as i64 * DAY;
        // octocat owns the first organisation; monalisa is a plain member with hidden membership.
        let mut members: Vec<AccountIndex> = if number == 0 { vec![0, 1] } else { Vec::new() };
        while members.len() < amounts.members.min(amounts.users) {
            let user = random.index(amounts.users) as AccountIndex;
            // hubot stays outside of the first organisation, so that every universe has an outsider.
            let outsider = number == 0 && user == 2;
            if !outsider && !members.contains(&user) {
                members.push(user);
            }
        }
        for (position, user) in members.into_iter().enumerate() {
            let public = if number == 0 && user == 1 {
                false
            } else {
                random.chance(70)
            };
            model.account_mut(index).members.push(Membership {
                user,
                public,
                admin: position == 0,
            });
            model.account_mut(user).organizations.push(index);
        }
        model.installations.insert(
            40_000_000 + number as u64,
            Installation {
                account: index,
                selected: None,
            },
        );
    }
}

fn repositories(model: &mut Model, count: usize, random: &mut Random) {
    let users = model.generated_users as usize;
    let organizations: Vec<AccountIndex> = model.living(Kind::Organization).collect();
    for number in 0..count {
        let (owner, name) = match number {
            0 => (0, "Hello-World".to_owned()),
            1 => (0, "secret-plans".to_owned()),
            2 => (organizations[0], "octo-repo".to_owned()),
            3 => (organizations[0], "internal-tools".to_owned()),
            // A fork of the best-known repository, so that there is one with every seed.
            9 => (1, "Hello-World".to_owned()),
            _ => {
                let owner = if random.chance(35) {
                    organizations[random.popular(organizations.len())]
                } else {
                    random.popular(users) as u32
                };
                (
                    owner,
                    format!(
                        "{}-{}{number}",
                        random.pick(&words::NOUNS),
                        random.pick(&words::NOUNS)
                    ),
                )
            }
        };
        let created_at = model.epoch - (60 + random.below(2_500) as i64) * DAY;
        // A fork takes its parent's looks; parents are older entries of the same table.
        let parent = if number == 9 {
            Some(0)
        } else {
            (number > 9 && random.chance(12)).then(|| random.popular(number) as RepositoryIndex)
        };
        let parent = parent.filter(|parent| {
            let parent = model.repository(*parent);
            !parent.private && parent.parent.is_none() && parent.owner != owner
        });
        let index = model.add_repository(owner, &name, created_at);
        describe(model.repository_mut(index), number, random);
        if let Some(parent) = parent {
            model.repository_mut(parent).forks.push(index);
            let (language, license) = (
                model.repository(parent).language,
                model.repository(parent).license,
            );
            let fork = model.repository_mut(index);
            fork.parent = Some(parent);
            (fork.language, fork.license, fork.private) = (language, license, false);
        }
        let epoch = model.epoch;
        let repository = model.repository_mut(index);
        repository.pushed_at = epoch - 3_600 - random.below(40 * DAY as u64) as i64;
        repository.updated_at = repository.pushed_at + random.below(3_600) as i64;
        for _ in 0..random.below(3) {
            let user = random.index(users) as AccountIndex;
            let taken = model
                .repository(index)
                .collaborators
                .iter()
                .any(|(other, _)| *other == user);
            // octocat's secrets are shared with nobody; hubot is nobody's collaborator.
            if user != owner && user != 2 && number != 1 && !taken {
                let permission =
                    *random.pick(&[Permission::Pull, Permission::Push, Permission::Admin]);
                model
                    .repository_mut(index)
                    .collaborators
                    .push((user, permission));
            }
        }
        let watcher = if model.account(owner).kind == Kind::User {
            owner
        } else {
            model.account(owner).members[0].user
        };
        model.repository_mut(index).watchers.push(watcher);
        model.account_mut(watcher).watching.push(index);
    }
}

fn describe(repository: &mut Repository, number: usize, random: &mut Random) {
    repository.private = number == 1 || number == 3 || (number > 8 && random.chance(10));
    repository.archived = number > 8 && random.chance(8);
    repository.description = random.chance(85).then(|| {
        format!(
            "A {} {} for the {}",
            random.pick(&words::ADJECTIVES),
            random.pick(&words::NOUNS),
            random.pick(&words::NOUNS)
        )
    });
    repository.homepage = random
        .chance(20)
        .then(|| format!("https://{}.example.com", repository.name.to_lowercase()));
    repository.language = random.chance(90).then(|| *random.pick(&words::LANGUAGES));
    repository.license = random
        .chance(70)
        .then(|| random.index(words::LICENSES.len()));
    for topic in words::TOPICS {
        if random.chance(25) {
            repository.topics.push(topic.to_owned());
        }
    }
    repository.size = 20 + random.below(20_000);
    repository.plan = Plan {
        commits: 8 + random.below(40) as u32,
        open_issues: 2 + random.below(20) as u32,
        closed_issues: random.below(20) as u32,
        pulls: 2 + random.below(6) as u32,
        releases: 1 + random.below(4) as u32,
    };
    if number == 0 {
        repository.plan = Plan {
            commits: 45,
            open_issues: 70,
            closed_issues: 20,
            pulls: 8,
            releases: 5,
        };
    }
    // Pulls: every second one is open, and GitHub counts open pulls as open issues.
    repository.open_issues = repository.plan.open_issues + repository.plan.pulls.div_ceil(2);
}

fn teams(model: &mut Model, random: &mut Random) {
    for organization in model.living(Kind::Organization).collect::<Vec<_>>() {
        let account = model.account(organization);
        let (id, created_at) = (account.id, account.created_at);
        let members: Vec<AccountIndex> = account.members.iter().map(|member| member.user).collect();
        let repositories = account.repositories.clone();
        for (number, name) in ["Core Team", "Docs"].iter().enumerate() {
            let team = Team {
                id: id * 10 + number as u64,
                name: (*name).to_owned(),
                slug: name.to_lowercase().replace(' ', "-"),
                members: members
                    .iter()
                    .copied()
                    .filter(|_| random.chance(50))
                    .collect(),
                repositories: repositories
                    .iter()
                    .copied()
                    .filter(|_| random.chance(60))
                    .collect(),
                permission: if number == 0 {
                    Permission::Push
                } else {
                    Permission::Pull
                },
                created_at: created_at + DAY,
            };
            model.account_mut(organization).teams.push(team);
        }
    }
}

fn follows(model: &mut Model, count: usize, random: &mut Random) {
    let users = model.generated_users as usize;
    if users < 2 {
        return;
    }
    for _ in 0..count {
        let follower = random.index(users) as AccountIndex;
        let followed = random.popular(users) as AccountIndex;
        model.follow(follower, followed);
    }
}

/// Stars of one repository come oldest first, as GitHub lists them.
fn stars(model: &mut Model, count: usize, random: &mut Random) {
    let users = model.generated_users as usize;
    let repositories = model.repositories.len();
    if users == 0 || repositories == 0 {
        return;
    }
    for _ in 0..count {
        let user = random.index(users) as AccountIndex;
        let repository = random.popular(repositories) as RepositoryIndex;
        let age =
            random.below((model.epoch - model.repository(repository).created_at) as u64) as i64;
        if !model.repository(repository).private {
            model.star(user, repository, model.epoch - age);
        }
    }
    for repository in &mut model.repositories {
        repository
            .stargazers
            .sort_by_key(|star: &Star| (star.at, star.user));
    }
}
