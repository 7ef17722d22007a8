//! Endpoints that belong to GitHub itself and not to anybody's data (behaviour notes 5): `/`, `/zen`, `/octocat`,
//! `/meta`, `/emojis`, `/versions`, `/feeds`, `/app`, `/app/installations`.

use crate::answer::{Answer, ApiVersion, Ask, Content, Found, TagRule, Viewer};
use crate::app_jwt::{AppSpec, UNDECODABLE};
use crate::clock::iso_date;
use crate::problems::REST_DOCUMENTATION;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// A GitHub App's installation that the front knows by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallationSpec {
    pub id: u64,
    pub app_id: u64,
    /// Login of the account where the app is installed.
    pub account: String,
}

/// What the front knows about GitHub Apps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppFacts<'a> {
    pub(crate) apps: &'a [AppSpec],
    pub(crate) installations: &'a [InstallationSpec],
}

/// The front's own answer, for paths that the world does not know.
pub(crate) fn answer(ask: &Ask<'_>, facts: AppFacts<'_>) -> Option<Answer> {
    if *ask.method != Method::GET {
        return None;
    }
    let content = match ask.path {
        "/" | "" => Content::Json(root(ask)),
        "/zen" => Content::Text {
            content_type: "text/plain;charset=utf-8",
            text: ZEN[usize::try_from(ask.now.unsigned_abs()).unwrap_or(0) % ZEN.len()].to_owned(),
        },
        "/octocat" => Content::Text {
            content_type: "application/octocat-stream",
            text: octocat(ask.query),
        },
        "/meta" => Content::Json(meta()),
        "/emojis" => Content::Json(emojis()),
        "/versions" => Content::Json(json!(["2026-03-10", "2022-11-28"])),
        "/feeds" => Content::Json(feeds(ask)),
        path if path == "/app" || path.starts_with("/app/") => return app(ask, facts),
        _ => return None,
    };
    Some(found(content))
}

fn found(content: Content) -> Answer {
    Answer::Found(Box::new(Found {
        status: StatusCode::OK,
        content,
        tag: TagRule::Formula,
        last_modified: None,
        link: vec![],
        poll_interval: None,
        max_age: Some(60),
        resource: "core",
        headers: vec![],
    }))
}

fn app(ask: &Ask<'_>, facts: AppFacts<'_>) -> Option<Answer> {
    let Viewer::App { id } = ask.viewer else {
        return Some(Answer::Problem {
            status: StatusCode::UNAUTHORIZED,
            message: UNDECODABLE.to_owned(),
            errors: None,
            documentation_url: REST_DOCUMENTATION.to_owned(),
            resource: "core",
        });
    };
    let app = facts.apps.iter().find(|app| app.id == *id)?;
    let mut installed = facts
        .installations
        .iter()
        .filter(|installation| installation.app_id == *id);
    let body = match ask.path.strip_prefix("/app")?.trim_end_matches('/') {
        "" => app_json(app, ask, installed.count()),
        "/installations" => installed
            .map(|one| installation_json(one, app, ask))
            .collect(),
        rest => {
            let wanted: u64 = rest.strip_prefix("/installations/")?.parse().ok()?;
            installation_json(installed.find(|one| one.id == wanted)?, app, ask)
        }
    };
    Some(found(Content::Json(body)))
}

fn app_json(app: &AppSpec, ask: &Ask<'_>, installations: usize) -> Value {
    json!({
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": format!("A_{}", app.id),
        "owner": {"login": app.owner, "url": format!("{}/users/{}", ask.base, app.owner)},
        "name": app.name,
        "description": "",
        "external_url": "https://example.com",
        "html_url": format!("https://github.com/apps/{}", app.slug),
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "permissions": {"contents": "read", "issues": "read", "metadata": "read"},
        "events": ["push", "issues"],
        "installations_count": installations,
    })
}

fn installation_json(installation: &InstallationSpec, app: &AppSpec, ask: &Ask<'_>) -> Value {
    let (id, account) = (installation.id, &installation.account);
    json!({
        "id": id,
        "client_id": app.client_id,
        "account": {"login": account, "url": format!("{}/users/{account}", ask.base)},
        "repository_selection": "all",
        "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", ask.base),
        "repositories_url": format!("{}/installation/repositories", ask.base),
        "html_url": format!("https://github.com/settings/installations/{id}"),
        "app_id": app.id,
        "app_slug": app.slug,
        "target_type": "Organization",
        "permissions": {"contents": "read", "issues": "read", "metadata": "read"},
        "events": ["push", "issues"],
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "single_file_name": null,
        "suspended_by": null,
        "suspended_at": null,
    })
}

/// The answer to `POST /app/installations/{id}/access_tokens`; `installation` is what GET shows of it.
pub(crate) fn minted(
    token: &str,
    expires_at: i64,
    permissions: &Value,
    repository_selection: &Value,
) -> Value {
    json!({
        "token": token,
        "expires_at": iso_date(expires_at),
        "permissions": permissions,
        "repository_selection": repository_selection,
    })
}

