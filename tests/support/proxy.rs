//! A proxy in front of the sandbox that treats requests as networks and services in trouble do: refused, answered with an
//! error, slow, cut off before or after the service has acted.
//!
//! The clusters of the sandbox are behind it too: where AWS tells their addresses, it puts its own.
//!
//! A *script* says what happens to each request, by its service, action and number; all that it did is in the log.

mod message;
mod refusal;
mod request;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use platctl::sandbox::{DEFAULT_ACCOUNT, Running, access_key_id};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use message::{Incoming, Peer};
pub(crate) use request::{KUBERNETES, Request};

/// A proxy on a port of its own, until it is dropped.
pub(crate) struct Proxy {
    /// Where it listens: `http://127.0.0.1:<port>`.
    pub(crate) url: String,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// The server answers.
    Pass,
    /// The service's own refusal of too many requests.
    Throttle,
    /// The service's own 500, and it has done nothing.
    Fail,
    /// The same, but it has done what was asked.
    FailAfter,
    /// The service's own 503, and it has done nothing.
    Unavailable,
    /// An error as the service's protocol writes it: status, code, message.
    Refuse(u16, &'static str, &'static str),
    /// Status, content type, body.
    Answer(u16, &'static str, &'static str),
    /// The connection is cut.
    Cut(When),
    /// The connection is cut in the middle of an answer, and the service has done nothing.
    Half,
    /// It reaches the server this much later.
    Delay(Duration),
    /// The answer comes byte by byte, with this pause between them.
    Drip(Duration),
    /// Nothing more happens on this connection for as long as the client keeps it.
    Hold(When),
}

/// How far a request has come when something happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The server has not seen it.
    Unseen,
    /// The server has acted, and nobody knows.
    Done,
    /// The client has its answer.
    Answered,
}

/// What happened to one request.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) request: Request,
    pub(crate) act: Act,
    /// What the server said; `None`: it was not asked, or has not answered.
    pub(crate) status: Option<u16>,
}

/// Trouble by chance: the same for the same seed, service, action and number, in whatever order requests come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    pub(crate) seed: u64,
    /// Shares of all requests, from 0 to 1.
    pub(crate) throttled: f64,
    /// Half of them after the service has acted.
    pub(crate) failed: f64,
    pub(crate) lost: f64,
}

impl Chance {
    pub(crate) fn act(&self, request: &Request) -> Act {
        let Request { service, action, nth, .. } = request;
        let hash = Sha256::digest(format!("{} {service} {action} {nth}", self.seed));
        let part = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let roll = f64::from(part) / f64::from(u32::MAX);
        if roll < self.throttled {
            Act::Throttle
        } else if roll < self.throttled + self.failed {
            if hash[4] % 2 == 0 { Act::Fail } else { Act::FailAfter }
        } else if roll < self.throttled + self.failed + self.lost {
            Act::Cut(When::Done)
        } else {
            Act::Pass
        }
    }
}

type Script = dyn Fn(&Request) -> Act + Send + Sync;

struct Shared {
    /// Its own address.
    here: SocketAddr,
    aws: SocketAddr,
    kubernetes: Option<SocketAddr>,
    /// Requests of the sandbox's default account go to this one.
    account: String,
    course: Mutex<Course>,
    changed: Condvar,
}

/// What has happened so far, and what comes.
struct Course {
    script: Arc<Script>,
    /// Which script it is.
    played: usize,
    counts: BTreeMap<(String, String), usize>,
    effects: usize,
    log: Vec<Entry>,
    /// Requests that are read and not yet through.
    underway: usize,
    /// Whether the script has held one.
    holds: bool,
}

impl Proxy {
    /// In front of a sandbox. Everything passes.
    pub(crate) fn start(sandbox: &Running) -> Self {
        Self::of_account(sandbox, DEFAULT_ACCOUNT)
    }

    /// The same, but what comes for the sandbox's default account goes to this one: `--sandbox` knows no other.
    pub(crate) fn of_account(sandbox: &Running, account: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let here = listener.local_addr().unwrap();
        let address = |url: &str| url.trim_start_matches("http://").parse().unwrap();
        let kubernetes: Option<SocketAddr> = sandbox.kubernetes().map(address);
        // One takes the place of the other in messages whose length is told already.
        let length = |address: SocketAddr| address.to_string().len();
        assert!(kubernetes.is_none_or(|it| length(it) == length(here)), "{here}, {kubernetes:?}");
        let shared = Arc::new(Shared {
            here,
            aws: address(&sandbox.endpoint),
            kubernetes,
            account: account.into(),
            course: Mutex::new(Course {
                script: Arc::new(|_: &Request| Act::Pass),
                played: 0,
                counts: BTreeMap::new(),
                effects: 0,
                log: Vec::new(),
                underway: 0,
                holds: false,
            }),
            changed: Condvar::new(),
        });
        let url = format!("http://{here}");
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        // A thread of its own: tests block while the binary runs.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = listen(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { url, shared, _stop: stop }
    }

    /// What happens from now on. Numbers and log begin anew.
    pub(crate) fn play(&self, script: impl Fn(&Request) -> Act + Send + Sync + 'static) {
        let mut course = self.shared.course();
        course.script = Arc::new(script);
        course.played += 1;
        course.counts.clear();
        course.effects = 0;
        course.log.clear();
        course.holds = false;
    }

