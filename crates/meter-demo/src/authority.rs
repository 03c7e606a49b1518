//! The demo provider's own certificate authority.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// A throw-away root that signs the demo provider's certificates. Lives in memory only.
pub struct DemoAuthority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    root_pem: String,
}

impl DemoAuthority {
    /// A fresh root.
    ///
    /// # Errors
    /// When the key or the certificate cannot be made.
    pub fn new() -> Result<DemoAuthority, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Halton Meter demo provider root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(DemoAuthority {
            root: certificate.der().clone(),
            root_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The root as PEM, for `[upstream] ca_file`.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root as DER.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// A TLS server configuration for `hosts`, offering `alpn` in that order.
    ///
    /// # Errors
    /// When a name or the key is not usable.
    pub fn server_config(&self, hosts: &[&str], alpn: &[&[u8]]) -> Result<Arc<rustls::ServerConfig>, DemoTlsError> {
        let (chain, key) = self.certificate(hosts)?;
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// A certificate chain and key for `hosts`.
    ///
    /// # Errors
    /// When a name or the key is not usable.
    pub fn certificate(
        &self,
        hosts: &[&str],
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), DemoTlsError> {
        let (leaf, key) = self.leaf(hosts)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((vec![leaf.der().clone(), self.root.clone()], key))
    }

    /// The same as PEM texts, chain and key, for servers that are not written in Rust.
    ///
    /// # Errors
    /// When a name or the key is not usable.
    pub fn certificate_pem(&self, hosts: &[&str]) -> Result<(String, String), DemoTlsError> {
        let (leaf, key) = self.leaf(hosts)?;
        Ok((format!("{}{}", leaf.pem(), self.root_pem), key.serialize_pem()))
    }

    fn leaf(&self, hosts: &[&str]) -> Result<(rcgen::Certificate, KeyPair), DemoTlsError> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages =
            vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok((leaf, key))
    }
}

/// Why the demo provider has no certificate.
#[derive(Debug)]
pub enum DemoTlsError {
    /// The certificate could not be made.
    Certificate(rcgen::Error),
    /// TLS refused it.
    Tls(rustls::Error),
}

impl std::fmt::Display for DemoTlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DemoTlsError::Certificate(_) => f.write_str("cannot make the demo provider's certificate"),
            DemoTlsError::Tls(_) => f.write_str("cannot use the demo provider's certificate"),
        }
    }
}

impl std::error::Error for DemoTlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DemoTlsError::Certificate(error) => Some(error),
            DemoTlsError::Tls(error) => Some(error),
        }
    }
}

impl From<rcgen::Error> for DemoTlsError {
    fn from(error: rcgen::Error) -> Self {
        DemoTlsError::Certificate(error)
    }
}

impl From<rustls::Error> for DemoTlsError {
    fn from(error: rustls::Error) -> Self {
        DemoTlsError::Tls(error)
    }
}
