//! Protobuf without a schema: segments of a pointer are field numbers.
//!
//! A repeated field alone is its last value; under `*` or a filter it is each of its values, packed or not.

use crate::decimal::Decimal;
use crate::dialect::pointer::{Filter, Segment};
use crate::value::{TEXT_MAX, Value, cut};

#[derive(Clone, Copy)]
enum Field<'a> {
    Whole(u64),
    Bytes(&'a [u8]),
}

/// Every value the pointer names, in order.
pub(crate) fn find<'a>(message: &'a [u8], segments: &[Segment], each: &mut dyn FnMut(Value<&'a str>)) {
    visit(Field::Bytes(message), segments, &mut |field| value(field).into_iter().for_each(&mut *each));
}

/// How many things the pointer names, values or not.
pub(crate) fn count(message: &[u8], segments: &[Segment]) -> usize {
    let mut found = 0;
    visit(Field::Bytes(message), segments, &mut |_| found += 1);
    found
}

fn visit<'a>(field: Field<'a>, segments: &[Segment], each: &mut dyn FnMut(Field<'a>)) {
    let Some((first, rest)) = segments.split_first() else {
        each(field);
        return;
    };
    // `**` has no meaning in numbered fields: nothing there tells a message from bytes.
    let (Segment::Key(key), Field::Bytes(bytes)) = (first, field) else { return };
    let Ok(number) = key.parse::<u64>() else { return };
    if !matches!(rest.first(), Some(Segment::Each | Segment::Where(_))) {
        if let Some(last) = last(bytes, number) {
            visit(last, rest, each);
        }
        return;
    }
    let Some(all) = occurrences(bytes, number) else { return };
    match rest.split_first() {
        Some((Segment::Each, rest)) => {
            let elements = elements(&all, if rest.is_empty() { Inside::Open } else { Inside::Message });
            elements.into_iter().for_each(|element| visit(element, rest, each));
        }
        Some((Segment::Where(filters), rest)) => {
            let numbers = filters.iter().any(|f| f.path.is_empty() && Decimal::literal(&f.text).is_some());
            let elements = elements(&all, if numbers { Inside::Numbers } else { Inside::Message });
            for element in elements.into_iter().filter(|element| filters.iter().all(|f| admits(f, *element))) {
                visit(element, rest, each);
            }
        }
        _ => {}
    }
}

/// What the pointer expects of the elements of a repeated field: nothing on the wire tells packed numbers from bytes.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Message,
    Numbers,
    /// Texts where they read as text, else packed numbers.
    Open,
}

fn elements<'a>(all: &[Field<'a>], inside: Inside) -> Vec<Field<'a>> {
    let printable = |text: &str| text.chars().all(|c| !c.is_control());
    let mut elements = Vec::new();
    for field in all {
        let numbers = match field {
            Field::Bytes(bytes) if inside == Inside::Numbers => packed(bytes),
            Field::Bytes(bytes) if inside == Inside::Open && !std::str::from_utf8(bytes).is_ok_and(printable) => {
                packed(bytes)
            }
            _ => None,
        };
        match numbers {
            Some(numbers) => elements.extend(numbers.into_iter().map(Field::Whole)),
            None => elements.push(*field),
        }
    }
    elements
}

fn packed(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut rest = bytes;
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        numbers.push(varint(&mut rest)?);
    }
    Some(numbers)
}

fn admits(filter: &Filter, element: Field<'_>) -> bool {
    let segments: Vec<Segment> = filter.path.iter().map(|key| Segment::Key(key.clone())).collect();
    let mut last = None;
    visit(element, &segments, &mut |field| last = value(field).or(last));
    last.is_some_and(|value| value.is_spelled(&filter.text) == filter.equal)
}

fn value(field: Field<'_>) -> Option<Value<&str>> {
    match field {
        // int64 and enums are two's complement; uint64 above its range does not occur in counts.
        Field::Whole(number) => Some(Value::Number(Decimal::whole(i128::from(number.cast_signed())))),
        Field::Bytes(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| Value::some(cut(text, TEXT_MAX))),
    }
}

/// The last occurrence of a field; `None` also when the bytes are no message.
fn last(bytes: &[u8], number: u64) -> Option<Field<'_>> {
    let mut rest = bytes;
    let mut last = None;
    while !rest.is_empty() {
        let (found, value) = field(&mut rest)?;
        if found == number && value.is_some() {
            last = value;
        }
    }
    last
}

/// All occurrences of a field; `None` when the bytes are no message.
fn occurrences(bytes: &[u8], number: u64) -> Option<Vec<Field<'_>>> {
    let mut rest = bytes;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (found, value) = field(&mut rest)?;
        if found == number {
            all.extend(value);
        }
    }
    Some(all)
}

/// The next field: its number, and its value unless it is a float of unknown meaning.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<Field<'a>>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Some(Field::Whole(varint(rest)?)),
        1 => take(rest, 8).map(|_| None)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Some(Field::Bytes(take(rest, length)?))
        }
        5 => take(rest, 4).map(|_| None)?,
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: &str) -> Segment {
        Segment::Key(number.into())
    }

    fn is(text: &str) -> Segment {
        Segment::Where(vec![Filter { path: Vec::new(), equal: true, text: text.into() }])
    }

    fn found<'a>(message: &'a [u8], segments: &[Segment]) -> Vec<Value<&'a str>> {
        let mut found = Vec::new();
        find(message, segments, &mut |value| found.push(value));
        found
    }

    #[test]
    fn repeated_fields_packed_or_not() {
        let packed_list = [0x4a, 3, 1, 1, 3];
        let unpacked = [0x48, 1, 0x48, 1, 0x48, 3];
        for message in [&packed_list[..], &unpacked] {
            assert_eq!(count(message, &[key("9"), is("1")]), 2);
            assert_eq!(count(message, &[key("9"), is("3")]), 1);
            assert_eq!(count(message, &[key("9"), Segment::Each]), 3);
        }
        assert_eq!(found(&unpacked, &[key("9")]), [Value::Number(Decimal::whole(3))]);
        assert_eq!(found(&[0x0a, 2, b'h', b'i'], &[key("1")]), [Value::Text("hi")]);
        assert!(found(&[0xff; 20], &[key("1")]).is_empty());
    }
}
