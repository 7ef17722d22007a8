//! What operators are given in docs/deploy: each setting known, times that fit each other.

use std::path::{Path, PathBuf};

use read_cache::Config;
use read_cache::config::SPEC;
use service_runtime::config::{File, Sources, load_from};

fn document(name: &str) -> (PathBuf, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy");
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The value of a key of a systemd unit.
#[track_caller]
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let mut found = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.next_back().unwrap_or_else(|| panic!("no {key}="))
}

#[test]
fn the_settings_of_the_example_are_known_and_fit_the_unit() {
    let (path, text) = document("github-read-cache.toml");
    // Also those that an operator may take the comment sign from.
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(all.len() < text.len(), "some settings are comments");
    let (_, unit) = document("github-read-cache.service");
    for text in [text, all] {
        let file = File {
            path: path.clone(),
            text,
        };
        // What the unit's comment says is in the file of secrets.
        let environment = [
            ("GITHUB_API_TOKEN", "ghp_a,ghp_b"),
            ("CACHE_PASSWORD", "p"),
            ("ADMIN_TOKEN", "t"),
        ];
        for (name, _) in environment {
            assert!(unit.contains(&format!("{name}=")), "{name}");
        }
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let sources = Sources {
            file: Some(file),
            environment: environment.to_vec(),
            flags: Vec::new(),
        };
        let config = load_from::<Config>(&SPEC, sources)
            .unwrap_or_else(|error| panic!("{error}"))
            .value;
        config.check().unwrap();
        assert_eq!(config.tokens.expose(), "ghp_a,ghp_b");
        let stop: u64 = value(&unit, "TimeoutStopSec").parse().unwrap();
        assert!(stop > config.drain_seconds + config.drain_grace_seconds);
    }
    // Exit code of a wrong setting; readiness is notified.
    assert_eq!(value(&unit, "RestartPreventExitStatus"), "64");
    assert_eq!(value(&unit, "Type"), "notify");
    let start = value(&unit, "ExecStart");
    assert_eq!(
        start.split_once(" --config "),
        Some(("/usr/bin/github-read-cache", "/etc/github-read-cache.toml"))
    );
}

#[test]
fn the_socket_is_the_programs_own_address() {
    let (_, unit) = document("github-read-cache.socket");
    let config = Config::default();
    let address = std::net::SocketAddr::new(config.listen, config.port);
    assert_eq!(value(&unit, "ListenStream"), address.to_string());
}