/// 33 urls, as the live root answers; the newer version drops two of them.
fn root(ask: &Ask<'_>) -> Value {
    const SEARCH: &str = "{&page,per_page,sort,order}";
    const LIST: &str = "{?type,page,per_page,sort}";
    let base = ask.base;
    let entries: [(&str, String); 33] = [
        ("current_user_url", format!("{base}/user")),
        (
            "current_user_authorizations_html_url",
            "https://github.com/settings/connections/applications{/client_id}".to_owned(),
        ),
        ("authorizations_url", format!("{base}/authorizations")),
        (
            "code_search_url",
            format!("{base}/search/code?q={{query}}{SEARCH}"),
        ),
        (
            "commit_search_url",
            format!("{base}/search/commits?q={{query}}{SEARCH}"),
        ),
        ("emails_url", format!("{base}/user/emails")),
        ("emojis_url", format!("{base}/emojis")),
        ("events_url", format!("{base}/events")),
        ("feeds_url", format!("{base}/feeds")),
        ("followers_url", format!("{base}/user/followers")),
        ("following_url", format!("{base}/user/following{{/target}}")),
        ("gists_url", format!("{base}/gists{{/gist_id}}")),
        ("hub_url", format!("{base}/hub")),
        (
            "issue_search_url",
            format!("{base}/search/issues?q={{query}}{SEARCH}"),
        ),
        ("issues_url", format!("{base}/issues")),
        ("keys_url", format!("{base}/user/keys")),
        (
            "label_search_url",
            format!(
                "{base}/search/labels?q={{query}}&repository_id={{repository_id}}{{&page,per_page}}"
            ),
        ),
        ("notifications_url", format!("{base}/notifications")),
        ("organization_url", format!("{base}/orgs/{{org}}")),
        (
            "organization_repositories_url",
            format!("{base}/orgs/{{org}}/repos{LIST}"),
        ),
        (
            "organization_teams_url",
            format!("{base}/orgs/{{org}}/teams"),
        ),
        ("public_gists_url", format!("{base}/gists/public")),
        ("rate_limit_url", format!("{base}/rate_limit")),
        ("repository_url", format!("{base}/repos/{{owner}}/{{repo}}")),
        (
            "repository_search_url",
            format!("{base}/search/repositories?q={{query}}{SEARCH}"),
        ),
        (
            "current_user_repositories_url",
            format!("{base}/user/repos{LIST}"),
        ),
        (
            "starred_url",
            format!("{base}/user/starred{{/owner}}{{/repo}}"),
        ),
        ("starred_gists_url", format!("{base}/gists/starred")),
        (
            "topic_search_url",
            format!("{base}/search/topics?q={{query}}{{&page,per_page}}"),
        ),
        ("user_url", format!("{base}/users/{{user}}")),
        ("user_organizations_url", format!("{base}/user/orgs")),
        (
            "user_repositories_url",
            format!("{base}/users/{{user}}/repos{LIST}"),
        ),
        (
            "user_search_url",
            format!("{base}/search/users?q={{query}}{SEARCH}"),
        ),
    ];
    let dropped = |name: &str| {
        ask.version >= ApiVersion::V2026_03_10 && matches!(name, "authorizations_url" | "hub_url")
    };
    let kept = entries.into_iter().filter(|(name, _)| !dropped(name));
    Value::Object(
        kept.map(|(name, url)| (name.to_owned(), url.into()))
            .collect::<Map<_, _>>(),
    )
}

fn feeds(ask: &Ask<'_>) -> Value {
    let mut feeds = json!({
        "timeline_url": "https://github.com/timeline",
        "user_url": "https://github.com/{user}",
        "repository_discussions_url": "https://github.com/{user}/{repo}/discussions",
        "security_advisories_url": "https://github.com/security-advisories",
        "_links": {
            "timeline": {"href": "https://github.com/timeline", "type": "application/atom+xml"},
            "user": {"href": "https://github.com/{user}", "type": "application/atom+xml"},
        },
    });
    if let Viewer::User { login } = ask.viewer {
        feeds["current_user_public_url"] = format!("https://github.com/{login}").into();
    }
    feeds
}

fn meta() -> Value {
    json!({
        "verifiable_password_authentication": false,
        "ssh_key_fingerprints": {
            "SHA256_ECDSA": "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
            "SHA256_ED25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
            "SHA256_RSA": "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
        },
        "ssh_keys": [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
        ],
        "hooks": ["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"],
        "web": ["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"],
        "api": ["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"],
        "git": ["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"],
        "pages": ["192.30.252.153/32", "192.30.252.154/32"],
        "importer": ["52.23.85.212/32", "52.0.228.224/32", "52.22.155.48/32"],
        "actions": ["4.148.0.0/16", "13.64.0.0/16"],
        "dependabot": ["18.213.123.130/32"],
        "domains": {"website": ["*.github.com"], "packages": ["*.pkg.github.com", "ghcr.io"]},
    })
}

