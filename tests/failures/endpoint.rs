//! An endpoint on this machine that answers as a script says, or passes the request on to the sandbox.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Where the script's answers come from. It serves until the test ends.
pub(super) struct Endpoint {
    pub(super) url: String,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// What came.
pub(super) struct Request {
    /// `DescribeVpcs`, or method and path of a REST API.
    pub(super) action: String,
    /// How many of this action came before.
    pub(super) before: usize,
    pub(super) body: String,
    protocol: Protocol,
}

/// How a service speaks.
#[derive(Clone, Copy)]
enum Protocol {
    Ec2,
    Query,
    Json,
    RestJson,
}

/// What the script answers.
pub(super) enum Answer {
    /// What the sandbox says.
    Forward,
    /// An error as the protocol writes it: status, code, message.
    Refuse(u16, &'static str, &'static str),
    /// Status, content type, body.
    Raw(u16, &'static str, &'static str),
    /// The connection is cut before anything was done.
    Cut,
    /// The connection is cut in the middle of the answer.
    Half,
    /// It is done, but the answer is lost.
    Lose,
    /// Never.
    Silence,
}

type Script = dyn Fn(&Request) -> Answer + Send + Sync;

impl Endpoint {
    /// `upstream`: the sandbox's address.
    pub(super) fn start(
        upstream: &str,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let (script, counts): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, counts, upstream) =
                    (Arc::clone(&script), Arc::clone(&counts), upstream.clone());
                // A client that goes away is its own affair.
                thread::spawn(move || serve(stream, &upstream, &*script, &counts));
            }
        });
        Self { url, seen }
    }

    /// How often the action was asked for.
    pub(super) fn count(&self, action: &str) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(action).copied().unwrap_or_default()
    }
}

/// One request a connection.
fn serve(
    client: TcpStream,
    upstream: &str,
    script: &Script,
    seen: &Mutex<BTreeMap<String, usize>>,
) -> io::Result<()> {
    let (head, body) = receive(&client)?;
    let mut request = understand(&head, body);
    {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(request.action.clone()).or_default();
        request.before = *count;
        *count += 1;
    }
    match script(&request) {
        Answer::Forward => (&client).write_all(&forward(&head, &request.body, upstream)?)?,
        Answer::Refuse(status, code, message) => {
            (&client).write_all(refusal(request.protocol, status, code, message).as_bytes())?;
        }
        Answer::Raw(status, content, body) => {
            (&client).write_all(response(status, content, "", body).as_bytes())?;
        }
        Answer::Cut => {}
        Answer::Half => {
            let whole = response(200, "text/xml", "", "<DescribeVpcsResponse/>");
            (&client).write_all(&whole.as_bytes()[..whole.len() - 8])?;
        }
        Answer::Lose => drop(forward(&head, &request.body, upstream)?),
        Answer::Silence => thread::park_timeout(Duration::from_mins(10)),
    }
    client.shutdown(Shutdown::Both)
}

fn receive(client: &TcpStream) -> io::Result<(Vec<String>, String)> {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        let end = reader.read_line(&mut line)? == 0;
        match line.trim_end() {
            "" if end => return Err(io::ErrorKind::UnexpectedEof.into()),
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok((head, String::from_utf8(body).unwrap()))
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().skip(1).find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn understand(head: &[String], body: String) -> Request {
    let target = header(head, "x-amz-target").and_then(|target| target.rsplit('.').next());
    let named = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    // The scope of the signature: `Credential=key/date/region/service/aws4_request`.
    let service = header(head, "authorization").and_then(|header| header.split('/').nth(3));
    let (action, protocol) = match (target, named, service) {
        (Some(target), _, _) => (target.to_owned(), Protocol::Json),
        (_, Some(action), Some("ec2")) => (action.to_owned(), Protocol::Ec2),
        (_, Some(action), _) => (action.to_owned(), Protocol::Query),
        _ => {
            let line = head[0].rsplit_once(' ').unwrap().0;
            (line.split('?').next().unwrap().to_owned(), Protocol::RestJson)
        }
    };
    Request { action, before: 0, body, protocol }
}

fn forward(head: &[String], body: &str, upstream: &str) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    let head = head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = head.fold(String::new(), |head, line| head + line + "\r\n");
    server.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn refusal(protocol: Protocol, status: u16, code: &str, message: &str) -> String {
    let (xml, json) = ("text/xml;charset=UTF-8", "application/x-amz-json-1.1");
    let id = "x-amzn-RequestId: req-1\r\n";
    match protocol {
        Protocol::Ec2 => {
            let body = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>req-1</RequestID></Response>"
            );
            response(status, xml, id, &body)
        }
        Protocol::Query => {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>req-1</RequestId></ErrorResponse>"
            );
            response(status, xml, id, &body)
        }
        Protocol::Json => {
            let body = format!(r#"{{"__type": "{code}", "message": "{message}"}}"#);
            response(status, json, id, &body)
        }
        Protocol::RestJson => {
            let headers = format!("{id}x-amzn-ErrorType: {code}\r\n");
            let body = format!(r#"{{"message": "{message}"}}"#);
            response(status, "application/json", &headers, &body)
        }
    }
}

fn response(status: u16, content: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: {content}\r\nContent-Length: {}\r\n{headers}\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
