//! `apply` and `plan`: put the files in force, or say what that would change.

use crate::args::ApplyArgs;
use crate::commands::findings;
use crate::failure::Failure;
use crate::instance::{self, Found, Role};
use crate::out::{BAD, BOLD, GOOD, WARN, styled};
use crate::show::{plain, short_digest};
use crate::{diff, open, out};
use meter_api::{Exit, Findings};
use meter_apply::{Compiled, FileChange, FileText, Plan, Site, UserLayer, WhichLayer};
use meter_hop::paths::Home;
use meter_manifest::snapshot::Change;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::BufRead;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long edge and daemon may take until they report the new digest: the edge looks every 500 ms, the daemon reads
/// every manifest again.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often they are asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    /// Digest in force before; `null` before the first.
    from: Option<String>,
    /// Digest of the files.
    to: String,
    /// Whether there is something to change.
    changes: bool,
    /// Whether it was put in force now.
    applied: bool,
    files: Vec<File>,
    settings: Vec<Setting>,
    hosts_added: Vec<String>,
    hosts_removed: Vec<String>,
    /// Every file to be written or removed.
    writes: Vec<Write>,
    findings: Findings,
}

#[derive(Serialize)]
struct Write {
    /// Within the home; a bundled manifest begins with `bundled/`.
    name: String,
    /// Unified.
    diff: String,
}

/// What `--json` prints when the files have errors.
#[derive(Serialize)]
struct Refused {
    applied: bool,
    findings: Findings,
}

#[derive(Serialize)]
struct File {
    layer: &'static str,
    path: String,
    change: &'static str,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    from: serde_json::Value,
    to: serde_json::Value,
}

/// Says what `apply` would change; 3 when there is something.
pub fn plan(home: &Home, json: bool) -> Result<u8, Failure> {
    run(home, &ApplyArgs { dry_run: true, yes: false, render_only: None, json })
}

/// Everything that applying would change: files, settings and hosts, and the texts of what it would write.
struct Wanted {
    plan: Plan,
    texts: Vec<FileText>,
}

impl Wanted {
    fn of(home: &Home, compiled: &Compiled) -> Result<Wanted, Failure> {
        let site = Site::of_process().map_err(failed)?;
        Ok(Wanted {
            plan: meter_apply::plan(home, compiled).map_err(failed)?,
            texts: meter_apply::texts(home, compiled, &site).map_err(failed)?,
        })
    }

    /// Files can lack what the same manifests gave before: a service file that was removed, a program that moved.
    fn changes_something(&self) -> bool {
        self.plan.changes_something() || !self.texts.is_empty()
    }
}

/// Validates, shows, asks, writes and waits until every running role has it.
pub fn run(home: &Home, args: &ApplyArgs) -> Result<u8, Failure> {
    let (user, compiled) = open::on_disk(home);
    if !compiled.is_valid() {
        return refuse(&user, &compiled, args.json);
    }
    if let Some(folder) = &args.render_only {
        return render(home, &compiled, folder);
    }
    let wanted = Wanted::of(home, &compiled)?;
    if args.dry_run {
        show(&wanted, &user, &compiled, false, args.json)?;
        return Ok(if wanted.changes_something() { Exit::Found } else { Exit::Ok }.code());
    }
    open::prepared(home)?;
    let _held = only_one(home)?;
    if !args.json {
        show(&wanted, &user, &compiled, false, false)?;
    }
    if wanted.changes_something() && !args.yes && !confirmed()? {
        return Ok(Exit::Failed.code());
    }
    let settled = put(home, &compiled, &wanted.plan)?;
    if args.json {
        show(&wanted, &user, &compiled, wanted.changes_something(), true)?;
    } else if wanted.changes_something() {
        out::say(&settled);
    }
    Ok(Exit::Ok.code())
}

/// Writes what applying would write into another folder, for packagers and for a look.
fn render(home: &Home, compiled: &Compiled, folder: &Path) -> Result<u8, Failure> {
    let site = Site::of_process().map_err(failed)?;
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::because(format!("cannot create {}", folder.display()), error))?;
    let names = meter_apply::render_to(folder, home, compiled, &site)
        .map_err(|error| Failure::because("cannot render", error))?;
    out::print(&names.iter().map(|name| format!("{}\n", folder.join(name).display())).collect::<String>())?;
    Ok(Exit::Ok.code())
}

fn refuse(user: &UserLayer, compiled: &Compiled, json: bool) -> Result<u8, Failure> {
    if json {
        out::json(Refused { applied: false, findings: findings::document(&compiled.findings) })?;
    } else {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        out::print(&findings::text(&compiled.findings, user, terminal, out::colour()))?;
        out::say(&format!("{}; nothing was changed", findings::counted(&compiled.findings)));
    }
    Ok(Exit::Found.code())
}

fn failed(error: meter_apply::ApplyError) -> Failure {
    Failure::because("nothing was put in force", error)
}

/// Two at once would each take the other's change for a failure.
fn only_one(home: &Home) -> Result<std::fs::File, Failure> {
    let path = home.root().join("apply.lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let lock = open.map_err(|error| Failure::because(format!("cannot open {}", path.display()), error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::new("another `apply` runs in this home")),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(Failure::because(format!("cannot lock {}", path.display()), error))
        }
    }
}

