//! The cache below octocrab.
//!
//! octocrab takes a service and layers from the inside out.
//! The cache belongs right around the HTTP client, below the layers that complete a request: it has to see the url, the
//! token and every other header that GitHub will see.
//! [`builder`] puts them in that order.

use std::sync::Arc;

use ::octocrab::service::middleware::auth_header::{AuthHeader, AuthHeaderLayer};
use ::octocrab::service::middleware::base_uri::{BaseUri, BaseUriLayer};
use ::octocrab::service::middleware::extra_headers::{ExtraHeaders, ExtraHeadersLayer};
use ::octocrab::{LayerReady, NoAuth, NoConfig, OctoBody, OctocrabBuilder};
use cache_backends::CacheStore;
use http::header::USER_AGENT;
use http::{HeaderValue, Uri};

use crate::entry::Entry;
use crate::service::{Conditional, ConditionalLayer};
use crate::wrapped::{HttpService, ReceivedBody};

/// The service below an octocrab that was made here.
pub type Stack<S, St> = AuthHeader<ExtraHeaders<BaseUri<Conditional<S, St>>>>;

/// What octocrab still wants to know: `.with_auth(AuthState)`, then `.build()`.
pub type Builder<S, St> = OctocrabBuilder<Stack<S, St>, NoConfig, NoAuth, LayerReady>;

/// An octocrab over `client`, with the cache of `layer` between them.
///
/// The API is at the layer's [`origin`](crate::Options::origin).
/// `authorization` is the header of every request; give `None` for anonymous ones, and where octocrab's `AuthState`
/// brings its own (an app, an installation).
/// octocrab's own defaults that a custom service goes without, its retries and redirects, are layers to be added with
/// `with_layer`.
///
/// ```
/// use github_conditional::{ConditionalLayer, hyper, octocrab::builder};
/// use octocrab::AuthState;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = ConditionalLayer::builder().build()?;
/// let token = "Bearer ghp_yours".parse()?;
/// let octocrab = builder(hyper::https_client()?, &layer, Some(token))?.with_auth(AuthState::None).build()?;
/// # let _: octocrab::Octocrab = octocrab;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the layer's origin is no url.
pub fn builder<S, St, B>(
    client: S,
    layer: &ConditionalLayer<St>,
    authorization: Option<HeaderValue>,
) -> Result<Builder<S, St>, http::uri::InvalidUri>
where
    S: HttpService<OctoBody, Body = B> + 'static,
    St: CacheStore<Entry>,
    B: ReceivedBody,
{
    let base: Uri = layer.origin().parse()?;
    let authorization = authorization.map(|mut value| {
        value.set_sensitive(true);
        value
    });
    let agent = HeaderValue::from_static("octocrab");
    Ok(OctocrabBuilder::new_empty()
        .with_service(client)
        .with_layer(layer)
        .with_layer(&BaseUriLayer::new(base.clone()))
        .with_layer(&ExtraHeadersLayer::new(Arc::new(vec![(USER_AGENT, agent)])))
        .with_layer(&AuthHeaderLayer::new(authorization, base.clone(), base)))
}
