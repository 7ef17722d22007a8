//! Paths and the routes they belong to.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(path: &str, template: &str) {
    assert_eq!(Route::of(path).template(), template, "{path}");
}

#[test]
fn paths_belong_to_templates() {
    check("/", "/");
    check("/rate_limit", "/rate_limit");
    check("/events", "/events");
    check("/repos/octocat/hello-world", "/repos/{owner}/{repo}");
    check(
        "/repos/octocat/hello-world/issues",
        "/repos/{owner}/{repo}/issues",
    );
    check(
        "/repos/octocat/hello-world/issues/1347",
        "/repos/{owner}/{repo}/issues/{issue_number}",
    );
    check(
        "/repos/o/r/issues/1347/comments",
        "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    );
    check(
        "/repos/o/r/issues?state=all&page=2",
        "/repos/{owner}/{repo}/issues",
    );
    check("/repos/o/r/issues#top", "/repos/{owner}/{repo}/issues");
    check(
        "/repos/o/caf%C3%A9/labels/a%2Fb",
        "/repos/{owner}/{repo}/labels/{name}",
    );
    check(
        "/repos/o/r/labels/%FF%zz",
        "/repos/{owner}/{repo}/labels/{name}",
    );
    check("/repos/ö/r", "/repos/{owner}/{repo}");
    check("/networks/o/r/events", "/networks/{owner}/{repo}/events");
    check("/search/issues", "/search/issues");
    check("/teams/1/members", "/teams/{team_id}/members");
    check("/app/hook/deliveries", "/app/hook/deliveries");
    check("/api/v3/repos/o/r", "/repos/{owner}/{repo}");
    check("/api/v3/", "/");
}

#[test]
fn literals_beat_parameters() {
    check("/gists/public", "/gists/public");
    check("/gists/starred", "/gists/starred");
    check("/gists/aa5a315d61ae9438b18d", "/gists/{gist_id}");
    check(
        "/gists/aa5a315d61ae9438b18d/comments",
        "/gists/{gist_id}/comments",
    );
    check(
        "/gists/aa5a315d61ae9438b18d/0123abcd",
        "/gists/{gist_id}/{sha}",
    );
    check(
        "/repos/o/r/issues/comments",
        "/repos/{owner}/{repo}/issues/comments",
    );
    check(
        "/repos/o/r/issues/events/4",
        "/repos/{owner}/{repo}/issues/events/{event_id}",
    );
    check(
        "/repos/o/r/releases/latest",
        "/repos/{owner}/{repo}/releases/latest",
    );
    check(
        "/repos/o/r/releases/4",
        "/repos/{owner}/{repo}/releases/{release_id}",
    );
    check(
        "/repos/o/r/pulls/comments/4",
        "/repos/{owner}/{repo}/pulls/comments/{comment_id}",
    );
    check("/user/repos", "/user/repos");
    // A repository may be called like a literal elsewhere.
    check("/repos/repos/issues", "/repos/{owner}/{repo}");
    check(
        "/users/events/events/public",
        "/users/{username}/events/public",
    );
}

#[test]
fn git_names_and_file_paths_hold_slashes() {
    check(
        "/repos/o/r/contents",
        "/repos/{owner}/{repo}/contents/{path}",
    );
    check(
        "/repos/o/r/contents/",
        "/repos/{owner}/{repo}/contents/{path}",
    );
    check(
        "/repos/o/r/contents/README.md",
        "/repos/{owner}/{repo}/contents/{path}",
    );
    check(
        "/repos/o/r/contents/a/b/c/d/e/f/g/h/i/j/k/l/",
        "/repos/{owner}/{repo}/contents/{path}",
    );
    check(
        "/repos/o/r/contents/a//b",
        "/repos/{owner}/{repo}/contents/{path}",
    );
    check("/repos/o/r/readme", "/repos/{owner}/{repo}/readme");
    check(
        "/repos/o/r/readme/docs/deep",
        "/repos/{owner}/{repo}/readme/{dir}",
    );
    check(
        "/repos/o/r/git/ref/heads/feature/x",
        "/repos/{owner}/{repo}/git/ref/{ref}",
    );
    check(
        "/repos/o/r/git/matching-refs/heads/fea",
        "/repos/{owner}/{repo}/git/matching-refs/{ref}",
    );
    check(
        "/repos/o/r/git/matching-refs",
        "/repos/{owner}/{repo}/git/matching-refs/{ref}",
    );
    check("/repos/o/r/git/refs", "/repos/{owner}/{repo}/git/refs");
    check(
        "/repos/o/r/git/refs/heads/main",
        "/repos/{owner}/{repo}/git/refs/{ref}",
    );
    check(
        "/repos/o/r/compare/main...topic",
        "/repos/{owner}/{repo}/compare/{basehead}",
    );
    check(
        "/repos/o/r/compare/feature/a...user:feature/b",
        "/repos/{owner}/{repo}/compare/{basehead}",
    );
    check("/repos/o/r/tarball", "/repos/{owner}/{repo}/tarball/{ref}");
    check(
        "/repos/o/r/tarball/refs/heads/main",
        "/repos/{owner}/{repo}/tarball/{ref}",
    );
    check(
        "/repos/o/r/releases/tags/cli/v1.2",
        "/repos/{owner}/{repo}/releases/tags/{tag}",
    );
    check(
        "/repos/o/r/rules/branches/feature/x",
        "/repos/{owner}/{repo}/rules/branches/{branch}",
    );
}

#[test]
fn what_follows_a_git_name_still_counts() {
    check("/repos/o/r/commits", "/repos/{owner}/{repo}/commits");
    check(
        "/repos/o/r/commits/main",
        "/repos/{owner}/{repo}/commits/{ref}",
    );
    check(
        "/repos/o/r/commits/heads/feature/x",
        "/repos/{owner}/{repo}/commits/{ref}",
    );
    check(
        "/repos/o/r/commits/main/status",
        "/repos/{owner}/{repo}/commits/{ref}/status",
    );
    check(
        "/repos/o/r/commits/heads/feature/x/check-runs",
        "/repos/{owner}/{repo}/commits/{ref}/check-runs",
    );
    check(
        "/repos/o/r/commits/0123abcd/comments",
        "/repos/{owner}/{repo}/commits/{commit_sha}/comments",
    );
    check(
        "/repos/o/r/commits/status",
        "/repos/{owner}/{repo}/commits/{ref}",
    );
    check(
        "/repos/o/r/branches/main/protection",
        "/repos/{owner}/{repo}/branches/{branch}/protection",
    );
    check(
        "/repos/o/r/branches/a/b/protection",
        "/repos/{owner}/{repo}/branches/{branch}/protection",
    );
    check(
        "/repos/o/r/branches/a/b/protection/required_status_checks/contexts",
        "/repos/{owner}/{repo}/branches/{branch}/protection/required_status_checks/contexts",
    );
    check(
        "/repos/o/r/branches/a/b",
        "/repos/{owner}/{repo}/branches/{branch}",
    );
}

/// GitHub's own urls in Link and Location: the same routes.
#[test]
fn id_forms_are_aliases() {
    #[track_caller]
    fn check(id_form: &str, name_form: &str) {
        assert_ne!(Route::of(name_form), Route::OTHER, "{name_form}");
        assert_eq!(Route::of(id_form), Route::of(name_form), "{id_form}");
    }
    check("/repositories/1296269", "/repos/o/r");
    check("/repositories/1296269/issues?page=2", "/repos/o/r/issues");
    check(
        "/repositories/1296269/contents/a/b",
        "/repos/o/r/contents/a/b",
    );
    check("/repositories/1296269/contents", "/repos/o/r/contents");
    check(
        "/repositories/1296269/commits/heads/main/status",
        "/repos/o/r/commits/heads/main/status",
    );
    check("/organizations/9919", "/orgs/o");
    check("/organizations/9919/repos", "/orgs/o/repos");
    check(
        "/organizations/9919/public_members/u",
        "/orgs/o/public_members/u",
    );
    check("/organizations/9919/team/1", "/orgs/o/teams/t");
    check(
        "/organizations/9919/team/1/members",
        "/orgs/o/teams/t/members",
    );
    check("/organizations/9919/teams", "/orgs/o/teams");
    check("/user/583231/repos", "/users/u/repos");
    check("/user/583231/events/public", "/users/u/events/public");
    check("/api/v3/user/583231/repos", "/users/u/repos");
    // These have a template of their own.
    check("/user/583231", "/user/1");
    check(
        "/organizations/9919/settings/billing/usage",
        "/organizations/o/settings/billing/usage",
    );
}

#[test]
fn odd_paths_are_other() {
    for path in [
        "",
        "//",
        "///",
        "repos/o/r",
        "/no/such/path",
        "/repos",
        "/repos/",
        "/repos/o",
        "/repos//r",
        "/repos/o/",
        "/repos/o/r/",
        "/repos/o/r/issues/",
        "/repos/o/r//issues",
        "/repos/o/r/nothing",
        "/repos/o/r/git/ref",
        "/repos/o/r/git/ref/",
        "/repos/o/r/compare",
        "/Repos/o/r",
        "/repositories/",
        "/repositories/1/",
        "/repositories/x/issues",
        "/repositories/1/nothing",
        "/organizations/github/repos",
        "/user/octocat/repos",
        "/api/v3",
        "/api/v3x/repos/o/r",
        "/graphql",
        "/%2F",
        "?x",
        "*",
        "https://api.github.com/events",
        "/é/\u{0}",
    ] {
        assert_eq!(Route::of(path), Route::OTHER, "{path:?}");
    }
}

#[test]
fn shapes_follow_the_description() {
    #[track_caller]
    fn check(path: &str, shape: Shape) {
        assert_eq!(Route::of(path).shape(), shape, "{path}");
    }
    for list in [
        "/repos/o/r/issues",
        "/repos/o/r/pulls",
        "/repos/o/r/commits",
        "/repos/o/r/stargazers",
        "/repos/o/r/git/matching-refs/heads/x",
        "/users/u/starred",
        "/user/repos",
        "/events",
        "/notifications",
        "/repositories",
        "/versions",
    ] {
        check(list, Shape::List);
    }
    for object in [
        "/",
        "/repos/o/r",
        "/user",
        "/users/u",
        "/search/issues",
        "/repos/o/r/actions/runs",
        "/repos/o/r/commits/main/check-runs",
        "/repos/o/r/compare/a...b",
        "/orgs/o/interaction-limits",
        "/emojis",
        "/meta",
    ] {
        check(object, Shape::Object);
    }
    for unknown in [
        "/zen",
        "/octocat",
        "/repos/o/r/contents/x",
        "/repos/o/r/tarball/main",
        "/gists/1/star",
        "/nothing",
    ] {
        check(unknown, Shape::Unknown);
    }
}

#[test]
fn pages_follow_the_description() {
    #[track_caller]
    fn check(path: &str, paging: Paging, default: u32, largest: u32) {
        let route = Route::of(path);
        assert_eq!(
            (
                route.paging(),
                route.default_per_page(),
                route.max_per_page()
            ),
            (paging, default, largest),
            "{path}"
        );
    }
    check("/repos/o/r/issues", Paging::Pages, 30, 100);
    check("/events", Paging::Pages, 15, 100);
    check("/notifications", Paging::Pages, 50, 50);
    check("/orgs/o/actions/variables", Paging::Pages, 10, 30);
    check("/repos/o/r/activity", Paging::Cursor, 30, 100);
    check("/app/hook/deliveries", Paging::Cursor, 30, 100);
    check("/users", Paging::Since, 30, 100);
    check("/organizations", Paging::Since, 30, 100);
    check("/repositories", Paging::Since, 100, 100);
    check("/gists/public", Paging::Pages, 30, 100);
    check("/repos/o/r", Paging::None, 30, 100);
    check("/nothing", Paging::None, 30, 100);

    let issues = Route::of("/repos/o/r/issues");
    for (per_page, size) in [
        (None, 30),
        (Some(0), 30),
        (Some(1), 1),
        (Some(100), 100),
        (Some(1000), 100),
    ] {
        assert_eq!(issues.page_size(per_page), size, "{per_page:?}");
    }
}

/// A template with every parameter filled in leads back to itself: no template hides another.
#[test]
fn every_template_can_be_reached() {
    for route in Route::all() {
        let path: Vec<&str> = route
            .template()
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    "0parameter"
                } else {
                    segment
                }
            })
            .collect();
        assert_eq!(Route::of(&path.join("/")), route);
    }
}

#[test]
fn the_set_of_labels_is_bounded() {
    let templates: HashSet<_> = Route::all().map(Route::template).collect();
    assert_eq!(templates.len(), Route::all().count());
    assert!(!templates.contains(Route::OTHER.template()));
    let routes: HashSet<_> = Route::all().chain([Route::OTHER]).collect();
    assert_eq!(routes.len(), templates.len() + 1);
    assert_eq!(format!("{:?}", Route::of("/events")), "Route(/events)");
}

proptest! {
    #[test]
    fn arbitrary_paths_never_panic(path: String) {
        let _ = Route::of(&path);
        let _ = Route::of(&format!("/{path}"));
    }

    #[test]
    fn arbitrary_segments_never_panic(path in "(/|repos|/o|/r|/commits|/status|/branches|/protection|/contents|/repositories|/organizations|/team|/user|/[0-9]{1,22}|/api/v3|%ff|é){0,16}") {
        let route = Route::of(&path);
        prop_assert!(route == Route::OTHER || Route::all().any(|known| known == route));
    }
}
