//! Who may be served with the operator's own credentials: pure.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Method};
use service_runtime::listener::{Peer, PeerAddress, Reach};

/// The setting `credentials_for`, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    grants: Vec<Grant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Grant {
    /// This host: loopback and the Unix socket.
    SameHost,
    Anybody,
    Network(Network),
}

/// Addresses with a common beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// An entry that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("{0}: neither none, loopback, any, nor a network such as 10.0.0.0/8")]
    Unknown(String),
    #[error("none stands alone")]
    NoneAndOthers,
}

/// Whether a request is sent with a credential of the operator's, and why or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Usage {
    /// It is.
    Pooled,
    /// There are none.
    NoPool,
    /// It brings its own.
    OwnCredentials,
    /// Writes are done in nobody else's name.
    NotARead,
    /// The client is not one of those whom the operator allows.
    NotAllowed,
}

impl Usage {
    /// The word used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::NoPool => "no-pool",
            Self::OwnCredentials => "own-credentials",
            Self::NotARead => "not-a-read",
            Self::NotAllowed => "not-allowed",
        }
    }
}

impl Access {
    pub(crate) fn parse(entries: &[String]) -> Result<Self, AccessError> {
        let mut grants = Vec::new();
        for entry in entries {
            match entry.trim() {
                "none" if entries.len() == 1 => {}
                "none" => return Err(AccessError::NoneAndOthers),
                "loopback" => grants.push(Grant::SameHost),
                "any" => grants.push(Grant::Anybody),
                other => match Network::parse(other) {
                    Some(network) => grants.push(Grant::Network(network)),
                    None => return Err(AccessError::Unknown(other.to_owned())),
                },
            }
        }
        Ok(Self { grants })
    }

    pub(crate) fn covers(&self, peer: &Peer) -> bool {
        self.grants.iter().any(|grant| grant.covers(peer))
    }

    /// What a request may do. The peer is whoever connects: what a request says of its origin is not believed.
    pub(crate) fn usage(&self, method: &Method, headers: &HeaderMap, peer: Option<&Peer>) -> Usage {
        if headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE) {
            return Usage::OwnCredentials;
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Usage::NotARead;
        }
        match peer {
            Some(peer) if self.covers(peer) => Usage::Pooled,
            _ => Usage::NotAllowed,
        }
    }
}

impl Grant {
    fn covers(&self, peer: &Peer) -> bool {
        match self {
            Self::Anybody => true,
            Self::SameHost => peer.reach() == Reach::SameHost,
            Self::Network(network) => match peer.address {
                PeerAddress::Tcp(address) => network.contains(address.ip().to_canonical()),
                PeerAddress::Unix => false,
            },
        }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().ok()?
            }
            Some(_) => return None,
            None => longest,
        };
        (prefix <= longest).then_some(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differs = match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                // As if at the beginning of the longer form.
                u128::from(network.to_bits() ^ address.to_bits()) << 96
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => network.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differs.leading_zeros() >= self.prefix
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use service_runtime::listener::Transport;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer {
            address: match address {
                "unix" => PeerAddress::Unix,
                address => PeerAddress::Tcp((address.parse::<IpAddr>().unwrap(), 1).into()),
            },
            transport: Transport::Plain,
        }
    }

    fn access(entries: &[&str]) -> Access {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Access::parse(&entries).unwrap()
    }

    #[test]
    fn who_may() {
        #[track_caller]
        fn check(entries: &[&str], address: &str, expected: Usage) {
            let usage =
                access(entries).usage(&Method::GET, &HeaderMap::new(), Some(&peer(address)));
            assert_eq!(usage, expected, "{entries:?} {address}");
        }
        use Usage::{NotAllowed, Pooled};
        check(&[], "127.0.0.1", NotAllowed);
        check(&["none"], "127.0.0.1", NotAllowed);
        check(&["loopback"], "127.0.0.1", Pooled);
        check(&["loopback"], "::1", Pooled);
        check(&["loopback"], "::ffff:127.0.0.1", Pooled);
        check(&["loopback"], "unix", Pooled);
        check(&["loopback"], "192.0.2.1", NotAllowed);
        check(&["any"], "192.0.2.1", Pooled);
        check(&["10.0.0.0/8", "192.0.2.7"], "10.255.0.1", Pooled);
        check(&["10.0.0.0/8", "192.0.2.7"], "192.0.2.7", Pooled);
        check(&["10.0.0.0/8", "192.0.2.7"], "192.0.2.8", NotAllowed);
        check(&["10.0.0.0/8"], "::ffff:10.1.2.3", Pooled);
        check(&["10.0.0.0/8"], "11.0.0.1", NotAllowed);
        check(&["10.0.0.0/8"], "unix", NotAllowed);
        check(&["0.0.0.0/0"], "192.0.2.1", Pooled);
        check(&["0.0.0.0/0"], "2001:db8::1", NotAllowed);
        check(&["2001:db8::/32"], "2001:db8:ffff::1", Pooled);
        check(&["2001:db8::/32"], "2001:db9::1", NotAllowed);
    }

    #[test]
    fn whose_requests() {
        let peer = peer("127.0.0.1");
        let usage = |method: Method, header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(name) = header {
                headers.insert(name, HeaderValue::from_static("x"));
            }
            access(&["any"]).usage(&method, &headers, Some(&peer))
        };
        assert_eq!(usage(Method::GET, None), Usage::Pooled);
        assert_eq!(usage(Method::HEAD, None), Usage::Pooled);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(usage(method, None), Usage::NotARead);
        }
        for header in ["authorization", "cookie"] {
            assert_eq!(usage(Method::GET, Some(header)), Usage::OwnCredentials);
        }
        let unknown = access(&["any"]).usage(&Method::GET, &HeaderMap::new(), None);
        assert_eq!(unknown, Usage::NotAllowed);
    }

    #[test]
    fn wrong_entries_are_told() {
        for wrong in [
            &["everybody"][..],
            &["10.0.0.0/33"],
            &["10.0.0.0/+8"],
            &["10.0.0/8"],
            &["::/129"],
            &["none", "any"],
            &[""],
        ] {
            let entries: Vec<String> = wrong.iter().map(|entry| (*entry).to_owned()).collect();
            assert!(Access::parse(&entries).is_err(), "{wrong:?}");
        }
    }
}
