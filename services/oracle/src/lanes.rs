//! Sums and maxima over thousands of numbers. They are done in eight lanes, so that a compiler adds several at once,
//! and in the same order on every machine, so that each machine gets the same bits.

/// Numbers that are worked out side by side.
const LANES: usize = 8;

/// The sum of all numbers.
#[inline(always)]
pub(crate) fn sum(numbers: &[f64]) -> f64 {
    fold(numbers, 0.0, |sum, number| sum + number)
}

/// The highest number; negative infinity if there is none.
#[inline(always)]
pub(crate) fn highest(numbers: &[f64]) -> f64 {
    fold(numbers, f64::NEG_INFINITY, |highest, number| {
        if number > highest { number } else { highest }
    })
}

/// The index of the highest number, the last of equal ones; 0 if there is none.
pub(crate) fn top(numbers: &[f64]) -> usize {
    let highest = highest(numbers);
    let is_highest = |number: &f64| *number == highest;
    // Each row is tested as a whole, because nearly all rows are passed over.
    let has_highest = |row: &[f64; LANES]| {
        row.iter()
            .fold(false, |has, number| has | is_highest(number))
    };
    let (rest, rows) = numbers.as_rchunks::<LANES>();
    let end = match rows.iter().rposition(has_highest) {
        Some(row) => rest.len() + (row + 1) * LANES,
        None => rest.len(),
    };
    numbers[..end].iter().rposition(is_highest).unwrap_or(0)
}

#[inline(always)]
fn fold(numbers: &[f64], neutral: f64, both: impl Fn(f64, f64) -> f64) -> f64 {
    let (rows, rest) = numbers.as_chunks::<LANES>();
    let mut lanes = [neutral; LANES];
    for row in rows {
        for (lane, number) in lanes.iter_mut().zip(row) {
            *lane = both(*lane, *number);
        }
    }
    lanes.iter().chain(rest).copied().fold(neutral, both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_left_out() {
        for count in 0..40 {
            let numbers: Vec<f64> = (1..=count).map(f64::from).collect();
            assert_eq!(sum(&numbers), f64::from(count * (count + 1) / 2));
            let most = if count == 0 {
                f64::NEG_INFINITY
            } else {
                f64::from(count)
            };
            assert_eq!(highest(&numbers), most);
            let falling: Vec<f64> = numbers.iter().rev().copied().collect();
            assert_eq!(highest(&falling), most);
            assert_eq!(top(&numbers), numbers.len().saturating_sub(1));
            assert_eq!(top(&falling), 0);
            assert_eq!(
                top(&vec![1.0; numbers.len()]),
                numbers.len().saturating_sub(1)
            );
        }
    }
}
