//! Real verifiers: each accepts a name inside the constraints and refuses one outside, signed by the same intermediate.

use super::{INSIDE, OUTSIDE, hosts, now, server::Server};
use crate::{Authority, pem};
use rustls::{ClientConfig, ClientConnection, RootCertStore, sign::CertifiedKey};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};
use tempfile::TempDir;

struct Scene {
    dir: TempDir,
    authority: Authority,
    server: Server,
}

fn inside(authority: &Authority) -> CertifiedKey {
    let leaf = authority.leaf(INSIDE, now()).expect("covered");
    CertifiedKey::new(leaf.cert.clone(), leaf.key.clone())
}

fn scene() -> Scene {
    let dir = TempDir::new().expect("a folder");
    // More names than the bundled manifests have hosts: verifiers bound how many constraints they compare.
    let mut names = hosts(&[INSIDE]);
    names.extend((0..400).map(|number| format!("runtime.region-{number}.cloud.example")));
    let made = Authority::open_or_create(&dir.path().join("ca"), &names, now()).expect("a new authority");
    // What is served comes from a reopened authority: its issuer is rebuilt from what was stored.
    let reopened = Authority::open(&dir.path().join("ca")).expect("readable").expect("there");
    let leaves = vec![(INSIDE, inside(&reopened)), (OUTSIDE, reopened.leaf_outside(OUTSIDE, now()))];
    fs::write(dir.path().join("roots.pem"), made.roots_pem()).expect("written");
    Scene { server: Server::start(leaves), authority: reopened, dir }
}

