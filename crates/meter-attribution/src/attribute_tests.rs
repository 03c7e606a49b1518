use super::*;
use crate::{DotGit, Git, PathRule, RcFile};
use proptest::prelude::*;

const HOME: &str = "/home/ann";

fn caller() -> Evidence {
    let process = Process { pid: Some(42), name: Some("python3".to_owned()), ..Process::default() };
    Evidence { home: Some(HOME.to_owned()), caller: process, parents: Vec::new() }
}

fn at(cwd: &str) -> Evidence {
    let mut evidence = caller();
    evidence.caller.cwd = Some(cwd.to_owned());
    evidence
}

fn rc(path: &str, text: &str) -> RcFile {
    RcFile { path: path.to_owned(), text: text.to_owned() }
}

fn repository(root: &str) -> Git {
    Git {
        root: root.to_owned(),
        dot_git: DotGit::Folder,
        head: Some("ref: refs/heads/main\n".to_owned()),
        config: Some("[remote \"origin\"]\n\turl = git@host.example:Acme/Billing.git\n".to_owned()),
    }
}

fn set(process: &mut Process, value: &str) {
    process.env.insert("HALTON_PROJECT".to_owned(), value.to_owned());
}

/// Everything speaks, each with another name.
fn everything() -> Evidence {
    let mut evidence = at("/home/ann/clients/by-rule/folder");
    set(&mut evidence.caller, "by-env");
    evidence.caller.rc = vec![rc("/home/ann/clients/.haltonrc", "project = by-rc")];
    evidence.caller.git = Some(repository("/home/ann/clients/by-git"));
    let mut parent = Process { name: Some("zsh".to_owned()), ..Process::default() };
    set(&mut parent, "by-parent");
    evidence.parents = vec![Process::default(), parent];
    evidence
}

fn tagging() -> Tagging {
    Tagging { rules: vec![PathRule::new("~/clients/{slug}/**", "{slug}").expect("a rule")], ..Tagging::default() }
}

fn check(tagging: &Tagging, evidence: &Evidence) -> (String, String) {
    let found = attribute(tagging, evidence);
    (found.source, found.project.into())
}

fn said(source: &str, project: &str) -> (String, String) {
    (source.to_owned(), project.to_owned())
}

#[test]
fn each_source_speaks_when_those_before_it_are_silent() {
    let (tagging, mut evidence) = (tagging(), everything());
    assert_eq!(check(&tagging, &evidence), said("rules", "by-rule"));
    let without = Tagging { rules: Vec::new(), ..tagging };
    assert_eq!(check(&without, &evidence), said("env", "by-env"));
    evidence.caller.env.clear();
    assert_eq!(check(&without, &evidence), said("rcfile", "by-rc"));
    evidence.caller.rc.clear();
    assert_eq!(check(&without, &evidence), said("git", "by-git"));
    evidence.caller.git = None;
    assert_eq!(check(&without, &evidence), said("parents", "by-parent"));
    evidence.parents.clear();
    assert_eq!(check(&without, &evidence), said("workdir", "folder"));
    evidence.caller.cwd = None;
    assert_eq!(check(&without, &evidence), said("default", "misc"));
}

#[test]
fn a_malformed_name_is_passed_over_and_told() {
    let mut evidence = at("/src/app");
    set(&mut evidence.caller, "My App");
    evidence.caller.rc =
        vec![rc("/src/app/.haltonrc", "# ours\nproject = \"My App\""), rc("/.haltonrc", "project = up")];
    let found = attribute(&Tagging::default(), &evidence);
    assert_eq!((found.source.as_str(), found.project.as_str()), ("workdir", "app"));
    let error = "`M` is not allowed in a project name (use a-z, 0-9, `-`, `_`, `:`, `/`)";
    let variable = format!("HALTON_PROJECT is `My App` ({error})");
    let file = format!("`/src/app/.haltonrc` line 2: `My App`: {error}");
    assert_eq!(found.reason, format!("the working directory is `/src/app` (passed over: {variable}; {file})"));
}

#[test]
fn a_file_without_a_project_leaves_it_to_the_one_further_up() {
    let mut evidence = at("/src/app");
    evidence.caller.rc = vec![rc("/src/app/.haltonrc", "body_capture = on"), rc("/src/.haltonrc", "project = up")];
    assert_eq!(check(&Tagging::default(), &evidence), said("rcfile", "up"));
}

#[test]
fn an_empty_variable_says_nothing() {
    let mut evidence = at("/src/app");
    set(&mut evidence.caller, " ");
    let found = attribute(&Tagging::default(), &evidence);
    assert_eq!((found.source.as_str(), found.reason.contains("passed over")), ("workdir", false));
}

#[test]
fn the_home_folder_and_the_root_are_no_projects() {
    let mut evidence = at("/home/ann/");
    evidence.caller.git = Some(repository(HOME));
    assert_eq!(check(&Tagging::default(), &evidence), said("default", "misc"));
    assert_eq!(check(&Tagging::default(), &at("/")), said("default", "misc"));
    let mut inside = at("/home/ann/notes");
    inside.caller.git = Some(repository(HOME));
    assert_eq!(check(&Tagging::default(), &inside), said("workdir", "notes"));
}

