//! Where state is kept: in a folder on this machine, or in a bucket for a team.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::keys::{self, Wanted};
use crate::address::Stack;
use crate::blueprint::state::{StateBucket, StateSettings};
use crate::blueprint::value::{Arn, BucketName, ObjectPrefix, Region, TableName};
use crate::cloud::data_key::KeyService;
use crate::cloud::objects::{Cell, S3Objects, TableCell};
use crate::source::Spanned;
use crate::state::Store;
use crate::state::seal::Wrap;

/// As `--state` says it, and saved plans do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    Bucket(BucketPlace),
}

/// A part of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketPlace {
    bucket: String,
    prefix: String,
    /// `None`: that of the blueprint.
    region: Option<String>,
    kms_key: Option<String>,
    /// The table of the lock.
    table: Option<String>,
}

/// Where state is kept if nobody says anything.
const FOLDER: &str = ".platctl";
/// The sandbox's states, below the folder of all state: they never mix with the real ones.
const SANDBOX_FOLDER: &str = "sandbox";
const SCHEME: &str = "s3://";
const PREFIX: &str = "platctl";

impl Place {
    /// Where a stack's state is: as the command line says, or else the blueprint. What a blueprint says is of AWS, so the
    /// sandbox's state stays on this machine unless the command line says otherwise.
    pub(crate) fn of(common: &Common, declared: Option<&StateSettings>) -> Self {
        let s3 = declared.and_then(|it| Some((it.s3.as_ref()?, it)));
        match (&common.state, s3) {
            (Some(Self::Bucket(bucket)), _) => Self::Bucket(bucket.clone()),
            (None, Some((s3, settings))) if !common.sandbox => {
                Self::Bucket(BucketPlace::declared(s3, settings))
            }
            (Some(Self::Folder(_)) | None, _) => {
                let root = root(common);
                Self::Folder(if common.sandbox { root.join(SANDBOX_FOLDER) } else { root.into() })
            }
        }
    }

    /// The region that holds it, if it is said.
    pub(crate) fn region(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(bucket) => bucket.region.as_deref(),
        }
    }

    /// The store of a stack, if reaching it needs no connection.
    /// Whatever is sealed by KMS needs one all the same, and makes it.
    pub(crate) fn offline(
        &self,
        stack: &Stack,
        wanted: Wanted,
        way: impl FnOnce() -> Arc<dyn KeyService>,
    ) -> Option<Store> {
        match self {
            Self::Folder(folder) => {
                Some(Store::new(folder, stack).sealed(keys::seal(wanted, way())))
            }
            Self::Bucket(_) => None,
        }
    }

    pub(crate) fn store(&self, stack: &Stack, wanted: Wanted, connection: &Connection) -> Store {
        let way = || Arc::clone(&connection.aws) as Arc<dyn KeyService>;
        let BucketPlace { bucket, prefix, region, kms_key, table } = match self {
            Self::Folder(folder) => {
                return Store::new(folder, stack).sealed(keys::seal(wanted, way()));
            }
            Self::Bucket(bucket) => bucket.clone(),
        };
        // Whoever names a key for the bucket wants no less than that nobody reads the state without it.
        let of_bucket = kms_key.clone().map(Wrap::Kms);
        let wanted = Wanted { wrap: wanted.wrap.or(of_bucket), ..wanted };
        let cx = connection.aws.apart(region.as_deref().unwrap_or(connection.region()));
        let prefix = format!("{prefix}/{stack}/");
        let lock = table.map(|table| {
            let id = format!("{bucket}/{prefix}lock");
            Arc::new(TableCell { cx: Arc::clone(&cx), table, id }) as Arc<dyn Cell>
        });
        let objects = S3Objects { cx, bucket, prefix, kms_key };
        Store::in_bucket(Arc::new(objects), lock, stack).sealed(keys::seal(wanted, way()))
    }

    /// Makes a folder for all state, out of git's sight: ids are of no use to others without the lock.
    pub(crate) fn prepare(&self, common: &Common) -> Result<(), CommandError> {
        let (Self::Folder(_), root) = (self, root(common)) else { return Ok(()) };
        let ignore = root.join(".gitignore");
        if ignore.exists() {
            return Ok(());
        }
        let failed = |error| CommandError::io("write", &ignore, &error);
        std::fs::create_dir_all(root).map_err(failed)?;
        std::fs::write(&ignore, "*\n").map_err(failed)
    }
}

