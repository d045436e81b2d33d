//! Who asks for what: service, action and protocol of a request.

use super::message::Incoming;

/// A request, as far as scripts care.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// As its signature names it: `ec2`, `elasticloadbalancing`; [`KUBERNETES`] has tokens instead.
    pub(crate) service: String,
    /// `DescribeVpcs`; of a REST service that is not in [`OPERATIONS`], method and path; of Kubernetes method and resource.
    pub(crate) action: String,
    /// Which one of this service and action it is, from 1.
    pub(crate) nth: usize,
    /// Which one of all that may change something it is, from 1; `None`: it reads.
    pub(crate) effect: Option<usize>,
    pub(crate) body: String,
    pub(super) protocol: Protocol,
}

/// How a service speaks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Protocol {
    Ec2,
    Query,
    /// The content type, which has the version.
    Json(String),
    Cbor,
    RestJson,
    RestXml,
    S3,
    Kubernetes,
}

/// What the clusters are called among services.
pub(crate) const KUBERNETES: &str = "kubernetes";

/// Operations of REST services: service, method and path, name. `*` is one segment.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("eks", "POST /clusters", "CreateCluster"),
    ("eks", "GET /clusters", "ListClusters"),
    ("eks", "GET /clusters/*", "DescribeCluster"),
    ("eks", "DELETE /clusters/*", "DeleteCluster"),
    ("eks", "POST /clusters/*/update-config", "UpdateClusterConfig"),
    ("eks", "POST /clusters/*/updates", "UpdateClusterVersion"),
    ("eks", "POST /clusters/*/encryption-config/associate", "AssociateEncryptionConfig"),
    ("eks", "POST /clusters/*/node-groups", "CreateNodegroup"),
    ("eks", "GET /clusters/*/node-groups", "ListNodegroups"),
    ("eks", "GET /clusters/*/node-groups/*", "DescribeNodegroup"),
    ("eks", "DELETE /clusters/*/node-groups/*", "DeleteNodegroup"),
    ("eks", "POST /clusters/*/node-groups/*/update-config", "UpdateNodegroupConfig"),
    ("eks", "POST /clusters/*/node-groups/*/update-version", "UpdateNodegroupVersion"),
    ("eks", "POST /clusters/*/addons", "CreateAddon"),
    ("eks", "GET /clusters/*/addons", "ListAddons"),
    ("eks", "GET /clusters/*/addons/*", "DescribeAddon"),
    ("eks", "DELETE /clusters/*/addons/*", "DeleteAddon"),
    ("eks", "POST /clusters/*/addons/*/update", "UpdateAddon"),
    ("eks", "POST /clusters/*/access-entries", "CreateAccessEntry"),
    ("eks", "GET /clusters/*/access-entries", "ListAccessEntries"),
    ("eks", "GET /clusters/*/access-entries/*", "DescribeAccessEntry"),
    ("eks", "DELETE /clusters/*/access-entries/*", "DeleteAccessEntry"),
    ("eks", "POST /clusters/*/access-entries/*", "UpdateAccessEntry"),
    ("eks", "POST /clusters/*/access-entries/*/access-policies", "AssociateAccessPolicy"),
    ("eks", "GET /clusters/*/access-entries/*/access-policies", "ListAssociatedAccessPolicies"),
    ("eks", "DELETE /clusters/*/access-entries/*/access-policies/*", "DisassociateAccessPolicy"),
    ("eks", "POST /clusters/*/pod-identity-associations", "CreatePodIdentityAssociation"),
    ("eks", "GET /clusters/*/pod-identity-associations", "ListPodIdentityAssociations"),
    ("eks", "GET /clusters/*/pod-identity-associations/*", "DescribePodIdentityAssociation"),
    ("eks", "DELETE /clusters/*/pod-identity-associations/*", "DeletePodIdentityAssociation"),
    ("eks", "POST /clusters/*/pod-identity-associations/*", "UpdatePodIdentityAssociation"),
    ("eks", "POST /tags/*", "TagResource"),
    ("eks", "DELETE /tags/*", "UntagResource"),
    ("route53", "POST /2013-04-01/hostedzone", "CreateHostedZone"),
    ("route53", "GET /2013-04-01/hostedzone", "ListHostedZones"),
    ("route53", "GET /2013-04-01/hostedzone/*", "GetHostedZone"),
    ("route53", "POST /2013-04-01/hostedzone/*", "UpdateHostedZoneComment"),
    ("route53", "DELETE /2013-04-01/hostedzone/*", "DeleteHostedZone"),
    ("route53", "GET /2013-04-01/hostedzone/*/rrset", "ListResourceRecordSets"),
    ("route53", "POST /2013-04-01/hostedzone/*/rrset", "ChangeResourceRecordSets"),
    ("route53", "POST /2013-04-01/healthcheck", "CreateHealthCheck"),
    ("route53", "GET /2013-04-01/healthcheck", "ListHealthChecks"),
    ("route53", "POST /2013-04-01/healthcheck/*", "UpdateHealthCheck"),
    ("route53", "DELETE /2013-04-01/healthcheck/*", "DeleteHealthCheck"),
    ("route53", "POST /2013-04-01/tags/*", "ListTagsForResources"),
    ("route53", "POST /2013-04-01/tags/*/*", "ChangeTagsForResource"),
];

