//! The mirror beside nginx, Varnish and squid, on real sockets: what a request costs in processor time, how many a
//! second, how long they take.
//!
//! Proxies run on one core, load and upstream on another, as processes of their own; all contestants of a scenario are
//! warmed alike and take turns in short rounds, so that whatever else the machine does hurts all of them alike. Each
//! figure is the median over the rounds; what a request costs beside nginx is the median of what it was in each round.
//! Processor time is that of the proxy's whole process tree; on a machine that does other things too it is the figure to
//! go by.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use benches::Fallible;
use benches::effort::Effort;
use benches::load::{Extent, Load, Names, Pace, Requests, Wire};
use benches::measure::{COLUMNS, TO_NGINX, medians, relative_cost, round};
use benches::peers::{Mirror, Peers, Settings, Store, start_mirror};
use benches::process::{Program, can_pin, pin_self};
use benches::results::{Plot, Results, Section};
use benches::upstream::{self, Mode};
use test_servers::{Plan, Programs, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments
        .iter()
        .position(|argument| argument == "--upstream")
    {
        return upstream::serve(arguments[at + 1].parse()?).await;
    }
    let effort = Effort::from_arguments();
    let only: Vec<&String> = arguments[1..]
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut results = Results::new(
        "end_to_end",
        "The mirror beside what users run today, over real sockets.",
    );
    if can_pin() {
        pin_self()?;
        results
            .notes
            .push("Proxies on core 1, load and upstream on core 0.".to_owned());
    } else {
        results
            .notes
            .push("taskset is not usable here: nothing is pinned.".to_owned());
    }
    let folder = tempfile::tempdir()?;
    let field = Field::start(folder.path()).await?;
    for absent in &field.peers.absent {
        println!("{absent} is not installed");
        results.notes.push(format!("{absent} was not installed."));
    }
    for scenario in field.scenarios() {
        if only.is_empty() || only.iter().any(|name| **name == scenario.key) {
            results.sections.push(scenario.run(&field, effort).await?);
        }
    }
    if only.is_empty() {
        results.save()?;
    }
    Ok(())
}

/// Everybody who takes part.
struct Field {
    peers: Peers,
    mirror: Mirror,
    /// Without rewriting urls: what the others do.
    verbatim: Mirror,
    tls: Mirror,
    redis: Option<(Server, Mirror)>,
}

impl Field {
    async fn start(folder: &Path) -> Fallible<Self> {
        let peers = Peers::start(&std::env::current_exe()?, folder).await?;
        let upstream = peers.upstream.1;
        let verbatim = Settings {
            lines: "rewrite_bodies = false",
            ..Settings::default()
        };
        let tls = Settings {
            tls: Some(&peers.certificate),
            ..verbatim.clone()
        };
        let redis = match Programs::redis() {
            None => None,
            Some(programs) => {
                let server = Plan::plain(&programs).start().await;
                let settings = Settings {
                    store: Store::Redis(server.address()),
                    ..verbatim.clone()
                };
                let mirror = start_mirror("mirror-redis", folder, upstream, &settings).await?;
                Some((server, mirror))
            }
        };
        Ok(Self {
            mirror: start_mirror("mirror", folder, upstream, &Settings::default()).await?,
            verbatim: start_mirror("mirror-verbatim", folder, upstream, &verbatim).await?,
            tls: start_mirror("mirror-tls", folder, upstream, &tls).await?,
            redis,
            peers,
        })
    }

