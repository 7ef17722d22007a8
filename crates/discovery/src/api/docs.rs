//! The interface described: OpenAPI as JSON, Swagger's page, and a page to read. Nothing is loaded from elsewhere.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi, ToSchema};

use super::query::Links;
use super::{
    answer, developers, export, graph, health, rate_limit, repositories, stats, tasks, tokens,
};
use crate::filter::{DEVELOPERS, Kind, Lookup, RATE_LIMIT, REPOSITORIES, Table};
use crate::problem::Problem;

/// Why a request was not answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    detail: String,
}

macro_rules! page {
    ($($name:ident of $item:ty),+ $(,)?) => {
        $(#[doc = "One page of a list."]
        #[derive(Debug, ToSchema)]
        #[expect(dead_code, reason = "describes what page.rs writes")]
        pub(crate) struct $name {
            /// How many there are on all pages.
            count: i64,
            next: Option<String>,
            previous: Option<String>,
            results: Vec<$item>,
        })+
    };
}

page! {
    DeveloperPage of developers::DeveloperBody,
    RepositoryPage of repositories::RepositoryBody,
    RateLimitPage of rate_limit::RateLimitBody,
    TaskPage of tasks::TaskBody,
    TokenPage of tokens::TokenBody,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "github-discovery",
        description = "The graph of GitHub developers and repositories, grown within the quota. Lists have pages: `page` (a number or `last`) and `page_size`; filters are `field` and `field__lookup`; an empty value is an absent one; unknown parameters are ignored."
    ),
    paths(
        developers::list, developers::one, repositories::list, repositories::one, rate_limit::list, rate_limit::one,
        tokens::list, tasks::list, tasks::wishes::create, tasks::one, tasks::cancel, tasks::queue, tasks::letters::dead_letters,
        tasks::letters::requeue, tasks::letters::requeue_all, graph::neighbors, graph::path, export::export, stats::stats,
        health::health, health::metrics
    ),
    components(schemas(Detail)),
    modifiers(&Credentials, &Parameters)
)]
struct Api;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("basic", http(HttpAuthScheme::Basic));
        components.add_security_scheme("bearer", http(HttpAuthScheme::Bearer));
        let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("key", SecurityScheme::ApiKey(header));
        let any = ["basic", "bearer", "key"];
        let any = any.map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        api.security = Some(any.into());
    }
}

/// The filters, from the table that parses them.
struct Parameters;

impl Modify for Parameters {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (path, table) in [
            ("/github/developers/", Some(&DEVELOPERS)),
            ("/github/repositories/", Some(&REPOSITORIES)),
            ("/github/rate_limit/", Some(&RATE_LIMIT)),
            ("/github/tokens/", None),
            ("/github/tasks/", None),
            ("/github/queue/", None),
            ("/github/dead_letters/", None),
        ] {
            let get = api.paths.paths.get_mut(path);
            let Some(get) = get.and_then(|item| item.get.as_mut()) else {
                continue;
            };
            let parameters = get.parameters.get_or_insert_default();
            let mut add = |name: &str, kind: Type, what: &str| {
                let schema = ObjectBuilder::new().schema_type(kind).build();
                let parameter = ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Query)
                    .description(Some(what))
                    .schema(Some(schema));
                parameters.push(parameter.build());
            };
            add("page", Type::String, "A number from 1, or `last`");
            add(
                "page_size",
                Type::String,
                "Items of a page; cut to the setting",
            );
            if let Some(table) = table {
                describe(table, &mut add);
            }
        }
    }
}

fn describe(table: &Table, add: &mut impl FnMut(&str, Type, &str)) {
    for field in table.fields {
        for lookup in field.lookups {
            let name = field.parameter(*lookup);
            let list = *lookup == Lookup::In;
            let kind = match (field.kind, lookup) {
                (_, Lookup::IsNull) | (Kind::Bool, _) => Type::Boolean,
                (Kind::Integer | Kind::Epoch, _) if !list => Type::Number,
                _ => Type::String,
            };
            add(&name, kind, meaning(*lookup));
        }
    }
    add(
        "ordering",
        Type::String,
        "Fields with commas; `-` before one turns it round",
    );
    if !table.search.is_empty() {
        add("search", Type::String, "What some text holds, in any case");
        let what = "`full`, `count` (numbers instead of lists) or `none`";
        add("relations", Type::String, what);
    }
}

const fn meaning(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Exact => "Equal, byte by byte",
        Lookup::Lte => "At most",
        Lookup::Gte => "At least",
        Lookup::IsNull => "Whether it is null",
        Lookup::Contains => "Holds this text",
        Lookup::In => "One of these, with commas",
        Lookup::IContains => "Holds this text, in any case of ASCII",
        Lookup::StartsWith => "Begins with this text",
    }
}

struct Described {
    json: String,
    page: String,
}

fn described() -> &'static Described {
    static DESCRIBED: OnceLock<Described> = OnceLock::new();
    DESCRIBED.get_or_init(|| {
        let api = serde_json::to_value(Api::openapi()).unwrap_or_default();
        Described {
            json: api.to_string(),
            page: print(&api),
        }
    })
}

/// To where the API begins.
pub(super) async fn to_root() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FOUND;
    let root = HeaderValue::from_static("/github/");
    answer.headers_mut().insert(header::LOCATION, root);
    answer::told("page", Ok(answer))
}

/// The four resources.
pub(super) async fn root(Extension(links): Extension<Links>) -> Response<Body> {
    let map = json!({
        "developers": links.to("/github/developers/"),
        "repositories": links.to("/github/repositories/"),
        "rate_limit": links.to("/github/rate_limit/"),
        "tasks": links.to("/github/tasks/"),
    });
    answer::told("root", answer::ok(&map))
}

