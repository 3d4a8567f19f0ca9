//! Checks strings that have to look like something.
//!
//! Not a calendar: `2026-02-31` passes, Google will say so. Invariant: what Google accepts passes;
//! where its documents leave a choice, so do these checks.

use crate::schema::Format;

/// Whether a time has to say how far it is from UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Offset {
    Demanded,
    /// A time zone may stand in a neighbouring field.
    Optional,
}

pub(super) fn check(value: &str, format: Format, offset: Offset) -> Result<(), String> {
    match format {
        Format::Int64 | Format::Uint64 | Format::Int32 | Format::Uint32 => integer(value, format),
        Format::Date if !shaped(value.as_bytes(), b"0000-00-00") => {
            Err("must be a date like 2026-03-29".to_owned())
        }
        Format::DateTime => date_time(value, offset),
        Format::Duration if !duration(value) => {
            Err("must be seconds with an s, like 90s or 1.5s".to_owned())
        }
        Format::Byte if !value.bytes().all(base64_byte) => Err("must be base64".to_owned()),
        _ => Ok(()),
    }
}

pub(super) fn integer(value: &str, format: Format) -> Result<(), String> {
    let number: i128 = value
        .parse()
        .map_err(|_| "must be a whole number".to_owned())?;
    in_range(number, format)
}

pub(super) fn in_range(number: i128, format: Format) -> Result<(), String> {
    let (least, most): (i128, i128) = match format {
        Format::Int32 => (i32::MIN.into(), i32::MAX.into()),
        Format::Uint32 => (0, u32::MAX.into()),
        Format::Uint64 => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    };
    if (least..=most).contains(&number) {
        Ok(())
    } else {
        Err(format!("must be from {least} to {most}"))
    }
}

fn date_time(value: &str, offset: Offset) -> Result<(), String> {
    let bytes = value.as_bytes();
    let (day_and_time, rest) = bytes.split_at(bytes.len().min(19));
    let moment = shaped(day_and_time, b"0000-00-00T00:00:00");
    let fraction = match rest.first() {
        Some(b'.') => {
            1 + rest
                .iter()
                .skip(1)
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        }
        _ => 0,
    };
    let zone = rest.get(fraction..).unwrap_or_default();
    let zone_fits = match zone {
        [] => offset == Offset::Optional,
        [b'Z' | b'z'] => true,
        [b'+' | b'-', clock @ ..] => shaped(clock, b"00:00"),
        _ => false,
    };
    if moment && fraction != 1 && zone_fits {
        return Ok(());
    }
    Err(match offset {
        Offset::Demanded => {
            "must be a time with its distance from UTC, like 2026-03-29T09:30:00+02:00 or \
             2026-03-29T07:30:00Z"
        }
        Offset::Optional => "must be a time like 2026-03-29T09:30:00+02:00",
    }
    .to_owned())
}

fn duration(value: &str) -> bool {
    let Some(number) = value.strip_suffix('s') else {
        return false;
    };
    let number = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    [whole, fraction]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Either alphabet; line breaks are common in mail and harmless.
fn base64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n')
}

/// Whether digits stand where the shape has `0`, and everything else is the same.
fn shaped(value: &[u8], shape: &[u8]) -> bool {
    value.len() == shape.len()
        && value
            .iter()
            .zip(shape)
            .all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't'),
                _ => byte == expected,
            })
}
