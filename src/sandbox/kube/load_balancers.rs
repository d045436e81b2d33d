//! The controllers that make load balancers: what Services and Ingresses ask for is made in the sandbox's AWS, shown in their
//! status, and deleted before they go.
//!
//! They act beside the server: clusters are looked at for what is due, and are never held while AWS is called. What was made
//! for a cluster that is gone stays behind, for nobody looks after it any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::balancer_aws::{Place, vpc_of};
use super::balancer_model::Wanted;
use super::balancer_stacks::{self as stacks, Maker, Member, Of, Stack, StackId};
use super::store::{Cluster, set_at};
use super::{Server, TICK, controllers, lifecycle};
use crate::cloud::{Aws, Cx, aws};
use crate::fault::{Class, Fault};
use crate::sandbox::access_key_id;

/// Whoever may change these is the AWS Load Balancer Controller.
const CONTROLLERS_GROUP: &str = "elbv2.k8s.aws";
/// How often a controller looks whether a load balancer is active, in a cluster's time.
const POLL_SECONDS: f64 = 10.0;
/// How long it waits at most; creation takes some minutes.
const ACTIVE_MAX_SECONDS: f64 = 1800.0;
/// After how long it tries again what failed; this doubles each time, up to the longest pause.
const AGAIN_SECONDS: f64 = 5.0;
const AGAIN_MAX_SECONDS: f64 = 60.0;
/// However fast the cluster lives, AWS is not asked more often.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// AWS by account, at an endpoint.
type Clouds = BTreeMap<String, Arc<Aws>>;

/// What is known of a cluster's load balancers.
#[derive(Default)]
struct Known {
    /// The version of the cluster that was looked at.
    version: u64,
    gone: bool,
    stacks: BTreeMap<StackId, State>,
}

enum State {
    Busy,
    /// As it was asked for.
    Done(Option<Wanted>),
    Failed {
        times: i32,
        again: Instant,
    },
}

/// What came of one run.
enum End {
    Done(Option<Wanted>),
    /// The cluster is not there any more.
    Gone,
}

type Ran = (String, StackId, i32, Result<End, Fault>);

/// Looks after all clusters of a server, as long as that is there.
pub(super) async fn run(server: Arc<Server>) {
    let mut ticks = tokio::time::interval(TICK);
    let (mut endpoint, mut clouds) = (String::new(), Clouds::new());
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut running: JoinSet<Ran> = JoinSet::new();
    loop {
        ticks.tick().await;
        let speed = server.speed();
        while let Some(ran) = running.try_join_next() {
            // One that panicked would do so again.
            if let Ok(ran) = ran {
                note(&mut known, ran, speed);
            }
        }
        let Some(now) = server.aws() else { continue };
        if now != endpoint {
            (endpoint, clouds) = (now, Clouds::new());
        }
        let clusters = server.by_path();
        known.retain(|path, _| clusters.contains_key(path));
        for (path, cluster) in clusters {
            let Some([account, region, name]) = parts(&path) else { continue };
            let known = known.entry(path.clone()).or_default();
            let due = due(&cluster, name, known);
            if due.is_empty() {
                continue;
            }
            if !clouds.contains_key(account) {
                clouds.insert(account.into(), Arc::new(cloud(&endpoint, account, speed).await));
            }
            for (stack, times) in due {
                known.stacks.insert(stack.id.clone(), State::Busy);
                let (cx, cluster) = (clouds[account].region(region), Arc::clone(&cluster));
                let (path, name) = (path.clone(), name.to_owned());
                running.spawn(async move {
                    let ran = serve(&cx, &cluster, (&path, &name), &stack, speed).await;
                    (path, stack.id, times, ran)
                });
            }
        }
    }
}

