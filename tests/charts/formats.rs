//! `platctl render`: the same objects for other tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Place, everything};

/// All files below a folder, by their paths.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                all.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    all
}

fn rendered(place: &Place, options: &str) -> BTreeMap<String, String> {
    let ended = place.run(&format!("render --out out {options}"));
    assert_eq!(ended.exit, 0, "{ended:?}");
    files(&place.path().join("out"))
}

/// The texts of some files, and the names of all.
fn shown(files: &BTreeMap<String, String>, shown: &[&str]) -> String {
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let mut text = format!("{}\n", names.join("\n"));
    for name in shown {
        let content = files.get(*name).unwrap_or_else(|| panic!("there is no {name}"));
        text.extend(["\n=== ", name, "\n", content]);
    }
    text
}

#[test]
fn manifests() {
    let place = everything();
    let files = rendered(&place, "--format manifests");
    let some = ["README.md", "charts.all/configmap-apps-all-settings.yaml"];
    insta::assert_snapshot!(shown(&files, &some));
    assert_eq!(files, rendered(&place, "--format manifests"), "the same again");
    // What was written before and is no more is removed.
    let text = place.read("platctl.yaml").replace("    values:", "    crds: false\n    values:");
    place.write("platctl.yaml", &text);
    let fewer = rendered(&place, "--format manifests");
    assert!(!fewer.keys().any(|name| name.contains("customresourcedefinition")));
    place.write("other/file", "mine");
    let ended = place.run("render --format manifests --out other");
    assert!(ended.exit == 1 && ended.stderr.contains("has other files"), "{ended:?}");
}

#[test]
fn kustomizations_build_what_each_environment_wants() {
    let place = Place::new(
        "charts:\n  all: {path: charts/everything, namespace: apps, values: {size: 1}}\n\
         environments:\n  dev: {}\n  prod: {charts: {all: {values: {size: 7, part: {enabled: false}}}}}\n",
    )
    .with_chart("everything");
    let files = rendered(&place, "--format kustomize");
    let some = [
        "base/charts.all/deployment-apps-all.yaml",
        "overlays/dev/kustomization.yaml",
        "overlays/prod/kustomization.yaml",
        "overlays/prod/patches/charts.all/deployment-apps-all.yaml",
    ];
    insta::assert_snapshot!(shown(&files, &some));
    for (environment, replicas) in [("dev", 1), ("prod", 7)] {
        let folder = place.path().join("out/overlays").join(environment);
        let built = Command::new("kubectl").arg("kustomize").arg(folder).output();
        // Where there is no kubectl, the snapshot is all there is.
        let Ok(built) = built else { continue };
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let text = String::from_utf8(built.stdout).unwrap();
        assert!(text.contains(&format!("replicas: {replicas}")), "{environment}: {text}");
        assert_eq!(text.contains("name: all-part"), environment == "dev");
    }
}

#[test]
fn applications_have_waves() {
    let files = rendered(
        &everything(),
        "--format argo-cd --repository https://github.com/example/shop --path deploy",
    );
    let some = ["app-of-apps.yaml", "apps/charts.all.yaml", "apps/namespaces.apps.yaml"];
    insta::assert_snapshot!(shown(&files, &some));
}

/// The AWS part of a blueprint.
const AWS: &str = "\
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {public: [10.0.1.0/24, 10.0.2.0/24], data: [10.0.3.0/24, 10.0.4.0/24]}, nat: none}
databases: {orders: {engine: postgres, version: '16', class: db.t4g.micro, storage: 20Gi}}
queues: {orders: {}}
buckets: {files: {}}
functions: {tell: {source: 'def handler(event, context): pass', runtime: python3.13, on: [{queue: orders}]}}
parameters: {flags: {value: [a, b]}}
tags: {team: shop}
resources:
  kept: {type: AWS::S3::Bucket, onDelete: retain, properties: {BucketName: kept-by-all}}
  address: {type: AWS::EC2::EIP, onDelete: retain, properties: {Domain: vpc}}
";

#[test]
fn a_template_of_cloudformation() {
    let place = Place::new("");
    let text = format!("{}{AWS}", super::HEAD.replace("existing: {cluster: shared}\n", ""));
    place.write("platctl.yaml", &text);
    let files = rendered(&place, "--format cloudformation");
    insta::assert_snapshot!(shown(&files, &["README.md", "eu-west-1.json"]));
    let template = place.path().join("out/eu-west-1.json");
    let linted =
        Command::new("cfn-lint").arg("--ignore-checks").arg("W").arg("--").arg(template).output();
    // It is not on every machine.
    if let Ok(linted) = linted {
        assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
    }
}
