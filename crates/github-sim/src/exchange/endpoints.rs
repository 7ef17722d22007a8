//! Endpoints that need what only the front knows: quota, tokens, GraphQL's own limit.

use super::{Exchange, Reply};
use crate::answer::{ApiVersion, Content, Found, TagRule, Viewer};
use crate::app_jwt::UNDECODABLE;
use crate::credentials::{Standing, TokenSpec};
use crate::desk::Outcome;
use crate::graphql::{self, GraphqlViewer};
use crate::problems::{self, Problem, REST_DOCUMENTATION};
use crate::quota::{self, Allowance};
use crate::representation::Representation;
use crate::utility::minted;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

impl Exchange<'_> {
    /// Free on the primary quota; never a validator.
    pub(super) fn rate_limit(mut self) -> Reply {
        let now = self.incoming.now;
        let owner = &self.caller.owner;
        let shown = |allowed: Allowance| {
            let meter = self.front.quota.peek(owner, allowed, now);
            json!({
                "limit": meter.limit,
                "used": meter.used,
                "remaining": meter.remaining(),
                "reset": meter.reset,
            })
        };
        let core = quota::allowance(self.caller, "core");
        let resources: Map<String, Value> = quota::listed(self.caller)
            .map(|allowed| (allowed.resource.to_owned(), shown(allowed)))
            .collect();
        let mut body = json!({"resources": resources});
        if self.version < ApiVersion::V2026_03_10 {
            body["rate"] = shown(core);
        }
        let meter = self.front.quota.peek(owner, core, now);
        self.meter = (self.caller.standing != Standing::AppJwt).then_some(meter);
        let found = Representation::new(Found {
            status: StatusCode::OK,
            content: Content::Json(body),
            tag: TagRule::None,
            last_modified: None,
            link: vec![],
            poll_interval: None,
            max_age: None,
            resource: "core",
            headers: vec![],
        });
        self.complete(&found, None)
    }

    pub(super) fn graphql(mut self) -> Reply {
        if *self.incoming.method != Method::POST {
            return self.not_found();
        }
        let login = match &self.caller.viewer {
            Viewer::User { login } => login.clone(),
            Viewer::Installation { id } => format!("installation-{id}[bot]"),
            Viewer::Anonymous | Viewer::App { .. } => {
                return self.problem(&Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "This endpoint requires you to be authenticated.",
                    None,
                    "https://docs.github.com/graphql/guides/forming-calls-with-graphql#authentication",
                ));
            }
        };
        let id = self.front.desk.user_id(&login);
        let body = match self.charge("graphql") {
            Ok(_) => {
                let meter = self.meter.expect("a charged request has a meter");
                let viewer = GraphqlViewer { login: &login, id };
                graphql::execute(self.incoming.body, viewer, meter)
            }
            Err(meter) => {
                self.meter = Some(meter);
                graphql::rate_limited(&problems::who(&self.caller.owner, id))
            }
        };
        self.json(StatusCode::OK, &body)
    }

    /// `POST /app/installations/{id}/access_tokens` (behaviour notes 6).
    pub(super) fn mint(self, id: u64) -> Reply {
        if self.caller.standing != Standing::AppJwt {
            let problem = Problem::new(
                StatusCode::UNAUTHORIZED,
                UNDECODABLE,
                None,
                REST_DOCUMENTATION,
            );
            return self.problem(&problem);
        }
        let shown = self.ask_for(&Method::GET, &format!("/app/installations/{id}"), None);
        let Outcome::Found(installation) = shown else {
            return self.not_found();
        };
        let installation: Value =
            serde_json::from_slice(installation.body()).unwrap_or(Value::Null);
        let wanted: Value = serde_json::from_slice(self.incoming.body).unwrap_or(Value::Null);
        let granted = &installation["permissions"];
        let permissions = match wanted["permissions"].as_object() {
            None => granted,
            Some(asked) if asked.keys().all(|name| granted.get(name).is_some()) => {
                &wanted["permissions"]
            }
            Some(_) => {
                return self.problem(&Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "The permissions requested are not granted to this installation.",
                    None,
                    REST_DOCUMENTATION,
                ));
            }
        };
        let narrowed =
            wanted.get("repositories").is_some() || wanted.get("repository_ids").is_some();
        let selected = json!("selected");
        let selection = if narrowed {
            &selected
        } else {
            &installation["repository_selection"]
        };
        let now = self.incoming.now;
        let stateless = match self.incoming.text("x-github-stateless-s2s-token") {
            Some("enabled") => true,
            Some("disabled") => false,
            _ => self.switches.stateless_installation_tokens,
        };
        let spec = TokenSpec::installation(id);
        let token = match self.front.credentials.add(spec, now, stateless) {
            Ok(token) => token,
            Err(_) => return self.not_found(),
        };
        let body = minted(&token, now + 3_600, permissions, selection);
        let found = Representation::new(Found {
            status: StatusCode::CREATED,
            content: Content::Json(body),
            tag: TagRule::Formula,
            last_modified: None,
            link: vec![],
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: vec![],
        });
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        self.complete(&found, tag.as_deref())
    }

    pub(super) fn not_found(self) -> Reply {
        self.problem(&Problem::new(
            StatusCode::NOT_FOUND,
            "Not Found",
            None,
            REST_DOCUMENTATION,
        ))
    }
}
