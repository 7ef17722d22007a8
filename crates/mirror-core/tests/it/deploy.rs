//! What operators are given in docs/: each metric documented, each query run by a real Prometheus, each setting known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use http::Method;
use mirror_core::Config;
use mirror_core::config::SPEC;
use serde_json::{Value, json};
use service_runtime::config::{Sources, load_from};
use test_servers::until;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::clients::provided;
use crate::rig::Rig;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

/// The words of a text that look like names of metrics of this program.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|symbol: char| !(symbol.is_ascii_alphanumeric() || symbol == '_'));
    let ours = |word: &&str| {
        ["github_mirror_", "process_"]
            .iter()
            .any(|prefix| word.len() > prefix.len() && word.starts_with(prefix))
            || ["http_request_total", "request_latency_seconds"].contains(word)
    };
    words.filter(ours).map(str::to_owned).collect()
}

/// Names that stand alone in string literals of the sources: those that instruments are made with.
fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![
        repository().join("crates/mirror-core/src"),
        repository().join("crates/service-runtime/src/metrics"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let literals = code.split('"').skip(1).step_by(2);
            for literal in literals {
                names.extend(
                    metric_names(literal)
                        .into_iter()
                        .filter(|name| name == literal),
                );
            }
        }
    }
    names
}

fn documented() -> BTreeSet<String> {
    let page = document("docs/operations.md");
    let section = page.split("\n## Metrics\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| metric_names(cell).into_iter().collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let (exported, documented) = (exported(), documented());
    assert!(exported.len() > 20, "{exported:?}");
    let missing: Vec<_> = exported.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    let gone: Vec<_> = documented.difference(&exported).collect();
    assert!(
        gone.is_empty(),
        "documented, but not in the sources: {gone:?}"
    );
}

/// Everything that can be asked of Prometheus: a place and an expression.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value =
        serde_json::from_str(&document("docs/deploy/grafana-dashboard.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*");
            assert!(
                !expression.contains('$'),
                "an unknown variable in {expression}"
            );
            queries.push((panel["title"].to_string(), expression));
        }
    }
    queries
}

#[test]
fn what_is_queried_exists() {
    let known = exported();
    let rules = document("docs/deploy/prometheus-rules.yml");
    let mut texts: Vec<_> = queries()
        .into_iter()
        .map(|(_, expression)| expression)
        .collect();
    texts.extend(
        rules
            .lines()
            .filter(|line| !line.contains("description:"))
            .map(str::to_owned),
    );
    let mut found = 0;
    for text in texts {
        for name in metric_names(&text) {
            let base = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|part| name.strip_suffix(part));
            let is_known = known.contains(&name) || base.is_some_and(|base| known.contains(base));
            assert!(is_known, "{name} in {text} is exported by nobody");
            found += 1;
        }
    }
    assert!(found > 30, "{found} names");
}

/// Traffic of most kinds, so that most series exist.
async fn traffic(rig: &Rig) {
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let (ann, ben) = (rig.sim.user_token("ann"), rig.sim.user_token("ben"));
    for token in [&ann, &ben, &ann] {
        rig.get("/repos/octo/hello", token).await;
    }
    rig.anonymous("/repos/octo/hello").await;
    rig.get("/repos/octo/none", &ann).await;
    rig.send(Method::GET, "/_mirror/nothing", &[], "").await;
}

/// Runs promtool with this text as its input.
async fn promtool(program: &Path, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    let Some(program) = provided("PROMTOOL") else {
        return;
    };
    let rig = Rig::new().await;
    traffic(&rig).await;
    let text = rig.mirror.metrics().render().unwrap();
    let (clean, said) = promtool(&program, &["check", "metrics"], &text).await;
    assert!(clean && said.trim().is_empty(), "{said}");
    let rules = repository().join("docs/deploy/prometheus-rules.yml");
    let (clean, said) = promtool(&program, &["check", "rules", rules.to_str().unwrap()], "").await;
    assert!(clean, "{said}");
}

