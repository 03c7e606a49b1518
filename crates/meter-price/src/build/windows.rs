//! Reads `[[window]]` and `[[holidays]]`.

use super::instant_of;
use super::merge::MergedProvider;
use crate::fault::{FaultKind, Faults};
use crate::instant;
use crate::window::{Holidays, Window, WindowRow};
use crate::written::{HolidaysText, WindowText, Written};
use std::collections::{BTreeMap, BTreeSet};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Every window by name, its rows by `from`.
pub(super) fn windows(provider: &MergedProvider, faults: &mut Faults) -> BTreeMap<String, Window> {
    let holidays: BTreeMap<&str, Option<Holidays>> =
        provider.holidays.iter().map(|(name, text)| (name.as_str(), read_holidays(text, faults))).collect();
    let mut windows: BTreeMap<String, Window> = BTreeMap::new();
    for text in &provider.windows {
        if let Some(row) = read_window(text, &holidays, faults) {
            windows.entry(text.name.value.clone()).or_default().0.push(row);
        }
    }
    for window in windows.values_mut() {
        window.0.sort_by_key(|row| row.from);
    }
    windows
}

fn read_holidays(text: &HolidaysText, faults: &mut Faults) -> Option<Holidays> {
    let mut date = |written: &Written<String>| {
        let read = instant::date(&written.value);
        if read.is_none() {
            faults.push(FaultKind::BadInstant, written.mark, format!("`{}` is no date", written.value));
        }
        read
    };
    let dates: Vec<Option<String>> = text.dates.iter().map(&mut date).collect();
    let covers: Vec<String> = text.covers.iter().filter_map(&mut date).collect();
    let [first, last] = covers.as_slice() else {
        faults.push(FaultKind::BadWindow, text.mark, "`covers` is the first and the last day the list speaks of");
        return None;
    };
    let dates: BTreeSet<String> = dates.into_iter().flatten().collect();
    if first > last || dates.iter().any(|day| day < first || day > last) {
        faults.push(FaultKind::BadWindow, text.mark, "a day lies outside what the list `covers`");
    }
    Some(Holidays { name: text.name.value.clone(), covers: (first.clone(), last.clone()), dates })
}

fn read_window(
    text: &WindowText,
    holidays: &BTreeMap<&str, Option<Holidays>>,
    faults: &mut Faults,
) -> Option<WindowRow> {
    let from = instant_of(&text.from, faults)?;
    let mut utc = Vec::new();
    for range in &text.utc {
        match minutes(&range.value) {
            Some(ranges) => utc.extend(ranges),
            None => {
                faults
                    .push(FaultKind::BadWindow, range.mark, format!("`{}` is no part of a day", range.value))
                    .help("write \"01:00-04:00\"; the end is exclusive and may lie on the next day: \"22:00-02:00\"");
            }
        }
    }
    if utc.is_empty() {
        faults.push(FaultKind::BadWindow, text.mark, "the window has no hours (`utc`)");
    }
    let mut days = BTreeSet::new();
    for day in &text.days {
        match (0u8..).zip(DAYS).find(|(_, name)| *name == day.value) {
            Some((number, _)) => {
                days.insert(number);
            }
            None => {
                let message = format!("`{}` is no day", day.value);
                faults.push(FaultKind::BadWindow, day.mark, message).help(DAYS.join(", "));
            }
        }
    }
    if text.days.is_empty() {
        days = (0..7).collect();
    }
    let zone = match &text.zone {
        None => 0,
        Some(zone) => offset(&zone.value).unwrap_or_else(|| {
            faults
                .push(FaultKind::BadWindow, zone.mark, format!("`{}` is no fixed offset", zone.value))
                .help("write \"+08:00\"; zones with summer time are not supported yet");
            0
        }),
    };
    let not_on = match &text.not_on {
        None => None,
        Some(name) => match holidays.get(name.value.as_str()) {
            Some(list) => list.clone(),
            None => {
                let message = format!("there are no holidays `{}`", name.value);
                faults
                    .push(FaultKind::UnknownHolidays, name.mark, message)
                    .nearest(&name.value, holidays.keys().copied());
                None
            }
        },
    };
    Some(WindowRow { from, utc, days, zone, not_on })
}

/// `01:00-04:00` as minutes of the day; 00:00 as an end is midnight, and one that goes on past it has two parts.
fn minutes(text: &str) -> Option<Vec<(u16, u16)>> {
    let clock = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
        let (hour, minute) = (two(hour)?, two(minute)?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (start, end) = text.split_once('-')?;
    const MIDNIGHT: u16 = 24 * 60;
    match (clock(start.trim())?, clock(end.trim())?) {
        (start, 0) => Some(vec![(start, MIDNIGHT)]),
        (start, end) if start < end => Some(vec![(start, end)]),
        (start, end) if end < start && start < MIDNIGHT => Some(vec![(start, MIDNIGHT), (0, end)]),
        _ => None,
    }
}

/// `+08:00` in minutes.
fn offset(text: &str) -> Option<i32> {
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return matches!(text, "Z" | "UTC").then_some(0),
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i32::from);
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}