/// The description as JSON.
pub(super) async fn openapi() -> Response<Body> {
    let mut answer = Response::new(Body::from(described().json.as_str()));
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer::told("openapi", Ok(answer))
}

const HTML: &str = "text/html; charset=utf-8";

/// The description as a page to read.
pub(super) async fn reference() -> Response<Body> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    let page = answer::file(described().page.as_str(), HTML, policy);
    answer::told("redoc", Ok(page))
}

/// What Swagger's page may load: itself.
const SWAGGER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'";

/// Relative links of Swagger's files need the slash at the end.
const SWAGGER_PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
     <meta name=viewport content='width=device-width'><title>github-discovery: try it</title>\
     <link rel=stylesheet href=/github/swagger/swagger-ui.css><link rel=icon href=/github/swagger/favicon-32x32.png>\
     <div id=swagger-ui></div><script src=/github/swagger/swagger-ui-bundle.js></script>\
     <script src=/github/swagger/swagger-ui-standalone-preset.js></script>\
     <script src=/github/swagger/swagger-initializer.js></script></html>";

pub(super) async fn swagger() -> Response<Body> {
    let page = answer::file(SWAGGER_PAGE, HTML, SWAGGER_POLICY);
    answer::told("swagger", Ok(page))
}

/// A file of Swagger's page, out of this program.
pub(super) async fn swagger_file(Path(file): Path<String>) -> Response<Body> {
    let config = utoipa_swagger_ui::Config::from("/github/openapi.json");
    let outcome = match utoipa_swagger_ui::serve(&file, Arc::new(config)) {
        Ok(Some(found)) => {
            let mut answer = answer::file(found.bytes.into_owned(), HTML, SWAGGER_POLICY);
            match HeaderValue::try_from(found.content_type) {
                Ok(kind) => {
                    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                    Ok(answer)
                }
                Err(_) => Err(Problem::Broken("a file of Swagger's has no type")),
            }
        }
        Ok(None) => Err(Problem::NotFound),
        Err(_) => Err(Problem::Broken("Swagger's page cannot be made")),
    };
    answer::told("swagger", outcome)
}

/// What the pages look like: light and dark, wide and narrow.
pub(super) const STYLE: &str = include_str!("pages/style.css");

fn print(api: &Value) -> String {
    let info = prose(&api["info"]["description"]);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>github-discovery: interface</title><style>{STYLE}</style><main><h1>github-discovery</h1><p>{info}</p>\
         <p><a href=/github/openapi.json>openapi.json</a> · <a href=/github/swagger/>try it</a> · \
         <a href=/dashboard/>dashboard</a></p>"
    );
    for (path, operations) in api["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            print_operation(&mut page, method, path, operation);
        }
    }
    page.push_str("</main></html>");
    page
}

fn print_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    let (method, path) = (method.to_ascii_uppercase(), escaped(path));
    let summary = prose(&operation["summary"]);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<section><h2><code>{method} {path}</code></h2><p>{summary}</p>"
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|value| (prose(&value["name"]), prose(&value["description"])));
    rows(page, "Parameters", parameters.collect());
    let answers = operation["responses"].as_object().into_iter().flatten();
    let answers = answers.map(|(status, value)| (escaped(status), prose(&value["description"])));
    rows(page, "Answers", answers.collect());
    page.push_str("</section>");
}

/// What stands between backticks is code.
fn prose(text: &Value) -> String {
    let mut html = String::new();
    for (at, part) in text.as_str().unwrap_or_default().split('`').enumerate() {
        let part = escaped(part);
        html += &match at % 2 {
            0 => part,
            _ => format!("<code>{part}</code>"),
        };
    }
    html
}

fn rows(page: &mut String, title: &str, rows: Vec<(String, String)>) {
    if rows.is_empty() {
        return;
    }
    let long = rows.len() > 12;
    let count = rows.len();
    if long {
        let _ = write!(page, "<details><summary>{count} parameters</summary>");
    }
    let _ = write!(page, "<table><thead><tr><th colspan=2>{title}</thead>");
    for (name, what) in rows {
        let _ = write!(page, "<tr><th class=name><code>{name}</code><td>{what}");
    }
    page.push_str(if long {
        "</table></details>"
    } else {
        "</table>"
    });
}

/// Text as HTML or XML.
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
    fn every_route_and_every_filter_is_described_on_both_pages() {
        let api: Value = serde_json::from_str(&described().json).unwrap();
        for path in [
            "/github/developers/",
            "/github/developers/{id}/",
            "/github/repositories/",
            "/github/repositories/{id}/",
            "/github/rate_limit/",
            "/github/rate_limit/{id}/",
            "/github/tasks/",
            "/github/tasks/{id}/",
            "/github/queue/",
            "/github/dead_letters/",
            "/github/dead_letters/requeue/",
            "/github/dead_letters/{id}/requeue/",
            "/github/tokens/",
            "/github/graph/neighbors/{login}",
            "/github/graph/path",
            "/github/export",
            "/github/stats/",
            "/health/",
            "/metrics",
        ] {
            assert!(api["paths"][path].is_object(), "{path}");
            assert!(described().page.contains(path), "{path}");
        }
        let parameters = api["paths"]["/github/developers/"]["get"]["parameters"].to_string();
        for name in [
            "login__lte",
            "bio__isnull",
            "followers_count__in",
            "relations",
        ] {
            assert!(parameters.contains(&format!("\"{name}\"")), "{name}");
        }
        assert!(
            !described().page.contains("://"),
            "something is loaded from elsewhere"
        );
    }
}
