//! Who may depend on whom, and who may use which crate, as docs/architecture.md draws it.

use super::Violation;
use crate::workspace::{Dependency, Kind, Package, Presence};

const SERVICES: [&str; 4] = ["mirror-core", "read-cache", "events-stats", "discovery"];

const BELOW_SERVICES: &[&str] = &[
    "github-upstream",
    "service-runtime",
    "service-database",
    "github-conditional",
    "cache-backends",
    "github-headers",
];

const SIMULATOR: &str = "github-sim";

/// What tests and benches start beside the simulator.
const TEST_SERVERS: &str = "test-servers";

/// What a package may use of this workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Only(&'static [&'static str]),
    Services,
    Everything,
    Unknown,
}

fn allowed(package: &Package) -> Allowed {
    let by_folder = package.folder.split('/').next().unwrap_or_default();
    match (by_folder, package.name.as_str()) {
        ("examples" | "benches" | "fuzz", _) => Allowed::Everything,
        ("bins", "github-sim-bin") => Allowed::Only(&[SIMULATOR, "service-runtime"]),
        ("bins", _) => Allowed::Services,
        (
            _,
            "xtask" | "github-headers" | "cache-backends" | "service-runtime" | "service-database"
            | TEST_SERVERS,
        ) => Allowed::Only(&[]),
        (_, "github-conditional") => Allowed::Only(&["cache-backends", "github-headers"]),
        (_, "github-upstream") => {
            Allowed::Only(&["github-conditional", "github-headers", "service-runtime"])
        }
        (_, SIMULATOR) => Allowed::Only(&["github-headers", "service-runtime"]),
        (_, name) if SERVICES.contains(&name) => Allowed::Only(BELOW_SERVICES),
        _ => Allowed::Unknown,
    }
}

impl Allowed {
    fn permits(self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&name),
            Self::Services => SERVICES.contains(&name) || name == "service-runtime",
            Self::Everything => true,
            Self::Unknown => false,
        }
    }
}

/// A crate of somebody else that belongs in few places.
struct Restricted {
    name: &'static str,
    /// Only these features are restricted; empty means any use.
    features: &'static [&'static str],
    owners: &'static [&'static str],
    /// Who may offer it behind a feature; see docs/decisions/0017-adapters-behind-features.md.
    adapters: &'static [&'static str],
    why: &'static str,
}

const STORES: &str = "where values live is the business of cache-backends";
const DOOR: &str = "github-upstream is the only door to api.github.com";
const FACES: &str = "only services and the simulator answer HTTP through a router";
const TABLES: &str = "only services that keep what they have found have a database and jobs";
const SETTINGS: &str = "configuration is read by service-runtime";

const ROUTERS: &[&str] = &[
    "mirror-core",
    "read-cache",
    "events-stats",
    "discovery",
    SIMULATOR,
];
const DATABASES: &[&str] = &["events-stats", "discovery", "service-database"];
const UPSTREAM: &[&str] = &["github-upstream"];
const CACHES: &[&str] = &["cache-backends"];
/// The library that others embed wraps their clients, and brings none along unasked.
const ADAPTERS: &[&str] = &["github-conditional"];

const RESTRICTED: &[Restricted] = &[
    Restricted {
        name: "moka",
        features: &[],
        owners: CACHES,
        adapters: &[],
        why: STORES,
    },
    Restricted {
        name: "fred",
        features: &[],
        owners: CACHES,
        adapters: &[],
        why: STORES,
    },
    Restricted {
        name: "redis",
        features: &[],
        owners: CACHES,
        adapters: &[],
        why: STORES,
    },
    Restricted {
        name: "hyper",
        features: &["client", "full"],
        owners: UPSTREAM,
        adapters: &[],
        why: DOOR,
    },
    Restricted {
        name: "hyper-util",
        features: &[
            "client",
            "client-legacy",
            "client-pool",
            "client-proxy",
            "full",
        ],
        owners: UPSTREAM,
        adapters: ADAPTERS,
        why: DOOR,
    },
    Restricted {
        name: "hyper-rustls",
        features: &[],
        owners: UPSTREAM,
        adapters: ADAPTERS,
        why: DOOR,
    },
    Restricted {
        name: "reqwest",
        features: &[],
        owners: &[],
        adapters: ADAPTERS,
        why: DOOR,
    },
    Restricted {
        name: "reqwest-middleware",
        features: &[],
        owners: &[],
        adapters: ADAPTERS,
        why: DOOR,
    },
    Restricted {
        name: "octocrab",
        features: &[],
        owners: &[],
        adapters: ADAPTERS,
        why: DOOR,
    },
    Restricted {
        name: "axum",
        features: &[],
        owners: ROUTERS,
        adapters: &[],
        why: FACES,
    },
    Restricted {
        name: "sqlx",
        features: &[],
        owners: DATABASES,
        adapters: &[],
        why: TABLES,
    },
    Restricted {
        name: "apalis",
        features: &[],
        owners: &["discovery"],
        adapters: &[],
        why: TABLES,
    },
    Restricted {
        name: "figment",
        features: &[],
        owners: &["service-runtime"],
        adapters: &[],
        why: SETTINGS,
    },
];