/// Runs a tool; `None`, with the reason printed, where this machine does not have it.
fn tool(name: &str, run: impl FnOnce(&mut Command) -> &mut Command) -> Option<Output> {
    let mut command = Command::new(name);
    for variable in [
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "HTTPS_PROXY",
        "https_proxy",
        "NODE_EXTRA_CA_CERTS",
        "JAVA_TOOL_OPTIONS",
    ] {
        command.env_remove(variable);
    }
    match run(&mut command).output() {
        Ok(output) => Some(output),
        Err(error) => {
            // Written past the test runner, which shows nothing of a test that passes.
            let told = writeln!(std::io::stderr(), "skipped: `{name}` does not run here ({error})");
            told.expect("standard error is open");
            None
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Asks for both names and judges the two outcomes.
fn judge(name: &str, refusal: &[&str], ask: impl Fn(&str) -> Option<Output>) {
    let Some(accepted) = ask(INSIDE) else { return };
    assert!(accepted.status.success() && said(&accepted).contains("metered"), "{name} inside: {}", said(&accepted));
    let refused = ask(OUTSIDE).expect("it ran a moment ago");
    let words = said(&refused);
    assert!(!refused.status.success() && !words.contains("metered"), "{name} outside: {words}");
    assert!(refusal.iter().any(|word| words.contains(word)), "{name} refused for another reason: {words}");
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

#[test]
fn rustls() {
    let scene = scene();
    let mut roots = RootCertStore::empty();
    for root in scene.authority.roots() {
        roots.add(root.clone()).expect("a root");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let ask = |host: &'static str| -> std::io::Result<String> {
        let name = host.try_into().expect("a name");
        let mut connection = ClientConnection::new(config.clone(), name).map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect(scene.server.address)?;
        let mut tls = rustls::Stream::new(&mut connection, &mut stream);
        tls.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        let mut text = String::new();
        tls.read_to_string(&mut text)?;
        Ok(text)
    };
    assert!(ask(INSIDE).expect("accepted").ends_with("metered"));
    let refused = ask(OUTSIDE).expect_err("outside");
    assert!(refused.to_string().contains("NameConstraintViolation"), "{refused}");
}

#[test]
fn openssl_verifies_the_chain_strictly() {
    let scene = scene();
    let path = |name: &str| scene.dir.path().join(name);
    let ask = |host: &str| {
        let leaf = if host == INSIDE { inside(&scene.authority) } else { scene.authority.leaf_outside(host, now()) };
        write(&path("leaf.pem"), &pem::encode(&leaf.cert[0]));
        write(&path("sent.pem"), &pem::encode(&leaf.cert[1]));
        tool("openssl", |c| {
            c.args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host, "-CAfile"])
                .arg(path("roots.pem"))
                .arg("-untrusted")
                .arg(path("sent.pem"))
                .arg(path("leaf.pem"))
        })
    };
    let Some(accepted) = ask(INSIDE) else { return };
    assert!(accepted.status.success(), "{}", said(&accepted));
    let refused = ask(OUTSIDE).expect("it ran a moment ago");
    assert!(said(&refused).contains("permitted subtree violation"), "{}", said(&refused));
}

#[test]
fn certificates_say_what_was_decided() {
    let scene = scene();
    let text = |pem: &str| {
        write(&scene.dir.path().join("one.pem"), pem);
        tool("openssl", |c| c.args(["x509", "-noout", "-text", "-in"]).arg(scene.dir.path().join("one.pem")))
            .map(|output| said(&output))
    };
    let has = |text: &str, words: &[&str]| {
        words.iter().for_each(|word| assert!(text.contains(word), "no `{word}` in {text}"))
    };
    let read = |name: &str| fs::read_to_string(scene.dir.path().join("ca").join(name)).expect("written");
    let constraints = [
        "X509v3 Name Constraints: critical",
        &format!("DNS:{INSIDE}"),
        "IP:0.0.0.0/0.0.0.0",
        "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0",
        "Certificate Sign",
        "Subject Key Identifier",
        "Authority Key Identifier",
    ];
    let Some(root) = text(&read("root.pem")) else { return };
    has(&root, &constraints);
    has(&root, &["CA:TRUE, pathlen:1", "prime256v1"]);
    let intermediate = text(&read("intermediate.pem")).expect("it ran a moment ago");
    has(&intermediate, &constraints);
    has(&intermediate, &["CA:TRUE, pathlen:0"]);
    let leaf = text(&pem::encode(&inside(&scene.authority).cert[0])).expect("it ran a moment ago");
    has(&leaf, &["CA:FALSE", "TLS Web Server Authentication", "Digital Signature", "prime256v1"]);
    has(&leaf, &["Subject Key Identifier", "Authority Key Identifier"]);
    let names: Vec<&str> =
        leaf.lines().skip_while(|line| !line.contains("Subject Alternative Name")).skip(1).take(1).collect();
    assert_eq!(names.first().map(|line| line.trim()), Some(format!("DNS:{INSIDE}").as_str()));
}

#[test]
fn curl() {
    let scene = scene();
    let port = scene.server.address.port();
    judge("curl", &["unable to get", "permitted subtree", "certificate problem"], |host| {
        tool("curl", |c| {
            c.args(["-sS", "--noproxy", "*", "--resolve", &format!("{host}:{port}:127.0.0.1"), "--cacert"])
                .arg(scene.dir.path().join("roots.pem"))
                .arg(format!("https://{host}:{port}/"))
        })
    });
}

#[test]
fn python_in_strict_mode() {
    let scene = scene();
    let script = scene.dir.path().join("ask.py");
    // Python 3.13 sets the strict flag by itself.
    write(
        &script,
        "import socket, ssl, sys\n\
         context = ssl.create_default_context(cafile=sys.argv[1])\n\
         context.verify_flags |= ssl.VERIFY_X509_STRICT\n\
         with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as tcp:\n\
         \x20   with context.wrap_socket(tcp, server_hostname=sys.argv[3]) as tls:\n\
         \x20       tls.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n\
         \x20       print(tls.recv(1000))\n\
         \x20       print(tls.recv(1000))\n",
    );
    judge("python3", &["permitted subtree violation"], |host| {
        tool("python3", |c| {
            c.arg(&script)
                .arg(scene.dir.path().join("roots.pem"))
                .arg(scene.server.address.port().to_string())
                .arg(host)
        })
    });
}

#[test]
fn node() {
    let scene = scene();
    let script = scene.dir.path().join("ask.js");
    write(
        &script,
        "const [port, servername] = process.argv.slice(2);\n\
         require('https').get({ host: '127.0.0.1', port, servername, headers: { host: servername } }, answer => {\n\
           answer.on('data', chunk => process.stdout.write(chunk));\n\
         }).on('error', error => { console.error(error.code, error.message); process.exit(1); });\n",
    );
    // Node gives constraint violations the code UNSPECIFIED or PERMITTED_VIOLATION, by version.
    judge("node", &["UNSPECIFIED", "PERMITTED_VIOLATION", "permitted subtree"], |host| {
        tool("node", |c| {
            c.env("NODE_EXTRA_CA_CERTS", scene.dir.path().join("roots.pem"))
                .arg(&script)
                .arg(scene.server.address.port().to_string())
                .arg(host)
        })
    });
}

#[test]
fn java() {
    let scene = scene();
    let (store, source) = (scene.dir.path().join("trust.p12"), scene.dir.path().join("Ask.java"));
    let made = tool("keytool", |c| {
        c.args([
            "-importcert",
            "-noprompt",
            "-alias",
            "meter",
            "-storetype",
            "PKCS12",
            "-storepass",
            "changeit",
            "-file",
        ])
        .arg(scene.dir.path().join("roots.pem"))
        .arg("-keystore")
        .arg(&store)
    });
    let Some(made) = made else { return };
    assert!(made.status.success(), "{}", said(&made));
    write(
        &source,
        "import javax.net.ssl.*;\n\
         public class Ask { public static void main(String[] a) throws Exception {\n\
           java.net.Socket tcp = new java.net.Socket(\"127.0.0.1\", Integer.parseInt(a[0]));\n\
           SSLSocketFactory f = (SSLSocketFactory) SSLSocketFactory.getDefault();\n\
           SSLSocket tls = (SSLSocket) f.createSocket(tcp, a[1], tcp.getPort(), true);\n\
           SSLParameters p = tls.getSSLParameters(); p.setEndpointIdentificationAlgorithm(\"HTTPS\"); tls.setSSLParameters(p);\n\
           tls.getOutputStream().write(\"GET / HTTP/1.1\\r\\n\\r\\n\".getBytes());\n\
           System.out.println(new String(tls.getInputStream().readAllBytes()));\n\
         } }\n",
    );
    // Java enforces the intermediate's constraints; the anchor's it ignores.
    judge("java", &["CertPathValidatorException", "name constraints"], |host| {
        tool("java", |c| {
            c.arg(format!("-Djavax.net.ssl.trustStore={}", store.display()))
                .args(["-Djavax.net.ssl.trustStorePassword=changeit"])
                .arg(&source)
                .arg(scene.server.address.port().to_string())
                .arg(host)
        })
    });
}