impl Request {
    /// Its numbers are not known yet.
    pub(super) fn of(incoming: &Incoming) -> Self {
        let body = String::from_utf8_lossy(&incoming.body).into_owned();
        if incoming.header("authorization").is_some_and(|it| it.starts_with("Bearer ")) {
            let (service, action) = (KUBERNETES.into(), cluster_action(incoming));
            return Self {
                service,
                action,
                nth: 0,
                effect: None,
                body,
                protocol: Protocol::Kubernetes,
            };
        }
        // The scope of the signature: `Credential=key/date/region/service/aws4_request`.
        let scope = incoming.header("authorization").and_then(|header| header.split('/').nth(3));
        let service = scope.unwrap_or_default().to_owned();
        let target = incoming.header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let form = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let (action, protocol) = if incoming.header("smithy-protocol") == Some("rpc-v2-cbor") {
            (incoming.path.rsplit('/').next().unwrap_or_default().to_owned(), Protocol::Cbor)
        } else if let Some(target) = target {
            let content = incoming.header("content-type").unwrap_or_default();
            (target.to_owned(), Protocol::Json(content.to_owned()))
        } else if let Some(action) = form {
            let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
            (action.to_owned(), protocol)
        } else {
            let protocol = match service.as_str() {
                "s3" => Protocol::S3,
                "cloudfront" | "route53" => Protocol::RestXml,
                _ => Protocol::RestJson,
            };
            (rest_action(&service, &incoming.method, &incoming.path), protocol)
        };
        Self { service, action, nth: 0, effect: None, body, protocol }
    }

    pub(super) fn is_of_cluster(&self) -> bool {
        self.protocol == Protocol::Kubernetes
    }

    /// By the verbs that AWS names its reads with, and by the methods of REST.
    pub(super) fn is_read(&self) -> bool {
        let verbs = ["Describe", "List", "Get", "BatchGet", "GET ", "HEAD "];
        verbs.iter().any(|verb| self.action.starts_with(verb))
    }
}

/// `PATCH deployments`; what is not about objects is named by its path.
fn cluster_action(incoming: &Incoming) -> String {
    let path = incoming.path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let resource = match parts.as_slice() {
        ["clusters", _, _, _, _, "api", _, rest @ ..]
        | ["clusters", _, _, _, _, "apis", _, _, rest @ ..] => match rest {
            ["namespaces", _, resource, ..] | [resource, ..] => resource,
            [] => path,
        },
        _ => path,
    };
    format!("{} {resource}", incoming.method)
}

fn rest_action(service: &str, method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let asked: Vec<&str> = path.split('/').collect();
    let is = |known: &str| {
        let (verb, path) = known.split_once(' ').unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let same = |(known, asked): (&&str, &&str)| *known == "*" || known == asked;
        verb == method && parts.len() == asked.len() && parts.iter().zip(&asked).all(same)
    };
    let known = OPERATIONS.iter().find(|(of, known, _)| *of == service && is(known));
    known.map_or_else(|| format!("{method} {path}"), |(_, _, name)| (*name).to_owned())
}

#[test]
fn operations_of_rest_services_have_their_names() {
    for (service, method, path, action) in [
        ("eks", "GET", "/clusters/shop", "DescribeCluster"),
        ("eks", "POST", "/clusters/shop/node-groups", "CreateNodegroup"),
        (
            "eks",
            "DELETE",
            "/clusters/a/access-entries/arn%3Aaws/access-policies/b",
            "DisassociateAccessPolicy",
        ),
        ("eks", "DELETE", "/tags/arn%3Aaws?tagKeys=a", "UntagResource"),
        ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"),
        ("route53", "POST", "/2013-04-01/tags/hostedzone", "ListTagsForResources"),
        ("s3", "PUT", "/bucket?policy", "PUT /bucket"),
    ] {
        assert_eq!(rest_action(service, method, path), action);
    }
}
