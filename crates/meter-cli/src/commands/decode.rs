//! `decode`: what the meter would read in captured bytes, and what it would cost.

use crate::args::DecodeArgs;
use crate::bill;
use crate::decode::{Captured, Decoded, Sample, decode, differences, named, rows, told};
use crate::failure::Failure;
use crate::show::grouped;
use crate::{open, out};
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_manifest::{Model, bundled};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Reads; 3 when a sample differs from what it expects.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &DecodeArgs) -> Result<u8, Failure> {
    let model = match home() {
        Ok(home) => open::on_disk(&home).1.model,
        // Without a home folder the bundled manifests are all there is.
        Err(_) => meter_manifest::load(&bundled(), &[]).0,
    };
    let at = UnixMillis(jiff::Timestamp::now().as_millisecond());
    if args.sample {
        return samples(&model, args, at);
    }
    let endpoint = args.endpoint.as_deref().unwrap_or_default();
    let fields: Result<Vec<_>, Failure> = args.header.iter().map(|text| header(text)).collect();
    let fields = fields?;
    let mut documents = Vec::new();
    for path in &args.paths {
        let bytes = file(path)?;
        let usage = |message: String| Failure::new(message).with_code(Exit::Usage);
        let route = named(&model, endpoint, args.target.as_deref()).map_err(usage)?;
        let mut captured = Captured::answer(path, bytes, &fields)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        captured.target = args.target.clone().unwrap_or_default();
        if let Some(status) = args.status {
            captured.status = Some(status);
        }
        captured.clean = !args.cut;
        if let Some(request) = &args.request {
            captured.request = file(request)?;
        }
        let decoded = decode(&model, route, &captured, at);
        let rows: Vec<Value> = (0..decoded.readings.len()).map(|row| told(&decoded, row, 1)).collect();
        if args.json {
            documents.push(json!({ "file": path.display().to_string(), "calls": rows }));
        } else {
            out::print(&format!("{}\n{}", out::styled(out::BOLD, path.display()), text(&decoded)))?;
        }
    }
    if args.json {
        out::json(json!({ "files": documents }))?;
    }
    Ok(Exit::Ok.code())
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::because(format!("cannot read {}", path.display()), error))
}

fn header(text: &str) -> Result<crate::decode::Field, Failure> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| Failure::new(format!("`{text}` is no header: write `name: value`")).with_code(Exit::Usage))?;
    Ok((name.trim().to_ascii_lowercase().as_bytes().into(), value.trim().as_bytes().into()))
}

fn samples(model: &Model, args: &DecodeArgs, at: UnixMillis) -> Result<u8, Failure> {
    let mut documents = Vec::new();
    let mut differing = 0;
    // What a shell makes of `samples/*` has files among the folders.
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(|path| args.paths.len() == 1 || !path.is_file());
    for file in files {
        out::say(&format!("{} is no folder: left out", file.display()));
    }
    for folder in &folders {
        let (sample, decoded) = match sample(model, folder, at) {
            Ok(read) => read,
            Err(error) if folders.len() == 1 => return Err(Failure::new(format!("{}: {error}", folder.display()))),
            Err(error) => {
                // The others are read all the same.
                differing += 1;
                out::say(&format!("{}: {error}", folder.display()));
                documents
                    .push(json!({ "sample": folder.file_name().map(|name| name.to_string_lossy()), "error": error }));
                continue;
            }
        };
        let calls = rows(model, &decoded);
        let wrong = differences(&sample.calls, &calls, sample.exchanges.len());
        differing += usize::from(!wrong.is_empty());
        if args.json {
            documents.push(json!({ "sample": sample.name, "calls": calls, "differences": wrong }));
            continue;
        }
        let verdict =
            if wrong.is_empty() { out::styled(out::GOOD, "as expected") } else { out::styled(out::BAD, "differs") };
        out::print(&format!("{}  {verdict}\n", out::styled(out::BOLD, &sample.name)))?;
        out::print(&wrong.iter().map(|line| format!("  {line}\n")).collect::<String>())?;
        if folders.len() == 1 {
            out::print(&decoded.iter().flatten().map(text).collect::<String>())?;
        }
    }
    if args.json {
        out::json(json!({ "samples": documents }))?;
    } else {
        out::say(&format!("{} of {} samples differ", differing, folders.len()));
    }
    Ok(if differing == 0 { Exit::Ok } else { Exit::Found }.code())
}

/// A sample with what its exchanges read as.
fn sample(model: &Model, folder: &Path, at: UnixMillis) -> Result<(Sample, Vec<Option<Decoded>>), String> {
    let sample = Sample::load(folder)?;
    let decoded = sample.exchanges.iter().enumerate().map(|(index, exchange)| {
        let route = exchange.route(model, sample.label(index))?;
        Ok(route.map(|route| decode(model, route, &exchange.captured, at)))
    });
    let decoded = decoded.collect::<Result<Vec<_>, String>>()?;
    Ok((sample, decoded))
}

/// One block for each row: what was read, then the line items.
fn text(decoded: &Decoded) -> String {
    if decoded.readings.is_empty() {
        return format!("  no row: endpoint {} reads nothing here\n", decoded.route.endpoint);
    }
    let rows = decoded.readings.iter().zip(&decoded.records);
    rows.map(|(reading, record)| {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let mut block = format!(
            "  row {}: {} {} · model {} → {} · id {} · {} · usage {} · {}\n",
            reading.turn,
            record.provider,
            record.request_kind,
            word(&reading.model_requested),
            word(&reading.model_answered),
            word(&reading.response_id),
            reading.stream_end.as_str(),
            reading.usage.as_str(),
            record.evidence,
        );
        for flag in &record.usage_flags {
            block.push_str(&format!("  flag {flag}\n"));
        }
        if let Some(error) = &reading.error {
            block.push_str(&format!("  error {} {}\n", error.class.as_str(), word(&error.code)));
        }
        if record.lines.is_empty() {
            let counts = record.usage.iter().map(|(meter, count)| format!("  {} {meter}\n", grouped(count)));
            return block + &counts.collect::<String>();
        }
        block + &bill::table(&record.lines)
    })
    .collect()
}
