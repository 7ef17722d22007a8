//! What users run today, beside the mirror: throw-away processes with configurations of their own, in front of one
//! upstream. A program that is not installed is named as absent.

mod bare;
mod mirror;
mod nginx;
mod squid;
mod varnish;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::Fallible;
use crate::process::{Place, Program, free_address};
use crate::upstream;

pub use mirror::{Mirror, Settings, Store, program as mirror_program, start as start_mirror};
pub use nginx::Nginx;

/// Everything that is measured, running.
#[derive(Debug)]
pub struct Peers {
    /// The upstream, and where it is.
    pub upstream: (Program, SocketAddr),
    /// nginx, in all its roles.
    pub nginx: Option<Nginx>,
    /// Varnish.
    pub varnish: Option<Peer>,
    /// squid.
    pub squid: Option<Peer>,
    /// The least a cache on hyper does: what of the mirror's cost is not its own.
    pub bare: Option<Peer>,
    /// Programs that are not here.
    pub absent: Vec<&'static str>,
    /// A certificate for `localhost`, for whoever speaks TLS.
    pub certificate: Certificate,
}

/// One program with one address.
#[derive(Debug)]
pub struct Peer {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A certificate that the load trusts.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// PEM files.
    pub files: [std::path::PathBuf; 2],
    /// The client's side.
    pub client: Arc<rustls::ClientConfig>,
}

impl Certificate {
    fn new(folder: &Path) -> Fallible<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let files = [folder.join("cert.pem"), folder.join("key.pem")];
        std::fs::write(&files[0], made.cert.pem())?;
        std::fs::write(&files[1], made.signing_key.serialize_pem())?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            files,
            client: Arc::new(client),
        })
    }
}

impl Peers {
    /// Starts the upstream, and what is installed; configurations go into `folder`.
    ///
    /// # Errors
    /// When one that is installed does not start.
    pub async fn start(program: &Path, folder: &Path) -> Fallible<Self> {
        let certificate = Certificate::new(folder)?;
        let upstream = free_address()?;
        let mut running = Program::start(
            "upstream",
            &mut upstream::command(program, upstream),
            Place::Load,
        )?;
        running.wait_for(upstream).await?;
        let nginx = Nginx::start(folder, upstream, &certificate).await?;
        let varnish = varnish::start(folder, upstream).await?;
        let squid = squid::start(folder, upstream).await?;
        let bare = bare::start(upstream).await?;
        let found = [
            ("nginx", nginx.is_some()),
            ("Varnish", varnish.is_some()),
            ("squid", squid.is_some()),
            ("the bare loop", bare.is_some()),
        ];
        let absent = found
            .into_iter()
            .filter_map(|(name, here)| (!here).then_some(name))
            .collect();
        Ok(Self {
            upstream: (running, upstream),
            nginx,
            varnish,
            squid,
            bare,
            absent,
            certificate,
        })
    }
}
