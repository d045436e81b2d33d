//! What the kinds share that tell what blocks a deletion: whose something is, from its tags.

use std::collections::BTreeMap;

use crate::cloud::tags::{self, Tags};
use crate::fault::Holder;

/// Tags of controllers and services that make things in an account, with what their values name.
const MAKERS: &[(&str, &str)] = &[
    ("karpenter.sh/nodepool", "Karpenter node pool"),
    ("eks:nodegroup-name", "EKS node group"),
    ("aws:eks:cluster-name", "EKS cluster"),
    ("eks:cluster-name", "EKS cluster"),
    ("elbv2.k8s.aws/cluster", "EKS cluster"),
    ("cluster.k8s.amazonaws.com/name", "EKS cluster"),
    ("aws:autoscaling:groupName", "Auto Scaling group"),
    ("aws:cloudformation:stack-name", "CloudFormation stack"),
];
/// Its key ends in the name of the cluster.
const CLUSTER_TAG: &str = "kubernetes.io/cluster/";

/// Whose something with these tags is: a stack's, else that of what made it.
pub(super) fn holder(pairs: impl IntoIterator<Item = (String, String)>) -> Holder {
    let pairs: BTreeMap<String, String> = pairs.into_iter().collect();
    let owner = tags::owner(&Tags::read(pairs.clone()).0);
    let made = MAKERS.iter().find_map(|(key, what)| Some(format!("{what} {}", pairs.get(*key)?)));
    let cluster = || pairs.keys().find_map(|key| key.strip_prefix(CLUSTER_TAG));
    Holder::tagged(owner).or(made.or_else(|| Some(format!("EKS cluster {}", cluster()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Holder {
        holder(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())))
    }

    #[test]
    fn tags_tell_whose_it_is() {
        let service = |text: &str| Holder::Service(text.into());
        assert_eq!(of(&[("Name", "a")]), Holder::Unknown);
        assert_eq!(of(&[("aws:eks:cluster-name", "shop")]), service("EKS cluster shop"));
        assert_eq!(of(&[("kubernetes.io/cluster/shop", "owned")]), service("EKS cluster shop"));
        let node = [("kubernetes.io/cluster/shop", "owned"), ("karpenter.sh/nodepool", "apps")];
        assert_eq!(of(&node), service("Karpenter node pool apps"));
        let ours = [("platctl:stack", "shop"), ("platctl:address", "a/b"), node[0]];
        assert!(matches!(of(&ours), Holder::Stack(_)));
    }
}
