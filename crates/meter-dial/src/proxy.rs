//! `CONNECT` through a company's HTTP proxy.

use crate::direct;
use crate::error::DialError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meter_hop::ProxyAddress;
use meter_hop::timing::HEAD_BYTES_MAX;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) async fn through(
    proxy: &ProxyAddress,
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let name = format!("{}:{}", proxy.host, proxy.port);
    let mut stream = direct::to_name(&proxy.host, proxy.port, patience).await?;
    let request = request(proxy, host, port);
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        read_status(&mut stream).await
    };
    match timeout(patience, asked).await {
        Err(_) => Err(DialError::ProxyTimeout { proxy: name }),
        Ok(Err(source)) => Err(DialError::ProxyBroken { proxy: name, source }),
        Ok(Ok(status)) if (200..300).contains(&status) => Ok(stream),
        Ok(Ok(status)) => Err(DialError::ProxyRefused { proxy: name, status }),
    }
}

fn request(proxy: &ProxyAddress, host: &str, port: u16) -> String {
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let authorization = match &proxy.credentials {
        Some(credentials) => format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(credentials)),
        None => String::new(),
    };
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n")
}

/// Reads exactly the proxy's answer head: what follows belongs to the origin, which may speak first.
async fn read_status(stream: &mut TcpStream) -> io::Result<u16> {
    let mut head = Vec::new();
    let mut seen = [0; 1024];
    loop {
        let peeked = stream.peek(&mut seen).await?;
        if peeked == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
        }
        let before = head.len();
        head.extend_from_slice(&seen[..peeked]);
        let from = before.saturating_sub(3);
        let end = head[from..].windows(4).position(|w| w == b"\r\n\r\n").map(|at| from + at + 4);
        head.truncate(end.unwrap_or(head.len()));
        let taken = head.len() - before;
        stream.read_exact(&mut seen[..taken]).await?;
        if end.is_some() {
            return status_of(&head);
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
        }
    }
}

fn status_of(head: &[u8]) -> io::Result<u16> {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = text.and_then(|rest| rest.split(' ').nth(1)).and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_the_origin_and_brings_the_password() {
        let proxy = ProxyAddress { host: "p".into(), port: 1, credentials: Some("ann:secret".into()) };
        let expected = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\
                        Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n";
        assert_eq!(request(&proxy, "::1", 443), expected);
    }

    #[test]
    fn statuses() {
        assert_eq!(status_of(b"HTTP/1.0 200 OK\r\n\r\n").ok(), Some(200));
        assert_eq!(status_of(b"HTTP/1.1 407\r\n\r\n").ok(), Some(407));
        for bad in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"] {
            assert!(status_of(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
