//! State in a bucket: every cut, every late write, every race.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::address::{Address, PhysicalId};
use crate::graph::Needs;
use crate::kind::{DeletionPolicy, Outputs};
use crate::state::lease::DEAD_AFTER;
use crate::state::memory::{Way, World};
use crate::state::store::VERSIONS_MAX;
use crate::state::{
    Durable, Event, Holder, JournalError, Lock, LockError, Record, State, Status, Store, StoreError,
};

fn at(role: &str) -> Address {
    Address::of("network", role)
}

fn adopted(id: &str) -> Event {
    let record = Record {
        kind: "Any::Kind::Will".into(),
        region: "eu-west-1".into(),
        id: Some(PhysicalId::new(id)),
        status: Status::Stable,
        spec: serde_json::json!({}).into(),
        intended: None,
        outputs: Outputs::new(),
        needs: Needs::new(),
        deletion: DeletionPolicy::Delete,
    };
    Event::Adopted { record: Box::new(record) }
}

/// An apply that makes `roles`, one durable event after the other. What was durable when it ended, well or not.
async fn apply(store: &Store, roles: &[&str]) -> (Vec<Address>, Result<(), StoreError>) {
    let mut durable = Vec::new();
    let ended = apply_into(store, roles, &mut durable).await;
    (durable, ended)
}

async fn apply_into(
    store: &Store,
    roles: &[&str],
    durable: &mut Vec<Address>,
) -> Result<(), StoreError> {
    let lock = locked(store).await?;
    let mut state = store.load().await?;
    let mut journal = store.begin(&lock, &mut state).await?;
    for role in roles {
        let (address, event) = (at(role), adopted(role));
        state.apply(&address, &event);
        journal.append(&address, &event).await?;
        durable.push(address);
    }
    store.finish(&lock, &state, journal).await?;
    lock.release().await
}

/// The lock, once its former holder is gone.
async fn locked(store: &Store) -> Result<Lock, StoreError> {
    loop {
        match store.lock("apply").await {
            Err(StoreError::Lock(LockError::Held { .. })) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            ended => return ended,
        }
    }
}

fn known(state: &State) -> Vec<Address> {
    state.resources.keys().cloned().collect()
}

/// Whether nothing was lost, and nothing invented.
fn assert_tells(state: &State, durable: &[Address], begun: &[&str], cut: usize) {
    let known = known(state);
    assert!(durable.iter().all(|it| known.contains(it)), "cut {cut}: {known:?} of {durable:?}");
    let begun: Vec<Address> = begun.iter().map(|role| at(role)).collect();
    assert!(known.iter().all(|it| begun.contains(it)), "cut {cut}: {known:?} of {begun:?}");
}