/// Account, region and name of a cluster: `/clusters/<account>/<region>/<name>/<unique>`.
fn parts(path: &str) -> Option<[&str; 3]> {
    let mut parts = path.strip_prefix("/clusters/")?.split('/');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

async fn cloud(endpoint: &str, account: &str, speed: f64) -> Aws {
    let (url, access_key_id) = (endpoint.to_owned(), access_key_id(account));
    let sandbox = Some(aws::Endpoint { url, access_key_id });
    let region = "us-east-1".into();
    Aws::connect(&aws::Options { region, sandbox, speed, kubeconfig: None }).await
}

/// The stacks that somebody should look after now, and how often that failed.
fn due(cluster: &Mutex<Cluster>, name: &str, known: &mut Known) -> Vec<(Stack, i32)> {
    if known.gone {
        return Vec::new();
    }
    let now = Instant::now();
    let again = |it: &State| matches!(it, State::Failed { again, .. } if *again <= now);
    let cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
    if known.version == cluster.version() && !known.stacks.values().any(again) {
        return Vec::new();
    }
    known.version = cluster.version();
    let all = stacks::stacks(&cluster, name);
    known.stacks.retain(|id, it| matches!(it, State::Busy) || all.iter().any(|all| all.id == *id));
    let mut controller = None;
    let mut is_served = |id: &StackId| match id.maker() {
        Maker::CloudProvider => true,
        Maker::Controller => *controller
            .get_or_insert_with(|| lifecycle::has_controller(&cluster, CONTROLLERS_GROUP)),
    };
    let mut found = Vec::new();
    for stack in all {
        let times = match known.stacks.get(&stack.id) {
            Some(State::Busy) => continue,
            Some(State::Failed { again, .. }) if *again > now => continue,
            Some(State::Failed { times, .. }) => *times,
            Some(State::Done(wanted)) => {
                let is_as_wanted = *wanted == stack.wanted
                    && stack.leaving.is_empty()
                    && stack.members.iter().all(|it| it.served);
                if is_as_wanted {
                    continue;
                }
                0
            }
            None => 0,
        };
        if is_served(&stack.id) {
            found.push((stack, times));
        }
    }
    found
}

fn note(known: &mut BTreeMap<String, Known>, (path, id, times, ran): Ran, speed: f64) {
    let Some(known) = known.get_mut(&path) else { return };
    // What has happened meanwhile is looked at.
    known.version = 0;
    let state = match ran {
        Ok(End::Done(wanted)) => State::Done(wanted),
        Ok(End::Gone) => {
            known.gone = true;
            return;
        }
        Err(fault) => {
            tracing::warn!(path, stack = id.name, ?fault, "a load balancer");
            let seconds = (AGAIN_SECONDS * 2_f64.powi(times)).min(AGAIN_MAX_SECONDS);
            // Enough for the longest pause.
            let times = (times + 1).min(8);
            State::Failed { times, again: Instant::now() + pause(seconds, speed) }
        }
    };
    known.stacks.insert(id, state);
}

fn pause(seconds: f64, speed: f64) -> Duration {
    Duration::from_secs_f64(seconds / speed.max(f64::MIN_POSITIVE)).max(PAUSE_MIN)
}

/// Does what a controller does for a stack: its finalizer first, then what is missing in AWS, then the status; what is not
/// wanted goes from AWS before the finalizer does.
async fn serve(
    cx: &Cx,
    cluster: &Mutex<Cluster>,
    (path, name): (&str, &str),
    stack: &Stack,
    speed: f64,
) -> Result<End, Fault> {
    let Some(vpc) = vpc_of(cx, name, path).await? else { return Ok(End::Gone) };
    let place = Place { cx, cluster: name, vpc };
    let Stack { id, wanted, members, leaving } = stack;
    if let Some(wanted) = wanted {
        for member in members {
            edit(cluster, id, member, "", |object| {
                if object["metadata"]["deletionTimestamp"].is_null() {
                    lifecycle::add_finalizer(object, &id.finalizer());
                }
            });
        }
        place.ensure(id, wanted).await?;
        let hostname = active(&place, &wanted.name, speed).await?;
        for member in members {
            edit(cluster, id, member, "status", |object| {
                let shown = json!([{ "hostname": hostname }]);
                set_at(object, &["status", "loadBalancer", "ingress"], shown);
            });
        }
    }
    place.prune(id, wanted.as_ref()).await?;
    for member in leaving {
        edit(cluster, id, member, "status", |object| {
            set_at(object, &["status", "loadBalancer"], json!({}));
        });
        release(cluster, member, &id.finalizer());
    }
    Ok(End::Done(wanted.clone()))
}

async fn active(place: &Place<'_>, name: &str, speed: f64) -> Result<String, Fault> {
    let begun = Instant::now();
    loop {
        if let Some(hostname) = place.hostname(name).await? {
            return Ok(hostname);
        }
        if begun.elapsed() > pause(ACTIVE_MAX_SECONDS, speed) {
            return Err(Fault::new(Class::NotYet, format!("load balancer `{name}` is not active")));
        }
        tokio::time::sleep(pause(POLL_SECONDS, speed)).await;
    }
}

/// Changes an object as its controller, if it is still the same.
fn edit(
    cluster: &Mutex<Cluster>,
    id: &StackId,
    member: &Member,
    subresource: &str,
    change: impl FnOnce(&mut Value),
) {
    let manager = match id.of {
        Of::PlainService => "aws-cloud-controller-manager",
        // As the program of the AWS Load Balancer Controller is called.
        Of::Service | Of::Ingress | Of::Group => "controller",
    };
    let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(object) = cluster.get(&member.key).cloned() else { return };
    if object["metadata"]["uid"] == member.uid.as_str() {
        let mut new = Value::clone(&object);
        change(&mut new);
        controllers::put_as(&mut cluster, &member.key, &object, new, (manager, subresource));
    }
}

/// Takes the finalizer away, and with the last one the object.
fn release(cluster: &Mutex<Cluster>, member: &Member, finalizer: &str) {
    let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(object) = cluster.get(&member.key).cloned() else { return };
    if object["metadata"]["uid"] == member.uid.as_str() {
        lifecycle::drop_finalizer(&mut cluster, &member.key, &object, finalizer);
    }
}