#[test]
fn a_repository_gives_one_of_its_names_and_its_branch() {
    let mut evidence = at("/tmp/fix-7/src");
    evidence.caller.git = Some(Git {
        dot_git: DotGit::File("gitdir: /src/Billing/.git/worktrees/fix-7".to_owned()),
        ..repository("/tmp/fix-7")
    });
    let named = |git| attribute(&Tagging { git, ..Tagging::default() }, &evidence);
    let found = named(GitUse::Repository);
    assert_eq!((found.project.as_str(), found.branch.as_deref()), ("billing", Some("main")));
    assert_eq!(found.worktree.as_deref(), Some("fix-7"));
    assert_eq!(found.reason, "the working directory is in the git repository `/tmp/fix-7`, a worktree of `Billing`");
    assert_eq!(named(GitUse::Remote).project.as_str(), "acme/billing");
    assert_eq!(named(GitUse::Worktree).project.as_str(), "fix-7");
}

#[test]
fn parents_are_asked_nearest_first_to_a_depth_and_never_for_their_folder() {
    let mut evidence = at("/");
    let parent = |cwd: &str, value: Option<&str>| {
        let mut process = Process { cwd: Some(cwd.to_owned()), pid: Some(7), ..Process::default() };
        if let Some(value) = value {
            set(&mut process, value);
        }
        process
    };
    evidence.parents = vec![parent("/tmp/x", None), parent("/", Some("near")), parent("/", Some("far"))];
    let found = attribute(&Tagging::default(), &evidence);
    assert_eq!((found.source.as_str(), found.project.as_str()), ("parents", "near"));
    assert!(found.reason.starts_with("by its parent pid 7: HALTON_PROJECT"), "{}", found.reason);
    let shallow = Tagging { parents_depth: 1, ..Tagging::default() };
    assert_eq!(check(&shallow, &evidence), said("default", "misc"));
}

#[test]
fn what_the_caller_wrote_cannot_flood_or_paint_a_terminal() {
    for value in ["\u{1b}[31m".to_owned(), "x".repeat(10_000), format!("\u{1b}{}", "x".repeat(10_000))] {
        let mut evidence = at("/src/app");
        set(&mut evidence.caller, &value);
        evidence.caller.rc = vec![rc("/src/.haltonrc", &format!("project = {value}"))];
        let reason = attribute(&Tagging::default(), &evidence).reason;
        assert!(reason.contains("passed over") && reason.len() < 1000 && !reason.contains('\u{1b}'), "{reason}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "\\PC{0,12}", "[ -~]{0,200}"]
}

fn some_process() -> impl Strategy<Value = Process> {
    let path = || prop::collection::vec("[a-zA-Z .é]{0,6}", 0..5).prop_map(|parts| format!("/{}", parts.join("/")));
    let git = (path(), prop_oneof![Just(None), text().prop_map(Some)]).prop_map(|(root, file)| Git {
        root,
        dot_git: file.map_or(DotGit::Folder, |text| DotGit::File(format!("gitdir: {text}"))),
        head: Some("ref: refs/heads/main".to_owned()),
        config: None,
    });
    let rc_file = text().prop_map(|text| rc("/x/.haltonrc", &format!("project = {text}")));
    (prop::option::of(text()), prop::option::of(path()), prop::collection::vec(rc_file, 0..3), prop::option::of(git))
        .prop_map(|(value, cwd, rc, git)| {
            let mut process = Process { cwd, rc, git, ..Process::default() };
            if let Some(value) = value {
                set(&mut process, &value);
            }
            process
        })
}

fn some_evidence() -> impl Strategy<Value = Evidence> {
    (some_process(), prop::collection::vec(some_process(), 0..4)).prop_map(|(caller, parents)| Evidence {
        home: Some(HOME.to_owned()),
        caller,
        parents,
    })
}

proptest! {
    #[test]
    fn the_answer_is_always_a_valid_name_with_a_reason(evidence in some_evidence()) {
        let found = attribute(&tagging(), &evidence);
        prop_assert_eq!(found.project.as_str().parse(), Ok(found.project.clone()));
        prop_assert!(!found.reason.is_empty());
        prop_assert!(found.source == "default" || found.source.parse::<Source>().is_ok());
    }

    /// Whoever answers in an order is the first that answers when asked alone.
    #[test]
    fn the_order_is_respected(
        evidence in some_evidence(),
        order in Just(Source::ALL.to_vec()).prop_shuffle(),
        asked in 0..Source::ALL.len(),
    ) {
        let order: Vec<Source> = order.into_iter().take(asked).collect();
        let with = |order: Vec<Source>| attribute(&Tagging { order, ..tagging() }, &evidence);
        let found = with(order.clone());
        let own: Vec<Source> = order.iter().copied().filter(|source| *source != Source::Workdir).collect();
        let alone = |source: &Source| match source {
            // An ancestor is asked by the sources that are listed beside it.
            Source::Parents => {
                let caller = Process::default();
                let evidence = Evidence { caller, ..evidence.clone() };
                attribute(&Tagging { order: own.clone(), ..tagging() }, &evidence)
            }
            source => with(vec![*source]),
        };
        let first = order.iter().map(alone).find(|answer| answer.source != "default");
        match first {
            Some(first) => prop_assert_eq!((found.source, found.project), (first.source, first.project)),
            None => prop_assert_eq!(found.source, "default"),
        }
    }
}
