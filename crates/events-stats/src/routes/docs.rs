//! The interface described: OpenAPI as JSON, and an explorer that needs nothing from elsewhere.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::Path;
use http::{HeaderValue, Response, StatusCode, header};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

use super::answer::{Answer, json};
use super::{events, operation, poll, repositories, shapes, statistics, stream, webhook};
use crate::problem::Problem;

struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "github-events",
        description = "Activity of a few GitHub repositories, gathered with the fewest requests: their events as GitHub sent them, how far apart these are, and where some may be missing. A slash at the end of a path changes nothing."
    ),
    paths(
        repositories::list, repositories::add, repositories::active, repositories::one, repositories::remove,
        repositories::activate, repositories::deactivate, poll::poll, events::list, statistics::one,
        statistics::of_active, statistics::picture, stream::listen, webhook::receive, operation::health,
        operation::metrics,
    ),
    components(schemas(
        shapes::Wanted, shapes::OneOrMany,
        // Answers that several routes share do not bring their shapes along.
        shapes::ErrorObject, shapes::ParameterErrorObject,
    )),
    modifiers(&Keys)
)]
struct Api;

fn described() -> &'static utoipa::openapi::OpenApi {
    static DESCRIBED: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    DESCRIBED.get_or_init(Api::openapi)
}

/// The description as JSON.
pub(super) async fn openapi() -> Answer {
    json(StatusCode::OK, described())
}

/// Absolute addresses: the page is the same with and without a slash at its end.
const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content='width=device-width'><title>github-events: interface</title>\
<link rel=stylesheet href=/api/docs/swagger-ui.css><link rel=icon href=/api/docs/favicon-32x32.png>\
<div id=swagger-ui><noscript>The interface is described in <a href=/api/openapi.json>openapi.json</a>.</noscript></div>\
<script src=/api/docs/swagger-ui-bundle.js></script><script src=/api/docs/swagger-ui-standalone-preset.js></script>\
<script src=/api/docs/swagger-initializer.js></script></html>";

/// The explorer.
pub(super) async fn page() -> Response<Body> {
    let mut answer = Response::new(Body::from(PAGE));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'",
        ),
    );
    answer
}

/// One of the explorer's files.
pub(super) async fn file(Path(name): Path<String>) -> Answer {
    let config = Arc::new(Config::from("/api/openapi.json"));
    let found = utoipa_swagger_ui::serve(&name, config)
        .map_err(|_| Problem::Broken("the explorer cannot be shown"))?;
    // Its own start page would ask for addresses beside this one.
    let Some(file) = found.filter(|_| name != "index.html") else {
        return Err(Problem::NoSuchPage);
    };
    let mut answer = Response::new(Body::from(file.bytes.into_owned()));
    let kind = HeaderValue::try_from(file.content_type)
        .map_err(|_| Problem::Broken("the explorer cannot be shown"))?;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_interface_is_described() {
        let api = serde_json::to_value(described()).unwrap();
        let open = [
            "/",
            "/dashboard",
            "/page.js",
            "/api/docs",
            "/api/docs/{file}",
            "/api/openapi.json",
        ];
        for path in super::super::ROUTES {
            let described = api["paths"][path].is_object();
            assert_eq!(described, !open.contains(&path), "{path}");
        }
        assert_eq!(
            api["openapi"].as_str().unwrap().split('.').next(),
            Some("3")
        );
        assert!(api["components"]["securitySchemes"]["api_key"].is_object());
    }

    #[test]
    fn every_shape_that_is_named_is_described() {
        let api = serde_json::to_value(described()).unwrap();
        let text = api.to_string();
        let named = text.split("\"$ref\":\"#").skip(1);
        let named: Vec<&str> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(!named.is_empty());
        for pointer in named {
            assert!(api.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
