//! Tables of words from which names, titles and texts are made.

pub(crate) const ADJECTIVES: [&str; 24] = [
    "able", "brisk", "calm", "deft", "eager", "fleet", "gentle", "hardy", "idle", "jolly", "keen",
    "lucid", "mellow", "nimble", "open", "patient", "quiet", "rapid", "steady", "tidy", "upbeat",
    "vivid", "wise", "young",
];
pub(crate) const NOUNS: [&str; 24] = [
    "anchor", "beacon", "compass", "delta", "ember", "falcon", "garden", "harbor", "island",
    "jigsaw", "kettle", "lantern", "meadow", "needle", "orchard", "parcel", "quarry", "river",
    "signal", "timber", "unicorn", "valley", "willow", "zephyr",
];
pub(crate) const FIRST: [&str; 16] = [
    "Ada", "Bea", "Chen", "Dana", "Emil", "Fatima", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena",
    "Mona", "Noor", "Olga", "Pavel",
];
pub(crate) const LAST: [&str; 16] = [
    "Abara", "Berg", "Costa", "Dahl", "Evans", "Fischer", "Garcia", "Hopper", "Ito", "Jensen",
    "Kaya", "Lopez", "Moreau", "Novak", "Okafor", "Petrov",
];
pub(crate) const PLACES: [&str; 8] = [
    "Berlin",
    "Lisbon",
    "S\u{e3}o Paulo",
    "Nairobi",
    "Osaka",
    "Toronto",
    "Krak\u{f3}w",
    "San Francisco",
];
pub(crate) const COMPANIES: [&str; 6] = [
    "@octo-org",
    "Analytical Engines",
    "@github",
    "Lovelace & Co",
    "Freelance",
    "ACME",
];
pub(crate) const LANGUAGES: [&str; 8] = [
    "Rust",
    "Go",
    "Python",
    "JavaScript",
    "TypeScript",
    "Ruby",
    "Java",
    "C",
];
pub(crate) const TOPICS: [&str; 10] = [
    "api", "cache", "cli", "http", "library", "parser", "server", "storage", "tooling", "web",
];
pub(crate) const VERBS: [&str; 10] = [
    "Add", "Fix", "Remove", "Document", "Simplify", "Speed up", "Rename", "Test", "Harden",
    "Update",
];
pub(crate) const THINGS: [&str; 12] = [
    "the parser",
    "retry logic",
    "the cache key",
    "error messages",
    "the command line",
    "configuration loading",
    "the build script",
    "connection reuse",
    "log output",
    "the index",
    "shutdown",
    "the \"quoted\" path",
];
/// (name, colour, description, default)
pub(crate) const LABELS: [(&str, &str, &str, bool); 9] = [
    ("bug", "d73a4a", "Something isn't working", true),
    (
        "documentation",
        "0075ca",
        "Improvements or additions to documentation",
        true,
    ),
    (
        "duplicate",
        "cfd3d7",
        "This issue or pull request already exists",
        true,
    ),
    ("enhancement", "a2eeef", "New feature or request", true),
    ("good first issue", "7057ff", "Good for newcomers", true),
    ("help wanted", "008672", "Extra attention is needed", true),
    ("invalid", "e4e669", "This doesn't seem right", true),
    (
        "question",
        "d876e3",
        "Further information is requested",
        true,
    ),
    ("wontfix", "ffffff", "This will not be worked on", true),
];
/// (key, name, SPDX id)
pub(crate) const LICENSES: [(&str, &str, &str); 4] = [
    ("mit", "MIT License", "MIT"),
    ("apache-2.0", "Apache License 2.0", "Apache-2.0"),
    (
        "bsd-3-clause",
        "BSD 3-Clause \"New\" or \"Revised\" License",
        "BSD-3-Clause",
    ),
    ("gpl-3.0", "GNU General Public License v3.0", "GPL-3.0"),
];
