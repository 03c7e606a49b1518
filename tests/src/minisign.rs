//! A stand-in for `minisign`, which is not on every machine: the two commands of the documents, keys and signatures in its
//! format (<https://jedisct1.github.io/minisign/>, read 2026-11-25).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use blake2::{Blake2b512, Digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::path::Path;
use std::{fs, io};

/// Names a key among others; a stand-in has one.
const KEY_ID: &[u8; 8] = b"standin!";

/// Runs `minisign -G` or `minisign -Sm FILE` in a folder, where it keeps its keys too.
///
/// # Errors
/// A file cannot be read or written.
///
/// # Panics
/// Another command, or a key that is none.
pub fn minisign(folder: &Path, command: &str) -> io::Result<()> {
    let secret = folder.join("minisign.key");
    match command.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["minisign", "-G"] => {
            let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random bytes");
            fs::write(secret, pair.as_ref())?;
            let public = Ed25519KeyPair::from_pkcs8(pair.as_ref()).expect("the pair just made");
            let bytes = [b"Ed", KEY_ID.as_slice(), public.public_key().as_ref()].concat();
            let key = BASE64_STANDARD.encode(bytes);
            fs::write(folder.join("minisign.pub"), format!("untrusted comment: minisign public key\n{key}\n"))
        }
        ["minisign", "-Sm", file] => {
            let pair = Ed25519KeyPair::from_pkcs8(&fs::read(secret)?).expect("a pair of `minisign -G`");
            let digest = Blake2b512::digest(fs::read(folder.join(file))?);
            let signature = pair.sign(&digest);
            let comment = format!("file:{file}");
            let whole = pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
            let first = BASE64_STANDARD.encode([b"ED", KEY_ID.as_slice(), signature.as_ref()].concat());
            let second = BASE64_STANDARD.encode(whole.as_ref());
            let text = format!("untrusted comment: signature\n{first}\ntrusted comment: {comment}\n{second}\n");
            fs::write(folder.join(format!("{file}.minisig")), text)
        }
        other => panic!("the stand-in does not know `{}`", other.join(" ")),
    }
}
