//! Charts and manifests with the real `helm`: what they render to, in which order it is made, and which archive it is.

mod formats;
mod locks;
mod repository;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use platctl::blueprint::{self, Blueprint, Selection};
use platctl::chart::helm::Helm;
use platctl::chart::lock::Lock;
use platctl::chart::{self, Kit, Rendered};
use platctl::diagnostic::{Colour, Diagnostic};
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};
use platctl::sandbox::Sandbox;
use platctl::source::SourceMap;
use serde_json::{Value, json};
use tempfile::TempDir;

const HEAD: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
existing: {cluster: shared}
";

/// The charts that stand for public ones, and two of our own.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts")
}

/// The sandbox's own `helm`, which is installed once.
pub(crate) fn helm() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| {
        let sandbox = Sandbox::named("charts").unwrap();
        let install = || block_on(sandbox.install_helm(&|_| {})).unwrap();
        // Whoever asks may be inside a runtime, in which nothing can be waited for.
        std::thread::scope(|it| it.spawn(install).join().unwrap())
    })
}

/// What the charts of a blueprint render to, with those of `tests/charts` in place of the public ones; each once.
pub(crate) fn rendered(blueprint: &Blueprint) -> Rendered {
    static KNOWN: Mutex<BTreeMap<String, Rendered>> = Mutex::new(BTreeMap::new());
    let wanted = blueprint.wanted();
    if wanted.is_empty() {
        return Rendered::default();
    }
    let mut known = KNOWN.lock().unwrap();
    let once = known.entry(format!("{wanted:?}"));
    // As for `helm`.
    let render = || std::thread::scope(|it| it.spawn(|| try_rendered(blueprint)).join().unwrap());
    once.or_insert_with(|| render().unwrap_or_else(|found| panic!("{found:#?}"))).clone()
}

