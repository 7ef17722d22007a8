//! The command line of `github-events`.

use std::path::PathBuf;

use events_stats::Policy;
use service_runtime::Failure;
use service_runtime::config::Flag;
use service_runtime::program::ConfigurationArguments;

/// Activity of a few GitHub repositories: their events, and how far apart they are.
#[derive(Debug, clap::Parser)]
#[command(name = "github-events", version)]
pub(crate) struct Arguments {
    /// Address to listen on; wins over API_HOST [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR", global = true)]
    host: Option<String>,
    /// Port to listen on; wins over API_PORT [default: 8000]
    #[arg(long, value_name = "PORT", global = true)]
    port: Option<String>,
    /// GitHub's API; wins over GITHUB_API_URL [default: `https://api.github.com`]
    #[arg(long, value_name = "URL", global = true)]
    upstream: Option<String>,
    /// `postgres://...`, `sqlite:///abs/path` or a path; wins over DATABASE_URL [default: github-events.sqlite3]
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// How requests are spread: sqrt, average, fixed or budget; wins over POLICY [default: sqrt]
    #[arg(long, value_name = "POLICY", global = true)]
    policy: Option<String>,
    /// Requests per hour, all repositories together; wins over BUDGET [default: 150]
    #[arg(long, value_name = "REQUESTS", global = true)]
    budget: Option<String>,
    /// How many repositories may be polled; wins over MAX_ACTIVE [default: 5]
    #[arg(long, value_name = "COUNT", global = true)]
    max_active: Option<String>,
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Poll, and answer requests (what happens without a command)
    Serve,
    /// Watch repositories: all of them, or none
    Add {
        /// owner/name or urls
        #[arg(required = true, value_name = "REPOSITORY")]
        names: Vec<String>,
        /// Do not poll them
        #[arg(long)]
        inactive: bool,
    },
    /// Poll a repository from now on
    Activate {
        #[arg(value_name = "REPOSITORY")]
        name: String,
    },
    /// Poll a repository no more
    Deactivate {
        #[arg(value_name = "REPOSITORY")]
        name: String,
    },
    /// Show the watched repositories
    List {
        /// As the interface shows them
        #[arg(long)]
        json: bool,
    },
    /// Show how far apart events are
    Stats {
        /// One repository; all active ones without it
        #[arg(value_name = "REPOSITORY")]
        name: Option<String>,
        /// As the interface shows them
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// A line for each type
        #[arg(long)]
        csv: bool,
        /// Only this type; may be repeated
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        /// How many days back, other than the settings say
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
        /// The newest so many events, other than the settings say
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        max_events: Option<u32>,
    },
    /// Poll a repository now, if GitHub allows it
    Poll {
        #[arg(value_name = "REPOSITORY")]
        name: String,
    },
    /// Store past events of watched repositories
    Backfill {
        /// Files of GH Archive, plain or gzipped
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        gharchive: Vec<PathBuf>,
    },
    /// Compare policies on past events: requests, 304s, delays, events lost
    Simulate {
        /// A file of events, one JSON object a line
        #[arg(long, value_name = "FILE")]
        history: PathBuf,
    },
}

impl Arguments {
    /// The policies that `simulate` compares, all without `--policy`: they are taken, because a list is no setting.
    pub(crate) fn compared(&mut self) -> Result<Vec<Policy>, Failure> {
        let Some(text) = self.policy.take() else {
            return Ok(vec![
                Policy::Sqrt,
                Policy::Average,
                Policy::Fixed,
                Policy::Budget,
            ]);
        };
        let read = |word: &str| {
            Policy::read(word.trim())
                .ok_or_else(|| Failure::usage(format!("--policy: `{word}` is no policy")))
        };
        text.split(',').map(read).collect()
    }

    /// The settings among the arguments.
    pub(crate) fn flags(&mut self) -> impl Iterator<Item = Flag> + use<> {
        let flags = [
            Flag::given("--host", "host", self.host.take()),
            Flag::given("--port", "port", self.port.take()),
            Flag::given("--upstream", "upstream", self.upstream.take()),
            Flag::given("--database", "database.url", self.database.take()),
            Flag::given("--policy", "polling.policy", self.policy.take()),
            Flag::given("--budget", "polling.requests_per_hour", self.budget.take()),
            Flag::given("--max-active", "max_active", self.max_active.take()),
        ];
        flags.into_iter().flatten()
    }
}
