//! Rules that refuse, wait and hold.

use crate::scene::{CHAT, NOW, facts, scene, scene_about};
use meter_call::{CallId, EndpointClass, Status};
use meter_daemon::services::Ready;
use meter_policy::Fact;

const NO_OPUS: &str = r#"
schema = 1
[[rule]]
id = "no_big"
stage = "enforce"
match = { model = "big-*", provider = "acme" }
deny = "Use a smaller model."
"#;

#[tokio::test]
async fn a_refusal_speaks_the_providers_language_and_leaves_a_row() {
    let mut scene = scene(NO_OPUS, false).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 200);
    let (status, text) = scene.ask(CHAT, "", r#"{"messages":[],"model":"big-1"}"#).await;
    assert_eq!(status, 403, "{text}");
    let body: serde_json::Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["error"]["type"], "policy_refused");
    assert!(body["error"]["message"].as_str().unwrap().contains("Use a smaller model."), "{body}");
    let rows = scene.rows().await;
    assert_eq!(rows.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Success, Status::Refused]);
    assert_eq!((rows[1].policy_rule.as_deref(), rows[1].charged.map(|cost| cost.pico())), (Some("no_big"), Some(0)));
    assert_eq!(rows[1].model_requested.as_deref(), Some("big-1"));
    assert_eq!(scene.audits(), [("no_big".to_owned(), "refused".to_owned())]);
}

const BUDGET: &str = r#"
schema = 1
[[rule]]
id = "two_calls"
stage = "enforce"
match = { project = "acme-app" }
budget = { calls = 2, per = "day" }
"#;

#[tokio::test]
async fn a_budget_of_a_project_waits_for_the_caller_and_holds() {
    let mut scene = scene(BUDGET, true).await;
    let asked = scene.asked.clone();
    let answering = tokio::spawn(async move {
        let mut left = 3;
        while left > 0 {
            let slot = asked.lock().unwrap().pop();
            match slot {
                Some(slot) => {
                    slot.put(facts());
                    left -= 1;
                }
                None => tokio::task::yield_now().await,
            }
        }
    });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0);
    }
    answering.await.unwrap();
    assert_eq!(statuses, [200, 200, 403]);
    assert_eq!(scene.rows().await.len(), 3);
}

#[tokio::test]
async fn a_verdict_waits_for_budgets_that_are_being_rebuilt() {
    let mut scene = scene_about(BUDGET, Ready::not_yet()).await;
    let services = scene.services.clone();
    let rebuilding = tokio::spawn(async move {
        // Two calls of an earlier life come to light while the first one of this life waits.
        tokio::task::yield_now().await;
        let loaded = services.loaded.load_full();
        let project = facts().project;
        for turn in 0..2u8 {
            let call = meter_policy::Call {
                at: NOW,
                provider: "acme",
                kind: Fact::Known("chat"),
                class: EndpointClass::Costed,
                billing: meter_call::Billing::Api,
                project: Fact::Known(&project),
                process: Fact::Never,
                model: Fact::Never,
                request_bytes: Fact::Never,
                max_output: Fact::Never,
                model_max_output: None,
                prices: None,
            };
            let id = CallId::new(0, [turn; 10]);
            services.ledger().seed(&loaded.model.policies, id, &call, Default::default());
        }
        services.budgets.set();
    });
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 403);
    rebuilding.await.unwrap();
}

#[tokio::test]
async fn an_unknown_caller_does_not_hold_a_call_up_for_long() {
    let mut scene = scene(BUDGET, true).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 200);
    drop(scene.asked.lock().unwrap().pop());
    let rows = scene.rows().await;
    assert_eq!(rows[0].project, "misc");
    assert!(scene.audits().contains(&("two_calls".to_owned(), "unknown".to_owned())));
}