fn try_rendered(blueprint: &Blueprint) -> Result<Rendered, Vec<Diagnostic>> {
    let cache = tempfile::tempdir().unwrap();
    let kit = Kit {
        helm: Some(Helm { program: helm().into(), home: cache.path().join("helm") }),
        kubectl: "kubectl".into(),
        folder: env!("CARGO_MANIFEST_DIR").into(),
        archives: cache.path().join("charts"),
        charts_from: Some(folder()),
        locked: false,
    };
    block_on(chart::render(&blueprint.wanted(), &kit, &mut Lock::default()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A folder of its own with a blueprint, and what is kept between commands.
struct Place {
    folder: TempDir,
    cache: TempDir,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    /// With a blueprint that has these lines behind its head.
    fn new(lines: &str) -> Self {
        let place =
            Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() };
        place.write("platctl.yaml", &format!("{HEAD}{lines}"));
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The blueprint goes where the charts are meant to be found from.
    fn with_chart(self, name: &str) -> Self {
        copy(&folder().join(name), &self.path().join("charts").join(name));
        self
    }

    /// The real binary, with nothing of this machine's environment but `helm`.
    fn run(&self, line: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.path()).env("COLUMNS", "100");
        command.env("PLATCTL_CACHE_DIR", self.cache.path()).env("PLATCTL_HELM", helm());
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let exit = output.status.code().unwrap();
        Ended { exit, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn load(&self) -> (Blueprint, SourceMap) {
        let path = self.path().join("platctl.yaml");
        let text = fs::read(&path).unwrap();
        let loaded = blueprint::load_bytes("platctl.yaml", &text, Selection::default());
        let blueprint = loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        (blueprint, loaded.sources)
    }

    fn kit(&self) -> Kit {
        Kit {
            helm: Some(Helm { program: helm().into(), home: self.cache.path().join("helm") }),
            kubectl: "kubectl".into(),
            folder: self.path().into(),
            archives: self.cache.path().join("charts"),
            charts_from: None,
            locked: false,
        }
    }

    fn render(&self) -> Result<Rendered, Vec<Diagnostic>> {
        let (blueprint, _) = self.load();
        block_on(chart::render(&blueprint.wanted(), &self.kit(), &mut Lock::default()))
    }

    fn graph(&self) -> Graph {
        let (blueprint, _) = self.load();
        let rendered = self.render().unwrap_or_else(|problems| panic!("{problems:#?}"));
        let account = Account::placeholder(&blueprint);
        compile(&blueprint, &account, &rendered).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// What is told of a blueprint that does not render.
    fn problems(&self) -> String {
        let (_, sources) = self.load();
        let problems = self.render().expect_err("it must not render");
        told(&problems, &sources)
    }
}

fn told(problems: &[Diagnostic], sources: &SourceMap) -> String {
    let one = |it: &Diagnostic| it.render(sources, Colour::Never).to_string();
    problems.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

const EVERYTHING: &str = "\
charts:
  all:
    path: charts/everything
    namespace: apps
    valuesFiles: [values/one.yaml]
    values: {greeting: $(greeting), extra: {reference: 'to platctl-ref(namespaces.apps/namespace/apps.Name)!'}}
variables: {greeting: good day}
";

fn everything() -> Place {
    let place = Place::new(EVERYTHING).with_chart("everything");
    place.write("values/one.yaml", "greeting: overruled\nsize: 5\npart: {level: 9}\n");
    place
}

#[test]
fn everything_that_a_chart_can_have_is_taken() {
    let rendered = everything().render().unwrap();
    let objects = rendered.of("charts.all", "all");
    let listed: Vec<String> =
        objects.iter().map(|it| format!("{:?}: {} ({})", it.phase, it.role, it.kind)).collect();
    insta::assert_snapshot!("everything_objects", listed.join("\n"));
    let remarks: Vec<&str> = rendered.remarks.iter().map(|it| it.summary.as_str()).collect();
    insta::assert_snapshot!("everything_remarks", remarks.join("\n"));
    let main =
        ["configmap/apps/all-settings", "configmap/elsewhere/all-part", "deployment/apps/all"];
    let manifests: BTreeMap<&str, &Value> = objects
        .iter()
        .filter(|it| main.contains(&it.role.as_str()))
        .map(|it| (it.role.as_str(), &it.manifest))
        .collect();
    insta::assert_json_snapshot!("everything_manifests", manifests);
}

#[test]
fn definitions_can_be_left_out() {
    let place = Place::new(&EVERYTHING.replace("    namespace", "    crds: false\n    namespace"))
        .with_chart("everything");
    place.write("values/one.yaml", "{}");
    let rendered = place.render().unwrap();
    let kinds = rendered.of("charts.all", "all").iter().map(|it| it.kind.as_str());
    assert!(kinds.clone().all(|it| !it.ends_with("/CustomResourceDefinition")));
    assert!(kinds.clone().any(|it| it == "test.example.com/v1/Gizmo"));
}

#[test]
fn rendering_twice_gives_the_same() {
    let place = everything();
    assert_eq!(place.render().unwrap(), place.render().unwrap());
}

#[test]
fn what_a_chart_needs_of_others_is_asked_of_all_of_them() {
    // The definitions are of the one chart, the question is of the other.
    let place = Place::new(
        "charts:\n  asks: {path: charts/everything, crds: false}\n  gives: {path: charts/everything, values: {secret: {create: false}}}\n",
    )
    .with_chart("everything");
    let rendered = place.render().unwrap();
    let settings = rendered.of("charts.asks", "asks").iter();
    let mut settings = settings.filter(|it| it.name == "asks-settings");
    assert_eq!(settings.next().unwrap().manifest["data"]["gizmos"], "true");
}

#[test]
fn what_cannot_be_rendered_is_told_at_its_line() {
    let case = |lines: &str| {
        let place = Place::new(lines).with_chart("everything").with_chart("broken");
        place.write("objects/bad.yaml", "kind: [");
        place.write("same.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: same}}");
        place.problems()
    };
    let wrong = |word: &str| {
        case(&format!("charts:\n  all: {{path: charts/everything, values: {{wrong: {word}}}}}\n"))
    };
    let all = [
        case("charts:\n  broken: {path: ./charts/broken}\n"),
        case("charts:\n  gone: {path: ./charts/gone}\n"),
        case("charts:\n  all: {path: charts/everything, valuesFiles: [no.yaml]}\n"),
        case("charts:\n  all: {path: charts/everything, values: {secret: {create: true}}}\n"),
        case(
            "charts:\n  all: {path: charts/everything, values: {greeting: platctl-ref(nothing)}}\n",
        ),
        wrong("generated"),
        wrong("nameless"),
        wrong("twice"),
        wrong("failing"),
        case("manifests:\n  one: {path: same.yaml}\n  two: {path: same.yaml}\n"),
        case("manifests:\n  bad: {path: objects}\n"),
        case("manifests:\n  gone: {path: gone.yaml}\n"),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_secret_that_is_none_can_be_named() {
    let place = Place::new(
        "charts:\n  all: {path: charts/everything, plainSecrets: [all-login], values: {secret: {create: true}}}\n",
    )
    .with_chart("everything");
    let rendered = place.render().unwrap();
    assert!(rendered.of("charts.all", "all").iter().any(|it| it.kind == "v1/Secret"));
}

#[test]
fn a_chart_that_does_not_render_is_an_invalid_blueprint() {
    let place = Place::new("charts:\n  broken: {path: charts/broken}\n").with_chart("broken");
    for command in ["validate", "plan", "apply --yes", "rehearse", "explain charts.broken"] {
        let ended = place.run(command);
        assert_eq!(ended.exit, 3, "{command}: {ended:?}");
        assert!(ended.stderr.contains("the value `needed` is needed"), "{command}: {ended:?}");
        assert!(ended.stderr.contains("platctl.yaml:7:3"), "{command}: {ended:?}");
    }
    assert!(!place.path().join(".platctl").exists(), "nothing was touched");
}

#[test]
fn without_helm_it_is_said_what_to_do() {
    let place = Place::new("charts:\n  all: {path: charts/everything}\n").with_chart("everything");
    let kit = Kit { helm: None, ..place.kit() };
    let (blueprint, sources) = place.load();
    let problems = block_on(chart::render(&blueprint.wanted(), &kit, &mut Lock::default()));
    insta::assert_snapshot!(told(&problems.unwrap_err(), &sources));
}

#[test]
fn manifests_are_files_folders_and_kustomizations() {
    let place = Place::new(
        "manifests:\n  one: {path: one.json}\n  many: {path: objects, namespace: apps}\n  built: {kustomize: built}\n",
    );
    let config = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}).to_string()
    };
    place.write("one.json", &config("one"));
    place.write("objects/b.yaml", &format!("{}\n---\n{}\n", config("b"), config("c")));
    place.write("objects/deep/a.yml", &config("a"));
    place.write("objects/README.md", "not an object");
    place.write("built/kustomization.yaml", "namePrefix: pre-\nresources: [it.yaml]\n");
    place.write("built/it.yaml", &config("it"));
    let (blueprint, sources) = place.load();
    let mut wanted = blueprint.wanted();
    let rendered = block_on(chart::render(&wanted, &place.kit(), &mut Lock::default()));
    let kubectl = Command::new("kubectl").arg("version").arg("--client").output();
    let expected: &[&str] = if kubectl.is_ok() { &["configmap/default/pre-it"] } else { &[] };
    match rendered {
        Ok(rendered) => {
            let roles = |component: &str, name: &str| -> Vec<String> {
                rendered.of(component, name).iter().map(|it| it.role.clone()).collect()
            };
            assert_eq!(roles("manifests.built", "built"), expected);
            assert_eq!(roles("manifests.one", "one"), ["configmap/default/one"]);
            let many = ["configmap/apps/a", "configmap/apps/b", "configmap/apps/c"];
            assert_eq!(roles("manifests.many", "many"), many);
        }
        Err(problems) => assert!(kubectl.is_err(), "{}", told(&problems, &sources)),
    }
    // Where there is no kubectl, it is said what to do.
    let kit = Kit { kubectl: "no-such-kubectl".into(), ..place.kit() };
    wanted.manifests.retain(|it| it.component == "manifests.built");
    let problems = block_on(chart::render(&wanted, &kit, &mut Lock::default())).unwrap_err();
    assert!(told(&problems, &sources).contains("PLATCTL_KUBECTL"), "{problems:?}");
}

/// What each stand-in must be told to render without a secret of its own.
const NEEDED: &[(&str, &str)] = &[
    ("argo-cd", "{}"),
    ("aws-load-balancer-controller", "{clusterName: shop, enableCertManager: true}"),
    ("cert-manager", "{crds: {enabled: true}}"),
    ("cluster-autoscaler", "{autoDiscovery: {clusterName: shop}}"),
    ("external-dns", "{txtOwnerId: shop}"),
    ("external-secrets", "{}"),
    ("gateway", "{}"),
    ("base", "{}"),
    ("cni", "{}"),
    ("istiod", "{}"),
    ("karpenter", "{settings: {clusterName: shop, interruptionQueue: shop}}"),
    ("karpenter-crd", "{}"),
    (
        "kube-prometheus-stack",
        "{grafana: {admin: {existingSecret: login}}, alertmanager: {alertmanagerSpec: {useExistingSecret: true, configSecret: alerts}}}",
    ),
    ("metrics-server", "{}"),
    (
        "prometheus-adapter",
        "{rules: {external: [{seriesQuery: waiting, metricsQuery: 'max(<<.Series>>{<<.LabelMatchers>>})'}]}}",
    ),
    (
        "prometheus-yet-another-cloudwatch-exporter",
        "{useStatefulSet: false, serviceMonitor: {enabled: true}, config: 'apiVersion: v1alpha1'}",
    ),
];

#[test]
fn the_stand_ins_render() {
    let mut folders = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        folders += usize::from(entry.unwrap().path().join("Chart.yaml").is_file());
    }
    assert_eq!(NEEDED.len() + 2, folders, "each folder is in the list, but for two of our own");
    for (name, values) in NEEDED {
        let lines = format!(
            "charts:\n  one: {{repository: oci://registry.example.com, chart: {name}, version: 1.0.0, values: {values}}}\n"
        );
        let place = Place::new(&lines);
        let (blueprint, sources) = place.load();
        let rendered = try_rendered(&blueprint);
        let rendered = rendered.unwrap_or_else(|problems| panic!("{}", told(&problems, &sources)));
        assert!(rendered.of("charts.one", "one").len() >= 3, "{name}");
    }
}

#[test]
fn hooks_become_needs() {
    let graph = everything().graph();
    let needs = graph.nodes.iter().filter(|(address, _)| address.component() == "charts.all");
    let hooks = ["prepare", "migrate", "announce", "last"];
    let needs: BTreeMap<&str, Vec<&str>> = needs
        .filter(|(address, _)| {
            hooks.iter().any(|hook| address.as_str().ends_with(&format!("all-{hook}")))
                || address.role() == "configmap/apps/all-settings"
        })
        .map(|(address, node)| {
            let needs = node.needs.keys().map(platctl::address::Address::as_str);
            (address.as_str(), needs.collect())
        })
        .collect();
    insta::assert_json_snapshot!(needs);
}
