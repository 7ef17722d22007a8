//! Paged lists as streams: follows `rel="next"`, and notices when the list changes under the reader's feet.
//!
//! GitHub divides a list anew for each request.
//! When an item is added or removed while the pages are read, everything behind it moves, and a reader who only
//! follows links sees an item twice or not at all.
//! What to do about it is [`Drift`].
//!
//! What is added is always noticed: it pushes an item onto the next page, where it comes a second time.
//! What is removed is noticed when it changes the number of pages ([`Drifted::LastMoved`]).

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use github_headers::{Links, RateLimit};
use http::{HeaderMap, Request, Uri};
use serde::de::DeserializeOwned;

use crate::fetch::{Limits, Whole, fetch};
use crate::outcome::Report;
use crate::read_error::ReadError;
use crate::wrapped::{HttpService, ReceivedBody};

mod list;
mod stream;
mod walk;

pub use stream::{Items, Pages};

/// What to do when the list changes while its pages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Drift {
    /// Go on: an item may come twice or not at all.
    Ignore,
    /// End with an error for which [`ReadError::is_drift`] is true. The default.
    Report,
    /// Begin again at the first page, at most so many times, then end with the error.
    ///
    /// Pages that have not changed cost an authorised caller nothing the second time.
    /// [`Items`] yields only what it has not yielded yet; [`Pages`] yields all pages of the new round
    /// ([`Page::round`]), and the reader drops those of the old one.
    Restart {
        /// Rounds beyond the first.
        at_most: u32,
    },
}

/// How the list was seen to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Drifted {
    /// An item came twice: something was added before it.
    Repeated,
    /// The number of pages changed, as told by pages that were fetched in this round. Confirmed ones tell an old number,
    /// because GitHub's tags do not cover it.
    LastMoved,
}

impl Drifted {
    /// The word used in errors and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "an item came twice",
            Self::LastMoved => "the number of pages changed",
        }
    }
}

/// Settings of a [`Paginator`]; every default works.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PageOptions {
    /// What to do when the list changes meanwhile. Default [`Drift::Report`].
    pub drift: Drift,
    /// Pages that are read in one round. Default 1000. A longer list ends with an error
    /// ([`ReadError::is_page_limit`]), so that part of a list never looks like all of it.
    pub max_pages: NonZeroU32,
    /// Bytes that one page may have. Default 16 MiB. A larger one is an error.
    pub max_page_bytes: usize,
    /// How long one page may take, body included. Default 60 s. After that it is an error.
    pub page_timeout: Duration,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            drift: Drift::Report,
            max_pages: const { NonZeroU32::new(1000).unwrap() },
            max_page_bytes: 16 << 20,
            page_timeout: Duration::from_secs(60),
        }
    }
}

/// Reads a paged list through any HTTP service, usually one that the layer wraps.
///
/// ```
/// use futures_util::TryStreamExt;
/// use github_conditional::pages::Paginator;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use bytes::Bytes;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // GitHub with two pages.
/// let github = tower::service_fn(|request: Request<Full<Bytes>>| async move {
///     let second = request.uri().query() == Some("page=2");
///     let answer = match second {
///         true => Response::new(Full::from("[{\"id\":3}]")),
///         false => Response::builder()
///             .header("link", "<https://api.github.com/list?page=2>; rel=\"next\"")
///             .body(Full::from("[{\"id\":1},{\"id\":2}]"))?,
///     };
///     Ok::<_, http::Error>(answer)
/// });
///
/// #[derive(serde::Deserialize)]
/// struct Item { id: u64 }
///
/// let request = Request::get("https://api.github.com/list").body(())?;
/// let items: Vec<Item> = Paginator::new(github, request).items().try_collect().await?;
/// assert_eq!(items.iter().map(|item| item.id).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
pub struct Paginator {
    ask: Ask,
    first: Uri,
    options: PageOptions,
}

/// Asks for one page.
pub(crate) type Ask = Arc<dyn Fn(Uri, PageOptions) -> Asking + Send + Sync>;
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Whole, ReadError>> + Send>>;

impl Paginator {
    /// For the list that begins at the url of `request`; its headers are sent for every page.
    pub fn new<S, ReqB, ResB>(service: S, request: Request<()>) -> Self
    where
        S: HttpService<ReqB, Body = ResB> + Sync + 'static,
        ReqB: Default + Send + 'static,
        ResB: ReceivedBody,
    {
        let (parts, ()) = request.into_parts();
        let headers = parts.headers;
        let ask = move |uri, options: PageOptions| -> Asking {
            let limits = Limits {
                max_body_bytes: options.max_page_bytes,
                timeout: options.page_timeout,
            };
            Box::pin(fetch(service.clone(), uri, headers.clone(), limits))
        };
        Self {
            ask: Arc::new(ask),
            first: parts.uri,
            options: PageOptions::default(),
        }
    }

    /// Settings. Default: [`PageOptions::default`].
    #[must_use]
    pub fn options(mut self, options: PageOptions) -> Self {
        self.options = options;
        self
    }

    /// What to do when the list changes meanwhile. Default: [`Drift::Report`].
    #[must_use]
    pub fn drift(mut self, drift: Drift) -> Self {
        self.options.drift = drift;
        self
    }

    /// Page by page.
    pub fn pages(self) -> Pages {
        Pages::new(self.ask, self.first, self.options)
    }

    /// Item by item.
    pub fn items<T: DeserializeOwned>(self) -> Items<T> {
        Items::new(self.pages())
    }
}

impl fmt::Debug for Paginator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paginator")
            .field("path", &self.first.path())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// One page of a list.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page {
    /// Counted from 1 within its round.
    pub number: u32,
    /// 0, and one more after each restart: a page of a new round takes the place of all pages of the old one.
    pub round: u32,
    /// GitHub's headers.
    pub headers: HeaderMap,
    /// How the answer was made, where the service is one that the layer wraps.
    pub report: Option<Report>,
    /// The body as GitHub sent it.
    pub body: Bytes,
}

impl Page {
    /// The items: those of the array, or of the only array in an object (`items` of a search, `workflow_runs`).
    ///
    /// # Errors
    /// When the page holds no list, or one of other items.
    pub fn items<T: DeserializeOwned>(&self) -> Result<Vec<T>, ReadError> {
        list::items(&self.body)?
            .into_iter()
            .map(|item| list::read(item.json))
            .collect()
    }

    /// The state of the caller's quota after this page, if GitHub told it.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::from_headers(&self.headers).ok().flatten()
    }
}

/// Where the list goes on: `rel="next"`, on the host that was asked.
fn next_of(headers: &HeaderMap, asked: &Uri) -> Result<(Option<Uri>, Links), ReadError> {
    use crate::read_error::Kind;
    let links = Links::from_headers(headers).map_err(|_| Kind::BadLink)?;
    let next = match links.find("next") {
        None => None,
        Some(target) => {
            let next: Uri = target.parse().map_err(|_| Kind::BadLink)?;
            let next = resolve(next, asked).ok_or(Kind::BadLink)?;
            // The token goes along with the next request.
            let same = next.authority() == asked.authority() && next.scheme() == asked.scheme();
            if !same && asked.authority().is_some() {
                return Err(Kind::ForeignLink.into());
            }
            Some(next)
        }
    };
    Ok((next, links))
}

fn resolve(next: Uri, asked: &Uri) -> Option<Uri> {
    if next.authority().is_some() {
        return Some(next);
    }
    let mut parts = next.into_parts();
    parts.scheme = asked.scheme().cloned();
    parts.authority = asked.authority().cloned();
    Uri::from_parts(parts).ok()
}
