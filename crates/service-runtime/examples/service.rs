//! A whole service in one `main.rs`: everything that this crate is for, in the order of use.
//!
//! `cargo run -p service-runtime --example service` serves one request of its own making on a free port, drains and
//! ends; with `--listen 127.0.0.1:8080` it serves until SIGTERM.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde::{Deserialize, Serialize};
use service_runtime::config::{Alias, Flag, Spec, load, print_config};
use service_runtime::drain::ReadinessState;
use service_runtime::listener::{Limits, ListenAddress, Listener, serve};
use service_runtime::logs::{self, Access};
use service_runtime::{Clock, Drain, Failure, Metrics, Secret, Shutdown, SystemClock, exit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Debug, clap::Parser)]
struct Arguments {
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long)]
    listen: Option<String>,
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    listen: SocketAddr,
    drain_seconds: u64,
    log_format: logs::Format,
    token: Secret,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            drain_seconds: 30,
            log_format: logs::Format::Text,
            token: Secret::default(),
        }
    }
}

const SPEC: Spec<'static> = Spec {
    prefix: "EXAMPLE_",
    aliases: &[Alias::text("TOKEN", "token")],
    secrets: &["token"],
};

fn main() -> ExitCode {
    exit::run("service", || {
        let arguments: Arguments = exit::parse_arguments()?;
        let flags = [Flag::given("--listen", "listen", arguments.listen)];
        let settings = load::<Settings>(
            &SPEC,
            arguments.config.as_deref(),
            flags.into_iter().flatten(),
        )?;
        if arguments.print_config {
            print!("{}", print_config(&SPEC, &settings));
            return Ok(());
        }
        exit::runtime()?.block_on(run(settings.value))
    })
}

async fn run(settings: Settings) -> Result<(), Failure> {
    let start = |error| Failure::start("cannot start").because(error);
    let logs = logs::start(settings.log_format, "info")
        .map_err(|error| Failure::start("cannot start logging").because(error))?;
    let metrics = Metrics::new("example")
        .map_err(|error| Failure::start("cannot start metrics").because(error))?;
    let requests = metrics
        .counters::<()>("http_request_total", "Requests.")
        .bind(&());
    let listener = Listener::tcp(settings.listen)?;
    tracing::info!(address = %listener.address(), "listening");

    let shutdown = Shutdown::new();
    shutdown.follow_signals().map_err(start)?;
    if settings.listen.port() == 0 {
        tokio::spawn(demonstrate(listener.address(), shutdown.clone()));
    }
    let readiness = shutdown.readiness();
    readiness.set_ready();
    let limit = Duration::from_secs(settings.drain_seconds);
    let drain = Drain {
        shutdown,
        grace: Duration::ZERO,
        limit,
    };
    let access = logs.access_log();
    let service = move |_peer| {
        let (metrics, requests, readiness, access) = (
            metrics.clone(),
            requests.clone(),
            readiness.clone(),
            access.clone(),
        );
        service_fn(move |request: Request<Incoming>| {
            requests.add(1);
            let (method, url) = (request.method().as_str(), request.uri().path());
            access.write(&Access {
                at: SystemClock.now(),
                method,
                label: "OK",
                url: &url,
                extra: &[],
            });
            let (status, text) = match (request.uri().path(), readiness.state()) {
                ("/metrics", _) => (StatusCode::OK, metrics.render().unwrap_or_default()),
                ("/readyz", state @ ReadinessState::Draining) => {
                    (StatusCode::SERVICE_UNAVAILABLE, state.as_str().to_owned())
                }
                _ => (StatusCode::OK, "OK\n".to_owned()),
            };
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status;
            std::future::ready(Ok::<_, Infallible>(response))
        })
    };
    let report = serve(vec![listener], service, Limits::default(), drain).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}

/// Asks the service for its metrics, then asks it to stop.
async fn demonstrate(address: ListenAddress, shutdown: Shutdown) {
    let ListenAddress::Tcp(address) = address else {
        return;
    };
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    match asked.await {
        Ok(answer) => tracing::info!(lines = answer.lines().count(), "answered"),
        Err(error) => tracing::error!(%error, "no answer"),
    }
    shutdown.begin();
}
