//! A Unix socket whose file comes and goes with the listener.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Owner and group may connect.
const MODE: u32 = 0o660;

#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    identity: Option<Identity>,
}

/// Which file the path pointed at when we made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

impl UnixSocket {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        Ok(UnixSocket {
            listener,
            path: path.to_owned(),
            identity: Identity::of(path),
        })
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // A successor may have taken the path over; its file is not ours to remove.
        if self.identity.is_some() && Identity::of(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket file that nothing listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("the path exists and is not a socket"));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Connected, or a full backlog, or no permission: somebody may be there.
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}
