//! A book shown, compared with another one and looked after.

use super::*;

fn checked(row: RowText, date: &str) -> RowText {
    RowText { checked: Some(text(date)), ..row }
}

#[test]
fn a_view_says_what_the_row_says() {
    let tier = TierText { over: Some(100), scale_input: Some(text("2")), ..TierText::default() };
    let row = RowText {
        context: vec![tier],
        when: vec![scale("class batch|flex", "0.5")],
        ..checked(row("2026-01-01", ""), "2026-11-24")
    };
    let rates =
        vec![(w(Meter::Input), w(Figure::Number("1".into()))), (w(Meter::CacheWrite), w(Figure::Text("input".into())))];
    let mut one = model("m", vec![RowText { rates, ..row }]);
    one.aliases = vec![text("m-one")];
    one.patterns = vec![text(r"m-\d{8}")];
    let book = good(vec![file(vec![one])]);
    let view = book.view("acme", "m-20261124", at("2026-06-01")).expect("the pattern matches");
    assert_eq!(
        (view.id.as_str(), view.aliases.as_slice(), view.patterns[0].as_str()),
        ("m", &["m-one".to_owned()][..], r"m-\d{8}")
    );
    let row = view.row_at(at("2026-06-01")).expect("a row");
    assert_eq!(row.rates[&Meter::Input], "1 / 1M tokens");
    assert_eq!(row.rates[&Meter::CacheWrite], "input");
    assert_eq!((row.context[0].over, row.context[0].scale_input.as_deref()), (Some(100), Some("2")));
    assert_eq!(row.when[0].on["class"], ["batch", "flex"]);
    assert!(view.row_at(at("2025-06-01")).is_none());
    assert_eq!(book.view("acme", "m-", at("2026-06-01")), None);
}

#[test]
fn a_difference_names_meters_and_per_cent() {
    let book = |rows| good(vec![file(vec![model("m", rows)])]);
    let old = book(vec![row("2026-01-01", "input 5, output 30")]);
    assert_eq!(diff(&old, &old), []);
    // Another text of the same figure is none.
    assert_eq!(diff(&old, &book(vec![row("2026-01-01", "input 5.0, output 30.00")])), []);
    let new = book(vec![row("2026-01-01", "input 4, output 30"), row("2026-08-21", "input 3, output 20")]);
    let changes = diff(&old, &new);
    assert_eq!((changes.len(), changes[0].kind, changes[0].rows.len()), (1, ChangeKind::Changed, 2));
    let first = &changes[0].rows[0].rates;
    assert_eq!((first.len(), first[0].meter, first[0].per_cent.as_deref()), (1, Meter::Input, Some("-20.0")));
    assert_eq!(changes[0].rows[1].kind, ChangeKind::Added);
    assert_eq!(diff(&old, &PriceBook::default())[0].kind, ChangeKind::Removed);
}

#[test]
fn what_is_old_due_or_ended_is_told() {
    let until = RowText { until: Some(text("2026-03-01")), ..checked(row("2026-01-01", "input 1"), "2026-11-24") };
    let book = good(vec![file(vec![
        model("old", vec![checked(row("2026-01-01", "input 1"), "2026-10-01")]),
        model("fresh", vec![checked(row("2026-01-01", "input 1"), "2026-10-12")]),
        model("due", vec![checked(row("2026-01-01", "input 1"), "2026-11-24"), row("2026-12-01", "input 2")]),
        model("later", vec![checked(row("2026-01-01", "input 1"), "2026-11-24"), row("2027-01-01", "input 2")]),
        model("ended", vec![until]),
        model("undated", vec![row("2026-01-01", "input 1")]),
    ])]);
    let told: Vec<_> = notices(&book, at("2026-11-25")).into_iter().map(|one| (one.kind, one.models)).collect();
    let one = |name: &str| vec![name.to_owned()];
    assert_eq!(
        told,
        [
            (NoticeKind::Stale, one("old")),
            (NoticeKind::NeverChecked, one("undated")),
            (NoticeKind::Due, one("due")),
            (NoticeKind::Ended, one("ended")),
        ]
    );
    let age = &ages(&book, at("2026-11-25"))[0];
    assert_eq!((age.oldest.as_deref(), age.days, age.models), (Some("2026-10-01"), Some(55), 6));
}
