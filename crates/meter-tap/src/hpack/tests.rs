//! The decoder against the examples of RFC 7541 and against an encoder that is not ours.

use proptest::prelude::*;

use super::{Decoder, Resized, literal_block};
use crate::{Fields, Unreadable};

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("hex") as u8;
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

fn fields(text: &str) -> Fields {
    let pairs = text.lines().map(str::trim).filter(|line| !line.is_empty());
    pairs
        .map(|line| line.split_once(" = ").expect("a pair"))
        .map(|(n, v)| (n.as_bytes().into(), v.as_bytes().into()))
        .collect()
}

/// Decodes the blocks of one connection in turn.
fn check(table_bytes: u32, blocks: &[(&str, &str)]) {
    let mut decoder = Decoder::default();
    decoder.announce(table_bytes);
    if table_bytes != 4096 {
        // The examples of C.5 and C.6 start with a small table already agreed on.
        let mut resize = Vec::new();
        super::integer::write(table_bytes as usize, 5, 0x20, &mut resize);
        decoder.decode(&resize).expect("a size update");
    }
    for (block, expected) in blocks {
        assert_eq!(decoder.decode(&unhex(block)).expect("a block").fields, fields(expected), "{block}");
    }
}

#[test]
fn field_representations_of_appendix_c2() {
    check(4096, &[("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key = custom-header")]);
    check(4096, &[("040c 2f73 616d 706c 652f 7061 7468", ":path = /sample/path")]);
    check(4096, &[("1008 7061 7373 776f 7264 0673 6563 7265 74", "password = secret")]);
    check(4096, &[("82", ":method = GET")]);
}

const REQUESTS: [&str; 3] = [
    ":method = GET
     :scheme = http
     :path = /
     :authority = www.example.com",
    ":method = GET
     :scheme = http
     :path = /
     :authority = www.example.com
     cache-control = no-cache",
    ":method = GET
     :scheme = https
     :path = /index.html
     :authority = www.example.com
     custom-key = custom-value",
];

#[test]
fn requests_of_appendix_c3_plain() {
    check(
        4096,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0]),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1]),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2]),
        ],
    );
}

#[test]
fn requests_of_appendix_c4_huffman() {
    check(
        4096,
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0]),
            ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1]),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", REQUESTS[2]),
        ],
    );
}

const ANSWERS: [&str; 3] = [
    ":status = 302
     cache-control = private
     date = Mon, 21 Oct 2013 20:13:21 GMT
     location = https://www.example.com",
    ":status = 307
     cache-control = private
     date = Mon, 21 Oct 2013 20:13:21 GMT
     location = https://www.example.com",
    ":status = 200
     cache-control = private
     date = Mon, 21 Oct 2013 20:13:22 GMT
     location = https://www.example.com
     content-encoding = gzip
     set-cookie = foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
];

#[test]
fn answers_of_appendix_c5_plain_with_evictions() {
    check(
        256,
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
                 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                ANSWERS[0],
            ),
            ("4803 3330 37c1 c0bf", ANSWERS[1]),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
                 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
                 3630 303b 2076 6572 7369 6f6e 3d31",
                ANSWERS[2],
            ),
        ],
    );
}

#[test]
fn answers_of_appendix_c6_huffman_with_evictions() {
    check(
        256,
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
                 63c7 8f0b 97c8 e9ae 82ae 43d3",
                ANSWERS[0],
            ),
            ("4883 640e ffc1 c0bf", ANSWERS[1]),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
                 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                ANSWERS[2],
            ),
        ],
    );
}

#[test]
fn another_encoder_with_table_size_changes() {
    let mut decoder = Decoder::default();
    let (mut expected, mut decoded, mut blocks): (Fields, Fields, u32) = (Vec::new(), Vec::new(), 0);
    for line in include_str!("../../tests/hpack_vectors.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] != "field" {
            assert_eq!(decoded, expected, "block {blocks}");
            expected.clear();
            decoded.clear();
        }
        match words[..] {
            ["connection"] => decoder = Decoder::default(),
            ["announce", size] => decoder.announce(size.parse().expect("a size")),
            ["block", hex] => {
                blocks += 1;
                let block = decoder.decode(&unhex(hex)).unwrap_or_else(|fault| panic!("block {blocks}: {fault:?}"));
                decoded = block.fields;
            }
            ["field", name, value] => expected.push((unhex(name).into(), unhex(value).into())),
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
    assert_eq!(decoded, expected);
    assert_eq!(blocks, 24 * 16);
}

#[test]
fn what_changes_the_table_is_told() {
    let mut decoder = Decoder::default();
    let mut changed = |block: &str| decoder.decode(&unhex(block)).expect("a block").changed_table;
    assert!(!changed("82 84"), "static entries");
    assert!(changed("40 01 61 01 62"), "an insertion");
    assert!(!changed("be"), "a reference");
    assert!(!changed("10 01 61 01 62 00 01 61 01 62"), "literals");
    assert!(changed("20"), "a size update");
}

#[test]
fn broken_blocks_are_faults() {
    for block in ["80", "be", "ff ff ff ff 7f", "40 05 61", "00", "3f e2 1f", "00 01 61 81 ff", "7e 01 61"] {
        assert!(Decoder::default().decode(&unhex(block)).is_err(), "{block}");
    }
    let long = [&[0x00, 0x01, b'a', 0x7f, 0x81, 0xff, 0x3f][..], &vec![b'x'; 1 << 20]].concat();
    assert_eq!(Decoder::default().decode(&long), Err(Unreadable("a header list is over the limit")));
}

#[test]
fn the_highest_size_ever_announced_stays_allowed() {
    let mut decoder = Decoder::default();
    decoder.announce(10_000);
    decoder.announce(100);
    assert!(
        decoder
            .decode(&unhex("3f f1 4d"))
            .is_ok_and(|block| block.resized == Some(Resized { smallest: 10_000, last: 10_000 }))
    );
    assert!(decoder.decode(&unhex("3f f2 4d")).is_err());
}

fn any_fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![Just(b":status".to_vec()), Just(b"date".to_vec()), prop::collection::vec(any::<u8>(), 1..9)];
    let field = (name, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(n, v)| (n.into(), v.into()));
    prop::collection::vec(field, 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn literals_are_read_back_and_leave_the_table_alone(
        fields in any_fields(),
        resized in prop::option::of((0usize..4097, 0usize..4097)),
    ) {
        let resized = resized.map(|(one, last)| Resized { smallest: one.min(last), last });
        let block = Decoder::default().decode(&literal_block(&fields, resized)).expect("our own block");
        prop_assert_eq!(block.fields, fields);
        prop_assert_eq!(block.resized, resized);
        prop_assert_eq!(block.changed_table, resized.is_some());
    }

    #[test]
    fn no_block_panics(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6)) {
        let mut decoder = Decoder::default();
        decoder.announce(65_536);
        for block in blocks {
            let _ = decoder.decode(&block);
        }
    }
}
