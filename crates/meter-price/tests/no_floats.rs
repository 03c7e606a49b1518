//! Floats for money are refused: neither crate on the path of an amount may name them in code.

use std::path::Path;

fn offences(folder: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += offences(&path, found);
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(&path).expect("a source file");
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            if ["f32", "f64"].iter().any(|float| code.contains(float)) {
                found.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    files
}

#[test]
fn no_float_in_the_code_of_money_and_prices() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["meter-money", "meter-price"] {
        let mut found = Vec::new();
        let files = offences(&crates.join(name).join("src"), &mut found);
        assert!(files > 3, "the sources of {name} are elsewhere");
        assert!(found.is_empty(), "{found:#?}");
    }
}
