//! The numbers and dates in the text of a query.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// Whether a text is a JSON number (RFC 8259, section 6) that fits into PostgreSQL's `numeric`: at most 100
/// characters, and an exponent of at most three digits.
pub fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    text.len() <= 100
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent) && exponent.len() <= 3)
}

/// The interval that a date denotes, as its start and its exclusive end: `2018` is a year, `2018-01-01T10:00`
/// a minute. The end is `None` where it is after the year 9999. `None` if the text is no date.
pub fn interval(text: &str) -> Option<(OffsetDateTime, Option<OffsetDateTime>)> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = i32::from(number(parts.next()?, 4)?);
    let (month, day) = (parts.next(), parts.next());
    if year == 0 || parts.next().is_some() {
        return None;
    }
    let month_of = |text: Option<&str>| text.map_or(Some(1), |text| number(text, 2));
    let (month_number, day_number) = (month_of(month)?, month_of(day)?);
    let of = |year, month: u16, day: u16| {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
    };
    let first = of(year, month_number, day_number)?;
    let Some(clock) = clock else {
        let end = match (month, day) {
            (None, _) => of(year + 1, 1, 1),
            (_, None) if month_number == 12 => of(year + 1, 1, 1),
            (_, None) => of(year, month_number + 1, 1),
            _ => first.next_day(),
        };
        let end = end.filter(|end| end.year() <= 9999);
        return Some((first.midnight().assume_utc(), end.map(|end| end.midnight().assume_utc())));
    };
    day?;
    let (clock, offset) = match clock.find(['Z', '+', '-']) {
        Some(at) => (&clock[..at], zone(&clock[at..])?),
        None => (clock, UtcOffset::UTC),
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, parts.next());
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let (milliseconds, length) = match (second, fraction) {
        (None, _) => (0, Duration::minutes(1)),
        (_, None) => (0, Duration::seconds(1)),
        (_, Some(fraction)) => {
            number(fraction.get(..fraction.len().min(4))?, fraction.len().min(4))?;
            let is_valid = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
            let digits = fraction.get(..fraction.len().min(3)).filter(|_| is_valid)?;
            let unit = 10_u16.pow(3 - u32::try_from(digits.len()).ok()?);
            (number(digits, digits.len())? * unit, Duration::milliseconds(unit.into()))
        }
    };
    let part = |part: u16| u8::try_from(part).ok();
    let second = second.map_or(Some(0), |second| number(second, 2))?;
    let time = Time::from_hms_milli(part(hour)?, part(minute)?, part(second)?, milliseconds).ok()?;
    let start = PrimitiveDateTime::new(first, time).assume_offset(offset);
    let in_range = |at: &OffsetDateTime| (1..=9999).contains(&at.year());
    let start = start.checked_to_offset(UtcOffset::UTC).filter(in_range)?;
    Some((start, start.checked_add(length).filter(in_range)))
}

/// A number with exactly this number of digits.
fn number(text: &str, digits: usize) -> Option<u16> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `Z`, `+hh:mm` or `-hh:mm`.
fn zone(text: &str) -> Option<UtcOffset> {
    if text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let part = |text, max| i8::try_from(number(text, 2)?).ok().filter(|part| *part <= max);
    UtcOffset::from_hms(sign * part(hours, 23)?, sign * part(minutes, 59)?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_number_accepts_json_numbers() {
        for good in ["0", "-0", "5", "-5.0", "1e3", "1E-999", "0.10"] {
            assert!(is_number(good), "{good}");
        }
        let long = "1".repeat(101);
        for bad in ["", "-", "01", ".5", "5.", "+5", "1e", "1e1000", "0x1", "١", "1 ", "NaN", long.as_str()]
        {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn interval_has_the_precision_of_its_date() {
        let shown = |text| {
            interval(text).map(|(start, end)| {
                let millis = |at: OffsetDateTime| at.unix_timestamp_nanos() / 1_000_000;
                (millis(start), end.map(|end| millis(end) - millis(start)))
            })
        };
        let day = 86_400_000;
        for (text, start, length) in [
            ("1970", 0, 365 * day),
            ("1970-02", 31 * day, 28 * day),
            ("1970-12", 334 * day, 31 * day),
            ("1970-01-02", day, day),
            ("1970-01-01T00:01", 60_000, 60_000),
            ("1970-01-01T00:00:01Z", 1000, 1000),
            ("1970-01-01T00:00:00.1", 100, 100),
            ("1970-01-01T00:00:00.123456789", 123, 1),
            ("1970-01-01T01:00+01:00", 0, 60_000),
        ] {
            assert_eq!(shown(text), Some((start, Some(length))), "{text}");
        }
        assert!(matches!(interval("9999-12-31"), Some((_, None))));
        for bad in [
            "",
            "0000",
            "1",
            "10000",
            "2018-1",
            "2018-13",
            "2018-02-30",
            "2018-01-01T",
            "2018-01-01T10",
            "2018T10:00",
            "2018-01-01T24:00",
            "2018-01-01T10:00.1",
            "2018-01-01T10:00:00.",
            "2018-01-01T10:00:00.1234567890",
            "2018-01-01T10:00:00+1",
            "2018-01-01Z",
            "2018-01-01T10:00:60",
            "0001-01-01T00:00+01:00",
            "2018-01-01T10:00:00.éa",
        ] {
            assert_eq!(interval(bad), None, "{bad}");
        }
    }
}
