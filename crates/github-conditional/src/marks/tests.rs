//! Marks: what a write or an event covers, and what forgetting may not undo.

use std::time::UNIX_EPOCH;

use super::*;

const MAX_MARKS: usize = 8192;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[track_caller]
fn check(marks: &Marks, path: &str, expected: Option<SystemTime>) {
    let last = marks.last(path).map(|mark| mark.settled_at);
    assert_eq!(last, expected, "{path}");
}

#[test]
fn a_write_covers_itself_what_is_below_and_its_collection() {
    let marks = Marks::new(MAX_MARKS);
    check(&marks, "/repos/o/r", None);
    marks.mark("/repos/o/r/issues/5", at(1));
    check(&marks, "/repos/o/r/issues/5", Some(at(1)));
    check(&marks, "/repos/o/r/issues/5/comments", Some(at(1)));
    check(&marks, "/repos/o/r/issues", Some(at(1)));
    check(&marks, "/repos/o/r/issues/6", None);
    check(&marks, "/repos/o/r/issues/55", None);
    check(&marks, "/repos/o/r", None);
    marks.mark("/repos/o/r", at(2));
    check(&marks, "/repos/o/r/issues/5", Some(at(2)));
    check(&marks, "/repos/o/r2", None);
}

/// The names of owners and repositories ignore case, and a path may be written in more than one way.
#[test]
fn a_write_covers_every_spelling() {
    let marks = Marks::new(MAX_MARKS);
    marks.mark("/repos/Octo/Hello-World/issues/", at(1));
    check(&marks, "/repos/octo/hello-world/issues", Some(at(1)));
    check(&marks, "/repos/OCTO/%48ello-World/issues/5", Some(at(1)));
}

#[test]
fn a_write_by_name_covers_the_pages_by_number() {
    let marks = Marks::new(MAX_MARKS);
    marks.mark("/repos/o/r/issues/5", at(1));
    check(&marks, "/repositories/7/issues", Some(at(1)));
    check(&marks, "/repositories/7/issues/5/labels", Some(at(1)));
    check(&marks, "/repositories/7/pulls", None);
    marks.mark("/repositories/7/pulls", at(2));
    check(&marks, "/repos/o/r/pulls/3", Some(at(2)));
    check(&marks, "/repos/o/r/commits", None);
}

#[test]
fn a_path_with_a_star_is_no_pattern() {
    let marks = Marks::new(MAX_MARKS);
    marks.mark("/repos/*/*/issues", at(1));
    check(&marks, "/repos/o/r/issues", None);
    check(&marks, "/repos/*/*/issues", Some(at(1)));
}

#[test]
fn a_write_does_not_hide_that_an_event_has_not_settled() {
    let marks = Marks::new(MAX_MARKS);
    let event = ["/repos/o/r/issues/**".parse().unwrap()];
    marks.mark_patterns(&event, at(1), Duration::from_secs(10));
    check(&marks, "/repos/o/r/issues/5", Some(at(11)));
    marks.mark("/repos/o/r/issues/5", at(2));
    check(&marks, "/repos/o/r/issues/5", Some(at(11)));
    marks.mark("/repos/o/r/issues/5", at(12));
    check(&marks, "/repos/o/r/issues/5", Some(at(12)));
}

#[test]
fn writes_within_one_tick_are_told_apart() {
    let marks = Marks::new(MAX_MARKS);
    marks.mark("/user", at(1));
    let first = marks.last("/user").map(|mark| mark.sequence);
    marks.mark("/user", at(1));
    assert!(marks.last("/user").map(|mark| mark.sequence) > first);
}

#[test]
fn an_absurd_path_marks_everything_and_takes_no_room() {
    let marks = Marks::new(MAX_MARKS);
    marks.mark(&format!("/{}", "x".repeat(60_000)), at(3));
    assert_eq!(marks.state.read().marked, 0);
    check(&marks, "/repos/o/r", Some(at(3)));
}

#[test]
fn forgetting_never_unmarks() {
    let marks = Marks::new(MAX_MARKS);
    for number in 0..20_000_u64 {
        marks.mark(&format!("/repos/o/r{number}"), at(number + 1));
        assert!(marks.state.read().marked <= MAX_MARKS);
    }
    for number in [0, 1, 9_999, 15_000, 19_999] {
        let path = format!("/repos/o/r{number}");
        let marked = marks.last(&path).map(|mark| mark.settled_at);
        assert!(marked >= Some(at(number + 1)), "mark {number} was lost");
    }
}

#[test]
fn more_marks_than_there_is_room_for_mark_everything() {
    let marks = Marks::new(2);
    let event = ["/a", "/b", "/c"].map(|path| path.parse().unwrap());
    marks.mark_patterns(&event, at(1), Duration::ZERO);
    check(&marks, "/elsewhere", Some(at(1)));
}
