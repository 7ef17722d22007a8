//! What a bench found: tables of numbers that are printed, kept under `target/bench` as JSON, and drawn by the report.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Fallible;
use crate::table::Table;

/// The results of one bench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Its name.
    pub bench: String,
    /// What it measures, in a sentence.
    pub about: String,
    /// The machine.
    pub machine: String,
    /// What to keep in mind when reading the numbers.
    pub notes: Vec<String>,
    /// The tables.
    pub sections: Vec<Section>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// What it is called by.
    pub key: String,
    /// What it is about.
    pub title: String,
    /// What the rows are.
    pub rows_are: String,
    /// The columns, with their units.
    pub columns: Vec<String>,
    /// Name and numbers.
    pub rows: Vec<Row>,
    /// How it is drawn.
    pub plot: Plot,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// A number for each column; none where there is nothing to tell.
    pub values: Vec<Option<f64>>,
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plot {
    /// Not at all.
    None,
    /// The first column as bars, one for each row.
    Bars,
    /// All columns over the rows' names, which are numbers.
    Lines,
}

impl Results {
    /// Nothing yet.
    pub fn new(bench: &str, about: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            about: about.to_owned(),
            machine: crate::effort::machine(),
            notes: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// A number by section, row and column.
    pub fn value(&self, section: &str, row: &str, column: &str) -> Option<f64> {
        let section = self.sections.iter().find(|found| found.key == section)?;
        section.value(row, column)
    }

    /// Prints the tables and [saves](Self::save) them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn publish(&self) -> Fallible<()> {
        println!("{} ({})", self.about, self.machine);
        for note in &self.notes {
            println!("{note}");
        }
        for section in &self.sections {
            println!("\n{}\n\n{}", section.title, section.table());
        }
        self.save()
    }

    /// Writes them where the report finds them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> Fallible<()> {
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.bench));
        std::fs::write(file, serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    /// Reads those of a bench; none when it has not run.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(bench: &str) -> Fallible<Option<Self>> {
        match std::fs::read_to_string(folder().join(format!("{bench}.json"))) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Section {
    /// A table without rows.
    pub fn new(key: &str, title: &str, rows_are: &str, columns: &[&str]) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            rows_are: rows_are.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            plot: Plot::None,
        }
    }

    /// The same, drawn.
    pub fn drawn(mut self, plot: Plot) -> Self {
        self.plot = plot;
        self
    }

    /// Adds a row.
    pub fn row(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = Option<f64>>) {
        let mut values: Vec<_> = values.into_iter().collect();
        values.resize(self.columns.len(), None);
        self.rows.push(Row {
            name: name.into(),
            values,
        });
    }

    /// A number by row and column.
    pub fn value(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.columns.iter().position(|found| found == column)?;
        let row = self.rows.iter().find(|found| found.name == row)?;
        row.values[column]
    }

    /// As it is printed.
    pub fn table(&self) -> Table {
        let head = std::iter::once(self.rows_are.clone()).chain(self.columns.clone());
        let mut table = Table::new(head);
        for row in &self.rows {
            let values = row
                .values
                .iter()
                .map(|value| value.map_or(String::new(), shown));
            table.row(std::iter::once(row.name.clone()).chain(values));
        }
        table
    }
}

/// Three digits that count, and no decimals where there are three before the point.
pub fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => grouped(value),
        10.0..100.0 => format!("{value:.1}"),
        0.1..10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// `12 345`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !shown.ends_with('-') {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

/// The middle of some numbers; of two in the middle the smaller.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len().checked_sub(1)? / 2;
    numbers.get(middle).copied()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_the_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (0.75, "0.75"),
            (24.96, "25.0"),
            (999.6, "1 000"),
            (40_123.0, "40 123"),
            (-1_234_567.0, "-1 234 567"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(1.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_value_is_found_by_its_names() {
        let mut results = Results::new("x", "");
        let mut section = Section::new("s", "", "", &["a", "b"]);
        section.row("r", [Some(1.0), Some(2.0)]);
        section.row("short", [Some(3.0)]);
        results.sections.push(section);
        assert_eq!(results.value("s", "r", "b"), Some(2.0));
        assert_eq!(results.value("s", "short", "b"), None);
        assert_eq!(results.value("s", "q", "b"), None);
        let text = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    }
}
