//! The mirror as its users run it: the program, with its defaults, logging at `warn`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Certificate;
use crate::Fallible;
use crate::process::{Place, Program, free_address};

/// Where `cargo xtask bench` says the program is.
const VARIABLE: &str = "BENCH_GITHUB_MIRROR";

/// Where entries live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory; so many bytes.
    Memory(u64),
    /// In memory with compressed bodies; so many bytes.
    Packed(u64),
    /// In Redis at this address.
    Redis(String),
    /// In memory over Redis at this address.
    Tiered(String),
    /// In this file.
    Disk(PathBuf),
}

/// A mirror that runs.
#[derive(Debug)]
pub struct Mirror {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process until it listened.
    pub started_in: Duration,
}

/// The settings that differ between the mirrors of a bench.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Where entries live.
    pub store: Store,
    /// Further lines of the configuration's top level.
    pub lines: &'a str,
    /// Where it runs.
    pub place: Place,
    /// With TLS.
    pub tls: Option<&'a Certificate>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            store: Store::Memory(256 << 20),
            lines: "",
            place: Place::Proxy,
            tls: None,
        }
    }
}

/// The program to measure.
///
/// # Errors
/// When nobody says where it is.
pub fn program() -> Fallible<PathBuf> {
    let path = std::env::var_os(VARIABLE)
        .ok_or_else(|| format!("{VARIABLE} is not set: start with `cargo xtask bench`"))?;
    Ok(path.into())
}

/// Starts a mirror of `upstream`.
///
/// # Errors
/// When it does not start.
pub async fn start(
    name: &str,
    folder: &Path,
    upstream: SocketAddr,
    settings: &Settings<'_>,
) -> Fallible<Mirror> {
    let address = free_address()?;
    let mut text = format!(
        "listen = \"{address}\"\nupstream = \"http://{upstream}\"\n{}\n\
         [log]\nlevel = \"warn\"\n[status]\nurl = \"\"\n",
        settings.lines
    );
    match &settings.store {
        Store::Memory(bytes) => writeln!(text, "[cache]\nmax_bytes = {bytes}")?,
        Store::Packed(bytes) => writeln!(
            text,
            "[cache]\nmax_bytes = {bytes}\nmemory_compression = \"zstd\""
        )?,
        Store::Redis(primary) => writeln!(
            text,
            "[cache]\ntype = \"redis\"\n[redis]\nprimary = \"{primary}\"\nnamespace = \"{name}\""
        )?,
        Store::Tiered(primary) => writeln!(
            text,
            "[cache]\ntype = \"tiered\"\n[redis]\nprimary = \"{primary}\"\nnamespace = \"{name}\""
        )?,
        Store::Disk(file) => writeln!(
            text,
            "[cache]\ntype = \"disk\"\ndisk_path = \"{}\"",
            file.display()
        )?,
    }
    if let Some(certificate) = settings.tls {
        let [cert, key] = certificate.files.each_ref().map(|file| file.display());
        writeln!(text, "[tls]\ncert_file = \"{cert}\"\nkey_file = \"{key}\"")?;
    }
    text.push_str(
        "[[routes]]\nmatch = \"/repos/fresh/**\"\npolicy = \"ttl\"\nttl_seconds = 86400\n",
    );
    let file = folder.join(format!("{name}.toml"));
    std::fs::write(&file, text)?;
    let mut command = Command::new(program()?);
    command.arg("--config").arg(&file);
    let mut running = Program::start(name, &mut command, settings.place)?;
    let started_in = running.wait_for(address).await?;
    Ok(Mirror {
        program: running,
        address,
        started_in,
    })
}