    /// Our contestants: with everything that is on by default, and doing no more than the others.
    fn ours(&self, mode: Mode) -> Vec<Contestant<'_>> {
        vec![
            Contestant::of("github-mirror", &self.verbatim, mode),
            Contestant::of("github-mirror, urls rewritten", &self.mirror, mode),
        ]
    }

    fn nginx(&self, mode: Mode) -> Option<Contestant<'_>> {
        let nginx = self.peers.nginx.as_ref()?;
        Some(Contestant::new("nginx", &nginx.program, nginx.cache, mode))
    }

    fn nginx_two_hops(&self) -> Option<Contestant<'_>> {
        let nginx = self.peers.nginx.as_ref()?;
        let address = nginx.two_hops;
        Some(Contestant::new(
            "nginx, two hops",
            &nginx.program,
            address,
            Mode::Github,
        ))
    }

    fn nginx_plain(&self, mode: Mode) -> Option<Contestant<'_>> {
        let nginx = self.peers.nginx.as_ref()?;
        Some(Contestant::new(
            "nginx, no cache",
            &nginx.program,
            nginx.plain,
            mode,
        ))
    }

    fn others(&self, mode: Mode) -> impl Iterator<Item = Contestant<'_>> {
        let varnish = self.peers.varnish.as_ref();
        let varnish =
            varnish.map(move |peer| Contestant::new("Varnish", &peer.program, peer.address, mode));
        let squid = self.peers.squid.as_ref();
        let squid =
            squid.map(move |peer| Contestant::new("squid", &peer.program, peer.address, mode));
        varnish.into_iter().chain(squid)
    }

    /// Only where there is one token: it knows nothing of callers.
    fn bare(&self, mode: Mode) -> Option<Contestant<'_>> {
        let bare = self.peers.bare.as_ref()?;
        let name = "bare hyper loop";
        Some(Contestant::new(name, &bare.program, bare.address, mode))
    }

    fn stub(&self, mode: Mode) -> Contestant<'_> {
        let (program, address) = &self.peers.upstream;
        Contestant::new("the upstream itself", program, *address, mode)
    }

    fn scenarios(&self) -> Vec<Scenario<'_>> {
        let mut revalidated = self.ours(Mode::Github);
        revalidated.extend(self.nginx(Mode::Asked));
        revalidated.extend(self.nginx_two_hops());
        revalidated.extend(self.nginx_plain(Mode::Github));
        revalidated.extend(self.others(Mode::Asked));
        revalidated.extend(self.bare(Mode::Github));
        revalidated.push(self.stub(Mode::Github));
        let both = |ours: Mode, theirs: Mode| {
            let mut all = self.ours(ours);
            all.extend(self.nginx(theirs));
            all.extend(self.others(theirs));
            all
        };
        let pair = |ours: Mode, theirs: Mode| {
            let mut all = vec![Contestant::of("github-mirror", &self.verbatim, ours)];
            all.extend(self.nginx(theirs));
            all
        };
        let mut fresh = both(Mode::Fresh, Mode::Fresh);
        fresh.extend(self.bare(Mode::Fresh));
        let mut tls = vec![Contestant::of("github-mirror", &self.tls, Mode::Github)];
        let mut http2 = vec![Contestant::of(
            "github-mirror",
            &self.verbatim,
            Mode::Github,
        )];
        if let Some(nginx) = &self.peers.nginx {
            let role = |address| Contestant::new("nginx", &nginx.program, address, Mode::Asked);
            tls.push(role(nginx.tls));
            http2.push(role(nginx.http2));
        }
        let mut levels = vec![Contestant::of("in memory", &self.verbatim, Mode::Github)];
        if let Some((_, mirror)) = &self.redis {
            levels.push(Contestant::of("in Redis", mirror, Mode::Github));
        }
        let scenario = |key, title, names, connections, contestants| Scenario {
            key,
            title,
            names,
            connections,
            tokens: 1,
            pace: Pace::Closed,
            wire: Wire::Plain,
            contestants,
        };
        let many = pair(Mode::Github, Mode::Asked);
        vec![
            scenario(
                "revalidated",
                "Revalidated hit of 5 KB: every read asks the upstream and gets a 304; 16 connections",
                Names::Apart(16),
                16,
                revalidated,
            ),
            scenario(
                "fresh",
                "Fresh hit of 5 KB, nobody is asked; 16 connections",
                Names::Apart(16),
                16,
                fresh,
            ),
            scenario(
                "miss",
                "Miss: 5 KB that nobody asked for before, fetched and stored; 16 connections",
                Names::New(Arc::new(AtomicU64::new(1_000_000))),
                16,
                both(Mode::Github, Mode::Asked),
            ),
            Scenario {
                tokens: 20,
                ..scenario(
                    "tokens",
                    "64 clients with 20 tokens read the same 100 resources of 5 KB",
                    Names::Shared(100),
                    64,
                    both(Mode::Github, Mode::Asked),
                )
            },
            scenario(
                "large",
                "Revalidated hit of 1 MB; 4 connections",
                Names::Apart(4),
                4,
                both(Mode::Large, Mode::LargeAsked),
            ),
            Scenario {
                wire: Wire::Tls(Arc::clone(&self.peers.certificate.client)),
                ..scenario(
                    "tls",
                    "Revalidated hit of 5 KB over TLS; 16 connections",
                    Names::Apart(16),
                    16,
                    tls,
                )
            },
            Scenario {
                wire: Wire::Http2,
                ..scenario(
                    "http2",
                    "Revalidated hit of 5 KB over HTTP/2; 16 streams on one connection",
                    Names::Apart(16),
                    16,
                    http2,
                )
            },
            scenario(
                "redis",
                "Revalidated hit of 5 KB by where the mirror keeps it; 16 connections",
                Names::Apart(16),
                16,
                levels,
            ),
            scenario(
                "hot",
                "One hot key, upstream 20 ms away, one token; 256 connections",
                Names::One,
                256,
                pair(Mode::Slow, Mode::SlowAsked),
            ),
            // GitHub allows a credential 100 requests at a time, and the mirror keeps to it; others do not know of that.
            Scenario {
                tokens: 20,
                ..scenario(
                    "connections-16",
                    "Revalidated hit of 5 KB, 1024 resources, 20 tokens; 16 connections",
                    Names::Apart(64),
                    16,
                    many.clone(),
                )
            },
            Scenario {
                tokens: 20,
                ..scenario(
                    "connections-256",
                    "Revalidated hit of 5 KB, 1024 resources, 20 tokens; 256 connections",
                    Names::Apart(4),
                    256,
                    many.clone(),
                )
            },
            Scenario {
                pace: Pace::Open { per_second: 3000.0 },
                ..scenario(
                    "open",
                    "Revalidated hit of 5 KB, 3000 a second whatever the answers do; 16 connections",
                    Names::Apart(16),
                    16,
                    many,
                )
            },
        ]
    }
}

