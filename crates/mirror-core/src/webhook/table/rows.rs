//! Which resources an event touches, and which resources are touched by events only: one table for both.
//!
//! A path begins with where it is looked for: `repo:` below the repository, under each of its names and its number;
//! `owner:` the account that owns it, `org:` the organisation, `team:` the team, `me:` whoever did it, `/` as it stands.
//! `{number}` is the or pull request's.

/// What some events touch.
pub(super) struct Row {
    pub(super) events: &'static [&'static str],
    pub(super) paths: &'static [&'static str],
}

impl Row {
    /// Whether it cannot be told without a repository what is touched.
    pub(super) fn needs_repository(&self) -> bool {
        let elsewhere = ["org-repositories:", "installation-repositories:"];
        self.paths.iter().any(|path| path.starts_with("repo:"))
            && !self.paths.iter().any(|path| elsewhere.contains(path))
    }
}

const fn row(events: &'static [&'static str], paths: &'static [&'static str]) -> Row {
    Row { events, paths }
}

/// GitHub's events and what they touch
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>; github-behaviour section 7).
pub(super) const ROWS: &[Row] = &[
    row(
        &["push"],
        &[
            "repo:",
            "repo:activity/**",
            "repo:branches/**",
            "repo:commits/**",
            "repo:compare/**",
            "repo:community/**",
            "repo:contents/**",
            "repo:contributors",
            "repo:events",
            "repo:git/matching-refs/**",
            "repo:git/ref/**",
            "repo:git/refs/**",
            "repo:git/trees/**",
            "repo:languages",
            "repo:license",
            "repo:pulls/**",
            "repo:readme/**",
            "repo:stats/**",
            "repo:tags",
            "owner:repos",
        ],
    ),
    row(
        &["create", "delete"],
        &[
            "repo:",
            "repo:branches/**",
            "repo:commits/**",
            "repo:compare/**",
            "repo:contents/**",
            "repo:events",
            "repo:git/matching-refs/**",
            "repo:git/ref/**",
            "repo:git/refs/**",
            "repo:git/trees/**",
            "repo:readme/**",
            "repo:tags",
        ],
    ),
    row(
        &["release"],
        &["repo:releases/**", "repo:events", "repo:tags"],
    ),
    row(
        &["issues"],
        &[
            "repo:",
            "repo:events",
            "repo:issues",
            "repo:issues/{number}/**",
            "repo:issues/events/**",
            "repo:milestones/**",
            "owner:issues",
            "owner:repos",
            "/issues",
            "/user/issues",
        ],
    ),
    row(
        &["sub_issues", "issue_dependencies"],
        &["repo:issues/**", "/issues"],
    ),
    row(
        &["label"],
        &[
            "repo:issues/**",
            "repo:labels/**",
            "repo:milestones/**",
            "repo:pulls/**",
        ],
    ),
    row(
        &["milestone"],
        &["repo:issues/**", "repo:milestones/**", "repo:pulls/**"],
    ),
    row(
        &["issue_comment"],
        &[
            "repo:events",
            "repo:issues",
            "repo:issues/{number}/**",
            "repo:issues/comments/**",
            "repo:pulls",
            "repo:pulls/{number}/**",
        ],
    ),
    row(
        &[
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "pull_request_review_thread",
        ],
        &[
            "repo:",
            "repo:commits/*/pulls",
            "repo:events",
            "repo:issues",
            "repo:issues/{number}/**",
            "repo:issues/events/**",
            "repo:milestones/**",
            "repo:pulls",
            "repo:pulls/{number}/**",
            "repo:pulls/comments/**",
            "repo:git/matching-refs/**",
            "repo:git/ref/**",
            "owner:issues",
            "/issues",
            "/user/issues",
        ],
    ),
    row(
        &[
            "check_run",
            "check_suite",
            "workflow_run",
            "workflow_job",
            "workflow_dispatch",
        ],
        &[
            "repo:actions/**",
            "repo:check-runs/**",
            "repo:check-suites/**",
            "repo:commits/*/check-runs",
            "repo:commits/*/check-suites",
            "repo:pulls/**",
        ],
    ),
    row(
        &["status"],
        &[
            "repo:commits/*/status",
            "repo:commits/*/statuses",
            "repo:statuses/**",
            "repo:pulls/**",
        ],
    ),
    row(
        &["commit_comment"],
        &["repo:comments/**", "repo:commits/**", "repo:events"],
    ),
    row(
        &["star", "watch"],
        &[
            "repo:",
            "repo:events",
            "repo:stargazers",
            "repo:subscribers",
            "owner:repos",
            "me:starred/**",
            "/user/starred/**",
        ],
    ),
    row(
        &["fork"],
        &[
            "repo:",
            "repo:events",
            "repo:forks",
            "owner:repos",
            "me:repos",
            "/user/repos",
        ],
    ),
    row(
        &["repository", "repository_import", "public"],
        &[
            "repo:**",
            "owner:",
            "owner:repos",
            "/user/repos",
            "/repositories",
        ],
    ),
    // Whoever has lost access is shown nothing more before GitHub has been asked.
    row(
        &["member", "team_add"],
        &[
            "repo:**",
            "owner:repos",
            "owner:teams/**",
            "/user/repos",
            "/user/teams",
        ],
    ),
    row(
        &["team", "membership", "organization"],
        &[
            "repo:**",
            "org:**",
            "org-repositories:",
            "team:**",
            "/user/memberships/**",
            "/user/orgs",
            "/user/repos",
            "/user/teams",
        ],
    ),
    row(
        &[
            "installation",
            "installation_repositories",
            "installation_target",
        ],
        &[
            "repo:**",
            "other-repositories:",
            "installation-repositories:",
            "/app/installations/**",
            "/installation/repositories",
            "/user/installations/**",
        ],
    ),
    row(
        &["deployment", "deployment_status"],
        &["repo:deployments/**", "repo:environments/**"],
    ),
    row(&["deploy_key"], &["repo:keys/**"]),
    row(
        &[
            "branch_protection_rule",
            "branch_protection_configuration",
            "repository_ruleset",
        ],
        &[
            "repo:",
            "repo:branches/**",
            "repo:rules/**",
            "repo:rulesets/**",
        ],
    ),
    row(&["page_build"], &["repo:", "repo:pages/**"]),
    row(&["gollum"], &["repo:events"]),
    row(
        &["dependabot_alert", "repository_vulnerability_alert"],
        &["repo:dependabot/**", "org:dependabot/**"],
    ),
    row(
        &["code_scanning_alert"],
        &["repo:code-scanning/**", "org:code-scanning/**"],
    ),
    row(
        &["secret_scanning_alert", "secret_scanning_alert_location"],
        &["repo:secret-scanning/**", "org:secret-scanning/**"],
    ),
    row(
        &["package", "registry_package"],
        &["owner:packages/**", "org:packages/**"],
    ),
    // The hook itself is gone: nothing will be told any more.
    row(&["meta"], &["/**"]),
];

/// Resources of a repository that change only together with an event.
///
/// Left out is what also changes in silence: tags (GitHub sends no event for more than three at once), releases (their
/// assets and download counts), checks and workflow runs (their progress), comparisons (forks), everything computed
/// later or elsewhere.
pub(super) const COVERED: &[&str] = &[
    "",
    "branches/**",
    "comments/**",
    "commits/**",
    "contents/**",
    "deployments/**",
    "forks",
    "git/matching-refs/heads/**",
    "git/ref/heads/**",
    "git/refs/heads/**",
    "git/trees/**",
    "issues/**",
    "keys/**",
    "labels/**",
    "milestones/**",
    "pulls/**",
    "readme/**",
    "stargazers",
    "statuses/**",
];

/// Exceptions below those.
pub(super) const NOT_COVERED: &[&str] = &[
    "commits/*/check-runs",
    "commits/*/check-suites",
    "comments/*/reactions/**",
    "issues/*/reactions/**",
    "issues/*/timeline",
    "issues/comments/*/reactions/**",
    "pulls/comments/*/reactions/**",
];
