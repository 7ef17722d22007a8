//! The least a cache on hyper does: one thread, a hash map, a stack of idle connections. It asks each time, or never
//! below `/repos/fresh/`, and knows nothing of callers, limits, failures or metrics.
//!
//! `bare-loop LISTEN UPSTREAM`. What a request costs here is hyper's and the system's part of what it costs in the
//! mirror; the benches run it beside the mirror.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Connection = SendRequest<Empty<Bytes>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = &arguments[..] else {
        return Err("bare-loop LISTEN UPSTREAM".into());
    };
    let listener = TcpListener::bind(listen).await?;
    let bare = Rc::new(Bare {
        upstream: upstream.clone(),
        ..Bare::default()
    });
    LocalSet::new().run_until(accept(listener, bare)).await
}

async fn accept(listener: TcpListener, bare: Rc<Bare>) -> Fallible<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let bare = Rc::clone(&bare);
        let service = service_fn(move |request| {
            let bare = Rc::clone(&bare);
            async move { bare.answer(request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        spawn_local(async move {
            if let Err(error) = connection.await {
                eprintln!("a client: {error}");
            }
        });
    }
}

#[derive(Default)]
struct Bare {
    upstream: String,
    stored: RefCell<HashMap<String, (HeaderMap, Bytes)>>,
    idle: RefCell<Vec<Connection>>,
}

impl Bare {
    async fn answer(&self, request: Request<Incoming>) -> Fallible<Response<Full<Bytes>>> {
        let path = request.uri().path();
        let known = self.stored.borrow().get(path).cloned();
        let (headers, body) = match known {
            None => self.fetch(path, request.headers()).await?,
            Some(fresh) if path.starts_with("/repos/fresh/") => fresh,
            Some(stale) => self.confirm(path, request.headers(), stale).await?,
        };
        let mut answer = Response::new(Full::new(body));
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    async fn fetch(&self, path: &str, asked: &HeaderMap) -> Fallible<(HeaderMap, Bytes)> {
        let mut connection = self.connection().await?;
        let answer = connection.send_request(request(path, asked, None)?).await?;
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        self.idle.borrow_mut().push(connection);
        parts.headers.remove(CONTENT_LENGTH);
        let stored = (parts.headers, body);
        let mut all = self.stored.borrow_mut();
        all.insert(path.to_owned(), stored.clone());
        Ok(stored)
    }

    async fn confirm(
        &self,
        path: &str,
        asked: &HeaderMap,
        (mut headers, body): (HeaderMap, Bytes),
    ) -> Fallible<(HeaderMap, Bytes)> {
        let mut connection = self.connection().await?;
        let request = request(path, asked, headers.get(ETAG))?;
        let answer = connection.send_request(request).await?;
        if answer.status() != StatusCode::NOT_MODIFIED {
            return Err(format!("{path}: {} instead of 304", answer.status()).into());
        }
        self.idle.borrow_mut().push(connection);
        let mut confirmed = answer.into_parts().0.headers;
        confirmed.remove(CONTENT_LENGTH);
        confirmed.remove(CONNECTION);
        headers.extend(confirmed);
        Ok((headers, body))
    }

    async fn connection(&self) -> Fallible<Connection> {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await?;
        Ok(connection)
    }

    async fn connect(&self) -> Fallible<Connection> {
        let stream = TcpStream::connect(&self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        spawn_local(async move {
            if let Err(error) = connection.await {
                eprintln!("the upstream: {error}");
            }
        });
        Ok(sender)
    }
}

/// The caller's request again, and whether what is known has changed.
fn request(
    path: &str,
    asked: &HeaderMap,
    tag: Option<&HeaderValue>,
) -> Fallible<Request<Empty<Bytes>>> {
    let mut request = Request::get(path).body(Empty::new())?;
    let headers = request.headers_mut();
    headers.extend(
        asked
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    if let Some(tag) = tag {
        headers.insert(IF_NONE_MATCH, tag.clone());
    }
    Ok(request)
}