#[tokio::test(start_paused = true)]
async fn an_apply_can_be_cut_off_between_any_two_writes() {
    let (first, second) = (["a", "b", "c"], ["d", "e"]);
    let mut cuts = 0;
    for cut in 0.. {
        let world = Arc::new(World::default());
        apply(&Way::to(&world).store(), &["z"]).await.1.unwrap();
        let (mut durable, ended) = apply(&Way::to(&world).dies_after(cut).store(), &first).await;
        durable.push(at("z"));
        let reader = Way::to(&world).store();
        let left = reader.load().await.unwrap();
        assert_tells(&left, &durable, &["a", "b", "c", "z"], cut);
        let (added, resumed) = apply(&reader, &second).await;
        resumed.unwrap();
        durable.extend(added);
        let state = reader.load().await.unwrap();
        assert_tells(&state, &durable, &["a", "b", "c", "d", "e", "z"], cut);
        assert_eq!(known(&state).len(), known(&left).len() + 2, "cut {cut}");
        // Each serial is in the history, as it was.
        let serials: Vec<u64> =
            reader.history().await.unwrap().iter().map(|version| version.serial).collect();
        assert!(serials.is_sorted_by(|a, b| a == &(b + 1)), "cut {cut}: {serials:?}");
        assert_eq!(serials.first(), Some(&state.serial), "cut {cut}");
        assert_eq!(reader.version(state.serial).await.unwrap(), state);
        // Only empty objects stay of journals.
        let journals = world.keys_of("journal/");
        assert!(journals.len() <= 1, "cut {cut}: {journals:?}");
        if ended.is_ok() && left.resources.len() == 4 && journals.is_empty() {
            cuts = cut;
            break;
        }
    }
    assert!(cuts >= 9, "only {cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn a_takeover_can_be_cut_off_between_any_two_writes() {
    for cut in 0..12 {
        let world = Arc::new(World::default());
        let first = Way::to(&world);
        let dead = first.store();
        let lock = dead.lock("apply").await.unwrap();
        let mut state = dead.load().await.unwrap();
        let mut journal = dead.begin(&lock, &mut state).await.unwrap();
        journal.append(&at("a"), &adopted("a")).await.unwrap();
        first.freeze(true);
        let (mut durable, _) = apply(&Way::to(&world).dies_after(cut).store(), &["b"]).await;
        durable.push(at("a"));
        let last = Way::to(&world).store();
        let (added, ended) = apply(&last, &["c"]).await;
        ended.unwrap();
        durable.extend(added);
        let stored = last.load().await.unwrap();
        assert_tells(&stored, &durable, &["a", "b", "c"], cut);
        // The first one was never dead.
        first.freeze(false);
        let late = journal.append(&at("x"), &adopted("x")).await.unwrap_err();
        assert!(matches!(late, JournalError::Lock(LockError::Lost { .. })), "{late:?}");
        assert_eq!(last.load().await.unwrap(), stored, "cut {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_within_a_minute_and_shut_out() {
    let world = Arc::new(World::default());
    let (first, second) = (Way::to(&world), Way::to(&world));
    let (dead, alive) = (first.store(), second.store());
    let lock = dead.lock("apply").await.unwrap();
    let mut state = dead.load().await.unwrap();
    let mut journal = dead.begin(&lock, &mut state).await.unwrap();
    journal.append(&at("a"), &adopted("a")).await.unwrap();
    state.apply(&at("a"), &adopted("a"));

    first.freeze(true);
    let died = Instant::now();
    // One line is on its way.
    let on_its_way = journal.append(&at("x"), &adopted("x"));
    state.apply(&at("x"), &adopted("x"));
    let error = alive.lock("destroy").await.unwrap_err();
    assert!(matches!(error, StoreError::Lock(LockError::Held { .. })), "{error}");
    let told = std::sync::Mutex::new(Vec::new());
    let taken = loop {
        let watching = |holder: &Holder| told.lock().unwrap().push(holder.to_string());
        match alive.lock_watching("destroy", &watching).await {
            Ok(lock) => break lock,
            Err(StoreError::Lock(LockError::Held { .. })) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let took = died.elapsed();
    assert!((DEAD_AFTER..Duration::from_mins(1)).contains(&took), "{took:?}");
    assert_eq!(told.into_inner().unwrap(), [lock.holder().to_string()]);
    let seen = alive.load().await.unwrap();
    assert_eq!(known(&seen), [at("a")]);

    first.freeze(false);
    let permit = journal.permit();
    let lost = permit.held().await.unwrap_err();
    assert!(matches!(&lost, LockError::Lost { to: Some(to), .. } if to.contains("destroy")));
    assert!(on_its_way.await.is_err());
    assert!(matches!(journal.broken().await, JournalError::Lock(LockError::Lost { .. })));
    assert!(matches!(dead.finish(&lock, &state, journal).await, Err(StoreError::Journal(_))));
    assert!(matches!(
        dead.replace(&lock, &mut state).await,
        Err(StoreError::Lock(LockError::Lost { .. }))
    ));
    assert!(matches!(dead.begin(&lock, &mut state).await, Err(StoreError::Lock(_))));
    lock.release().await.unwrap();
    let mut now = seen.clone();
    let journal = alive.begin(&taken, &mut now).await.unwrap();
    alive.finish(&taken, &now, journal).await.unwrap();
    assert_eq!(alive.load().await.unwrap(), now, "the release of the lost lock released nothing");
    taken.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_pauses_believes_in_its_lock_no_longer_than_others_do() {
    let world = Arc::new(World::default());
    let way = Way::to(&world);
    let store = way.store();
    let lock = store.lock("apply").await.unwrap();
    let journal = store.begin(&lock, &mut store.load().await.unwrap()).await.unwrap();
    let permit = journal.permit();
    permit.held().await.unwrap();
    way.freeze(true);
    tokio::time::sleep(DEAD_AFTER).await;
    let held = permit.held();
    tokio::pin!(held);
    let at_once = tokio::time::timeout(Duration::from_mins(1), &mut held).await;
    assert!(at_once.is_err(), "nobody can say whether it is held");
    way.freeze(false);
    held.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_that_race_one_gets_the_lock_and_the_other_learns_who() {
    for _ in 0..20 {
        let world = Arc::new(World::default());
        let [one, two] = [Way::to(&world).store(), Way::to(&world).store()];
        let (first, second) = tokio::join!(one.lock("apply"), two.lock("destroy"));
        let (winner, error) = match (first, second) {
            (Ok(winner), Err(error)) | (Err(error), Ok(winner)) => (winner, error),
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert!(error.to_string().contains(&winner.holder().to_string()), "{error}");
        winner.release().await.unwrap();
        two.lock("destroy").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_cost_time_and_nothing_else() {
    let world = Arc::new(World::default());
    let store = Way::to(&world).loses_answers().store();
    for roles in [["a", "b"], ["c", "d"]] {
        apply(&store, &roles).await.1.unwrap();
    }
    let state = Way::to(&world).store().load().await.unwrap();
    assert_eq!((state.serial, known(&state).len()), (2, 4));
    assert_eq!(world.keys_of("journal/"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_an_object_is_written_goes_into_the_next() {
    let world = Arc::new(World::default());
    let store = Way::slow(&world, Duration::from_millis(30)).store();
    let lock = store.lock("apply").await.unwrap();
    let mut state = store.load().await.unwrap();
    let mut journal = store.begin(&lock, &mut state).await.unwrap();
    let mut last = Durable::already();
    for round in 0..10 {
        for role in ["a", "b", "c", "d"] {
            last = journal.append(&at(&format!("{role}{round}")), &adopted(role));
        }
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    last.await.unwrap();
    let objects = world.keys_of("journal/").len();
    assert!((2..=5).contains(&objects), "{objects} objects");
    let read = Way::to(&world).store().load().await.unwrap();
    assert_eq!(read.resources.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_faster_than_the_takeover_is_in_it() {
    let world = Arc::new(World::default());
    let (first, second) = (Way::to(&world), Way::slow(&world, Duration::from_millis(10)));
    let dead = first.store();
    let lock = dead.lock("apply").await.unwrap();
    let mut state = dead.load().await.unwrap();
    let mut journal = dead.begin(&lock, &mut state).await.unwrap();
    // Somebody takes the lock away while the holder writes line after line.
    assert_eq!(second.store().unlock().await.unwrap(), Some(lock.holder().clone()));
    let writing = async {
        let mut durable = Vec::new();
        for number in 0.. {
            let address = at(&format!("r{number}"));
            if journal.append(&address, &adopted("r")).await.is_err() {
                break;
            }
            durable.push(address);
            tokio::time::sleep(Duration::from_millis(12)).await;
        }
        durable
    };
    let alive = second.store();
    let (mut durable, taken) = tokio::join!(writing, alive.lock("destroy"));
    durable.sort();
    let _taken = taken.unwrap();
    assert_eq!(known(&alive.load().await.unwrap()), durable);
    assert!(!durable.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fence_never_falls() {
    let world = Arc::new(World::default());
    let store = Way::to(&world).store();
    let lock = store.lock("apply").await.unwrap();
    let mut state = store.load().await.unwrap();
    let mut journal = store.begin(&lock, &mut state).await.unwrap();
    journal.append(&at("a"), &adopted("a")).await.unwrap();
    drop((journal, lock));
    let journals = world.keys_of("journal/");
    assert_eq!(journals.len(), 1);
    // Somebody tidies up by hand.
    world.remove("lock");
    let lock = locked(&store).await.unwrap();
    let mut state = store.load().await.unwrap();
    assert_eq!(known(&state), [at("a")]);
    let mut journal = store.begin(&lock, &mut state).await.unwrap();
    journal.append(&at("b"), &adopted("b")).await.unwrap();
    let new = world.keys_of("journal/");
    assert!(new.last() > journals.last(), "{new:?}");
}

#[tokio::test(start_paused = true)]
async fn one_lock_may_serve_several_applies_and_replacements() {
    let world = Arc::new(World::default());
    let store = Way::to(&world).store();
    let lock = store.lock("apply").await.unwrap();
    let mut state = store.load().await.unwrap();
    for role in ["a", "b"] {
        let mut journal = store.begin(&lock, &mut state).await.unwrap();
        state.apply(&at(role), &adopted(role));
        journal.append(&at(role), &adopted(role)).await.unwrap();
        assert_eq!(store.load().await.unwrap(), state);
        store.finish(&lock, &state, journal).await.unwrap();
        assert_eq!(store.load().await.unwrap(), state);
    }
    state.apply(&at("a"), &Event::Gone);
    store.replace(&lock, &mut state).await.unwrap();
    assert_eq!((state.serial, &store.load().await.unwrap()), (3, &state));
    for _ in 0..VERSIONS_MAX {
        store.replace(&lock, &mut state).await.unwrap();
    }
    let kept: Vec<u64> = store.history().await.unwrap().iter().map(|it| it.serial).collect();
    assert_eq!((kept.len(), kept[0]), (VERSIONS_MAX, state.serial));
    assert!(matches!(store.version(1).await, Err(StoreError::NoVersion { serial: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_can_be_replaced_and_is_set_aside() {
    let world = Arc::new(World::default());
    let store = Way::to(&world).store();
    apply(&store, &["a"]).await.1.unwrap();
    let good = store.load().await.unwrap();
    world.set("state.json", b"{");
    assert!(matches!(store.load().await, Err(StoreError::Format { .. })));
    let lock = store.lock("state restore").await.unwrap();
    let mut state = store.version(good.serial).await.unwrap();
    store.replace(&lock, &mut state).await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert_eq!(world.keys_of("unreadable/").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_given_up_in_the_end() {
    let world = Arc::new(World::default());
    let way = Way::to(&world);
    let lock = way.store().lock("apply").await.unwrap();
    way.dies_after(0);
    let lost = lock.lost().await;
    assert!(matches!(lost, LockError::Unrenewed { .. }), "{lost}");
}
