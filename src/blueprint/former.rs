//! What has `moved`: the blueprint as it would be, had its components kept the names that they had once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::decode::{Decode, Decoder, Word};
use super::node::Node;
use super::reference::{ComponentType, HOME};
use super::value::Name;
use super::{Blueprint, Document};

/// The former names of components, by their present paths: `queues.orders`, `regions.dr.queues.orders`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormerNames(BTreeMap<String, Name>);

impl FormerNames {
    /// The name that a component had, in `region` or at home; its own if it had no other one.
    pub(crate) fn of<N: Word>(&self, region: Option<&str>, component: ComponentType, name: N) -> N {
        if self.0.is_empty() {
            return name;
        }
        let section = component.section();
        let path = match region {
            Some(region) if region != HOME => format!("regions.{region}.{section}.{name}"),
            Some(_) | None => format!("{section}.{name}"),
        };
        self.0.get(&path).and_then(|it| it.as_str().parse().ok()).unwrap_or(name)
    }
}

impl Blueprint {
    /// The blueprint in which everything that has moved has its former name, here and wherever it is named, and the paths
    /// of these components: the present one by the former one.
    pub fn under_former_names(&self) -> (Cow<'_, Self>, BTreeMap<String, String>) {
        let (mut names, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for (from, to) in &self.moved {
            let (from, to) = (from.as_str(), to.as_str());
            if let Some(name) = self.renamed(from, to) {
                names.insert(to.to_owned(), name);
                paths.retain(|_, now| now != to);
                paths.insert(from.to_owned(), to.to_owned());
            }
        }
        if names.is_empty() {
            return (Cow::Borrowed(self), paths);
        }
        let mut decoder = Decoder::giving(FormerNames(names));
        let document = Document::decode(&self.written.root, &mut decoder);
        let document = document.expect("what was decoded once is decoded under other names, too");
        let (former, ..) = document.into_blueprint(self.written.clone(), self.defaults.clone());
        (Cow::Owned(former), paths)
    }

    /// The former name, if a component got another one and stands where it stood. The name of a zone is its domain, and
    /// makes it another one; that of a resource in CloudFormation's words is in nothing but its address.
    fn renamed(&self, from: &str, to: &str) -> Option<Name> {
        let (before, former) = from.rsplit_once('.')?;
        let (section, _) = to.rsplit_once('.').filter(|(section, _)| *section == before)?;
        let root = &self.written.root;
        let unnamed = [ComponentType::Resource, ComponentType::Zone];
        let mut types = ComponentType::ALL.iter().filter(|it| !unnamed.contains(it));
        let is_section = |it: &ComponentType| section.rsplit('.').next() == Some(it.section());
        let there =
            |path: &str| path.split('.').try_fold(root, |node: &Node, key| node.get(key)).is_some();
        // One that is there under both names is told as a problem.
        let moved = types.any(is_section) && there(to) && !there(from);
        moved.then(|| former.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Selection, load_bytes};
    use super::*;

    #[test]
    fn former_names_stand_wherever_a_component_is_named() {
        let text = r"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
queues:
  paid: {deadLetter: {to: lost}}
  lost: {}
topics: {events: {subscribers: [queue.paid]}}
buckets: {files: {}}
regions:
  dr:
    region: eu-central-1
    queues: {paid: {}, late: {}}
    topics: {events: {subscribers: [queue.late, queue.paid]}}
moved: {queues.payments: queues.paid, regions.dr.queues.slow: regions.dr.queues.late, queues.a: buckets.files}
";
        let loaded = load_bytes("shop.yaml", text.as_bytes(), Selection::default());
        let blueprint = loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let (former, paths) = blueprint.under_former_names();
        let names = |it: &Blueprint| it.queues.keys().map(ToString::to_string).collect::<Vec<_>>();
        let dr = |it: &Blueprint| it.regions.values().next().unwrap().value.clone();
        assert_eq!(names(&former), ["lost", "payments"]);
        assert_eq!(names(&dr(&former)), ["paid", "slow"]);
        assert_eq!(names(&dr(&blueprint)), ["late", "paid"]);
        let subscribers = |it: &Blueprint| format!("{:?}", it.topics.values().next());
        assert!(subscribers(&former).contains("queue.payments"), "{}", subscribers(&former));
        assert!(subscribers(&dr(&former)).contains("queue.slow"));
        assert!(subscribers(&dr(&former)).contains("queue.paid"));
        assert_eq!(former.buckets, blueprint.buckets);
        let expected = [
            ("queues.payments", "queues.paid"),
            ("regions.dr.queues.slow", "regions.dr.queues.late"),
        ];
        assert_eq!(paths, expected.map(|(from, to)| (from.to_owned(), to.to_owned())).into());
    }
}
