use crate::blueprint::decode::Invalid;
use crate::blueprint::value::{characters, ensure, word};

word! {
    /// Where charts are: an HTTP repository with an `index.yaml`, or a path in an OCI registry.
    pub struct ChartRepository("a chart repository", ["https://charts.example.com", "oci://registry.example.com/charts"], |text| {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Invalid::new("must start with `https://` or `oci://`")
                .hint("A chart in a folder is named by `path`."));
        };
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        let this_machine = matches!(host, "127.0.0.1" | "localhost");
        match scheme {
            "https" | "oci" => {}
            "http" if this_machine => {}
            "http" => {
                return Err(Invalid::new("must start with `https://` or `oci://`")
                    .hint(format!("Write `https://{rest}`: charts are not fetched without TLS.")));
            }
            _ => return Err(Invalid::new("must start with `https://` or `oci://`")),
        }
        ensure(!host.is_empty(), "the host is missing")?;
        ensure(!text.contains('@'), "holds credentials")?;
        characters(text, 7, 2048, |c| c.is_ascii_graphic(), "printable ASCII characters without spaces")
    }, "(https|oci)://[!-.0-9;-?A-~][!-?A-~]*|http://(127[.]0[.]0[.]1|localhost)([:/][!-?A-~]*)?");
}

word! {
    /// The name of a chart in its repository.
    pub struct ChartName("the name of a chart", ["cert-manager"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        characters(text, 1, 250, allowed, "letters, digits and `-_.`")?;
        ensure(!text.starts_with('.'), "begins with a dot")
    }, "[A-Za-z0-9_-][A-Za-z0-9._-]*");
}

word! {
    /// A version of a chart, or a range of versions of which `platctl.lock` keeps one.
    pub struct ChartVersion("a version of a chart", ["1.18.2", "~1.18", ">=1.18 <2"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-+*^~<>=!|, ".contains(c);
        characters(text, 1, 100, allowed, "versions, `^`, `~`, comparisons, `,` and `||`")?;
        ensure(text.trim() == text, "begins or ends with a space")?;
        ensure(text.contains(|c: char| c.is_ascii_digit() || c == '*' || c == 'x'), "has no number")
    });
}

word! {
    /// A file or folder, from the folder of the blueprint on.
    pub struct FilePath("a path", ["./charts/api", "values/prod.yaml"], |text| {
        ensure(!text.is_empty(), "is empty")?;
        ensure(!text.contains('\0'), "has a special character")?;
        ensure(text.len() <= 4096, "is too long")?;
        let absolute = text.starts_with(['/', '\\', '~']) || text.contains("://");
        ensure(!absolute, "must be relative to the folder of the blueprint")
    });
}

word! {
    /// The name of a Kubernetes object.
    pub struct ObjectName("the name of an object", ["grafana-datasources"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        characters(text, 1, 253, allowed, "lower-case letters, digits, hyphens and dots")
    });
}

word! {
    /// A Kubernetes namespace.
    pub struct Namespace("a namespace", ["cert-manager"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        characters(text, 1, 63, allowed, "lower-case letters, digits and hyphens")?;
        ensure(!text.starts_with('-') && !text.ends_with('-'), "begins or ends with a hyphen")
    }, "(?!.{64})[a-z0-9]([a-z0-9-]*[a-z0-9])?");
}

impl ChartVersion {
    /// Whether it is one version, which no later one can take the place of.
    pub fn is_exact(&self) -> bool {
        let text = self.as_str().strip_prefix('v').unwrap_or(self.as_str());
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<&str> = core.split('.').collect();
        numbers.len() == 3
            && numbers.iter().all(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))
            && !text.contains([' ', ','])
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::blueprint::value::assert_round_trip;

    fn refuses<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text} must be refused");
        }
    }

    #[test]
    fn words_of_charts() {
        assert_round_trip::<ChartRepository>("oci://registry.example.com/charts");
        assert_round_trip::<ChartRepository>("http://127.0.0.1:8080");
        refuses::<ChartRepository>(&[
            "",
            "charts.example.com",
            "http://example.com",
            "https://",
            "ftp://a",
            "https://me:word@example.com",
        ]);
        assert_round_trip::<ChartName>("kube-prometheus-stack");
        refuses::<ChartName>(&["", "a/b", "..", "a b"]);
        refuses::<FilePath>(&["", "/etc", "~/charts", "https://example.com"]);
        assert_round_trip::<FilePath>("../shared/charts");
        refuses::<Namespace>(&["", "A", "-a", "a.b"]);
        refuses::<ChartVersion>(&["", "latest", " 1.2.3"]);
    }

    #[test]
    fn a_range_is_not_exact() {
        let exact = |text: &str| text.parse::<ChartVersion>().unwrap().is_exact();
        assert!(exact("1.18.2") && exact("v1.18.2-rc.1+build"));
        assert!(!exact("1.18") && !exact("^1.18.2") && !exact(">=1 <2") && !exact("1.x.0"));
    }
}
