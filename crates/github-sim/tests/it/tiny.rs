//! A world of a few resources, whose bodies the tests know.

use github_sim::answer::{Answer, Ask, Content, Found, Media, TagRule, Viewer};
use github_sim::{Simulator, SimulatorBuilder, Switches, World};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Last change of everything with a `Last-Modified`: 30 Jul 2026, 11:00.
pub(crate) const MODIFIED: i64 = github_sim::START - 3_600;

pub(crate) const DIFF: &str = "diff --git a/a b/a\n+\"x\" </é>\n";

#[derive(Debug, Default)]
pub(crate) struct Tiny {
    stars: u64,
    revision: u64,
}

pub(crate) fn builder() -> SimulatorBuilder {
    Simulator::builder().world(Tiny::default())
}

pub(crate) async fn start() -> Simulator {
    builder().start().await.unwrap()
}

pub(crate) async fn start_with(switches: Switches) -> Simulator {
    builder().switches(switches).start().await.unwrap()
}

pub(crate) fn repository(stars: u64) -> String {
    format!(r#"{{"id":1,"name":"hello","stargazers_count":{stars}}}"#)
}

fn found(content: Content) -> Found {
    Found {
        status: StatusCode::OK,
        content,
        tag: TagRule::Formula,
        last_modified: None,
        link: vec![],
        poll_interval: None,
        max_age: Some(60),
        resource: "core",
        headers: vec![],
    }
}

impl Tiny {
    fn find(&self, ask: &Ask<'_>) -> Option<Answer> {
        let found = match (ask.method, ask.path) {
            (&Method::GET, "/repos/octo/hello") => Found {
                last_modified: Some(MODIFIED),
                ..found(Content::JsonBytes(repository(self.stars).into()))
            },
            (&Method::GET, "/repos/octo/hello/labels") => found(Content::Json(json!([]))),
            (&Method::GET, "/repos/octo/hello/issues") => Found {
                link: vec![
                    ("next", format!("{}/repositories/1/issues?page=2", ask.base)),
                    ("last", format!("{}/repositories/1/issues?page=3", ask.base)),
                ],
                ..found(Content::Json(
                    json!([{"number": 1, "title": "first issue"}]),
                ))
            },
            (&Method::GET, "/repos/octo/hello/commits/abc") if ask.media == Media::Diff => {
                let content_type = "application/vnd.github.diff; charset=utf-8";
                found(Content::Text {
                    content_type,
                    text: DIFF.to_owned(),
                })
            }
            (&Method::GET, "/repos/octo/hello/readme") => Found {
                tag: TagRule::GitObject("1234567890123456789012345678901234567890".to_owned()),
                ..found(Content::Json(json!({"name": "README.md", "type": "file"})))
            },
            (&Method::GET, "/events") => Found {
                poll_interval: Some(60),
                max_age: Some(300),
                last_modified: Some(MODIFIED),
                ..found(Content::Json(
                    json!([{"id": "1", "type": "PushEvent", "n": self.stars}]),
                ))
            },
            (&Method::GET, "/search/repositories") => Found {
                tag: TagRule::None,
                max_age: None,
                resource: "search",
                ..found(Content::Json(json!({"total_count": 0, "items": []})))
            },
            (&Method::GET, "/user") => match ask.viewer {
                Viewer::User { login } => found(Content::Json(json!({"login": login, "id": 1}))),
                _ => return None,
            },
            (&Method::GET, "/appears") if self.stars > 0 => Found {
                last_modified: Some(ask.now),
                ..found(Content::Json(json!({"now": "it exists"})))
            },
            (&Method::POST, "/repos/octo/hello/issues") => Found {
                status: StatusCode::CREATED,
                headers: vec![(
                    "location",
                    format!("{}/repos/octo/hello/issues/2", ask.base),
                )],
                ..found(Content::Json(json!({"number": 2, "title": "second issue"})))
            },
            (&Method::PUT, "/user/starred/octo/hello") => Found {
                status: StatusCode::NO_CONTENT,
                ..found(Content::Empty)
            },
            (_, "/repos/octo/old") => {
                return Some(Answer::Moved {
                    location: format!("{}/repositories/1", ask.base),
                });
            }
            (&Method::GET, "/repos/octo/hello/tarball/main") => {
                let location = "https://codeload.github.com/octo/hello/main".to_owned();
                return Some(Answer::Redirect { location });
            }
            _ => return None,
        };
        Some(Answer::Found(Box::new(found)))
    }
}

impl World for Tiny {
    fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        self.find(ask).unwrap_or_else(|| Answer::Problem {
            status: StatusCode::NOT_FOUND,
            message: "Not Found".to_owned(),
            errors: None,
            documentation_url: "https://docs.github.com/rest".to_owned(),
            resource: "core",
        })
    }

    fn control(&mut self, change: &Value, _now: i64) -> Result<Value, String> {
        self.stars = change["stars"].as_u64().ok_or("`stars` is missing")?;
        self.revision += 1;
        Ok(json!({"stars": self.stars}))
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn installations(&self) -> Vec<(u64, String)> {
        vec![(40, "mona".to_owned())]
    }

    fn example_login(&self) -> Option<String> {
        Some("octo".to_owned())
    }

    fn user_id(&self, login: &str) -> Option<u64> {
        match login {
            "octo" => Some(1),
            "mona" => Some(2),
            _ => None,
        }
    }
}
