//! How a process ends: one line on standard error that says why, and an exit code that says whose
//! fault it was.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::process::ExitCode;

use tokio::runtime::RuntimeFlavor;

/// Why the process ends before its work was done.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The caller asked only for text (`--help`, `--version`); it has been printed.
    Answered,
    Usage,
    Start,
}

impl Failure {
    /// Wrong arguments or configuration: nothing but a change by the operator helps. Exit code 64
    /// (`EX_USAGE` of sysexits), so that a supervisor can stop restarting.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A correct configuration that could not be put to work here and now (address in use, store
    /// not reachable). Exit code 1: a restart may help.
    pub fn start(message: impl Into<String>) -> Self {
        Self::new(Kind::Start, message)
    }

    /// Adds what lies below; its whole chain of causes becomes part of the line.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Answered => 0,
            Kind::Usage => 64,
            Kind::Start => 1,
        }
    }

    /// `message: cause: cause` on one line.
    pub fn line(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // An error whose Display already repeats its cause must not make the reader stutter.
            if !line.ends_with(&text) {
                write!(line, ": {text}").expect("writing to a string cannot fail");
            }
            cause = error.source();
        }
        line.replace(['\n', '\r'], " ")
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            source: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<crate::config::Error> for Failure {
    fn from(error: crate::config::Error) -> Self {
        Failure::usage("configuration").because(error)
    }
}

impl From<crate::listener::ListenError> for Failure {
    fn from(error: crate::listener::ListenError) -> Self {
        let failure = match error.fault() {
            crate::listener::Fault::Configuration => Failure::usage(error.to_string()),
            crate::listener::Fault::System => Failure::start(error.to_string()),
        };
        match error.into_source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// Runs the body of `main` and turns its end into an exit code, printing exactly one line
/// `name: message: cause` to standard error when it failed.
pub fn run(name: &str, main: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    match main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.kind != Kind::Answered {
                eprintln!("{name}: {}", failure.line());
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// How many tasks a lone thread runs before it looks at its sockets again.
const TASKS_BETWEEN_LOOKS: u32 = 16;

/// The async runtime of a service: as many threads as there are processors for this process.
///
/// Where there is one, tasks run on the thread that waits for them: nobody could steal them, so a second thread would
/// only be woken ([decision 22](../../../docs/decisions/0022-speed.md)). That thread looks at its sockets more often than
/// tokio's default of 61 tasks: what has arrived may be what everybody is about to wait for.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = match flavor(processors) {
        RuntimeFlavor::CurrentThread => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.event_interval(TASKS_BETWEEN_LOOKS);
            builder
        }
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::start("cannot start the async runtime").because(error))
}

fn flavor(processors: usize) -> RuntimeFlavor {
    match processors {
        0 | 1 => RuntimeFlavor::CurrentThread,
        _ => RuntimeFlavor::MultiThread,
    }
}

/// Reads the process arguments. `--help` and `--version` are answered here.
///
/// # Errors
/// A usage failure with the first line of clap's explanation; or the request to end with exit
/// code 0 after help or version was printed.
pub fn parse_arguments<A: clap::Parser>() -> Result<A, Failure> {
    parse_arguments_from(std::env::args_os())
}

fn parse_arguments_from<A: clap::Parser>(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<A, Failure> {
    A::try_parse_from(arguments).map_err(|error| {
        if !error.use_stderr() {
            // A closed pipe (`--help | head -1`) is no reason to complain.
            let _ = error.print();
            return Failure::new(Kind::Answered, "");
        }
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        Failure::usage(format!(
            "{} (see --help)",
            first.trim_start_matches("error: ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Arguments {
        #[arg(long)]
        listen: Option<String>,
    }

    #[test]
    fn one_processor_needs_one_thread() {
        assert_eq!(flavor(1), RuntimeFlavor::CurrentThread);
        assert_eq!(flavor(2), RuntimeFlavor::MultiThread);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    fn parse(arguments: &[&str]) -> Result<Arguments, Failure> {
        parse_arguments_from(arguments.iter().map(Into::into))
    }

    #[test]
    fn the_line_names_every_cause_once() {
        let failure = Failure::start("cannot open the store")
            .because(Outer(std::io::Error::other("disk\nfull")));
        assert_eq!(failure.line(), "cannot open the store: outer: disk full");
        assert_eq!(failure.exit_code(), 1);
        let repeated =
            Failure::start("cannot open: disk full").because(std::io::Error::other("disk full"));
        assert_eq!(repeated.line(), "cannot open: disk full");
    }

    #[test]
    fn wrong_arguments_are_a_usage_failure_on_one_line() {
        let failure = parse(&["name", "--lisen", "x"]).unwrap_err();
        assert_eq!(failure.exit_code(), 64);
        assert_eq!(
            failure.line(),
            "unexpected argument '--lisen' found (see --help)"
        );
        assert_eq!(
            parse(&["name", "--listen", "x"]).unwrap().listen.as_deref(),
            Some("x")
        );
    }

    #[test]
    fn help_ends_with_success() {
        assert_eq!(parse(&["name", "--help"]).unwrap_err().exit_code(), 0);
    }
}
