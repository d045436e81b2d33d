//! A chart repository on this machine: over HTTP, and as the few requests of an OCI registry that fetching takes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{copy, helm};

/// What is served: type and bytes by path.
type Pages = Arc<Mutex<BTreeMap<String, (String, Vec<u8>)>>>;

/// It serves until the test binary ends.
pub(super) struct Repository {
    pages: Pages,
    asked: Arc<AtomicUsize>,
    port: u16,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Repository {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pages, asked) = (Pages::default(), Arc::<AtomicUsize>::default());
        let (served, count) = (Arc::clone(&pages), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                // Whoever hangs up early gets no more.
                let _ = answer(stream, &served);
            }
        });
        Self { pages, asked, port }
    }

    pub(super) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn oci(&self) -> String {
        format!("oci://127.0.0.1:{}/charts", self.port)
    }

    /// How many requests there were.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Offers a chart in these versions and no others.
    pub(super) fn offer(&self, chart: &Path, versions: &[&str]) {
        let mut pages = BTreeMap::new();
        let mut entries = Vec::new();
        let name = chart.file_name().unwrap().to_str().unwrap();
        for version in versions {
            let archive = package(chart, version);
            let digest = format!("sha256:{}", hex::encode(Sha256::digest(&archive)));
            let file = format!("{name}-{version}.tgz");
            entries.push(json!({
                "apiVersion": "v2", "name": name, "version": version, "urls": [file],
            }));
            let config = json!({"name": name, "version": version, "apiVersion": "v2"}).to_string();
            let config_digest = format!("sha256:{}", hex::encode(Sha256::digest(&config)));
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.cncf.helm.config.v1+json",
                    "digest": config_digest,
                    "size": config.len(),
                },
                "layers": [{
                    "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                    "digest": digest,
                    "size": archive.len(),
                }],
            })
            .to_string();
            let manifest_digest = format!("sha256:{}", hex::encode(Sha256::digest(&manifest)));
            let below = format!("/v2/charts/{name}");
            let mut page = |path: String, kind: &str, bytes: Vec<u8>| {
                pages.insert(path, (kind.to_owned(), bytes));
            };
            for tag in [version, manifest_digest.as_str()] {
                page(format!("{below}/manifests/{tag}"), MANIFEST, manifest.clone().into());
            }
            let blob = "application/octet-stream";
            page(format!("{below}/blobs/{config_digest}"), blob, config.into());
            page(format!("{below}/blobs/{digest}"), blob, archive.clone());
            page(format!("/{file}"), "application/gzip", archive);
        }
        let json = "application/json".to_owned();
        let tags = json!({"name": format!("charts/{name}"), "tags": versions}).to_string();
        pages.insert(format!("/v2/charts/{name}/tags/list"), (json.clone(), tags.into()));
        let mut index = json!({"apiVersion": "v1", "entries": {}});
        index["entries"][name] = entries.into();
        pages.insert("/index.yaml".into(), (json, index.to_string().into()));
        *self.pages.lock().unwrap() = pages;
    }
}

/// The archive of a chart in another version.
fn package(chart: &Path, version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let of = folder.path().join(chart.file_name().unwrap());
    copy(chart, &of);
    let packaged = Command::new(helm())
        .args(["package", "--version", version, "--destination"])
        .arg(folder.path())
        .arg(&of)
        .output()
        .unwrap();
    assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
    let name = of.file_name().unwrap().to_str().unwrap();
    fs::read(folder.path().join(format!("{name}-{version}.tgz"))).unwrap()
}

fn answer(mut stream: TcpStream, pages: &Pages) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let page = pages.lock().unwrap().get(path).cloned();
    let (status, kind, bytes) = match page {
        Some((kind, bytes)) => ("200 OK", kind, bytes),
        None if path == "/v2/" => ("200 OK", "application/json".into(), b"{}".to_vec()),
        None => ("404 Not Found", "text/plain".into(), b"not here".to_vec()),
    };
    let digest = hex::encode(Sha256::digest(&bytes));
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: sha256:{digest}\r\nConnection: close\r\n\r\n",
        bytes.len()
    )?;
    if method != "HEAD" {
        stream.write_all(&bytes)?;
    }
    stream.flush()
}
