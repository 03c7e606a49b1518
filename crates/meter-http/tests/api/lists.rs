//! Pages, filters and exports.

use crate::server::{Api, agent, call};
use meter_call::{EndpointClass, Evidence};
use serde_json::json;

#[test]
fn a_walk_by_cursor_sees_every_call_once() {
    // Three calls share each instant, so that the cursor has to look at ids too.
    let calls: Vec<_> = (0..250)
        .map(|number| {
            let mut shared = call(number / 3, "acme");
            shared.id = call(number, "acme").id;
            shared
        })
        .collect();
    let api = Api::start(&calls);
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.ok(&format!("/v1/projects/acme/requests?limit=20&cursor={cursor}"));
        assert_eq!(page["total"], json!(250));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 20);
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let wanted: Vec<_> = calls.iter().rev().map(|call| call.id.to_string()).collect();
    assert_eq!((seen, pages), (wanted, 13));
}

#[test]
fn parameters_filter() {
    let mut other = call(2, "acme");
    other.provider = "other".into();
    let mut seen = call(3, "acme");
    seen.class = EndpointClass::Observed;
    let api = Api::start(&[call(1, "acme"), other, seen, call(24 * 60, "acme")]);
    let total = |path: &str| api.ok(path)["total"].clone();
    assert_eq!(total("/v1/requests"), json!(3));
    assert_eq!(total("/v1/projects/acme/requests?provider=other"), json!(1));
    assert_eq!(total("/v1/requests?provider="), json!(3));
    assert_eq!(total("/v1/requests?status=error"), json!(0));
    assert_eq!(total("/v1/requests?unheard=of"), json!(3));
    assert_eq!(total("/v1/requests?observed=true"), json!(4));
    // That day begins at 05:00 UTC in New York.
    assert_eq!(total("/v1/requests?since=2026-11-25"), json!(1));
    let stats = api.ok("/v1/stats?since=2026-11-25");
    assert_eq!(stats["summary"]["total_requests"], json!(1));
    assert_eq!(stats["by_day"][0]["date"], json!("2026-11-25"));
    assert_eq!(api.ok("/v1/stats?since=2026-11-26")["summary"]["last_request_at"], json!(null));
}

#[test]
fn nonsense_is_told() {
    let api = Api::start(&[call(1, "acme")]);
    for bad in [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=x",
        "since=yesterday",
        "since=2026-13-01",
        "status=paused",
        "observed=2",
    ] {
        let (status, document) = api.get(&format!("/v1/requests?{bad}"));
        assert_eq!((status, &document["error"]["code"]), (400, &json!("bad_parameter")), "{bad}");
        let name = bad.split('=').next().unwrap();
        assert!(document["error"]["message"].as_str().unwrap().contains(name), "{document}");
    }
    for (path, wanted) in [
        ("/v1/nothing", 404),
        ("/v1/projects/nobody", 404),
        ("/v1/projects/nobody/stats", 404),
        ("/v1/projects/nobody/requests", 404),
        ("/v1/projects/nobody/requests.csv", 404),
        ("/v1/requests/xyz", 400),
        ("/v1/requests/019aa000-0000-7000-8000-999999999999", 404),
    ] {
        let (status, document) = api.get(path);
        assert_eq!(status, wanted, "{path}");
        assert!(document["error"]["message"].is_string());
    }
}

#[test]
fn csv_holds_every_call_and_no_formula() {
    let mut calls: Vec<_> = (0..1203).map(|number| call(number, "acme")).collect();
    calls[7].model = Some("=cmd|' /C calc'!A0".into());
    calls[8].model = Some("say \"hi\", twice".into());
    calls[9].evidence = Evidence::Unpriced;
    calls[11].provider = "other".into();
    let api = Api::start(&calls);
    let mut answer = agent().get(api.url("/v1/projects/acme/requests.csv?provider=acme&limit=5")).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    let text = answer.body_mut().read_to_string().unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 1202 + 1, "a head, the rows, and the end of the last");
    assert!(lines[0].starts_with("id,requested_at,project,provider,model,"));
    let row = |number: i64| *lines.iter().find(|line| line.contains(&format!("8000-{number:012}"))).unwrap();
    assert!(row(7).contains(",\"'=cmd|' /C calc'!A0\","), "{}", row(7));
    assert!(row(8).contains(",\"say \"\"hi\"\", twice\","), "{}", row(8));
    assert!(row(9).contains(",unpriced,api,1000,200,,500,0,,,900,300,true,claude,,"), "{}", row(9));
    assert!(row(10).contains(",1000,200,,500,0,0.006150000000,615,900,300,true,claude,,"), "{}", row(10));
    let columns = lines[0].split(',').count();
    assert_eq!(row(10).split(',').count(), columns);
}

#[test]
fn csv_before_the_first_call_is_its_head() {
    let api = Api::start(&[]);
    let text = agent().get(api.url("/v1/requests.csv")).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(text.matches("\r\n").count(), 1);
}
