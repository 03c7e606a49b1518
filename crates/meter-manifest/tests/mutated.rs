//! Bundled files with slips in them: ten thousand, and none makes the loader panic or point outside of a file.
//!
//! The slips come from a fixed seed, so that a failure is the same everywhere; it names the case.

use meter_manifest::layers::Kind;
use meter_manifest::{ManifestFile, bundled, load};
use std::panic::{AssertUnwindSafe, catch_unwind};

const CASES: u64 = 10_000;

/// Price lists of hundreds of models say the same over and over: of files above this size one case in two hundred is one.
const LARGE_BYTES: usize = 12_000;

/// xorshift64*: good enough to choose slips, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What may stand where something else stood.
const WORDS: &[&str] = &[
    "",
    "\"\"",
    "''",
    "{}",
    "[]",
    "[[]]",
    "{ a = {} }",
    "true",
    "nan",
    "-0",
    "1e999",
    "0x7fffffffffffffffff",
    "00:00:00",
    "9999-12-31",
    "0000-01-01",
    "2026-02-30",
    "1979-05-27T07:32:00+25:00",
    "99999999999999999999.99999999999999999999",
    "\"{\"",
    "\"{é}\"",
    "\"/**/**\"",
    "\"/a[=\"",
    "\"first(\"",
    "\"((((\"",
    "\"a\\u0000b\"",
    "\"*[\"",
    "'(?'",
    "\"0 / 0\"",
    "\"1 / 0 calls\"",
    "\"request(x)\"",
    "\"\\n\"",
    "\"☃\"",
    "masked = true\n",
    "schema = 9\n",
    "[[endpoint]]\n",
    "[usage]\n",
    "[[model]]\n",
    "extends = \"openai\"\n",
    "like = \"openai/gpt-5\"\n",
    "#",
    "\"",
    "'''",
    "]",
    "}",
    "=",
    ".",
    ",",
    "\r",
    "\t",
    "\u{feff}",
];

/// One to four slips.
fn slipped(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(text.len() + 1);
        match dice.below(8) {
            // A piece is gone, repeated, or overwritten.
            0 => drop(text.drain(at..(at + dice.below(40)).min(text.len()))),
            1 => {
                let piece = text[at..(at + dice.below(80)).min(text.len())].to_vec();
                text.splice(at..at, piece);
            }
            2 => {
                let end = (at + dice.below(12)).min(text.len());
                text.splice(at..end, dice.pick(WORDS).bytes());
            }
            // A value is another one.
            3 => {
                let from = text[at..].iter().position(|byte| *byte == b'=').map_or(at, |found| at + found + 1);
                let to = text[from..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |found| from + found);
                text.splice(from..to, dice.pick(WORDS).bytes());
            }
            // A save that was cut off; a byte of another encoding; two lines change places; a line stands twice.
            4 => text.truncate(at),
            5 if at < text.len() => text[at] = dice.below(256) as u8,
            6 => {
                let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (one, two) = (dice.below(lines.len()), dice.below(lines.len()));
                if !lines.is_empty() {
                    lines.swap(one, two);
                }
                text = lines.concat();
            }
            _ => {
                let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
                let Some(line) = lines.get(dice.below(lines.len())) else { continue };
                let line = line.to_vec();
                text.splice(at..at, line);
            }
        }
    }
    text
}

/// Loads a slipped file over the good one of its name, and looks at what is said.
fn look(case: u64, good: &ManifestFile, beside: &[ManifestFile], dice: &mut Dice) {
    let layer = match Kind::of(&good.path) {
        Some(Kind::Provider) => beside.iter().filter(|file| file.path != good.path).chain([good]).cloned().collect(),
        // Both layers of prices would be read, to the same end.
        Some(Kind::Prices) => Vec::new(),
        _ => vec![good.clone()],
    };
    let slip = ManifestFile::new(good.path.clone(), slipped(&good.text, dice));
    let run = || load(&layer, std::slice::from_ref(&slip)).1;
    let found = catch_unwind(AssertUnwindSafe(run));
    let shown = || String::from_utf8_lossy(&slip.text).into_owned();
    let Ok(found) = found else { panic!("case {case}: {} made the loader panic:\n{}", slip.path, shown()) };
    for finding in &found {
        let place = &finding.place;
        assert!(place.line >= 1 && place.column >= 1 && !finding.message.is_empty(), "case {case}: {finding}");
        let longest = if place.file == slip.path { slip.text.len().max(good.text.len()) } else { usize::MAX };
        assert!(place.span.start <= place.span.end && place.span.end <= longest, "case {case}: {finding}\n{}", shown());
    }
}

#[test]
fn ten_thousand_slips_are_findings_and_never_a_panic() {
    let all = bundled();
    // What the others name, small enough to be read ten thousand times.
    let beside: Vec<ManifestFile> = all
        .iter()
        .filter(|file| matches!(file.path.as_str(), "manifests/dialects/openai_chat.toml" | "providers.d/openai.toml"))
        .cloned()
        .collect();
    let (small, large): (Vec<_>, Vec<_>) =
        all.iter().filter(|file| Kind::of(&file.path).is_some()).partition(|file| file.text.len() <= LARGE_BYTES);
    assert!(small.len() > 30 && !large.is_empty());
    let halves = [0, CASES / 2];
    std::thread::scope(|scope| {
        for start in halves {
            let (small, large, beside) = (&small, &large, &beside);
            scope.spawn(move || {
                for case in start..start + CASES / 2 {
                    // A case is its own number, whichever others ran before it.
                    let mut dice = Dice((case + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let file = if case % 200 == 0 { *dice.pick(large) } else { *dice.pick(small) };
                    look(case, file, beside, &mut dice);
                }
            });
        }
    });
}