/// One who is measured.
#[derive(Clone)]
struct Contestant<'a> {
    name: &'static str,
    program: &'a Program,
    address: SocketAddr,
    mode: Mode,
}

impl<'a> Contestant<'a> {
    fn new(name: &'static str, program: &'a Program, address: SocketAddr, mode: Mode) -> Self {
        Self {
            name,
            program,
            address,
            mode,
        }
    }

    fn of(name: &'static str, mirror: &'a Mirror, mode: Mode) -> Self {
        Self::new(name, &mirror.program, mirror.address, mode)
    }
}

struct Scenario<'a> {
    key: &'static str,
    title: &'static str,
    names: Names,
    connections: usize,
    tokens: usize,
    pace: Pace,
    wire: Wire,
    contestants: Vec<Contestant<'a>>,
}

impl Scenario<'_> {
    async fn run(&self, field: &Field, effort: Effort) -> Fallible<Section> {
        let (rounds, time) =
            effort.choose((2, Duration::from_millis(400)), (9, Duration::from_secs(1)));
        let upstream = field.peers.upstream.1;
        for contestant in &self.contestants {
            self.warm(contestant).await?;
        }
        let mut samples = vec![Vec::new(); self.contestants.len()];
        for _ in 0..rounds {
            for (contestant, samples) in self.contestants.iter().zip(&mut samples) {
                let load = self.load(contestant, self.pace);
                let (program, address) = (contestant.program, contestant.address);
                let sample = round(program, address, &load, time, upstream).await;
                let named = |error| format!("{}, {}: {error}", self.key, contestant.name);
                samples.push(sample.map_err(named)?);
            }
        }
        let mut names = self.contestants.iter().map(|contestant| contestant.name);
        let nginx = names.position(|name| name == "nginx");
        let nginx = nginx.map(|nginx| &*samples[nginx]);
        let columns: Vec<_> = COLUMNS.into_iter().chain(nginx.map(|_| TO_NGINX)).collect();
        let mut section = Section::new(self.key, self.title, "proxy", &columns).drawn(Plot::Bars);
        for (contestant, samples) in self.contestants.iter().zip(&samples) {
            let relative = nginx.map(|nginx| relative_cost(samples, nginx));
            section.row(
                contestant.name,
                medians(samples).into_iter().chain(relative),
            );
            self.print(contestant.name, &section);
        }
        println!();
        Ok(section)
    }

    /// Everything is fetched once, and then asked for as it will be.
    async fn warm(&self, contestant: &Contestant<'_>) -> Fallible<()> {
        let load = self.load(contestant, Pace::Closed);
        let each = match self.names {
            Names::One | Names::New(_) => 8,
            Names::Apart(each) => 4 * each as u64,
            Names::Shared(all) => all as u64,
        };
        let warmed = load.run(contestant.address, Extent::Each(each)).await;
        let outcome =
            warmed.map_err(|error| format!("{}, {}: {error}", self.key, contestant.name))?;
        match outcome.others {
            0 => Ok(()),
            others => Err(format!("{}: {others} answers are no 200", contestant.name).into()),
        }
    }

    fn load(&self, contestant: &Contestant<'_>, pace: Pace) -> Load {
        Load {
            requests: Requests {
                folder: format!("/repos/{}/", contestant.mode.as_str()),
                names: self.names.clone(),
                tokens: self.tokens,
            },
            connections: self.connections,
            pace,
            wire: self.wire.clone(),
        }
    }

    /// One line for people.
    fn print(&self, name: &str, section: &Section) {
        let number = |column: &str| section.value(name, column).unwrap_or_default();
        let relative = section.value(name, TO_NGINX);
        let relative = relative.map_or(String::new(), |relative| format!("{relative:.2} of nginx"));
        println!(
            "{:<16} {name:<30} {:>7.1} us CPU {relative:>14} {:>8.0}/s   p50 {:>7.0} us   p99 {:>7.0} us   upstream {:.3}/request, {:.0}/s",
            self.key,
            number("CPU us/request"),
            number("requests/s"),
            number("p50 us"),
            number("p99 us"),
            number("upstream/request"),
            number("upstream/s"),
        );
    }
}
