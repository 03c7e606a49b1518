//! What the machine's certificate authority cannot vouch for.

use crate::Model;
use meter_diag::{Diagnostic, codes::providers::OUTSIDE_AUTHORITY};

/// A finding for each metered host that no authority of the home covers, by place. `covers` is what the authority says of a
/// name; a home without an authority has nothing to ask, because its first one is made for all hosts.
pub fn outside_authority(model: &Model, covers: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
    let outside = model.hosts.iter().filter(|(name, _)| !covers(name));
    let finding = |(name, place): &(String, meter_diag::Place)| {
        let message = format!("the certificate authority of this home may not vouch for `{name}`");
        Diagnostic::new(OUTSIDE_AUTHORITY, place.clone(), message)
            .help("a further root is made for it; until clients trust that one, the host is tunnelled")
    };
    let mut found: Vec<Diagnostic> = outside.map(finding).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManifestFile, load};

    #[test]
    fn a_host_beyond_the_constraints_is_told_where_it_was_written() {
        let text = "schema = 1\nid = \"acme\"\nhosts = [\"{region}.acme.example\"]\nregion = [\"eu\", \"us\"]\n\
            [[endpoint]]\nid = \"all\"\nmatch = { path = \"/**\" }\nclass = \"observed\"\n";
        let (model, found) = load(&[], &[ManifestFile::new("providers.d/acme.toml", text)]);
        assert!(found.iter().all(|one| one.code.slug() == "service-missing"), "{found:?}");
        let found = outside_authority(&model, |host| host == "eu.acme.example");
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = "providers.d/acme.toml:3:10: warning[HM0420]: \
            the certificate authority of this home may not vouch for `us.acme.example`";
        assert_eq!(said, [expected]);
        assert_eq!(outside_authority(&model, |_| true), []);
    }
}