fn confirmed() -> Result<bool, Failure> {
    if !out::interactive() {
        return Err(
            Failure::new("this is no terminal to ask on; `--yes` applies without asking").with_code(Exit::Usage)
        );
    }
    out::say("Apply? [y/N]");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::because("cannot read the answer", error))?;
    let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !yes {
        out::say("nothing was changed");
    }
    Ok(yes)
}

/// Writes, tells the running roles and waits for them; puts the old back when one does not come along.
fn put(home: &Home, compiled: &Compiled, plan: &Plan) -> Result<String, Failure> {
    usable_roots(compiled)?;
    let site = Site::of_process().map_err(failed)?;
    let identity = instance::identity(home)?;
    let port_changed = plan.settings.iter().any(|setting| setting.key == "daemon.edge_port");
    let running = instance::find(home);
    // First the port: the service files name it.
    meter_apply::settle_edge_port(
        home,
        &identity,
        &compiled.snapshot.config.daemon,
        port_changed,
        meter_sys::process::lives,
    )
    .map_err(failed)?;
    let applied = meter_apply::put_in_force(home, compiled, &site).map_err(failed)?;
    let digest = short_digest(&applied.digest);
    if running.edge.is_none() && running.daemon.is_none() && running.silent.is_empty() {
        return Ok(format!("{}: {digest}; nothing runs that would have to be told", styled(GOOD, "in force")));
    }
    hang_up(&running);
    if let Err(why) = follow(home, &applied.digest, &running) {
        meter_apply::put_back(home, applied.before.as_deref(), &site)
            .map_err(|error| Failure::because(format!("{why}, and the old could not be put back"), error))?;
        hang_up(&running);
        return Err(Failure::new(format!("{why}; what was in force before is in force again")));
    }
    let mut text = format!("{}: {digest}; {}", styled(GOOD, "in force"), who_has_it(&running));
    if plan.settings.iter().any(|setting| setting.key.starts_with("daemon.")) {
        text.push_str("\nports change when the roles start again");
    }
    Ok(text)
}

/// A daemon could not start with a file of roots that gives none: better said now than after waiting for it.
fn usable_roots(compiled: &Compiled) -> Result<(), Failure> {
    let file = &compiled.snapshot.config.upstream.ca_file;
    if file.is_empty() {
        return Ok(());
    }
    let read = meter_ca::upstream_roots(Some(Path::new(file)), &[]);
    read.map(drop).map_err(|error| Failure::because("nothing was put in force: `upstream.ca_file`", error))
}

/// Which of the roles that ran before have the new state now.
fn who_has_it(running: &Found) -> String {
    let mut text = match (&running.edge, &running.daemon) {
        (Some(_), Some(_)) => "edge and daemon run on it".to_owned(),
        (Some(_), None) => "the edge runs on it".to_owned(),
        (None, Some(_)) => "the daemon runs on it".to_owned(),
        (None, None) => "nobody has confirmed it".to_owned(),
    };
    for (role, pid) in &running.silent {
        text.push_str(&format!("; the {} (process {pid}) does not answer", role.name()));
    }
    text
}

/// Tells the running roles to look again.
fn hang_up(running: &Found) {
    let pids = [running.edge.as_ref().map(|(_, pid, _)| *pid), running.daemon.as_ref().map(|(_, _, pid, _)| *pid)];
    let silent = running.silent.iter().map(|(_, pid)| *pid);
    for pid in pids.into_iter().flatten().chain(silent) {
        if let Err(error) = meter_sys::process::send(pid, libc::SIGHUP) {
            // It will not report the digest either, and that is what is told.
            tracing::debug!(%error, pid, "apply.signal");
        }
    }
}

/// Waits until every role that ran before reports the digest.
///
/// # Errors
/// Who did not, and what it said.
fn follow(home: &Home, digest: &str, before: &Found) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = instance::find(home);
        let edge = match (&before.edge, &now.edge) {
            (None, _) => None,
            (Some(_), None) => Some("the edge does not answer any more".to_owned()),
            (Some(_), Some((_, _, health))) if health.digest.as_deref() == Some(digest) => None,
            (Some(_), Some((_, _, health))) => Some(match &health.edge_json.trouble {
                Some(trouble) => format!("the edge cannot use its new file: {}", plain(trouble)),
                None => "the edge did not take the change up".to_owned(),
            }),
        };
        let daemon = match (&before.daemon, &now.daemon) {
            (None, _) => None,
            (Some(_), None) => Some("the daemon does not answer any more".to_owned()),
            (Some(_), Some((_, _, _, health))) if health.digest == digest => None,
            (Some(_), Some(_)) => {
                Some(format!("the daemon did not take the change up{}", instance::log_hint(home, Role::Daemon)))
            }
        };
        match edge.or(daemon) {
            None => return Ok(()),
            Some(why) if Instant::now() > deadline => return Err(why),
            Some(_) => std::thread::sleep(ASK_EVERY),
        }
    }
}

