//! A request's way to the engine: on whose behalf it goes, and with whose credential.

use std::hash::{BuildHasher, Hash, Hasher};

use futures_util::TryFutureExt as _;
use futures_util::future::Either;
use github_conditional::{ConditionalBody, Error, Outcome, Report, Trouble};
use github_upstream::{ClientKey, OnBehalfOf, RequestBody, ResponseBody};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use service_runtime::listener::{Peer, PeerAddress};
use tower_service::Service;

use super::Exchange;
use crate::pool::{self, Usage};

type Answer = Response<ConditionalBody<ResponseBody>>;

/// Why the engine gave no answer.
pub(super) enum Unsent {
    Failed(Error),
    /// None of the operator's credentials can be had, or GitHub takes none of them.
    NoCredential,
}

impl Exchange {
    /// Sends a request through the engine.
    ///
    /// Written out, because an `async fn` would keep room for the request.
    pub(super) fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Answer, Unsent>> + Send {
        let shared = &*self.shared;
        // Nobody behind this asks for it, and without it the map of extensions need not grow for those who come.
        let peer = request.extensions_mut().remove::<Peer>();
        let usage = match request.body().is_end_stream() {
            true => shared
                .pool
                .usage(request.method(), request.headers(), peer.as_ref()),
            false => Usage::NotARead,
        };
        if usage != Usage::NoPool {
            shared.instruments.pacing.pool(usage);
        }
        let mut behalf = OnBehalfOf::default();
        behalf.client = client(peer);
        behalf.priority = shared
            .priorities
            .read()
            .of(request.uri().path(), peer.as_ref());
        request.extensions_mut().insert(behalf);
        match usage {
            // Boxed, because few mirrors have a pool, and the others should not carry room for it.
            Usage::Pooled => {
                Either::Left(Box::pin(self.send_pooled(request.into_parts().0, behalf)))
            }
            _ => {
                let answer = shared.engine.clone().call(request);
                Either::Right(answer.map_err(Unsent::Failed))
            }
        }
    }

    /// Tries the operator's credentials, the best first, until one is served. All are the operator's, so whoever may use one
    /// may be shown what is stored for another.
    async fn send_pooled(&self, parts: Parts, behalf: OnBehalfOf) -> Result<Answer, Unsent> {
        let shared = &*self.shared;
        let pool = shared.pool.credentials();
        let path = parts.uri.path();
        let mut choices = pool.choices(path, pool::stick(path));
        let mut second_best: Option<(Rank, Result<Answer, Error>)> = None;
        while let Some(lease) = pool.next(&mut choices).await {
            let mut parts = parts.clone();
            parts
                .headers
                .insert(AUTHORIZATION, lease.authorization.clone());
            let behalf = lease.on_behalf_of(behalf.client, behalf.priority);
            parts.extensions.insert(behalf);
            let request = Request::from_parts(parts, RequestBody::default());
            let mut result = shared.engine.clone().call(request).await;
            if let Ok(answer) = &mut result {
                pool::conceal(answer.headers_mut());
            }
            match Rank::of(&result) {
                Rank::Served => {
                    pool.served(&lease);
                    return result.map_err(Unsent::Failed);
                }
                // The client has sent nothing that could be bad.
                Rank::BadCredentials => pool.refused(&lease),
                rank if second_best.as_ref().is_none_or(|(best, _)| rank > *best) => {
                    second_best = Some((rank, result));
                }
                _ => {}
            }
        }
        match second_best {
            Some((_, result)) => result.map_err(Unsent::Failed),
            None => Err(Unsent::NoCredential),
        }
    }
}

/// What came of a credential, the better the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// GitHub does not take it.
    BadCredentials,
    /// A limit applies, and nothing is stored for it.
    Limited,
    /// A limit applies, and something is stored.
    Stale,
    /// An answer, or a failure that another credential would meet too.
    Served,
}

impl Rank {
    fn of(result: &Result<Answer, Error>) -> Self {
        let report = match result {
            Ok(answer) => answer.extensions().get::<Report>(),
            Err(error) => Some(error.report()),
        };
        match report.map(|report| (report.outcome, report.upstream_status)) {
            Some((_, Some(StatusCode::UNAUTHORIZED))) => Self::BadCredentials,
            Some((Outcome::Stale(Trouble::RateLimited), _)) => Self::Stale,
            Some((
                Outcome::Refused(Trouble::RateLimited) | Outcome::Failed(Trouble::RateLimited),
                _,
            )) => Self::Limited,
            _ => Self::Served,
        }
    }
}

/// Who shares a credential fairly with others: the host that connects, whatever number of connections it makes.
fn client(peer: Option<Peer>) -> ClientKey {
    let Some(peer) = peer else {
        return ClientKey::default();
    };
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    match peer.address {
        PeerAddress::Tcp(address) => address.ip().to_canonical().hash(&mut hasher),
        PeerAddress::Unix => "unix".hash(&mut hasher),
    }
    ClientKey(hasher.finish())
}
