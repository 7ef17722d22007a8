//! Varnish: a microsecond of freshness, and objects that are kept to be asked about.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Peer;
use crate::Fallible;
use crate::process::{Place, Program, free_address, installed};

pub(super) async fn start(folder: &Path, upstream: SocketAddr) -> Fallible<Option<Peer>> {
    let Some(program) = installed("varnishd") else {
        return Ok(None);
    };
    let folder = folder.join("varnish");
    std::fs::create_dir_all(&folder)?;
    let address = free_address()?;
    let text = format!(
        "vcl 4.1;\n\
         backend github {{ .host = \"{}\"; .port = \"{}\"; }}\n\
         sub vcl_recv {{ return (hash); }}\n\
         sub vcl_hash {{ hash_data(req.url); hash_data(req.http.Accept); hash_data(req.http.Authorization); return (lookup); }}\n\
         sub vcl_backend_response {{\n\
           set beresp.grace = 0s;\n\
           set beresp.keep = 1h;\n\
           if (bereq.url ~ \"^/repos/fresh/\") {{ set beresp.ttl = 1d; }} else {{ set beresp.ttl = 0.001ms; }}\n\
           return (deliver);\n\
         }}\n",
        upstream.ip(),
        upstream.port()
    );
    let file = folder.join("bench.vcl");
    std::fs::write(&file, text)?;
    let mut command = Command::new(program);
    command
        .args(["-F", "-j", "none", "-s", "malloc,512m"])
        .args(["-p", "workspace_backend=128k", "-p", "http_max_hdr=128"])
        .args(["-a", &address.to_string()])
        .arg("-f")
        .arg(&file)
        .arg("-n")
        .arg(folder.join("work"));
    command.stderr(std::process::Stdio::null());
    let mut running = Program::start("varnishd", &mut command, Place::Proxy)?;
    running.wait_for(address).await?;
    Ok(Some(Peer {
        program: running,
        address,
    }))
}