    /// How often the action was asked for.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.log().iter().filter(|entry| entry.request.action == action).count()
    }

    pub(crate) fn log(&self) -> Vec<Entry> {
        self.shared.course().log.clone()
    }

    /// Waits until the script has held a request. `false`: it has held none within this time.
    pub(crate) fn holds(&self, within: Duration) -> bool {
        self.shared.wait(within, |course| course.holds)
    }

    /// Waits until nothing is under way: what a client has left behind has then reached the server, or never will.
    pub(crate) fn settle(&self) {
        let limit = Duration::from_secs(30);
        assert!(self.shared.wait(limit, |course| course.underway == 0), "requests do not end");
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that goes away is its own affair.
        tokio::spawn(async move { shared.serve(client).await });
    }
}

impl Shared {
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Course)) {
        change(&mut self.course());
        self.changed.notify_all();
    }

    fn wait(&self, within: Duration, until: impl Fn(&Course) -> bool) -> bool {
        let deadline = Instant::now() + within;
        let mut course = self.course();
        while !until(&course) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(course, left);
            course = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// All requests of a connection, which are for one server. It has one to that, for as long as both keep theirs.
    async fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut client = Peer::new(client)?;
        let mut server = None;
        while let Some(incoming) = client.request().await? {
            if !self.exchange(&mut client, &mut server, incoming).await? {
                break;
            }
        }
        Ok(())
    }

    /// One request. `false`: the connection ends here.
    async fn exchange(
        &self,
        client: &mut Peer,
        server: &mut Option<Peer>,
        mut incoming: Incoming,
    ) -> io::Result<bool> {
        incoming.head =
            incoming.head.replace(&access_key_id(DEFAULT_ACCOUNT), &access_key_id(&self.account));
        let (number, request, act) = self.meet(&incoming);
        let _underway = Underway(self);
        match act {
            Act::Throttle => return client.send(&refusal::throttled(&request)).await,
            Act::Fail => return client.send(&refusal::failed(&request)).await,
            Act::Unavailable => return client.send(&refusal::unavailable(&request)).await,
            Act::Refuse(status, code, message) => {
                return client.send(&refusal::refused(&request, status, code, message)).await;
            }
            Act::Answer(status, content, body) => {
                return client.send(&refusal::reply(status, content, "", body.as_bytes())).await;
            }
            Act::Half => {
                let whole = refusal::reply(200, "text/xml", "", b"<Response/>");
                client.send(&whole[..whole.len() - 2]).await?;
                return Ok(false);
            }
            Act::Cut(When::Unseen) => return Ok(false),
            Act::Hold(When::Unseen) => return Ok(self.hold(client).await),
            Act::Delay(time) => tokio::time::sleep(time).await,
            Act::Pass | Act::FailAfter | Act::Drip(_) | Act::Cut(_) | Act::Hold(_) => {}
        }
        let answer = self.forward(server, &incoming, &request).await?;
        self.change(|course| {
            if let Some((played, number)) = number
                && played == course.played
            {
                course.log[number].status = Some(answer.status);
            }
        });
        match act {
            Act::FailAfter => return client.send(&refusal::failed(&request)).await,
            Act::Cut(When::Done) => return Ok(false),
            Act::Hold(When::Done) => return Ok(self.hold(client).await),
            Act::Drip(pause) => {
                for byte in answer.bytes.chunks(1) {
                    client.send(byte).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            _ => {
                client.send(&answer.bytes).await?;
            }
        }
        match act {
            Act::Cut(When::Answered) => Ok(false),
            Act::Hold(When::Answered) => Ok(self.hold(client).await),
            _ => Ok(incoming.keeps && answer.keeps),
        }
    }

    /// Counts a request and asks the script. What steers the sandbox itself passes and counts for nothing; all else has a
    /// place in the log of its script.
    fn meet(&self, incoming: &Incoming) -> (Option<(usize, usize)>, Request, Act) {
        let mut request = Request::of(incoming);
        let mut course = self.course();
        course.underway += 1;
        if incoming.path.starts_with("/platctl/") {
            return (None, request, Act::Pass);
        }
        let key = (request.service.clone(), request.action.clone());
        let count = course.counts.entry(key).or_default();
        *count += 1;
        request.nth = *count;
        if !request.is_read() {
            course.effects += 1;
            request.effect = Some(course.effects);
        }
        let act = (course.script)(&request);
        let place = (course.played, course.log.len());
        course.log.push(Entry { request: request.clone(), act, status: None });
        (Some(place), request, act)
    }

    async fn forward(
        &self,
        server: &mut Option<Peer>,
        incoming: &Incoming,
        request: &Request,
    ) -> io::Result<message::Answer> {
        // The server may have closed a connection that was idle.
        let mut peer = if let Some(peer) = server.take().filter(Peer::is_alive) {
            peer
        } else {
            let of_cluster = request.is_of_cluster();
            let upstream = if of_cluster { self.kubernetes } else { Some(self.aws) };
            let upstream = upstream.ok_or(io::ErrorKind::HostUnreachable)?;
            Peer::new(TcpStream::connect(upstream).await?)?
        };
        peer.send(incoming.head.as_bytes()).await?;
        peer.send(&incoming.body).await?;
        let mut answer = peer.answer(&incoming.method).await?;
        if let Some(kubernetes) = self.kubernetes {
            replace(&mut answer.bytes, &kubernetes.to_string(), &self.here.to_string());
        }
        if answer.keeps {
            *server = Some(peer);
        }
        Ok(answer)
    }

    /// Keeps the client waiting until it is gone.
    async fn hold(&self, client: &mut Peer) -> bool {
        self.change(|course| course.holds = true);
        client.gone().await;
        false
    }
}

/// One text for another of the same length.
fn replace(bytes: &mut [u8], from: &str, to: &str) {
    let mut at = 0;
    while let Some(place) = bytes[at..].windows(from.len()).position(|it| it == from.as_bytes()) {
        at += place;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}

/// A request that is not through.
struct Underway<'a>(&'a Shared);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.change(|course| course.underway -= 1);
    }
}
