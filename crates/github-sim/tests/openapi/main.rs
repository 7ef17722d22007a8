//! Every endpoint of the universe, validated against GitHub's own OpenAPI description.
//!
//! `OPENAPI_DESCRIPTION` names `api.github.com.json` of the npm package `@octokit/openapi`. Without it the test says
//! that it did not run, and fails where `CI=true`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod schema;

use github_sim::answer::{Answer, ApiVersion, Ask, Content, Media, Viewer};
use github_sim::{DEFAULT_EPOCH, Universe, UniverseOptions, World};
use http::Method;
use schema::Description;
use serde_json::Value;

struct Walk {
    universe: Universe,
    viewer: Viewer,
    media: Media,
}

impl Walk {
    fn get(&mut self, target: &str) -> Result<Value, String> {
        let (path, raw_query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let query: Vec<(String, String)> = raw_query
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.replace('+', " ")))
            .collect();
        let answer = self.universe.answer(&Ask {
            method: &Method::GET,
            path,
            query: &query,
            raw_query,
            media: self.media,
            viewer: &self.viewer,
            version: ApiVersion::V2022_11_28,
            body: b"",
            now: DEFAULT_EPOCH + 600,
            base: "https://api.github.com",
        });
        match answer {
            Answer::Found(found) => match found.content {
                Content::Json(value) => Ok(value),
                Content::JsonBytes(bytes) => {
                    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
                }
                other => Err(format!("no JSON: {other:?}")),
            },
            other => Err(format!("{other:?}")),
        }
    }

    fn text(&mut self, target: &str, pointer: &str) -> String {
        let body = self.get(target).unwrap();
        match body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => panic!("{target} has no {pointer}"),
        }
    }
}

const REPO: &str = "/repos/octocat/Hello-World";

