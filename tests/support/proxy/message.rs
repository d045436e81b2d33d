//! HTTP/1.1 messages, read whole from connections that stay open.

use std::io;

use httparse::{EMPTY_HEADER, Header, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than any message here has.
const HEADERS_MAX: usize = 64;

/// One end of a connection.
pub(super) struct Peer {
    stream: TcpStream,
    /// Read, and not yet part of a message.
    buffer: Vec<u8>,
}

/// A request.
pub(super) struct Incoming {
    /// With the empty line at its end.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// Whether the connection stays open after it.
    pub(super) keeps: bool,
}

/// An answer, as it came.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) status: u16,
    /// Whether the connection stays open after it.
    pub(super) keeps: bool,
}

/// How long a body is.
enum Length {
    Bytes(usize),
    Chunked,
    UntilTheEnd,
}

impl Incoming {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The next request; `None`: there is none any more.
    pub(super) async fn request(&mut self) -> io::Result<Option<Incoming>> {
        let (length, method, path, version, headers) = loop {
            let mut headers = [EMPTY_HEADER; HEADERS_MAX];
            let mut request = httparse::Request::new(&mut headers);
            if let Status::Complete(length) = request.parse(&self.buffer).map_err(invalid)? {
                let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
                let (method, path) = (text(request.method), text(request.path));
                break (length, method, path, request.version, owned(request.headers));
            }
            if !self.more().await? {
                let cut = !self.buffer.is_empty();
                return if cut { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(None) };
            }
        };
        let head = String::from_utf8(self.buffer.drain(..length).collect()).map_err(invalid)?;
        let body = match body_length(&headers, Length::Bytes(0)) {
            Length::Bytes(length) => self.take(length).await?,
            // The server would not understand it either.
            Length::Chunked | Length::UntilTheEnd => return Err(invalid("a body without length")),
        };
        let keeps = keeps(version, &headers);
        Ok(Some(Incoming { head, body, method, path, headers, keeps }))
    }

    /// The answer to a request with this method.
    pub(super) async fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let (length, status, version, headers) = loop {
            let mut headers = [EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            if let Status::Complete(length) = response.parse(&self.buffer).map_err(invalid)? {
                let status = response.code.unwrap_or_default();
                break (length, status, response.version, owned(response.headers));
            }
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let mut keeps = keeps(version, &headers);
        let body = if method == "HEAD" || matches!(status, 204 | 304) {
            Length::Bytes(0)
        } else {
            body_length(&headers, Length::UntilTheEnd)
        };
        let end = match body {
            Length::Bytes(body) => length + body,
            Length::Chunked => self.chunks_end(length).await?,
            Length::UntilTheEnd => {
                while self.more().await? {}
                keeps = false;
                self.buffer.len()
            }
        };
        Ok(Answer { bytes: self.take(end).await?, status, keeps })
    }

    /// `Ok(true)`, to go on with.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.stream.write_all(bytes).await?;
        Ok(true)
    }

    /// Whether the other end still listens, as far as is known here.
    pub(super) fn is_alive(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Waits until the other end has gone.
    pub(super) async fn gone(&mut self) {
        while let Ok(true) = self.more().await {}
    }

    /// Where the last chunk ends, of those that begin at `at`.
    async fn chunks_end(&mut self, mut at: usize) -> io::Result<usize> {
        loop {
            match httparse::parse_chunk_size(&self.buffer[at.min(self.buffer.len())..]) {
                Ok(Status::Complete((head, size))) => {
                    // Each chunk, the empty one at the end too, has a line end behind it.
                    at += head + usize::try_from(size).map_err(invalid)? + 2;
                    if size == 0 {
                        return Ok(at);
                    }
                }
                Ok(Status::Partial) if self.more().await? => {}
                Ok(Status::Partial) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(_) => return Err(invalid("a broken chunk")),
            }
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn owned(headers: &[Header<'_>]) -> Vec<(String, String)> {
    let owned = |header: &Header<'_>| {
        (header.name.to_lowercase(), String::from_utf8_lossy(header.value).into_owned())
    };
    headers.iter().map(owned).collect()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
}

fn body_length(headers: &[(String, String)], otherwise: Length) -> Length {
    if header(headers, "transfer-encoding").is_some() {
        return Length::Chunked;
    }
    let bytes = header(headers, "content-length").and_then(|length| length.parse().ok());
    bytes.map_or(otherwise, Length::Bytes)
}

fn keeps(version: Option<u8>, headers: &[(String, String)]) -> bool {
    let close = header(headers, "connection").is_some_and(|it| it.eq_ignore_ascii_case("close"));
    version == Some(1) && !close
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
