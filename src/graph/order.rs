//! Order among resources: cycles, and an order in which everything stands behind what it needs.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graphmap::DiGraphMap;

use crate::address::Address;
use crate::graph::Needs;

/// All cycles, each as the list of its members with the first one repeated at the end.
pub fn cycles<'a>(edges: impl IntoIterator<Item = (&'a Address, &'a Needs)>) -> Vec<Vec<Address>> {
    let mut graph = DiGraphMap::<&Address, ()>::new();
    for (from, needs) in edges {
        graph.add_node(from);
        for to in needs.keys() {
            graph.add_edge(from, to, ());
        }
    }
    let mut cycles: Vec<Vec<Address>> = tarjan_scc(&graph)
        .into_iter()
        .filter(|members| members.len() > 1 || graph.contains_edge(members[0], members[0]))
        .map(|members| walk(&graph, &members))
        .collect();
    cycles.sort();
    cycles
}

/// All addresses, each behind those that it needs; ties in the order of addresses. What lies on a cycle, or behind
/// one, is left out: [`cycles`] has told of it.
pub fn topological<'a>(
    edges: impl IntoIterator<Item = (&'a Address, &'a Needs)>,
) -> Vec<&'a Address> {
    let edges: BTreeMap<&Address, &Needs> = edges.into_iter().collect();
    let mut dependents: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    let mut missing: BTreeMap<&Address, usize> = BTreeMap::new();
    for (&from, needs) in &edges {
        let known: Vec<&Address> = needs.keys().filter(|to| edges.contains_key(to)).collect();
        missing.insert(from, known.len());
        for to in known {
            dependents.entry(to).or_default().push(from);
        }
    }
    let free = missing.iter().filter(|(_, count)| **count == 0);
    let mut ready: BTreeSet<&Address> = free.map(|(&address, _)| address).collect();
    let mut sorted = Vec::with_capacity(edges.len());
    while let Some(address) = ready.pop_first() {
        sorted.push(address);
        for &dependent in dependents.get(address).into_iter().flatten() {
            let left = missing.get_mut(dependent).expect("every dependent was counted");
            *left -= 1;
            if *left == 0 {
                ready.insert(dependent);
            }
        }
    }
    sorted
}

/// The shortest way around a strongly connected component from its smallest member.
fn walk(graph: &DiGraphMap<&Address, ()>, members: &[&Address]) -> Vec<Address> {
    let start = *members.iter().min().expect("a component has members");
    let home = |from| astar(graph, from, |at| at == start, |_| 1, |_| 0);
    let ways = graph.neighbors(start).filter_map(home);
    let (_, way) = ways.min().expect("from every member of a component a way leads to every other");
    [start].into_iter().chain(way).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Need;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<Address, Needs> {
        let address = |name: &str| Address::of("c", name);
        let needs = |to: &[&str]| to.iter().map(|to| (address(to), Need::Id)).collect();
        edges.iter().map(|(from, to)| (address(from), needs(to))).collect()
    }

    #[test]
    fn every_member_of_a_cycle_is_named() {
        let graph = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        let cycles = cycles(&graph);
        let names: Vec<&str> = cycles[0].iter().map(Address::role).collect();
        assert_eq!((cycles.len(), names), (1, vec!["a", "b", "c", "a"]));
    }

    #[test]
    fn what_is_needed_comes_first() {
        let graph = graph(&[("a", &["c"]), ("b", &[]), ("c", &["b"])]);
        let names: Vec<&str> = topological(&graph).into_iter().map(Address::role).collect();
        assert_eq!(names, ["b", "c", "a"]);
    }
}
