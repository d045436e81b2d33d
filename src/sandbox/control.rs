//! The control endpoints of the server: a small HTTP client, each call with a deadline.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sandbox::SandboxError;

/// The server answers one request after the other, the slowest of them in a few seconds.
const LIMIT: Duration = Duration::from_secs(10);
/// No reply of a control endpoint is longer than a line.
const MAX_REPLY_BYTES: u64 = 64 * 1024;

pub(super) struct Control<'a> {
    endpoint: &'a str,
}

#[derive(Deserialize)]
struct Health {
    instance: String,
}

impl<'a> Control<'a> {
    pub(super) fn new(endpoint: &'a str) -> Self {
        Self { endpoint }
    }

    /// Whether the instance itself answers, and not something else that has come to listen there.
    pub(super) async fn is(&self, instance: &str) -> bool {
        match self.send("GET /platctl/health", "").await {
            Ok((200, body)) => serde_json::from_str::<Health>(&body)
                .is_ok_and(|health| health.instance == instance),
            Ok(_) | Err(_) => false,
        }
    }

    pub(super) async fn post(&self, path: &str, json: &str) -> Result<(), SandboxError> {
        let request = format!("POST {path}");
        match self.send(&request, json).await {
            Ok((200, _)) => Ok(()),
            Ok((status, _)) => Err(SandboxError::Refused { request, status }),
            Err(source) => Err(SandboxError::Silent { endpoint: self.endpoint.into(), source }),
        }
    }

    async fn send(&self, request: &str, json: &str) -> io::Result<(u16, String)> {
        let exchange = async {
            let host = self.endpoint.strip_prefix("http://").unwrap_or(self.endpoint);
            let mut stream = TcpStream::connect(host).await?;
            let head = format!(
                "{request} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                json.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(json.as_bytes()).await?;
            let mut reply = String::new();
            stream.take(MAX_REPLY_BYTES).read_to_string(&mut reply).await?;
            parse(&reply).ok_or_else(|| io::Error::other("the reply is not HTTP"))
        };
        tokio::time::timeout(LIMIT, exchange).await.map_err(io::Error::from)?
    }
}

/// Status and body of an HTTP/1 reply that ends with its connection.
fn parse(reply: &str) -> Option<(u16, String)> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_status_and_a_body() {
        let parsed = parse("HTTP/1.1 404 NOT FOUND\r\nA: b\r\n\r\n{}");
        assert_eq!(parsed, Some((404, "{}".into())));
        for odd in ["", "HTTP/1.1 200 OK", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 x\r\n\r\n"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn something_else_on_the_port_is_not_the_instance() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).await.unwrap();
            let reply = b"HTTP/1.0 200 OK\r\n\r\n{\"instance\":\"another\"}";
            stream.write_all(reply).await.unwrap();
        });
        assert!(!Control::new(&endpoint).is("mine").await);
        server.await.unwrap();
        assert!(!Control::new(&endpoint).is("mine").await, "nobody listens any more");
    }
}
