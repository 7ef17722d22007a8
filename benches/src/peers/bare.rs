//! The least a cache on hyper does, as a program of its own that is built as the mirror is.

use std::net::SocketAddr;
use std::process::Command;

use super::Peer;
use crate::Fallible;
use crate::process::{Place, Program, free_address};

/// Where `cargo xtask bench` says the program is.
const VARIABLE: &str = "BENCH_BARE_LOOP";

/// Starts it before `upstream`; none where nobody says where it is.
pub(super) async fn start(upstream: SocketAddr) -> Fallible<Option<Peer>> {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    let address = free_address()?;
    let mut command = Command::new(path);
    command.args([address, upstream].map(|address| address.to_string()));
    let mut program = Program::start("bare-loop", &mut command, Place::Proxy)?;
    program.wait_for(address).await?;
    Ok(Some(Peer { program, address }))
}
