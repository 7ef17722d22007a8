//! The control API under `/_sim/`: everything the library offers, for shells and other languages.

use crate::credentials::TokenSpec;
use crate::exchange::Reply;
use crate::faults::FaultRule;
use crate::front::Front;
use crate::quota::Bucket;
use crate::utility::InstallationSpec;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const HELP: &str = "\
github-sim: an offline simulator of api.github.com

Control (JSON in, JSON out):
  GET    /_sim/state              time, base url, quota, faults, switches, totals
  POST   /_sim/change             {\"change\": \"touch_repository\", \"repo\": \"octocat/Hello-World\"};
                                  an unknown change answers with the list of all
  GET    /_sim/time               {\"now\": seconds since the epoch}
  POST   /_sim/time               {\"advance_seconds\": 3600}
  GET    /_sim/counters           requests by token, method, path, query and status
  POST   /_sim/counters/reset
  GET    /_sim/switches           every uncertain fact about GitHub and its present setting
  PUT    /_sim/switches           any subset, e.g. {\"edge_cache\": false, \"secondary_limits\": false}
  GET    /_sim/faults
  POST   /_sim/faults             {\"kind\": \"status\", \"code\": 503, \"body\": \"unicorn\", \"path\": \"/repos/**\", \"times\": 2}
                                  kinds: delay {milliseconds}, reset, truncate {after_bytes}, stall {after_bytes},
                                  status {code, body: message|unicorn|load_balancer|empty}, garbage, primary_limit,
                                  secondary_limit {retry_after}, stuck_tag, outage; filters: path (glob), token (label),
                                  method; skip: so many requests pass first
  DELETE /_sim/faults
  POST   /_sim/tokens             {\"login\": \"octocat\"} or {\"kind\": \"fine_grained\", \"login\": ..},
                                  {\"kind\": \"installation\", \"installation\": 7}, {\"kind\": \"actions\", \"repository\": \"o/r\"};
                                  optional: label, token, scopes, expires_at, core_limit
  POST   /_sim/tokens/rotate      {\"token\": ..} -> a new token for the same owner
  POST   /_sim/tokens/revoke      {\"token\": ..}
  POST   /_sim/quota              {\"bucket\": \"user:octocat/core\", \"remaining\": 0}; also ip:, installation:, app:, repository:
  POST   /_sim/oauth-apps         {\"client_id\": .., \"secret\": ..} for Basic authentication
  POST   /_sim/installations      {\"id\": 7, \"account\": \"octo-org\"}, optional app_id
  POST   /_sim/jwt                a JSON web token of the simulator's own GitHub App
  POST   /_sim/status             {\"component\": \"API Requests\", \"status\": \"major_outage\"}

Status page: GET /api/v2/components.json
Everything else is api.github.com; /api/v3 is accepted as a prefix.
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remaining {
    bucket: String,
    remaining: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    component: String,
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OauthApp {
    client_id: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Installed {
    id: u64,
    account: String,
    app_id: Option<u64>,
}

/// Answers `path`, what follows `/_sim`.
pub(crate) fn answer(front: &Front, method: &Method, path: &str, body: &[u8]) -> Reply {
    if *method == Method::GET && matches!(path, "" | "/") {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        return reply(StatusCode::OK, text, HELP.to_owned());
    }
    let json = HeaderValue::from_static("application/json");
    match execute(front, method, path.trim_end_matches('/'), body) {
        Some(Ok(value)) => reply(StatusCode::OK, json, format!("{value}\n")),
        Some(Err(error)) => reply(
            StatusCode::BAD_REQUEST,
            json,
            format!("{}\n", json!({"error": error})),
        ),
        None => {
            let error = json!({"error": "no such control; GET /_sim/ lists them"});
            reply(StatusCode::NOT_FOUND, json, format!("{error}\n"))
        }
    }
}

fn execute(
    front: &Front,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Option<Result<Value, String>> {
    let now = front.clock.now();
    Some(match (method.as_str(), path) {
        ("GET", "/state") => Ok(state(front)),
        ("POST", "/change") => {
            read(body).and_then(|change: Value| front.desk.control(&change, now))
        }
        ("GET", "/time") => Ok(json!({"now": now})),
        ("POST", "/time") => read(body).map(|advance: Advance| {
            front
                .clock
                .advance(Duration::from_secs(advance.advance_seconds));
            json!({"now": front.clock.now()})
        }),
        ("GET", "/counters") => value(&front.recorder.snapshot(front.quota.used())),
        ("POST", "/counters/reset") => {
            front.recorder.reset();
            Ok(json!({}))
        }
        ("GET", "/switches") => value(&*front.switches()),
        ("PUT", "/switches") => read(body)
            .and_then(|changes: Value| front.switches().merged(&changes))
            .and_then(|switches| {
                front.set_switches(switches.clone());
                value(&switches)
            }),
        ("GET", "/faults") => value(&front.faults.list()),
        ("POST", "/faults") => read(body).and_then(|rule: FaultRule| {
            front.faults.add(rule);
            value(&front.faults.list())
        }),
        ("DELETE", "/faults") => {
            front.faults.clear();
            Ok(json!([]))
        }
        ("POST", "/tokens") => read(body)
            .and_then(|spec: TokenSpec| front.add_token(spec))
            .map(|token| json!({"token": token})),
        ("POST", "/tokens/rotate") => read(body).and_then(|old: Named| {
            let new = front
                .credentials
                .rotate(&old.token, now)
                .ok_or("no such token")?;
            Ok(json!({"token": new}))
        }),
        ("POST", "/tokens/revoke") => read(body).and_then(|old: Named| {
            front
                .credentials
                .revoke(&old.token)
                .ok_or("no such token")?;
            Ok(json!({}))
        }),
        ("POST", "/quota") => read(body).and_then(|wanted: Remaining| {
            let bucket: Bucket = wanted.bucket.parse()?;
            front.quota.set_remaining(bucket, wanted.remaining, now);
            value(&front.quota.used())
        }),
        ("POST", "/oauth-apps") => read(body).map(|app: OauthApp| {
            front.credentials.add_oauth_app(&app.client_id, &app.secret);
            json!({})
        }),
        ("POST", "/installations") => read(body).map(|installed: Installed| {
            front.add_installation(InstallationSpec {
                id: installed.id,
                app_id: installed.app_id.unwrap_or_else(|| front.default_app().id),
                account: installed.account,
            });
            json!({})
        }),
        ("POST", "/jwt") => Ok(json!({"jwt": crate::app_jwt::unsigned(&front.default_app(), now)})),
        ("POST", "/status") => read(body).and_then(|wanted: Component| {
            front
                .status_page
                .set(&wanted.component, &wanted.status, now)?;
            Ok(json!({}))
        }),
        _ => return None,
    })
}

fn state(front: &Front) -> Value {
    let counters = front.recorder.snapshot(front.quota.used());
    json!({
        "now": front.clock.now(),
        "base": front.base,
        "requests": counters.total,
        "unanswered": counters.unanswered,
        "connections": counters.connections,
        "quota_used": counters.quota_used,
        "faults": front.faults.list(),
        "switches": &*front.switches(),
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn value<T: serde::Serialize>(of: &T) -> Result<Value, String> {
    serde_json::to_value(of).map_err(|error| error.to_string())
}

fn reply(status: StatusCode, content_type: HeaderValue, body: String) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Reply {
        status,
        headers,
        body: body.into(),
        flight: None,
    }
}
