use super::*;
use reference::ComponentType;
use shape::{Field, Struct};

/// Only what is required, of everything that has a default.
const SPARSE: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
state: {s3: {bucket: shop-state}, encryption: {}}
network:
  cidr: 10.0.0.0/16
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24, 10.0.13.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24, 10.0.23.0/24]
  endpoints: {sts: {}}
  flowLogs: {}
cluster:
  version: "1.31"
  nodeGroups: {a: {instanceTypes: [m6i.large], size: 1}, b: {instanceTypes: [m6i.large], size: 1, disk: {}}}
  addons: {eks-pod-identity-agent: {}, aws-ebs-csi-driver: {}}
databases: {a: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, backupCopies: {key: a@b}}}
regions:
  b: {region: eu-central-1, keys: {a: {}}, existing: {cluster: b}, platform: {clusterAutoscaler: {}}}
loadBalancers:
  a:
    scheme: internet-facing
    certificate: a
    targets: {a: {port: 80}}
    routes: [{paths: [/b], redirect: {path: /c}}, {paths: [/d], respond: {}}]
    accessLogs: {}
  b: {certificate: a, targets: {a: {port: 80}}}
caches: {a: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}}
tables:
  a:
    primaryKey: {partition: a, sort: b}
    indexes: {abc: {partition: b}}
    localIndexes: {def: {sort: c}}
buckets: {a: {cors: [{origins: ["*"]}]}}
queues: {a: {deadLetter: {}}}
topics: {a: {subscribers: [{queue: a}, {email: a@example.com}, {https: "https://example.com"}]}}
dns:
  example.com:
    records: {a: {alias: loadBalancer.a}, b: {type: TXT, values: [x]}}
    healthChecks: {a: {host: example.com}}
certificates: {a: {domain: a.example.com, zone: example.com}}
firewalls: {a: {rules: [{ruleSet: common}, {rate: 100}, {countries: [NO]}], logging: {}}, b: {block: [192.0.2.0/24]}}
registries: {a: {}}
secrets: {a: {generate: {}}}
parameters: {a: {value: a}}
keys: {a: {}}
logs: {a: {}}
identities: {a: {serviceAccount: default/a}}
securityGroups: {a: {ingress: [{from: cluster, port: 80}], egress: [{to: 10.0.0.0/8, port: 1..2}]}}
cdn:
  a: {origins: {a: {loadBalancer: a}, b: {domain: b.example.com}}, default: {origin: a, cache: {}},
      errors: {"404": {page: /404.html}}, accessLogs: {}}
alarms: {a: {of: database.a, metric: cpu, above: 80%}}
dashboards: {a: {of: [database.a]}}
audit: {trail: {logs: {}}, config: {}, threats: {}}
platform:
  istio: {}
  argoCd:
    projects: {a: {}}
    applications: {a: {repository: "https://example.com/a.git", path: a}}
    appOfApps: {repository: "https://example.com/b.git", path: a}
  certManager: {issuers: {a: {email: a@example.com}}}
  cloudwatch: {}
  externalDns: {}
  externalSecrets: {}
  karpenter: {}
  loadBalancerController: {}
  metricsServer: {}
  prometheus: {}
  storageClass: {}
services:
  a:
    image: a:1
    port: 80
    health: {path: /}
    volumes: {a: {path: /a}}
    egress: [{}]
functions:
  a:
    source: pass
    runtime: python3.13
    on: [{queue: a}]
charts: {a: {path: a}}
manifests: {a: {path: a}}
resources: {a: {type: "AWS::EC2::VPC"}}
"#;

#[test]
fn every_default_is_valid() {
    let loaded = load_bytes("sparse", SPARSE.as_bytes(), Selection::default());
    assert_eq!(loaded.diagnostics, []);
    let taken = loaded.blueprint.unwrap().defaults;
    visit(&shape(), &mut |it| {
        for Field { key, default, .. } in &it.fields {
            let of_key = |(path, text): (&String, &&str)| {
                path.rsplit('.').next() == Some(key) && Some(*text) == *default
            };
            assert!(default.is_none() || taken.iter().any(of_key), "{}.{key}", it.name);
        }
    });
}

#[test]
fn everything_is_documented_and_named_once() {
    let mut docs: BTreeMap<&str, &str> = BTreeMap::new();
    visit(&shape(), &mut |it| {
        // Their names are those of the schema's definitions.
        assert_eq!(*docs.entry(it.name).or_insert(it.doc), it.doc, "two mappings are {}", it.name);
        assert!(it.doc.trim().ends_with('.'), "{}", it.name);
        for (at, field) in it.fields.iter().enumerate() {
            assert!(field.doc.trim().ends_with('.'), "{}.{}", it.name, field.key);
            assert!(it.fields[..at].iter().all(|other| other.key != field.key));
        }
    });
}

#[test]
fn every_section_holds_the_components_of_one_type() {
    let Shape::Struct(document) = shape() else { panic!("a blueprint is a mapping") };
    for component in ComponentType::ALL {
        let section = component.section();
        assert!(document.fields.iter().any(|field| field.key == section), "{section}");
    }
}

#[test]
fn the_hash_is_that_of_the_meaning() {
    let hash = |text: &str| {
        let loaded = load_bytes("a", text.as_bytes(), Selection::default());
        loaded.blueprint.expect("a valid blueprint loads").hash
    };
    let reordered = SPARSE
        .replace("logs: {a: {}}\n", "")
        .replace("\nkeys:", "\nlogs:\n  \"a\":  {} # x\nkeys:");
    assert_eq!(hash(SPARSE), hash(&reordered));
    assert_ne!(hash(SPARSE), hash(&SPARSE.replace("logs: {a: {}}", "logs: {b: {}}")));
}

fn visit(shape: &Shape, seen: &mut impl FnMut(&Struct)) {
    match shape {
        Shape::Struct(it) => {
            seen(it);
            it.fields.iter().for_each(|field| visit(&field.shape, seen));
        }
        Shape::List(item) => visit(item, seen),
        Shape::Map { key, value } => {
            visit(key, seen);
            visit(value, seen);
        }
        Shape::Either(shapes) => shapes.iter().for_each(|shape| visit(shape, seen)),
        Shape::Word(_)
        | Shape::Choice { .. }
        | Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Overlay { .. }
        | Shape::Any => {}
    }
}
