//! Exports as they come: pages, empty buckets, repeated rows, odd numbers, files that are none. No figure gets lost unsaid.

use meter_call::Meter;
use meter_reconcile::{Export, Metered, UnreadableExport, compare, decode, read};
use std::collections::BTreeMap;

const DOLLAR: i128 = 1_000_000_000_000;

fn cost(export: &Export, day: &str, model: &str) -> Option<i128> {
    export.days.get(&(day.to_owned(), model.to_owned())).and_then(|reported| reported.cost_pico)
}

/// A page of OpenAI's costs with one bucket of the given day in November 2026.
fn page(day: i64, results: &str, more: bool) -> String {
    let start = 1_793_491_200 + (day - 1) * 86_400;
    format!(
        r#"{{"object":"page","data":[{{"object":"bucket","start_time":{start},"end_time":{},"results":[{results}]}}],"has_more":{more},"next_page":{}}}"#,
        start + 86_400,
        if more { "\"p\"" } else { "null" },
    )
}

fn item(value: &str, line: &str) -> String {
    format!(r#"{{"amount":{{"value":{value},"currency":"usd"}},"line_item":"{line}","project_id":null}}"#)
}

#[test]
fn pages_may_stand_behind_one_another_or_in_a_list() {
    let [one, two] = [page(23, &item("1", "m, input"), true), page(24, &item("\"2.5\"", "m, input"), false)];
    for text in [format!("{one}\n{two}"), format!("{one}{two}"), format!("[{one},{two}]"), format!("[{two},{one}]")] {
        let export = read(&text).unwrap();
        assert_eq!(export.unread, Vec::<String>::new(), "{text}");
        assert_eq!(cost(&export, "2026-11-23", "m"), Some(DOLLAR));
        assert_eq!(cost(&export, "2026-11-24", "m"), Some(DOLLAR * 5 / 2));
    }
    // The last page may be without buckets.
    let end = r#"{"object":"page","data":[],"has_more":false,"next_page":null}"#;
    assert_eq!(read(&format!("{one}{end}")).unwrap().unread, Vec::<String>::new());
}

#[test]
fn a_page_that_is_missing_or_there_twice_is_told() {
    let [one, two, last] =
        [page(22, &item("1", "m"), true), page(23, &item("1", "m"), true), page(25, &item("2", "m"), false)];
    assert_eq!(read(&one).unwrap().unread, ["the report goes on: its next page is not in this file"]);
    let gap = read(&format!("{one}{two}{last}")).unwrap();
    assert_eq!(gap.unread, ["nothing is said of 2026-11-24 to 2026-11-24: a page is missing"]);
    let twice = read(&format!("{one}{two}{two}")).unwrap();
    assert_eq!(twice.unread[0], "row 3: it is row 2 once more, and counted once");
    assert_eq!(cost(&twice, "2026-11-23", "m"), Some(DOLLAR));
    let later = read(&format!("{one}{two}{}", page(23, &item("1.5", "m"), false))).unwrap();
    assert_eq!(later.unread, ["row 3: it is row 2 with other figures, and counted as well"]);
    assert_eq!(cost(&later, "2026-11-23", "m"), Some(DOLLAR * 5 / 2));
    // Two equal calls are two calls; one generation is one.
    let calls = "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,model_permaslug\ng-1,2026-11-24 10:00:00,1,5,5,m\ng-2,2026-11-24 10:00:00,1,5,5,m\ng-1,2026-11-24 10:00:00,1,5,5,m\n";
    let export = read(calls).unwrap();
    assert_eq!(export.unread, ["line 4: it is line 2 once more, and counted once"]);
    assert_eq!(cost(&export, "2026-11-24", "m"), Some(2 * DOLLAR));
}

#[test]
fn a_bucket_without_results_says_that_nothing_was_billed() {
    let text = page(23, "", true) + &page(24, &item("1", "m"), true) + &page(25, "", false);
    let export = read(&text).unwrap();
    assert_eq!(export.days_covered(), ("2026-11-23".into(), "2026-11-25".into()));
    let ours: BTreeMap<_, _> = ["2026-11-22", "2026-11-23", "2026-11-25"]
        .map(|day| ((day.to_owned(), "m".to_owned()), Metered { calls: 1, charged_pico: DOLLAR, ..Metered::default() }))
        .into();
    let days: Vec<String> =
        compare(&export, &ours, |_, m| m.to_owned()).differences().map(|line| line.day.clone()).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-25"]);
    assert_eq!(read(&page(23, "", false)).unwrap_err(), UnreadableExport::Empty);
}

#[test]
fn a_bucket_may_end_within_a_day() {
    let text = r#"{"data":[{"starting_at":"2026-11-24T05:00:00Z","ending_at":"2026-11-24T06:00:00Z","results":[{"model":"m","uncached_input_tokens":1}]},
        {"starting_at":"2026-11-24T06:00:00Z","ending_at":"2026-11-24T07:00:00Z","results":[]}],"has_more":false}"#;
    let export = read(text).unwrap();
    let hour = |hour: i64| 1_795_478_400_000 + hour * 3_600_000;
    assert_eq!(export.covers, (hour(5), hour(7)));
}

