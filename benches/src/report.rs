//! The report page: tables of all results, plots beside them, and how they stand against what is to be reached.

mod plot;
mod reach;

use std::fmt::Write as _;
use std::path::Path;

use crate::Fallible;
use crate::results::{Plot, Results, Section, shown};
use crate::table::Table;

pub use reach::{Standing, Verdict, standings};

/// The benches that the report is about, in its order.
pub const BENCHES: [&str; 11] = [
    "end_to_end",
    "quota_replay",
    "footprint",
    "scaling",
    "micro",
    "layer_overhead",
    "redis_level",
    "redis_faults",
    "read_cache",
    "events_store",
    "discovery_pages",
];

/// All results that are there.
///
/// # Errors
/// When a file is damaged.
pub fn load() -> Fallible<Vec<Results>> {
    let mut all = Vec::new();
    for bench in BENCHES {
        all.extend(Results::load(bench)?);
    }
    Ok(all)
}

/// Writes `docs/benchmarks/README.md` and its plots below `root`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path, all: &[Results]) -> Fallible<()> {
    let folder = root.join("docs/benchmarks");
    std::fs::create_dir_all(&folder)?;
    for results in all {
        for section in &results.sections {
            if let Some(picture) = plot::draw(section) {
                std::fs::write(folder.join(picture_name(results, section)), picture)?;
            }
        }
    }
    std::fs::write(folder.join("README.md"), page(all)?)?;
    Ok(())
}

fn page(all: &[Results]) -> Fallible<String> {
    let mut page = String::from(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; do not edit.\n\
         Every figure comes from a run in which the others were measured beside the mirror, in turns, on the same cores.\n\
         Absolute numbers belong to the machine; ratios travel better.\n\
         \n## What is to be reached\n\n\
         `cargo xtask bench --check` compares these and fails when one falls short.\n\n",
    );
    let mut table = Table::new(["figure", "measured", "at most", ""]);
    for standing in standings(all) {
        let measured = standing.measured.map_or("not measured".to_owned(), shown);
        let limit = standing.limit();
        table.row([
            standing.figure.to_owned(),
            measured,
            limit,
            standing.verdict().as_str().to_owned(),
        ]);
    }
    write!(page, "{table}")?;
    for results in all {
        write!(page, "\n## {}\n\n", results.bench)?;
        writeln!(page, "{}", results.about)?;
        writeln!(page, "Machine: {}.", results.machine)?;
        for note in &results.notes {
            writeln!(page, "{note}")?;
        }
        for section in &results.sections {
            write!(page, "\n### {}\n\n{}", section.title, section.table())?;
            if section.plot != Plot::None {
                let file = picture_name(results, section);
                write!(page, "\n![{}]({file})\n", section.title)?;
            }
        }
    }
    Ok(page)
}

fn picture_name(results: &Results, section: &Section) -> String {
    format!("{}-{}.svg", results.bench, section.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bench_is_reported() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
        let mut programs: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        programs.sort_unstable();
        let mut reported = BENCHES;
        reported.sort_unstable();
        assert_eq!(programs, reported);
    }

    #[test]
    fn a_page_has_tables_and_pictures() {
        let mut results = Results::new("end_to_end", "About it.");
        let mut section = Section::new("fresh", "Fresh hit", "proxy", &["CPU us/request"]);
        section.row("github-mirror", [Some(7.0)]);
        section.row("nginx", [Some(10.0)]);
        results.sections.push(section.drawn(Plot::Bars));
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[results]).unwrap();
        let page = std::fs::read_to_string(folder.path().join("docs/benchmarks/README.md"));
        let page = page.unwrap();
        assert!(
            page.contains("| nginx         |           10.0 |"),
            "{page}"
        );
        assert!(page.contains("(end_to_end-fresh.svg)"), "{page}");
        let picture = folder.path().join("docs/benchmarks/end_to_end-fresh.svg");
        assert!(
            std::fs::read_to_string(picture)
                .unwrap()
                .starts_with("<svg")
        );
    }
}