/// Where the states of the sandbox's stacks lie.
pub(crate) fn sandbox_folder(common: &Common) -> PathBuf {
    root(common).join(SANDBOX_FOLDER)
}

/// The folder of all states on this machine.
fn root(common: &Common) -> &Path {
    match &common.state {
        Some(Place::Folder(folder)) => folder,
        Some(Place::Bucket(_)) | None => Path::new(FOLDER),
    }
}

impl BucketPlace {
    fn declared(s3: &Spanned<StateBucket>, settings: &StateSettings) -> Self {
        let StateBucket { bucket, prefix, region, kms_key } = &s3.value;
        Self {
            bucket: bucket.to_string(),
            prefix: prefix.to_string(),
            region: region.as_ref().map(ToString::to_string),
            kms_key: kms_key.as_ref().map(ToString::to_string),
            table: settings.lock.as_ref().map(|lock| lock.dynamodb.table.to_string()),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Ok(Self::Folder(text.into()));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = match prefix.trim_end_matches('/') {
            "" => PREFIX,
            prefix => prefix,
        };
        let mut place = BucketPlace {
            bucket: checked::<BucketName>(bucket)?,
            prefix: checked::<ObjectPrefix>(prefix)?,
            region: None,
            kms_key: None,
            table: None,
        };
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("region", region)) => place.region = Some(checked::<Region>(region)?),
                Some(("kmsKey", key)) => place.kms_key = Some(checked::<Arn>(key)?),
                Some(("lockTable", table)) => place.table = Some(checked::<TableName>(table)?),
                _ => {
                    return Err(format!("`{option}` is not `region=`, `kmsKey=` or `lockTable=`"));
                }
            }
        }
        Ok(Self::Bucket(place))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BucketPlace { bucket, prefix, region, kms_key, table } = match self {
            Self::Folder(folder) => return write!(out, "{}", folder.display()),
            Self::Bucket(bucket) => bucket,
        };
        write!(out, "{SCHEME}{bucket}/{prefix}")?;
        let options = [("region", region), ("kmsKey", kms_key), ("lockTable", table)];
        let options = options.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (place, (name, value)) in options.enumerate() {
            write!(out, "{}{name}={value}", if place == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// The text, if it is what `T` takes.
fn checked<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<String, String> {
    text.parse::<T>().map(|_| text.to_owned()).map_err(|invalid| format!("`{text}` {invalid}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::blueprint::{self, Selection};
    use crate::cli::Cli;

    #[test]
    fn a_place_survives_being_written() {
        for text in [
            "s3://shop-state/platctl",
            "s3://shop-state/a/b?region=eu-west-1&lockTable=terraform-locks",
            "s3://shop-state/a?kmsKey=arn:aws:kms:eu-west-1:123456789012:key/1",
            "/tmp/state",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        let short = "s3://shop-state/".parse::<Place>().unwrap();
        assert_eq!(short, "s3://shop-state/platctl".parse().unwrap());
        for text in ["s3://", "s3://Shop/a", "s3://shop-state//a", "s3://shop-state/a?acl=b"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_wins_and_the_sandbox_stays_at_home() {
        let text = "apiVersion: platctl.dev/v1\nkind: Blueprint\nname: shop\nregion: eu-west-1\n\
                    state: {s3: {bucket: shop-state}, lock: {dynamodb: {table: terraform-locks}}}\n";
        let loaded = blueprint::load_bytes("shop", text.as_bytes(), Selection::default());
        let declared = loaded.blueprint.unwrap().state;
        let of = |line: &str, declared: Option<&StateSettings>| {
            let words = ["platctl"].into_iter().chain(line.split_whitespace());
            Place::of(&Cli::try_parse_from(words).unwrap().common, declared).to_string()
        };
        for (line, alone, with_blueprint) in [
            ("plan", ".platctl", "s3://shop-state/platctl?lockTable=terraform-locks"),
            ("plan --sandbox", ".platctl/sandbox", ".platctl/sandbox"),
            ("plan --state here", "here", "here"),
            ("plan --state here --sandbox", "here/sandbox", "here/sandbox"),
            ("plan --state s3://other", "s3://other/platctl", "s3://other/platctl"),
            ("plan --state s3://other/a --sandbox", "s3://other/a", "s3://other/a"),
        ] {
            assert_eq!(of(line, None), alone, "{line}");
            assert_eq!(of(line, declared.as_ref()), with_blueprint, "{line}");
        }
    }
}
