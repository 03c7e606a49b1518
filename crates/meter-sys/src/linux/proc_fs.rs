//! Processes as `/proc` shows them (`proc(5)`).

use crate::peer::{Owner, PARENTS_MAX, ParentSnapshot, ProcessSnapshot};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most bytes of arguments or environment that are read. Linux allows megabytes; names and paths come first.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// The pid that holds the socket: those of `hint` first, then every process of its user, youngest first.
pub(crate) fn holder(owner: &Owner, hint: &[u32]) -> Option<u32> {
    let wanted = format!("socket:[{}]", owner.inode);
    if let Some(pid) = hint.iter().copied().find(|pid| holds(*pid, &wanted)) {
        return Some(pid);
    }
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| !hint.contains(pid))
        .collect();
    // Pids grow until they wrap; a client that just connected is usually a young process.
    pids.sort_unstable_by(|a, b| b.cmp(a));
    // A process that may not be dumped shows root as its owner, and is readable to root only.
    let may_hold = |pid: &u32| {
        fs::metadata(format!("/proc/{pid}")).is_ok_and(|found| found.uid() == owner.uid || found.uid() == 0)
    };
    pids.into_iter().filter(may_hold).find(|pid| holds(*pid, &wanted))
}

fn holds(pid: u32, wanted: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str().as_bytes() == wanted.as_bytes()))
}

pub(crate) fn snapshot(pid: u32, variables: &[&str]) -> io::Result<ProcessSnapshot> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let stat = Stat::read(&folder)?;
    let snapshot = ProcessSnapshot {
        pid,
        started_ticks: stat.started_ticks,
        name: stat.name.clone(),
        exe: exe(&folder),
        cwd: fs::read_link(folder.join("cwd")).ok(),
        argv: argv(&folder),
        environ: environ(&folder, variables),
        parents: parents(&stat, pid),
    };
    // The pid may have passed to another process meanwhile.
    match Stat::read(&folder)?.started_ticks == stat.started_ticks {
        true => Ok(snapshot),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Whether the process is there and not just waiting to be reaped.
pub(crate) fn lives(pid: u32) -> Option<bool> {
    let stat = Stat::read(Path::new(&format!("/proc/{pid}"))).ok()?;
    Some(!matches!(stat.state, b'Z' | b'X'))
}

fn parents(child: &Stat, child_pid: u32) -> Vec<ParentSnapshot> {
    let mut found = Vec::new();
    let (mut pid, mut stat) = (child_pid, child.clone());
    while found.len() < PARENTS_MAX && pid != stat.session && stat.parent > 1 {
        pid = stat.parent;
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let Ok(next) = Stat::read(&folder) else { break };
        // A child cannot be older than its parent: that pid was given out anew.
        if next.started_ticks > stat.started_ticks {
            break;
        }
        stat = next;
        found.push(ParentSnapshot {
            pid,
            name: stat.name.clone(),
            exe: exe(&folder),
            cwd: fs::read_link(folder.join("cwd")).ok(),
            argv: argv(&folder),
        });
    }
    found
}

fn exe(folder: &Path) -> Option<PathBuf> {
    let path = fs::read_link(folder.join("exe")).ok()?;
    // An upgraded program still runs from the file that was unlinked.
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(bytes) => Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes))),
        None => Some(path),
    }
}

fn argv(folder: &Path) -> Vec<String> {
    let bytes = read_bounded(&folder.join("cmdline")).unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn environ(folder: &Path, variables: &[&str]) -> BTreeMap<String, String> {
    if variables.is_empty() {
        return BTreeMap::new();
    }
    let bytes = read_bounded(&folder.join("environ")).unwrap_or_default();
    let pairs = bytes.split(|b| *b == 0).filter_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        let name = std::str::from_utf8(&pair[..equals]).ok().filter(|name| variables.contains(name))?;
        Some((name.to_owned(), String::from_utf8_lossy(&pair[equals + 1..]).into_owned()))
    });
    // Of a name that stands twice the first counts, as for getenv(3).
    let mut found = BTreeMap::new();
    pairs.for_each(|(name, value)| {
        found.entry(name).or_insert(value);
    });
    found
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Stat {
    name: String,
    state: u8,
    parent: u32,
    session: u32,
    started_ticks: u64,
}

impl Stat {
    fn read(folder: &Path) -> io::Result<Stat> {
        let text = fs::read(folder.join("stat"))?;
        Stat::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The name stands in parentheses and may hold any byte, a `)` too; the last one ends it.
    fn parse(text: &str) -> Option<Stat> {
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let rest: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
        Some(Stat {
            name: text.get(open + 1..close)?.to_owned(),
            state: rest.first()?.bytes().next()?,
            parent: rest.get(1)?.parse().ok()?,
            session: rest.get(3)?.parse().ok()?,
            started_ticks: rest.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let text = "42 (a) b (c) S 7 42 9 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 12345 0 0";
        let expected = Stat { name: "a) b (c".into(), state: b'S', parent: 7, session: 9, started_ticks: 12345 };
        assert_eq!(Stat::parse(text), Some(expected));
        for cut in 0..text.len() {
            let _ = Stat::parse(&text[..cut]);
        }
        assert_eq!(Stat::parse("42 )("), None);
    }

    #[test]
    fn this_process_is_read() {
        let own = snapshot(std::process::id(), &["PATH", "NO_SUCH_VARIABLE"]).unwrap();
        assert_eq!(own.cwd, std::env::current_dir().ok());
        assert_eq!(own.exe, std::env::current_exe().ok());
        assert_eq!(own.argv, std::env::args().collect::<Vec<_>>());
        assert_eq!(own.environ.get("PATH"), std::env::var("PATH").ok().as_ref());
        assert_eq!(own.environ.len(), 1);
        assert_eq!(own.parents.first().map(|p| p.pid), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn a_pid_nobody_has_is_not_found() {
        assert_eq!(snapshot(u32::MAX, &[]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(lives(u32::MAX), None);
    }
}
