//! `platctl init`

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::CommandError;
use super::exit::Exit;
use super::target;
use super::ui::Ui;
use crate::blueprint::value::{Name, Region};
use crate::report::style::{STRONG, painted};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write
    #[arg(value_name = "BLUEPRINT", default_value = target::DEFAULT)]
    path: PathBuf,
    /// The name of what is built; without it that of the folder
    #[arg(long)]
    name: Option<String>,
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "eu-west-1", hide_env_values = true)]
    region: String,
}

const TEMPLATE: &str = include_str!("../../templates/platctl.yaml");

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CommandError> {
    let Args { path, name, region } = args;
    let name = match name {
        Some(name) => name.parse::<Name>().map_err(|invalid| {
            let error = CommandError::new(format!("the name `{name}` {}", invalid.reason));
            invalid.hint.into_iter().fold(error, CommandError::hint)
        })?,
        None => name_of_folder(path),
    };
    let region: Region = region.parse().map_err(|invalid: crate::blueprint::value::Invalid| {
        let error = CommandError::new(format!("`{region}` is not a region: {}", invalid.reason));
        invalid.hint.into_iter().fold(error, CommandError::hint)
    })?;
    let text = TEMPLATE.replace("{{name}}", name.as_str()).replace("{{region}}", region.as_str());
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CommandError::new(format!("{} exists already", path.display()))
            .hint("Name another file, or remove it first."),
        _ => CommandError::io("write", path, &error),
    })?;
    ui.line(format_args!("{} is written. Try it without an account:", path.display()));
    let file = if path.as_path() == Path::new(target::DEFAULT) {
        String::new()
    } else {
        format!(" {}", path.display())
    };
    let command = format!("platctl plan --env dev --sandbox{file}");
    ui.line(format_args!("  {}", painted(STRONG, command)));
    Ok(Exit::Done)
}

/// The name of the folder that the file is in, as far as it can be one.
fn name_of_folder(path: &Path) -> Name {
    let folder = std::path::absolute(path).ok();
    let folder = folder.as_deref().and_then(Path::parent).and_then(Path::file_name);
    let text = folder.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    let name: String = name.chars().take(40).collect();
    let name = name.trim_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    name.parse().unwrap_or_else(|_| "platform".parse().expect("`platform` is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint;

    #[test]
    fn folders_give_names() {
        let name = |path: &str| name_of_folder(Path::new(path)).to_string();
        assert_eq!(name("/projects/Birthday API_2/platctl.yaml"), "birthday-api-2");
        assert_eq!(name("/42/platctl.yaml"), "platform");
        assert_eq!(name("/x.yaml"), "platform");
    }

    #[test]
    fn what_is_written_is_valid() {
        let text = TEMPLATE.replace("{{name}}", "shop").replace("{{region}}", "eu-west-1");
        let loaded = blueprint::validate_bytes("platctl.yaml", text.as_bytes(), &[]);
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    }
}