/// A Prometheus that scrapes one mirror; it ends with its value.
struct Prometheus {
    url: String,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    async fn start(program: &Path, mirror: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = repository()
            .join("docs/deploy/prometheus-rules.yml")
            .canonicalize()
            .unwrap();
        let target = mirror.strip_prefix("http://").unwrap();
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "github-mirror", "static_configs": [{"targets": [target]}]}],
        });
        // JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config.to_string()).unwrap();
        let mut child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("Prometheus has ended");
            if line.contains("Listening on") {
                let rest = line.split("address=").nth(1).unwrap();
                break rest
                    .split_whitespace()
                    .next()
                    .unwrap()
                    .trim_matches('"')
                    .to_owned();
            }
        };
        // It must not be stopped by a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            url: format!("http://{address}"),
            _child: child,
            _folder: folder,
        }
    }

    /// `Null` while it is starting: then it answers with a line of text.
    async fn ask(&self, rig: &Rig, target: &str) -> Value {
        let reply = rig.send_to(&self.url, Method::GET, target, &[], "").await;
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    }

    async fn query(&self, rig: &Rig, expression: &str) -> Value {
        let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        self.ask(rig, &format!("/api/v1/query?query={query}")).await
    }
}

#[tokio::test]
async fn every_query_of_the_dashboard_and_the_alerts_runs() {
    let Some(program) = provided("PROMETHEUS") else {
        return;
    };
    let rig = Rig::new().await;
    traffic(&rig).await;
    let prometheus = Prometheus::start(&program, &rig.url).await;
    until("the mirror is scraped", async || {
        let answer = prometheus.query(&rig, "http_request_total").await;
        let series = answer["data"]["result"].as_array()?.len();
        (series > 0).then_some(())
    })
    .await;
    let mut answered = BTreeMap::new();
    for (place, expression) in queries() {
        let answer = prometheus.query(&rig, &expression).await;
        assert_eq!(
            answer["status"], "success",
            "{place}: {expression}: {answer}"
        );
        let series = answer["data"]["result"].as_array().unwrap().len();
        *answered.entry(place).or_insert(0) += series;
    }
    // Rates need two scrapes, gauges and counters one.
    for place in [
        "Quota left by credential",
        "Lowest quota left",
        "Memory and size of the cache",
    ] {
        assert!(
            answered[&format!("\"{place}\"")] > 0,
            "{place} shows nothing: {answered:?}"
        );
    }
    let rules = until("every rule is evaluated", async || {
        let answer = prometheus.ask(&rig, "/api/v1/rules").await;
        let rules = answer["data"]["groups"][0]["rules"].as_array()?.clone();
        let all = rules.iter().all(|rule| rule["health"] != "unknown");
        (all && !rules.is_empty()).then_some(rules)
    })
    .await;
    let count = document("docs/deploy/prometheus-rules.yml")
        .matches("- alert:")
        .count();
    assert_eq!(rules.len(), count);
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_eq!(
            rule["state"], "inactive",
            "a healthy mirror raises no alarm: {rule}"
        );
    }
}

/// The environment that a deployment file sets, as far as it concerns the mirror.
fn environment(file: &str) -> Vec<(String, String)> {
    let text = document(&format!("docs/deploy/{file}"));
    let ours = |name: &str| {
        name.starts_with("GITHUB_MIRROR_") || SPEC.aliases.iter().any(|alias| alias.name == name)
    };
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line
            .trim()
            .trim_start_matches("- ")
            .trim_start_matches("ENV ");
        let pair = match line.strip_prefix("{name: ") {
            Some(rest) => rest.trim_end_matches('}').split_once(", value: "),
            None => line.split_once('=').or_else(|| line.split_once(": ")),
        };
        if let Some((name, value)) = pair
            && ours(name)
        {
            let value = match value.starts_with("${") {
                true => "0123456789abcdef",
                false => value.trim_matches('"'),
            };
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    found
}

#[test]
fn the_settings_of_the_deployments_are_known() {
    for (file, least) in [("Dockerfile", 1), ("compose.yml", 4), ("kubernetes.yml", 4)] {
        let environment = environment(file);
        assert!(environment.len() >= least, "{file}: {environment:?}");
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        let loaded = load_from::<Config>(&SPEC, sources).map_err(|error| error.to_string());
        let config = loaded
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .value;
        config
            .check()
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let image = environment("Dockerfile");
    assert!(image.contains(&("GITHUB_MIRROR_LISTEN".to_owned(), "0.0.0.0:8080".to_owned())));
}
