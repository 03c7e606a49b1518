//! What the keychains of macOS trust for TLS servers.
//!
//! Asked of the system itself: the library that usually does this prefers a file that `SSL_CERT_FILE` names, and that
//! variable is often set for our own clients. Type-checked and linked, but has not run on a Mac.

use rustls::pki_types::CertificateDer;
use security_framework::{
    base::Error,
    trust_settings::{Domain, TrustSettings, TrustSettingsForCertificate},
};
use std::collections::BTreeMap;

/// Every certificate that is trusted as a root.
///
/// What the user decided stands before what an administrator did, and that before Apple's own list: a root that is
/// denied there is not trusted here.
///
/// # Errors
/// A list that could not be read. Without the user's, a root that was denied might be trusted.
pub(crate) fn roots() -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut decided = BTreeMap::new();
    for domain in [Domain::User, Domain::Admin, Domain::System] {
        let settings = TrustSettings::new(domain);
        for certificate in settings.iter()? {
            let trusted = match settings.tls_trust_settings_for_certificate(&certificate) {
                // Without a setting of its own for TLS it is trusted for everything.
                Ok(None) => true,
                Ok(Some(found)) => {
                    matches!(found, TrustSettingsForCertificate::TrustRoot | TrustSettingsForCertificate::TrustAsRoot)
                }
                Err(error) => {
                    tracing::debug!(%error, ?domain, "upstream.trust_unreadable");
                    false
                }
            };
            decided.entry(certificate.to_der()).or_insert(trusted);
        }
    }
    let trusted = decided.into_iter().filter(|(_, trusted)| *trusted);
    Ok(trusted.map(|(certificate, _)| certificate.into()).collect())
}
