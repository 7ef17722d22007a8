//! The workspace as `cargo metadata` describes it, reduced to what the tasks ask about.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the workspace root, e.g. `crates/github-headers`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) binaries: Vec<String>,
    pub(crate) examples: Vec<String>,
    pub(crate) benches: Vec<String>,
    pub(crate) features: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    pub(crate) features: Vec<String>,
}

/// Whether a dependency is there without anybody asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    /// Only with a feature.
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Development,
    Build,
}

impl Workspace {
    /// Asks cargo; `--no-deps` reads the manifests only, so that no network is touched.
    pub(crate) fn load() -> Result<Self, String> {
        let mut command = process::cargo(&[
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ]);
        let text = process::output(&mut command)?;
        let json = serde_json::from_str(&text)
            .map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
        Self::parse(&json).ok_or_else(|| "cargo metadata has an unknown shape".to_owned())
    }

    fn parse(json: &Value) -> Option<Self> {
        let root = PathBuf::from(json["workspace_root"].as_str()?);
        let packages = json["packages"].as_array()?;
        Some(Self {
            target: PathBuf::from(json["target_directory"].as_str()?),
            packages: packages
                .iter()
                .map(|package| Package::parse(package, &root))
                .collect::<Option<_>>()?,
            root,
        })
    }

    /// Every file that is, or is about to be, under version control; relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<String>, String> {
        let mut command = std::process::Command::new("git");
        command.current_dir(&self.root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listing = process::output(&mut command)?;
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Reads a file of the repository.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Result<String, String> {
        let path = path.as_ref();
        std::fs::read_to_string(self.root.join(path))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    /// Where `cargo build` puts programs.
    pub(crate) fn debug_folder(&self) -> PathBuf {
        self.target.join("debug")
    }
}

impl Package {
    fn parse(json: &Value, root: &Path) -> Option<Self> {
        let folder = Path::new(json["manifest_path"].as_str()?).parent()?;
        let targets = json["targets"].as_array()?;
        let of_kind = |kind: &str| {
            let with_kind = |target: &&Value| {
                target["kind"]
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|found| found == kind))
            };
            targets
                .iter()
                .filter(with_kind)
                .filter_map(|target| target["name"].as_str().map(str::to_owned))
                .collect()
        };
        Some(Self {
            name: json["name"].as_str()?.to_owned(),
            folder: folder
                .strip_prefix(root)
                .unwrap_or(folder)
                .to_str()?
                .to_owned(),
            dependencies: json["dependencies"]
                .as_array()?
                .iter()
                .map(Dependency::parse)
                .collect::<Option<_>>()?,
            binaries: of_kind("bin"),
            examples: of_kind("example"),
            benches: of_kind("bench"),
            features: json["features"].as_object()?.keys().cloned().collect(),
        })
    }
}

impl Dependency {
    fn parse(json: &Value) -> Option<Self> {
        let features = json["features"].as_array()?;
        Some(Self {
            name: json["name"].as_str()?.to_owned(),
            kind: match json["kind"].as_str() {
                None => Kind::Normal,
                Some("dev") => Kind::Development,
                Some("build") => Kind::Build,
                Some(_) => return None,
            },
            presence: match json["optional"].as_bool() {
                Some(true) => Presence::Optional,
                _ => Presence::Always,
            },
            features: features
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_reduced_to_what_the_tasks_ask() {
        let json = serde_json::json!({
            "workspace_root": "/ws", "target_directory": "/ws/target",
            "packages": [{
                "name": "store", "manifest_path": "/ws/crates/store/Cargo.toml",
                "features": { "redis": [], "default": ["redis"] },
                "targets": [
                    { "name": "store", "kind": ["lib"] },
                    { "name": "custom", "kind": ["example"] },
                    { "name": "store-tool", "kind": ["bin"] },
                    { "name": "level", "kind": ["bench"] },
                ],
                "dependencies": [
                    { "name": "moka", "kind": null, "features": ["future"], "optional": true },
                    { "name": "tempfile", "kind": "dev", "features": [] },
                ],
            }],
        });
        let workspace = Workspace::parse(&json).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(package.folder, "crates/store");
        assert_eq!(package.binaries, ["store-tool"]);
        assert_eq!(package.examples, ["custom"]);
        assert_eq!(package.benches, ["level"]);
        // In the order of the map, which depends on what else serde_json was built with.
        let mut features = package.features.clone();
        features.sort();
        assert_eq!(features, ["default", "redis"]);
        assert_eq!(package.dependencies[0].features, ["future"]);
        assert_eq!(package.dependencies[0].presence, Presence::Optional);
        assert_eq!(package.dependencies[1].kind, Kind::Development);
        assert_eq!(package.dependencies[1].presence, Presence::Always);
    }

    #[test]
    fn an_unknown_dependency_kind_is_not_guessed() {
        let json = serde_json::json!({ "name": "x", "kind": "odd", "features": [] });
        assert_eq!(Dependency::parse(&json), None);
    }
}
