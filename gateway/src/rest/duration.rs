//! Reads lengths of time in queries.

/// The seconds in a whole number with a unit, s, m, h, d or w, or without one for seconds, such as `90s` or `15m`. `None` for
/// any other text, or if the seconds do not fit.
pub fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    // A sign is not a digit, so `+5` is refused.
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = is_number.then(|| digits.parse::<u64>().ok()).flatten();
    number?.checked_mul(unit)
}
