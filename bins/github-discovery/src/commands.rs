//! The commands that need no server.

use std::io::{BufRead, Write};

use discovery::{Config, Crawler, Ended, Exporter, Format, Store, Target, add_user};
use service_runtime::{Clock, Failure, SystemClock};

use crate::arguments::{Command, Sync, User};

pub(crate) async fn run(
    config: &Config,
    store: &Store,
    crawler: &Crawler,
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::Serve | Command::Worker => Ok(()),
        Command::Seed { logins } => {
            for id in crawler.seed(&logins).await.map_err(failed)? {
                println!("{id}");
            }
            Ok(())
        }
        Command::Sync { target } => sync(crawler, target).await,
        Command::Run { count } => {
            let count = count.unwrap_or(config.discovery.count);
            for (login, ended) in crawler.discover(count).await.map_err(failed)? {
                println!("{login}: {}", told(&ended));
            }
            Ok(())
        }
        Command::Status => {
            print!("{}", crawler.status().await.map_err(failed)?);
            Ok(())
        }
        Command::Dead { limit } => {
            print!("{}", crawler.dead_letters(limit).await.map_err(failed)?);
            Ok(())
        }
        Command::User { action } => add(store, action).await,
        Command::Export { format } => export(store, &format).await,
    }
}

async fn sync(crawler: &Crawler, target: Sync) -> Result<(), Failure> {
    let target = match target {
        Sync::User {
            login,
            dry_run: true,
        } => {
            let planned = crawler.dry_run(&login).await;
            println!("{}", planned.map_err(Failure::start)?);
            return Ok(());
        }
        Sync::User { login, .. } => Target::User(login),
        Sync::Repo { full_name } => match full_name.split_once('/') {
            Some((owner, name)) => Target::Repository {
                owner: owner.to_owned(),
                name: name.to_owned(),
            },
            None => return Err(Failure::usage("a repository is OWNER/NAME")),
        },
    };
    let ended = crawler.sync(target).await.map_err(failed)?;
    println!("{}", told(&ended));
    match ended.state {
        "done" => Ok(()),
        _ => Err(Failure::start("not synced")),
    }
}

fn told(ended: &Ended) -> String {
    let error = ended.error.as_deref();
    let error = error.map(|error| format!(": {error}")).unwrap_or_default();
    format!(
        "{}{error} ({} requests, {} of them not modified)",
        ended.state, ended.requests, ended.not_modified
    )
}

async fn add(store: &Store, action: User) -> Result<(), Failure> {
    let User::Add { login, .. } = action;
    let mut password = String::new();
    let read = std::io::stdin().lock().read_line(&mut password);
    read.map_err(|error| Failure::start("the password").because(error))?;
    let password = password.trim_end_matches(['\r', '\n']);
    let key = add_user(store, &login, password, SystemClock.now()).await;
    let key = key.map_err(|error| Failure::start("no user was added").because(error))?;
    println!("{key}");
    Ok(())
}

async fn export(store: &Store, format: &str) -> Result<(), Failure> {
    let Some(format) = Format::parse(format) else {
        return Err(Failure::usage("--format: jsonl, csv or graphml"));
    };
    let mut exporter = Exporter::new(store.clone(), format);
    let mut out = std::io::stdout().lock();
    while let Some(piece) = exporter.next_piece().await.map_err(failed)? {
        let written = out.write_all(piece.as_bytes());
        written.map_err(|error| Failure::start("standard output").because(error))?;
    }
    Ok(())
}

fn failed(error: discovery::StoreError) -> Failure {
    Failure::start("the database").because(error)
}