/// Checks one package; `manifest` is the text of its Cargo.toml, for line numbers.
pub(super) fn check(package: &Package, members: &[Package], manifest: &str) -> Vec<Violation> {
    let allowed = allowed(package);
    let mut violations = Vec::new();
    let mut report = |line, message| {
        let file = format!("{}/Cargo.toml", package.folder);
        violations.push(Violation {
            file,
            line,
            message,
        });
    };
    if allowed == Allowed::Unknown {
        let message = "this package has no place in docs/architecture.md: add it there and in xtask/src/walls/dependencies.rs";
        report(0, message.to_owned());
    }
    for dependency in &package.dependencies {
        let line = line_of(dependency, manifest);
        if members.iter().any(|member| member.name == dependency.name) {
            if !member_permitted(package, allowed, dependency) {
                report(
                    line,
                    format!("{} must not depend on {}", package.name, dependency.name),
                );
            }
        } else if allowed != Allowed::Everything
            && let Some(rule) = broken(package, dependency)
        {
            let what = match rule.features {
                [] => dependency.name.clone(),
                _ => format!("the client of {}", dependency.name),
            };
            report(
                line,
                format!("{} must not use {what}: {}", package.name, rule.why),
            );
        }
    }
    violations
}

/// Tests may start the simulator and other servers, and name their own crate to switch a feature on; otherwise they live inside the same
/// walls as the code that they test.
fn member_permitted(package: &Package, allowed: Allowed, dependency: &Dependency) -> bool {
    let only_in_tests = [SIMULATOR, TEST_SERVERS, package.name.as_str()];
    let only_in_tests = only_in_tests.contains(&dependency.name.as_str());
    (dependency.kind == Kind::Development && only_in_tests) || allowed.permits(&dependency.name)
}

fn broken(package: &Package, dependency: &Dependency) -> Option<&'static Restricted> {
    let owner = |rule: &Restricted| {
        let name = package.name.as_str();
        let adapts = dependency.presence == Presence::Optional && rule.adapters.contains(&name);
        adapts || rule.owners.contains(&name)
    };
    let touched = |rule: &Restricted| {
        rule.features.is_empty()
            || dependency
                .features
                .iter()
                .any(|feature| rule.features.contains(&feature.as_str()))
    };
    RESTRICTED
        .iter()
        .filter(|_| dependency.kind != Kind::Development)
        .find(|rule| rule.name == dependency.name && touched(rule) && !owner(rule))
}

