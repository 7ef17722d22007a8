//! The proxies that the benches measure the mirror against, and valgrind; no test needs them.

use super::apt_install;
use crate::environment;

/// Debian's package for each program.
const RIVALS: [(&str, &str); 4] = [
    ("nginx", "nginx-light"),
    ("varnishd", "varnish"),
    ("squid", "squid"),
    ("valgrind", "valgrind"),
];

/// Where administrators' programs are, beside the path.
const PLACES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Installs what is missing where that can be done; a bench names as absent what is not here.
pub(crate) fn install() {
    let missing = || {
        let rivals = RIVALS.iter();
        let missing = rivals.filter(|(program, _)| !is_here(program));
        missing.map(|(_, package)| *package).collect::<Vec<_>>()
    };
    let packages = missing();
    if packages.is_empty() {
        return;
    }
    if let Err(message) = apt_install(&packages) {
        eprintln!("note: {message}");
    }
    for package in missing() {
        eprintln!("note: {package} is not here; the benches go on without it");
    }
}

fn is_here(program: &str) -> bool {
    environment::find_program(program).is_some()
        || PLACES
            .iter()
            .any(|place| std::path::Path::new(place).join(program).is_file())
}
