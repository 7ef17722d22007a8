//! squid as an accelerator: everything in memory, asked about each time because the upstream says so.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Peer;
use crate::Fallible;
use crate::process::{Place, Program, free_address, installed};

pub(super) async fn start(folder: &Path, upstream: SocketAddr) -> Fallible<Option<Peer>> {
    let Some(program) = installed("squid") else {
        return Ok(None);
    };
    let folder = folder.join("squid");
    std::fs::create_dir_all(&folder)?;
    let address = free_address()?;
    let text = format!(
        "http_port {address} accel defaultsite=github no-vhost\n\
         cache_peer {} parent {} 0 no-query originserver no-digest name=github login=PASSTHRU\n\
         cache_peer_access github allow all\n\
         http_access allow all\n\
         cache_mem 512 MB\nmaximum_object_size_in_memory 8 MB\nmemory_replacement_policy heap GDSF\n\
         access_log none\ncache_log /dev/null\ncache_store_log none\npid_filename none\nlogfile_rotate 0\n\
         coredump_dir {}\nvisible_hostname bench\nshutdown_lifetime 0 seconds\npinger_enable off\n\
         server_persistent_connections on\nclient_persistent_connections on\nvia off\nforwarded_for transparent\n",
        upstream.ip(),
        upstream.port(),
        folder.display()
    );
    let file = folder.join("squid.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new(program);
    command.args(["-N", "-f"]).arg(&file);
    command.stderr(std::process::Stdio::null());
    let mut running = Program::start("squid", &mut command, Place::Proxy)?;
    running.wait_for(address).await?;
    Ok(Some(Peer {
        program: running,
        address,
    }))
}