fn emojis() -> Value {
    const NAMED: [(&str, &str); 12] = [
        ("+1", "1f44d"),
        ("-1", "1f44e"),
        ("bug", "1f41b"),
        ("confused", "1f615"),
        ("crab", "1f980"),
        ("eyes", "1f440"),
        ("heart", "2764"),
        ("rocket", "1f680"),
        ("smile", "1f604"),
        ("sparkles", "2728"),
        ("tada", "1f389"),
        ("warning", "26a0"),
    ];
    let url = |code: &str| {
        format!("https://github.githubassets.com/images/icons/emoji/unicode/{code}.png?v8")
    };
    let named = NAMED
        .into_iter()
        .map(|(name, code)| (name.to_owned(), url(code).into()));
    Value::Object(named.collect::<Map<_, _>>())
}

const ZEN: [&str; 14] = [
    "Responsive is better than fast.",
    "It's not fully shipped until it's fast.",
    "Anything added dilutes everything else.",
    "Practicality beats purity.",
    "Approachable is better than simple.",
    "Mind your words, they are important.",
    "Speak like a human.",
    "Half measures are as bad as nothing at all.",
    "Encourage flow.",
    "Non-blocking is better than blocking.",
    "Favor focus over features.",
    "Avoid administrative distraction.",
    "Design for failure.",
    "Keep it logically awesome.",
];

/// The cat of the terminal says `?s=`.
fn octocat(query: &[(String, String)]) -> String {
    let said = query
        .iter()
        .find(|(name, _)| name == "s")
        .map(|(_, value)| value.as_str());
    let said = said.unwrap_or(ZEN[13]);
    let bar = "_".repeat(said.chars().count() + 2);
    let gap = " ".repeat(said.chars().count() + 2);
    format!(
        "\n               MMM.           .MMM\n               MMMMMMMMMMMMMMMMMMM\n               \
         MMMMMMMMMMMMMMMMMMM      {bar}\n              MMMMMMMMMMMMMMMMMMMMM    |{gap}|\n             \
         MMMMMMMMMMMMMMMMMMMMMMM   | {said} |\n            MMMMMMMMMMMMMMMMMMMMMMMM   |_   {bar}|\n            \
         MMMM::- -:::::::- -::MMMM    |/\n             MM~:~ 00~:::::~ 00~:~MM\n        \
         .. MMMMM::.00:::+:::.00::MMMMM ..\n              .MM::::: ._. :::::MM.\n                 \
         MMMM;:::::;MMMM\n          -MM        MMMMMMM\n          ^  M+     MMMMMMMMM\n              \
         MMMMMMM MM MM MM\n                   MM MM MM MM\n                   MM MM MM MM\n                \
         .~~MM~MM~MM~MM~~.\n             ~~~~MM:~MM~~~MM~:MM~~~~\n            \
         ~~~~~~==~==~~~==~==~~~~~~\n             ~~~~~~==~==~==~==~~~~~~\n                 \
         :~==~==~==~==~~\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Media;

    fn json_of(path: &str, viewer: &Viewer, version: ApiVersion) -> Option<Value> {
        let apps = [AppSpec::default()];
        let installations = [InstallationSpec {
            id: 7,
            app_id: 12_345,
            account: "octo-org".to_owned(),
        }];
        let ask = Ask {
            method: &Method::GET,
            path,
            query: &[],
            raw_query: None,
            media: Media::Json,
            viewer,
            version,
            body: b"",
            now: 0,
            base: "https://api.github.com",
        };
        match answer(
            &ask,
            AppFacts {
                apps: &apps,
                installations: &installations,
            },
        )? {
            Answer::Found(found) => match found.content {
                Content::Json(value) => Some(value),
                other => panic!("not JSON: {other:?}"),
            },
            other => panic!("not found: {other:?}"),
        }
    }

    #[test]
    fn the_root_has_33_urls_and_the_new_version_two_fewer() {
        let old = json_of("/", &Viewer::Anonymous, ApiVersion::V2022_11_28).unwrap();
        assert_eq!(old.as_object().unwrap().len(), 33);
        let new = json_of("/", &Viewer::Anonymous, ApiVersion::V2026_03_10).unwrap();
        assert_eq!(new.as_object().unwrap().len(), 31);
    }

    #[test]
    fn an_app_sees_itself_and_its_installations() {
        let app = Viewer::App { id: 12_345 };
        let version = ApiVersion::V2022_11_28;
        assert_eq!(
            json_of("/app", &app, version).unwrap()["installations_count"],
            1
        );
        assert_eq!(
            json_of("/app/installations", &app, version).unwrap()[0]["id"],
            7
        );
        assert_eq!(
            json_of("/app/installations/7", &app, version).unwrap()["account"]["login"],
            "octo-org"
        );
        assert_eq!(json_of("/app/installations/8", &app, version), None);
        assert_eq!(json_of("/nowhere", &app, version), None);
    }
}
