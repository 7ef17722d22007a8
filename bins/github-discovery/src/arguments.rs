//! The command line of `github-discovery`.

use std::path::PathBuf;

use service_runtime::config::Flag;

/// The graph of GitHub developers and repositories, grown within the quota.
#[derive(Debug, clap::Parser)]
#[command(name = "github-discovery", version)]
pub(crate) struct Arguments {
    /// TOML file with settings; environment variables and flags win over it
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Show the settings and where each comes from, then exit
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
    /// Check the settings, then exit
    #[arg(long, global = true)]
    pub(crate) check_config: bool,
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    listen: Option<String>,
    /// GitHub's API [default: `https://api.github.com`]
    #[arg(long, value_name = "URL", global = true)]
    upstream: Option<String>,
    /// `sqlite:///abs/path`, a path or `postgres://` [default: github-discovery.db]
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
    /// Log lines as text or json [default: text]
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// Print docs/discovery-configuration.md, then exit
    #[arg(long, hide = true, global = true)]
    pub(crate) print_config_docs: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do; without one, serve.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Serve the API, and work
    Serve,
    /// Work, without an API
    Worker,
    /// Queue the full sync of developers
    Seed {
        #[arg(required = true, value_name = "LOGIN")]
        logins: Vec<String>,
    },
    /// Sync one developer or repository here and now
    Sync {
        #[command(subcommand)]
        target: Sync,
    },
    /// One run of discovery here and now
    Run {
        /// Developers to pick [default: discovery.count]
        #[arg(long)]
        count: Option<u32>,
    },
    /// What is stored and what is going on
    Status,
    /// The dead letters
    Dead {
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Who may use the API
    User {
        #[command(subcommand)]
        action: User,
    },
    /// Write everything to standard output
    Export {
        /// jsonl, csv or graphml
        #[arg(long, default_value = "jsonl")]
        format: String,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Sync {
    /// A developer with followers, followed, stars and repositories
    User {
        login: String,
        /// Only print the number of requests that it would make
        #[arg(long)]
        dry_run: bool,
    },
    /// A repository with its owner and stargazers
    Repo {
        #[arg(value_name = "OWNER/NAME")]
        full_name: String,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum User {
    /// Add a user; prints an API key once
    Add {
        login: String,
        /// Read the password from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

impl Arguments {
    /// The settings among the arguments.
    pub(crate) fn flags(&mut self) -> impl Iterator<Item = Flag> + use<> {
        let flags = [
            Flag::given("--listen", "listen", self.listen.take()),
            Flag::given("--upstream", "upstream", self.upstream.take()),
            Flag::given("--database-url", "database.url", self.database_url.take()),
            Flag::given("--log-format", "log.format", self.log_format.take()),
        ];
        flags.into_iter().flatten()
    }
}
