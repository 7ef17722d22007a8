//! TLS from PEM files.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ListenError;

/// A server configuration from a certificate chain and its private key, offering HTTP/2 and
/// HTTP/1.1 (ALPN, RFC 7301).
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn tls_from_files(certificate: &Path, key: &Path) -> Result<ServerConfig, ListenError> {
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

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(certificate, key, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private_key)
        .map_err(|error| refused(certificate, key, &error))?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
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