#[test]
fn rows_that_are_of_another_report_or_lack_the_amount_are_told() {
    let error = r#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#;
    let export = read(&(page(24, &item("1", "m"), false) + error)).unwrap();
    assert_eq!(export.unread, ["row 2: it has none of the figures that the report is of"]);
    let usage = r#"{"input_tokens":5,"output_tokens":5,"num_model_requests":1,"model":"m"}"#;
    let export = read(&page(24, &format!("{},{usage}", item("1", "m")), false)).unwrap();
    assert_eq!(export.unread.len(), 1);
    let export = read(&page(24, &format!("{},{}", item("1", "m"), item("null", "n")), false)).unwrap();
    assert_eq!(export.unread, ["row 2: `amount.value` is empty"]);
    // What is optional in a row may be left out of it.
    let export = read(&page(
        24,
        &format!(r#"{usage},{{"input_cached_tokens":3,"output_tokens":1,"num_model_requests":1}}"#),
        false,
    ));
    assert_eq!(export.unwrap().unread, Vec::<String>::new());
}

#[test]
fn amounts_have_many_forms_and_none_is_guessed() {
    let amount = |text: &str| read(&page(24, &(item("1", "n") + "," + &item(text, "m")), false)).unwrap();
    for (text, pico) in [
        ("\"0.10\"", DOLLAR / 10),
        ("1e-7", 100_000),
        ("\"-2.5E-1\"", -DOLLAR / 4),
        ("0.8958740000000000", 895_874_000_000),
    ] {
        assert_eq!(cost(&amount(text), "2026-11-24", "m"), Some(pico), "{text}");
    }
    for text in ["\"1,234.56\"", "\"$1\"", "\"NaN\"", "1e30", "1e400", "true", "\"1.2.3\""] {
        let export = amount(text);
        assert_eq!((export.unread.len(), cost(&export, "2026-11-24", "m")), (1, None), "{text}");
    }
    assert!(amount("1e12").unread[0].contains("larger than any bill"));
}

#[test]
fn another_currency_is_never_taken_for_dollars() {
    let other = item("1", "m").replace("usd", "eur");
    let export = read(&page(24, &format!("{other},{}", item("2", "m")), false)).unwrap();
    assert_eq!(export.unread, ["row 1: its amount is in eur"]);
    assert_eq!(cost(&export, "2026-11-24", "m"), Some(2 * DOLLAR));
    assert_eq!(
        read(&page(24, &other, false)).unwrap_err(),
        UnreadableExport::NoRow("row 1: its amount is in eur".into())
    );
}

#[test]
fn a_console_export_names_models_as_people_do_and_has_fees_without_one() {
    let csv = "\u{feff}usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed\r\n\
        2026-11-24,Claude Haiku 4.5,\"Team, \"\"A\"\"\nB\",k,message,≤ 200k,output,0.05,0.05,token,not_available,\r\n\
        2026-11-24,,Default,k,message,,,0.02,0.02,web_search,,\r\n";
    let export = read(csv).unwrap();
    assert_eq!(cost(&export, "2026-11-24", "claude-haiku-4-5"), Some(DOLLAR / 20));
    let metered = Metered {
        calls: 1,
        meters: [(Meter::Output, 10), (Meter::WebSearch, 2)].into(),
        charged_pico: 7 * DOLLAR / 100,
        by_meter_pico: [(Meter::Output, DOLLAR / 20), (Meter::WebSearch, DOLLAR / 50)].into(),
        ..Metered::default()
    };
    let ours = [(("2026-11-24".to_owned(), "claude-haiku-4-5".to_owned()), metered)].into();
    let compared = compare(&export, &ours, |_, model| model.to_owned());
    assert_eq!(compared.differences().count(), 0, "{:?}", compared.lines);
    let lines: Vec<_> = compared.lines.iter().map(|line| (line.model.as_str(), line.theirs)).collect();
    assert_eq!(lines, [("claude-haiku-4-5", DOLLAR / 20), ("web searches", DOLLAR / 50)]);
}

#[test]
fn figures_that_nothing_is_compared_with_are_named() {
    let csv = "usage_date_utc,cost_usd,bonus_usd,note,priority_fee,zero\n2026-11-24,1,0.5,7 up,2,0\n";
    let export = read(csv).unwrap();
    assert_eq!(export.uncompared.into_iter().collect::<Vec<_>>(), ["bonus_usd", "priority_fee"]);
    assert_eq!(read(&page(24, &item("1", "m"), false)).unwrap().uncompared.len(), 0);
}

#[test]
fn a_figure_that_the_report_leaves_out_is_not_nothing() {
    let csv = "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_output_tokens\n2026-11-24,m,5,5\n";
    let metered = Metered {
        calls: 1,
        meters: [(Meter::Input, 5), (Meter::Output, 5), (Meter::WebSearch, 2)].into(),
        ..Metered::default()
    };
    let ours = [(("2026-11-24".to_owned(), "m".to_owned()), metered)].into();
    assert_eq!(compare(&read(csv).unwrap(), &ours, |_, model| model.to_owned()).differences().count(), 0);
}

#[test]
fn a_model_has_two_names_in_one_row() {
    let json = r#"{"data":[{"date":"2026-11-24","model":"a/opus-4.8","model_permaslug":"a/4.8-opus-20260528","usage":1,"byok_usage_inference":0,"requests":1,"prompt_tokens":5,"completion_tokens":5}]}"#;
    for name in ["a/opus-4.8", "a/4.8-opus-20260528"] {
        let metered = Metered {
            calls: 1,
            meters: [(Meter::Input, 5), (Meter::Output, 5)].into(),
            charged_pico: DOLLAR,
            ..Metered::default()
        };
        let ours = [(("2026-11-24".to_owned(), name.to_owned()), metered)].into();
        assert_eq!(
            compare(&read(json).unwrap(), &ours, |_, model| model.to_owned()).differences().count(),
            0,
            "{name}"
        );
    }
}

#[test]
fn what_is_no_report_says_so_and_where() {
    assert_eq!(read("").unwrap_err(), UnreadableExport::Empty);
    assert_eq!(read("usage_date_utc,model,cost_usd\n").unwrap_err(), UnreadableExport::Empty);
    assert_eq!(read("a,b\n1,2\n").unwrap_err(), UnreadableExport::UnknownFormat("a, b".into()));
    assert_eq!(read("a,b\n1,\"2\n").unwrap_err().to_string(), "line 2, column 3: a quote is opened and never closed");
    let broken = page(24, &item("1", "m"), false) + "\n{\"data\": [,]}";
    assert!(read(&broken).unwrap_err().to_string().ends_with("at line 2 column 11"), "{}", read(&broken).unwrap_err());
    let short = read("usage_date_utc,model,cost_usd\n2026-11-24,a\n").unwrap_err();
    assert_eq!(short.to_string(), "no row can be read; line 2: it has 2 fields, the head has 3");
    let day = read("usage_date_utc,model,cost_usd\n11/24/2026,a,1\n").unwrap_err();
    assert_eq!(day.to_string(), "no row can be read; line 2: it has no day: `11/24/2026`");
    assert_eq!(decode(b"a,b\n1,\xff\n".to_vec()).unwrap_err(), UnreadableExport::NotText { line: 2, column: 3 });
}