/// Where the manifest names the dependency; 0 when it is spelled in a way that we do not look for.
fn line_of(dependency: &Dependency, manifest: &str) -> usize {
    let names_it = |line: &str| {
        line.trim_start()
            .strip_prefix(dependency.name.as_str())
            .is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    };
    manifest
        .lines()
        .position(names_it)
        .map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [&str; 13] = [
        "cache-backends",
        "discovery",
        "events-stats",
        "github-conditional",
        "github-headers",
        "github-mirror",
        "github-sim",
        "github-sim-bin",
        "github-upstream",
        "mirror-core",
        "read-cache",
        "service-runtime",
        "test-servers",
    ];

    fn package(folder: &str, dependencies: &[(&str, Kind, &[&str])]) -> Package {
        Package {
            name: match folder {
                "bins/github-sim" => "github-sim-bin".to_owned(),
                _ => folder.rsplit('/').next().unwrap().to_owned(),
            },
            folder: folder.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind, features)| Dependency {
                    name: (*name).to_owned(),
                    kind: *kind,
                    presence: Presence::Always,
                    features: features
                        .iter()
                        .map(|feature| (*feature).to_owned())
                        .collect(),
                })
                .collect(),
            ..Package::default()
        }
    }

    #[track_caller]
    fn check_one(folder: &str, dependency: (&str, Kind, &[&str]), expected: &str) {
        let members: Vec<Package> = MEMBERS
            .iter()
            .map(|name| package(&format!("crates/{name}"), &[]))
            .collect();
        let found = check(&package(folder, &[dependency]), &members, "");
        let messages: Vec<String> = found
            .into_iter()
            .map(|violation| violation.message)
            .collect();
        if expected.is_empty() {
            assert!(messages.is_empty(), "{messages:?}");
        } else {
            assert!(
                messages.iter().any(|message| message.contains(expected)),
                "{messages:?}"
            );
        }
    }

    const NORMAL: Kind = Kind::Normal;
    const DEVELOPMENT: Kind = Kind::Development;

    #[test]
    fn arrows_of_the_architecture_page_are_open() {
        for (from, to) in [
            ("bins/github-mirror", "mirror-core"),
            ("bins/github-mirror", "service-runtime"),
            ("bins/github-sim", "github-sim"),
            ("crates/mirror-core", "github-upstream"),
            ("crates/discovery", "cache-backends"),
            ("crates/github-upstream", "github-conditional"),
            ("crates/github-conditional", "cache-backends"),
            ("crates/github-sim", "github-headers"),
            ("examples/quickstart", "github-sim"),
            ("benches/peers", "mirror-core"),
        ] {
            check_one(from, (to, NORMAL, &[]), "");
        }
    }

    #[test]
    fn every_other_arrow_is_a_wall() {
        for (from, to) in [
            ("bins/github-mirror", "github-upstream"),
            ("bins/github-mirror", "github-sim"),
            ("bins/github-sim", "mirror-core"),
            ("crates/mirror-core", "read-cache"),
            ("crates/mirror-core", "github-sim"),
            ("crates/github-upstream", "mirror-core"),
            ("crates/github-upstream", "cache-backends"),
            ("crates/github-conditional", "github-upstream"),
            ("crates/cache-backends", "github-headers"),
            ("crates/github-headers", "cache-backends"),
            ("crates/service-runtime", "github-headers"),
            ("crates/github-sim", "github-conditional"),
            ("crates/test-servers", "cache-backends"),
            ("crates/mirror-core", "test-servers"),
        ] {
            check_one(from, (to, NORMAL, &[]), &format!("must not depend on {to}"));
            check_one(
                from,
                (to, Kind::Build, &[]),
                &format!("must not depend on {to}"),
            );
        }
    }

    #[test]
    fn tests_may_use_the_simulator_and_other_servers_and_nothing_else_beyond_the_walls() {
        check_one(
            "crates/github-conditional",
            ("github-sim", DEVELOPMENT, &[]),
            "",
        );
        check_one("crates/mirror-core", ("test-servers", DEVELOPMENT, &[]), "");
        check_one(
            "crates/cache-backends",
            ("cache-backends", DEVELOPMENT, &["conformance"]),
            "",
        );
        let beyond = ("mirror-core", DEVELOPMENT, &[][..]);
        check_one(
            "crates/github-conditional",
            beyond,
            "must not depend on mirror-core",
        );
    }

    #[test]
    fn a_package_without_a_place_is_reported() {
        check_one(
            "crates/newcomer",
            ("serde", NORMAL, &[]),
            "no place in docs/architecture.md",
        );
    }

    #[test]
    fn crates_of_others_stay_with_their_owners() {
        for (name, features, owner, stranger) in [
            (
                "moka",
                &[][..],
                "crates/cache-backends",
                "crates/mirror-core",
            ),
            ("fred", &[], "crates/cache-backends", "crates/read-cache"),
            ("redis", &[], "crates/cache-backends", "crates/read-cache"),
            (
                "hyper",
                &["client"],
                "crates/github-upstream",
                "crates/mirror-core",
            ),
            (
                "hyper-util",
                &["client-legacy"],
                "crates/github-upstream",
                "crates/github-sim",
            ),
            (
                "hyper-rustls",
                &[],
                "crates/github-upstream",
                "crates/service-runtime",
            ),
            ("axum", &[], "crates/mirror-core", "crates/service-runtime"),
            (
                "figment",
                &[],
                "crates/service-runtime",
                "crates/mirror-core",
            ),
        ] {
            check_one(owner, (name, NORMAL, features), "");
            check_one(stranger, (name, DEVELOPMENT, features), "");
            check_one("examples/quickstart", (name, NORMAL, features), "");
            check_one(stranger, (name, NORMAL, features), "must not use");
        }
        check_one(
            "crates/github-upstream",
            ("reqwest", NORMAL, &[]),
            "must not use reqwest",
        );
        check_one(
            "crates/github-upstream",
            ("octocrab", NORMAL, &[]),
            "must not use octocrab",
        );
        check_one(
            "crates/github-sim",
            ("hyper-util", NORMAL, &["server", "tokio"]),
            "",
        );
    }

    #[test]
    fn clients_are_offered_by_the_library_and_forced_on_nobody() {
        #[track_caller]
        fn adapts(folder: &str, name: &str, presence: Presence) -> bool {
            let mut package = package(folder, &[(name, NORMAL, &["client-legacy"])]);
            package.dependencies[0].presence = presence;
            check(&package, &[], "").is_empty()
        }
        for name in [
            "hyper-util",
            "hyper-rustls",
            "reqwest",
            "reqwest-middleware",
            "octocrab",
        ] {
            assert!(adapts(
                "crates/github-conditional",
                name,
                Presence::Optional
            ));
            assert!(!adapts("crates/github-conditional", name, Presence::Always));
            assert!(!adapts("crates/mirror-core", name, Presence::Optional));
        }
        assert!(!adapts(
            "crates/github-conditional",
            "axum",
            Presence::Optional
        ));
    }

    #[test]
    fn the_message_points_at_the_line() {
        let manifest = "[package]\nname = \"mirror-core\"\n\n[dependencies]\nmoka-like = \"1\"\nmoka.workspace = true\n";
        let found = check(
            &package("crates/mirror-core", &[("moka", NORMAL, &[])]),
            &[],
            manifest,
        );
        let shown = found[0].to_string();
        assert!(
            shown.starts_with("crates/mirror-core/Cargo.toml:6: mirror-core must not use moka"),
            "{shown}"
        );
    }
}
