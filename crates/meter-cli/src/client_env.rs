//! The environment that sends a command through the meter.

use crate::failure::Failure;
use crate::{open, out};
use meter_ca::{Authority, bundle};
use meter_hop::paths::Home;
use meter_manifest::clients::{ClientPaths, ClientVariable, Earlier};
use std::path::{Path, PathBuf};

/// Every variable of `clients.toml` with its value for this home, after the certificate files it names were written.
///
/// Certificates that the user's own variables name go into our file, so nothing that worked before stops working.
///
/// # Errors
/// There is no certificate authority yet, or its files cannot be written.
pub fn variables(home: &Home, edge_port: u16) -> Result<Vec<(String, String)>, Failure> {
    let nothing = || Failure::new("nothing is in force in this home yet");
    let clients = open::current(home)?.ok_or_else(nothing)?.model.clients;
    let earlier = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let own = extra_files(&clients, &home.ca(), earlier);
    let folder = trust_files(home, &own)?;
    let proxy = format!("http://127.0.0.1:{edge_port}");
    let bundle = text(&folder.join(bundle::BUNDLE))?;
    let roots = text(&folder.join(bundle::OWN_ROOTS))?;
    Ok(clients
        .iter()
        .map(|variable| (variable.name.clone(), value(variable, &proxy, &bundle, &roots, earlier)))
        .collect())
}

fn value(
    variable: &ClientVariable,
    proxy: &str,
    bundle: &str,
    roots: &str,
    earlier: impl Fn(&str) -> Option<String>,
) -> String {
    let before = earlier(&variable.name);
    // What the user added to a tool's roots is in the bundle only.
    let merged = variable.earlier == Earlier::Merge && before.is_some();
    let paths = ClientPaths { proxy, bundle, roots: if merged { bundle } else { roots } };
    variable.value(paths, before.as_deref())
}

/// Certificate files that the user's variables name, without our own.
fn extra_files(clients: &[ClientVariable], ours: &Path, earlier: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let merged = clients.iter().filter(|variable| variable.earlier == Earlier::Merge);
    let mut files: Vec<PathBuf> = merged
        .filter_map(|variable| Some(PathBuf::from(earlier(&variable.name)?)))
        .filter(|path| !path.starts_with(ours))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Writes both certificate files and gives their folder: the authority's own, or with files of the user's one beside it
/// for exactly these, so that two shells with other variables do not overwrite each other's.
fn trust_files(home: &Home, extra: &[PathBuf]) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::because("cannot prepare the certificates for clients", error);
    let none = || Failure::new("this home has no certificate authority yet: is its daemon running?");
    let authority = Authority::open(&home.ca()).map_err(failed)?.ok_or_else(none)?;
    let roots: Vec<_> = authority.roots().cloned().collect();
    let system = match meter_ca::system_roots() {
        Ok(system) => system.certificates,
        Err(error) => {
            out::say(&format!("halton-meter: {error}; the command trusts metered hosts only"));
            Vec::new()
        }
    };
    let folder = match extra {
        [] => home.ca(),
        files => home.ca().join(format!("clients-{}", digest(files))),
    };
    let written = bundle::write(&folder, &system, extra, &roots).map_err(failed)?;
    for (path, why) in written.skipped {
        out::say(&format!("halton-meter: passed over the certificates in {}: {why}", path.display()));
    }
    Ok(folder)
}

fn digest(files: &[PathBuf]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for file in files {
        context.update(file.as_os_str().as_encoded_bytes());
        context.update(&[0]);
    }
    context.finish().as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("{} cannot stand in a variable: it is no UTF-8 text", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> Vec<ClientVariable> {
        let (model, _) = meter_manifest::load(&meter_manifest::bundled(), &[]);
        model.clients
    }

    fn with(name: &'static str, earlier: &'static str) -> String {
        let lookup = |asked: &str| (asked == name).then(|| earlier.to_owned()).filter(|value| !value.is_empty());
        let clients = clients();
        let variable = clients.iter().find(|variable| variable.name == name).unwrap();
        value(variable, "http://127.0.0.1:8081", "/ca/bundle.pem", "/ca/roots.pem", lookup)
    }

    #[test]
    fn tools_are_sent_to_the_edge_and_given_what_they_read() {
        assert_eq!(with("HTTPS_PROXY", ""), "http://127.0.0.1:8081");
        assert_eq!(with("HTTPS_PROXY", "http://corp:3128"), "http://127.0.0.1:8081");
        assert_eq!(with("SSL_CERT_FILE", ""), "/ca/bundle.pem");
        assert_eq!(with("NODE_EXTRA_CA_CERTS", ""), "/ca/roots.pem");
        assert_eq!(with("NO_PROXY", "corp.example"), "localhost,127.0.0.1,::1,.local,corp.example");
    }

    #[test]
    fn what_the_user_added_stays_trusted() {
        assert_eq!(with("NODE_EXTRA_CA_CERTS", "/etc/corp.pem"), "/ca/bundle.pem");
        let lookup = |name: &str| match name {
            "NODE_EXTRA_CA_CERTS" | "SSL_CERT_FILE" => Some("/etc/corp.pem".to_owned()),
            "CURL_CA_BUNDLE" => Some("/home/ann/.halton-meter/ca/bundle.pem".to_owned()),
            _ => None,
        };
        let files = extra_files(&clients(), Path::new("/home/ann/.halton-meter/ca"), lookup);
        assert_eq!(files, [PathBuf::from("/etc/corp.pem")]);
    }
}
