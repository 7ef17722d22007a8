//! The interface described: OpenAPI as JSON, and a page that needs nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{admin, health, view};

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    message: String,
    /// Also in `x-request-id` and in the log.
    request_id: String,
}

struct AdminToken;

impl Modify for AdminToken {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("admin_token", SecurityScheme::Http(bearer));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "github-read-cache",
        description = "Organisation data from a cache that never makes a client wait. Everything that is not listed here is GitHub's own interface, asked through a conditional cache."
    ),
    paths(
        root, organization, members, repositories, view::first, view::of_org, health::health, health::metrics,
        admin::refresh, admin::cache
    ),
    components(schemas(Message)),
    modifiers(&AdminToken)
)]
struct Api;

macro_rules! kept {
    ($name:ident, $path:literal, $what:literal, [$($param:tt)*]) => {
        #[doc = $what]
        #[utoipa::path(
            get,
            path = $path,
            tag = "data",
            params($($param)*),
            responses(
                (status = 200, description = "All pages as one document, each element byte for byte as GitHub sent it", body = Value),
                (status = 304, description = "As the condition says"),
                (status = 502, description = "GitHub is broken, and nothing is stored", body = Message),
                (status = 503, description = "A rate limit, and nothing is stored; see Retry-After", body = Message),
                (status = 504, description = "Nothing is stored, and nothing came in time", body = Message),
            )
        )]
        #[expect(dead_code, reason = "carries the description of a path that the fallback serves")]
        fn $name() {}
    };
}

kept!(root, "/", "GitHub's list of urls.", []);
kept!(
    organization,
    "/orgs/{org}",
    "A configured organisation.",
    [("org" = String, Path, description = "In any case")]
);
kept!(
    members,
    "/orgs/{org}/members",
    "All its members.",
    [("org" = String, Path, description = "In any case")]
);
kept!(
    repositories,
    "/orgs/{org}/repos",
    "All its repositories.",
    [("org" = String, Path, description = "In any case")]
);

fn described() -> &'static (Value, String) {
    static DESCRIBED: OnceLock<(Value, String)> = OnceLock::new();
    DESCRIBED.get_or_init(|| {
        let api = serde_json::to_value(Api::openapi()).unwrap_or_default();
        let page = print(&api);
        (api, page)
    })
}

/// The description as JSON.
pub(super) async fn openapi() -> Response<Body> {
    health::json(StatusCode::OK, &described().0)
}

/// The description as a page.
pub(super) async fn page() -> Response<Body> {
    html(described().1.clone())
}

pub(super) fn html(text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    answer
}

/// What the pages look like: light and dark, wide and narrow.
pub(super) const STYLE: &str = include_str!("style.css");

fn print(api: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>github-read-cache: interface</title><style>{STYLE}</style><main><h1>github-read-cache</h1>\
         <p>{}</p><p><a href=/api/openapi.json>openapi.json</a> · <a href=/dashboard>dashboard</a></p>",
        escaped(api["info"]["description"].as_str().unwrap_or_default())
    );
    let paths = api["paths"].as_object();
    for (path, operations) in paths.into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            print_operation(&mut page, method, path, operation);
        }
    }
    page.push_str("</main></html>");
    page
}

fn print_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    let mut section = format!(
        "<section><h2><code>{} {}</code></h2><p>{}</p>",
        method.to_ascii_uppercase(),
        escaped(path),
        text(&operation["summary"])
    );
    let rows = |page: &mut String, values: Vec<(String, String)>| {
        if values.is_empty() {
            return;
        }
        page.push_str("<table>");
        for (name, what) in values {
            // Writing to a string cannot fail.
            let _ = write!(page, "<tr><th>{name}<td>{what}");
        }
        page.push_str("</table>");
    };
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|value| (text(&value["name"]), text(&value["description"])));
    rows(&mut section, parameters.collect());
    let answers = operation["responses"].as_object().into_iter().flatten();
    let answers = answers.map(|(status, value)| (escaped(status), text(&value["description"])));
    rows(&mut section, answers.collect());
    section.push_str("</section>");
    page.push_str(&section);
}

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_on_both_pages() {
        let (api, page) = described();
        for path in [
            "/",
            "/orgs/{org}",
            "/orgs/{org}/members",
            "/orgs/{org}/repos",
            "/view/{direction}/{count}/{metric}",
            "/orgs/{org}/view/{direction}/{count}/{metric}",
            "/healthcheck",
            "/metrics",
            "/admin/refresh",
            "/admin/cache",
        ] {
            assert!(api["paths"][path].is_object(), "{path}");
            assert!(page.contains(path), "{path}");
        }
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "{page}"
        );
    }
}