fn show(wanted: &Wanted, user: &UserLayer, compiled: &Compiled, applied: bool, json: bool) -> Result<(), Failure> {
    if json {
        return out::json(document(wanted, compiled, applied));
    }
    if !compiled.findings.is_empty() {
        out::say(findings::text(&compiled.findings, user, out::interactive(), out::colour()).trim_end());
    }
    let diffs = wanted
        .texts
        .iter()
        .map(|file| format!("\n{}", diff::unified(&file.name, file.before.as_deref(), file.after.as_deref())));
    out::print(&(text(&wanted.plan) + &diffs.collect::<String>()))
}

fn document(wanted: &Wanted, compiled: &Compiled, applied: bool) -> Document {
    let plan = &wanted.plan;
    Document {
        from: plan.from.clone(),
        to: plan.to.clone(),
        changes: wanted.changes_something(),
        writes: wanted
            .texts
            .iter()
            .map(|file| Write {
                name: file.name.clone(),
                diff: anstream::adapter::strip_str(&diff::unified(
                    &file.name,
                    file.before.as_deref(),
                    file.after.as_deref(),
                ))
                .to_string(),
            })
            .collect(),
        applied,
        files: plan
            .files
            .iter()
            .map(|file| File {
                layer: match file.layer {
                    WhichLayer::Bundled => "bundled",
                    WhichLayer::User => "user",
                },
                path: file.path.clone(),
                change: word(file.change),
            })
            .collect(),
        settings: plan
            .settings
            .iter()
            .map(|setting| Setting { key: setting.key.clone(), from: setting.from.clone(), to: setting.to.clone() })
            .collect(),
        hosts_added: plan.hosts_added.clone(),
        hosts_removed: plan.hosts_removed.clone(),
        findings: findings::document(&compiled.findings),
    }
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}

fn text(plan: &Plan) -> String {
    let digest = short_digest(&plan.to);
    let Some(from) = plan.from.as_deref().map(short_digest) else {
        return format!(
            "{}\n{}",
            styled(BOLD, format_args!("nothing is in force yet; this is the first: {digest}")),
            body(plan)
        );
    };
    if !plan.changes_something() {
        return format!("no changes: {digest} is in force\n");
    }
    format!("{}\n{}", styled(BOLD, format_args!("{from} → {digest}")), body(plan))
}

fn body(plan: &Plan) -> String {
    let mut text = String::new();
    for file in &plan.files {
        text.push_str(&line(file));
    }
    for setting in &plan.settings {
        text.push_str(&format!("  {} {}: {} → {}\n", styled(WARN, "~"), setting.key, setting.from, setting.to));
    }
    let mut hosts = |sign: String, verb: &str, hosts: &[String]| match hosts {
        [] => {}
        [first, second, third, fourth, ..] if hosts.len() > 6 => text
            .push_str(&format!("  {sign} {verb}: {first}, {second}, {third}, {fourth} and {} more\n", hosts.len() - 4)),
        few => text.push_str(&format!("  {sign} {verb}: {}\n", few.join(", "))),
    };
    hosts(styled(GOOD, "+"), "metered from now on", &plan.hosts_added);
    hosts(styled(BAD, "-"), "not metered any more", &plan.hosts_removed);
    text
}

fn line(file: &FileChange) -> String {
    let sign = match file.change {
        Change::Added => styled(GOOD, "+"),
        Change::Removed => styled(BAD, "-"),
        Change::Changed => styled(WARN, "~"),
    };
    let from = match file.layer {
        WhichLayer::Bundled => " (bundled)",
        WhichLayer::User => "",
    };
    format!("  {sign} {}{from}\n", plain(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meter_apply::SettingChange;

    #[test]
    fn a_plan_reads_like_a_diff() {
        let plan = Plan {
            from: Some("b3:1111111111".into()),
            to: "b3:2222222222".into(),
            files: vec![
                FileChange {
                    layer: WhichLayer::Bundled,
                    path: "providers.d/groq.toml".into(),
                    change: Change::Changed,
                },
                FileChange { layer: WhichLayer::User, path: "providers.d/acme.toml".into(), change: Change::Added },
            ],
            settings: vec![SettingChange { key: "daemon.edge_port".into(), from: 8081.into(), to: 9081.into() }],
            hosts_added: vec!["api.acme.example".into()],
            hosts_removed: Vec::new(),
        };
        let text = anstream::adapter::strip_str(&text(&plan)).to_string();
        assert_eq!(
            text,
            "b3:11111111 → b3:22222222\n  ~ providers.d/groq.toml (bundled)\n  + providers.d/acme.toml\n  \
             ~ daemon.edge_port: 8081 → 9081\n  + metered from now on: api.acme.example\n"
        );
    }

    #[test]
    fn nothing_to_change_is_one_line() {
        let plan = Plan {
            from: Some("b3:1111111111".into()),
            to: "b3:1111111111".into(),
            files: Vec::new(),
            settings: Vec::new(),
            hosts_added: Vec::new(),
            hosts_removed: Vec::new(),
        };
        assert_eq!(text(&plan), "no changes: b3:11111111 is in force\n");
    }
}
