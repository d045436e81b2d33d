//! HTTP/1.1 for the stand-in: requests whole, replies whole or as a stream of chunks.
//!
//! The HTTP library in the dependency tree is built without its server half, and enabling that would build the AWS SDK
//! anew; what API clients need of HTTP/1.1 is little.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// No client of an API server sends longer heads: a token of EKS has about 1 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
/// A real API server refuses objects beyond 3 MiB.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Decoded segments, without empty ones.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case.
    headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Body,
}

pub(super) enum Body {
    Whole(Vec<u8>),
    Stream(mpsc::Receiver<Vec<u8>>),
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The first value of a query parameter, or nothing.
    pub(super) fn param(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl Reply {
    pub(super) fn text(status: u16, text: &str) -> Self {
        let body = Body::Whole(text.as_bytes().to_vec());
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }

    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        let body = Body::Whole(body.to_string().into_bytes());
        Self { status, content_type: "application/json", body }
    }
}

/// Answers until it is dropped; every connection ends with it.
pub(super) async fn serve<F, R>(listener: TcpListener, answer: F)
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let answer = Arc::clone(&answer);
                connections.spawn(async move {
                    // A client that goes away is no event.
                    let _ = converse(stream, &*answer).await;
                });
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn converse<F, R>(mut stream: TcpStream, answer: &F) -> io::Result<()>
where
    F: Fn(Request) -> R,
    R: Future<Output = Reply>,
{
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        let old = request.header("platctl-http-version") == "1.0";
        let last = old || request.header("connection").eq_ignore_ascii_case("close");
        let reply = answer(request).await;
        write(&mut stream, reply, last).await?;
        if last {
            break;
        }
    }
    Ok(())
}

/// The next request of a connection; `buffer` keeps what came beyond it.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let parsed = head.parse(buffer).map_err(|error| invalid(&error.to_string()))?;
        if let httparse::Status::Complete(length) = parsed {
            let mut request = parse_target(head.path.unwrap_or("/"));
            request.method = head.method.unwrap_or_default().into();
            for header in &*head.headers {
                let value = String::from_utf8_lossy(header.value).trim().to_owned();
                request.headers.insert(header.name.to_ascii_lowercase(), value);
            }
            if head.version == Some(0) {
                request.headers.insert("platctl-http-version".into(), "1.0".into());
            }
            if !request.header("transfer-encoding").is_empty() {
                return Err(invalid("a body without length"));
            }
            let body = match request.header("content-length") {
                "" => 0,
                text => text.parse().map_err(|_| invalid("a bad length"))?,
            };
            if body > MAX_BODY_BYTES {
                return Err(invalid("a body beyond the limit"));
            }
            while buffer.len() < length + body {
                if stream.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            request.body = buffer[length..length + body].to_vec();
            buffer.drain(..length + body);
            return Ok(Some(request));
        }
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(invalid("a head beyond the limit"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn write(stream: &mut TcpStream, reply: Reply, last: bool) -> io::Result<()> {
    let Reply { status, content_type, body } = reply;
    let connection = if last { "close" } else { "keep-alive" };
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nConnection: {connection}\r\nAudit-Id: {}\r\n",
        phrase(status),
        hex::encode(rand::random::<[u8; 16]>()),
    );
    match body {
        Body::Whole(bytes) => {
            let mut message = format!("{head}Content-Length: {}\r\n\r\n", bytes.len()).into_bytes();
            message.extend(bytes);
            stream.write_all(&message).await
        }
        Body::Stream(mut chunks) => {
            stream
                .write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())
                .await?;
            let mut ignored = [0; 1];
            loop {
                tokio::select! {
                    chunk = chunks.recv() => {
                        let Some(chunk) = chunk else { break };
                        let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
                        framed.extend(chunk);
                        framed.extend(b"\r\n");
                        stream.write_all(&framed).await?;
                    }
                    // Nobody sends a second request before the reply has ended: this is the end of the connection.
                    _ = stream.read(&mut ignored) => return Err(io::ErrorKind::ConnectionReset.into()),
                }
            }
            stream.write_all(b"0\r\n\r\n").await
        }
    }
}

fn parse_target(target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.split('/').filter(|it| !it.is_empty()).map(|it| decode(it, false)).collect();
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key, true), decode(value, true))
    });
    Request { path, query: query.collect(), ..Request::default() }
}

/// Percent-decodes; in a query, `+` is a space.
pub(super) fn decode(text: &str, query: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let byte = escaped.and_then(|pair| hex::decode(pair).ok()).map(|pair| pair[0]);
        if let Some(byte) = byte {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(if query && bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_segments_and_parameters() {
        let request = parse_target("/api/v1//pods/a%2Fb?labelSelector=a%3Db%2Cc&watch=1&x=a+b&y");
        assert_eq!(request.path, ["api", "v1", "pods", "a/b"]);
        assert_eq!(request.param("labelSelector"), "a=b,c");
        assert_eq!((request.param("x"), request.param("y"), request.param("z")), ("a b", "", ""));
        assert_eq!(decode("100%", true), "100%");
    }
}
