//! The `helm` program: fetches charts and renders them. It reads no settings of the user's, and calls no cluster.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{ChartOptions, ChartUse, placed};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Names another `helm`.
pub const VARIABLE: &str = "PLATCTL_HELM";

/// Charts are small; indexes of repositories have some megabytes.
const PULL_LIMIT: Duration = Duration::from_mins(3);
/// The largest public charts take seconds.
const TEMPLATE_LIMIT: Duration = Duration::from_mins(2);
/// Of what a program says, so many lines are told.
const LINES_MAX: usize = 12;

/// How `helm` is run.
#[derive(Clone, Debug)]
pub struct Helm {
    pub program: PathBuf,
    /// Where it keeps its own files.
    pub home: PathBuf,
}

/// An archive that was fetched.
pub(super) struct Pulled {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

impl Helm {
    /// Fetches a chart of a repository into an empty folder.
    pub(super) async fn pull(
        &self,
        repository: &str,
        chart: &str,
        version: Option<&str>,
        into: &Path,
    ) -> Result<Pulled, String> {
        let mut command = self.command();
        command.arg("pull");
        if repository.starts_with("oci://") {
            command.arg(format!("{}/{chart}", repository.trim_end_matches('/')));
            let host = repository.trim_start_matches("oci://").split(['/', ':']).next();
            if matches!(host, Some("127.0.0.1" | "localhost")) {
                command.arg("--plain-http");
            }
        } else {
            command.args([chart, "--repo", repository]);
        }
        if let Some(version) = version {
            command.args(["--version", version]);
        }
        command.arg("--destination").arg(into);
        run(command, PULL_LIMIT).await?;
        let entries = fs::read_dir(into).map_err(|error| error.to_string())?;
        let mut files = entries.flatten().map(|entry| entry.path());
        let is_archive = |path: &PathBuf| path.extension().is_some_and(|it| it == "tgz");
        let path = files.find(is_archive).ok_or("helm fetched no archive")?;
        let version = version_of(&path, chart)
            .ok_or_else(|| format!("helm fetched {}, which names no version", path.display()))?;
        Ok(Pulled { path, version })
    }

    /// The YAML that a chart renders to.
    pub(super) async fn template(
        &self,
        chart: &ChartUse,
        options: &ChartOptions,
        path: &Path,
        folder: &Path,
        apis: &[String],
    ) -> Result<String, Diagnostic> {
        let failed = |message: String| {
            let mut lines = message.lines();
            let first = lines.next().unwrap_or("helm says nothing").to_owned();
            let problem = Diagnostic::error(format!("chart `{}` does not render", chart.name));
            let rest: Vec<&str> = lines.collect();
            let problem = placed(problem, chart.span, first);
            if rest.is_empty() { problem } else { problem.hint(rest.join("\n")) }
        };
        for file in &options.values_files {
            if !folder.join(&file.value).is_file() {
                return Err(Diagnostic::error(format!("there is no file `{}`", file.value))
                    .at(file.span, "not there")
                    .hint("Files are looked for from the folder of the blueprint on."));
            }
        }
        let values = tempfile::Builder::new().prefix("values").suffix(".json").tempfile();
        let values = values.map_err(|error| failed(error.to_string()))?;
        let text = if chart.values.is_null() { "{}".into() } else { chart.values.to_string() };
        fs::write(values.path(), text).map_err(|error| failed(error.to_string()))?;
        let mut command = self.command();
        command.arg("template").arg(&chart.name).arg(path);
        command.args(["--namespace", &chart.namespace, "--skip-tests"]);
        if options.crds {
            command.arg("--include-crds");
        }
        if let Some(version) = &options.kubernetes {
            command.args(["--kube-version", version]);
        }
        for api in apis {
            command.args(["--api-versions", api]);
        }
        for file in &options.values_files {
            command.arg("--values").arg(folder.join(&file.value));
        }
        command.arg("--values").arg(values.path());
        run(command, TEMPLATE_LIMIT).await.map_err(failed)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("HELM_")) {
            command.env_remove(name);
        }
        let home = |part: &str| self.home.join(part);
        command
            .env("HELM_CACHE_HOME", home("cache"))
            .env("HELM_CONFIG_HOME", home("config"))
            .env("HELM_DATA_HOME", home("data"))
            // No cluster is asked, and none could be.
            .env("KUBECONFIG", home("no-cluster"));
        command
    }
}

/// What is told where there is no `helm`.
pub(super) fn missing(at: Option<Span>) -> Diagnostic {
    placed(Diagnostic::error("charts need the program `helm`"), at, "a chart").hint(format!(
        "Install it (helm 3.14 or newer), or set {VARIABLE} to it; `--sandbox` installs one of its own."
    ))
}

/// Runs a program to its end: what it printed, or why it failed.
pub(super) async fn run(mut command: Command, limit: Duration) -> Result<String, String> {
    // What opens states is nobody else's business.
    let passphrases = std::env::vars_os().map(|(name, _)| name);
    for name in passphrases.filter(|it| it.to_string_lossy().starts_with("PLATCTL_STATE_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program();
    let name = Path::new(program).file_name().unwrap_or(OsStr::new("it"));
    let name = name.to_string_lossy().into_owned();
    let output = match tokio::time::timeout(limit, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("{name} cannot be run: {error}")),
        Err(_) => return Err(format!("{name} took longer than {} s", limit.as_secs())),
    };
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| format!("{name} printed no text"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let told: Vec<&str> = said.lines().filter(|line| is_told(line)).take(LINES_MAX).collect();
    let message = told.join("\n");
    let message = message.trim().trim_start_matches("Error: ").trim().to_owned();
    Err(if message.is_empty() { format!("{name} failed without a word") } else { message })
}

/// Warnings and advice are not why it failed.
fn is_told(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.starts_with("WARNING")
        && !line.starts_with("walk.go")
        && !line.contains("Use --debug flag")
}

/// The version in the name of an archive.
pub(super) fn version_of(path: &Path, chart: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let version = name.strip_prefix(chart)?.strip_prefix('-')?.strip_suffix(".tgz")?;
    version.starts_with(|c: char| c.is_ascii_digit() || c == 'v').then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_name_their_versions() {
        let version = |name: &str, chart| version_of(Path::new(name), chart);
        assert_eq!(version("/a/cert-manager-v1.18.2.tgz", "cert-manager").unwrap(), "v1.18.2");
        assert_eq!(version("base-1.0.0-rc.1.tgz", "base").unwrap(), "1.0.0-rc.1");
        assert_eq!(version("base-more-1.0.0.tgz", "base"), None);
        assert_eq!(version("base-1.0.0.zip", "base"), None);
    }
}
