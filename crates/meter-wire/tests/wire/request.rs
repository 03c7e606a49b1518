//! What a request tells when it is whole, and the refusal that answers one.

use super::language::{dialect, facts, fields};
use meter_wire::{ExchangeReader, RefusalFacts};

#[test]
fn a_request_tells_itself_when_it_is_whole() {
    let text = "[request]\nmodel = \"/model\"\nstream = \"/stream\"\nmax_output = [\"/max_completion_tokens\", \"/max_tokens\"]\n[usage]\ninput = \"/i\"";
    let ask = |kind: &str, body: &[u8]| {
        let mut reader = ExchangeReader::new(dialect(text), facts());
        reader.request_head(&fields(&[("content-type", kind)]));
        body.iter().for_each(|byte| reader.request_body(&[*byte]));
        reader.request_end()
    };
    let reading =
        ask("application/json", br#"{"messages":["\"model\":\"no\""],"model":"m","stream":true,"max_tokens":9}"#);
    assert_eq!((reading.model.as_deref(), reading.stream, reading.max_output), (Some("m"), Some(true), Some(9)));
    assert!(reading.readable);
    assert!(!ask("application/json", br#"{"model":"m""#).readable);
    assert!(ask("application/json", b"").readable);
    let form = b"preamble\r\n--b-\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n--b\r\n{\"model\":\"no\"}\r\n--b-\r\ncontent-disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b-\r\ncontent-disposition: form-data; name=model\r\n\r\nw\r\n--b-\r\ncontent-disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--b---\r\n";
    let reading = ask("multipart/form-data; boundary=\"b-\"", form);
    assert_eq!((reading.model.as_deref(), reading.stream), (Some("w"), Some(true)));
}

#[test]
fn a_refusal_takes_the_providers_shape() {
    let text = "[usage]\ninput = \"/i\"\n[refusal]\nstatus = 429\nheaders = { retry-after = \"{retry_after}\", x = \"no\" }\nbody = { error = { message = \"Stop: {message}\", code = \"{rule}\", n = \"{status}\", wait = \"{retry_after}\", param = \"{null}\" }, id = \"{row}\" }\nws_message = { type = \"error\", message = \"{message}\" }";
    let facts =
        RefusalFacts { message: "no \"more\"".into(), rule: "r1".into(), row: "id".into(), retry_after: Some(60) };
    let refusal = dialect(text).refusal(&facts);
    assert_eq!(refusal.status, 429);
    assert!(refusal.fields.contains(&("retry-after".to_owned(), "60".to_owned())));
    let body: serde_json::Value = serde_json::from_slice(&refusal.body).expect("JSON");
    let expected = serde_json::json!({"error": {"message": "Stop: no \"more\"", "code": "r1", "n": 429, "wait": 60, "param": null}, "id": "id"});
    assert_eq!(body, expected);
    assert_eq!(refusal.ws_message.as_deref(), Some(r#"{"message":"no \"more\"","type":"error"}"#));
    let unknown = dialect(text).refusal(&RefusalFacts { retry_after: None, ..facts });
    assert!(unknown.fields.iter().all(|(name, _)| name != "retry-after"));
    let grpc = dialect("[usage]\ninput = \"/1\"\n[refusal]\ngrpc_status = 7\ngrpc_message = \"{message}\"");
    let refusal = grpc.refusal(&RefusalFacts { message: "über 100%".into(), ..RefusalFacts::default() });
    assert_eq!((refusal.status, refusal.body.len()), (200, 0));
    assert!(refusal.fields.contains(&("grpc-message".to_owned(), "%C3%BCber 100%25".to_owned())));
}
