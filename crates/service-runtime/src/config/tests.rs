//! Layers of configuration and what goes wrong in them.

use super::*;
use crate::Secret;
use serde::Deserialize;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Gate {
    listen: String,
    public_url: Option<String>,
    drain_seconds: u64,
    rewrite: bool,
    redis: Redis,
    users: Vec<String>,
    weights: Vec<u16>,
    routes: Vec<Route>,
    retries: Option<u8>,
    mode: Mode,
}

impl Default for Gate {
    fn default() -> Self {
        Gate {
            listen: "127.0.0.1:8080".into(),
            public_url: None,
            drain_seconds: 30,
            rewrite: true,
            redis: Redis::default(),
            users: Vec::new(),
            weights: vec![1],
            routes: Vec::new(),
            retries: None,
            mode: Mode::InMemory,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Redis {
    primary: String,
    port: u16,
    password: Secret,
    tls: bool,
}

impl Default for Redis {
    fn default() -> Self {
        Redis {
            primary: "localhost".into(),
            port: 6379,
            password: Secret::default(),
            tls: false,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    r#match: String,
    #[serde(default)]
    token: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    InMemory,
    Redis,
}

const SPEC: Spec<'static> = Spec {
    prefix: "GATE_",
    aliases: &[
        Alias::text("GATE_URL", "public_url"),
        Alias::text("REDIS_PORT", "redis.port"),
        Alias::text("REDIS_PASSWORD", "redis.password"),
        Alias::text("REDIS_TOKEN", "redis.password"),
        Alias::switch("REDIS_SSL", "redis.tls"),
        Alias::list("USERS", "users"),
    ],
    secrets: &["redis.password", "routes.*.token"],
};

fn sources(file: &str, environment: &[(&str, &str)], flags: &[Flag]) -> Sources {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources {
        file: (!file.is_empty()).then(|| File {
            path: "gate.toml".into(),
            text: file.to_owned(),
        }),
        environment: environment.iter().map(pair).collect(),
        flags: flags.to_vec(),
    }
}

#[track_caller]
fn load(file: &str, environment: &[(&str, &str)]) -> Loaded<Gate> {
    match load_from(&SPEC, sources(file, environment, &[])) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refused(file: &str, environment: &[(&str, &str)], line: &str) {
    match load_from::<Gate>(&SPEC, sources(file, environment, &[])) {
        Ok(loaded) => panic!("accepted: {:?}", loaded.value),
        Err(error) => assert_eq!(error.to_string(), line),
    }
}

#[test]
fn nothing_given_means_the_defaults() {
    let loaded = load("", &[]);
    assert_eq!(loaded.value.listen, "127.0.0.1:8080");
    assert_eq!(loaded.value.redis.port, 6379);
    assert_eq!(loaded.provenance.of("redis.port"), Source::Default);
}

#[test]
fn later_layers_win_and_say_so() {
    let file = "listen = 'f'\ndrain_seconds = 1\n[redis]\nport = 1\nprimary = 'f'";
    let environment = [
        ("GATE_REDIS__PORT", "2"),
        ("GATE_DRAIN_SECONDS", "2"),
        ("REDIS_PORT", "3"),
    ];
    let flags = [Flag::given("--drain", "drain_seconds", Some("4"))];
    let flags: Vec<Flag> = flags.into_iter().flatten().collect();
    let loaded = load_from::<Gate>(&SPEC, sources(file, &environment, &flags)).unwrap();
    assert_eq!(loaded.value.listen, "f");
    assert_eq!(loaded.value.redis.primary, "f");
    assert_eq!(loaded.value.redis.port, 3);
    assert_eq!(loaded.value.drain_seconds, 4);
    let source = |key: &str| loaded.provenance.of(key).to_string();
    assert_eq!(source("listen"), "file gate.toml");
    assert_eq!(source("redis.port"), "env REDIS_PORT");
    assert_eq!(source("drain_seconds"), "flag --drain");
    assert_eq!(source("redis.tls"), "default");
}

#[test]
fn an_alias_is_taken_out_before_the_prefix_is_applied() {
    let loaded = load("", &[("GATE_URL", "http://gate")]);
    assert_eq!(loaded.value.public_url.as_deref(), Some("http://gate"));
}

#[test]
fn the_first_alias_of_a_key_wins_and_an_empty_one_is_not_set() {
    let both = [("REDIS_TOKEN", "second"), ("REDIS_PASSWORD", "first")];
    assert_eq!(load("", &both).value.redis.password.expose(), "first");
    let empty = [("REDIS_TOKEN", "second"), ("REDIS_PASSWORD", "")];
    assert_eq!(load("", &empty).value.redis.password.expose(), "second");
}

#[test]
fn an_empty_own_variable_is_an_empty_value() {
    assert_eq!(
        load("", &[("GATE_PUBLIC_URL", "")])
            .value
            .public_url
            .as_deref(),
        Some("")
    );
    assert!(
        load("users = ['a']", &[("GATE_USERS", "")])
            .value
            .users
            .is_empty()
    );
}

#[test]
fn text_is_read_as_the_type_of_its_key() {
    let environment = [
        // A password of digits stays a string.
        ("GATE_REDIS__PASSWORD", "12345"),
        ("GATE_REDIS__TLS", "true"),
        ("GATE_RETRIES", "7"),
        ("GATE_USERS", "ann, bob,1"),
        ("GATE_WEIGHTS", "[1, 2]"),
        ("GATE_MODE", "redis"),
        ("GATE_ROUTES", "[{ match = '/x' }]"),
    ];
    let value = load("", &environment).value;
    assert_eq!(value.redis.password.expose(), "12345");
    assert!(value.redis.tls);
    assert_eq!(value.retries, Some(7));
    assert_eq!(value.users, ["ann", "bob", "1"]);
    assert_eq!(value.weights, [1, 2]);
    assert_eq!(value.mode, Mode::Redis);
    assert_eq!(value.routes[0].r#match, "/x");
    assert_eq!(load("", &[("GATE_WEIGHTS", "3,4")]).value.weights, [3, 4]);
}

#[test]
fn a_broken_list_is_not_a_list_of_broken_words() {
    refused(
        "",
        &[("GATE_USERS", "[\"ann\", \"bob\"")],
        "users: expected a list, found \"[\\\"ann\\\", \\\"bob\\\"\" (env GATE_USERS)",
    );
    refused(
        "",
        &[("GATE_WEIGHTS", "1,x")],
        "weights: expected a list, found \"1,x\" (env GATE_WEIGHTS)",
    );
}

#[test]
fn aliases_read_what_the_old_program_read() {
    let value = load("", &[("REDIS_SSL", "True"), ("USERS", "ann:bob")]).value;
    assert!(value.redis.tls);
    assert_eq!(value.users, ["ann", "bob"]);
    refused(
        "",
        &[("REDIS_SSL", "maybe")],
        "redis.tls: expected True or False (env REDIS_SSL)",
    );
}

#[test]
fn unknown_keys_are_refused_in_every_layer() {
    refused(
        "[redis]\nprot = 1",
        &[],
        "unknown key redis.prot in gate.toml; did you mean redis.port?",
    );
    refused(
        "port = 1",
        &[],
        "unknown key port in gate.toml; did you mean redis.port?",
    );
    refused("zzzzzzzz = 1", &[], "unknown key zzzzzzzz in gate.toml");
    refused(
        "[[routes]]\nmatch = '/'\ntokn = 'x'",
        &[],
        "unknown key routes[0].tokn (file gate.toml); did you mean token?",
    );
    refused(
        "",
        &[("GATE_REDIS__PROT", "1")],
        "unknown environment variable GATE_REDIS__PROT; did you mean GATE_REDIS__PORT?",
    );
    let wrong = [Flag {
        name: "--x",
        key: "redis.prot",
        value: "1".into(),
    }];
    let error = load_from::<Gate>(&SPEC, sources("", &[], &wrong)).unwrap_err();
    let line = "unknown key redis.prot behind --x; did you mean redis.port?";
    assert_eq!(error.to_string(), line);
}

#[test]
fn wrong_values_name_key_source_and_expectation() {
    refused(
        "",
        &[("REDIS_PORT", "many")],
        "redis.port: expected a whole number from 0 to 65535, found \"many\" (env REDIS_PORT)",
    );
    refused(
        "[redis]\nport = 70000",
        &[],
        "redis.port: expected a whole number from 0 to 65535, found 70000 (file gate.toml)",
    );
    refused(
        "redis = 5",
        &[],
        "redis: expected a table, found 5 (file gate.toml)",
    );
    refused(
        "mode = 'redsi'",
        &[],
        "mode: expected one of in-memory, redis, found \"redsi\", did you mean redis? (file gate.toml)",
    );
    refused(
        "listen = \n",
        &[],
        "gate.toml, line 1, column 10: invalid string, expected `\"`, `'`",
    );
}

#[test]
fn a_secret_is_not_shown_when_it_is_wrong() {
    refused(
        "[redis]\npassword = 12345",
        &[],
        "redis.password: expected a string, found a number (file gate.toml)",
    );
}

#[test]
fn kubernetes_service_links_are_not_mistakes() {
    let links = [
        ("GATE_PORT", "tcp://10.0.0.1:80"),
        ("GATE_SERVICE_HOST", "10.0.0.1"),
    ];
    assert_eq!(load("", &links).value.listen, "127.0.0.1:8080");
}

#[test]
fn the_configuration_is_printed_with_sources_and_without_secrets() {
    let file = "[[routes]]\nmatch = '/a'\ntoken = 'hunter2'";
    let loaded = load(
        file,
        &[("REDIS_PASSWORD", "hunter2"), ("GATE_DRAIN_SECONDS", "5")],
    );
    let expected = "\
drain_seconds = 5  # from env GATE_DRAIN_SECONDS
listen = \"127.0.0.1:8080\"  # from default
mode = \"in-memory\"  # from default
# public_url is not set  # from default
redis.password = \"***\"  # from env REDIS_PASSWORD
redis.port = 6379  # from default
redis.primary = \"localhost\"  # from default
redis.tls = false  # from default
# retries is not set  # from default
rewrite = true  # from default
routes[0].match = \"/a\"  # from file gate.toml
routes[0].token = \"***\"  # from file gate.toml
users = []  # from default
weights = [1]  # from default
";
    assert_eq!(print_config(&SPEC, &loaded), expected);
}

#[test]
fn the_reference_covers_exactly_the_keys() {
    #[derive(Serialize, Default)]
    struct Small {
        listen: String,
        routes: Vec<Route>,
    }
    let doc = |key| KeyDoc {
        key,
        unit: "",
        meaning: "a | b",
    };
    let page = reference(
        &SPEC,
        &Small::default(),
        &[doc("listen"), doc("routes[].match")],
    );
    assert_eq!(
        page.unwrap(),
        "| key | default | unit | environment | meaning |\n\
         |---|---|---|---|---|\n\
         | `listen` | `\"\"` | - | `GATE_LISTEN` | a \\| b |\n\
         | `routes[].match` | - | - | - | a \\| b |\n"
    );
    let error = reference(&SPEC, &Small::default(), &[doc("listen"), doc("rotes")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "keys without documentation: routes; documented keys that do not exist: rotes"
    );
}

#[test]
fn a_default_secret_is_a_mistake_of_the_program() {
    #[derive(Serialize, Deserialize)]
    struct Leaky {
        admin: Secret,
    }
    impl Default for Leaky {
        fn default() -> Self {
            Leaky {
                admin: "admin".into(),
            }
        }
    }
    let error = load_from::<Leaky>(&Spec::default(), Sources::default())
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "the default of admin holds a secret");
}
