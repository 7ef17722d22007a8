//! TLS from PEM files, which may be renewed while connections are open.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::ListenError;

/// The certificate of a listener, which can be renewed while it listens: connections that are open go on under the old
/// one, new handshakes get the new one. Clones share it.
#[derive(Clone)]
pub struct Certificate(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads a certificate chain and its private key.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, ListenError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let current = certified_key(&provider, certificate, key)?;
        Ok(Self(Arc::new(Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            current: RwLock::new(Arc::new(current)),
        })))
    }

    /// Reads the files again. When they are not usable, the certificate from before stays.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn reload(&self) -> Result<(), ListenError> {
        self.renewal()?.install();
        Ok(())
    }

    /// Reads the files again without using what is in them yet.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn renewal(&self) -> Result<Renewal, ListenError> {
        let files = &*self.0;
        let fresh = certified_key(&files.provider, &files.certificate, &files.key)?;
        Ok(Renewal {
            certificate: self.clone(),
            fresh: Arc::new(fresh),
        })
    }

    /// A server configuration that always offers the current certificate, with HTTP/2 and HTTP/1.1 (ALPN, RFC 7301).
    ///
    /// # Errors
    /// When the certificate's kind of key fits no protocol version.
    pub fn server_config(&self) -> Result<ServerConfig, ListenError> {
        let files = &*self.0;
        let mut configuration = ServerConfig::builder_with_provider(Arc::clone(&files.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&files.certificate, &files.key, &error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(configuration)
    }
}

/// What the files of a certificate hold now, ready to be used.
#[derive(Debug)]
pub struct Renewal {
    certificate: Certificate,
    fresh: Arc<CertifiedKey>,
}

impl Renewal {
    /// From now on new handshakes get it.
    pub fn install(self) {
        *self.certificate.0.current.write() = self.fresh;
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current.read()))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate")
            .field(&self.0.certificate)
            .finish()
    }
}

/// The configuration of a server whose certificate never changes; see [`Certificate`] for one that may.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn tls_from_files(certificate: &Path, key: &Path) -> Result<ServerConfig, ListenError> {
    Certificate::read(certificate, key)?.server_config()
}

fn certified_key(
    provider: &CryptoProvider,
    certificate: &Path,
    key: &Path,
) -> Result<CertifiedKey, ListenError> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("certificate", certificate, error))?;
    if chain.is_empty() {
        let what = format!(
            "certificate file {} holds no certificate",
            certificate.display()
        );
        return Err(ListenError::configuration(what, None));
    }
    let private_key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, error))?;
    CertifiedKey::from_der(chain, private_key, provider)
        .map_err(|error| refused(certificate, key, &error))
}

fn unreadable(role: &str, path: &Path, error: PemError) -> ListenError {
    let file = path.display();
    match error {
        PemError::Io(source) if source.kind() == io::ErrorKind::NotFound => {
            ListenError::configuration(format!("{role} file {file} does not exist"), None)
        }
        PemError::Io(source) => {
            ListenError::configuration(format!("cannot read {role} file {file}"), Some(source))
        }
        PemError::NoItemsFound => {
            ListenError::configuration(format!("{role} file {file} holds no PEM {role}"), None)
        }
        other => ListenError::configuration(format!("{role} file {file}: {other}"), None),
    }
}

fn refused(certificate: &Path, key: &Path, error: &rustls::Error) -> ListenError {
    let what = match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "key file {} does not belong to certificate file {}",
            key.display(),
            certificate.display()
        ),
        other => format!("certificate file {}: {other}", certificate.display()),
    };
    ListenError::configuration(what, None)
}
