//! Plain HTTP on the edge's own port: its health, its coverage, and `http://` requests for others.

use crate::chain::Ends;
use crate::door::{Client, Door};
use crate::head::Block;
use crate::one_request::Body;
use crate::tunnel::{self, Opening, Passage};
use meter_hop::{EdgeHealth, NONCE_HEADER, Nonce, PROOF_HEADER, Role, TunnelReason, split_authority};
use meter_sys::{peer, process};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long and how much is still read from a client after the last word to it. Closing at once would make the system
/// send a reset, and the client could lose the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: u64 = 64 * 1024;

/// How long a client may take to read an answer of ours.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

const EXPLANATION: &str = "This port is an HTTP proxy: use CONNECT, or an http:// address in the request line. \
                           It answers GET /health itself.";

/// Serves a request that is no CONNECT.
pub(crate) async fn serve(door: &Door, mut client: Client, ends: Ends, block: Block) {
    let Some((method, target)) = block.request() else {
        return answer(&mut client, 400, "the request line is not HTTP/1").await;
    };
    if let Some(rest) = strip_scheme(target) {
        return relay(door, client, ends, method, rest, &block).await;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (method, path) {
        ("GET", "/health" | "/coverage") if !addressed_to_loopback(&block) => {
            // A page in a browser can point its own name at 127.0.0.1; it must not read what we know.
            answer(&mut client, 403, "the Host header does not name this machine").await;
        }
        ("GET", "/health") => health(door, &mut client, &block).await,
        ("GET", "/coverage") if !same_user(ends) => answer(&mut client, 403, "this is another user's edge").await,
        ("GET", "/coverage") => {
            let after = query.split('&').find_map(|pair| pair.strip_prefix("after="));
            match after.map_or(Ok(0), str::parse) {
                Ok(after) => {
                    let page = door.coverage.page(after, door.identity.id(), &door.boot);
                    let text = serde_json::to_vec(&page).expect("text and numbers always serialise");
                    write(&mut client, 200, "application/json", "", &text).await;
                }
                Err(_) => answer(&mut client, 400, "after must be a whole number").await,
            }
        }
        (_, "/health" | "/coverage") => answer(&mut client, 405, "only GET").await,
        _ => answer(&mut client, 501, EXPLANATION).await,
    }
}

async fn health(door: &Door, client: &mut Client, block: &Block) {
    let settings = door.settings.now();
    let document = EdgeHealth {
        status: "ok".into(),
        role: Role::Edge.as_str().into(),
        version: env!("CARGO_PKG_VERSION").into(),
        instance: door.identity.id().into(),
        digest: settings.digest.clone(),
        pid: std::process::id(),
        uptime_ms: u64::try_from(door.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        metered_hosts: settings.hosts.len(),
        daemon: door.daemon.believed().into(),
        edge_json: settings.edge_json.clone(),
        effective_ports: settings.effective_ports.clone(),
        counters: door.counters.read(door.activity.open()),
    };
    let proof = block.header(NONCE_HEADER).and_then(Nonce::from_wire).map_or_else(String::new, |nonce| {
        format!("{PROOF_HEADER}: {}\r\n", door.identity.proof(Role::Edge, nonce.as_str()))
    });
    let text = serde_json::to_vec(&document).expect("text and numbers always serialise");
    write(client, 200, "application/json", &proof, &text).await;
}

/// Sends an `http://` request to its origin as a client without a proxy would, then copies. One request per connection:
/// the origin is asked to close, which ends the client's connection as well.
async fn relay(door: &Door, mut client: Client, ends: Ends, method: &str, rest: &str, block: &Block) {
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    // A user name in the address is the client's business; as a host it would be nonsense.
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let Ok((host, port)) = split_authority(authority, 80) else {
        return answer(&mut client, 400, "the address in the request line has no valid host").await;
    };
    let Some(mut body) = Body::of(block) else {
        return answer(&mut client, 400, "the length of the request is not clear").await;
    };
    let begun = body.take(&block.rest);
    crate::counters::raise(&door.counters.relayed);
    let _open = door.activity.begin();
    let mut to_origin = origin_head(method, path, block);
    to_origin.extend_from_slice(&block.rest[..begun]);
    let passage = Passage { host, port, reason: TunnelReason::PlainHttp };
    tunnel::pass(door, client, ends, passage, Opening { to_client: Vec::new(), to_origin }, body).await;
}

/// The head for the origin: its own form of the target, and no words that were meant for a proxy (RFC 9112, 3.2.1).
fn origin_head(method: &str, path: &str, block: &Block) -> Vec<u8> {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!("{method} {slash}{path} HTTP/1.1\r\n").into_bytes();
    let upgrade = block.header("upgrade").is_some();
    for line in block.lines() {
        let name = line.split(|b| *b == b':').next().unwrap_or_default().to_ascii_lowercase();
        let dropped = match name.as_slice() {
            b"proxy-connection" | b"proxy-authorization" | b"keep-alive" => true,
            b"connection" => !upgrade,
            _ => false,
        };
        if !dropped {
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(if upgrade { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    head
}

fn strip_scheme(target: &str) -> Option<&str> {
    let scheme = target.get(..7)?;
    scheme.eq_ignore_ascii_case("http://").then(|| &target[7..])
}

fn addressed_to_loopback(block: &Block) -> bool {
    let host = block.header("host").and_then(|host| split_authority(host, 80).ok());
    host.is_some_and(|(host, _)| matches!(host.as_str(), "127.0.0.1" | "localhost" | "::1"))
}

/// Hosts that were visited are for their own user. Where the system does not say who asks, nobody is turned away.
fn same_user(ends: Ends) -> bool {
    match peer::owner(ends.client, ends.edge) {
        Ok(owner) => owner.uid == process::effective_uid() || owner.uid == 0,
        Err(error) => error.kind() == io::ErrorKind::Unsupported,
    }
}

/// Says `text` with `status` and closes.
pub(crate) async fn answer(client: &mut Client, status: u16, text: &str) {
    let text = format!("halton-meter-edge: {text}\n");
    write(client, status, "text/plain; charset=utf-8", "", text.as_bytes()).await;
}

/// Passes on an answer that is complete already, and closes.
pub(crate) async fn pass_on(client: &mut Client, answer: &[u8]) {
    let said = async {
        client.write_all(answer).await?;
        client.flush().await?;
        client.shutdown().await
    };
    match timeout(ANSWER_PATIENCE, said).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return tracing::debug!(%error, "client.gone"),
        Err(_) => return tracing::debug!("client.does_not_read"),
    }
    let mut rest = client.take(LINGER_BYTES_MAX);
    // Whatever comes is thrown away, and neither its end nor its failure changes anything.
    let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

async fn write(client: &mut Client, status: u16, content_type: &str, headers: &str, body: &[u8]) {
    let mut answer = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        phrase(status),
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    pass_on(client, &answer).await;
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Block {
        Block { head: text.as_bytes().to_vec(), rest: vec![] }
    }

    #[test]
    fn an_origin_sees_no_proxy() {
        let block = head(
            "GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\nProxy-Connection: keep-alive\r\n\
             Proxy-Authorization: Basic eA==\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n",
        );
        let expected = "GET /x?y HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(origin_head("GET", "/x?y", &block)).unwrap(), expected);
        assert!(origin_head("GET", "?y", &block).starts_with(b"GET /?y HTTP/1.1"));
        assert!(origin_head("GET", "", &block).starts_with(b"GET / HTTP/1.1"));
    }

    #[test]
    fn an_upgrade_keeps_its_connection_header() {
        let block = head("GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        let text = String::from_utf8(origin_head("GET", "/", &block)).unwrap();
        assert_eq!(text, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    }

    #[test]
    fn only_our_own_names_are_loopback() {
        for (host, ours) in [
            ("127.0.0.1:8081", true),
            ("localhost", true),
            ("[::1]:1", true),
            ("evil.example:8081", false),
            ("", false),
        ] {
            assert_eq!(
                addressed_to_loopback(&head(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))),
                ours,
                "{host}"
            );
        }
        assert!(!addressed_to_loopback(&head("GET / HTTP/1.1\r\n\r\n")));
    }
}
