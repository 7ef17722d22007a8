//! nginx: one worker, as a cache that asks each time and as a plain proxy.
//!
//! nginx revalidates what has expired (`proxy_cache_revalidate`), and the shortest freshness that its own settings allow
//! is a second. To ask each time it has to be told by the upstream: `X-Accel-Expires: @1`. GitHub does not say that, and
//! says `private` and `Vary: Authorization`, which nginx does not store; so against GitHub it takes a second hop within
//! nginx that changes these headers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Certificate;
use crate::Fallible;
use crate::process::{Place, Program, free_address, installed};

/// One nginx with a listener for each role.
#[derive(Debug)]
pub struct Nginx {
    /// Master and worker.
    pub program: Program,
    /// A cache; whether it asks is the upstream's word.
    pub cache: SocketAddr,
    /// A cache behind which another hop makes GitHub's headers fit.
    pub two_hops: SocketAddr,
    /// No cache at all.
    pub plain: SocketAddr,
    /// The cache with TLS.
    pub tls: SocketAddr,
    /// The cache over HTTP/2 without TLS.
    pub http2: SocketAddr,
}

const CACHED: &str = "proxy_cache one; proxy_cache_revalidate on; \
    proxy_cache_key $request_uri$http_accept$http_authorization;";

impl Nginx {
    pub(super) async fn start(
        folder: &Path,
        upstream: SocketAddr,
        certificate: &Certificate,
    ) -> Fallible<Option<Self>> {
        let Some(program) = installed("nginx") else {
            return Ok(None);
        };
        let folder = folder.join("nginx");
        std::fs::create_dir_all(&folder)?;
        let here = folder.display();
        let [cache, two_hops, plain, tls, http2] = [
            free_address()?,
            free_address()?,
            free_address()?,
            free_address()?,
            free_address()?,
        ];
        let [cert, key] = certificate.files.each_ref().map(|file| file.display());
        let mut text = String::new();
        if nix_root() {
            // Its worker has to read what its master made.
            text.push_str("user root;\n");
        }
        write!(
            text,
            "daemon off; worker_processes 1; worker_rlimit_nofile 8192;\n\
             pid {here}/pid; error_log stderr crit;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n\
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600s;\n\
             client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c;\n\
             uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
             proxy_cache_path {here}/one levels=1:2 keys_zone=one:64m max_size=4g inactive=60m use_temp_path=off;\n\
             proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffers 8 16k;\n\
             upstream github {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s; }}\n\
             upstream hop {{ server unix:{here}/hop; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s; }}\n\
             server {{ listen {cache}; location / {{ proxy_pass http://github; {CACHED} }} }}\n\
             server {{ listen {http2} http2; location / {{ proxy_pass http://github; {CACHED} }} }}\n\
             server {{ listen {tls} ssl; ssl_certificate {cert}; ssl_certificate_key {key};\n\
             location / {{ proxy_pass http://github; {CACHED} }} }}\n\
             server {{ listen {two_hops}; location / {{ proxy_pass http://hop; {CACHED} }} }}\n\
             server {{ listen unix:{here}/hop; location / {{ proxy_pass http://github;\n\
             proxy_hide_header Cache-Control; proxy_hide_header Vary; add_header X-Accel-Expires @1; }} }}\n\
             server {{ listen {plain}; location / {{ proxy_pass http://github; }} }}\n\
             }}\n"
        )?;
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(&folder);
        let mut running = Program::start("nginx", &mut command, Place::Proxy)?;
        running.wait_for(plain).await?;
        Ok(Some(Self {
            program: running,
            cache,
            two_hops,
            plain,
            tls,
            http2,
        }))
    }
}

fn nix_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|user| user.stdout.trim_ascii() == b"0")
}
