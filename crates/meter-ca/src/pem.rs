//! Certificates as PEM text.

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject};

/// One certificate as a PEM block of 64-character lines.
pub(crate) fn encode(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::with_capacity(text.len() + text.len() / 64 + 60);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Every certificate of a PEM text, in order; blocks that are broken or something else are passed over and counted.
pub(crate) fn decode(text: &[u8]) -> (Vec<CertificateDer<'static>>, usize) {
    let mut broken = 0;
    let certificates =
        CertificateDer::pem_slice_iter(text).filter_map(|block| block.inspect_err(|_| broken += 1).ok()).collect();
    (certificates, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_and_broken_blocks_are_counted() {
        let text = format!(
            "words\n{}-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n{}",
            encode(&[7; 100]),
            encode(&[8; 48])
        );
        let (certificates, broken) = decode(text.as_bytes());
        assert_eq!(certificates.iter().map(|c| c.len()).collect::<Vec<_>>(), [100, 48]);
        assert_eq!(broken, 1);
    }
}
