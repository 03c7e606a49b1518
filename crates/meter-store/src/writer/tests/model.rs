//! A random life with random deaths, against a model of what must be in the database.

use super::{Home, LONG};
use crate::{
    journal::files,
    samples,
    writer::{Writer, WriterOptions},
};
use meter_call::CallId;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Act {
    Open(u64),
    Close(u64),
    Amend(u64),
    Release(u64),
    Flush,
    /// The process dies; some bytes of a record were already on their way to the file.
    Kill {
        torn: usize,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let call = 0..12_u64;
    let act = prop_oneof![
        6 => call.clone().prop_map(Act::Open),
        6 => call.clone().prop_map(Act::Close),
        1 => call.clone().prop_map(Act::Amend),
        1 => call.prop_map(Act::Release),
        1 => Just(Act::Flush),
        2 => (0..300_usize).prop_map(|torn| Act::Kill { torn }),
    ];
    proptest::collection::vec(act, 1..40)
}

/// What the model expects of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expect {
    Open,
    Lost,
    Closed,
}

fn run_model(acts: &[Act]) {
    let home = Home::new();
    let options = WriterOptions { file_bytes_max: 6000, ..home.options() };
    let mut writer = Writer::start(options.clone()).unwrap();
    let mut model: BTreeMap<u64, Expect> = BTreeMap::new();
    for act in acts {
        let journal = writer.journal();
        match *act {
            Act::Open(call) => {
                journal.open(&samples::opened(call, "acme"));
                model.entry(call).or_insert(Expect::Open);
            }
            Act::Close(call) => {
                journal.close(&samples::closed(call, if call % 2 == 0 { "acme" } else { "misc" }));
                model.insert(call, Expect::Closed);
            }
            Act::Amend(call) => {
                journal.amend(&samples::closed(call, "acme"));
                model.insert(call, Expect::Closed);
            }
            Act::Release(call) => {
                journal.release(samples::id(call));
                if model.get(&call) == Some(&Expect::Open) {
                    model.remove(&call);
                }
            }
            Act::Flush => writer.flush(LONG).unwrap(),
            Act::Kill { torn } => {
                let owner = journal.shared.owner.clone();
                let path = home.journal().join(owner.file_name(journal.shared.status().current));
                drop(journal);
                drop(writer);
                let line = serde_json::to_vec(&crate::Record::Close(Box::new(samples::closed(77, "acme")))).unwrap();
                if torn > 0 && path.exists() {
                    use std::io::Write;
                    files::open_append(&path).unwrap().write_all(&line[..torn]).unwrap();
                }
                for expect in model.values_mut().filter(|expect| **expect == Expect::Open) {
                    *expect = Expect::Lost;
                }
                writer = Writer::start(options.clone()).unwrap();
            }
        }
    }
    writer.stop(LONG).unwrap();
    let last = Writer::start(options).unwrap();
    last.wait_recovered(LONG).unwrap();
    last.stop(LONG).unwrap();
    let wanted: BTreeMap<CallId, (String, bool)> = model
        .into_iter()
        .map(|(call, expect)| match expect {
            Expect::Closed => (samples::id(call), ("success".to_owned(), true)),
            Expect::Open | Expect::Lost => (samples::id(call), ("interrupted".to_owned(), false)),
        })
        .collect();
    assert_eq!(home.rows(), wanted);
    assert_eq!(home.count("SELECT COUNT(*) FROM open_calls"), 0);
    assert_eq!(home.count("SELECT COALESCE(SUM(requests), 0) FROM rollups"), wanted.len() as i64);
    home.check_rollups();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_one_row_wherever_the_process_dies(acts in acts()) {
        run_model(&acts);
    }
}
