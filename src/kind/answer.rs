//! From what a kind has read to the answers of lookups: matched, and completed where somebody compares what costs a call.

use std::collections::BTreeMap;

use futures::stream::{FuturesUnordered, TryStreamExt as _};

use super::{Compared, Kind, Lookup, Observed, Wanted};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::fault::Fault;

/// Objects of one kind and region that are completed at the same time.
const COMPLETIONS_MAX: usize = 16;

/// Reads, matches and completes.
pub(super) async fn answer<K: Kind>(
    cx: &Cx,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Option<Observed>>, Fault> {
    let lookups: Vec<Lookup> = wanted.iter().map(|wanted| wanted.lookup.clone()).collect();
    let lives = K::read(cx, &lookups).await?;
    let index = Found::of::<K>(&lives);
    let found: Vec<Option<usize>> =
        lookups.iter().map(|lookup| index.answer::<K>(&lives, lookup)).collect();
    let mut askers: BTreeMap<usize, Vec<&Compared<'_>>> = BTreeMap::new();
    for (wanted, at) in wanted.iter().zip(&found) {
        if let Some(at) = at {
            askers.entry(*at).or_default().push(&wanted.compared);
        }
    }
    let mut asked_for = lives.into_iter().enumerate().filter_map(|(at, live)| {
        let compared = Compared::union(askers.remove(&at)?);
        Some((at, live, compared))
    });
    let (mut under_way, mut completed) = (FuturesUnordered::new(), BTreeMap::new());
    loop {
        // A call that waits is big: none is made before there is room for it.
        while under_way.len() < COMPLETIONS_MAX
            && let Some((at, live, compared)) = asked_for.next()
        {
            under_way.push(complete::<K>(cx, at, live, compared));
        }
        let Some(done) = under_way.try_next().await? else { break };
        completed.extend([done]);
    }
    let answer = |(lookup, at): (&Lookup, Option<usize>)| {
        // Who owns it may have been known from an index that was behind.
        let fits = |seen: &Observed| match lookup {
            Lookup::Id(_) => true,
            Lookup::Owner { owner, .. } => seen.owner.as_ref() == Some(owner),
        };
        completed.get(&at?).cloned().flatten().filter(fits)
    };
    Ok(lookups.iter().zip(found).map(answer).collect())
}

/// Where in what one call has read the answer to a lookup stands: a list may hold thousands.
struct Found {
    by_id: BTreeMap<PhysicalId, usize>,
    by_owner: BTreeMap<Owner, Vec<(PhysicalId, usize)>>,
}

impl Found {
    fn of<K: Kind>(lives: &[K::Live]) -> Self {
        let mut found = Self { by_id: BTreeMap::new(), by_owner: BTreeMap::new() };
        for (at, live) in lives.iter().enumerate() {
            let id = K::id(live);
            if let Some(owner) = K::owner(live) {
                found.by_owner.entry(owner).or_default().push((id.clone(), at));
            }
            found.by_id.entry(id).or_insert(at);
        }
        found
    }

    fn answer<K: Kind>(&self, lives: &[K::Live], lookup: &Lookup) -> Option<usize> {
        match lookup {
            Lookup::Id(id) => {
                let known = self.by_id.get(id).copied();
                known.or_else(|| lives.iter().position(|live| K::answers_to(live, id)))
            }
            Lookup::Owner { owner, except, tokens: _ } => {
                let theirs = self.by_owner.get(owner)?;
                theirs.iter().find(|(id, _)| !except.contains(id)).map(|(_, at)| *at)
            }
        }
    }
}

async fn complete<K: Kind>(
    cx: &Cx,
    at: usize,
    live: K::Live,
    compared: Compared<'_>,
) -> Result<(usize, Option<Observed>), Fault> {
    let observed = K::complete(cx, live, compared).await?.map(|live| Observed {
        id: K::id(&live),
        owner: K::owner(&live),
        spec: serde_json::to_value(K::spec(&live)).expect("a Spec always serializes"),
        outputs: K::outputs(&live),
        readiness: K::readiness(&live),
    });
    Ok((at, observed))
}
