//! `validate`: every problem of every manifest at once.

use crate::args::{FindingFormat, ValidateArgs};
use crate::commands::findings;
use crate::failure::Failure;
use crate::out;
use meter_api::Exit;
use meter_apply::{Compiled, UserLayer, settings_of_environment};
use meter_diag::{Code, render};
use meter_hop::paths::Home;
use meter_manifest::{FILE_BYTES_MAX, ManifestFile, bundled, layers::Kind};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Checks; 3 when there is an error.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &ValidateArgs) -> Result<u8, Failure> {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let user = match args.paths.as_slice() {
        [] => UserLayer::read(&home()?),
        [folder] if folder.is_dir() => UserLayer::read_at(folder),
        files => of_files(files)?,
    };
    let compiled = Compiled::of(&bundled(), &user, &settings_of_environment());
    let found = &compiled.findings;
    if args.json || args.format == Some(FindingFormat::Json) {
        out::json(findings::document(found))?;
    } else if args.github || args.format == Some(FindingFormat::Github) {
        out::print(&found.iter().map(|finding| render::github(finding) + "\n").collect::<String>())?;
    } else {
        out::print(&findings::text(found, &user, std::io::stdout().is_terminal(), out::colour()))?;
        let files = user.manifests.len() + usize::from(user.settings.is_some());
        let checked = match files {
            0 => format!("{} bundled files, none of yours", bundled().len()),
            own => format!(
                "{} of yours over {} bundled ones",
                crate::show::plural(own as u64, "file", "files"),
                bundled().len()
            ),
        };
        match found.is_empty() {
            true => out::say(&format!("{}: {checked}", out::styled(out::GOOD, "valid"))),
            false => out::say(&format!("{} in {checked}", findings::counted(found))),
        }
    }
    Ok(if compiled.is_valid() { Exit::Ok } else { Exit::Found }.code())
}

/// Single files over the bundled ones, each under the name it would have in a home.
fn of_files(paths: &[PathBuf]) -> Result<UserLayer, Failure> {
    let mut layer = UserLayer::default();
    for path in paths {
        let name = name_in_home(path).ok_or_else(|| {
            let hint =
                "it has to lie in `providers.d`, `policies.d`, `manifests`, or below, or be called `config.toml`";
            Failure::new(format!("cannot tell what kind of file {} is: {hint}", path.display())).with_code(Exit::Usage)
        })?;
        let mut text = Vec::new();
        let limit = FILE_BYTES_MAX as u64 + 1;
        File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut text))
            .map_err(|error| Failure::because(format!("cannot read {}", path.display()), error))?;
        let file = ManifestFile::new(name, text);
        match Kind::of(&file.path) {
            Some(Kind::Config) => layer.settings = Some(file),
            _ => layer.manifests.push(file),
        }
    }
    Ok(layer)
}

/// The end of a path that is a manifest's name: `/any/where/manifests/prices/acme.toml` → `manifests/prices/acme.toml`.
fn name_in_home(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    let parts: Vec<&str> = absolute.components().filter_map(|part| part.as_os_str().to_str()).collect();
    let ends = (1..=3.min(parts.len())).map(|count| parts[parts.len() - count..].join("/"));
    ends.into_iter().find(|name| Kind::of(name).is_some())
}

fn explain(text: &str) -> Result<u8, Failure> {
    let code = Code::find(text).ok_or_else(|| {
        Failure::new(format!("no finding is called `{text}`: write a code such as `HM0107`, or its second name"))
            .with_code(Exit::Usage)
    })?;
    let entry = code.entry();
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    out::print(&format!(
        "{} {} ({})\n\n{}\n\nWrong:\n\n{}\nRight:\n\n{}",
        out::styled(out::BOLD, code),
        code.slug(),
        code.severity().as_str(),
        entry.about,
        indented(entry.wrong),
        indented(entry.right)
    ))?;
    Ok(Exit::Ok.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_kind_is_read_from_the_end_of_its_path() {
        let name = |path: &str| name_in_home(Path::new(path));
        assert_eq!(name("/x/manifests/prices/acme.toml").as_deref(), Some("manifests/prices/acme.toml"));
        assert_eq!(name("/home/ann/.halton-meter/config.toml").as_deref(), Some("config.toml"));
        assert_eq!(name("/x/providers.d/acme.toml").as_deref(), Some("providers.d/acme.toml"));
        assert_eq!(name("/x/acme.toml"), None);
    }
}
