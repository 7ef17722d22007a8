//! The command line of `github-mirror`.

use service_runtime::config::Flag;
use service_runtime::program::ConfigurationArguments;

/// A drop-in GitHub API mirror: every GET becomes a conditional request, unchanged resources cost no quota.
#[derive(Debug, clap::Parser)]
#[command(name = "github-mirror", version)]
pub(crate) struct Arguments {
    /// Listen on this address [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Listen on this Unix socket as well
    #[arg(long, value_name = "PATH")]
    unix: Option<String>,
    /// The API behind the mirror [default: `https://api.github.com`]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// The mirror's own url, for rewritten links [default: from each request's Host]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// PEM certificate chain: speak TLS
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// PEM private key of --tls-cert
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Administer at this address only, instead of below /_mirror/ everywhere
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,
}

impl Arguments {
    /// The settings among the arguments.
    pub(crate) fn flags(&mut self) -> impl Iterator<Item = Flag> + use<> {
        let flags = [
            Flag::given("--listen", "listen", self.listen.take()),
            Flag::given("--unix", "unix", self.unix.take()),
            Flag::given("--upstream", "upstream", self.upstream.take()),
            Flag::given("--public-url", "public_url", self.public_url.take()),
            Flag::given("--tls-cert", "tls.cert_file", self.tls_cert.take()),
            Flag::given("--tls-key", "tls.key_file", self.tls_key.take()),
            Flag::given("--admin-listen", "admin.listen", self.admin_listen.take()),
        ];
        flags.into_iter().flatten()
    }
}