/// `(template in the description, what is asked)`; `{r}` stands for the repository.
fn targets(walk: &mut Walk) -> Vec<(&'static str, String)> {
    let of = |rest: &str| format!("{REPO}{rest}");
    let issue = walk.text(&of("/issues/comments"), "/0/issue_url");
    let issue = issue.rsplit('/').next().unwrap().to_owned();
    let comment = walk.text(&of("/issues/comments"), "/0/id");
    let event = walk.text(&of("/issues/events"), "/0/id");
    let pull = walk.text(&of("/pulls?state=all"), "/0/number");
    let sha = walk.text(&of("/commits"), "/0/sha");
    let older = walk.text(&of("/commits?per_page=5"), "/4/sha");
    let tree = walk.text(&of("/commits"), "/0/commit/tree/sha");
    let blob = walk.text(&of("/contents/README.md"), "/sha");
    let release = walk.text(&of("/releases"), "/0/id");
    let tag = walk.text(&of("/releases"), "/0/tag_name");
    let asset = walk.text(&of("/releases"), "/0/assets/0/id");
    let tag_object = walk.text(&of(&format!("/git/ref/tags/{tag}")), "/object/sha");
    let run = walk.text(&of("/actions/runs"), "/workflow_runs/0/id");
    let job = walk.text(&of(&format!("/actions/runs/{run}/jobs")), "/jobs/0/id");
    let check = walk.text(
        &of(&format!("/commits/{sha}/check-runs")),
        "/check_runs/0/id",
    );
    let hook = walk.text(&of("/hooks"), "/0/id");
    let gist = walk.text("/gists/public", "/0/id");
    let id = walk.text("/users/octocat", "/id");
    let thread = walk.text("/notifications", "/0/id");
    let mut list: Vec<(&'static str, String)> = Vec::new();
    for template in [
        "/events",
        "/user",
        "/users",
        "/user/repos",
        "/user/orgs",
        "/user/starred",
        "/user/followers",
        "/user/following",
        "/user/emails",
        "/user/issues",
        "/user/teams",
        "/user/memberships/orgs",
        "/user/subscriptions",
        "/user/keys",
        "/issues",
        "/notifications",
        "/organizations",
        "/repositories",
        "/gists",
        "/gists/public",
        "/gists/starred",
        "/licenses",
    ] {
        list.push((template, template.to_owned()));
    }
    list.push(("/issues", "/issues?filter=all".to_owned()));
    list.push(("/user/{account_id}", format!("/user/{id}")));
    list.push(("/gists/{gist_id}", format!("/gists/{gist}")));
    list.push((
        "/gists/{gist_id}/comments",
        format!("/gists/{gist}/comments"),
    ));
    list.push(("/licenses/{license}", "/licenses/mit".to_owned()));
    list.push((
        "/notifications/threads/{thread_id}",
        format!("/notifications/threads/{thread}"),
    ));
    for kind in ["repositories", "users", "issues", "code", "commits"] {
        let template = Box::leak(format!("/search/{kind}").into_boxed_str());
        list.push((
            template,
            format!(
                "/search/{kind}?q={}",
                if kind == "users" { "o" } else { "the" }
            ),
        ));
    }
    for below in [
        "",
        "/repos",
        "/orgs",
        "/followers",
        "/following",
        "/starred",
        "/subscriptions",
        "/gists",
        "/events",
        "/events/public",
        "/received_events",
        "/received_events/public",
        "/keys",
        "/hovercard",
        "/gpg_keys",
        "/social_accounts",
    ] {
        let template = Box::leak(format!("/users/{{username}}{below}").into_boxed_str());
        list.push((template, format!("/users/octocat{below}")));
    }
    list.push((
        "/users/{username}/events/orgs/{org}",
        "/users/octocat/events/orgs/octo-org".to_owned(),
    ));
    for below in [
        "",
        "/members",
        "/public_members",
        "/repos",
        "/teams",
        "/events",
        "/hooks",
        "/issues",
    ] {
        let template = Box::leak(format!("/orgs/{{org}}{below}").into_boxed_str());
        list.push((template, format!("/orgs/octo-org{below}")));
    }
    list.push((
        "/orgs/{org}/issues",
        "/orgs/octo-org/issues?filter=all".to_owned(),
    ));
    for below in ["", "/members", "/repos", "/teams"] {
        let template =
            Box::leak(format!("/orgs/{{org}}/teams/{{team_slug}}{below}").into_boxed_str());
        list.push((template, format!("/orgs/octo-org/teams/core-team{below}")));
    }
    for below in [
        "",
        "/issues",
        "/issues/comments",
        "/issues/events",
        "/labels",
        "/milestones",
        "/pulls",
        "/pulls/comments",
        "/commits",
        "/branches",
        "/tags",
        "/readme",
        "/license",
        "/releases",
        "/releases/latest",
        "/stargazers",
        "/subscribers",
        "/forks",
        "/collaborators",
        "/contributors",
        "/languages",
        "/topics",
        "/teams",
        "/events",
        "/activity",
        "/hooks",
        "/actions/runs",
        "/actions/workflows",
        "/actions/artifacts",
        "/assignees",
        "/deployments",
        "/comments",
        "/keys",
        "/notifications",
        "/invitations",
    ] {
        let template = Box::leak(format!("/repos/{{owner}}/{{repo}}{below}").into_boxed_str());
        list.push((template, of(below)));
    }
    for (template, target) in [
        ("/issues/{issue_number}", format!("/issues/{issue}")),
        (
            "/issues/{issue_number}/comments",
            format!("/issues/{issue}/comments"),
        ),
        (
            "/issues/comments/{comment_id}",
            format!("/issues/comments/{comment}"),
        ),
        (
            "/issues/{issue_number}/labels",
            format!("/issues/{issue}/labels"),
        ),
        (
            "/issues/{issue_number}/events",
            format!("/issues/{issue}/events"),
        ),
        (
            "/issues/events/{event_id}",
            format!("/issues/events/{event}"),
        ),
        (
            "/issues/{issue_number}/timeline",
            format!("/issues/{issue}/timeline"),
        ),
        ("/labels/{name}", "/labels/good%20first%20issue".to_owned()),
        ("/milestones/{milestone_number}", "/milestones/1".to_owned()),
        (
            "/milestones/{milestone_number}/labels",
            "/milestones/1/labels".to_owned(),
        ),
        ("/pulls", "/pulls?state=all".to_owned()),
        ("/pulls/{pull_number}", format!("/pulls/{pull}")),
        ("/pulls/{pull_number}/files", format!("/pulls/{pull}/files")),
        (
            "/pulls/{pull_number}/commits",
            format!("/pulls/{pull}/commits"),
        ),
        (
            "/pulls/{pull_number}/reviews",
            format!("/pulls/{pull}/reviews"),
        ),
        (
            "/pulls/{pull_number}/comments",
            format!("/pulls/{pull}/comments"),
        ),
        (
            "/pulls/{pull_number}/requested_reviewers",
            format!("/pulls/{pull}/requested_reviewers"),
        ),
        ("/commits/{ref}", format!("/commits/{sha}")),
        ("/commits/{ref}/status", format!("/commits/{sha}/status")),
        (
            "/commits/{ref}/statuses",
            format!("/commits/{sha}/statuses"),
        ),
        (
            "/commits/{ref}/check-runs",
            format!("/commits/{sha}/check-runs"),
        ),
        (
            "/commits/{ref}/check-suites",
            format!("/commits/{sha}/check-suites"),
        ),
        (
            "/commits/{commit_sha}/pulls",
            format!("/commits/{sha}/pulls"),
        ),
        (
            "/commits/{commit_sha}/comments",
            format!("/commits/{sha}/comments"),
        ),
        (
            "/commits/{commit_sha}/branches-where-head",
            format!("/commits/{sha}/branches-where-head"),
        ),
        ("/compare/{basehead}", format!("/compare/{older}...main")),
        ("/branches/{branch}", "/branches/main".to_owned()),
        ("/git/ref/{ref}", "/git/ref/heads/main".to_owned()),
        (
            "/git/matching-refs/{ref}",
            "/git/matching-refs/heads".to_owned(),
        ),
        ("/git/commits/{commit_sha}", format!("/git/commits/{sha}")),
        (
            "/git/trees/{tree_sha}",
            format!("/git/trees/{tree}?recursive=1"),
        ),
        ("/git/blobs/{file_sha}", format!("/git/blobs/{blob}")),
        ("/git/tags/{tag_sha}", format!("/git/tags/{tag_object}")),
        ("/contents/{path}", "/contents/README.md".to_owned()),
        ("/contents/{path}", "/contents/src".to_owned()),
        ("/releases/{release_id}", format!("/releases/{release}")),
        ("/releases/tags/{tag}", format!("/releases/tags/{tag}")),
        (
            "/releases/{release_id}/assets",
            format!("/releases/{release}/assets"),
        ),
        (
            "/releases/assets/{asset_id}",
            format!("/releases/assets/{asset}"),
        ),
        (
            "/collaborators/{username}/permission",
            "/collaborators/octocat/permission".to_owned(),
        ),
        ("/hooks/{hook_id}", format!("/hooks/{hook}")),
        (
            "/hooks/{hook_id}/deliveries",
            format!("/hooks/{hook}/deliveries"),
        ),
        ("/actions/runs/{run_id}", format!("/actions/runs/{run}")),
        (
            "/actions/runs/{run_id}/jobs",
            format!("/actions/runs/{run}/jobs"),
        ),
        (
            "/actions/runs/{run_id}/artifacts",
            format!("/actions/runs/{run}/artifacts"),
        ),
        ("/actions/jobs/{job_id}", format!("/actions/jobs/{job}")),
        (
            "/actions/workflows/{workflow_id}",
            "/actions/workflows/1".to_owned(),
        ),
        (
            "/actions/workflows/{workflow_id}/runs",
            "/actions/workflows/1/runs".to_owned(),
        ),
        ("/check-runs/{check_run_id}", format!("/check-runs/{check}")),
    ] {
        let template = Box::leak(format!("/repos/{{owner}}/{{repo}}{template}").into_boxed_str());
        list.push((template, of(&target)));
    }
    list.push((
        "/networks/{owner}/{repo}/events",
        "/networks/octocat/Hello-World/events".to_owned(),
    ));
    // A repository of an organisation has keys that a user's lacks.
    list.push((
        "/repos/{owner}/{repo}",
        "/repos/octo-org/octo-repo".to_owned(),
    ));
    // All sixteen kinds of events stand at the end of this feed.
    for page in 1..=3 {
        list.push((
            "/repos/{owner}/{repo}/events",
            of(&format!("/events?per_page=100&page={page}")),
        ));
    }
    list
}

#[test]
fn every_endpoint_fits_the_description() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the place of the description is a matter of the environment"
    )]
    let (place, ci) = (
        std::env::var("OPENAPI_DESCRIPTION"),
        std::env::var("CI").is_ok_and(|ci| ci == "true"),
    );
    let Ok(place) = place else {
        assert!(
            !ci,
            "OPENAPI_DESCRIPTION is not set, and a run of CI must not skip this"
        );
        println!("NOT RUN: OPENAPI_DESCRIPTION does not name GitHub's description");
        return;
    };
    let description = Description::read(&place);
    let universe = Universe::generate(&UniverseOptions::default());
    let mut walk = Walk {
        universe,
        viewer: Viewer::User {
            login: "octocat".into(),
        },
        media: Media::Json,
    };
    let mut targets = targets(&mut walk);
    let mut failures = Vec::new();
    for (template, target) in &targets {
        check(&mut walk, &description, template, target, &mut failures);
    }
    walk.media = Media::Star;
    for (template, target) in [
        (
            "/repos/{owner}/{repo}/stargazers",
            format!("{REPO}/stargazers"),
        ),
        (
            "/users/{username}/starred",
            "/users/octocat/starred".to_owned(),
        ),
    ] {
        check(&mut walk, &description, template, &target, &mut failures);
        targets.push((template, target));
    }
    walk.media = Media::Json;
    walk.viewer = Viewer::Installation { id: 40_000_000 };
    check(
        &mut walk,
        &description,
        "/installation/repositories",
        "/installation/repositories",
        &mut failures,
    );
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        targets.len() + 1,
        failures.join("\n")
    );
    println!("{} answers fit", targets.len() + 1);
}

fn check(
    walk: &mut Walk,
    description: &Description,
    template: &str,
    target: &str,
    failures: &mut Vec<String>,
) {
    let body = match walk.get(target) {
        Ok(body) => body,
        Err(error) => return failures.push(format!("{target}: {error}")),
    };
    for problem in description.problems(template, &body) {
        failures.push(format!("{target}: {problem}"));
    }
}
