//! What stands in the folder: modes, reopening, crashes, second authorities, the bundle.

use super::{INSIDE, OUTSIDE, authority, hosts, now};
use crate::{Authority, CaError, LEAVES_MAX, RootsError, Spki, bundle, pem, system_roots, upstream_roots};
use meter_call::UnixMillis;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
}

#[test]
fn the_key_of_the_intermediate_is_the_only_one_written_and_only_its_owner_reads_it() {
    let dir = TempDir::new().expect("a folder");
    authority(&dir);
    let ca = dir.path().join("ca");
    assert_eq!(mode(&ca), 0o700);
    assert_eq!(mode(&ca.join("intermediate.key")), 0o600);
    let mut names: Vec<String> = fs::read_dir(&ca)
        .expect("listed")
        .map(|e| e.expect("entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    assert_eq!(names, ["authority.json", "intermediate.key", "intermediate.pem", "lock", "root.pem"]);
    let keys =
        names.iter().filter(|name| fs::read_to_string(ca.join(name)).expect("text").contains("PRIVATE KEY")).count();
    assert_eq!(keys, 1);
}

#[test]
fn reopening_gives_the_same_roots_and_keys() {
    let dir = TempDir::new().expect("a folder");
    let first = authority(&dir);
    let again = authority(&dir);
    assert_eq!(first.roots_pem(), again.roots_pem());
    assert_eq!(first.public_keys(), again.public_keys());
    let read = Authority::open(&dir.path().join("ca")).expect("readable").expect("there");
    assert_eq!(read.roots_pem(), first.roots_pem());
    assert_eq!(read.summaries().next().map(|s| s.hosts.len()), Some(2));
}

#[test]
fn a_key_that_others_could_read_is_closed_again() {
    let dir = TempDir::new().expect("a folder");
    authority(&dir);
    let key = dir.path().join("ca/intermediate.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("opened");
    authority(&dir);
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn a_crash_before_the_statement_leaves_nothing_that_counts() {
    let dir = TempDir::new().expect("a folder");
    let lost = authority(&dir);
    let ca = dir.path().join("ca");
    // The statement is written last: without it the other files are leftovers, whichever of them there are.
    for leftover in [&["intermediate.key", "intermediate.pem", "root.pem"][..], &["intermediate.key"], &[]] {
        fs::remove_file(ca.join("authority.json")).expect("was there");
        for name in ["intermediate.key", "intermediate.pem", "root.pem"] {
            if !leftover.contains(&name) {
                fs::remove_file(ca.join(name)).expect("was there");
            }
        }
        fs::write(ca.join(".root.pem.new"), "torn").expect("written");
        assert!(Authority::open(&ca).expect("readable").is_none());
        let made = authority(&dir);
        assert_ne!(made.roots_pem(), lost.roots_pem());
        assert_eq!(authority(&dir).roots_pem(), made.roots_pem());
    }
}

#[test]
fn lost_or_exchanged_files_are_told_and_never_replaced_by_themselves() {
    for (name, content) in [
        ("intermediate.key", None),
        ("root.pem", None),
        ("root.pem", Some("no certificate")),
        ("authority.json", Some("{")),
        ("intermediate.key", Some("no key")),
    ] {
        let dir = TempDir::new().expect("a folder");
        authority(&dir);
        let path = dir.path().join("ca").join(name);
        match content {
            Some(content) => fs::write(&path, content).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
        let error = Authority::open_or_create(&dir.path().join("ca"), &hosts(&[INSIDE]), now()).expect_err("damaged");
        assert!(matches!(&error, CaError::Damaged { what, .. } if what.contains(name)), "{error}");
    }
    let (one, two) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    authority(&one);
    authority(&two);
    fs::copy(two.path().join("ca/intermediate.key"), one.path().join("ca/intermediate.key")).expect("copied");
    assert!(matches!(Authority::open(&one.path().join("ca")), Err(CaError::Damaged { .. })));
}

#[test]
fn a_host_outside_gets_a_second_authority_and_the_first_stays() {
    let dir = TempDir::new().expect("a folder");
    let ca = dir.path().join("ca");
    let first = authority(&dir);
    assert!(first.covers(INSIDE) && first.covers("EU.API.acme.example") && !first.covers(OUTSIDE));
    assert!(matches!(first.leaf(OUTSIDE, now()), Err(CaError::NotCovered(_))));

    let both = Authority::open_or_create(&ca, &hosts(&[INSIDE, OUTSIDE]), now()).expect("extended");
    assert!(both.roots_pem().starts_with(&first.roots_pem()));
    assert_eq!(both.summaries().map(|s| s.hosts.clone()).nth(1), Some(hosts(&[OUTSIDE])));
    assert_eq!(mode(&ca.join("2")), 0o700);
    assert_eq!(mode(&ca.join("2/intermediate.key")), 0o600);
    let (inside, outside) = (both.leaf(INSIDE, now()).expect("covered"), both.leaf(OUTSIDE, now()).expect("covered"));
    assert_ne!(inside.cert[1], outside.cert[1]);

    let fewer = Authority::open_or_create(&ca, &hosts(&[OUTSIDE]), now()).expect("reopened");
    assert_eq!(fewer.roots_pem(), both.roots_pem());
}

#[test]
fn an_authority_near_its_end_is_joined_by_another_and_signs_on() {
    let dir = TempDir::new().expect("a folder");
    let ca = dir.path().join("ca");
    let start = now();
    let first = authority(&dir);
    let end = first.summaries().next().expect("one").not_after;
    let near = UnixMillis(end.0 - 30 * 86_400_000);
    let both = Authority::open_or_create(&ca, &hosts(&[INSIDE]), near).expect("renewed");
    assert_eq!(both.roots().count(), 2);
    assert_eq!(both.leaf(INSIDE, near).expect("signed").cert[1], first.leaf(INSIDE, start).expect("signed").cert[1]);
    let after = both.leaf(INSIDE, UnixMillis(end.0 + 1)).expect("signed by the second");
    assert_ne!(after.cert[1], first.leaf(INSIDE, start).expect("signed").cert[1]);
    assert_eq!(Authority::open_or_create(&ca, &hosts(&[INSIDE]), near).expect("again").roots().count(), 2);
}

#[test]
fn bad_hosts_and_none_at_all_write_nothing() {
    let dir = TempDir::new().expect("a folder");
    let ca = dir.path().join("ca");
    for bad in ["127.0.0.1", "*.acme.example", "com", ".acme.example"] {
        let made = Authority::open_or_create(&ca, &hosts(&[INSIDE, bad]), now());
        assert!(matches!(made, Err(CaError::BadHost(_))), "{bad}");
    }
    assert!(!ca.exists());
    assert!(matches!(Authority::open_or_create(&ca, &[], now()), Err(CaError::NoHosts)));
}

#[test]
fn leaves_are_kept_replaced_in_time_and_bounded() {
    let dir = TempDir::new().expect("a folder");
    let authority = authority(&dir);
    let leaf = |at: i64| authority.leaf(INSIDE, UnixMillis(at)).expect("covered").cert[0].clone();
    let start = now().0;
    assert_eq!(leaf(start), leaf(start + 1000));
    assert_ne!(leaf(start), leaf(start + 80 * 86_400_000));
    let first = leaf(start);
    for n in 0..=LEAVES_MAX {
        let name = format!("h{n}.{INSIDE}");
        authority.leaf(&name, UnixMillis(start + 1000 * (1 + i64::try_from(n).expect("small")))).expect("covered");
    }
    assert_ne!(first, leaf(start), "the oldest had to go");
}

#[test]
fn two_processes_at_once_make_one_authority() {
    let dir = TempDir::new().expect("a folder");
    let roots: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| authority(&dir).roots_pem())).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(roots.iter().all(|pem| *pem == roots[0]));
}

#[test]
fn the_bundle_holds_system_user_and_ours_once_each() {
    let dir = TempDir::new().expect("a folder");
    let ca = dir.path().join("ca");
    let authority = authority(&dir);
    let other = TempDir::new().expect("a folder");
    let corporate = super::authority(&other);
    let extra = dir.path().join("corporate.pem");
    fs::write(&extra, corporate.roots_pem().repeat(2)).expect("written");
    let system = system_roots().expect("this machine has roots");
    let ours: Vec<_> = authority.roots().cloned().collect();

    let missing = dir.path().join("gone.pem");
    let paths = [extra, missing.clone()];
    let written = bundle::write(&ca, &system.certificates, &paths, &ours).expect("written");
    assert_eq!(written.skipped.len(), 1);
    assert_eq!(written.skipped[0].0, missing);
    let (all, broken) = pem::decode(&fs::read(ca.join(bundle::BUNDLE)).expect("read"));
    assert_eq!((all.len(), broken), (written.certificates, 0));
    assert!(all.contains(&ours[0]) && corporate.roots().all(|root| all.contains(root)));
    assert!(system.certificates.iter().all(|root| all.contains(root)));
    let (own, _) = pem::decode(&fs::read(ca.join(bundle::OWN_ROOTS)).expect("read"));
    assert_eq!(own, ours);

    bundle::write(&ca, &system.certificates, &[], &[]).expect("written");
    let (left, _) = pem::decode(&fs::read(ca.join(bundle::BUNDLE)).expect("read"));
    assert!(!left.contains(&ours[0]) && !left.is_empty());
}

#[test]
fn upstream_trust_never_holds_our_own_keys() {
    let dir = TempDir::new().expect("a folder");
    let ca = dir.path().join("ca");
    let authority = authority(&dir);
    let (corporate_dir, file) = (TempDir::new().expect("a folder"), dir.path().join("extra.pem"));
    let corporate = super::authority(&corporate_dir);
    fs::write(&file, authority.roots_pem() + &corporate.roots_pem()).expect("written");

    let keys = authority.public_keys();
    let store = upstream_roots(Some(&file), &keys).expect("roots");
    let subjects = |store: &rustls::RootCertStore, root: &rustls::pki_types::CertificateDer<'static>| {
        let wanted = webpki_subject(root);
        store.subjects().iter().any(|subject| subject.as_ref() == wanted)
    };
    assert!(!subjects(&store, authority.roots().next().expect("one")));
    assert!(subjects(&store, corporate.roots().next().expect("one")));
    assert!(store.len() > 1, "the system's roots are there too");

    let gone = upstream_roots(Some(&ca.join("nothing.pem")), &keys).expect_err("no such file");
    assert!(matches!(gone, RootsError::File { .. }));
    let empty = upstream_roots(Some(&ca.join("authority.json")), &keys).expect_err("no certificate");
    assert!(matches!(empty, RootsError::Empty { .. }));
    assert_eq!(authority.roots().filter_map(Spki::of).count(), 1);
}

fn webpki_subject(root: &rustls::pki_types::CertificateDer<'static>) -> Vec<u8> {
    let mut store = rustls::RootCertStore::empty();
    store.add(root.clone()).expect("a root");
    store.subjects()[0].as_ref().to_vec()
}
