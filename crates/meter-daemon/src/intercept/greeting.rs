//! What an origin may say before a client has spoken.

/// Longest greeting that is kept. SETTINGS of ten parameters and a window are less than a hundred bytes.
pub(super) const BYTES_MAX: usize = 4096;

/// Frame types of RFC 9113, 7838 and 8336.
const SETTINGS: u8 = 0x4;
const WINDOW_UPDATE: u8 = 0x8;
const ALTSVC: u8 = 0xa;
const ORIGIN: u8 = 0xc;
const ACK: u8 = 0x1;
const HEADER_LEN: usize = 9;

/// Whether `said`, perhaps not whole, is no more than the greeting of `protocol`: nothing in HTTP/1, where a server that
/// speaks unasked is about to close (408), and in HTTP/2 its SETTINGS (RFC 9113 section 3.4) with what describes the
/// connection as a whole.
pub(super) fn is_greeting(protocol: Option<&[u8]>, said: &[u8]) -> bool {
    if protocol != Some(b"h2") {
        return said.is_empty();
    }
    if said.len() > BYTES_MAX {
        return false;
    }
    let (mut rest, mut first) = (said, true);
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_LEN>() {
        let &[a, b, c, kind, flags, stream @ ..] = header;
        let about_the_connection = u32::from_be_bytes(stream) & 0x7fff_ffff == 0;
        let fits = match kind {
            SETTINGS => flags & ACK == 0,
            WINDOW_UPDATE | ALTSVC | ORIGIN => !first,
            _ => false,
        };
        if !about_the_connection || !fits {
            return false;
        }
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let Some(next) = after.get(length..) else { return true };
        (rest, first) = (next, false);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    #[test]
    fn a_greeting_of_http_2_is_its_settings_however_much_of_it_has_come() {
        let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
        let greeting = [settings.clone(), frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]), frame(ORIGIN, 0, 0, b"")].concat();
        for end in 0..=greeting.len() {
            assert!(is_greeting(Some(b"h2"), &greeting[..end]), "{end} bytes");
        }
        for (what, after) in [
            ("GOAWAY", frame(7, 0, 0, &[0; 8])),
            ("PING", frame(6, 0, 0, &[0; 8])),
            ("an acknowledgement of what nobody said", frame(SETTINGS, ACK, 0, b"")),
            ("a stream's window", frame(WINDOW_UPDATE, 0, 1, &[0, 1, 0, 0])),
        ] {
            assert!(!is_greeting(Some(b"h2"), &[settings.clone(), after].concat()), "{what}");
        }
        assert!(!is_greeting(Some(b"h2"), &frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0])));
        assert!(!is_greeting(Some(b"h2"), b"HTTP/1.1 400 "));
    }

    #[test]
    fn http_1_begins_with_the_client() {
        for protocol in [None, Some(&b"http/1.1"[..])] {
            assert!(is_greeting(protocol, b""));
            assert!(!is_greeting(protocol, b"H"));
        }
    }

    #[test]
    fn it_has_an_end() {
        let endless = frame(SETTINGS, 0, 0, &[0; 240]).repeat(20);
        assert!(!is_greeting(Some(b"h2"), &endless));
    }
}
